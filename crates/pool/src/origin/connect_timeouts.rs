use skybridge_core::{Phase, SharedTimeouts, TimedOut, Timeouts};
use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// The time limits of one connect, for which several requests with limits of their own may wait.
///
/// A step may take as long as the longest limit among them, so that no request's limit ends what others wait for. Nor
/// does a long limit make the others wait: a request with a shorter one gets a timeout when that is over
/// ([`Steps::deadline`]), while the connect goes on for the rest.
#[derive(Debug)]
pub(crate) struct ConnectTimeouts {
    /// The client's limits, which hold for requests that set none.
    client: Option<Box<Timeouts>>,
    inside: Mutex<Inside>,
}

#[derive(Debug, Default)]
struct Inside {
    /// The limit that has ended the connect. In a box, as it is rare, and connections keep this.
    ended_by: Option<Box<TimedOut>>,
    /// How many waiting requests have the client's limits.
    plain: u32,
    /// The limits of each of the others, completed by the client's.
    own: Vec<Timeouts>,
    steps: Vec<Step>,
    next: u32,
}

/// A step under way.
#[derive(Clone, Debug)]
struct Step {
    number: u64,
    phase: Phase,
    /// Its layer's default.
    layer: Duration,
    /// How long it may take: the longest limit among the waiting requests.
    most: Duration,
    began: Instant,
}

/// The steps under way, to compare with the limits of each waiting request.
#[derive(Debug)]
pub(crate) struct Steps<'a> {
    client: &'a Timeouts,
    steps: Vec<Step>,
}

impl ConnectTimeouts {
    pub(crate) fn new(client: Timeouts) -> Self {
        Self { client: client.boxed(), inside: Mutex::default() }
    }

    fn client(&self) -> &Timeouts {
        self.client.as_deref().unwrap_or(const { &Timeouts::new() })
    }

    fn inside(&self) -> MutexGuard<'_, Inside> {
        self.inside.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A request's limits, completed by the client's; `None` when they differ in no phase of connecting.
    fn own(&self, options: &Timeouts) -> Option<Timeouts> {
        let own = options.or(self.client());
        PHASES.iter().any(|phase| own.of(*phase) != self.client().of(*phase)).then_some(own)
    }

    /// A request begins to wait. True when that may change a limit or a deadline.
    pub(crate) fn join(&self, options: &Timeouts) -> bool {
        let own = self.own(options);
        let mut inside = self.inside();
        match own {
            None => {
                inside.plain += 1;
                inside.plain == 1 && !inside.own.is_empty()
            }
            Some(own) => {
                inside.own.push(own);
                true
            }
        }
    }

    /// A request waits no more. True when that may change a limit or a deadline.
    pub(crate) fn leave(&self, options: &Timeouts) -> bool {
        let own = self.own(options);
        let mut inside = self.inside();
        match own {
            None => {
                inside.plain -= 1;
                inside.plain == 0 && !inside.own.is_empty()
            }
            Some(own) => {
                if let Some(at) = inside.own.iter().position(|other| *other == own) {
                    inside.own.swap_remove(at);
                }
                true
            }
        }
    }

    /// The step under way, of those with a limit of their own: the latest.
    #[cold]
    pub(crate) fn phase(&self) -> Option<Phase> {
        self.inside().steps.iter().rev().map(|step| step.phase).find(|phase| *phase != Phase::Acquire)
    }

    /// What is under way is dropped because this limit is over.
    pub(crate) fn set_ended_by(&self, timed_out: TimedOut) {
        self.inside().ended_by = Some(Box::new(timed_out));
    }

