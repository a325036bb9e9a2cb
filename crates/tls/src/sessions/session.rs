use crate::path::Path;
use rustls::pki_types::ServerName;
use skybridge_core::Partition;
use std::sync::Arc;

/// What a session takes beside the certificates of its peer: its ticket, whose size rustls doesn't tell, its secret,
/// and what is around them.
pub(super) const SESSION: usize = 640;

/// Whose session it is. A session of one partition is never offered on behalf of another: to a peer that tracks its
/// clients a ticket is as good as a cookie.
#[derive(Clone, Eq, Hash, PartialEq)]
pub(crate) struct SessionKey {
    pub(crate) partition: Option<Partition>,
    pub(crate) name: ServerName<'static>,
    pub(crate) port: Option<u16>,
}

/// What a resumed connection inherits, since no certificate is sent on it and the verifier isn't called.
#[derive(Clone)]
pub(crate) struct SessionFacts {
    pub(crate) path: Arc<Path>,
    /// A client certificate was sent.
    pub(crate) client_auth: bool,
}
