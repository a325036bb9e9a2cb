//! User and password by challenge: which scheme, which nonce, and when to give up.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod support;

use self::support::World;
use http::{HeaderMap, HeaderValue, Method, header::PROXY_AUTHENTICATE};
use http_auth::{PasswordParams, digest::DigestClient, parser::ChallengeParser};
use sha2::{Digest as _, Sha256};
use skybridge_core::{ConnectError, Key, Partition, Proxy, ProxyKind, ProxyRequest, Route, Target};
use skybridge_testkit::{fixtures, h1::Script, net::Conn};
use skybridge_tunnel::{BasicAuth, PasswordAuth, TunnelError};

const OK: &str = "HTTP/1.1 200 OK\r\n\r\n";
const SHA256: &str = "Digest realm=\"r\", nonce=\"n1\", algorithm=SHA-256, qop=\"auth\"";
const ENCODED: &str = "Basic YWxpY2U6c2VjcmV0";

fn route(world: &World, auth: &PasswordAuth) -> Route {
    let mut route = world.route("https://a.test", &[]);
    route.proxies = [Proxy::new(ProxyKind::Http, "proxy.test", 3128).auth(auth.clone())].into();
    route
}

fn challenge(offers: &[&str]) -> String {
    let lines = offers.iter().map(|offer| format!("proxy-authenticate: {offer}\r\n")).collect::<String>();
    format!("HTTP/1.1 407 Who\r\n{lines}content-length: 0\r\n\r\n")
}

fn parameter(said: &str, name: &str) -> Option<String> {
    let said = ChallengeParser::new(said).next().unwrap().unwrap();
    said.params.iter().find(|(known, _)| *known == name).map(|(_, value)| value.to_unescaped())
}

/// Whether this is alice's answer to the offer, for a tunnel to `a.test:443`.
fn answers(said: &str, offer: &str) -> bool {
    let offered = ChallengeParser::new(offer).next().unwrap().unwrap();
    let mut client = DigestClient::try_from(&offered).unwrap();
    let password =
        PasswordParams { username: "alice", password: "secret", uri: "a.test:443", method: "CONNECT", body: None };
    let uses = parameter(said, "nc").map_or(1, |nc| u32::from_str_radix(&nc, 16).unwrap());
    let cnonce = parameter(said, "cnonce").unwrap_or_default();
    let expected = (0..uses).map(|_| client.respond_with_testing_cnonce(&password, &cnonce).unwrap()).last();
    expected.as_deref() == Some(said)
}

async fn credentials(proxy: &mut Script<Conn>) -> Option<String> {
    proxy.head().await.header("proxy-authorization").map(str::to_owned)
}

/// One tunnel by a connection of its own: answers with these, one after the other; gives what was shown each time.
async fn tunnel(
    world: &World,
    auth: &PasswordAuth,
    script: &[&str],
) -> (Result<(), ConnectError>, Vec<Option<String>>) {
    let proxy = async {
        let mut proxy = world.accept().await;
        let mut shown = Vec::new();
        for answer in script {
            shown.push(credentials(&mut proxy).await);
            proxy.send(*answer).await;
        }
        shown
    };
    let (linked, shown) = tokio::join!(world.connect(route(world, auth)), proxy);
    (linked.map(drop), shown)
}

#[tokio::test(start_paused = true)]
async fn a_digest_of_each_algorithm_is_answered() {
    for algorithm in ["MD5", "MD5-sess", "SHA-256", "SHA-256-sess", "SHA-512-256", "SHA-512-256-sess"] {
        let offer = format!(
            "Digest realm=\"a \\\"realm\\\"\", nonce=\"n/1==\", opaque=\"o\", algorithm={algorithm}, qop=\"auth,auth-int\""
        );
        let (world, auth) = (World::new(), PasswordAuth::digest("alice", "secret"));
        let (linked, shown) = tunnel(&world, &auth, &[&challenge(&[&offer]), OK]).await;
        linked.unwrap();
        assert_eq!(shown[0], None);
        let said = shown[1].as_deref().unwrap();
        assert!(answers(said, &offer), "{said}");
        assert!(said.contains("qop=auth, ") && said.contains("nc=00000001"), "{said}");
    }
    // That of RFC 2069, which proxies still speak.
    let (offer, auth) = ("Digest realm=\"r\", nonce=\"n\"", PasswordAuth::digest("alice", "secret"));
    let (linked, shown) = tunnel(&World::new(), &auth, &[&challenge(&[offer]), OK]).await;
    linked.unwrap();
    assert!(answers(shown[1].as_deref().unwrap(), offer));
}