    /// `None` when all waiting requests have the client's limits, which then are the connect's.
    pub(crate) fn steps(&self) -> Option<Steps<'_>> {
        let inside = self.inside();
        if inside.own.is_empty() {
            return None;
        }
        let mut steps = inside.steps.clone();
        steps.iter_mut().for_each(|step| step.most = self.most(&inside, step.phase, step.layer));
        Some(Steps { client: self.client(), steps })
    }

    fn most(&self, inside: &Inside, phase: Phase, layer: Duration) -> Duration {
        let client = self.client().of(phase).unwrap_or(layer);
        let own = inside.own.iter().map(|own| own.of(phase).unwrap_or(layer)).max();
        match own {
            // Connecting in total never gets less than the client's limit: its result is pooled when no request is
            // left.
            Some(own) if phase == Phase::Acquire || inside.plain > 0 => own.max(client),
            Some(own) => own,
            None => client,
        }
    }
}

/// The phases that have limits: `Acquire` stands for connecting in total.
const PHASES: [Phase; 6] = [Phase::Resolve, Phase::Tcp, Phase::Tunnel, Phase::Tls, Phase::Handshake, Phase::Acquire];

impl SharedTimeouts for ConnectTimeouts {
    fn begin(&self, phase: Phase, own: Duration, now: Instant) -> u64 {
        let mut inside = self.inside();
        inside.next += 1;
        let number = u64::from(inside.next);
        if inside.steps.is_empty() {
            // Connecting in total, and one step after the other.
            inside.steps.reserve_exact(2);
        }
        inside.steps.push(Step { number, phase, layer: own, most: own, began: now });
        number
    }

    fn limit(&self, phase: Phase, own: Duration) -> Duration {
        self.most(&self.inside(), phase, own)
    }

    fn end(&self, step: u64) {
        let mut inside = self.inside();
        inside.steps.retain(|other| other.number != step);
        if inside.steps.is_empty() {
            // The facts of the connection keep this for as long as it lives.
            inside.steps = Vec::new();
        }
    }

    fn ended_by(&self) -> Option<TimedOut> {
        self.inside().ended_by.as_deref().copied()
    }
}

impl Steps<'_> {
    /// When a request's own limits end its wait before the connect ends, and which limit that is: when every step under
    /// way, or connecting in total, has taken longer than its limit. Time before the request joined doesn't count. Of
    /// two connects both must have taken too long: `beside` are the steps of the other one.
    pub(crate) fn deadline(
        &self,
        beside: Option<&Steps<'_>>,
        options: &Timeouts,
        joined: Instant,
    ) -> Option<(Instant, TimedOut)> {
        let (whole, mut steps) = self.ends(options, joined);
        let mut other_whole = None;
        if let Some(beside) = beside {
            let (whole, others) = beside.ends(options, joined);
            other_whole = whole;
            steps = steps.zip(others).map(|(one, other)| if one.0 < other.0 { other } else { one });
        }
        [whole, other_whole, steps].into_iter().flatten().min_by_key(|(end, _)| *end)
    }

    /// When connecting in total has taken too long, and when the steps under way have.
    fn ends(&self, options: &Timeouts, joined: Instant) -> (Option<End>, Option<End>) {
        let own = options.or(self.client);
        let of = |step: &Step| {
            let limit = own.of(step.phase).unwrap_or(step.layer);
            let end = step.began.max(joined).checked_add(limit).filter(|_| limit < step.most)?;
            Some((end, TimedOut { phase: step.phase, limit }))
        };
        let (whole, steps): (Vec<_>, Vec<_>) = self.steps.iter().partition(|step| step.phase == Phase::Acquire);
        let whole = whole.into_iter().filter_map(of).min_by_key(|(end, _)| *end);
        let steps: Option<Vec<_>> = steps.into_iter().map(of).collect();
        (whole, steps.into_iter().flatten().max_by_key(|(end, _)| *end))
    }
}

