//! What the egress policy is asked of a route by proxies: each thing that one of them would be asked for.

use skybridge_core::{ConnectOptions, Egress, EgressRule, Key, Proxy};
use skybridge_testkit::{executor::Executor, fixtures};
use std::sync::Arc;

const P: &str = "http://1.1.1.1:3128";
/// A private address, as a proxy's and as an origin's.
const Q: &str = "http://10.0.0.1:3128";
const AT_Q: &str = "10.0.0.1:3128";
const NAMED: &str = "http://q.test:8080";

struct Case {
    origin: &'static str,
    proxies: &'static [&'static str],
    /// The address that the last proxy is asked for, whatever the origin's name.
    proxy_target: Option<&'static str>,
    /// The host that is connected to in place of the origin's.
    other: Option<&'static str>,
    egress: Egress,
    /// What is refused.
    refused: Option<&'static str>,
}

fn case(origin: &'static str, proxies: &'static [&'static str], egress: Egress) -> Case {
    Case { origin, proxies, proxy_target: None, other: None, egress, refused: None }
}

impl Case {
    fn at(self, proxy_target: &'static str) -> Self {
        Self { proxy_target: Some(proxy_target), ..self }
    }

    fn instead(self, other: &'static str) -> Self {
        Self { other: Some(other), ..self }
    }

    fn refuses(self, refused: &'static str) -> Self {
        Self { refused: Some(refused), ..self }
    }
}

#[tokio::test]
async fn each_proxy_is_judged_for_what_it_would_be_asked_for() {
    let public = Egress::public;
    let proxies_anywhere = || Egress::public().allow_proxy(EgressRule::new());
    let to_a = || Egress::public().allow(EgressRule::new().host("a.test").unwrap());
    let not_8080 = || Egress::any().deny(EgressRule::new().port(8080));
    let rows = [
        case("https://9.9.9.9", &[P], public()),
        case("https://10.0.0.2", &[P], public()).refuses("10.0.0.2:443"),
        // The next proxy is one, and its address no origin's.
        case("https://9.9.9.9", &[P, P], public()),
        case("https://9.9.9.9", &[P, Q], public()).refuses(AT_Q),
        case("https://9.9.9.9", &[P, Q], proxies_anywhere()),
        case("https://9.9.9.9", &[P, Q, P], public()).refuses(AT_Q),
        case("https://10.0.0.1:3128", &[P], proxies_anywhere()).refuses(AT_Q),
        // An address that was resolved or dialled instead is the origin's.
        case("https://a.test", &[P], public()).at("9.9.9.9:443"),
        case("https://a.test", &[P], public()).at(AT_Q).refuses(AT_Q),
        case("https://a.test", &[P], proxies_anywhere()).at(AT_Q).refuses(AT_Q),
        case("https://a.test", &[P], to_a()).at(AT_Q),
        case("https://a.test", &[P, Q], to_a()).at(AT_Q).refuses(AT_Q),
        // Names: of the origin, of the next proxy, of another host.
        case("https://a.test", &[P], public()).refuses("a.test:443"),
        case("https://a.test", &[P], to_a()),
        case("https://9.9.9.9", &[P, NAMED], public()).refuses("q.test:8080"),
        case("https://a.test", &[P, NAMED], to_a()).refuses("q.test:8080"),
        case("https://9.9.9.9", &[P], public()).instead("b.test").refuses("b.test:8443"),
        case("https://9.9.9.9", &[P], Egress::any()).instead("b.test"),
        case("https://9.9.9.9", &[P, NAMED], not_8080()).instead("b.test").refuses("q.test:8080"),
        case("https://9.9.9.9", &[NAMED, P], not_8080()).instead("b.test"),
        case("https://a.test", &[P], public()).instead("b.test").at("9.9.9.9:8443"),
    ];
    let executor = Executor::new();
    for (at, row) in rows.into_iter().enumerate() {
        let mut options = ConnectOptions::new();
        if let Some(other) = row.other {
            options = options.connect_to(other, 8443).unwrap();
        }
        let mut route = fixtures::route(row.origin, ["1.1.1.1:3128"], executor.ctx());
        route.target.key = Arc::new(Key::new(fixtures::key(row.origin).origin, options.egress(row.egress)));
        route.proxies = row.proxies.iter().map(|proxy| Proxy::parse(proxy).unwrap()).collect();
        route.proxy_target = row.proxy_target.map(fixtures::endpoint);
        let refused = route.check_proxied().err().map(|refused| refused.to.to_string());
        assert_eq!(refused.as_deref(), row.refused, "row {at}: {}", row.origin);
    }
}
