use super::{
    config::CacheConfig,
    entries::{CacheKey, Entries, Entry},
    found,
    progress::Progress,
    shared_lookup::SharedLookup,
};
use crate::ResolveError;
use skybridge_core::{Answer, BoxFuture, ConnectError, sync::Mutex};
use std::{
    collections::HashMap,
    sync::{Arc, Weak},
    time::{Duration, Instant},
};

/// How many entries may be looked up ahead of their end at once.
const MAX_REFRESHING: usize = 64;
/// The addresses of each family that are kept of one lookup, twice as many as a connect tries: a single answer may have
/// thousands.
const MAX_ENDPOINTS: usize = 128;
/// So that no sum of times overflows.
const FOREVER: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// What the clones of a cache share: the answers, and the lookups that run.
pub(super) struct Store {
    config: CacheConfig,
    state: Mutex<State>,
}

struct State {
    entries: Entries,
    /// Lookups live as long as somebody waits for them.
    running: HashMap<CacheKey, Weak<SharedLookup>>,
    refreshing: usize,
}

/// What there is for a query.
pub(super) enum Found {
    Entry(Entry),
    /// An entry that ends soon, and a lookup that is to be driven in the background.
    Refresh(Entry, Arc<SharedLookup>, Refreshing),
    Lookup(Arc<SharedLookup>),
}

/// The place of a lookup ahead of an entry's end.
pub(super) struct Refreshing(Arc<Store>);

/// What came of a lookup that has ended.
#[derive(Default)]
pub(super) struct Outcome {
    found: Vec<found::Found>,
    /// How many endpoints: those of IPv6, and others.
    taken: [usize; 2],
    /// The shortest of those known.
    pub(super) ttl: Option<Duration>,
    pub(super) error: Option<ConnectError>,
}

impl Outcome {
    /// Notes an answer, and gives back what may be told of it; `None` where nothing of it fits any more.
    pub(super) fn take(&mut self, mut answer: Answer) -> Option<Answer> {
        if answer.endpoints.is_empty() || answer.early {
            return Some(answer);
        }
        answer.endpoints.retain(|endpoint| {
            let taken = &mut self.taken[usize::from(endpoint.inet().is_none_or(|addr| addr.is_ipv4()))];
            *taken += 1;
            *taken <= MAX_ENDPOINTS
        });
        if answer.endpoints.is_empty() {
            return None;
        }
        self.ttl = self.ttl.into_iter().chain(answer.ttl).min();
        found::add(&mut self.found, &answer);
        Some(answer)
    }

    /// Whether no more endpoints fit.
    pub(super) fn is_full(&self) -> bool {
        self.taken.iter().all(|taken| *taken >= MAX_ENDPOINTS)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }
}

/// Whether it is known that there are no addresses. A failure is no such knowledge.
pub(super) fn is_negative(error: &ConnectError) -> bool {
    error.source_as::<ResolveError>().is_some_and(|error| !error.is_failure())
}

/// Whether addresses are looked up again, ahead of their end.
fn is_due(entry: &Entry, now: Instant) -> bool {
    !entry.found.is_empty() && (entry.ends_soon < now && now < entry.expires)
}

fn after(time: Instant, duration: Duration) -> Instant {
    time + duration.min(FOREVER)
}

// === impl Store ===

impl Store {
    pub(super) fn new(config: CacheConfig) -> Self {
        let state = State { entries: Entries::new(config.max_entries), running: HashMap::new(), refreshing: 0 };
        Self { config, state: Mutex::new(state) }
    }

