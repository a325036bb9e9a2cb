//! A response that asks for its request again.

use http::{HeaderValue, Request, Response, StatusCode, header::RETRY_AFTER};
use skybridge_core::{ConnInfo, Failed, FollowUp, Protocol};
use skybridge_retry::RetryLayer;
use skybridge_testkit::{executor::Executor, fixtures};
use std::{
    future::ready,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    runtime::Builder,
    time::{Instant, timeout},
};
use tower::{Layer as _, ServiceExt as _, service_fn};

/// What is to be sent after that isn't waited for. No whole number of seconds, so that nothing happens just then.
const PATIENCE: Duration = Duration::from_millis(24 * 60 * 60 * 1000 + 500);

/// A request is sent again after the seconds that its one `retry-after` says, and otherwise not at all.
///
/// An input is a letter for the status, one for the longest wait that is allowed, and the values, one on each line.
pub fn retry_after(input: &[u8]) {
    let [status, limit, lines @ ..] = input else { return };
    let status = match status {
        b'3' => StatusCode::SERVICE_UNAVAILABLE,
        b'5' => StatusCode::TOO_EARLY,
        b'8' => StatusCode::REQUEST_TIMEOUT,
        _ => StatusCode::TOO_MANY_REQUESTS,
    };
    let limit = match limit {
        b'0' => Duration::ZERO,
        b'9' => Duration::from_secs(999),
        _ => Duration::MAX,
    };
    let lines = (!lines.is_empty()).then(|| lines.split(|byte| *byte == b'\n'));
    let values: Vec<_> = lines.into_iter().flatten().filter_map(|line| HeaderValue::from_bytes(line).ok()).collect();
    let after = wanted(status, &values).filter(|after| *after <= limit && *after < PATIENCE);
    let expected: Vec<_> = [Duration::ZERO].into_iter().chain(after).collect();
    assert_eq!(sent(status, limit, &values), expected, "{status}, {limit:?}, {values:?}");
}

/// After how long the request is wanted again.
fn wanted(status: StatusCode, values: &[HeaderValue]) -> Option<Duration> {
    match (status, values) {
        (StatusCode::TOO_MANY_REQUESTS, _) | (StatusCode::SERVICE_UNAVAILABLE, []) => None,
        (_, []) => Some(Duration::ZERO),
        (_, [value]) => seconds(value.as_bytes()).map(Duration::from_secs),
        _ => None,
    }
}

/// RFC 9110, section 10.2.3: one or more digits. Without the white space around a field's value (section 5.5).
fn seconds(value: &[u8]) -> Option<u64> {
    let is_space = |byte: &u8| matches!(byte, b' ' | b'\t');
    let from = value.iter().position(|byte| !is_space(byte))?;
    let to = value.iter().rposition(|byte| !is_space(byte))?;
    value[from..=to].iter().try_fold(0_u64, |number, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    })
}

/// When a request was sent that is answered like this first.
fn sent(status: StatusCode, limit: Duration, values: &[HeaderValue]) -> Vec<Duration> {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime without I/O").block_on(async {
        let (executor, start) = (Executor::new(), Instant::now());
        let endpoint = fixtures::endpoint("192.0.2.1:80");
        let attempt = fixtures::route("http://a.test", [], executor.ctx()).attempt(endpoint.clone());
        let connection = ConnInfo::new(&attempt, None, endpoint).freeze(Protocol::Http1);
        let times = Arc::<Mutex<Vec<Duration>>>::default();
        let (sent, values) = (Arc::clone(&times), values.to_vec());
        let service = service_fn(move |request: Request<()>| {
            let mut sent = sent.lock().expect("nothing panics with it");
            let mut response = Response::new(());
            if sent.is_empty() {
                *response.status_mut() = status;
                for value in &values {
                    response.headers_mut().append(RETRY_AFTER, value.clone());
                }
                FollowUp::attach(request, &connection, &mut response);
            }
            sent.push(start.elapsed());
            ready(Ok::<_, Failed<Request<()>>>(response))
        });
        let layer = RetryLayer::safe().runtime(executor.runtime()).retry_after(limit).max_age(Duration::MAX);
        let answer = timeout(PATIENCE, layer.layer(service).oneshot(Request::new(()))).await;
        let times = times.lock().expect("nothing panics with it").clone();
        if let Ok(response) = answer {
            let last = if times.len() > 1 { StatusCode::OK } else { status };
            assert_eq!(response.expect("there is an answer").status(), last);
        }
        times
    })
}
