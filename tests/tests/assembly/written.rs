//! The programs of `ui/`, written as people write them: with foreign layers between ours. What is asserted is that our
//! sentences occur, not the compiler's around them.

use super::package::{Source, check};
use std::path::Path;

const RIGHT: [&str; 2] = ["right_order", "right_stack"];

/// A program, and sentences that the compiler must print.
const WRONG: &[(&str, &[&str])] = &[
    (
        "pool_over_race",
        &["does not plan how to reach a `Target`", "this layer belongs directly above a planner", ORDER],
    ),
    (
        "pool_over_negotiate",
        &["does not plan how to reach a `Target`", "this layer belongs directly above a planner", ORDER],
    ),
    (
        "pool_over_retry",
        &["does not carry a `Request<", "a retry layer belongs directly above what carries requests", ORDER],
    ),
    (
        "route_over_tcp",
        &[
            "does not make a connection of a `Route`",
            "a route layer belongs directly above what makes HTTP connections",
            ORDER,
        ],
    ),
    ("route_over_race", &["is not an HTTP connection", "is `NegotiateLayer` missing below it?", ORDER]),
    ("no_negotiate_over_ones_own", &["is not an HTTP connection", "is `NegotiateLayer` missing below it?", ORDER]),
    ("negotiate_over_tcp", &["does not connect a `Route`", "this layer belongs directly above a connector", ORDER]),
    ("race_over_route", &["does not dial a single `Attempt`", "a race belongs directly above a dialer", ORDER]),
    (
        "retry_over_negotiate",
        &["does not carry a `Request<", "a retry layer belongs directly above what carries requests", ORDER],
    ),
    (
        "another_error_under_retry",
        &["does not carry a `Request<", "makes another error of it, in which no request comes back", ORDER],
    ),
    (
        "hyper_over_tls",
        &["does not plan how to reach a `Target`", "this layer belongs directly above a planner", UNDER],
    ),
    ("hyper_over_negotiate", &["does not become a `Link`", "the client above speaks HTTP itself", UNDER]),
    (
        "hyper_under_route",
        &["does not plan how to reach a `Target`", "this layer belongs directly above a planner", UNDER],
    ),
    ("tunnel_proxy_tls_with_a_layer", &["does not make TLS connections to a proxy", "`TlsLayer::proxy_connector`"]),
    ("a_rate_limit_over_route", &["does not plan how to reach a `Target`", "Response = impl Plan> + Clone`", ORDER]),
    ("builder_with_a_layer_of_attempts_above_race", &["does not plan how to reach a `Target`", ORDER]),
    (
        "proxies_as_text",
        &[
            "`&str` is not a chain of proxies",
            "`[&str; 1]` is not a chain of proxies",
            "`skybridge::Proxy` is not a chain of proxies",
            "one proxy for everything is `[[Proxy::parse(",
        ],
    ),
    ("builder_with_a_rate_limit_above_retry", &["does not belong above retry", "Response = Response<_>> + Clone`"]),
];

const ORDER: &str = "from the top: RetryLayer, PoolLayer, RouteLayer, NegotiateLayer,";
const UNDER: &str = "under a foreign client: HyperLayer, RouteLayer, TlsLayer,";

#[test]
fn wrong_orders_are_told_in_our_words() {
    let ui = Path::new(env!("CARGO_MANIFEST_DIR")).join("ui");
    let names = WRONG.iter().map(|(program, _)| *program).chain(RIGHT);
    let programs: Vec<_> =
        names.map(|name| (name.to_owned(), Source::File(ui.join(name).with_extension("rs")))).collect();
    let checked = check("ui", &programs);
    for program in RIGHT {
        assert!(checked.errors(program).is_none(), "{}", checked.errors(program).unwrap_or_default());
    }
    let mut missing = String::new();
    for (program, sentences) in WRONG {
        let Some(errors) = checked.errors(program) else {
            missing += &format!("\n=== {program} compiles");
            continue;
        };
        let lost: Vec<_> = sentences.iter().filter(|sentence| !errors.contains(**sentence)).collect();
        if !lost.is_empty() {
            missing += &format!("\n=== {program}: {lost:?} not in:\n{errors}");
        }
    }
    assert!(missing.is_empty(), "{missing}");
}
