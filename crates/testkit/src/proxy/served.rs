use super::{
    reach::{Reach, Stream},
    requests::Open,
};
use crate::tasks::Tasks;
use bytes::Bytes;
use std::{io, sync::Arc};

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    Http,
    Socks5,
    Socks4,
}

/// How each connection is served.
#[derive(Clone)]
pub(super) struct Serving {
    pub(super) kind: Kind,
    pub(super) reach: Reach,
    pub(super) user: Option<(String, String)>,
    pub(super) status: Option<(u16, Bytes)>,
    pub(super) reply: Option<u8>,
    pub(super) interim: Vec<u16>,
    pub(super) early: Bytes,
}

/// A connection, and what serving it needs.
pub(super) struct Served {
    pub(super) serving: Arc<Serving>,
    pub(super) tasks: Tasks,
    pub(super) open: Open,
}

// === impl Served ===

impl Served {
    /// The tunnel, until both ends have closed.
    pub(super) async fn tunnel(&self, mut near: Stream, mut far: Stream) -> io::Result<()> {
        tokio::io::copy_bidirectional(&mut near, &mut far).await.map(drop)
    }
}