/// RFC 9110, section 11.6.1.
#[tokio::test(start_paused = true)]
async fn after_a_scheme_and_between_parameters_there_may_be_several_spaces_or_tabs() {
    let digest = "Digest  realm=\"a  b\",\t nonce =  \"n1\",  algorithm=SHA-256,\tqop=\"auth\"";
    let as_read = "Digest realm=\"a  b\", nonce=\"n1\", algorithm=SHA-256, qop=\"auth\"";
    for (offer, expected) in [("Basic \t realm=\"r\"", ENCODED), (digest, as_read), ("Basic\trealm=r", ENCODED)] {
        let auth = PasswordAuth::any("alice", "secret");
        let (linked, shown) = tunnel(&World::new(), &auth, &[&challenge(&[offer]), OK]).await;
        linked.unwrap();
        let said = shown[1].as_deref().unwrap();
        assert!(said == expected || answers(said, expected), "{offer}: {said}");
    }
}

/// RFC 7616, sections 3.4.1 and 3.4.2.
#[tokio::test(start_paused = true)]
async fn a_session_key_is_made_once_for_all_uses_of_its_nonce() {
    let offer = "Digest realm=\"r\", nonce=\"n\", algorithm=SHA-256-sess, qop=\"auth\"";
    let (world, auth) = (World::new(), PasswordAuth::digest("alice", "secret"));
    let (_, first) = tunnel(&world, &auth, &[&challenge(&[offer]), OK]).await;
    let (_, later) = tunnel(&world, &auth, &[OK]).await;
    let h = |text: String| Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let cnonce = parameter(first[1].as_deref().unwrap(), "cnonce").unwrap();
    let key = h(format!("{}:n:{cnonce}", h("alice:r:secret".into())));
    for (said, nc) in [(&first[1], "00000001"), (&later[0], "00000002")] {
        let said = said.as_deref().unwrap();
        let own = parameter(said, "cnonce").unwrap();
        let expected = h(format!("{key}:n:{nc}:{own}:auth:{}", h("CONNECT:a.test:443".into())));
        assert_eq!(parameter(said, "response").unwrap(), expected);
        assert_eq!(parameter(said, "nc").unwrap(), nc);
    }
}

#[tokio::test(start_paused = true)]
async fn the_strongest_scheme_that_is_offered_is_chosen() {
    let md5 = "Digest realm=\"r\", nonce=\"n1\", algorithm=MD5, qop=\"auth\"";
    let basic = "Basic realm=\"r\"";
    let unknown = "Negotiate, Bearer x=\"y\"";
    let both = format!("{basic}, {md5}, {SHA256}");
    let latin = "Basic realm=\"Z\u{fc}rich\"";
    let rows: [(&[&str], Option<&str>); 9] = [
        (&[latin], Some(ENCODED)),
        (&[basic, md5, SHA256], Some(SHA256)),
        (&[&both], Some(SHA256)),
        (&[md5, basic], Some(md5)),
        (&[unknown, "Bearer =", basic], Some(ENCODED)),
        (&[basic, "Digest realm=\"r\", nonce=\"n\", algorithm=SHA-3000"], Some(ENCODED)),
        (&[basic, "Digest realm=\"r\", nonce=\"n\", qop=\"auth-int\""], Some(ENCODED)),
        (&[unknown], None),
        (&[], None),
    ];
    for (offers, expected) in rows {
        let script = challenge(offers);
        let script: &[&str] = if expected.is_some() { &[&script, OK] } else { &[&script] };
        let (linked, shown) = tunnel(&World::new(), &PasswordAuth::any("alice", "secret"), script).await;
        assert_eq!(linked.is_ok(), expected.is_some(), "{offers:?}");
        let Some(expected) = expected else { continue };
        let said = shown[1].as_deref().unwrap();
        assert!(said == expected || answers(said, expected), "{offers:?}: {said}");
    }
}

