use crate::idle::{Passed, unless_idle};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use skybridge_core::{Runtime, Upgraded};
use std::{sync::Arc, time::Duration};
use tokio::io::copy_bidirectional;

/// Copies both ways once the server has sent its 101, until both sides have ended, one has failed, or nothing has
/// passed for as long as `idle_limit`. If the server's connection ends before, so does the upstream's.
pub(crate) async fn join(client: OnUpgrade, upstream: Upgraded, idle_limit: Duration, runtime: Arc<dyn Runtime>) {
    let passed = Passed::default();
    let copied = async {
        let Ok(client) = client.await else { return };
        let (mut client, mut upstream) = (passed.watch(TokioIo::new(client)), passed.watch(upstream));
        // Nobody is left to be told how it failed: both ends are closed.
        let _ = copy_bidirectional(&mut client, &mut upstream).await;
    };
    unless_idle(copied, &passed, idle_limit, &*runtime).await;
}
