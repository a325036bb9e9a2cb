//! Keys, targets, endpoints, routes and TLS facts for tests, made from text.
//!
//! ```
//! use skybridge_testkit::{executor::Executor, fixtures};
//!
//! # #[tokio::main(flavor = "current_thread", start_paused = true)]
//! # async fn main() {
//! let executor = Executor::new();
//! let route = fixtures::route("http://a.test:8080", ["192.0.2.1:8080"], executor.ctx());
//! assert_eq!(route.target.origin().authority(), "a.test:8080");
//! assert_eq!(route.endpoints.snapshot(), [fixtures::endpoint("192.0.2.1:8080")]);
//! # }
//! ```

use skybridge_core::{
    CertificateScope, ConnectOptions, Ctx, Endpoint, Endpoints, Key, Origin, OriginRef, Protocol, Route, Target,
    TlsInfo, Trust,
};
use std::{net::SocketAddr, sync::Arc};

/// The key of a URL, with default options.
///
/// # Panics
/// When the URL has no valid origin.
pub fn key(url: &str) -> Key {
    let uri = url.parse().unwrap_or_else(|error| panic!("{url}: {error}"));
    let origin = OriginRef::of(&uri).and_then(OriginRef::to_owned);
    Key::new(origin.unwrap_or_else(|error| panic!("{url}: {error}")), ConnectOptions::default())
}

/// The target of a URL, with default options.
///
/// # Panics
/// When the URL has no valid origin.
pub fn target(url: &str, ctx: Ctx) -> Target {
    Target::new(key(url), ctx)
}

/// An Internet endpoint, such as `192.0.2.1:80`.
///
/// # Panics
/// When the text is not a socket address.
pub fn endpoint(addr: &str) -> Endpoint {
    let addr: SocketAddr = addr.parse().unwrap_or_else(|error| panic!("{addr}: {error}"));
    addr.into()
}

/// A direct route to the origin of a URL, by these endpoints.
///
/// # Panics
/// When the URL or an endpoint is invalid.
pub fn route<'a>(url: &str, endpoints: impl IntoIterator<Item = &'a str>, ctx: Ctx) -> Route {
    Route::direct(target(url, ctx), Endpoints::fixed(endpoints.into_iter().map(endpoint)))
}

/// The facts of a verified TLS connection with this ALPN protocol and a certificate for these hosts.
pub fn tls<'a>(alpn: Option<Protocol>, hosts: impl IntoIterator<Item = &'a str>) -> TlsInfo {
    let hosts = hosts.into_iter().map(str::to_owned).collect();
    let mut tls = TlsInfo::new(Arc::new(Named { hosts }));
    tls.trust = Trust::Verified;
    tls.alpn = alpn;
    tls
}

/// A certificate that names these hosts.
struct Named {
    hosts: Vec<String>,
}

impl CertificateScope for Named {
    fn covers(&self, origin: &Origin) -> bool {
        self.hosts.iter().any(|host| host == origin.host())
    }
}
