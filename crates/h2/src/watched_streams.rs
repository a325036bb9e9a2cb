//! The streams of a connection that is observed: the call of each, and its own observer until it has ended.

use skybridge_core::{CallId, Observe, RequestOptions};
use std::{collections::BTreeMap, mem, sync::Arc};

/// How many streams are known by their calls: of those that were opened before, the call isn't told.
const MOST_STREAMS: usize = 1024;

#[derive(Debug, Default)]
pub(crate) struct WatchedStreams {
    streams: BTreeMap<u32, Stream>,
    /// Those that have ended, and whose observers are still here: something of them may have to be told first.
    ended: Vec<u32>,
    /// The last one whose HEADERS were sent.
    last_sent: u32,
    /// So is the connection: nothing more is told, but some may hold it for long, as the body of a response does.
    is_over: bool,
}

/// The call of a stream, and its own observer, if it has one.
#[derive(Clone, Default)]
pub(crate) struct StreamOf {
    pub(crate) call: Option<CallId>,
    pub(crate) observer: Option<Arc<dyn Observe>>,
}

#[derive(Debug, Default)]
struct Stream {
    of: StreamOf,
    /// This side has ended it, and the peer has.
    ended: [bool; 2],
    /// Its own observer was let go: what comes late of it is for no other.
    is_untold: bool,
}

/// Observers that nothing more is told. They may do anything when they are dropped, so that is for whoever holds no
/// lock.
pub(crate) type Released = Vec<Arc<dyn Observe>>;

// === impl StreamOf ===

impl StreamOf {
    /// As a request with these extensions says it.
    #[cold]
    pub(crate) fn request(extensions: &http::Extensions) -> Self {
        let of = |options: &RequestOptions| Self { call: options.call_id, observer: options.observer.clone() };
        extensions.get().map(of).unwrap_or_default()
    }
}

impl std::fmt::Debug for StreamOf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StreamOf").field("call", &self.call).finish_non_exhaustive()
    }
}

// === impl WatchedStreams ===

impl WatchedStreams {
    /// A stream was opened: by a request, which may learn it later than its frames are seen.
    pub(crate) fn opened(&mut self, stream: u32, of: StreamOf) -> Released {
        let known = self.streams.entry(stream).or_default();
        known.of = of;
        let observer = if known.has_ended() || self.is_over { known.let_go() } else { None };
        let mut released = self.forget_oldest();
        released.extend(observer);
        released
    }

    /// HEADERS of it were sent or received, or what ends its direction.
    pub(crate) fn saw(&mut self, stream: u32, by_peer: bool, ends: bool) {
        let known = if by_peer {
            // A peer adds none.
            self.streams.get_mut(&stream)
        } else {
            self.sent(stream);
            Some(self.streams.entry(stream).or_default())
        };
        let Some(known) = known else { return };
        let had_ended = known.has_ended();
        known.ended[usize::from(by_peer)] |= ends;
        if known.has_ended() && !had_ended {
            self.ended.push(stream);
        }
    }

    /// It was reset, which ends both directions.
    pub(crate) fn saw_reset(&mut self, stream: u32) {
        if let Some(known) = self.streams.get_mut(&stream)
            && !known.has_ended()
        {
            known.ended = [true; 2];
            self.ended.push(stream);
        }
    }

    /// Streams are begun in the order of their ids (RFC 9113, section 5.1.1): those before this one that were not sent
    /// were given up, and never will be.
    fn sent(&mut self, stream: u32) {
        if stream <= self.last_sent {
            return;
        }
        for (unsent, known) in self.streams.range_mut(self.last_sent + 1..stream) {
            known.ended = [true; 2];
            self.ended.push(*unsent);
        }
        self.last_sent = stream;
    }

    /// Whose it is; `None` if nothing more is told of it.
    pub(crate) fn of(&self, stream: u32) -> Option<StreamOf> {
        match self.streams.get(&stream) {
            Some(known) => (!known.is_untold).then(|| known.of.clone()),
            None => Some(StreamOf::default()),
        }
    }

    /// All that was seen is told: lets the observers of streams go that have ended.
    pub(crate) fn release(&mut self) -> Released {
        let mut released = self.forget_oldest();
        for stream in mem::take(&mut self.ended) {
            released.extend(self.streams.get_mut(&stream).and_then(Stream::let_go));
        }
        released
    }

    /// The connection is over, and all is told: lets all observers go.
    pub(crate) fn end(&mut self) -> Released {
        self.is_over = true;
        self.ended = Vec::new();
        self.streams.values_mut().filter_map(Stream::let_go).collect()
    }

    fn forget_oldest(&mut self) -> Released {
        let mut released = Vec::new();
        while self.streams.len() > MOST_STREAMS {
            released.extend(self.streams.pop_first().and_then(|(_, known)| known.of.observer));
        }
        released
    }
}

