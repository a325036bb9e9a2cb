//! The agreed arrows, as a function from the graph to what is wrong with it.

use crate::arrows::graph::{Arrow, Member};

/// A package's place in the star.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// Nouns and contracts: depends on none of ours.
    Core,
    /// One concern: depends on `core` alone, and where it speaks HTTP/1.1 on the codec.
    Verb,
    /// HTTP/1.1 on the wire: depends on none of ours.
    Codec,
    /// For tests, ours and a user's: depends on `core` and `runtime`.
    Testkit,
    /// The stack, assembled: depends on `core` and every verb.
    Facade,
    /// Shows what a client does: depends on `core` and on what it shows.
    Inspector,
    /// Nothing of the library depends on it, and it depends on what it likes.
    Leaf,
}

const LEAVES: [&str; 11] = [
    "skybridge-bare",
    "skybridge-cli",
    "skybridge-counting",
    "skybridge-examples",
    "skybridge-hyper",
    "skybridge-meter",
    "skybridge-reverse-proxy",
    "skybridge-soak",
    "skybridge-tests",
    "skybridge-tonic",
    "xtask",
];

/// What the inspector shows besides `core`.
const INSPECTED: [&str; 3] = ["skybridge-pool", "skybridge-route", "skybridge-trace"];

/// Who speaks HTTP/1.1, and so may depend on the codec besides the leaves.
const SPEAKS_HTTP1: [&str; 2] = ["skybridge-h1", "skybridge-tunnel"];

/// What `core` may be built from.
const CORE_SEES: [&str; 9] = [
    "bytes",
    "futures-core",
    "http",
    "http-body",
    "pin-project",
    "sync_wrapper",
    "tokio",
    "tower-layer",
    "tower-service",
];

/// The feature of `core` with which it recognizes in an error what foreign layers say of time and load, and the
/// features that it enables.
const CORE_KNOWS: (&str, [(&str, &str); 3]) =
    ("tower", [("tower", "timeout"), ("tower", "load-shed"), ("tokio", "time")]);

/// What `core` converts names with that aren't ASCII, by a feature of its own.
const CORE_CONVERTS_BY: &str = "idna";

/// A foreign crate, or one feature of it, and the only packages besides the leaves that may ask for it.
struct Fence {
    krate: &'static str,
    feature: Option<&'static str>,
    allowed: &'static [&'static str],
}

const FENCES: [Fence; 34] = [
    fence("axum", &[]),
    fence("der", &["skybridge-tls"]),
    fence("dns-lookup", &["skybridge-dns"]),
    fence("h2", &["skybridge-h2", "skybridge-testkit", "skybridge-tunnel"]),
    fence("hickory-resolver", &["skybridge-dns"]),
    fence("http-auth", &["skybridge-tunnel"]),
    fence("httparse", &["skybridge-h1-codec"]),
    fence("hyper", &["skybridge-testkit"]),
    fence("hyper-util", &["skybridge-testkit"]),
    fence(CORE_CONVERTS_BY, &[]),
    fence("itoa", &["skybridge-h1-codec"]),
    fence("metrics", &["skybridge-trace"]),
    fence("nix", &["skybridge-tcp"]),
    fence("openssl-probe", &["skybridge-tls"]),
    fence("rcgen", &["skybridge-testkit"]),
    fence("reqwest", &[]),
    fence("rustls", &["skybridge-tls", "skybridge-testkit"]),
    fence("rustls-native-certs", &["skybridge-tls"]),
    fence("rustls-platform-verifier", &["skybridge-tls"]),
    fence("rustls-webpki", &["skybridge-tls"]),
    fence("socket2", &["skybridge-tcp", "skybridge-testkit"]),
    fence("tokio-rustls", &["skybridge-tls", "skybridge-testkit"]),
    fence("tonic", &[]),
    fence("tower", &["skybridge", "skybridge-balance"]),
    fence("tower-http", &[]),
    fence("tracing", &["skybridge-trace"]),
    fence("webpki-roots", &["skybridge-tls"]),
    // Cargo unites features, so that either would change the key exchange of everybody in our user's binary.
    feature("rustls", "default", &[]),
    feature("rustls", "prefer-post-quantum", &[]),
    feature("tokio", "full", &[]),
    feature("tokio", "net", &["skybridge-tcp", "skybridge-testkit"]),
    feature("tokio", "rt", &["skybridge-runtime", "skybridge-testkit"]),
    feature("tokio", "rt-multi-thread", &[]),
    feature("tokio", "time", &["skybridge-runtime", "skybridge-testkit"]),
];

