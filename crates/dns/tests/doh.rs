//! What is asked of a DNS server over HTTPS (RFC 8484), what counts as its answer, and what is left of a query that is
//! dropped.

#![cfg(feature = "hickory")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use bytes::Bytes;
use futures_core::Stream;
use http::{Request, Response, StatusCode, header::HeaderValue};
use http_body::Frame;
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use skybridge_core::{Answer, BoxError, ConnectError, Families, Query};
use skybridge_dns::{DohError, Hickory, HickoryLookup, ResolveError};
use skybridge_testkit::{
    dns::{self, Question, Reply, https},
    drop_walk::drop_walk,
    executor::Executor,
    strict::Strict,
};
use std::{
    future::poll_fn,
    io::ErrorKind,
    pin::Pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep},
};
use tower::{Service, service_fn};

type Body = UnsyncBoxBody<Bytes, BoxError>;

const URL: &str = "https://dns.test/dns-query";
const A: u16 = 1;
const AAAA: u16 = 28;
const HTTPS: u16 = 65;
const SECOND: Duration = Duration::from_secs(1);

/// What the server says, after a while.
struct Said {
    response: Response<Body>,
    after: Duration,
}

type Say = dyn Fn(&Question, &[u8]) -> Said + Send + Sync;

/// A client whose server answers each question so, and what it was asked.
#[derive(Clone)]
struct Server {
    say: Arc<Say>,
    asked: Arc<Mutex<Vec<String>>>,
    requests: Arc<Mutex<Vec<Request<String>>>>,
    /// Requests under way, and the most there were.
    running: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

struct Running(Arc<AtomicUsize>);

impl Drop for Running {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Server {
    fn new(say: impl Fn(&Question, &[u8]) -> Said + Send + Sync + 'static) -> Self {
        let (running, most) = Default::default();
        Self { say: Arc::new(say), asked: Arc::default(), requests: Arc::default(), running, most }
    }

    /// One that answers in DNS messages.
    fn dns(reply: impl Fn(&Question) -> Reply + Send + Sync + 'static) -> Self {
        Self::new(move |question, query| said(&reply(question), query))
    }

    fn client(
        &self,
    ) -> impl Service<Request<String>, Response = Response<Body>, Error = BoxError, Future: Send>
    + Clone
    + Send
    + Sync
    + 'static {
        let this = self.clone();
        Strict::new(service_fn(move |request: Request<String>| {
            let this = this.clone();
            async move {
                let query = dns::query_in(request.uri()).unwrap();
                let question = Question::read(&query).unwrap();
                this.asked.lock().unwrap().push(question.to_string().replace(" tcp", ""));
                this.requests.lock().unwrap().push(request);
                let running = this.running.fetch_add(1, Ordering::Relaxed) + 1;
                this.most.fetch_max(running, Ordering::Relaxed);
                let _running = Running(Arc::clone(&this.running));
                let said = (this.say)(&question, &query);
                sleep(said.after).await;
                Ok(said.response)
            }
        }))
    }

    fn hickory(&self) -> Hickory {
        Hickory::over_https(URL, self.client()).unwrap()
    }

