use super::{
    Body, Exchange,
    slot::{Held, Shared, Slot},
};
use http::Request;
use skybridge_core::{
    Capacity, CloseReason, ConnInfo, ConnectionStatus, Delivery, Error, Failed, Phase, ResponseResult, StatusListener,
};
use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use tokio::sync::oneshot;

/// A handle to a fake connection, as the pool holds it, controlled by its [`Peer`](super::Peer).
/// It panics when it is started without having been ready.
pub struct Connection<B> {
    shared: Arc<Shared<B>>,
    info: Arc<ConnInfo>,
    slot: Arc<Slot>,
    ready: bool,
    answer: Option<oneshot::Receiver<ResponseResult<B, Body>>>,
}

// === impl Connection ===

impl<B> Connection<B> {
    pub(super) fn new(shared: Arc<Shared<B>>) -> Self {
        shared.state().handles += 1;
        Self { info: Arc::clone(&shared.info), shared, slot: Arc::default(), ready: false, answer: None }
    }
}

impl<B: Send + 'static> skybridge_core::Connection<B> for Connection<B> {
    type Body = Body;

    fn info(&self) -> &Arc<ConnInfo> {
        &self.info
    }

    fn forward_to(&mut self, info: &Arc<ConnInfo>) -> bool {
        let stays = self.shared.stays || !self.shared.exclusive;
        if !stays {
            self.info = Arc::clone(info);
        }
        !stays
    }

    fn capacity(&self) -> Capacity {
        self.shared.state().capacity
    }

    fn share(&self) -> Option<Self> {
        (!self.shared.exclusive).then(|| Self::new(Arc::clone(&self.shared)))
    }

    fn subscribe(&self, subscribe: Arc<dyn StatusListener>) {
        self.shared.status.subscribe(subscribe);
    }

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        self.slot.read_on(&self.shared, cx);
        let mut state = self.shared.state();
        if let Some(status) = state.over {
            let what = format!("{status:?}");
            return Poll::Ready(Err(self.shared.error(Delivery::Unsent, Phase::Acquire, &what)));
        }
        if state.held.is_some() || self.slot.is_busy() {
            state.wait(cx.waker());
            return Poll::Pending;
        }
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn is_sent(&self) -> bool {
        self.shared.state().held != Some(Held::Request)
    }

    fn suspect(&self) {
        if !self.shared.exclusive {
            self.shared.status.report(ConnectionStatus::Suspect);
        }
    }

    fn start(&mut self, request: Request<B>) {
        assert!(std::mem::take(&mut self.ready), "started without having been ready");
        let (answer, receiver) = oneshot::channel();
        self.answer = Some(receiver);
        // A handle that was cancelled before starts anew: its old body must not see this exchange.
        self.slot = Arc::default();
        self.slot.begin(&self.shared);
        let exchange = Exchange { request, shared: Arc::clone(&self.shared), slot: Arc::clone(&self.slot), answer };
        let (over, answers_all) = {
            let state = self.shared.state();
            (state.over.is_some(), state.answers_all)
        };
        if over {
            exchange.return_request(Delivery::Unsent);
        } else if answers_all {
            exchange.respond(200, "");
        } else {
            self.shared.exchanges.push(exchange);
        }
    }

    fn poll_response(&mut self, cx: &mut Context<'_>) -> Poll<ResponseResult<B, Body>> {
        let answer = self.answer.as_mut().unwrap_or_else(|| panic!("asked for a response without a request"));
        let answered = std::task::ready!(Pin::new(answer).poll(cx));
        self.answer = None;
        Poll::Ready(answered.unwrap_or_else(|_| {
            self.slot.finish(&self.shared);
            Err(Failed::lost(self.shared.error(Delivery::Unknown, Phase::Wait, "the test dropped this exchange")))
        }))
    }
}

impl<B> Drop for Connection<B> {
    fn drop(&mut self) {
        if self.slot.cancel(&self.shared) {
            self.shared.cut();
        }
        let last = self.shared.change(|state| {
            state.handles -= 1;
            state.handles == 0
        });
        if last {
            self.shared.end(ConnectionStatus::Closed(CloseReason::Shutdown));
            self.shared.dropped.notify_waiters();
        }
    }
}

impl<B> fmt::Debug for Connection<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connection").field("id", &self.shared.info.id).finish_non_exhaustive()
    }
}
