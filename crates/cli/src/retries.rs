//! `--retry`: fetches a URL again, as a call of its own, where what went wrong may be over soon.

use crate::{
    args::{RetryArgs, Seconds},
    call,
    exit::Exit,
    jobs::Job,
    outcome::Outcome,
    shared::Shared,
    stderr,
    watchdog::{self, OUTPUT_TIMEOUT},
};
use std::time::{Duration, Instant};

const FIRST: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(600);

/// Fetches a URL until it is there, what went wrong won't pass, or it was tried often enough. Returns the calls of all
/// tries.
pub(crate) async fn perform(shared: &Shared, job: Job) -> Vec<Outcome> {
    let (args, runtime) = (&shared.args.retry, &shared.observer.runtime);
    let started = runtime.now();
    let (mut calls, mut backoff, mut left) = (Vec::new(), FIRST, args.retry);
    let mut call = job.call;
    loop {
        let limit = shared.args.request.max_time.map(Seconds::limit);
        let watched = limit.map(|limit| watchdog::watch(limit.saturating_add(2 * OUTPUT_TIMEOUT)));
        let tried = call::perform(shared, Job { call, ..job.clone() }).await;
        drop(watched);
        let wait = tried
            .last()
            .filter(|last| left > 0 && shared.can_send_again(&job) && may_pass(args, last))
            .map(|last| wait(args, backoff, last.retry_after));
        calls.extend(tried);
        let Some(wait) = wait.filter(|wait| is_in_time(args, started, runtime.now() + *wait)) else { break };
        announce(shared, calls.last(), wait, left);
        runtime.sleep_until(runtime.now() + wait).await;
        (backoff, left) = ((backoff * 2).min(LONGEST), left - 1);
        call = shared.next_call_id();
    }
    if let Some(last) = calls.last_mut() {
        last.tries = args.retry - left;
    }
    calls
}

/// For how long: as the answer asks, whatever else there is, as with curl; 0 asks for nothing.
fn wait(args: &RetryArgs, backoff: Duration, asked: Option<Duration>) -> Duration {
    let mut said = [asked, args.retry_delay.map(|delay| delay.0)].into_iter().flatten();
    said.find(|wait| !wait.is_zero()).unwrap_or(backoff)
}

/// Whether it may go well the next time.
fn may_pass(args: &RetryArgs, outcome: &Outcome) -> bool {
    if args.retry_all_errors && outcome.exit != Exit::OK {
        return true;
    }
    let refused = args.retry_connrefused && outcome.exit == Exit::CONNECT;
    let is_timeout = matches!(outcome.exit, Exit::TIMEOUT | Exit::RESOLVE | Exit::RESOLVE_PROXY);
    let status =
        outcome.status.map(|status| status.as_u16()).filter(|_| matches!(outcome.exit, Exit::OK | Exit::STATUS));
    refused
        || is_timeout
        || status.is_some_and(|status| matches!(status, 408 | 429 | 500 | 502 | 503 | 504 | 522 | 524))
}

fn is_in_time(args: &RetryArgs, started: Instant, next: Instant) -> bool {
    let limit = args.retry_max_time.map_or(Duration::MAX, Seconds::limit);
    next.saturating_duration_since(started) <= limit
}

fn announce(shared: &Shared, outcome: Option<&Outcome>, wait: Duration, left: u32) {
    if shared.args.request.silent {
        return;
    }
    let why = outcome.map_or_else(String::new, |outcome| match (&outcome.fault, outcome.status) {
        (Some(fault), _) => fault.message.clone(),
        (None, Some(status)) => format!("{} answered {}", outcome.url, status.as_u16()),
        (None, None) => String::new(),
    });
    let again = format!("skybridge: {why}; again in {wait:?}, at most {left} more");
    stderr::print(format_args!("{}\n", skybridge_trace::clean(&again)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::args::Args;
    use clap::Parser;

    #[test]
    fn an_answer_that_asks_for_a_wait_gets_it_and_no_more_and_else_the_flag_counts() {
        for (flags, asked, expected) in [
            (&[][..], None, 4),
            (&[], Some(1), 1),
            (&[], Some(9), 9),
            (&[], Some(0), 4),
            (&["--retry-delay", "2"], None, 2),
            (&["--retry-delay", "0"], None, 4),
            (&["--retry-delay", "2"], Some(1), 1),
            (&["--retry-delay", "2"], Some(0), 2),
        ] {
            let args =
                Args::try_parse_from([&["skybridge", "u"], flags].concat()).unwrap_or_else(|error| panic!("{error}"));
            let waited = wait(&args.retry, Duration::from_secs(4), asked.map(Duration::from_secs));
            assert_eq!(waited, Duration::from_secs(expected), "{flags:?} {asked:?}");
        }
    }
}
