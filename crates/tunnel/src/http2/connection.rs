use super::stream::Stream;
use crate::{
    TunnelError,
    connect::{BODY_LIMIT, Challenges, HEAD_LIMIT, Refusal, allowed},
    hop::Hop,
    proxy_target::ProxyTarget,
    settings::Settings,
};
use bytes::{Bytes, BytesMut};
use h2::{Reason, RecvStream, SendStream, client::SendRequest};
use http::{HeaderValue, Method, Request, Uri, header::PROXY_AUTHORIZATION, response::Parts};
use skybridge_core::{ConnInfo, Io, ProxyRequest, Route, sync::Mutex};
use std::{
    fmt,
    future::{Future, poll_fn},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
    },
    task::{Context, Poll, Waker},
    time::Duration,
};

/// The most tunnels of one connection, if the proxy allows so many.
const MAX_TUNNELS: usize = 100;
/// How much of one tunnel, and of all, may lie unread.
const STREAM_WINDOW: u32 = 256 * 1024;
const CONNECTION_WINDOW: u32 = 4 * 1024 * 1024;
/// How many streams the proxy allows until its SETTINGS have arrived: a number that it can't announce.
const UNANNOUNCED: usize = usize::MAX - 1;

/// How long a proxy may take to read the last frames, once the last tunnel is gone.
const LINGER: Duration = Duration::from_secs(30);

/// A connection of HTTP/2 to a proxy. It is closed when the last of its tunnels is dropped.
pub(crate) struct Connection {
    sender: SendRequest<Bytes>,
    /// Tunnels that are open or asked for.
    open: AtomicUsize,
    /// How many of those that were asked for were granted, refused or reset.
    answered: AtomicUsize,
    task: Arc<Task>,
    info: ConnInfo,
}

/// What it and the task that drives it tell each other.
#[derive(Debug, Default)]
struct Task {
    /// It takes no more tunnels.
    gone: AtomicBool,
    /// Its last tunnel is gone.
    left: AtomicBool,
    /// Who waits for the proxy's SETTINGS: whoever has opened the connection. The locks are held for no await.
    waits: Mutex<Option<Waker>>,
    /// The task itself. The h2 crate doesn't wake it for the last tunnel while it waits to write.
    driver: Mutex<Option<Waker>>,
}

/// One of its tunnels, from before it is asked for until it is dropped.
pub(crate) struct Place(Arc<Connection>);

