use crate::{ConnectError, Endpoint, sync::Mutex};
use std::{
    collections::HashSet,
    fmt,
    net::SocketAddr,
    sync::Arc,
    task::{Context, Poll, Waker},
};

/// A list of resolved endpoints that may still grow.
///
/// Handles are cheap to clone and share one list; each reads it from the start with a cursor of its own. So the plan,
/// the race and the pool see the same endpoints, and late ones reach all of them.
pub struct Endpoints {
    feed: Arc<Mutex<Feed>>,
    /// How many of the list this handle has read.
    seen: usize,
    /// The endpoints that this handle skips, because they were tried and failed.
    except: Option<Arc<HashSet<Endpoint>>>,
}

/// The writing end of an [`Endpoints`]. Drop it to complete the list, of which nobody knows then whether it is
/// [whole](Endpoints::is_whole).
#[derive(Debug)]
pub struct EndpointsFeed(Arc<Mutex<Feed>>);

#[derive(Debug)]
struct Feed {
    list: Vec<Endpoint>,
    /// The limit for each kind: IPv4, IPv6, others.
    most: usize,
    taken: [usize; 3],
    left_out: usize,
    error: Option<ConnectError>,
    complete: bool,
    whole: bool,
    readers: Vec<Waker>,
}

// === impl Endpoints ===

impl Endpoints {
    /// A complete list.
    pub fn fixed(list: impl IntoIterator<Item = Endpoint>) -> Self {
        let (mut feed, endpoints) = Self::feed();
        feed.extend(list);
        feed.finish();
        endpoints
    }

    /// A list that can grow, without a limit. Duplicates are ignored.
    pub fn feed() -> (EndpointsFeed, Self) {
        Self::feed_up_to(usize::MAX)
    }

    /// A list that can grow to at most `most` endpoints of each kind: IPv4, IPv6, and others. Further ones are left out
    /// and [counted](Self::left_out). The limit is per kind, so that many addresses of one family don't displace those
    /// of the other.
    pub fn feed_up_to(most: usize) -> (EndpointsFeed, Self) {
        let (list, readers) = (Vec::new(), Vec::new());
        let feed = Feed { list, most, taken: [0; 3], left_out: 0, error: None, complete: false, whole: false, readers };
        let feed = Arc::new(Mutex::new(feed));
        (EndpointsFeed(Arc::clone(&feed)), Self { feed, seen: 0, except: None })
    }

    /// How many endpoints have been left out because of the limit.
    pub fn left_out(&self) -> usize {
        self.feed.lock().left_out
    }

    fn is_excepted(&self, endpoint: &Endpoint) -> bool {
        self.except.as_ref().is_some_and(|except| except.contains(endpoint))
    }

    /// The endpoints known by now, in order.
    pub fn snapshot(&self) -> Vec<Endpoint> {
        let feed = self.feed.lock();
        feed.list.iter().filter(|endpoint| !self.is_excepted(endpoint)).cloned().collect()
    }

    /// Whether this endpoint is known by now.
    pub fn contains(&self, endpoint: &Endpoint) -> bool {
        !self.is_excepted(endpoint) && self.feed.lock().list.contains(endpoint)
    }

    /// Whether no more endpoints will be added.
    pub fn is_complete(&self) -> bool {
        self.feed.lock().complete
    }

    /// Whether these are all the endpoints there are: the lookup has come to its end, and none was left out.
    pub fn is_whole(&self) -> bool {
        let feed = self.feed.lock();
        feed.whole && feed.left_out == 0
    }

    /// The error that ended the lookup, if there was one. Endpoints from before are valid.
    pub fn error(&self) -> Option<ConnectError> {
        self.feed.lock().error.clone()
    }

