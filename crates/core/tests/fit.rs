//! What may be done with a link, depending on what is known of it.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use skybridge_core::{
    ConnInfo, ConnectError, ConnectOptions, EchMode, EchStatus, Egress, EgressRule, Key, Lost, Phase, Proxy, Target,
    TlsInfo, Unfit,
};
use skybridge_testkit::{executor::Executor, fixtures};
use std::error::Error;

/// The facts of a link: its origin, how many proxies its route has, and what layers have done.
fn info(url: &str, proxies: usize, done: impl FnOnce(&mut ConnInfo)) -> ConnInfo {
    let endpoint = fixtures::endpoint("192.0.2.1:443");
    let mut route = fixtures::route(url, [], Executor::new().ctx());
    route.proxies = (0..proxies).map(|i| Proxy::parse(&format!("http://proxy{i}.test:3128")).unwrap()).collect();
    let mut info = ConnInfo::new(&route.attempt(endpoint.clone()), None, endpoint);
    done(&mut info);
    info
}

fn passed(proxies: usize) -> impl Fn(&mut ConnInfo) {
    move |info| (info.proxies_passed, info.tunnelled) = (proxies, proxies > 0)
}

fn forwarded(proxies: usize) -> impl Fn(&mut ConnInfo) {
    move |info| (info.proxies_passed, info.forwarded) = (proxies, true)
}

fn sealed(info: &mut ConnInfo) {
    info.tls = Some(TlsInfo::unknown());
}

