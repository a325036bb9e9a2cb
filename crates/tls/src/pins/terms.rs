use rustls::pki_types::UnixTime;
use std::time::{Duration, SystemTime};

/// On which terms a pin holds.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Terms {
    /// It holds until then.
    pub(super) until: Option<SystemTime>,
    /// Who doesn't have it is reported, and let through.
    pub(super) report_only: bool,
}

impl Terms {
    /// Those of a pin in a set that has these as a whole.
    pub(super) fn within(self, whole: Self) -> Self {
        Self { until: self.until.or(whole.until), report_only: self.report_only || whole.report_only }
    }

    /// Without a clock nothing has expired.
    pub(super) fn expired(self, now: Option<UnixTime>) -> Option<SystemTime> {
        let now = SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(now?.as_secs()))?;
        self.until.filter(|until| *until < now)
    }

    pub(super) fn are_enforced(self, now: Option<UnixTime>) -> bool {
        !self.report_only && self.expired(now).is_none()
    }

    pub(super) fn are_reported(self, now: Option<UnixTime>) -> bool {
        self.report_only && self.expired(now).is_none()
    }
}