const fn fence(krate: &'static str, allowed: &'static [&'static str]) -> Fence {
    Fence { krate, feature: None, allowed }
}

const fn feature(krate: &'static str, feature: &'static str, allowed: &'static [&'static str]) -> Fence {
    Fence { krate, feature: Some(feature), allowed }
}

/// The crates, by their folder below `crates`, no two files of which import each other, not even by way of others.
///
/// `core` isn't one of them: its nouns refer to one another, as an event has an error, an error an attempt, an attempt
/// a context, and a context an observer of events.
pub(crate) const WITHOUT_CYCLES: &[&str] = &[
    "balance",
    "cli",
    "dns",
    "h1",
    "h1-codec",
    "h2",
    "hyper",
    "inspect",
    "negotiate",
    "pool",
    "retry",
    "reverse-proxy",
    "route",
    "runtime",
    "tcp",
    "tls",
    "tonic",
    "trace",
    "tunnel",
];

/// One sentence for each arrow that is not agreed.
pub(crate) fn broken(members: &[Member]) -> Vec<String> {
    let objections =
        |member: &Member| member.arrows.iter().filter_map(|arrow| objection(&member.name, arrow)).collect::<Vec<_>>();
    members.iter().flat_map(objections).collect()
}

fn objection(from: &str, arrow: &Arrow) -> Option<String> {
    let place = place(from);
    if place == Place::Leaf {
        return None;
    }
    let why = if arrow.ours { to_ours(from, place, arrow).map(str::to_owned) } else { to_foreign(from, place, arrow) }?;
    Some(format!("{from} -> {}: {why}", arrow.to))
}

fn place(name: &str) -> Place {
    match name {
        "skybridge-core" => Place::Core,
        "skybridge-h1-codec" => Place::Codec,
        "skybridge-testkit" => Place::Testkit,
        "skybridge" => Place::Facade,
        "skybridge-inspect" => Place::Inspector,
        leaf if LEAVES.contains(&leaf) => Place::Leaf,
        _ => Place::Verb,
    }
}

/// Between two of ours.
fn to_ours(name: &str, from: Place, arrow: &Arrow) -> Option<&'static str> {
    match (from, place(&arrow.to)) {
        (_, Place::Codec) if SPEAKS_HTTP1.contains(&name) => None,
        (Place::Core | Place::Verb | Place::Testkit | Place::Inspector | Place::Facade, Place::Codec) => {
            Some("the codec is for h1 and tunnel")
        }
        (Place::Codec, _) => Some("the codec depends on none of ours"),
        (Place::Verb | Place::Testkit | Place::Inspector, Place::Core) if arrow.asks_for(CORE_KNOWS.0) => {
            Some("the facade and the leaves switch on what core knows of tower")
        }
        (Place::Verb | Place::Testkit | Place::Inspector | Place::Facade, Place::Core)
        | (Place::Facade, Place::Verb | Place::Inspector) => None,
        (Place::Inspector, Place::Verb) if INSPECTED.contains(&arrow.to.as_str()) => None,
        (Place::Inspector, _) => Some("the inspector knows core, pool, route and trace"),
        (Place::Testkit, Place::Verb) if arrow.to == "skybridge-runtime" => None,
        (Place::Core, _) => Some("core depends on none of ours"),
        (Place::Verb, _) => Some("a verb knows core alone"),
        (Place::Testkit, _) => Some("the testkit knows core and runtime"),
        (Place::Facade, _) => Some("the facade knows core and the verbs"),
        (Place::Leaf, _) => None,
    }
}

