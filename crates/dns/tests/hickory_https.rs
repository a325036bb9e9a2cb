//! What is made of HTTPS records (RFC 9460): whom they lead to, and when.

#![cfg(feature = "hickory")]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use futures_core::Stream;
use skybridge_core::{Answer, ConnectError, Ctx, Families, Query};
use skybridge_dns::{Hickory, HickoryLookup, ResolveError};
use skybridge_runtime::TokioRuntime;
use skybridge_testkit::dns::{DnsServer, Question, Reply, https};
use std::{collections::HashSet, future::poll_fn, net::IpAddr, pin::Pin, sync::Arc, task::Poll, time::Duration};
use tower::Service;

const HTTPS: u16 = 65;
/// Keys of parameters (RFC 9460, section 14.3.2).
const MANDATORY: u16 = 0;
const ALPN: u16 = 1;
const NO_DEFAULT_ALPN: u16 = 2;
const PORT: u16 = 3;
const IPV4_HINT: u16 = 4;
const ECH: u16 = 5;
const IPV6_HINT: u16 = 6;
const H2: (u16, &[u8]) = (ALPN, b"\x02h2");
const H3: (u16, &[u8]) = (ALPN, b"\x02h3");
const PORT_8443: (u16, &[u8]) = (PORT, &8443_u16.to_be_bytes());

/// These HTTPS records of `a.test`, and for each `X.test` the address 192.0.2.N, where N is X's place in the alphabet.
fn with(records: Vec<Vec<u8>>) -> impl Fn(&Question) -> Reply + Clone + Send + Sync + 'static {
    move |question| match (&*question.name, question.kind) {
        ("a.test", HTTPS) => Reply::Records(records.clone(), 30),
        (_, HTTPS) => Reply::Addresses(vec![], 60),
        (name, _) => address_of(name),
    }
}

fn address_of(name: &str) -> Reply {
    let last = name.strip_suffix(".test").and_then(|name| name.bytes().next_back());
    let address = |letter: u8| IpAddr::from([192, 0, 2, letter - b'a' + 1]);
    last.map_or(Reply::NotFound, |letter| Reply::Addresses(vec![address(letter)], 60))
}

fn query(port: u16) -> Query {
    let mut query = Query::new("a.test", port, Ctx::new(Arc::new(TokioRuntime::current())));
    query.https_record = true;
    query
}

fn ask(server: &DnsServer, query: Query) -> HickoryLookup {
    // Far longer than all that answer take.
    let hickory = Hickory::new([server.addr()]).unwrap().https_delay(Duration::from_secs(5));
    hickory.clone().call(query).into_inner().unwrap()
}

async fn next(asking: &mut HickoryLookup) -> Option<Result<Answer, ResolveError>> {
    poll_fn(|cx| Pin::new(&mut *asking).poll_next(cx)).await
}

fn text(answer: &Answer) -> String {
    let addrs: Vec<_> = answer.endpoints.iter().map(ToString::to_string).collect();
    let Some(service) = &answer.service else { return addrs.join(" ") };
    let versions = match (service.http1, service.http2) {
        (true, true) => "h1 h2",
        (true, false) => "h1",
        _ => "h2",
    };
    let early = if answer.early { " early" } else { "" };
    format!("{} by {} {} {versions}{early}", addrs.join(" "), service.priority, service.target)
}

/// Each answer as text, in order.
async fn read(mut asking: HickoryLookup) -> Vec<String> {
    let mut answers = Vec::new();
    while let Some(answer) = next(&mut asking).await {
        answers.push(text(&answer.unwrap()));
    }
    answers
}

