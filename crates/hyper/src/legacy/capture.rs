use crate::legacy::metadata::ConnectionMetadata;
use http::Request;
use std::{ops::Deref, sync::Arc};
use tokio::sync::watch;

/// Tells by which connection a request goes, as soon as that is known. Made by [`capture_connection`].
#[derive(Clone, Debug)]
pub struct CaptureConnection(watch::Receiver<Option<ConnectionMetadata>>);

/// In the extensions of the request.
#[derive(Clone)]
pub(crate) struct Capturing(Arc<watch::Sender<Option<ConnectionMetadata>>>);

/// Captures the connection of this request. Of a request that is sent again it is the last.
pub fn capture_connection<B>(request: &mut Request<B>) -> CaptureConnection {
    let (sender, receiver) = watch::channel(None);
    request.extensions_mut().insert(Capturing(Arc::new(sender)));
    CaptureConnection(receiver)
}

impl Capturing {
    pub(crate) fn set(&self, metadata: &ConnectionMetadata) {
        self.0.send_replace(Some(metadata.clone()));
    }
}

impl CaptureConnection {
    /// The connection, if the request has one by now.
    pub fn connection_metadata(&self) -> impl Deref<Target = Option<ConnectionMetadata>> + '_ {
        self.0.borrow()
    }

    /// Waits for the connection. `None` if the request has ended without one.
    pub async fn wait_for_connection_metadata(&mut self) -> impl Deref<Target = Option<ConnectionMetadata>> + '_ {
        // The sender is gone with the request.
        let _ = self.0.wait_for(Option::is_some).await.is_err();
        self.0.borrow()
    }
}
