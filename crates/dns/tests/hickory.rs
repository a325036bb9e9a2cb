//! What is asked of DNS servers, and when their answers are told.

#![cfg(feature = "hickory")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use futures_core::Stream;
use skybridge_core::{Answer, ConnectError, Ctx, Families, Query};
use skybridge_dns::{Hickory, HickoryLookup, ResolveError};
use skybridge_runtime::TokioRuntime;
use skybridge_testkit::{
    closed::Closed,
    dns::{DnsServer, Question, Reply},
};
use std::{future::poll_fn, io::ErrorKind, net::IpAddr, pin::Pin, sync::Arc, task::Poll, time::Duration};
use tower::Service;

const A: u16 = 1;
const AAAA: u16 = 28;

fn ips(ips: &[&str]) -> Vec<IpAddr> {
    ips.iter().map(|ip| ip.parse().unwrap()).collect()
}

fn both(ttl: u32) -> Reply {
    Reply::Addresses(ips(&["192.0.2.1", "192.0.2.2", "2001:db8::1"]), ttl)
}

fn query(host: &str) -> Query {
    Query::new(host, 80, Ctx::new(Arc::new(TokioRuntime::current())))
}

fn of(server: &DnsServer) -> Hickory {
    Hickory::new([server.addr()]).unwrap()
}

fn ask(hickory: &Hickory, query: Query) -> HickoryLookup {
    hickory.clone().call(query).into_inner().unwrap()
}

async fn next(asking: &mut HickoryLookup) -> Option<Result<Answer, ResolveError>> {
    poll_fn(|cx| Pin::new(&mut *asking).poll_next(cx)).await
}

/// Each answer as text, and the error that ended them.
async fn read(mut asking: HickoryLookup) -> (Vec<String>, Option<ResolveError>) {
    let mut answers = Vec::new();
    loop {
        match next(&mut asking).await {
            Some(Ok(answer)) => answers.push(text(&answer)),
            Some(Err(error)) => return (answers, Some(error)),
            None => return (answers, None),
        }
    }
}

fn text(answer: &Answer) -> String {
    let addrs: Vec<_> = answer.endpoints.iter().map(ToString::to_string).collect();
    let ttl = answer.ttl.map_or_else(|| "-".to_owned(), |ttl| ttl.as_secs().to_string());
    format!("{} for {ttl}{}", addrs.join(" "), if answer.last { ", last" } else { "" })
}

async fn error(server: &DnsServer) -> ResolveError {
    let (answers, error) = read(ask(&of(server), query("a.test"))).await;
    assert_eq!(answers, Vec::<String>::new());
    error.unwrap()
}

/// The answers of both families, which come in any order.
async fn found(server: &DnsServer) -> Vec<String> {
    let (mut answers, error) = read(ask(&of(server), query("a.test"))).await;
    assert!(error.is_none(), "{error:?}");
    let last = answers.last_mut().unwrap();
    *last = last.strip_suffix(", last").unwrap().to_owned();
    answers.sort();
    answers
}

