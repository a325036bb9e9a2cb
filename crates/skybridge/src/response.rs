use crate::Body;
use http::Response;
use skybridge_core::ConnInfo;
use std::sync::Arc;

/// What a response knows of the connection that it came by.
///
/// Facts ride in the body, so that nothing is inserted into a response that nobody asks. Where a layer has put a body
/// of its own around it, a [`ConnInfoLayer`](crate::ConnInfoLayer) below keeps them in the extensions.
pub trait ResponseExt {
    /// The facts of the connection; `None` only when its body is a default one, which came by none, or another one is
    /// around it and no [`ConnInfoLayer`](crate::ConnInfoLayer) below.
    fn connection(&self) -> Option<&Arc<ConnInfo>>;
}

impl ResponseExt for Response<Body> {
    fn connection(&self) -> Option<&Arc<ConnInfo>> {
        self.body().connection().or_else(|| self.extensions().get())
    }
}
