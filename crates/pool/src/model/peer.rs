//! What stands below the pool: connects and connections that do what the history says, and whose news may come late.

use super::world::World;
use bytes::Bytes;
use http::{Request, Response};
use http_body::{Body, Frame};
use skybridge_core::{
    BoxError, BoxFuture, Capacity, CloseReason, ConnInfo, ConnectError, Connection, ConnectionStatus, Delivery,
    Endpoint, Endpoints, Error, Failed, Phase, PhaseGuard, Plan, Protocol, Proxy, ProxyKind, ResponseResult, Route,
    Scheme, StatusListener, StatusSender, Target,
};
use skybridge_testkit::fixtures;
use std::{
    future::{Future, poll_fn},
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard},
    task::{Context, Poll, Waker},
};
use tower_service::Service;

pub(super) type Req = Request<Nothing>;

/// A request's body.
#[derive(Debug, Default)]
pub(super) struct Nothing;

impl Body for Nothing {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        Poll::Ready(None)
    }

    fn is_end_stream(&self) -> bool {
        true
    }
}

/// What the pool has asked for.
#[derive(Default)]
pub(super) struct Below {
    /// Requests in cleartext go to a proxy that forwards them.
    pub(super) forwards: bool,
    pub(super) connects: Vec<Arc<Dial>>,
    pub(super) wires: Vec<Arc<Wire>>,
    pub(super) plan_fails: u32,
}

#[derive(Clone)]
pub(super) struct Plans {
    pub(super) below: Arc<Mutex<Below>>,
}

pub(super) struct RoutePlan(Route, Plans);

/// A connect under way.
pub(super) struct Dial {
    pub(super) route: Route,
    state: Mutex<DialState>,
}

#[derive(Default)]
struct DialState {
    result: Option<Result<Handle, ConnectError>>,
    waker: Option<Waker>,
    gone: bool,
}

pub(super) struct Dialling(Arc<Dial>);

