use std::{fmt, sync::OnceLock};

/// As many names as a program has layers of its own, several times over.
const MOST: usize = 64;

/// Each name that was ever given to [`Phase::other`](crate::Phase::other), so that a phase is two bytes: it is in
/// errors, reports and events, and a text would be 24.
static NAMES: [OnceLock<&'static str>; MOST] = [const { OnceLock::new() }; MOST];

/// The name of a phase that no layer of this stack has: see [`Phase::other`](crate::Phase::other).
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct PhaseName(u8);

impl PhaseName {
    pub(super) fn of(name: &'static str) -> Self {
        let place = NAMES.iter().position(|known| *known.get_or_init(|| name) == name);
        Self(place.unwrap_or(MOST) as u8)
    }

    /// The name; `other` for those that a program had too many of.
    pub fn as_str(self) -> &'static str {
        NAMES.get(usize::from(self.0)).and_then(OnceLock::get).unwrap_or(&"other")
    }
}

impl fmt::Debug for PhaseName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
