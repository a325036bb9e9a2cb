use crate::{ConnectError, Endpoint};
use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

/// A live list of resolved endpoints: some are here, more may come.
///
/// Handles are cheap to clone and share one list, each reading it from the start with a cursor of its own. So the plan, the race and
/// the pool look at the same answers, and late ones reach all of them.
pub struct Endpoints {
    feed: Arc<Mutex<Feed>>,
    /// How many of the list this handle has read.
    seen: usize,
    /// Those this handle passes over: they were tried and failed.
    except: Arc<[Endpoint]>,
}

/// The end of an [`Endpoints`] into which answers are put. Dropped, it completes the list.
#[derive(Debug)]
pub struct EndpointsFeed(Arc<Mutex<Feed>>);

#[derive(Debug, Default)]
struct Feed {
    list: Vec<Endpoint>,
    error: Option<ConnectError>,
    complete: bool,
    readers: Vec<Waker>,
}

fn lock(feed: &Mutex<Feed>) -> MutexGuard<'_, Feed> {
    // The list is whole after each statement, so a panic elsewhere can't have left it half written.
    feed.lock().unwrap_or_else(PoisonError::into_inner)
}

// === impl Endpoints ===

impl Endpoints {
    /// A list that is complete.
    pub fn fixed(list: impl IntoIterator<Item = Endpoint>) -> Self {
        let (mut feed, endpoints) = Self::feed();
        feed.extend(list);
        endpoints
    }

    /// A list that is fed. Duplicates are left out.
    pub fn feed() -> (EndpointsFeed, Self) {
        let feed = Arc::new(Mutex::default());
        (EndpointsFeed(Arc::clone(&feed)), Self { feed, seen: 0, except: [].into() })
    }

    /// All that are known by now, in order.
    pub fn snapshot(&self) -> Vec<Endpoint> {
        let feed = lock(&self.feed);
        feed.list.iter().filter(|endpoint| !self.except.contains(endpoint)).cloned().collect()
    }

    /// Whether this one is known by now.
    pub fn contains(&self, endpoint: &Endpoint) -> bool {
        !self.except.contains(endpoint) && lock(&self.feed).list.contains(endpoint)
    }

    /// True when none will be added.
    pub fn is_complete(&self) -> bool {
        lock(&self.feed).complete
    }

    /// Why resolving ended, when it ended with an error. Those that came before it are still good.
    pub fn error(&self) -> Option<ConnectError> {
        lock(&self.feed).error.clone()
    }

    /// The next one that this handle hasn't returned yet; `None` when the list is complete and read.
    pub fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<Option<Endpoint>> {
        let mut feed = lock(&self.feed);
        while let Some(endpoint) = feed.list.get(self.seen) {
            self.seen += 1;
            if !self.except.contains(endpoint) {
                return Poll::Ready(Some(endpoint.clone()));
            }
        }
        if feed.complete {
            return Poll::Ready(None);
        }
        if !feed.readers.iter().any(|reader| reader.will_wake(cx.waker())) {
            feed.readers.push(cx.waker().clone());
        }
        Poll::Pending
    }

    /// The same live list without those that need not be tried again, read from its start.
    pub fn without(&self, tried: &[Endpoint]) -> Self {
        let except = self.except.iter().chain(tried).cloned().collect();
        Self { feed: Arc::clone(&self.feed), seen: 0, except }
    }
}

impl Clone for Endpoints {
    /// A handle that reads from the start.
    fn clone(&self) -> Self {
        Self { feed: Arc::clone(&self.feed), seen: 0, except: Arc::clone(&self.except) }
    }
}

impl fmt::Debug for Endpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoints").field("known", &self.snapshot()).field("complete", &self.is_complete()).finish()
    }
}

// === impl EndpointsFeed ===

impl EndpointsFeed {
    /// Adds those that aren't in the list yet, and tells every reader.
    pub fn extend(&mut self, more: impl IntoIterator<Item = Endpoint>) {
        self.change(|feed| {
            for endpoint in more {
                if !feed.list.contains(&endpoint) {
                    feed.list.push(endpoint);
                }
            }
        });
    }

    /// Completes the list with what went wrong.
    pub fn fail(self, error: ConnectError) {
        self.change(|feed| feed.error = Some(error));
    }

    fn change(&self, change: impl FnOnce(&mut Feed)) {
        let readers = {
            let mut feed = lock(&self.0);
            change(&mut feed);
            std::mem::take(&mut feed.readers)
        };
        readers.into_iter().for_each(Waker::wake);
    }
}

impl Drop for EndpointsFeed {
    fn drop(&mut self) {
        self.change(|feed| feed.complete = true);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        sync::atomic::{AtomicUsize, Ordering},
        task::Wake,
    };

    #[derive(Default)]
    struct Count(AtomicUsize);
    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    fn at(port: u16) -> Endpoint {
        Endpoint::from(([127, 0, 0, 1], port))
    }

    #[test]
    fn a_late_answer_wakes_every_reader_and_duplicates_are_left_out() {
        let (mut feed, mut a) = Endpoints::feed();
        let mut b = a.clone();
        let (wa, wb) = (Arc::new(Count::default()), Arc::new(Count::default()));
        let (ka, kb) = (Waker::from(wa.clone()), Waker::from(wb.clone()));
        assert!(a.poll_more(&mut Context::from_waker(&ka)).is_pending());
        assert!(b.poll_more(&mut Context::from_waker(&kb)).is_pending());
        feed.extend([at(1), at(1), at(2)]);
        assert_eq!((wa.0.load(Ordering::SeqCst), wb.0.load(Ordering::SeqCst)), (1, 1));
        let read = |list: &mut Endpoints| list.poll_more(&mut Context::from_waker(&ka));
        assert_eq!(read(&mut a), Poll::Ready(Some(at(1))));
        assert_eq!(read(&mut a), Poll::Ready(Some(at(2))));
        assert_eq!(read(&mut b), Poll::Ready(Some(at(1))));
        drop(feed);
        assert_eq!(read(&mut a), Poll::Ready(None));
        assert_eq!(a.snapshot(), [at(1), at(2)]);
    }

    #[test]
    fn what_was_tried_is_passed_over_also_when_it_comes_late() {
        let (mut feed, all) = Endpoints::feed();
        feed.extend([at(1)]);
        let mut rest = all.without(&[at(1), at(2)]);
        feed.extend([at(2), at(3)]);
        drop(feed);
        assert_eq!(rest.poll_more(&mut Context::from_waker(Waker::noop())), Poll::Ready(Some(at(3))));
        assert_eq!(rest.snapshot(), [at(3)]);
        assert!(!rest.contains(&at(1)) && all.contains(&at(1)));
    }
}
