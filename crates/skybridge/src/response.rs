use crate::Body;
use http::Response;
use skybridge_core::ConnInfo;
use std::sync::Arc;

/// What a response knows of the connection that it came by.
///
/// Facts ride in the body, so that nothing is inserted into a response that nobody asks.
pub trait ResponseExt {
    /// The facts of the connection; `None` only when its body is a default one, which came by none.
    fn connection(&self) -> Option<&Arc<ConnInfo>>;
}

impl ResponseExt for Response<Body> {
    fn connection(&self) -> Option<&Arc<ConnInfo>> {
        self.body().connection()
    }
}