    /// The answer, or the lookup that is under way for it, or else a new one, which is made by `look_up`.
    pub(super) fn find(
        self: &Arc<Self>,
        key: CacheKey,
        now: Instant,
        look_up: impl FnOnce(Arc<Progress>) -> BoxFuture<()>,
    ) -> Found {
        let mut state = self.state.lock();
        let entry = state.entries.get(&key).filter(|entry| now < entry.usable_until).cloned();
        let running = state.running.get(&key).and_then(Weak::upgrade);
        if let Some(lookup) = running.filter(|lookup| !lookup.progress.has_ended()) {
            // Not under the lock: it may be the last that is left of the lookup.
            drop(state);
            let Some(entry) = entry else { return Found::Lookup(lookup) };
            drop(lookup);
            // Whoever left meanwhile took it for alive.
            self.left(&key);
            return Found::Entry(entry);
        }
        let is_due = entry.as_ref().is_none_or(|entry| is_due(entry, now) && state.refreshing < MAX_REFRESHING);
        match entry {
            Some(entry) if !is_due => Found::Entry(entry),
            entry => {
                let progress = Arc::new(Progress::default());
                let lookup = look_up(Arc::clone(&progress));
                let lookup = Arc::new(SharedLookup::new(key.clone(), progress, lookup));
                state.running.insert(key, Arc::downgrade(&lookup));
                let Some(entry) = entry else { return Found::Lookup(lookup) };
                state.refreshing += 1;
                // One that fails at once is not made again by the next query, but at half of what is left.
                if let Some(kept) = state.entries.get(&lookup.key) {
                    kept.ends_soon = now + entry.expires.saturating_duration_since(now) / 2;
                }
                Found::Refresh(entry, lookup, Refreshing(Arc::clone(self)))
            }
        }
    }

    /// Keeps what came of a lookup that was begun then.
    pub(super) fn keep(&self, key: &CacheKey, begun: Instant, outcome: &Outcome) {
        let ttl = match &outcome.error {
            None if !outcome.is_empty() => self.config.ttl(outcome.ttl),
            Some(error) if !is_negative(error) => {
                if outcome.is_empty() {
                    return;
                }
                // What is missing is asked for again soon.
                self.config.ttl(outcome.ttl).min(self.config.negative_ttl)
            }
            _ => self.config.negative_ttl,
        };
        let expires = after(begun, ttl);
        // Not before half of its time is over: a short one would be looked up without end.
        let ends_soon = after(begun, ttl.saturating_sub(self.config.refresh_ahead).max(ttl / 2));
        let (found, error) = (outcome.found.as_slice().into(), outcome.error.clone());
        let entry = Entry { found, error, ends_soon, expires, usable_until: expires };
        self.state.lock().entries.insert(key.clone(), entry);
    }

    /// Whether there are addresses that may be used if a lookup fails.
    pub(super) fn has_stale(&self, key: &CacheKey, now: Instant) -> bool {
        self.state.lock().entries.get(key).is_some_and(|entry| self.may_be_stale(entry, now))
    }

    /// The addresses that may be used as a lookup has failed. They are the answer for a while, before the next lookup.
    pub(super) fn use_stale(&self, key: &CacheKey, now: Instant) -> Option<Arc<[found::Found]>> {
        let mut state = self.state.lock();
        let entry = state.entries.get(key).filter(|entry| self.may_be_stale(entry, now))?;
        let until = after(now, self.config.negative_ttl).min(after(entry.expires, self.config.stale_if_error));
        entry.usable_until = entry.usable_until.max(until);
        Some(Arc::clone(&entry.found))
    }

    fn may_be_stale(&self, entry: &Entry, now: Instant) -> bool {
        let stale = self.config.stale_if_error;
        !stale.is_zero() && !entry.found.is_empty() && now < after(entry.expires, stale)
    }

    /// Somebody has left the lookup of this key, which may be gone.
    pub(super) fn left(&self, key: &CacheKey) {
        let mut state = self.state.lock();
        if state.running.get(key).is_some_and(|lookup| lookup.strong_count() == 0) {
            state.running.remove(key);
        }
    }
}

impl Drop for Refreshing {
    fn drop(&mut self) {
        self.0.state.lock().refreshing -= 1;
    }
}