/// From one of ours to a foreign crate.
fn to_foreign(from: &str, place: Place, arrow: &Arrow) -> Option<String> {
    if place == Place::Core {
        return core_to_foreign(arrow);
    }
    if from == "skybridge-pool" && arrow.to == "tokio" {
        return Some("the pool takes time and tasks from Ctx".to_owned());
    }
    FENCES.iter().find(|fence| fence.stops(from, arrow)).map(Fence::sentence)
}

fn core_to_foreign(arrow: &Arrow) -> Option<String> {
    if arrow.to == CORE_CONVERTS_BY {
        return (!arrow.optional).then(|| "core converts names where a feature asks for it".to_owned());
    }
    let known: Vec<&str> = CORE_KNOWS.1.iter().filter(|(to, _)| *to == arrow.to).map(|(_, feature)| *feature).collect();
    let only_known = |features: &[String]| features.iter().all(|feature| known.contains(&feature.as_str()));
    if arrow.optional && !known.is_empty() {
        let text = format!("of {} core knows `{}` alone", arrow.to, known.join("`, `"));
        return (!only_known(&arrow.features) || !only_known(&arrow.by_feature)).then_some(text);
    }
    if !CORE_SEES.contains(&arrow.to.as_str()) {
        return Some(format!("core sees only {}", CORE_SEES.join(", ")));
    }
    let bare = arrow.to != "tokio" || (arrow.features.is_empty() && only_known(&arrow.by_feature));
    if bare { None } else { Some("core takes tokio's io traits, which need no feature".to_owned()) }
}

// === impl Arrow ===

impl Arrow {
    /// Always, or by a feature of its own.
    fn asks_for(&self, feature: &str) -> bool {
        self.features.iter().chain(&self.by_feature).any(|asked| asked == feature)
    }
}

// === impl Fence ===

impl Fence {
    fn stops(&self, from: &str, arrow: &Arrow) -> bool {
        let asked = self.feature.is_none_or(|feature| arrow.asks_for(feature));
        self.krate == arrow.to && asked && !self.allowed.contains(&from)
    }