impl Connection {
    /// The preface. A task drives the connection until all of it is over.
    pub(crate) async fn begin<I: Io>(io: I, info: Box<ConnInfo>) -> Result<Arc<Self>, TunnelError> {
        let mut builder = h2::client::Builder::new();
        builder
            .enable_push(false)
            .initial_max_send_streams(UNANNOUNCED)
            .initial_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_header_list_size(HEAD_LIMIT as u32);
        let (sender, driver) = builder.handshake(io).await.map_err(http2)?;
        let task = Arc::new(Task::default());
        let tells = Arc::clone(&task);
        let runtime = Arc::clone(info.route.ctx().runtime());
        let clock = Arc::clone(&runtime);
        runtime.spawn(Box::pin(async move {
            let (mut driver, mut announced, mut linger) = (pin!(driver), false, None);
            let mut waker: Option<Waker> = None;
            // Why it ended, each of its streams is told.
            poll_fn(|cx| {
                if !waker.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
                    waker = Some(cx.waker().clone());
                    (*tells.driver.lock()).clone_from(&waker);
                }
                let ended = driver.as_mut().poll(cx).map(drop);
                if !announced && driver.max_concurrent_send_streams() != UNANNOUNCED {
                    announced = true;
                    let waits = tells.waits.lock().take();
                    waits.into_iter().for_each(Waker::wake);
                }
                if ended.is_pending() && tells.left.load(Relaxed) {
                    let linger = linger.get_or_insert_with(|| clock.sleep_until(clock.now() + LINGER));
                    return linger.as_mut().poll(cx);
                }
                ended
            })
            .await;
            tells.gone.store(true, Relaxed);
        }));
        Ok(Arc::new(Self { sender, open: AtomicUsize::new(0), answered: AtomicUsize::new(0), task, info: *info }))
    }

    /// The facts for the tunnel that it was opened for.
    pub(crate) fn first_info(&self) -> Box<ConnInfo> {
        Box::new(self.info.clone())
    }

    /// The facts for a tunnel that joins it.
    pub(crate) fn info(&self, route: &Route) -> Box<ConnInfo> {
        let attempt = route.clone().attempt(self.info.remote.clone());
        let mut info = ConnInfo::new(&attempt, self.info.local_addr, self.info.remote.clone());
        info.proxy_settings = self.info.proxy_settings.clone();
        Box::new(info)
    }

    /// Nobody joins it: it has ended, or TLS with the proxy was spoken by settings that are replaced by now.
    pub(crate) fn is_gone(&self) -> bool {
        self.task.gone.load(Relaxed) || !self.info.proxy_settings.is_current()
    }

    /// How many tunnels were answered so far, whatever the answer.
    pub(crate) fn answered(&self) -> usize {
        self.answered.load(Relaxed)
    }

    /// Whether the proxy's SETTINGS have arrived: it is alive then, and has said how many streams it allows.
    pub(crate) fn poll_announced(&self, cx: &mut Context<'_>) -> Poll<()> {
        let is_announced = || self.sender.current_max_send_streams() != UNANNOUNCED;
        if is_announced() {
            return Poll::Ready(());
        }
        *self.task.waits.lock() = Some(cx.waker().clone());
        // They may have come before the waker was there.
        if is_announced() { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Nobody joins it any more. What it carries goes on.
    pub(crate) fn give_up(&self) {
        self.task.gone.store(true, Relaxed);
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
        hop: Hop<'_>,
        proxy_target: &ProxyTarget,
        settings: &Settings,
        challenges: &mut Challenges,
    ) -> Result<Stream<Place>, TunnelError> {
        let (proxy, partition) = (hop.proxy(), challenges.partition().cloned());
        let asked = ProxyRequest::new(proxy, &Method::CONNECT, proxy_target).for_partition(partition.as_ref());
        let target = proxy_target.to_string();
        let authority = Uri::try_from(&*target).map_err(|_| TunnelError::HostUnsupported)?;
        let target = HeaderValue::try_from(target).map_err(|_| TunnelError::HostUnsupported)?;
        let mut credentials = challenges.answer.take().or_else(|| asked.authorize(None));
        let mut refused_before = None;
        loop {
            let mut request = Request::new(());
            (*request.method_mut(), *request.uri_mut()) = (Method::CONNECT, authority.clone());
            *request.version_mut() = http::Version::HTTP_2;
            *request.headers_mut() = settings.fields(proxy);
            hop.requested(&target, request.headers(), credentials.as_ref(), request.version());
            request.headers_mut().extend(credentials.clone().map(|value| (PROXY_AUTHORIZATION, value)));
            let (head, body, send) = match (self.ask(request).await, refused_before) {
                (Ok(answer), _) => answer,
                // A proxy that challenges and goes away: it takes the answer on a new connection.
                (Err(_), Some(refused)) if self.is_gone() => {
                    challenges.answer = credentials;
                    return Err(refused);
                }
                (Err(error), _) => {
                    let is_refused = error.is_remote() && error.reason() == Some(Reason::REFUSED_STREAM);
                    challenges.refused_stream = is_refused;
                    return Err(http2(error));
                }
            };
            hop.answered(head.status, head.version, &head.headers, None);
            if head.status.is_success() {
                return Ok(Stream::new(send, body, place));
            }
            let refusal = Refusal {
                status: head.status,
                headers: Box::new(head.headers),
                body: BytesMut::new(),
                authorized: credentials.is_some(),
                allowed: allowed(proxy),
            };
            read_body(body, &mut challenges.refusal.insert(refusal).body).await;
            match challenges.answer_refusal(asked.refused(credentials.as_ref())) {
                Some((answer, refused)) => (credentials, refused_before) = (Some(answer), Some(refused)),
                None => return Err(challenges.take_refusal().unwrap_or(TunnelError::Closed)),
            }
        }
    }

    /// One stream. A connection that takes no more of them is joined by nobody.
    async fn ask(&self, request: Request<()>) -> Result<(Parts, RecvStream, SendStream<Bytes>), h2::Error> {
        let asked = async {
            let (answer, send) = self.sender.clone().ready().await?.send_request(request, false)?;
            let answer = answer.await;
            if answer.as_ref().map_or_else(|error| error.is_reset() && error.is_remote(), |_| true) {
                self.answered.fetch_add(1, Relaxed);
            }
            let (head, body) = answer?.into_parts();
            Ok((head, body, send))
        };
        asked.await.inspect_err(|error: &h2::Error| {
            if error.is_go_away() || error.is_io() || !error.is_reset() {
                self.give_up();
            }
        })
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
        hop: Hop<'_>,
        proxy_target: &ProxyTarget,
        settings: &Settings,
        challenges: &mut Challenges,
    ) -> Result<Stream<Place>, TunnelError> {
        let connection = Arc::clone(&self.0);
        connection.tunnel(self, hop, proxy_target, settings, challenges).await
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Relaxed);
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.task.left.store(true, Relaxed);
        let driver = self.task.driver.lock().take();
        driver.into_iter().for_each(Waker::wake);
    }
}

impl fmt::Debug for Connection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("open", &self.open).field("gone", &self.task.gone).finish_non_exhaustive()
    }
}