    fn asked(&self) -> Vec<String> {
        let mut asked = self.asked.lock().unwrap().clone();
        asked.sort();
        asked
    }
}

fn body(bytes: Vec<u8>) -> Body {
    Full::from(bytes).map_err(|never| match never {}).boxed_unsync()
}

fn said(reply: &Reply, query: &[u8]) -> Said {
    let mut response = Response::new(body(reply.message(query).unwrap_or_default()));
    response.headers_mut().insert("content-type", HeaderValue::from_static("application/dns-message"));
    Said { response, after: Duration::ZERO }
}

fn both(ttl: u32) -> Reply {
    Reply::Addresses(["192.0.2.1", "192.0.2.2", "2001:db8::1"].map(|ip| ip.parse().unwrap()).to_vec(), ttl)
}

fn query(host: &str) -> Query {
    Query::new(host, 443, Executor::new().ctx())
}

fn ask(hickory: &Hickory, query: Query) -> HickoryLookup {
    hickory.clone().call(query).into_inner().unwrap()
}

async fn next(asking: &mut HickoryLookup) -> Option<Result<Answer, ResolveError>> {
    poll_fn(|cx| Pin::new(&mut *asking).poll_next(cx)).await
}

/// Each answer as text and when it came, and the error that ended them.
async fn read(mut asking: HickoryLookup) -> (Vec<String>, Option<ResolveError>) {
    let (start, mut answers) = (Instant::now(), Vec::new());
    loop {
        match next(&mut asking).await {
            Some(Ok(answer)) => answers.push(text(&answer, start.elapsed())),
            Some(Err(error)) => return (answers, Some(error)),
            None => return (answers, None),
        }
    }
}

fn text(answer: &Answer, at: Duration) -> String {
    let addrs: Vec<_> = answer.endpoints.iter().map(ToString::to_string).collect();
    let ttl = answer.ttl.map_or_else(|| "-".to_owned(), |ttl| ttl.as_secs().to_string());
    let service = answer.service.as_ref().map_or_else(String::new, |service| format!(" of {}", service.target));
    let last = if answer.last { ", last" } else { "" };
    format!("{}{service} for {ttl} at {}{last}", addrs.join(" "), at.as_millis())
}

async fn error(server: &Server) -> ResolveError {
    let (answers, error) = read(ask(&server.hickory(), query("a.test"))).await;
    assert_eq!(answers, Vec::<String>::new());
    error.unwrap()
}

type Why = fn(&DohError) -> bool;
type Change = fn(Vec<u8>) -> Vec<u8>;

/// Whether this is why there is no answer where the server's is so changed.
async fn is_refused(change: impl Fn(&mut Response<Body>) + Send + Sync + 'static, why: Why) {
    let server = Server::new(move |_, query| {
        let mut said = said(&both(60), query);
        change(&mut said.response);
        said
    });
    let error = ConnectError::from(error(&server).await);
    let error = error.source_as::<DohError>().unwrap();
    assert!(why(error), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn all_kinds_are_asked_for_at_once_and_told_with_their_ttl_as_they_come() {
    let server = Server::new(|question, query| {
        let (reply, after) = match question.kind {
            A => (both(300), 2 * SECOND),
            AAAA => (both(60), SECOND),
            _ => (Reply::Addresses(vec![], 60), Duration::ZERO),
        };
        Said { after, ..said(&reply, query) }
    });
    let (answers, error) = read(ask(&server.hickory(), query("a.test"))).await;
    assert!(error.is_none(), "{error:?}");
    let expected = ["[2001:db8::1]:443 for 60 at 1000", "192.0.2.1:443 192.0.2.2:443 for 300 at 2000, last"];
    assert_eq!(answers, expected);
    assert_eq!(server.asked(), ["a.test A", "a.test AAAA"], "each once");
    let mut with_record = query("a.test");
    with_record.https_record = true;
    with_record.families = Families::V6;
    assert_eq!(read(ask(&server.hickory(), with_record)).await.0, ["[2001:db8::1]:443 for 60 at 1000, last"]);
    assert_eq!(server.asked()[2..], ["a.test AAAA", "a.test HTTPS"]);
}

#[tokio::test(start_paused = true)]
async fn an_https_record_leads_to_its_service_and_is_kept_no_longer_than_it() {
    let server = Server::dns(|question| match (&*question.name, question.kind) {
        ("a.test", HTTPS) => Reply::Records(vec![https(1, "b.test", &[(3, &8443_u16.to_be_bytes())])], 30),
        (_, HTTPS) => Reply::Addresses(vec![], 60),
        ("b.test", _) => Reply::Addresses(vec![[192, 0, 2, 7].into()], 60),
        _ => Reply::Addresses(vec![[192, 0, 2, 1].into()], 60),
    });
    let mut query = query("a.test");
    query.https_record = true;
    let (answers, error) = read(ask(&server.hickory(), query)).await;
    assert!(error.is_none(), "{error:?}");
    assert_eq!(answers, ["192.0.2.7:8443 of b.test for 30 at 0", "192.0.2.1:443 for 60 at 0, last"]);
}

/// That it failed is told, so that the addresses are not taken for all there is: a malformed one is none.
#[tokio::test(start_paused = true)]
async fn an_https_record_that_cannot_be_had_is_told_behind_the_addresses() {
    for (message, fails) in [(None, true), (Some(vec![0]), false)] {
        let server = Server::new(move |question, query| {
            let reply = if question.kind == HTTPS { Reply::Fail } else { both(60) };
            let mut said = said(&reply, query);
            if let Some(message) = message.clone().filter(|_| question.kind == HTTPS) {
                *said.response.body_mut() = body(message);
            }
            said
        });
        let mut query = query("a.test");
        query.https_record = true;
        let (answers, error) = read(ask(&server.hickory(), query)).await;
        assert_eq!((answers.len(), error.is_some()), (2, fails), "{answers:?} {error:?}");
    }
}

/// So that caches know it again, and nobody learns more than the name.
#[tokio::test(start_paused = true)]
async fn a_question_is_the_same_get_each_time_and_says_nothing_of_who_asks() {
    let server = Server::dns(|_| both(60));
    for _ in 0..2 {
        let mut query = query("a.test");
        query.families = Families::V4;
        read(ask(&server.hickory(), query)).await;
    }
    let requests = server.requests.lock().unwrap();
    assert_eq!(requests[0].uri(), requests[1].uri());
    let request = &requests[0];
    assert!(request.uri().to_string().starts_with("https://dns.test/dns-query?dns="), "{}", request.uri());
    assert!(request.method() == http::Method::GET && request.body().is_empty());
    let headers: Vec<_> = request.headers().iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
    assert_eq!(headers, [("accept", &b"application/dns-message"[..])]);
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_kept_no_longer_than_what_its_age_leaves() {
    for (age, left) in [
        ("50", 10),
        ("60", 0),
        ("100", 0),
        ("99999999999999999999999", 0),
        ("-1", 60),
        ("a while", 60),
        ("", 60),
        ("5, 50", 60),
    ] {
        let server = Server::new(move |_, query| {
            let mut said = said(&both(60), query);
            said.response.headers_mut().insert("age", HeaderValue::from_static(age));
            said
        });
        let mut query = query("a.test");
        query.families = Families::V6;
        let (answers, _) = read(ask(&server.hickory(), query)).await;
        assert_eq!(answers, [format!("[2001:db8::1]:443 for {left} at 0, last")], "{age}");
    }
}

#[tokio::test(start_paused = true)]
async fn errors_say_whether_the_name_is_there() {
    let not_found = error(&Server::dns(|_| Reply::NotFound)).await;
    assert!(matches!(not_found, ResolveError::NotFound { .. }), "{not_found:?}");
    let none = error(&Server::dns(|_| Reply::Addresses(vec![], 60))).await;
    assert!(matches!(none, ResolveError::NoAddresses { .. }), "{none:?}");
    let failed = error(&Server::dns(|_| Reply::Fail)).await;
    assert!(matches!(failed, ResolveError::Io { .. }) && !ConnectError::from(failed).is_timeout());
    let server = Server::dns(|_| both(60));
    let (_, error) = read(ask(&server.hickory(), query(&format!("{}.test", "a".repeat(64))))).await;
    assert!(matches!(error, Some(ResolveError::NotFound { .. })), "a label of 64 bytes: {error:?}");
    assert_eq!(server.asked(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn that_one_family_has_none_is_no_error_and_that_it_failed_is_told_last() {
    for (other, fails) in [(Reply::Addresses(vec![], 60), false), (Reply::Fail, true)] {
        let server = Server::dns(move |question| if question.kind == AAAA { both(60) } else { other.clone() });
        let (answers, error) = read(ask(&server.hickory(), query("a.test"))).await;
        assert_eq!((answers.len(), error.is_some()), (1, fails), "{answers:?} {error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_response_that_is_no_success_says_why() {
    is_refused(
        |response| *response.status_mut() = StatusCode::BAD_GATEWAY,
        |error| matches!(error, DohError::Status(status) if *status == 502),
    )
    .await;
    // It may lead to cleartext.
    let redirect = |response: &mut Response<Body>| {
        *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
        response.headers_mut().insert("location", HeaderValue::from_static("http://dns.test/dns-query"));
    };
    is_refused(redirect, |error| matches!(error, DohError::Status(status) if *status == 307)).await;
}

#[tokio::test(start_paused = true)]
async fn a_response_of_another_type_does_not_count() {
    for kind in ["text/html", "application/dns-json", "application/dns-message-2", "\u{fffd}"] {
        let kind = HeaderValue::from_bytes(kind.as_bytes()).unwrap();
        let set = move |response: &mut Response<_>| drop(response.headers_mut().insert("content-type", kind.clone()));
        is_refused(set, |error| matches!(error, DohError::ContentType(Some(_)))).await;
    }
    let none = |response: &mut Response<_>| drop(response.headers_mut().remove("content-type"));
    is_refused(none, |error| matches!(error, DohError::ContentType(None))).await;

    let server = Server::new(|_, query| {
        let mut said = said(&both(60), query);
        let kind = HeaderValue::from_static("Application/DNS-Message; charset=utf-8");
        said.response.headers_mut().insert("content-type", kind);
        said
    });
    assert_eq!(read(ask(&server.hickory(), query("a.test"))).await.0.len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_message_counts_if_it_is_whole_and_answers_the_question() {
    let changes: [(Change, Why); 4] = [
        // Its id, a flag, a letter of the name, its end.
        (|bytes| [&[0, 1], &bytes[2..]].concat(), |error| matches!(error, DohError::AnotherQuestion)),
        (|bytes| [&bytes[..2], &[0x83], &bytes[3..]].concat(), |error| matches!(error, DohError::Truncated)),
        (|bytes| [&bytes[..13], b"b", &bytes[14..]].concat(), |error| matches!(error, DohError::AnotherQuestion)),
        (|bytes| bytes[..bytes.len() - 1].to_vec(), |error| matches!(error, DohError::Malformed(_))),
    ];
    for (change, why) in changes {
        let server = Server::new(move |_, query| {
            let mut said = said(&both(60), query);
            *said.response.body_mut() = body(change(both(60).message(query).unwrap()));
            said
        });
        let error = ConnectError::from(error(&server).await);
        let error = error.source_as::<DohError>().unwrap();
        assert!(why(error), "{error:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn no_more_is_read_than_a_message_can_have() {
    for len in [65_536, 1 << 30] {
        is_refused(
            move |response| *response.body_mut() = body(vec![0; len]),
            |error| matches!(error, DohError::TooLong),
        )
        .await;
    }
    // One that doesn't say, and never ends.
    let read = Arc::new(AtomicUsize::new(0));
    let endless = {
        let read = Arc::clone(&read);
        move |response: &mut Response<Body>| {
            let read = Arc::clone(&read);
            let frames = std::iter::repeat_with(move || {
                read.fetch_add(1000, Ordering::Relaxed);
                Ok::<_, BoxError>(Frame::data(Bytes::from_static(&[0; 1000])))
            });
            *response.body_mut() = BodyExt::boxed_unsync(StreamBody::new(Frames(frames)));
        }
    };
    is_refused(endless, |error| matches!(error, DohError::TooLong)).await;
    assert_eq!(read.load(Ordering::Relaxed), 2 * 66_000, "for two families");
    // As long as it can be, which is no message.
    is_refused(|response| *response.body_mut() = body(vec![0; 65_535]), |error| !matches!(error, DohError::TooLong))
        .await;
}

/// Frames that are there at once.
struct Frames<I>(I);

impl<I: Iterator + Unpin> Stream for Frames<I> {
    type Item = I::Item;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<I::Item>> {
        Poll::Ready(self.0.next())
    }
}

#[tokio::test(start_paused = true)]
async fn a_request_or_a_body_that_fails_says_why() {
    let breaks = |response: &mut Response<Body>| {
        let frames = [Ok(Frame::data(Bytes::from_static(&[0; 12]))), Err("it broke".into())];
        *response.body_mut() = BodyExt::boxed_unsync(StreamBody::new(Frames(frames.into_iter())));
    };
    is_refused(breaks, |error| matches!(error, DohError::Http(cause) if cause.to_string() == "it broke")).await;

    let client = service_fn(|_: Request<String>| async { Err::<Response<Body>, BoxError>("no way".into()) });
    let (_, error) = read(ask(&Hickory::over_https(URL, client).unwrap(), query("a.test"))).await;
    let error = ConnectError::from(error.unwrap());
    assert!(matches!(error.source_as(), Some(DohError::Http(cause)) if cause.to_string() == "no way"), "{error:?}");
    assert_eq!(error.root_cause().to_string(), "no way");
}

#[tokio::test(start_paused = true)]
async fn silence_is_given_up_at_the_limit_with_what_was_found_until_then() {
    let server = Server::new(|question, query| {
        let after = if question.kind == A { Duration::ZERO } else { 3600 * SECOND };
        Said { after, ..said(&both(60), query) }
    });
    for (limit, hickory) in [(10, server.hickory()), (3, server.hickory().timeout(3 * SECOND))] {
        let start = Instant::now();
        let (answers, error) = read(ask(&hickory, query("a.test"))).await;
        assert_eq!((answers.len(), start.elapsed()), (1, limit * SECOND));
        assert!(ConnectError::from(error.unwrap()).is_timeout());
        assert_eq!(server.running.load(Ordering::Relaxed), 0, "it is under way no more");
    }
}

#[tokio::test(start_paused = true)]
async fn so_many_run_at_once_and_the_others_wait() {
    let server = Server::new(|_, query| Said { after: SECOND, ..said(&both(60), query) });
    let hickory = server.hickory();
    let asking = (0..300).map(|i| read(ask(&hickory, query(&format!("a{i}.test")))));
    let mut asking: JoinSet<_> = asking.collect();
    while let Some(found) = asking.join_next().await {
        assert_eq!(found.unwrap().0.len(), 2);
    }
    assert_eq!((server.most.load(Ordering::Relaxed), server.asked().len()), (256, 600));
}

#[tokio::test(start_paused = true)]
async fn names_of_localhost_are_never_sent() {
    let server = Server::dns(|_| both(60));
    let mut query = query("a.LocalHost");
    query.https_record = true;
    let (answers, error) = read(ask(&server.hickory(), query)).await;
    assert!(error.is_none());
    assert_eq!(answers, ["[::1]:443 for - at 0", "127.0.0.1:443 for - at 0, last"]);
    assert_eq!(server.asked(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_query_dropped_anywhere_leaves_no_request_and_harms_no_other() {
    let walked = drop_walk(
        async || {
            let server = Server::new(|question, query| {
                let records = Reply::Records(vec![https(1, "b.test", &[])], 30);
                let (reply, after) = match (&*question.name, question.kind) {
                    ("a.test", HTTPS) => (records, SECOND),
                    (_, A) => (both(60), SECOND / 2),
                    _ => (both(60), SECOND * 2),
                };
                Said { after, ..said(&reply, query) }
            });
            let hickory = server.hickory().https_delay(5 * SECOND);
            let mut query = query("a.test");
            query.https_record = true;
            let asking = ask(&hickory, query);
            let scenario = async move {
                let (answers, error) = read(asking).await;
                assert!(answers.len() == 4 && error.is_none(), "{answers:?} {error:?}");
            };
            ((server, hickory), scenario)
        },
        async |(server, hickory), _| {
            assert_eq!(server.running.load(Ordering::Relaxed), 0);
            assert_eq!(read(ask(&hickory, query("c.test"))).await.0.len(), 2);
        },
    )
    .await;
    assert!(walked.drops > 4, "{walked:?}");
}

#[test]
fn a_url_in_cleartext_is_refused() {
    let server = Server::dns(|_| both(60));
    for url in ["http://dns.test/dns-query", "dns.test", "https://a:b@dns.test/"] {
        let error = Hickory::over_https(url, server.client()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidInput, "{url}");
    }
}
