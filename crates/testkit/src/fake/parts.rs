use bytes::Bytes;
use http_body::Frame;
use skybridge_core::BoxError;
use std::task::{Context, Poll, ready};
use tokio::sync::mpsc::UnboundedReceiver;

pub(super) type Part = Result<Frame<Bytes>, BoxError>;

/// What is missing of a body.
#[derive(Debug)]
pub(super) struct Parts {
    receiver: UnboundedReceiver<Part>,
    /// The announced length, in bytes.
    length: Option<u64>,
}

impl Parts {
    pub(super) fn new(receiver: UnboundedReceiver<Part>) -> Self {
        Self { receiver, length: None }
    }

    pub(super) fn announce(&mut self, length: u64) {
        self.length = Some(length);
    }

    pub(super) fn length(&self) -> Option<u64> {
        self.length
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Part>> {
        let part = ready!(self.receiver.poll_recv(cx));
        if let Some(Ok(frame)) = &part {
            let read = frame.data_ref().map_or(0, |data| data.len() as u64);
            self.length = self.length.map(|length| length.saturating_sub(read));
        }
        Poll::Ready(part)
    }

    /// The announced length is reached.
    pub(super) fn are_all_here(&self) -> bool {
        self.length == Some(0)
    }
}