    /// The next endpoint that this handle hasn't returned yet; `None` when the list is complete and read to its end.
    pub fn poll_more(&mut self, cx: &mut Context<'_>) -> Poll<Option<Endpoint>> {
        let mut feed = self.feed.lock();
        while let Some(endpoint) = feed.list.get(self.seen) {
            self.seen += 1;
            if !self.is_excepted(endpoint) {
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

    /// A handle that reads the same list from the start, and skips the endpoints that were tried.
    pub fn without(&self, tried: &[Endpoint]) -> Self {
        let mut except = self.except.clone();
        if !tried.is_empty() {
            Arc::make_mut(except.get_or_insert_default()).extend(tried.iter().cloned());
        }
        Self { feed: Arc::clone(&self.feed), seen: 0, except }
    }
}

impl Clone for Endpoints {
    /// A handle that reads the same list from the start.
    fn clone(&self) -> Self {
        Self { feed: Arc::clone(&self.feed), seen: 0, except: self.except.clone() }
    }
}

impl fmt::Debug for Endpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoints").field("known", &self.snapshot()).field("complete", &self.is_complete()).finish()
    }
}

// === impl EndpointsFeed ===

impl EndpointsFeed {
    /// Adds the endpoints that aren't in the list yet, and wakes every reader. Returns how many were left out because
    /// of the limit.
    pub fn extend(&mut self, more: impl IntoIterator<Item = Endpoint>) -> usize {
        let before = self.0.lock().left_out;
        self.change(|feed| more.into_iter().for_each(|endpoint| feed.add(endpoint)));
        self.0.lock().left_out - before
    }

    /// Whether the list takes no more IP addresses.
    pub fn is_full(&self) -> bool {
        let feed = self.0.lock();
        feed.taken[0] >= feed.most && feed.taken[1] >= feed.most
    }

    /// Completes the list: there are no others.
    pub fn finish(self) {
        self.change(|feed| feed.whole = true);
    }

    /// Completes the list with an error.
    pub fn fail(self, error: ConnectError) {
        self.change(|feed| feed.error = Some(error));
    }

    fn change(&self, change: impl FnOnce(&mut Feed)) {
        let readers = {
            let mut feed = self.0.lock();
            change(&mut feed);
            std::mem::take(&mut feed.readers)
        };
        readers.into_iter().for_each(Waker::wake);
    }
}

// === impl Feed ===

impl Feed {
    fn add(&mut self, endpoint: Endpoint) {
        let kind = match endpoint.inet() {
            Some(SocketAddr::V4(_)) => 0,
            Some(SocketAddr::V6(_)) => 1,
            None => 2,
        };
        if self.list.contains(&endpoint) {
            return;
        }
        if self.taken[kind] >= self.most {
            self.left_out += 1;
            return;
        }
        self.taken[kind] += 1;
        if self.list.is_empty() {
            self.list.reserve_exact(1);
        }
        self.list.push(endpoint);
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
    fn a_list_takes_so_many_of_each_family_and_counts_the_others() {
        let (mut feed, list) = Endpoints::feed_up_to(2);
        let six = |port| Endpoint::from(SocketAddr::from(([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1], port)));
        assert_eq!(feed.extend([six(1), six(2), six(3), six(2)]), 1);
        assert!(!feed.is_full());
        assert_eq!(feed.extend([at(1), at(1), at(2), at(3), six(4)]), 2);
        assert!(feed.is_full());
        assert_eq!(list.snapshot(), [six(1), six(2), at(1), at(2)]);
        assert_eq!(list.without(&[at(1)]).left_out(), 3);
    }

    #[test]
    fn a_late_answer_wakes_every_reader_and_duplicates_are_ignored() {
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
    fn a_list_is_whole_when_its_lookup_says_so_and_nothing_was_left_out() {
        let ends: [(fn(EndpointsFeed), bool); 3] = [
            (EndpointsFeed::finish, true),
            (drop, false),
            (|feed| feed.fail(ConnectError::new(crate::Phase::Resolve, "")), false),
        ];
        for (end, whole) in ends {
            let (mut feed, list) = Endpoints::feed_up_to(1);
            feed.extend([at(1)]);
            assert!(!list.is_whole());
            end(feed);
            assert_eq!((list.is_whole(), list.is_complete()), (whole, true));
        }
        let (mut feed, list) = Endpoints::feed_up_to(1);
        feed.extend([at(1), at(2)]);
        feed.finish();
        assert!(!list.is_whole() && Endpoints::fixed([at(1)]).is_whole());
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