#[tokio::test]
async fn both_families_are_asked_for_at_once_and_told_with_their_ttl_as_they_come() {
    for (late, first, then) in [
        (A, "[2001:db8::1]:80 for 60", "192.0.2.1:80 192.0.2.2:80 for 300, last"),
        (AAAA, "192.0.2.1:80 192.0.2.2:80 for 300", "[2001:db8::1]:80 for 60, last"),
    ] {
        let reply = move |question: &Question| {
            let reply = both(if question.kind == A { 300 } else { 60 });
            if question.kind == late { Reply::Held(Box::new(reply)) } else { reply }
        };
        let server = DnsServer::start(reply).await;
        let mut asking = ask(&of(&server), query("a.test"));
        assert_eq!(text(&next(&mut asking).await.unwrap().unwrap()), first);
        poll_fn(|cx| {
            assert!(Pin::new(&mut asking).poll_next(cx).is_pending());
            if server.asked().len() == 2 {
                return Poll::Ready(());
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
        server.release();
        assert_eq!(text(&next(&mut asking).await.unwrap().unwrap()), then);
        assert!(next(&mut asking).await.is_none());
        let mut asked = server.asked();
        asked.sort();
        assert_eq!(asked, ["a.test A", "a.test AAAA"], "each once");
    }
}

#[tokio::test]
async fn only_the_families_wanted_are_asked_for() {
    let server = DnsServer::start(|_| both(60)).await;
    for (families, expected) in
        [(Families::V4, "192.0.2.1:80 192.0.2.2:80 for 60, last"), (Families::V6, "[2001:db8::1]:80 for 60, last")]
    {
        let mut query = query("a.test");
        query.families = families;
        let (answers, error) = read(ask(&of(&server), query)).await;
        assert_eq!(answers, [expected], "{error:?}");
    }
    assert_eq!(server.asked(), ["a.test A", "a.test AAAA"]);
}

#[tokio::test]
async fn that_there_is_none_of_one_family_is_no_error_and_a_failure_of_one_is_told_last() {
    let v4 = "192.0.2.1:80 for 60";
    let none = DnsServer::start(|_| Reply::Addresses(ips(&["192.0.2.1"]), 60)).await;
    let (answers, error) = read(ask(&of(&none), query("a.test"))).await;
    assert!(error.is_none() && answers == [format!("{v4}, last")], "{answers:?} {error:?}");
    let reply = |question: &Question| match question.kind {
        A => Reply::Addresses(ips(&["192.0.2.1"]), 60),
        _ => Reply::Fail,
    };
    let fails = DnsServer::start(reply).await;
    let (answers, error) = read(ask(&of(&fails), query("a.test"))).await;
    assert!(matches!(error, Some(ResolveError::Io { .. })), "{error:?}");
    assert_eq!(answers, [v4]);
}

#[tokio::test]
async fn errors_say_whether_the_name_is_there() {
    let not_found = error(&DnsServer::start(|_| Reply::NotFound).await).await;
    assert!(matches!(not_found, ResolveError::NotFound { .. }), "{not_found:?}");
    let none = error(&DnsServer::start(|_| Reply::Addresses(vec![], 60)).await).await;
    assert!(matches!(none, ResolveError::NoAddresses { .. }), "{none:?}");
    let failed = error(&DnsServer::start(|_| Reply::Fail).await).await;
    assert!(matches!(failed, ResolveError::Io { .. }), "{failed:?}");
    assert!(std::error::Error::source(&failed).is_some() && failed.host() == "a.test");
    let host = format!("{}.test", "a".repeat(64));
    let server = DnsServer::start(|_| both(60)).await;
    let (_, error) = read(ask(&of(&server), query(&host))).await;
    assert!(matches!(error, Some(ResolveError::NotFound { .. })), "a label of 64 bytes: {error:?}");
    assert_eq!(server.asked(), Vec::<String>::new());
}

#[tokio::test]
async fn silence_is_given_up_at_the_limit() {
    let server = DnsServer::start(|_| Reply::Silence).await;
    let hickory = of(&server).timeout(Duration::from_millis(20));
    let (_, error) = read(ask(&hickory, query("a.test"))).await;
    assert!(ConnectError::from(error.unwrap()).is_timeout());
}

#[tokio::test]
async fn a_lost_packet_is_sent_again_and_a_long_answer_comes_by_tcp() {
    let reply = |question: &Question| match question {
        Question { before: 0, .. } => Reply::Silence,
        Question { tcp: false, .. } => Reply::Truncated,
        _ => both(60),
    };
    let server = DnsServer::start(reply).await;
    let mut query = query("a.test");
    query.families = Families::V4;
    let (answers, error) = read(ask(&of(&server), query)).await;
    assert_eq!(answers, ["192.0.2.1:80 192.0.2.2:80 for 60, last"], "{error:?}");
    assert_eq!(server.asked(), ["a.test A", "a.test A", "a.test A tcp"]);
}

#[tokio::test]
async fn an_alias_is_followed_and_kept_no_longer_than_its_shortest_part() {
    let server = DnsServer::start(|_| Reply::Alias("b.test", 30, ips(&["192.0.2.1", "2001:db8::1"]), 60)).await;
    assert_eq!(found(&server).await, ["192.0.2.1:80 for 30", "[2001:db8::1]:80 for 30"]);
}

#[tokio::test]
async fn another_server_answers_where_one_does_not() {
    let reply = |_: &Question| Reply::Addresses(ips(&["192.0.2.1"]), 60);
    let (silent, server) = (DnsServer::start(|_| Reply::Silence).await, DnsServer::start(reply).await);
    let hickory = Hickory::new([silent.addr(), server.addr()]).unwrap();
    assert_eq!(read(ask(&hickory, query("a.test"))).await.0, ["192.0.2.1:80 for 60, last"]);
    assert_eq!(Hickory::new([]).unwrap_err().kind(), ErrorKind::InvalidInput);
}

/// As when a name server of the network is down: the system is told that nobody listens (ICMP).
#[tokio::test]
async fn a_server_that_is_not_there_is_not_waited_for() {
    let nobody = [0; 4].map(|_| Closed::udp());
    let (_, error) = read(ask(&Hickory::new([nobody[0].addr()]).unwrap(), query("a.test"))).await;
    let Some(ResolveError::Io { source, .. }) = &error else { panic!("{error:?}") };
    assert!(matches!(source.kind(), ErrorKind::ConnectionRefused | ErrorKind::ConnectionReset), "{source:?}");

    let server = DnsServer::start(|_| both(60)).await;
    // Two are asked at once, and one is waited for up to 5 s.
    let servers = nobody.iter().map(Closed::addr).chain([server.addr()]);
    let hickory = Hickory::new(servers).unwrap().timeout(Duration::from_secs(4));
    let (answers, error) = read(ask(&hickory, query("a.test"))).await;
    assert!(answers.len() == 2 && error.is_none(), "{answers:?} {error:?}");
}

#[tokio::test]
async fn names_of_localhost_are_never_sent() {
    let server = DnsServer::start(|_| both(60)).await;
    let (answers, error) = read(ask(&of(&server), query("a.LocalHost"))).await;
    assert!(error.is_none());
    assert_eq!(answers, ["[::1]:80 for -", "127.0.0.1:80 for -, last"]);
    assert_eq!(server.asked(), Vec::<String>::new());
}

/// A query that is dropped asks no more: a server that says nothing is asked again otherwise.
#[tokio::test]
async fn a_query_that_is_dropped_is_not_sent_again() {
    let server = DnsServer::start(|question| if question.name == "a.test" { Reply::Silence } else { both(60) }).await;
    let hickory = of(&server);
    let mut asking = ask(&hickory, query("a.test"));
    poll_fn(|cx| {
        assert!(Pin::new(&mut asking).poll_next(cx).is_pending());
        if server.asked().len() < 2 {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(())
    })
    .await;
    drop(asking);
    // Longer than until a packet is sent again, by the same clock.
    let reply = |question: &Question| if question.before < 2 { Reply::Silence } else { both(60) };
    let other = DnsServer::start(reply).await;
    assert_eq!(read(ask(&of(&other), query("b.test"))).await.0.len(), 2);
    assert_eq!(server.asked().len(), 2);
    // The others' answers are unharmed.
    assert_eq!(read(ask(&hickory, query("c.test"))).await.0.len(), 2);
}
