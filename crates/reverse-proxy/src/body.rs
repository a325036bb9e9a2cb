use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project::pin_project;
use std::{
    mem,
    pin::Pin,
    task::{Context, Poll},
};

/// The body of a response: the upstream's as it comes, or a few words of the proxy's own.
#[pin_project]
#[derive(Debug)]
pub struct ProxiedBody<B>(#[pin] Source<B>);

#[pin_project(project = SourceProj)]
#[derive(Debug)]
enum Source<B> {
    Upstream(#[pin] B),
    Own(Bytes),
}

impl<B> ProxiedBody<B> {
    pub(crate) fn upstream(body: B) -> Self {
        Self(Source::Upstream(body))
    }

    pub(crate) fn own(text: impl Into<Bytes>) -> Self {
        Self(Source::Own(text.into()))
    }
}

impl<B: Body<Data = Bytes>> Body for ProxiedBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        match self.project().0.project() {
            SourceProj::Upstream(body) => body.poll_frame(cx),
            SourceProj::Own(text) if text.is_empty() => Poll::Ready(None),
            SourceProj::Own(text) => Poll::Ready(Some(Ok(Frame::data(mem::take(text))))),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Source::Upstream(body) => body.is_end_stream(),
            Source::Own(text) => text.is_empty(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Source::Upstream(body) => body.size_hint(),
            Source::Own(text) => SizeHint::with_exact(text.len() as u64),
        }
    }
}