impl Service<Target> for Plans {
    type Response = RoutePlan;
    type Error = ConnectError;
    type Future = BoxFuture<Result<RoutePlan, ConnectError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        let mut below = self.below.lock().unwrap();
        if below.plan_fails > 0 {
            below.plan_fails -= 1;
            return Poll::Ready(Err(ConnectError::new(Phase::Resolve, "the planner is not ready")));
        }
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, target: Target) -> Self::Future {
        let plans = self.clone();
        Box::pin(async move {
            let mut waited = false;
            poll_fn(|cx| {
                cx.waker().wake_by_ref();
                if std::mem::replace(&mut waited, true) { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
            let at = fixtures::endpoint(&format!("192.0.2.1:{}", target.origin().port()));
            let mut route = Route::direct(target, Endpoints::fixed([at]));
            if plans.below.lock().unwrap().forwards && route.target.origin().scheme() == Scheme::Http {
                route.proxies = [Proxy::new(ProxyKind::Http, "192.0.2.1", 80)].into();
            }
            Ok(RoutePlan(route, plans))
        })
    }
}

impl Plan for RoutePlan {
    type Connection = Handle;
    type Connecting = Dialling;

    fn route(&self) -> &Route {
        &self.0
    }

    fn connect(self) -> Dialling {
        let dial = Arc::new(Dial { route: self.0, state: Mutex::default() });
        self.1.below.lock().unwrap().connects.push(Arc::clone(&dial));
        Dialling(dial)
    }
}

impl Dial {
    pub(super) fn socket(&self) {
        let ctx = self.route.ctx();
        let attempt = ctx.attempt_log().begin("direct", endpoint(&self.route), ctx.runtime().now());
        let _ = PhaseGuard::begin(ctx, Phase::Tcp, Some(attempt)).done();
    }

    pub(super) fn is_gone(&self) -> bool {
        self.state.lock().unwrap().gone
    }

    pub(super) fn answer(&self, result: Result<Handle, ConnectError>) {
        let waker = {
            let mut state = self.state.lock().unwrap();
            state.result = Some(result);
            state.waker.take()
        };
        waker.into_iter().for_each(Waker::wake);
    }
}

impl Future for Dialling {
    type Output = Result<Handle, ConnectError>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut state = self.0.state.lock().unwrap();
        match state.result.take() {
            Some(result) => Poll::Ready(result),
            None => {
                state.waker = Some(cx.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Drop for Dialling {
    fn drop(&mut self) {
        let unused = {
            let mut state = self.0.state.lock().unwrap();
            state.gone = true;
            state.result.take()
        };
        drop(unused);
    }
}

fn endpoint(route: &Route) -> Endpoint {
    route.endpoints.snapshot().remove(0)
}

/// One connection.
pub(super) struct Wire {
    pub(super) world: World,
    pub(super) info: Arc<ConnInfo>,
    pub(super) exclusive: bool,
    /// An exclusive one reads what is missing of a response that was dropped; otherwise it closes.
    drains: bool,
    /// Its driver reports its end later, not while its last handle is dropped.
    late: bool,
    status: StatusSender,
    state: Mutex<WireState>,
}

pub(super) struct WireState {
    pub(super) capacity: Capacity,
    pub(super) guess: u32,
    /// The most room it had since everything last came to rest: what was granted then may start now.
    pub(super) granted: u32,
    pub(super) over: bool,
    pub(super) closed: bool,
    pub(super) handles: usize,
    pub(super) unreported: Option<ConnectionStatus>,
    pub(super) running: Vec<Arc<Mutex<Run>>>,
}

/// One exchange.
#[derive(Default)]
pub(super) struct Run {
    pub(super) answer: Option<Answer>,
    pub(super) answered: bool,
    pub(super) request_over: bool,
    pub(super) response: Ending,
    pub(super) cancelled: bool,
    /// The response was dropped before its end, and the connection reads on.
    unread: bool,
    request: Option<Req>,
    wakers: Vec<Waker>,
}

#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) enum Ending {
    #[default]
    Running,
    Over,
    Broken,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Answer {
    Head(u16),
    Fail(Delivery),
    GiveBack,
}

impl Run {
    pub(super) fn change(run: &Mutex<Self>, change: impl FnOnce(&mut Self)) {
        let wakers = {
            let mut run = run.lock().unwrap();
            change(&mut run);
            std::mem::take(&mut run.wakers)
        };
        wakers.into_iter().for_each(Waker::wake);
    }

    fn is_over(&self) -> bool {
        self.cancelled || self.request_over && self.response != Ending::Running
    }
}

impl WireState {
    fn room_now(&self) -> u32 {
        if let Capacity::Streams(capacity) = self.capacity { capacity } else { self.guess }
    }
}

impl Wire {
    pub(super) fn new(
        world: &World,
        route: &Route,
        protocol: Protocol,
        capacity: Capacity,
        guess: u32,
        [late, drains]: [bool; 2],
    ) -> (Arc<Self>, Handle) {
        let at = endpoint(route);
        let mut info = ConnInfo::new(&route.attempt(at.clone()), None, at);
        (info.forwarded, info.proxies_passed) = (route.is_forwarded(), route.proxies.len());
        if route.target.origin().scheme() == Scheme::Https {
            info.tls = Some(fixtures::tls(Some(protocol), ["c.test", "d.test"]));
        }
        let info = info.freeze(protocol);
        let state = WireState {
            capacity,
            guess,
            granted: 0,
            over: false,
            closed: false,
            handles: 1,
            unreported: None,
            running: Vec::new(),
        };
        let wire = Arc::new(Self {
            world: world.clone(),
            info: Arc::clone(&info),
            exclusive: protocol == Protocol::Http1,
            drains,
            late,
            status: StatusSender::new(),
            state: Mutex::new(state),
        });
        (Arc::clone(&wire), Handle { wire, info, run: None })
    }

    pub(super) fn state(&self) -> MutexGuard<'_, WireState> {
        self.state.lock().unwrap()
    }

    /// Whether its socket is open: one that says that it is closed has none, whoever still has a handle.
    pub(super) fn is_open(&self) -> bool {
        let state = self.state();
        state.handles > 0 && !state.closed && !state.over
    }

    pub(super) fn set_capacity(&self, capacity: u32) {
        {
            let mut state = self.state();
            state.granted = state.granted.max(state.room_now());
            state.capacity = Capacity::Streams(capacity);
        }
        self.status.report(ConnectionStatus::Capacity(capacity));
    }

    pub(super) fn end(&self, status: ConnectionStatus) {
        let running = {
            let mut state = self.state();
            state.over = true;
            state.closed = matches!(status, ConnectionStatus::Closed(_));
            state.capacity = Capacity::None;
            state.running.clone()
        };
        self.status.report(status);
        if matches!(status, ConnectionStatus::Closed(_)) {
            for run in running {
                Run::change(&run, |run| {
                    run.answer = run.answer.or(Some(Answer::Fail(Delivery::Unknown)));
                    run.response = if run.response == Ending::Running { Ending::Broken } else { run.response };
                    run.request_over = true;
                });
            }
        }
    }

    pub(super) fn report_late(&self) {
        let unreported = self.state().unreported.take();
        unreported.into_iter().for_each(|status| self.status.report(status));
    }

    fn closes(&self, reason: CloseReason) {
        self.state().over = true;
        let status = ConnectionStatus::Closed(reason);
        if self.late {
            self.state().unreported.get_or_insert(status);
        } else {
            self.status.report(status);
        }
    }

    fn settle(&self) {
        self.state().running.retain(|run| !run.lock().unwrap().is_over());
    }

    pub(super) fn running(&self) -> usize {
        self.settle();
        self.state().running.len()
    }
}

/// What the pool holds.
pub(super) struct Handle {
    wire: Arc<Wire>,
    info: Arc<ConnInfo>,
    run: Option<Arc<Mutex<Run>>>,
}

impl Connection<Nothing> for Handle {
    type Body = Arriving;

    fn info(&self) -> &Arc<ConnInfo> {
        &self.info
    }

    fn forward_to(&mut self, info: &Arc<ConnInfo>) -> bool {
        self.wire.world.unlocked();
        // Some stay with their origin.
        if !self.wire.drains {
            assert!(self.run.as_ref().is_none_or(|run| run.lock().unwrap().is_over()), "taken while it is used");
            self.info = Arc::clone(info);
        }
        !self.wire.drains
    }

    fn capacity(&self) -> Capacity {
        self.wire.state().capacity
    }

    fn share(&self) -> Option<Self> {
        if self.wire.exclusive {
            return None;
        }
        self.wire.state().handles += 1;
        Some(Self { wire: Arc::clone(&self.wire), info: Arc::clone(&self.info), run: None })
    }

    fn subscribe(&self, subscribe: Arc<dyn StatusListener>) {
        self.wire.world.unlocked();
        self.wire.status.subscribe(subscribe);
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.wire.world.unlocked();
        if self.wire.state().over {
            return Poll::Ready(Err(Error::new(Delivery::Unsent, Phase::Acquire, "it is over")));
        }
        if let Some(run) = &self.run {
            let mut run = run.lock().unwrap();
            if !run.is_over() {
                run.wakers.push(cx.waker().clone());
                return Poll::Pending;
            }
            let broken = run.unread && run.response == Ending::Broken;
            drop(run);
            if broken {
                self.wire.closes(CloseReason::Protocol);
                return Poll::Ready(Err(Error::new(Delivery::Unsent, Phase::Acquire, "it broke while nobody read")));
            }
        }
        self.run = None;
        Poll::Ready(Ok(()))
    }

    fn is_sent(&self) -> bool {
        self.run.as_ref().is_none_or(|run| run.lock().unwrap().request_over)
    }

    fn start(&mut self, request: Req) {
        let running = self.wire.running();
        let mut state = self.wire.state();
        assert!(!state.over, "started on a connection that is over");
        let capacity = if self.wire.exclusive { 1 } else { state.room_now().max(state.granted) };
        assert!(running < capacity as usize, "{running} streams run already, and there is room for {capacity}");
        let run = Arc::new(Mutex::new(Run { request: Some(request), ..Run::default() }));
        state.running.push(Arc::clone(&run));
        self.run = Some(run);
    }

    fn poll_response(&mut self, cx: &mut Context<'_>) -> Poll<ResponseResult<Nothing, Arriving>> {
        let run = self.run.clone().expect("it was started");
        let mut state = run.lock().unwrap();
        let Some(answer) = state.answer else {
            state.wakers.push(cx.waker().clone());
            return Poll::Pending;
        };
        state.answered = true;
        Poll::Ready(match answer {
            Answer::Head(status) => {
                drop(state);
                let mut response = Response::new(Arriving { wire: Arc::clone(&self.wire), run });
                *response.status_mut() = http::StatusCode::from_u16(status).unwrap();
                Ok(response)
            }
            Answer::Fail(delivery) => {
                (state.request_over, state.response) = (true, Ending::Broken);
                Err(Failed::lost(Error::new(delivery, Phase::Wait, "it failed")))
            }
            Answer::GiveBack => {
                (state.request_over, state.response) = (true, Ending::Broken);
                let error = Error::new(Delivery::Unsent, Phase::Send, "it comes back");
                Err(Failed::with(error, state.request.take().expect("it was started with one")))
            }
        })
    }
}

impl Drop for Handle {
    fn drop(&mut self) {
        self.wire.world.unlocked();
        if let Some(run) = &self.run
            && !run.lock().unwrap().is_over()
        {
            Run::change(run, |run| run.cancelled = true);
            if self.wire.exclusive {
                self.wire.closes(CloseReason::Unread);
            }
        }
        let last = {
            let mut state = self.wire.state();
            state.handles -= 1;
            state.handles == 0
        };
        if last {
            self.wire.closes(CloseReason::Shutdown);
        }
    }
}

/// A response's body.
pub(super) struct Arriving {
    wire: Arc<Wire>,
    run: Arc<Mutex<Run>>,
}

impl Body for Arriving {
    type Data = Bytes;
    type Error = BoxError;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, BoxError>>> {
        let mut run = self.run.lock().unwrap();
        match run.response {
            Ending::Over => Poll::Ready(None),
            Ending::Broken => Poll::Ready(Some(Err("it broke".into()))),
            Ending::Running if run.cancelled => Poll::Ready(Some(Err("its handle was dropped".into()))),
            Ending::Running => {
                run.wakers.push(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.run.lock().unwrap().response == Ending::Over
    }
}

impl Drop for Arriving {
    fn drop(&mut self) {
        let run = self.run.lock().unwrap();
        let (cut, cancelled) = (run.response == Ending::Running, run.cancelled);
        drop(run);
        if cut && self.wire.drains && !cancelled {
            Run::change(&self.run, |run| run.unread = true);
        } else if cut {
            Run::change(&self.run, |run| run.cancelled = true);
            if self.wire.exclusive {
                self.wire.closes(CloseReason::Unread);
            }
        }
    }
}
