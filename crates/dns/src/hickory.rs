mod answer;
mod doh_error;
mod doh_url;
mod failure;
mod family;
mod https_records;
mod lookup;
mod message;
mod over_https;
mod records;
mod services;
mod transport;
mod udp;

pub use self::{doh_error::DohError, lookup::HickoryLookup};

use self::{over_https::OverHttps, records::Servers, transport::Transport};
use http::{Request, Response};
use http_body::Body;
use skybridge_core::{BoxError, Query, TlsConnect};
use std::{
    convert::Infallible,
    fmt,
    future::{Ready, ready},
    io,
    net::SocketAddr,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};
use tower_service::Service;

/// Longer than a server takes that asks others, and shorter than a connect's look-up may be.
const TIMEOUT: Duration = Duration::from_secs(10);
/// As the "Resolution Delay" of RFC 8305, section 8.
const HTTPS_DELAY: Duration = Duration::from_millis(50);

/// Asks DNS servers itself, by [hickory](https://docs.rs/hickory-resolver): over UDP, and over TCP where an answer is
/// too long for that; over TLS; or over HTTPS, by a client. With the feature `hickory`.
///
/// AAAA and A records are asked for at once. Each are an [`Answer`](skybridge_core::Answer) with their time to live, as
/// they come: who connects decides which wait for which. When one family has addresses and the other fails, the error
/// ends the stream after the addresses; that it has none is no error.
///
/// Where the HTTPS record is [wanted](Query::https_record), as for `https` origins without a proxy, it is asked for too
/// (RFC 9460), under `_port._https.` where the port isn't 443: aliases are followed (8), and of each service (8, the
/// preferred first) the addresses of its name are given at its port, its address hints until they are there, and what
/// the record says of HTTP versions and of encrypted names. Records that are malformed, need what we don't know or lead
/// to `localhost` are passed over. The addresses of the name itself come last, at its own port. No `http` origin is
/// made an `https` one for its record.
///
/// Unlike [`System`](crate::System), this reads no hosts file, and knows no search domains. Nothing is kept: put a
/// [`CacheLayer`](crate::CacheLayer) over it. `localhost` and names below it are the loopback addresses.
///
/// A query that is dropped is ended. Queries for the same records that overlap share one. At most 256 run at once, and
/// the others wait, in order. They run on the tokio runtime that they are polled in, with its timers for sending again;
/// the time limit of a lookup is by the clock of [`Ctx`](skybridge_core::Ctx).
#[derive(Clone)]
pub struct Hickory {
    servers: Arc<Servers>,
    timeout: Duration,
    https_delay: Duration,
}

impl Hickory {
    /// Asks these servers: the fastest of them first, and two at once. One that isn't there is not waited for, where
    /// the network tells (ICMP).
    ///
    /// # Errors
    /// `InvalidInput` when there are none.
    pub fn new(servers: impl IntoIterator<Item = SocketAddr>) -> io::Result<Self> {
        Ok(Self {
            servers: Arc::new(Servers::new(servers.into_iter().collect(), Transport::default())?),
            timeout: TIMEOUT,
            https_delay: HTTPS_DELAY,
        })
    }

    /// Asks these servers over TLS alone (RFC 7858; the port is 853 by custom), each of which must prove to have the
    /// name beside it, or to be the address. Nothing is sent in cleartext, whatever fails. By whose roots and pins a
    /// server is verified is the connector's: `TlsConfig::tls_connector` gives one, and `TlsLayer::proxy_connector`; it
    /// should offer no ALPN (`TlsConnector::no_alpn`). The handshake counts as part of a query, and may take 5 s.
    ///
    /// # Errors
    /// `InvalidInput` when there are none, a name is none, or an address has two.
    pub fn over_tls<T>(servers: impl IntoIterator<Item = (SocketAddr, Box<str>)>, connector: T) -> io::Result<Self>
    where
        T: TlsConnect<tokio::net::TcpStream> + Sync,
        T::Io: Sync,
    {
        let servers: Vec<_> = servers.into_iter().collect();
        let transport = Transport::over_tls(&servers, connector)?;
        let addrs = servers.into_iter().map(|(addr, _)| addr).collect();
        Ok(Self { servers: Arc::new(Servers::new(addrs, transport)?), timeout: TIMEOUT, https_delay: HTTPS_DELAY })
    }

    /// Asks the server of this URL over HTTPS (RFC 8484), such as `https://dns.test/dns-query`, by a client: each
    /// question is a GET, whose answer may be kept on the way, and whose length doesn't tell the name (RFC 8467). The
    /// messages are hickory's, and all else the client's: by whose roots the server is verified, through which proxies
    /// it is asked, and who is asked for the server's own name. So that resolver is another than this one, and no
    /// question can wait for itself. The client should follow no redirects: they could lead to cleartext.
    ///
    /// An answer counts if its status is a success, its type `application/dns-message`, its length 65,535 bytes at
    /// most, and its question the same; its time to live is what is left after its `Age`. What an alias leads to is in
    /// the answer, or isn't found. Queries that overlap are each sent, unless a [`CacheLayer`](crate::CacheLayer) is
    /// over this. Of why there is no answer, [`DohError`] tells.
    ///
    /// # Errors
    /// `InvalidInput` when the URL is none of `https`, or has credentials or a fragment; `{?dns}` may stand at its end.
    /// A host that isn't ASCII is [converted](skybridge_core::ascii_host) with the feature `idn`, and refused without
    /// it.
    pub fn over_https<S, B>(url: &str, client: S) -> io::Result<Self>
    where
        S: Service<Request<String>, Response = Response<B>, Error: Into<BoxError>, Future: Send>,
        S: Clone + Send + Sync + 'static,
        B: Body<Error: Into<BoxError>> + Send + 'static,
    {
        let servers = Servers::over_https(OverHttps::new(url, client)?);
        Ok(Self { servers: Arc::new(servers), timeout: TIMEOUT, https_delay: HTTPS_DELAY })
    }

    /// How long the records of one family are waited for, from when they are asked for (default: 10 s). A packet that
    /// is lost is sent again after a third of a second.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.timeout = limit;
        self
    }

    /// How long addresses wait for the HTTPS record, where that is wanted, and as long again for those that it leads to
    /// (default: 50 ms; zero: the record isn't asked for). A record that comes later is not used, unless there are no
    /// addresses without: then the addresses end with an error, so that they are not taken for all there are, and a
    /// [`CacheLayer`](crate::CacheLayer) soon asks again.
    pub fn https_delay(mut self, delay: Duration) -> Self {
        self.https_delay = delay;
        self
    }
}

impl Service<Query> for Hickory {
    type Response = HickoryLookup;
    type Error = Infallible;
    type Future = Ready<Result<HickoryLookup, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, query: Query) -> Self::Future {
        self.servers.runs_on(query.ctx.runtime());
        ready(Ok(HickoryLookup::new(query, &self.servers, self.timeout, self.https_delay)))
    }
}

impl fmt::Debug for Hickory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hickory").finish_non_exhaustive()
    }
}
