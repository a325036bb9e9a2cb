use crate::{Answer, ConnectError, Endpoint, ServiceBinding, sync::Mutex};
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
    /// What HTTPS records say of them. Boxed, as few lists have any.
    #[expect(clippy::box_collection, reason = "every look-up has a place for it")]
    services: Option<Box<Vec<Bound>>>,
    /// The limit for each kind: IPv4, IPv6, others.
    most: usize,
    /// Small, as each connection keeps the list that it was opened by.
    taken: [u32; 3],
    left_out: u32,
    error: Option<ConnectError>,
    /// Endpoints that no record is about are no fallback for those whose records have keys.
    hidden: bool,
    complete: bool,
    whole: bool,
    readers: Vec<Waker>,
}

/// What an HTTPS record says of the endpoint at this place of the list.
#[derive(Debug)]
struct Bound {
    place: usize,
    service: Arc<ServiceBinding>,
    /// The endpoint stands in for others.
    early: bool,
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
        let feed = Feed {
            list,
            services: None,
            most,
            taken: [0; 3],
            left_out: 0,
            error: None,
            hidden: false,
            complete: false,
            whole: false,
            readers,
        };
        let feed = Arc::new(Mutex::new(feed));
        (EndpointsFeed(Arc::clone(&feed)), Self { feed, seen: 0, except: None })
    }

    /// How many endpoints have been left out because of the limit.
    pub fn left_out(&self) -> usize {
        self.feed.lock().left_out as usize
    }

    fn is_excepted(&self, feed: &Feed, endpoint: &Endpoint) -> bool {
        self.except.as_ref().is_some_and(|except| except.contains(endpoint)) || feed.would_reveal(endpoint)
    }

    /// The endpoints known by now, in order.
    pub fn snapshot(&self) -> Vec<Endpoint> {
        let feed = self.feed.lock();
        feed.list.iter().filter(|endpoint| !self.is_excepted(&feed, endpoint)).cloned().collect()
    }

    /// Whether this endpoint is known by now.
    pub fn contains(&self, endpoint: &Endpoint) -> bool {
        let feed = self.feed.lock();
        !self.is_excepted(&feed, endpoint) && feed.list.contains(endpoint)
    }

    /// What an HTTPS record says of this endpoint.
    pub fn service(&self, endpoint: &Endpoint) -> Option<Arc<ServiceBinding>> {
        self.feed.lock().service(endpoint).cloned()
    }

    /// The [priority](ServiceBinding::priority) of each of these; `None` when no HTTPS record is about any in the list.
    pub fn priorities(&self, of: &[Endpoint]) -> Option<Vec<Option<u16>>> {
        let feed = self.feed.lock();
        feed.services.as_ref()?;
        Some(of.iter().map(|endpoint| feed.service(endpoint).map(|service| service.priority)).collect())
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
            if !self.is_excepted(&feed, endpoint) {
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
        self.change(|feed| more.into_iter().for_each(|endpoint| feed.add(endpoint, None)));
        (self.0.lock().left_out - before) as usize
    }

    /// The same for an answer, of which an HTTPS record may tell. What that says counts also for an endpoint that is in
    /// the list already, unless another record does. Those that [stood in](Answer::early) for this answer come last
    /// then.
    pub fn extend_by(&mut self, answer: Answer) -> usize {
        let before = self.0.lock().left_out;
        let Answer { endpoints, service, early, .. } = answer;
        self.change(|feed| {
            if let Some(service) = service.as_ref().filter(|_| !early) {
                feed.postpone_early(service, &endpoints);
            }
            endpoints
                .into_iter()
                .for_each(|endpoint| feed.add(endpoint, service.as_ref().map(|service| (service, early))));
        });
        (self.0.lock().left_out - before) as usize
    }

    /// Leaves out the endpoints that no HTTPS record is about, wherever there are records and each has
    /// [keys](ServiceBinding::ech): who hides a name must not fall back to where it can't be hidden (RFC 9848, section
    /// 5.1). By default they stay.
    pub fn hide_name(&mut self) {
        self.0.lock().hidden = true;
    }

    /// Whether the list takes no more IP addresses.
    pub fn is_full(&self) -> bool {
        let feed = self.0.lock();
        !feed.has_place(0) && !feed.has_place(1)
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
    fn service(&self, endpoint: &Endpoint) -> Option<&Arc<ServiceBinding>> {
        let services = self.services.as_deref()?;
        let place = self.list.iter().position(|known| known == endpoint)?;
        services.iter().find(|bound| bound.place == place).map(|bound| &bound.service)
    }

    fn would_reveal(&self, endpoint: &Endpoint) -> bool {
        let all_have_keys = |bound: &[Bound]| bound.iter().all(|bound| bound.service.ech.is_some());
        self.hidden && self.services.as_ref().is_some_and(|all| all_have_keys(all)) && self.service(endpoint).is_none()
    }

    fn has_place(&self, kind: usize) -> bool {
        (self.taken[kind] as usize) < self.most
    }

    fn bind(&mut self, place: usize, by: Option<(&Arc<ServiceBinding>, bool)>) {
        let Some((service, early)) = by else { return };
        let services = self.services.get_or_insert_default();
        match services.iter_mut().find(|bound| bound.place == place) {
            Some(bound) if bound.early && !early && bound.service == *service => bound.early = false,
            Some(_) => {}
            None => services.push(Bound { place, service: Arc::clone(service), early }),
        }
    }

    /// Those that stood in for these come last.
    fn postpone_early(&mut self, service: &Arc<ServiceBinding>, found: &[Endpoint]) {
        let is_v4 = |endpoint: &Endpoint| endpoint.inet().map(|addr| addr.is_ipv4());
        for bound in self.services.as_deref_mut().into_iter().flatten() {
            let Some(endpoint) = self.list.get(bound.place) else { continue };
            let is_replaced = bound.early && bound.service == *service && !found.contains(endpoint);
            if is_replaced && found.iter().any(|other| is_v4(other) == is_v4(endpoint)) {
                Arc::make_mut(&mut bound.service).priority = u16::MAX;
            }
        }
    }

    fn add(&mut self, endpoint: Endpoint, by: Option<(&Arc<ServiceBinding>, bool)>) {
        let kind = match endpoint.inet() {
            Some(SocketAddr::V4(_)) => 0,
            Some(SocketAddr::V6(_)) => 1,
            None => 2,
        };
        if let Some(place) = self.list.iter().position(|known| *known == endpoint) {
            return self.bind(place, by);
        }
        if !self.has_place(kind) {
            self.left_out = self.left_out.saturating_add(1);
            return;
        }
        self.taken[kind] = self.taken[kind].saturating_add(1);
        if self.list.is_empty() {
            self.list.reserve_exact(1);
        }
        self.bind(self.list.len(), by);
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
    fn what_a_record_says_first_counts_also_of_endpoints_known_without() {
        let (mut feed, list) = Endpoints::feed();
        let answer = |priority, endpoints: Vec<Endpoint>| {
            let mut answer = Answer::only(endpoints);
            answer.service = Some(Arc::new(ServiceBinding::new(priority, "a.test")));
            answer
        };
        feed.extend([at(1)]);
        assert_eq!((list.service(&at(1)), list.priorities(&[at(1)])), (None, None));
        feed.extend_by(answer(7, vec![at(2), at(1)]));
        feed.extend_by(answer(8, vec![at(2), at(3)]));
        feed.extend([at(3), at(4)]);
        let all = list.without(&[at(1)]);
        assert_eq!(all.priorities(&[at(1), at(2), at(3), at(4)]), Some(vec![Some(7), Some(7), Some(8), None]));
        assert_eq!((all.service(&at(2)).unwrap().priority, all.service(&at(5))), (7, None));

        let mut early = answer(9, vec![at(5), at(6)]);
        early.early = true;
        feed.extend_by(early);
        feed.extend_by(answer(10, vec![at(7)]));
        let of = [at(5), at(6)];
        assert_eq!(all.priorities(&of), Some(vec![Some(9); 2]), "another service");
        feed.extend_by(answer(9, vec![at(6)]));
        assert_eq!(all.priorities(&of), Some(vec![Some(u16::MAX), Some(9)]), "what stood in comes last");
    }

    #[test]
    fn what_no_record_is_about_is_no_fallback_where_all_records_have_keys() {
        let answer = |n: u16, ech: bool| {
            let mut answer = Answer::only([at(n)]);
            let mut service = ServiceBinding::new(n, "a.test");
            service.ech = ech.then(|| [0].into());
            answer.service = Some(Arc::new(service));
            answer
        };
        for hidden in [true, false] {
            let (mut feed, mut list) = Endpoints::feed();
            if hidden {
                feed.hide_name();
            }
            feed.extend([at(9)]);
            assert_eq!(list.snapshot(), [at(9)], "no record is known");
            feed.extend_by(answer(1, true));
            feed.extend([at(8)]);
            let rest: &[Endpoint] = if hidden { &[at(1)] } else { &[at(9), at(1), at(8)] };
            assert_eq!((list.snapshot(), list.contains(&at(9))), (rest.to_vec(), !hidden));
            let first = list.poll_more(&mut Context::from_waker(Waker::noop()));
            assert_eq!(first, Poll::Ready(rest.first().cloned()));
            feed.extend_by(answer(2, false));
            assert_eq!(list.snapshot(), [at(9), at(1), at(8), at(2)], "one has no keys");
        }
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