// === impl Stream ===

impl Stream {
    fn has_ended(&self) -> bool {
        self.ended == [true; 2]
    }

    fn let_go(&mut self) -> Option<Arc<dyn Observe>> {
        let observer = self.of.observer.take();
        self.is_untold |= observer.is_some();
        observer
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use skybridge_core::Event;

    struct Nobody;

    impl Observe for Nobody {
        fn observe(&self, _: &Event<'_>) {}
    }

    fn observed() -> (StreamOf, Arc<dyn Observe>) {
        let observer: Arc<dyn Observe> = Arc::new(Nobody);
        (StreamOf { call: Some(CallId(7)), observer: Some(Arc::clone(&observer)) }, observer)
    }

    /// Whether the observer is let go after these: each a direction, and whether it ends.
    fn is_released_after(seen: &[(bool, bool)]) -> bool {
        let (of, observer) = observed();
        let mut streams = WatchedStreams::default();
        drop(streams.opened(1, of));
        seen.iter().for_each(|&(by_peer, ends)| streams.saw(1, by_peer, ends));
        assert_eq!(Arc::strong_count(&observer), 2, "not before all is told");
        drop(streams.release());
        let is_released = Arc::strong_count(&observer) == 1;
        assert_eq!(streams.of(1).is_none(), is_released, "what comes late is told to no other observer");
        is_released
    }

    #[test]
    fn an_observer_is_let_go_once_both_directions_have_ended_and_all_is_told() {
        let (head, end, peer_head, peer_end) = ((false, false), (false, true), (true, false), (true, true));
        assert!(is_released_after(&[end, peer_end]));
        assert!(is_released_after(&[head, peer_head, peer_end, end]));
        assert!(is_released_after(&[head, end, peer_head, peer_end, peer_end]));
        for open in [&[head, peer_head][..], &[end, peer_head], &[head, peer_end], &[end, end], &[]] {
            assert!(!is_released_after(open), "{open:?}");
        }
    }

    #[test]
    fn frames_that_are_seen_before_the_request_has_told_its_stream_count() {
        let mut streams = WatchedStreams::default();
        streams.saw(1, false, true);
        streams.saw(1, true, true);
        assert!(streams.release().is_empty());
        let (of, observer) = observed();
        drop(streams.opened(1, of));
        assert!(streams.of(1).is_none() && Arc::strong_count(&observer) == 1);
    }

    #[test]
    fn one_that_is_given_up_unsent_is_over_when_a_later_one_is_sent() {
        let mut streams = WatchedStreams::default();
        let [given_up, open] = [1, 3].map(|stream| {
            let (of, observer) = observed();
            drop(streams.opened(stream, of));
            observer
        });
        drop(streams.release());
        assert_eq!([&given_up, &open].map(Arc::strong_count), [2, 2]);
        streams.saw(3, false, true);
        drop(streams.release());
        assert_eq!([&given_up, &open].map(Arc::strong_count), [1, 2]);
    }

    #[test]
    fn of_a_stream_without_an_observer_of_its_own_the_call_is_known_after_its_end() {
        let mut streams = WatchedStreams::default();
        drop(streams.opened(1, StreamOf { call: Some(CallId(7)), observer: None }));
        streams.saw_reset(1);
        drop(streams.release());
        assert_eq!(streams.of(1).unwrap().call, Some(CallId(7)));
    }

    #[test]
    fn with_the_connection_all_are_let_go_also_one_that_is_opened_late() {
        let mut streams = WatchedStreams::default();
        let [(of, open), (late_of, late)] = [observed(), observed()];
        drop(streams.opened(1, of));
        drop(streams.end());
        drop(streams.opened(3, late_of));
        assert_eq!([&open, &late].map(Arc::strong_count), [1, 1]);
    }

    #[test]
    fn a_peer_adds_no_streams_and_what_is_remembered_is_bounded() {
        let mut streams = WatchedStreams::default();
        for stream in 0..5000 {
            streams.saw(stream, true, true);
            streams.saw_reset(stream);
        }
        assert_eq!((streams.streams.len(), streams.ended.len()), (0, 0));
        let (of, observer) = observed();
        for stream in 0..5000 {
            drop(streams.opened(stream, of.clone()));
        }
        assert_eq!((streams.streams.len(), Arc::strong_count(&observer)), (MOST_STREAMS, MOST_STREAMS + 2));
        let call = |stream| streams.of(stream).unwrap().call;
        assert_eq!((call(4999), call(0)), (Some(CallId(7)), None));
        (5001..10_000).for_each(|stream| streams.saw(stream, false, true));
        drop((streams.release(), of));
        assert_eq!((streams.streams.len(), Arc::strong_count(&observer)), (MOST_STREAMS, 1));
    }
}
