//! What asking for records comes to, however they are asked for.

use hickory_resolver::proto::rr::Record;
use std::{io::Error, time::Duration};

/// Records of the type asked for, and aliases that led to them.
pub(super) struct Found {
    pub(super) records: Vec<Record>,
    /// Of the one that may be kept shortest, the aliases included: what they lead to may be kept no longer than they.
    pub(super) ttl: Duration,
}

/// Why there are none.
#[derive(Debug)]
pub(super) enum Missing {
    /// There is no such name.
    Name(Error),
    /// The name has none.
    Records,
    /// The answer can't be read.
    Unreadable(Error),
    /// It isn't known.
    Unknown(Error),
}