    fn sentence(&self) -> String {
        let what = self.feature.map_or(self.krate.to_owned(), |feature| format!("{}'s `{feature}`", self.krate));
        match self.allowed {
            [] => format!("{what} is for the leaves"),
            allowed => format!("{what} stays within {}", allowed.join(", ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ours(from: &str, to: &str) -> Vec<String> {
        ours_with(from, to, &["default"])
    }

    fn ours_with(from: &str, to: &str, features: &[&str]) -> Vec<String> {
        objections(from, Arrow { features: texts(features), ours: true, ..bare(to) })
    }

    fn foreign(from: &str, to: &str, features: &[&str]) -> Vec<String> {
        objections(from, Arrow { features: texts(features), ..bare(to) })
    }

    fn bare(to: &str) -> Arrow {
        Arrow { to: to.into(), features: vec![], by_feature: vec![], optional: false, ours: false }
    }

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(ToString::to_string).collect()
    }

    fn objections(from: &str, arrow: Arrow) -> Vec<String> {
        broken(&[Member { name: from.into(), arrows: vec![arrow] }])
    }

    #[test]
    fn a_verb_knows_core_alone() {
        for verb in ["runtime", "dns", "route", "tcp", "h1", "h2", "negotiate", "pool", "retry", "tls", "of-next-year"]
        {
            let verb = format!("skybridge-{verb}");
            assert!(ours(&verb, "skybridge-core").is_empty());
            for other in ["skybridge-tunnel", "skybridge", "skybridge-testkit", "skybridge-cli"] {
                assert_eq!(ours(&verb, other), [format!("{verb} -> {other}: a verb knows core alone")]);
            }
        }
    }

    #[test]
    fn the_codec_is_for_h1_and_tunnel_and_knows_nobody() {
        for (from, agreed) in [
            ("skybridge-h1", true),
            ("skybridge-tunnel", true),
            ("skybridge-tests", true),
            ("skybridge-core", false),
            ("skybridge-h2", false),
            ("skybridge-pool", false),
            ("skybridge-testkit", false),
            ("skybridge", false),
        ] {
            assert_eq!(ours(from, "skybridge-h1-codec").is_empty(), agreed, "{from}");
        }
        assert_eq!(
            ours("skybridge-h1-codec", "skybridge-core"),
            ["skybridge-h1-codec -> skybridge-core: the codec depends on none of ours"]
        );
    }

    #[test]
    fn core_depends_on_none_of_ours() {
        assert_eq!(ours("skybridge-core", "skybridge-runtime").len(), 1);
    }

    #[test]
    fn the_facade_knows_every_verb_but_no_leaf() {
        assert!(ours("skybridge", "skybridge-core").is_empty());
        assert!(ours("skybridge", "skybridge-pool").is_empty());
        assert_eq!(ours("skybridge", "skybridge-testkit").len(), 1);
        assert_eq!(ours("skybridge", "skybridge-cli").len(), 1);
    }

    #[test]
    fn the_inspector_knows_what_it_shows_and_the_facade_knows_it() {
        for (to, agreed) in [("core", true), ("pool", true), ("route", true), ("trace", true), ("tls", false)] {
            assert_eq!(ours("skybridge-inspect", &format!("skybridge-{to}")).is_empty(), agreed, "{to}");
        }
        assert_eq!(ours("skybridge-inspect", "skybridge").len(), 1);
        assert!(ours("skybridge", "skybridge-inspect").is_empty());
        assert_eq!(ours("skybridge-pool", "skybridge-inspect").len(), 1);
    }

    #[test]
    fn the_testkit_knows_core_and_runtime() {
        assert!(ours("skybridge-testkit", "skybridge-core").is_empty());
        assert!(ours("skybridge-testkit", "skybridge-runtime").is_empty());
        assert_eq!(ours("skybridge-testkit", "skybridge-pool").len(), 1);
    }

    #[test]
    fn leaves_are_free() {
        assert!(ours("skybridge-tests", "skybridge-testkit").is_empty());
        assert!(ours("skybridge-examples", "skybridge").is_empty());
        assert!(foreign("skybridge-bare", "hyper", &["client"]).is_empty());
        assert!(foreign("xtask", "clap", &["derive"]).is_empty());
    }

    #[test]
    fn foreign_crates_stay_within_their_fence() {
        let agreed = [
            ("h1-codec", "httparse"),
            ("h1-codec", "itoa"),
            ("testkit", "hyper"),
            ("hyper", "hyper"),
            ("hyper", "hyper-util"),
            ("h2", "h2"),
            ("testkit", "h2"),
            ("tcp", "socket2"),
            ("tls", "rustls"),
            ("tls", "tokio-rustls"),
            ("testkit", "rustls"),
            ("testkit", "rcgen"),
        ];
        for (package, krate) in agreed {
            assert!(foreign(&format!("skybridge-{package}"), krate, &[]).is_empty(), "{package} -> {krate}");
        }
        let not = [
            ("h1", "hyper"),
            ("h1", "hyper-util"),
            ("h1", "httparse"),
            ("tunnel", "hyper"),
            ("tunnel", "httparse"),
            ("tunnel", "itoa"),
            ("h2", "hyper"),
            ("h1", "h2"),
            ("route", "socket2"),
            ("pool", "hyper"),
            ("pool", "h2"),
            ("pool", "rustls"),
            ("tunnel", "rustls"),
            ("negotiate", "rustls"),
            ("testkit", "rustls-webpki"),
            ("tls", "rcgen"),
        ];
        for (package, krate) in not {
            assert_eq!(foreign(&format!("skybridge-{package}"), krate, &[]).len(), 1, "{package} -> {krate}");
        }
        assert!(foreign("skybridge", "tower", &[]).is_empty());
        assert_eq!(
            foreign("skybridge-retry", "tower", &[]),
            ["skybridge-retry -> tower: tower stays within skybridge, skybridge-balance"]
        );
    }

    #[test]
    fn sockets_timers_and_tasks_of_tokio_are_fenced_by_feature() {
        assert!(foreign("skybridge-tcp", "tokio", &["net"]).is_empty());
        assert!(foreign("skybridge-runtime", "tokio", &["rt", "time"]).is_empty());
        assert!(foreign("skybridge-h1", "tokio", &["default"]).is_empty());
        assert_eq!(
            foreign("skybridge-route", "tokio", &["net"]),
            ["skybridge-route -> tokio: tokio's `net` stays within skybridge-tcp, skybridge-testkit"],
        );
        assert_eq!(foreign("skybridge-tcp", "tokio", &["time"]).len(), 1);
        assert_eq!(foreign("skybridge", "tokio", &["full"]).len(), 1);
    }

    #[test]
    fn nobody_changes_the_key_exchange_of_a_whole_binary() {
        assert!(foreign("skybridge-tls", "rustls", &["std", "tls12", "aws_lc_rs"]).is_empty());
        for package in ["skybridge-tls", "skybridge-testkit"] {
            for feature in ["prefer-post-quantum", "default"] {
                assert_eq!(foreign(package, "rustls", &[feature]).len(), 1, "{package}: {feature}");
            }
        }
    }

    #[test]
    fn the_pool_sees_no_tokio_at_all() {
        assert_eq!(foreign("skybridge-pool", "tokio", &[]).len(), 1);
    }

    #[test]
    fn core_sees_a_short_list_and_tokio_without_features() {
        assert!(foreign("skybridge-core", "http", &["default"]).is_empty());
        assert!(foreign("skybridge-core", "tokio", &[]).is_empty());
        assert_eq!(foreign("skybridge-core", "tokio", &["sync"]).len(), 1);
        assert_eq!(foreign("skybridge-core", "tokio", &["default"]).len(), 1);
        assert_eq!(foreign("skybridge-core", "fastrand", &[]).len(), 1);
    }

    #[test]
    fn core_knows_a_little_of_tower_by_a_feature_that_is_not_for_verbs() {
        let optional = |to: &str, features: &[&str]| {
            objections("skybridge-core", Arrow { features: texts(features), optional: true, ..bare(to) })
        };
        assert!(optional("tower", &["timeout"]).is_empty());
        assert_eq!(optional("tower", &["timeout", "util"]).len(), 1);
        assert_eq!(optional("tower", &["default"]).len(), 1);
        assert_eq!(optional("hyper", &[]).len(), 1);
        assert_eq!(foreign("skybridge-core", "tower", &["timeout"]).len(), 1, "only by a feature");
        let tokio =
            |features: &[&str]| objections("skybridge-core", Arrow { by_feature: texts(features), ..bare("tokio") });
        assert!(tokio(&["time"]).is_empty());
        assert_eq!(tokio(&["time", "sync"]).len(), 1);
        for (from, agreed) in [("skybridge", true), ("skybridge-hyper", true), ("skybridge-h1", false)] {
            assert_eq!(ours_with(from, "skybridge-core", &["default", "tower"]).is_empty(), agreed, "{from}");
        }
    }

    #[test]
    fn what_a_feature_asks_for_is_fenced_too() {
        let arrow = Arrow { by_feature: texts(&["net"]), ..bare("tokio") };
        assert_eq!(objections("skybridge-route", arrow).len(), 1);
    }

    #[test]
    fn each_broken_arrow_is_told() {
        let arrow = |to: &str, ours| Arrow { ours, ..bare(to) };
        let members = [
            Member { name: "skybridge-h1".into(), arrows: vec![arrow("skybridge-h2", true), arrow("h2", false)] },
            Member { name: "skybridge-retry".into(), arrows: vec![arrow("skybridge-pool", true)] },
        ];
        assert_eq!(broken(&members).len(), 3);
    }
}
