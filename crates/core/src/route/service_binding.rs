use crate::HttpVersions;
use std::sync::Arc;

/// What an HTTPS record (RFC 9460) says of the endpoints of an [`Answer`](crate::Answer), whose ports are the record's.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct ServiceBinding {
    /// Endpoints with a smaller one are tried before others, and those that no record is about last of all.
    pub priority: u16,
    /// The name whose addresses these are. Certificates are verified by the origin's name all the same.
    pub target: Arc<str>,
    /// Whether HTTP/1.1 is spoken there.
    pub http1: bool,
    /// Whether HTTP/2 is spoken there.
    pub http2: bool,
    /// The `ECHConfigList` (RFC 9849, section 4), to encrypt the origin's name with.
    pub ech: Option<Arc<[u8]>>,
}

impl ServiceBinding {
    /// Endpoints of this name, where HTTP/1.1 and HTTP/2 are spoken, without encrypted names.
    pub fn new(priority: u16, target: impl Into<Arc<str>>) -> Self {
        Self { priority, target: target.into(), http1: true, http2: true, ech: None }
    }

    /// Whether one of these versions is spoken there. Endpoints where none is are left out. What is offered by ALPN is
    /// all that is wanted, whatever a record says (RFC 9460, section 7.1.2): who forges one must not choose the
    /// version.
    pub fn speaks(&self, versions: HttpVersions) -> bool {
        match versions {
            HttpVersions::Any => self.http1 || self.http2,
            HttpVersions::Http1 => self.http1,
            HttpVersions::Http2 => self.http2,
        }
    }
}
