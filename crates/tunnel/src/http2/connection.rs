use super::stream::Stream;
use crate::{
    TunnelError,
    connect::{BODY_LIMIT, Challenges, HEAD_LIMIT, Refusal},
    proxy_target::ProxyTarget,
};
use bytes::{Bytes, BytesMut};
use h2::{RecvStream, client::SendRequest};
use http::{Method, Request, Uri, header::PROXY_AUTHORIZATION};
use skybridge_core::{ConnInfo, Io, Proxy, ProxyRequest, Route};
use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
};

/// The most tunnels of one connection, if the proxy allows so many.
const MAX_TUNNELS: usize = 100;
/// How much of one tunnel, and of all, may lie unread.
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 4 * 1024 * 1024;

/// A connection of HTTP/2 to a proxy. It is closed when the last of its tunnels is dropped.
pub(crate) struct Connection {
    sender: SendRequest<Bytes>,
    /// Tunnels that are open or asked for.
    open: AtomicUsize,
    gone: Arc<AtomicBool>,
    info: ConnInfo,
}

/// One of its tunnels, from before it is asked for until it is dropped.
pub(crate) struct Place(Arc<Connection>);

impl Connection {
    /// The preface. A task drives the connection until all of it is over.
    pub(crate) async fn begin<I: Io>(io: I, info: Box<ConnInfo>) -> Result<Arc<Self>, TunnelError> {
        let mut builder = h2::client::Builder::new();
        builder
            .enable_push(false)
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_header_list_size(HEAD_LIMIT as u32);
        let (sender, driver) = builder.handshake(io).await.map_err(http2)?;
        let gone = Arc::new(AtomicBool::new(false));
        let end = Arc::clone(&gone);
        info.route.ctx().runtime().spawn(Box::pin(async move {
            // Why it ended, each of its streams is told.
            let _ = driver.await;
            end.store(true, Relaxed);
        }));
        Ok(Arc::new(Self { sender, open: AtomicUsize::new(0), gone, info: *info }))
    }

    /// The facts for the tunnel that it was opened for.
    pub(crate) fn first_info(&self) -> Box<ConnInfo> {
        Box::new(self.info.clone())
    }

    /// The facts for a tunnel that joins it.
    pub(crate) fn info(&self, route: &Route) -> Box<ConnInfo> {
        let attempt = route.clone().attempt(self.info.remote.clone());
        Box::new(ConnInfo::new(&attempt, self.info.local_addr, self.info.remote.clone()))
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.gone.load(Relaxed)
    }

    /// Nobody joins it any more. What it carries goes on.
    pub(crate) fn give_up(&self) {
        self.gone.store(true, Relaxed);
    }

    /// A tunnel more, if the proxy allows it.
    pub(crate) fn place(self: &Arc<Self>) -> Option<Place> {
        let most = MAX_TUNNELS.min(self.sender.current_max_send_streams());
        let more = |open: usize| (open < most).then_some(open + 1);
        (!self.is_gone() && self.open.fetch_update(Relaxed, Relaxed, more).is_ok()).then(|| Place(Arc::clone(self)))
    }

    /// Asks for a tunnel. A challenge is answered on another stream.
    async fn tunnel(
        &self,
        place: Place,
        proxy: &Proxy,
        proxy_target: &ProxyTarget,
        challenges: &mut Challenges,
    ) -> Result<Stream<Place>, TunnelError> {
        let asked = ProxyRequest::new(proxy, &Method::CONNECT, proxy_target);
        let authority = Uri::try_from(proxy_target.to_string()).map_err(|_| TunnelError::HostUnsupported)?;
        let mut credentials = challenges.answer.take().or_else(|| asked.authorize(None));
        loop {
            let mut request = Request::new(());
            (*request.method_mut(), *request.uri_mut()) = (Method::CONNECT, authority.clone());
            *request.version_mut() = http::Version::HTTP_2;
            request.headers_mut().extend(credentials.clone().map(|value| (PROXY_AUTHORIZATION, value)));
            let mut sender = self.sender.clone().ready().await.map_err(|error| self.lost(error))?;
            let (answer, send) = sender.send_request(request, false).map_err(|error| self.lost(error))?;
            let (head, body) = answer.await.map_err(|error| self.lost(error))?.into_parts();
            if head.status.is_success() {
                return Ok(Stream::new(send, body, place));
            }
            let refusal = Refusal {
                status: head.status,
                headers: Box::new(head.headers),
                body: BytesMut::new(),
                authorized: credentials.is_some(),
            };
            read_body(body, &mut challenges.refusal.insert(refusal).body).await;
            match challenges.answer_refusal(asked.refused(credentials.as_ref())) {
                Some((answer, _)) => credentials = Some(answer),
                None => return Err(challenges.take_refusal().unwrap_or(TunnelError::Closed)),
            }
        }
    }

    /// A connection that takes no more streams is joined by nobody.
    fn lost(&self, error: h2::Error) -> TunnelError {
        if error.is_go_away() || error.is_io() || !error.is_reset() {
            self.give_up();
        }
        http2(error)
    }
}

/// As much as is kept.
async fn read_body(mut body: RecvStream, kept: &mut BytesMut) {
    while kept.len() < BODY_LIMIT
        && let Some(Ok(data)) = body.data().await
    {
        kept.extend_from_slice(&data[..data.len().min(BODY_LIMIT - kept.len())]);
        let _ = body.flow_control().release_capacity(data.len());
    }
}

fn http2(error: h2::Error) -> TunnelError {
    TunnelError::Http2(error.into())
}

impl Place {
    pub(crate) fn connection(&self) -> &Arc<Connection> {
        &self.0
    }

    /// Asks for the tunnel that it was taken for.
    pub(crate) async fn tunnel(
        self,
        proxy: &Proxy,
        proxy_target: &ProxyTarget,
        challenges: &mut Challenges,
    ) -> Result<Stream<Place>, TunnelError> {
        let connection = Arc::clone(&self.0);
        connection.tunnel(self, proxy, proxy_target, challenges).await
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Relaxed);
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("open", &self.open).field("gone", &self.gone).finish_non_exhaustive()
    }
}