#[tokio::test(start_paused = true)]
async fn http_is_spoken_on_what_is_sealed_if_it_must_be_and_is_through_all_proxies() {
    let none = |_: &mut ConnInfo| {};
    let not = |passed, proxies| Err(Unfit::NotTunnelled { passed, proxies });
    let rows = [
        (info("http://a.test", 0, none), Ok(())),
        (info("http://a.test", 0, sealed), Ok(())),
        (info("https://a.test", 0, none), Err(Unfit::TlsMissing)),
        (info("https://a.test", 0, sealed), Ok(())),
        (info("http://a.test", 1, none), not(0, 1)),
        (info("https://a.test", 1, sealed), not(0, 1)),
        (info("https://a.test", 1, none), not(0, 1)),
        (info("http://a.test", 1, passed(1)), Ok(())),
        (info("http://a.test", 1, forwarded(1)), Ok(())),
        (info("http://a.test", 2, forwarded(1)), not(1, 2)),
        (info("http://a.test", 1, passed(2)), not(2, 1)),
        (info("http://a.test", 0, passed(1)), not(1, 0)),
        // A proxy of a foreign dialer is not one of the route.
        (info("http://a.test", 0, forwarded(0)), Ok(())),
        (info("https://a.test", 1, passed(1)), Err(Unfit::TlsMissing)),
        (info("https://a.test", 1, |info| (passed(1)(info), sealed(info)).1), Ok(())),
        (info("https://a.test", 1, |info| (forwarded(1)(info), sealed(info)).1), Err(Unfit::Forwarded)),
    ];
    for (i, (info, fit)) in rows.into_iter().enumerate() {
        assert_eq!(info.fit_for_http(), fit, "row {i}: {info:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_sealed_for_its_origin_is_not_sealed_yet_and_ends_there() {
    let none = |_: &mut ConnInfo| {};
    let rows = [
        (info("https://a.test", 0, none), Ok(())),
        (info("https://a.test", 2, passed(2)), Ok(())),
        (info("https://a.test", 0, sealed), Err(Unfit::SealedTwice)),
        (info("https://a.test", 1, none), Err(Unfit::NotTunnelled { passed: 0, proxies: 1 })),
        (info("https://a.test", 2, passed(1)), Err(Unfit::NotTunnelled { passed: 1, proxies: 2 })),
        (info("https://a.test", 1, forwarded(1)), Err(Unfit::Forwarded)),
    ];
    for (i, (info, fit)) in rows.into_iter().enumerate() {
        assert_eq!(info.fit_for_tls(), fit, "row {i}: {info:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_goes_through_proxies_ends_at_the_first_and_is_not_sealed() {
    let rows = [
        (info("https://a.test", 2, |_| {}), Ok(())),
        (info("https://a.test", 1, sealed), Err(Unfit::SealedTooSoon)),
        (info("http://a.test", 1, passed(1)), Err(Unfit::TunnelledTwice)),
        (info("http://a.test", 1, forwarded(1)), Err(Unfit::TunnelledTwice)),
        // A foreign layer that hasn't counted the proxies.
        (info("http://a.test", 1, |info| info.tunnelled = true), Err(Unfit::TunnelledTwice)),
    ];
    for (i, (info, fit)) in rows.into_iter().enumerate() {
        assert_eq!(info.fit_for_tunnel(), fit, "row {i}: {info:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn requests_that_require_a_hidden_name_are_not_sent_where_it_was_shown() {
    let by = |ech| {
        info("https://a.test", 0, move |info| {
            let mut tls = TlsInfo::unknown();
            tls.ech = ech;
            info.tls = Some(tls);
        })
    };
    let key = |url, ech| Key::new(fixtures::key(url).origin, ConnectOptions::new().ech(ech));
    let lost = Err(Unfit::Less(Lost::Ech));
    for (status, fit) in
        [(EchStatus::Accepted, Ok(())), (EchStatus::None, lost), (EchStatus::Grease, lost), (EchStatus::Rejected, lost)]
    {
        assert_eq!(by(status).fit_for_key(&key("https://a.test", EchMode::Require)), fit, "{status:?}");
        assert_eq!(by(status).fit_for_key(&key("https://a.test", EchMode::Offer)), Ok(()), "{status:?}");
    }
    let cleartext = info("http://a.test", 0, |_| {});
    assert_eq!(cleartext.fit_for_key(&key("http://a.test", EchMode::Require)), Ok(()));
}

/// Whoever opened it should have asked.
#[tokio::test(start_paused = true)]
async fn what_leads_to_where_egress_lets_nothing_go_is_fit_for_nothing() {
    let allowed = || EgressRule::new().network("192.0.2.0/24".parse().unwrap());
    for (egress, direct, proxied) in [
        (Egress::any(), true, true),
        (Egress::public(), false, false),
        (Egress::public().allow(allowed()), true, true),
        (Egress::public().allow(allowed().host("a.test").unwrap()), true, false),
        (Egress::public().allow_proxy(allowed()), false, true),
    ] {
        for (proxies, is_allowed) in [(0, direct), (1, proxied)] {
            let link = |done: &dyn Fn(&mut ConnInfo)| {
                info("http://a.test", proxies, |info| {
                    let origin = info.route.target.origin().clone();
                    let key = Key::new(origin, ConnectOptions::new().egress(egress.clone()));
                    info.route.target = Target::new(key, info.route.ctx().clone());
                    done(info);
                })
            };
            let (first, through) = (link(&|_| {}), link(&passed(proxies)));
            for fit in [first.fit_for_tunnel(), through.fit_for_tls(), through.fit_for_http()] {
                assert_eq!(fit == Err(Unfit::Egress), !is_allowed, "{egress:?} {proxies} {fit:?}");
            }
            // A proxy of a foreign dialer is given the name, and goes to whichever address that has for it.
            let by_foreign = link(&forwarded(0));
            let is_allowed = proxies == 0 && egress.is_any();
            assert_eq!(by_foreign.fit_for_http() == Ok(()), is_allowed, "{egress:?} {proxies}");
        }
    }
}

#[test]
fn it_is_fatal_and_names_the_layer() {
    let rows = [
        (Unfit::TlsMissing, "a TlsLayer is missing below"),
        (Unfit::SealedTwice, "one TlsLayer too many"),
        (Unfit::SealedTooSoon, "TlsLayer belongs above TunnelLayer"),
        (Unfit::NotTunnelled { passed: 0, proxies: 2 }, "a TunnelLayer is missing below"),
        (Unfit::NotTunnelled { passed: 1, proxies: 2 }, "through 1 of the 2 proxies"),
        (Unfit::TunnelledTwice, "one TunnelLayer too many"),
        (Unfit::Forwarded, "instead of giving a tunnel"),
        (Unfit::Egress, "where the egress policy lets no connection go"),
    ];
    for (unfit, text) in rows {
        let error = ConnectError::from(unfit).in_phase(Phase::Tls);
        assert!(error.is_fatal());
        assert_eq!((error.source_as(), error.phase()), (Some(&unfit), Some(Phase::Tls)));
        let message = error.source().unwrap().to_string();
        assert!(message.contains(text), "{message}");
    }
}
