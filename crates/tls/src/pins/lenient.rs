//! Pins that name a host, and refuse nobody.

use super::{Pin, Pins};
use rustls::pki_types::UnixTime;
use skybridge_core::{NotEnforced, PinsNotEnforced};

/// Who is told, where there is no observer.
pub(crate) type Tell = dyn Fn(&PinsNotEnforced) + Send + Sync;

impl Pins {
    /// What is to be told of a host that was let through with this path: which of its pins have expired, and whether
    /// it has none of those for report only.
    pub(crate) fn not_enforced(&self, host: &str, path: &[Pin], now: Option<UnixTime>) -> Vec<PinsNotEnforced> {
        let texts = |pins: &[Pin]| pins.iter().map(|pin| pin.to_string().into()).collect::<Vec<Box<str>>>();
        let rules = self.rules.iter().filter(|rule| rule.pattern.matches(host)).map(|rule| (rule.pin, rule.terms));
        let all = self.every_leaf.iter().copied().chain(rules);
        let expired: Vec<_> = all.filter_map(|(pin, terms)| Some((terms.expired(now)?, pin))).collect();
        let mut told = Vec::new();
        if let Some(since) = expired.iter().map(|(since, _)| *since).max() {
            let pinned: Vec<_> = expired.iter().map(|(_, pin)| *pin).collect();
            told.push(PinsNotEnforced::new(host, NotEnforced::Expired(since), &texts(path), &texts(&pinned)));
        }
        if let Err(mismatch) = self.compare(host, path, |terms| terms.are_reported(now)) {
            let pinned = texts(&mismatch.pinned);
            told.push(PinsNotEnforced::new(host, NotEnforced::ReportOnly, &texts(path), &pinned));
        }
        told
    }

    /// Whether this path has what the host is held to, and what is only reported.
    pub(crate) fn are_met(&self, host: &str, path: &[Pin], now: Option<UnixTime>) -> bool {
        self.compare(host, path, |terms| terms.are_enforced(now)).is_ok()
            && self.compare(host, path, |terms| terms.are_reported(now)).is_ok()
    }
}