/// When a limit is over, and which it is.
type End = (Instant, TimedOut);

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    fn timeouts(change: impl FnOnce(&mut Timeouts)) -> Timeouts {
        let mut timeouts = Timeouts::new();
        change(&mut timeouts);
        timeouts
    }

    fn tls(seconds: u64) -> Timeouts {
        timeouts(|timeouts| timeouts.tls = Some(secs(seconds)))
    }

    fn secs(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    /// What a step of TLS may take, with each of these who wait; its layer's own limit is 10 s.
    #[test]
    fn the_longest_decides() {
        let rows: [(&[Timeouts], Timeouts, u64); 8] = [
            (&[], Timeouts::new(), 10),
            (&[Timeouts::new()], tls(4), 4),
            (&[tls(1)], Timeouts::new(), 1),
            (&[tls(1), tls(3)], tls(9), 3),
            (&[tls(1), Timeouts::new()], Timeouts::new(), 10),
            (&[tls(60), Timeouts::new()], Timeouts::new(), 60),
            (&[tls(1), timeouts(|timeouts| timeouts.resolve = Some(secs(1)))], Timeouts::new(), 10),
            (&[timeouts(|timeouts| timeouts.response_head = Some(secs(1)))], tls(5), 5),
        ];
        for (i, (waiting, client, most)) in rows.into_iter().enumerate() {
            let connect = ConnectTimeouts::new(client);
            waiting.iter().for_each(|options| _ = connect.join(options));
            assert_eq!(connect.limit(Phase::Tls, secs(10)), secs(most), "row {i}");
            waiting.iter().for_each(|options| _ = connect.leave(options));
            assert!(connect.steps().is_none(), "row {i}");
        }
    }

    /// Connecting as a whole goes on as the client says when its last request has left.
    #[test]
    fn the_whole_is_never_less_than_the_clients() {
        let connect = ConnectTimeouts::new(Timeouts::new());
        let within = |seconds| timeouts(|timeouts| timeouts.connect = Some(secs(seconds)));
        connect.join(&within(1));
        assert_eq!(connect.limit(Phase::Acquire, secs(30)), secs(30));
        connect.join(&within(90));
        assert_eq!(connect.limit(Phase::Acquire, secs(30)), secs(90));
    }

    #[tokio::test(start_paused = true)]
    async fn a_shorter_limit_ends_a_wait_when_all_that_is_under_way_has_taken_too_long() {
        let connect = ConnectTimeouts::new(Timeouts::new());
        let (plain, short, long) = (Timeouts::new(), tls(1), tls(60));
        [&plain, &short, &long].iter().for_each(|options| _ = connect.join(options));
        let start = skybridge_testkit::executor::Executor::new().runtime().now();
        let deadline = |options: &Timeouts, joined: u64| {
            let steps = connect.steps().unwrap();
            steps
                .deadline(None, options, start + secs(joined))
                .map(|(at, what)| ((at - start).as_secs(), what.limit.as_secs()))
        };
        assert_eq!(deadline(&short, 0), None, "nothing is under way");
        let one = connect.begin(Phase::Tls, secs(10), start + secs(5));
        assert_eq!(
            [deadline(&short, 0), deadline(&plain, 0), deadline(&long, 0)],
            [Some((6, 1)), Some((15, 10)), None]
        );
        assert_eq!(deadline(&short, 8), Some((9, 1)), "from when it joined");
        let two = connect.begin(Phase::Tls, secs(10), start + secs(7));
        assert_eq!(deadline(&short, 0), Some((8, 1)), "the other may still do it");
        connect.end(one);
        let tcp = connect.begin(Phase::Tcp, secs(10), start + secs(7));
        assert_eq!(deadline(&short, 0), None, "all wait as long for that");
        connect.end(two);
        connect.end(tcp);
        let whole = connect.begin(Phase::Acquire, secs(30), start);
        connect.begin(Phase::Tls, secs(10), start + secs(29));
        connect.join(&timeouts(|timeouts| timeouts.connect = Some(secs(99))));
        assert_eq!(deadline(&plain, 0), Some((30, 30)));
        let tcp = connect.begin(Phase::Tcp, secs(10), start + secs(29));
        assert_eq!(deadline(&plain, 0), Some((30, 30)), "whatever is under way");
        connect.end(tcp);
        connect.end(whole);
        assert_eq!(deadline(&plain, 0), Some((39, 10)));
    }
}
