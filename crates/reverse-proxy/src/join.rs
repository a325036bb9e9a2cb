use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use skybridge_core::Upgraded;
use tokio::io::copy_bidirectional;

/// Copies both ways once the server has sent its 101, until both sides have ended or one has failed. If the server's
/// connection ends before, so does the upstream's.
pub(crate) async fn join(client: OnUpgrade, mut upstream: Upgraded) {
    let Ok(client) = client.await else { return };
    // Nobody is left to be told how it failed: both ends are closed.
    let _ = copy_bidirectional(&mut TokioIo::new(client), &mut upstream).await;
}
