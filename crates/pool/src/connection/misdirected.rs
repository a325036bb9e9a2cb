use skybridge_core::Origin;
use std::sync::{Mutex, PoisonError};

/// For how many origins a connection may turn out to be the wrong one, until it is used for no other name at all.
const MAX_MISDIRECTED: usize = 32;

/// The origins that a connection has answered with 421 (RFC 9110, section 15.5.20).
#[derive(Debug, Default)]
pub(crate) struct Misdirected(Mutex<Vec<Origin>>);

impl Misdirected {
    /// Never again for this origin.
    pub(crate) fn add(&self, origin: &Origin) {
        let mut origins = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if origins.len() < MAX_MISDIRECTED && !origins.contains(origin) {
            origins.push(origin.clone());
        }
    }

    pub(crate) fn contains(&self, origin: &Origin) -> bool {
        let origins = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        origins.len() >= MAX_MISDIRECTED || origins.contains(origin)
    }
}