/// Polls it, which is pending, until this is so.
async fn until(asking: &mut HickoryLookup, is_so: impl Fn() -> bool) {
    poll_fn(|cx| {
        assert!(Pin::new(&mut *asking).poll_next(cx).is_pending());
        if is_so() {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

async fn found(records: Vec<Vec<u8>>) -> Vec<String> {
    read(ask(&DnsServer::start(with(records)).await, query(443))).await
}

const OWN: &str = "192.0.2.1:443";

#[tokio::test]
async fn the_record_is_asked_for_where_it_is_wanted_and_beside_the_addresses() {
    let server = DnsServer::start(with(vec![https(1, ".", &[H2])])).await;
    let mut without = query(443);
    without.https_record = false;
    assert_eq!(read(ask(&server, without)).await, [OWN]);
    assert!(!server.asked().contains(&"a.test HTTPS".to_owned()));
    assert_eq!(read(ask(&server, query(443))).await, ["192.0.2.1:443 by 1 a.test h1 h2", OWN]);
    let mut asked = server.asked().split_off(2);
    asked.sort();
    assert_eq!(asked, ["a.test A", "a.test AAAA", "a.test HTTPS"], "its own addresses are asked for once");

    let hickory = Hickory::new([server.addr()]).unwrap().https_delay(Duration::ZERO);
    assert_eq!(read(hickory.clone().call(query(443)).into_inner().unwrap()).await, [OWN]);
    let mut local = query(443);
    local.host = "a.localhost".into();
    assert_eq!(read(ask(&server, local)).await, ["[::1]:443", "127.0.0.1:443"]);
    assert_eq!(server.asked().iter().filter(|asked| asked.contains("HTTPS")).count(), 1);
}

#[tokio::test]
async fn off_443_its_name_has_the_port() {
    let reply = |question: &Question| match (&*question.name, question.kind) {
        ("_8080._https.a.test", HTTPS) => Reply::Records(vec![https(1, "b.test", &[H2])], 30),
        (name, _) => address_of(name),
    };
    let server = DnsServer::start(reply).await;
    assert_eq!(read(ask(&server, query(8080))).await, ["192.0.2.2:8080 by 1 b.test h1 h2", "192.0.2.1:8080"]);
}

#[tokio::test]
async fn services_come_by_priority_each_at_its_port_and_the_name_itself_last() {
    let records = vec![
        https(3, "d.test", &[]),
        https(1, "c.test", &[H2, (NO_DEFAULT_ALPN, b""), PORT_8443]),
        https(2, ".", &[(ALPN, b"\x02h3\x02h2"), PORT_8443]),
    ];
    let expected =
        ["192.0.2.3:8443 by 1 c.test h2", "192.0.2.1:8443 by 2 a.test h1 h2", "192.0.2.4:443 by 3 d.test h1", OWN];
    assert_eq!(found(records).await, expected);
}

#[tokio::test]
async fn equal_priorities_come_in_any_order() {
    let records = vec![https(1, "c.test", &[]), https(1, "d.test", &[])];
    let server = DnsServer::start(with(records)).await;
    let mut firsts = HashSet::new();
    for _ in 0..64 {
        firsts.insert(read(ask(&server, query(443))).await.swap_remove(0));
        if firsts.len() == 2 {
            return;
        }
    }
    assert_eq!(firsts.len(), 2);
}

#[tokio::test]
async fn what_we_do_not_speak_or_know_or_must_not_use_is_passed_over() {
    let records = vec![
        https(1, "c.test", &[H3, (NO_DEFAULT_ALPN, b"")]),
        https(2, "c.test", &[(MANDATORY, &99_u16.to_be_bytes()), (99, b"x")]),
        https(3, "c.test", &[(NO_DEFAULT_ALPN, b"")]),
        https(4, "c.test", &[(PORT, &[0, 0])]),
        https(5, "b.localhost", &[]),
        https(6, "d.test", &[(MANDATORY, &PORT.to_be_bytes()), PORT_8443, (99, b"x")]),
    ];
    assert_eq!(found(records).await, ["192.0.2.4:8443 by 6 d.test h1", OWN]);
}

#[tokio::test]
async fn one_malformed_record_spoils_the_others() {
    let malformed: [&[(u16, &[u8])]; 10] = [
        &[(MANDATORY, &PORT.to_be_bytes())],
        &[(MANDATORY, &MANDATORY.to_be_bytes()), PORT_8443],
        &[(MANDATORY, &[0, 3, 0, 3]), PORT_8443],
        &[(MANDATORY, b"")],
        &[(ALPN, b"\x00")],
        &[(ALPN, b"\x05h2")],
        &[PORT_8443, H2],
        &[(PORT, b"\x01")],
        &[(IPV4_HINT, b"")],
        &[(IPV6_HINT, &[1; 15])],
    ];
    for parameters in malformed {
        let records = vec![https(1, "c.test", &[H2]), https(2, "d.test", parameters)];
        assert_eq!(found(records).await, [OWN], "{parameters:?}");
    }
}

#[tokio::test]
async fn an_alias_is_followed_to_its_services_or_else_to_its_addresses() {
    let reply = |question: &Question| match (&*question.name, question.kind) {
        ("a.test", HTTPS) => Reply::Records(vec![https(1, "c.test", &[]), https(0, "b.test", &[])], 30),
        ("b.test", HTTPS) => Reply::Records(vec![https(0, "d.test", &[])], 30),
        ("d.test", HTTPS) => Reply::Records(vec![https(7, ".", &[H2])], 30),
        (name, _) => address_of(name),
    };
    let answers = read(ask(&DnsServer::start(reply).await, query(443))).await;
    assert_eq!(answers, ["192.0.2.4:443 by 7 d.test h1 h2", "192.0.2.4:443 by 65535 d.test h1 h2", OWN]);
    assert_eq!(found(vec![https(0, "e.test", &[])]).await, ["192.0.2.5:443 by 65535 e.test h1 h2", OWN]);
    assert_eq!(found(vec![https(0, ".", &[])]).await, [OWN], "it leads nowhere");
    assert_eq!(found(vec![https(0, "b.localhost", &[])]).await, [OWN]);
}

#[tokio::test]
async fn aliases_that_lead_on_and_on_are_given_up() {
    let reply = |question: &Question| match question.kind {
        HTTPS => Reply::Records(vec![https(0, &format!("x{}", question.name), &[])], 30),
        _ => address_of(&question.name),
    };
    let server = DnsServer::start(reply).await;
    assert_eq!(read(ask(&server, query(443))).await, [OWN]);
    assert_eq!(server.asked().iter().filter(|asked| asked.contains("HTTPS")).count(), 9);
}

#[tokio::test]
async fn a_name_with_no_addresses_of_its_own_is_reached_by_its_record() {
    let reply = |question: &Question| match (&*question.name, question.kind) {
        ("a.test", HTTPS) => Reply::Held(Box::new(Reply::Records(vec![https(1, "c.test", &[])], 30))),
        ("a.test", _) => Reply::Addresses(vec![], 60),
        (name, _) => address_of(name),
    };
    let server = DnsServer::start(reply).await;
    let hickory = Hickory::new([server.addr()]).unwrap().https_delay(Duration::from_millis(1));
    let mut asking = hickory.clone().call(query(443)).into_inner().unwrap();
    until(&mut asking, || server.asked().len() == 3).await;
    server.release();
    assert_eq!(read(asking).await, ["192.0.2.3:443 by 1 c.test h1"]);
}

/// The hints of a family come before its addresses, and not where these are there.
#[tokio::test]
async fn hints_stand_in_for_the_addresses_of_a_service() {
    let hints: &[(u16, &[u8])] = &[(IPV4_HINT, &[192, 0, 2, 77]), (IPV6_HINT, &[0x20; 16])];
    let records = vec![https(1, "c.test", hints)];
    let reply = move |question: &Question| match (&*question.name, question.kind) {
        ("c.test", 1 | 28) => Reply::Held(Box::new(address_of("c.test"))),
        _ => with(records.clone())(question),
    };
    let server = DnsServer::start(reply).await;
    let mut v4 = query(443);
    v4.families = Families::V4;
    let mut asking = ask(&server, v4);
    assert_eq!(text(&next(&mut asking).await.unwrap().unwrap()), "192.0.2.77:443 by 1 c.test h1 early");
    assert_eq!(text(&next(&mut asking).await.unwrap().unwrap()), OWN);
    until(&mut asking, || server.asked().contains(&"c.test A".to_owned())).await;
    server.release();
    assert_eq!(read(asking).await, ["192.0.2.3:443 by 1 c.test h1"]);

    // Those of the name itself are there when the record comes.
    let records = vec![https(1, ".", hints)];
    let reply = move |question: &Question| match question.kind {
        HTTPS => Reply::Held(Box::new(with(records.clone())(question))),
        _ => address_of(&question.name),
    };
    let server = DnsServer::start(reply).await;
    let mut asking = ask(&server, query(443));
    until(&mut asking, || server.asked().len() == 3).await;
    server.release();
    assert_eq!(read(asking).await, ["192.0.2.1:443 by 1 a.test h1", OWN]);
}

/// A connect takes so many addresses of a family: were all of them hints, the true ones would be left out.
#[tokio::test]
async fn hints_leave_room_for_the_addresses() {
    let hints: Vec<u8> = (100..116).flat_map(|last| [192, 0, 2, last]).collect();
    let records: Vec<_> = (1..9).map(|priority| https(priority, "c.test", &[(IPV4_HINT, &hints)])).collect();
    let reply = move |question: &Question| match (&*question.name, question.kind) {
        ("c.test", 1 | 28) => Reply::Held(Box::new(address_of("c.test"))),
        _ => with(records.clone())(question),
    };
    let server = DnsServer::start(reply).await;
    let mut asking = ask(&server, query(443));
    let mut early = 0;
    while let Some(answer) = next(&mut asking).await.map(Result::unwrap).filter(|answer| answer.early) {
        early += answer.endpoints.len();
    }
    assert_eq!(early, 8 * 4);
}

#[tokio::test]
async fn a_record_that_does_not_come_holds_nothing_up() {
    let reply = |question: &Question| match question.kind {
        HTTPS => Reply::Silence,
        _ => address_of(&question.name),
    };
    let server = DnsServer::start(reply).await;
    let hickory = Hickory::new([server.addr()]).unwrap();
    let mut asking = hickory.clone().call(query(443)).into_inner().unwrap();
    let reading = async { [next(&mut asking).await, next(&mut asking).await, next(&mut asking).await] };
    // Also the end, for which all wait whose connects have failed: far ahead of the time limit of 10 s.
    let read = tokio::time::timeout(Duration::from_secs(5), reading).await.unwrap();
    let [Some(Ok(answer)), Some(Err(error)), None] = read else { panic!("{read:?}") };
    assert_eq!((text(&answer), answer.last), (OWN.to_owned(), false));
    assert!(ConnectError::from(error).is_timeout(), "there may be more");
}

#[tokio::test]
async fn addresses_of_a_service_that_do_not_come_hold_up_no_others() {
    let reply = move |question: &Question| match &*question.name {
        "c.test" => Reply::Silence,
        _ => with(vec![https(1, "c.test", &[]), https(2, "d.test", &[])])(question),
    };
    let server = DnsServer::start(reply).await;
    let hickory = Hickory::new([server.addr()]).unwrap();
    let mut asking = hickory.clone().call(query(443)).into_inner().unwrap();
    let first =
        async { [next(&mut asking).await, next(&mut asking).await].map(|answer| text(&answer.unwrap().unwrap())) };
    let answers = tokio::time::timeout(Duration::from_secs(5), first).await.unwrap();
    assert_eq!(answers, ["192.0.2.4:443 by 2 d.test h1", OWN]);
}

#[tokio::test]
async fn answers_live_no_longer_than_the_record_and_have_its_configuration_of_ech() {
    let server = DnsServer::start(with(vec![https(1, ".", &[(ECH, b"list")])])).await;
    let mut asking = ask(&server, query(443));
    let (by_record, own) = (next(&mut asking).await.unwrap().unwrap(), next(&mut asking).await.unwrap().unwrap());
    assert_eq!(by_record.service.unwrap().ech.as_deref(), Some(&b"list"[..]));
    assert_eq!((by_record.ttl, own.ttl), (Some(Duration::from_secs(30)), Some(Duration::from_secs(60))));
    assert!(!by_record.last && own.last);
}
