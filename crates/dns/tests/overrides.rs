//! Overrides above any resolver, and one that always answers the same.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use futures_core::Stream;
use skybridge_core::{Answer, ConnectError, Ctx, Endpoint, Families, Phase, Query, Resolver};
use skybridge_dns::{Fixed, OverridesLayer, ResolveError};
use skybridge_runtime::TokioRuntime;
use std::{
    convert::Infallible,
    future::{Ready, poll_fn, ready},
    path::PathBuf,
    pin::{Pin, pin},
    sync::Arc,
    task::{Context, Poll},
};
use tower::{Layer, service_fn};

fn at(addr: &str) -> Endpoint {
    Endpoint::Inet(addr.parse().unwrap())
}

fn query(host: &str, port: u16) -> Query {
    Query::new(host, port, Ctx::new(Arc::new(TokioRuntime::current())))
}

async fn ask<R: Resolver>(resolver: &R, query: Query) -> Result<Vec<Endpoint>, ConnectError> {
    let mut resolver = resolver.clone();
    poll_fn(|cx| resolver.poll_ready(cx)).await.map_err(Into::into)?;
    let mut answers = pin!(resolver.resolve(query).await.map_err(Into::into)?);
    let mut all = Vec::new();
    while let Some(answer) = poll_fn(|cx| answers.as_mut().poll_next(cx)).await {
        all.extend(answer.map_err(Into::into)?.endpoints);
    }
    Ok(all)
}

#[tokio::test]
async fn overridden_names_are_answered_in_the_order_given_and_others_asked_below() {
    let layer = OverridesLayer::new().host("A.test.", [at("127.0.0.2:0"), at("127.0.0.1:9")]).host_port(
        "a.test",
        443,
        [at("127.0.0.3:0")],
    );
    let resolver = layer.layer(Fixed::new([at("10.0.0.1:0")]));
    assert_eq!(ask(&resolver, query("a.test", 80)).await.unwrap(), [at("127.0.0.2:80"), at("127.0.0.1:9")]);
    assert_eq!(ask(&resolver, query("a.TEST", 443)).await.unwrap(), [at("127.0.0.3:443")]);
    assert_eq!(ask(&resolver, query("b.test", 80)).await.unwrap(), [at("10.0.0.1:80")]);
}

#[tokio::test]
async fn an_entry_for_all_hosts_of_a_port_comes_after_those_of_a_host() {
    let layer = OverridesLayer::new().port(443, [at("127.0.0.1:0")]).host("a.test", [at("127.0.0.2:0")]);
    let resolver = layer.host_port("b.test", 80, [at("127.0.0.3:0")]).layer(Fixed::new([at("10.0.0.1:0")]));
    for (host, port, endpoint) in [
        ("a.test", 443, "127.0.0.2:443"),
        ("b.test", 443, "127.0.0.1:443"),
        ("c.test", 443, "127.0.0.1:443"),
        ("c.test", 80, "10.0.0.1:80"),
    ] {
        assert_eq!(ask(&resolver, query(host, port)).await.unwrap(), [at(endpoint)], "{host}:{port}");
    }
}

#[tokio::test]
async fn a_later_entry_replaces_an_earlier_one_and_clones_are_not_touched() {
    let first = OverridesLayer::new().host("a.test", [at("127.0.0.1:0")]);
    let second = first.clone().host("a.test", [at("127.0.0.2:0")]);
    let inner = Fixed::new([]);
    assert_eq!(ask(&first.layer(inner.clone()), query("a.test", 80)).await.unwrap(), [at("127.0.0.1:80")]);
    assert_eq!(ask(&second.layer(inner), query("a.test", 80)).await.unwrap(), [at("127.0.0.2:80")]);
}

#[tokio::test]
async fn an_override_may_be_a_unix_socket_and_knows_families() {
    let unix = Endpoint::from(PathBuf::from("/run/a"));
    let resolver = OverridesLayer::new()
        .host("unix.test", [unix.clone()])
        .host("v4.test", [at("127.0.0.1:0")])
        .host("nothing.test", [])
        .layer(Fixed::new([at("10.0.0.1:0")]));
    assert_eq!(ask(&resolver, query("unix.test", 80)).await.unwrap(), [unix]);
    let mut v6 = query("v4.test", 80);
    v6.families = Families::V6;
    for query in [v6, query("nothing.test", 80)] {
        let error = ask(&resolver, query).await.unwrap_err();
        assert!(matches!(error.source_as(), Some(ResolveError::NoAddresses { .. })), "not asked below: {error:?}");
        assert_eq!(error.phase(), Some(Phase::Resolve));
    }
}

/// A resolver that gives two answers, one after the other.
struct Two(u16);

impl Stream for Two {
    type Item = Result<Answer, ConnectError>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0 += 1;
        let answer = Answer::only([Endpoint::from(([10, 0, 0, 1], self.0))]);
        Poll::Ready((self.0 <= 2).then_some(Ok(answer)))
    }
}

#[tokio::test]
async fn a_stream_from_below_comes_through_answer_by_answer() {
    let inner = service_fn(|_: Query| -> Ready<Result<Two, Infallible>> { ready(Ok(Two(0))) });
    let resolver = OverridesLayer::new().layer(inner);
    assert_eq!(ask(&resolver, query("a.test", 80)).await.unwrap(), [at("10.0.0.1:1"), at("10.0.0.1:2")]);
}

#[tokio::test]
async fn an_error_from_below_comes_through() {
    let inner = service_fn(|_: Query| -> Ready<Result<Two, ConnectError>> {
        ready(Err(ConnectError::new(Phase::Resolve, std::io::Error::other("down"))))
    });
    let error = ask(&OverridesLayer::new().layer(inner), query("a.test", 80)).await.unwrap_err();
    assert_eq!(error.root_cause().to_string(), "down");
}

#[cfg(feature = "idn")]
#[tokio::test]
async fn a_name_that_is_not_ascii_is_overridden_under_the_name_that_is_asked_for() {
    for name in ["bücher.test", "BÜCHER.test.", "bücher\u{3002}test\u{3002}", "XN--bcher-kva.test"] {
        let layer = OverridesLayer::new().host_port(name, 80, [at("127.0.0.2:0")]);
        let resolver = layer.layer(Fixed::new([at("10.0.0.1:0")]));
        assert_eq!(ask(&resolver, query("xn--bcher-kva.test", 80)).await.unwrap(), [at("127.0.0.2:80")], "{name}");
    }
}

/// What was to go to a place of its own would go elsewhere.
#[tokio::test]
async fn where_an_override_is_for_no_host_nothing_is_resolved() {
    let layer = OverridesLayer::new().host("a\u{ff0f}b.test", [at("127.0.0.2:0")]).host("a.test", [at("127.0.0.2:0")]);
    let resolver = layer.layer(Fixed::new([at("10.0.0.1:0")]));
    for host in ["a.test", "b.test"] {
        let error = ask(&resolver, query(host, 80)).await.unwrap_err();
        assert!(error.is_fatal() && error.root_cause().to_string().contains("`a\u{ff0f}b.test`"), "{error:?}");
    }
}
