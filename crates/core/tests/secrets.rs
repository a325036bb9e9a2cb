//! No secret of a URL is printed anywhere, whatever characters the URL has.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use http::Uri;
use proptest::prelude::*;
use skybridge_core::{ConnectError, Error, OriginRef, Phase, Proxy, Reference, RequestError, Scheme};
use std::error::Error as StdError;

const SECRET: &str = "hunter2";

/// A secret between characters that have a meaning in a URL, or that are not allowed in one.
fn secret() -> impl Strategy<Value = String> {
    let odd = || {
        prop_oneof![
            3 => "[/?#@:]{0,3}",
            1 => Just("://".to_owned()),
            2 => "[0-9a-z%&=+.\\[\\]!$'(),;*~_-]{0,5}",
            1 => "[ \\\\\"<>|^{}`\u{e9}\t\n\u{1b}]{0,2}",
        ]
    };
    (odd(), odd()).prop_map(|(before, after)| format!("{before}{SECRET}{after}"))
}

/// Text like a URL, with secrets where URLs have them.
fn url() -> impl Strategy<Value = String> {
    let scheme = prop_oneof![
        4 => Just("http://"), 4 => Just("https://"), 4 => Just(""), 1 => Just("HTTP://"), 1 => Just("ftp://"), 1 => Just("//"),
        1 => Just("http:/"), 1 => Just("socks5h://"), 1 => Just("a.test://"), 1 => Just("1://")
    ];
    let place = prop_oneof![
        3 => secret().prop_map(|secret| (format!("{secret}@"), String::new())),
        3 => ("[a-z0-9.]{0,4}", secret()).prop_map(|(user, secret)| (format!("{user}:{secret}@"), String::new())),
        1 => (secret(), secret()).prop_map(|(user, password)| (format!("{user}:{password}@"), String::new())),
        2 => secret().prop_map(|secret| (String::new(), format!("?{secret}"))),
        2 => secret().prop_map(|secret| (String::new(), format!("#{secret}"))),
        1 => (secret(), secret()).prop_map(|(password, token)| (format!("me:{password}@"), format!("?t={token}#{token}"))),
    ];
    let host = prop_oneof![
        6 => Just("a.test"), 1 => Just("127.0.0.1"), 1 => Just("[::1]"), 1 => Just("b\u{fc}cher.test"), 1 => Just("a b"),
        1 => Just(""), 1 => Just("a..test"), 1 => Just("1.2"), 1 => Just("[fe80::1%25eth0]")
    ];
    let port = prop_oneof![3 => Just(""), 2 => Just(":8080"), 1 => Just(":"), 1 => Just(":99999"), 1 => Just(":x")];
    let path = prop_oneof![2 => Just(""), 2 => Just("/"), 1 => Just("/@x/y@2"), 1 => Just("/x y"), 1 => Just("/a://b")];
    (scheme, place, host, port, path)
        .prop_map(|(scheme, (user, rest), host, port, path)| format!("{scheme}{user}{host}{port}{path}{rest}"))
}

/// Text that was meant as userinfo may, to every parser, be the host or the path of a valid URL. There it can't be
/// hidden.
fn is_open(text: &str) -> bool {
    let Ok(uri) = text.parse::<Uri>() else { return false };
    let authority = uri.authority().map(|authority| OriginRef::parse(Scheme::Http, authority.as_str()));
    let valid = authority.is_none_or(|origin| origin.and_then(OriginRef::to_owned).is_ok());
    valid && (uri.host().is_some_and(|host| host.contains(SECRET)) || uri.path().contains(SECRET))
}

fn all_of(error: &(dyn StdError + 'static)) -> String {
    let chain = std::iter::successors(Some(error), |error| (*error).source());
    chain.map(|error| format!("{error} {error:?}\n")).collect()
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 4 * ProptestConfig::default().cases,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_reference_shows_none(text in url()) {
        let read = Reference::parse(&text);
        prop_assert!(is_open(&text) || !format!("{read} {read:?}").contains(SECRET), "{read}");
        let typed = Reference::typed(&text);
        let absolute = if typed.scheme().is_some() { text.clone() } else { format!("http://{text}") };
        prop_assert!(is_open(&absolute) || !format!("{typed} {typed:?}").contains(SECRET), "{typed}");
        // It is always one line.
        prop_assert!(!typed.to_string().contains(char::is_control));
    }

    #[test]
    fn an_origin_and_its_errors_show_none(text in url()) {
        let Ok(uri) = text.parse::<Uri>() else { return Ok(()) };
        let shown = match OriginRef::of(&uri) {
            Ok(origin) => format!("{origin:?} {:?}", origin.to_owned()),
            Err(error) => {
                let error = RequestError::from(error);
                all_of(&Error::from(error.clone())) + &all_of(&Error::from(ConnectError::new(Phase::Resolve, error)))
            }
        };
        // A `Uri` has lost its fragment, and with it any `@` in it.
        let parts = [uri.authority().map(|authority| authority.as_str()), uri.scheme_str()];
        let open = is_open(&text) || text.contains('#') && parts.iter().flatten().any(|part| part.contains(SECRET));
        prop_assert!(open || !shown.contains(SECRET), "{shown}");
    }

    #[test]
    fn a_proxy_and_its_errors_show_none(text in url()) {
        let shown = match Proxy::parse(&text) {
            Ok(proxy) => format!("{proxy} {proxy:?}"),
            Err(error) => all_of(&error),
        };
        prop_assert!(!shown.contains(SECRET), "{shown}");
    }
}