/// The proxy knows better than to want the password itself.
#[tokio::test(start_paused = true)]
async fn beside_a_digest_that_can_not_be_read_the_password_is_not_shown() {
    let (basic, md5) = ("Basic realm=\"r\"", "Digest realm=\"r\", nonce=\"n\", algorithm=MD5, qop=\"auth\"");
    let unreadable = [
        "Digest realm=\"Z\u{fc}rich\", nonce=\"n\", qop=\"auth\"",
        "Digest realm=\"r\", nonce=\"unclosed",
        "Digest realm=r, nonce=\"n\", =\"auth\"",
        "Digest realm=\"r\", qop=\"auth\"",
        "digest",
        "Digest realm=\"r\", realm=\"s\", nonce=\"n\"",
        "Negotiate abc==, Digest realm=\"r\", nonce=\"n\"",
        "Basic realm=\"r\", Digest realm=\"r\", nonce=\"n\u{fc}\"",
    ];
    for digest in unreadable {
        for offers in [&[digest, basic], &[basic, digest]] {
            let (linked, shown) =
                tunnel(&World::new(), &PasswordAuth::any("alice", "secret"), &[&challenge(offers)]).await;
            let error = linked.unwrap_err();
            assert_eq!(shown, [None], "{digest}");
            assert!(support::all_of(&error).contains("by Digest, in words that can't be read"), "{error:?}");
        }
        // One that can be read is answered beside it.
        let script = [&*challenge(&[digest, md5, basic]), OK];
        let (linked, shown) = tunnel(&World::new(), &PasswordAuth::any("alice", "secret"), &script).await;
        linked.unwrap();
        assert!(answers(shown[1].as_deref().unwrap(), md5), "{shown:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_no_longer_wanted_is_not_shown_at_once_again() {
    let (world, auth) = (World::new(), PasswordAuth::any("alice", "secret"));
    tunnel(&world, &auth, &[&challenge(&["Basic realm=\"r\""]), OK]).await.0.unwrap();
    let (linked, shown) = tunnel(&world, &auth, &[&challenge(&["Negotiate"])]).await;
    assert!(linked.unwrap_err().is_fatal() && shown == [Some(ENCODED.to_owned())]);
    assert_eq!(tunnel(&world, &auth, &[OK]).await.1, [None]);
}

/// RFC 2069 knows neither `qop` nor `nc`, and a proxy may leave `stale` out.
#[tokio::test(start_paused = true)]
async fn a_nonce_without_qop_that_was_shown_at_once_may_have_expired() {
    let offer = |nonce: u32| format!("Digest realm=\"r\", nonce=\"{nonce}\"");
    let (world, auth) = (World::new(), PasswordAuth::digest("alice", "secret"));
    tunnel(&world, &auth, &[&challenge(&[&offer(1)]), OK]).await.0.unwrap();
    for nonce in 2..5 {
        let (linked, shown) = tunnel(&world, &auth, &[&challenge(&[&offer(nonce)]), OK]).await;
        linked.unwrap();
        assert!(answers(shown[0].as_deref().unwrap(), &offer(nonce - 1)));
        assert!(answers(shown[1].as_deref().unwrap(), &offer(nonce)));
    }
    // The answer to a challenge is refused for the password, and so is one whose nonce is still good.
    for refused in [[offer(5), offer(6)], [offer(7), offer(7)]] {
        let script = refused.map(|offer| challenge(&[&offer]));
        let (linked, shown) = tunnel(&world, &auth, &[&script[0], &script[1]]).await;
        assert!(linked.unwrap_err().is_fatal(), "{shown:?}");
        assert_eq!(tunnel(&world, &auth, &[OK]).await.1, [None]);
    }
    // Two at once: the second's challenge comes when the first has another nonce already.
    tunnel(&world, &auth, &[&challenge(&[&offer(8)]), OK]).await.0.unwrap();
    let (first, second) = (world.connect(route(&world, &auth)), world.connect(route(&world, &auth)));
    let proxy = async {
        let mut proxies = [world.accept().await, world.accept().await];
        for (i, proxy) in proxies.iter_mut().enumerate() {
            assert!(answers(&credentials(proxy).await.unwrap(), &offer(8)));
            proxy.send(challenge(&[&offer(9 + i as u32)])).await;
            assert!(answers(&credentials(proxy).await.unwrap(), &offer(9 + i as u32)));
        }
        for proxy in &mut proxies {
            proxy.send(OK).await;
        }
    };
    let (first, second, ()) = tokio::join!(first, second, proxy);
    assert!(first.is_ok() && second.is_ok());
}

#[tokio::test(start_paused = true)]
async fn the_same_nonce_with_other_words_is_answered_in_those() {
    let (world, auth) = (World::new(), PasswordAuth::digest("alice", "secret"));
    tunnel(&world, &auth, &[&challenge(&[&format!("{SHA256}, opaque=\"one\"")]), OK]).await.0.unwrap();
    for more in ["opaque=\"two\", stale=true", "opaque=\"two\", userhash=true, stale=true"] {
        let next = format!("{SHA256}, {more}");
        let (linked, shown) = tunnel(&world, &auth, &[&challenge(&[&next]), OK]).await;
        linked.unwrap();
        let said = shown[1].as_deref().unwrap();
        assert!(answers(said, &next), "{said}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_remembered_is_of_one_partition_and_of_one_realm() {
    let (world, auth) = (World::new(), PasswordAuth::any("alice", "secret"));
    let in_partition = |name: &str| {
        let (mut route, key) = (route(&world, &auth), fixtures::key("https://a.test"));
        let mut options = key.connect_options;
        options.partition = Some(Partition::new(name));
        route.target = Target::new(Key::new(key.origin, options), world.ctx());
        route
    };
    tunnel(&world, &auth, &[&challenge(&[SHA256]), OK]).await.0.unwrap();
    for (partition, known) in [("one", false), ("two", false), ("one", true)] {
        let proxy = async {
            let mut proxy = world.accept().await;
            let shown = credentials(&mut proxy).await;
            if shown.is_none() {
                proxy.send(challenge(&[SHA256])).await;
                credentials(&mut proxy).await;
            }
            proxy.send(OK).await;
            shown
        };
        let (linked, shown) = tokio::join!(world.connect(in_partition(partition)), proxy);
        linked.unwrap();
        assert_eq!(shown.is_some(), known, "{partition}");
    }
    // Uses of the nonce of one realm are counted on when another has challenged in between.
    let (world, auth) = (World::new(), PasswordAuth::any("alice", "secret"));
    let other = "Digest realm=\"s\", nonce=\"n1\", algorithm=SHA-256, qop=\"auth\"";
    tunnel(&world, &auth, &[&challenge(&[SHA256]), OK]).await.0.unwrap();
    tunnel(&world, &auth, &[&challenge(&[&format!("{other}, stale=true")]), OK]).await.0.unwrap();
    let (linked, shown) = tunnel(&world, &auth, &[&challenge(&[&format!("{SHA256}, stale=true")]), OK]).await;
    linked.unwrap();
    let (at_once, then) = (shown[0].as_deref().unwrap(), shown[1].as_deref().unwrap());
    assert!(answers(at_once, other) && answers(then, SHA256));
    assert_eq!(parameter(then, "nc").unwrap(), "00000003");
}

#[tokio::test(start_paused = true)]
async fn digest_alone_never_shows_the_password() {
    let (linked, shown) =
        tunnel(&World::new(), &PasswordAuth::digest("alice", "secret"), &[&challenge(&["Basic realm=\"r\""])]).await;
    let error = linked.unwrap_err();
    assert!(!error.is_fatal(), "no credentials were shown");
    assert!(support::all_of(&error).contains("by Basic, and they may be shown by Digest alone"), "{error:?}");
    assert_eq!(shown, [None]);
}

#[tokio::test(start_paused = true)]
async fn what_worked_is_shown_at_once_from_then_on() {
    let (world, auth) = (World::new(), PasswordAuth::any("alice", "secret"));
    tunnel(&world, &auth, &[&challenge(&[SHA256]), OK]).await.0.unwrap();
    for uses in 2..5 {
        let (linked, shown) = tunnel(&world, &auth, &[OK]).await;
        linked.unwrap();
        let said = shown[0].as_deref().unwrap();
        assert!(answers(said, SHA256));
        assert_eq!(parameter(said, "nc").unwrap(), format!("{uses:08}"));
    }
    let (basic, auth) = ("Basic realm=\"r\"", PasswordAuth::any("alice", "secret"));
    tunnel(&world, &auth, &[&challenge(&[basic]), OK]).await.0.unwrap();
    assert_eq!(tunnel(&world, &auth, &[OK]).await.1, [Some(ENCODED.to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn what_one_proxy_wanted_is_not_shown_to_another() {
    let (world, auth) = (World::new(), PasswordAuth::any("alice", "secret"));
    tunnel(&world, &auth, &[&challenge(&["Basic realm=\"r\""]), OK]).await.0.unwrap();
    for other in [Proxy::new(ProxyKind::Http, "other.test", 3128), Proxy::new(ProxyKind::Http, "proxy.test", 8080)] {
        let mut route = route(&world, &auth);
        route.proxies = [other.auth(auth.clone())].into();
        let proxy = async {
            let mut proxy = world.accept().await;
            let shown = credentials(&mut proxy).await;
            proxy.send(OK).await;
            shown
        };
        assert_eq!(tokio::join!(world.connect(route), proxy).1, None);
    }
}

#[test]
fn of_257_challenges_the_first_is_forgotten() {
    let auth = PasswordAuth::any("alice", "secret");
    let basic = HeaderMap::from_iter([(PROXY_AUTHENTICATE, HeaderValue::from_static("Basic realm=\"r\""))]);
    let ask = |kind: ProxyKind, partition: usize, challenge: Option<&HeaderMap>| {
        let (proxy, partition) =
            (Proxy::new(kind, "proxy.test", 3128).auth(auth.clone()), Partition::new(partition.to_string()));
        let asked = ProxyRequest::new(&proxy, &Method::CONNECT, &"a.test:443").for_partition(Some(&partition));
        asked.authorize(challenge)
    };
    for partition in 0..257 {
        assert!(ask(ProxyKind::Http, partition, Some(&basic)).is_some());
    }
    assert_eq!(ask(ProxyKind::Http, 0, None), None);
    assert!((1..257).all(|partition| ask(ProxyKind::Http, partition, None).is_some()));
    // At the same host and port is another proxy.
    assert_eq!(ask(ProxyKind::Https, 256, None), None);
}

/// A nonce without `qop` that was shown at once may have expired; of one that is forgotten that isn't known any more.
#[test]
fn of_65_nonces_shown_at_once_the_first_is_forgotten() {
    let auth = PasswordAuth::digest("alice", "secret");
    let proxy = Proxy::new(ProxyKind::Http, "proxy.test", 3128).auth(auth);
    let challenge = |nonce: String| {
        let offer = HeaderValue::try_from(format!("Digest realm=\"r\", nonce=\"{nonce}\"")).unwrap();
        HeaderMap::from_iter([(PROXY_AUTHENTICATE, offer)])
    };
    let (target, partitions) = ("a.test:443", (0..65).map(|i| Partition::new(i.to_string())).collect::<Vec<_>>());
    let request = |i: usize| ProxyRequest::new(&proxy, &Method::CONNECT, &target).for_partition(Some(&partitions[i]));
    let mut shown = Vec::new();
    for i in 0..65 {
        assert!(request(i).authorize(Some(&challenge(i.to_string()))).is_some());
        shown.push(request(i).authorize(None).unwrap());
    }
    for (i, shown) in shown.iter().enumerate() {
        let answer = request(i).refused(Some(shown)).authorize(Some(&challenge(format!("next {i}"))));
        assert_eq!(answer.is_some(), i > 0, "{i}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_stale_nonce_is_replaced_and_a_forgotten_one_too() {
    for stale in [", stale=true", ""] {
        let (world, auth) = (World::new(), PasswordAuth::any("alice", "secret"));
        tunnel(&world, &auth, &[&challenge(&[SHA256]), OK]).await.0.unwrap();
        let next = format!("Digest realm=\"r\", nonce=\"n2\", algorithm=SHA-256, qop=\"auth\"{stale}");
        let (linked, shown) = tunnel(&world, &auth, &[&challenge(&[&next]), OK]).await;
        linked.unwrap();
        assert!(answers(shown[0].as_deref().unwrap(), SHA256));
        let said = shown[1].as_deref().unwrap();
        assert!(answers(said, &next) && said.contains("nc=00000001"), "{said}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_password_is_not_shown_again_nor_by_a_weaker_scheme() {
    let (again, basic) = ("Digest realm=\"r\", nonce=\"n2\", algorithm=SHA-256, qop=\"auth\"", "Basic realm=\"r\"");
    let rows: [(&[&str], &[&str]); 3] =
        [(&[SHA256], &[again, basic]), (&[SHA256], &[SHA256, basic]), (&[basic], &[basic])];
    // A use of a nonce that is refused although the nonce is still good.
    let (world, auth) = (World::new(), PasswordAuth::any("alice", "secret"));
    tunnel(&world, &auth, &[&challenge(&[SHA256]), OK]).await.0.unwrap();
    assert!(tunnel(&world, &auth, &[&challenge(&[SHA256])]).await.0.unwrap_err().is_fatal());
    assert_eq!(tunnel(&world, &auth, &[OK]).await.1, [None]);
    for (first, second) in rows {
        let (world, auth) = (World::new(), PasswordAuth::any("alice", "secret"));
        let (linked, _) = tunnel(&world, &auth, &[&challenge(first), &challenge(second)]).await;
        let error = linked.unwrap_err();
        assert!(error.is_fatal(), "{first:?} {second:?}");
        assert!(matches!(error.source_as(), Some(TunnelError::Refused { authorized: true, .. })));
        // Nor at once the next time.
        assert_eq!(tunnel(&world, &auth, &[OK]).await.1, [None]);
    }
}

#[tokio::test(start_paused = true)]
async fn who_says_stale_for_ever_is_left_after_21_requests() {
    let stale = |nonce: u32| challenge(&[&format!("Digest realm=\"r\", nonce=\"{nonce}\", qop=\"auth\", stale=true")]);
    let world = World::new();
    let proxy = async {
        let mut proxy = world.accept().await;
        for nonce in 0..21 {
            credentials(&mut proxy).await;
            proxy.send(stale(nonce)).await;
        }
        proxy.expect_close().await;
    };
    let (linked, ()) = tokio::join!(world.connect(route(&world, &PasswordAuth::any("alice", "secret"))), proxy);
    let error = linked.unwrap_err();
    assert!(error.is_fatal() && matches!(error.source_as(), Some(TunnelError::Challenged(_))), "{error:?}");
    assert_eq!((world.net.opened(), world.net.live_sockets()), (1, 0));
}

#[test]
fn connections_are_shared_only_by_those_who_show_the_same() {
    let proxy = || Proxy::new(ProxyKind::Http, "proxy.test", 3128);
    let all = [
        proxy(),
        proxy().auth(BasicAuth::new("alice", "secret")),
        proxy().auth(PasswordAuth::any("alice", "secret")),
        proxy().auth(PasswordAuth::digest("alice", "secret")),
        proxy().auth(PasswordAuth::any("alice", "other")),
    ];
    for (i, one) in all.iter().enumerate() {
        assert!(all.iter().enumerate().all(|(j, other)| (i == j) == (one == other)));
    }
    assert_eq!(proxy().auth(PasswordAuth::any("a", "b")), proxy().auth(PasswordAuth::any("a", "b")));
    assert!(!format!("{:?}", PasswordAuth::any("alice", "secret")).contains("alice"));
}
