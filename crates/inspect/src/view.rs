//! What the page and its JSON look at.

use crate::{RecentCalls, bodies::Carried, tls::Certificates};
use skybridge_core::ConnInfo;
use skybridge_pool::ConnectionSnapshot;
use std::time::Instant;

/// The most connections of one origin that are shown.
const CONNECTIONS: usize = 100;
/// The most connections whose certificates are read.
const CERTIFICATES: usize = 200;

pub(crate) struct View<'a> {
    pub(crate) now: Instant,
    pub(crate) certificates: Certificates,
    calls: Option<&'a RecentCalls>,
}

impl<'a> View<'a> {
    pub(crate) fn new(now: Instant, calls: Option<&'a RecentCalls>) -> Self {
        Self { now, certificates: Certificates::at_most(CERTIFICATES), calls }
    }

    /// Those that are shown, and how many more there are.
    pub(crate) fn first(all: &[ConnectionSnapshot]) -> (&[ConnectionSnapshot], usize) {
        let (first, more) = all.split_at(all.len().min(CONNECTIONS));
        (first, more.len())
    }

    /// The bodies that it has carried; `None` where nobody counts.
    pub(crate) fn carried(&self, info: &ConnInfo) -> Option<Carried> {
        self.calls?.carried(info.id?).into()
    }
}
