use crate::{
    idle::{Passed, unless_idle},
    reset::Stream,
};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use skybridge_core::{Runtime, Upgraded};
use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::Arc,
    task::Poll,
    time::Duration,
};
use tokio::io::{AsyncRead, AsyncWrite, copy_bidirectional};

/// What the client speaks, of whom a stream is joined.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Front {
    Http1,
    Http2,
}

/// Copies both ways once the server has sent its answer, until both sides have ended, one has failed, or nothing has
/// passed for as long as `idle_limit`. If the server's connection ends before, so does the upstream's.
pub(crate) async fn join(
    client: OnUpgrade,
    front: Front,
    upstream: Upgraded,
    idle_limit: Duration,
    runtime: Arc<dyn Runtime>,
) {
    let (passed, rt) = (Passed::default(), &*runtime);
    let copied = async {
        let Ok(client) = client.await else { return };
        let client = TokioIo::new(client);
        match front {
            Front::Http1 => copy(client, upstream, &passed).await,
            Front::Http2 => {
                let client = Stream::new(client);
                first(copy(&client, upstream, &passed), client.reset(rt)).await;
            }
        }
    };
    unless_idle(copied, &passed, idle_limit, rt).await;
}

async fn copy<C: AsyncRead + AsyncWrite + Unpin>(client: C, upstream: Upgraded, passed: &Passed) {
    let (mut client, mut upstream) = (passed.watch(client), passed.watch(upstream));
    // Nobody is left to be told how it failed: both ends are closed.
    let _ = copy_bidirectional(&mut client, &mut upstream).await;
}

/// Until one of them ends. `second` is always polled behind `first`.
async fn first(first: impl Future<Output = ()>, second: impl Future<Output = ()>) {
    let (mut first, mut second) = (pin!(first), pin!(second));
    poll_fn(|cx| match first.as_mut().poll(cx) {
        Poll::Ready(()) => Poll::Ready(()),
        Poll::Pending => second.as_mut().poll(cx),
    })
    .await;
}
