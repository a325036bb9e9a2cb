//! A proxy that asks for user and password, in whatever words.

use http::{HeaderMap, HeaderValue, Method, header::PROXY_AUTHENTICATE};
use skybridge_core::{Proxy, ProxyRequest};
use skybridge_tunnel::PasswordAuth;

const PASSWORD: &str = "a-secret-that-is-long";
/// `alice` and that, as Basic shows them.
const ENCODED: &str = "YWxpY2U6YS1zZWNyZXQtdGhhdC1pcy1sb25n";

/// Who asks never sees the password but by Basic where that is allowed, is answered the same scheme again, and refuses
/// an answer of its own challenge for good.
///
/// An input is a letter for what is allowed, and the values of `proxy-authenticate`, one on each line.
pub fn challenge(input: &[u8]) {
    let [allowed, lines @ ..] = input else { return };
    let digest_alone = *allowed == b'd';
    let auth =
        if digest_alone { PasswordAuth::digest("alice", PASSWORD) } else { PasswordAuth::any("alice", PASSWORD) };
    let proxy = Proxy::parse("http://proxy.test:3128").expect("a proxy").auth(auth);
    let mut challenge = HeaderMap::new();
    for value in lines.split(|byte| *byte == b'\n').take(64).filter_map(|line| HeaderValue::from_bytes(line).ok()) {
        challenge.append(PROXY_AUTHENTICATE, value);
    }
    let asked = ProxyRequest::new(&proxy, &Method::CONNECT, &"a.test:443");
    assert_eq!(asked.authorize(None), None, "shown before it was asked for");
    let Some(answer) = asked.authorize(Some(&challenge)) else { return };
    assert!(answer.is_sensitive());
    let text = answer.to_str().expect("an answer is ASCII");
    assert!(!text.contains(PASSWORD), "{text}");
    let basic = text == format!("Basic {ENCODED}");
    assert!(basic && !digest_alone || text.starts_with("Digest username=\"alice\"") || text.contains("userhash=true"));
    let at_once = asked.authorize(None).expect("it is remembered");
    assert_eq!(basic, at_once.as_bytes().starts_with(b"Basic "), "{text}");
    // The same challenge once more, which isn't stale, refuses the answer.
    let stale = lines.to_ascii_lowercase().windows(5).any(|word| word == b"stale");
    if !stale {
        assert_eq!(asked.refused(Some(&answer)).authorize(Some(&challenge)), None, "{text}");
    }
}
