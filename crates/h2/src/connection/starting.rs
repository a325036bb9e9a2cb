//! How a request is started on a connection.

use super::{Exchange, Http2};
use crate::{forwarded::ToProxy, head, upload::Upload, watched_streams::StreamOf};
use h2::ext::Protocol;
use http::{Method, Request};
use http_body::{Body, SizeHint};
use skybridge_core::{
    BodyLength, BoxError, Capacity, CloseReason, ConnectProtocol, ConnectionStatus, Delivery, Failed, OnInformational,
    Phase, Replays, RequestError,
};

const NOT_ALLOWED: RequestError =
    RequestError::ExtendedConnect("the peer's SETTINGS don't allow it (SETTINGS_ENABLE_CONNECT_PROTOCOL)");

impl<B> Http2<B>
where
    B: Body<Data: Send, Error: Into<BoxError>> + Send + 'static,
{
    #[inline]
    fn begin(&mut self, from: &mut Option<Request<B>>) -> Result<(), Failed<Request<B>>> {
        let Some(request) = from else { return Ok(()) };
        // Before the request is saved, which takes its extensions.
        let watched = self.shared.wire.watch().map(|_| Box::new(StreamOf::request(request.extensions())));
        let interim = request.extensions().get::<OnInformational>().map(|on| Box::new((on.clone(), 0)));
        let protocol = ConnectProtocol::of(request).map(|protocol| Protocol::from(protocol.as_str()));
        let (ended, is_stream) = (request.body().is_end_stream(), protocol.is_some());
        let is_head = *request.method() == Method::HEAD;
        let size = match (ended, is_stream) {
            (true, _) => SizeHint::with_exact(0),
            // What goes through a stream is no content (RFC 9110, section 9.3.6).
            (_, true) => SizeHint::default(),
            _ => request.body().size_hint(),
        };
        let to_proxy = self.shared.info.forwarded.then(|| ToProxy::of(request, &self.shared.info));
        if let Some(replays) = Replays::<B>::wanted() {
            let may_repeat = replays.may_repeat(request.method());
            let copy = if ended { None } else { replays.body(request.body()) };
            self.saved.save(request, copy, may_repeat);
        }
        let mut prepared = match to_proxy {
            None => head::prepare(request, &size, |length| self.shared.length(length)),
            Some(mut to_proxy) => self.prepare_forwarded(request, &size, &mut to_proxy),
        };
        if let Some(protocol) = protocol {
            if !self.allows_streams() {
                prepared = Err(NOT_ALLOWED);
            }
            request.extensions_mut().insert(protocol);
        }
        let wire = &self.shared.wire;
        let (writes, reads, over) = (wire.attempts(), wire.reads(), wire.ended());
        let length = match prepared {
            Ok(length) => length,
            Err(error) => return Err(self.failed(error.into(), from.take().map(Request::into_body))),
        };
        wire.open_stream();
        self.may_be_pending |= !self.shared.is_roomy();
        // Not earlier: a request is large, and one whose parts were changed is copied once more.
        let Some(request) = from.take() else { return Ok(()) };
        let (parts, body) = request.into_parts();
        let (response, stream) = match self.send.send_request(Request::from_parts(parts, ()), ended) {
            Ok(opened) => opened,
            Err(error) => {
                self.shared.wire.close_stream();
                let error = self.error(Delivery::Unsent, Phase::Send, self.shared.wire.ending().cause(error, false));
                return Err(self.failed(error, Some(body)));
            }
        };
        if let (Some(watch), Some(of)) = (self.shared.wire.watch(), watched) {
            watch.opened(response.stream_id().into(), *of);
        }
        let mut body = Some(body);
        if ended {
            self.saved.keep_body(&mut body);
        }
        let upload = body.filter(|_| !ended).map(|body| {
            let mut upload = self.shared.take_upload().unwrap_or_else(|| Box::pin(Upload::idle()));
            let awaits_window = self.saved.has_no_copy();
            upload.as_mut().start(body, length, stream, awaits_window);
            upload
        });
        if !matches!(self.exchange, Exchange::Idle) {
            self.exchange = Exchange::Idle;
        }
        // In place: an exchange is large, and each name it is given is a copy. The one before has nothing to be
        // dropped, which a call would find out.
        std::mem::forget(std::mem::replace(
            &mut self.exchange,
            Exchange::Waiting {
                response,
                upload,
                failed: None,
                is_head,
                is_stream,
                writes,
                reads,
                ended: over,
                interim,
            },
        ));
        Ok(())
    }

    /// As [`head::prepare`], for the proxy that forwards the request. By whose credentials a connection was used
    /// decides who may use it next, and no key has what a header says: one that brings its own is the last on this
    /// connection.
    #[cold]
    fn prepare_forwarded(
        &mut self,
        request: &mut Request<B>,
        size: &SizeHint,
        to_proxy: &mut ToProxy,
    ) -> Result<Option<BodyLength>, RequestError> {
        if let Some(shown) = to_proxy.shown() {
            self.saved.show(shown);
        }
        to_proxy.take(request.headers_mut());
        let length = head::prepare(request, size, |length| self.shared.length(length))?;
        if to_proxy.put(request.headers_mut(), &self.shared.info)? {
            self.shared.status.report(ConnectionStatus::Draining(CloseReason::Evicted));
        }
        Ok(length)
    }

    /// Whether the peer allows extended CONNECT. One whose connection has ended says nothing: that is told by the
    /// attempt.
    #[cold]
    fn allows_streams(&self) -> bool {
        self.send.is_extended_connect_protocol_enabled() || self.shared.capacity.get() == Capacity::None
    }

    #[inline]
    pub(super) fn start_now(&mut self, request: &mut Option<Request<B>>) {
        if let Err(failed) = self.begin(request) {
            self.exchange = Exchange::Failed(failed);
        }
    }

    /// An extended CONNECT, which may have to wait.
    #[cold]
    pub(super) fn start_stream(&mut self, from: &mut Option<Request<B>>) {
        let Some(request) =
            from.take_if(|request| !self.shared.capacity.is_announced() && ConnectProtocol::of(request).is_some())
        else {
            return self.start_now(from);
        };
        let wire = &self.shared.wire;
        wire.open_stream();
        self.exchange = Exchange::AwaitingSettings(Box::new((request, wire.hand_over_stream())));
    }
}
