//! Fields of one hop (RFC 9110, section 7.6.1), and `via` (section 7.6.3).

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Version, header};
use skybridge_core::strip_hop_by_hop;

/// What CGI would make the address of the proxy by which an upstream asks others (`HTTP_PROXY`), of a client's choice.
pub(crate) const PROXY: HeaderName = HeaderName::from_static("proxy");

/// How many protocols an answer may name.
const MAX_PROTOCOLS: usize = 16;

/// How many of these proxies a request may have passed.
const MAX_PROXIES: usize = 16;

/// Makes the fields of a request those of the next hop. Returns the protocols that an upgrade is asked to, which are
/// passed on only where this side could follow.
pub(crate) fn towards_upstream(headers: &mut HeaderMap, received: Version, can_upgrade: bool) -> Option<HeaderValue> {
    let next = strip_hop_by_hop(headers, |_| false, |_, _| {});
    headers.remove(PROXY);
    if next.trailers {
        headers.insert(header::TE, HeaderValue::from_static("trailers"));
    }
    headers.append(header::VIA, via(received));
    let upgrade = next.upgrade.filter(|_| can_upgrade).and_then(|protocols| without_http(&protocols))?;
    ask(headers, upgrade.clone());
    Some(upgrade)
}

/// Makes the fields of a response those of the client's hop.
pub(crate) fn towards_client(headers: &mut HeaderMap, status: StatusCode, received: Version) {
    let next = strip_hop_by_hop(headers, |_| false, |_, _| {});
    headers.append(header::VIA, via(received));
    // A 101 names the protocol that is spoken from now on, a 426 those that would be (section 15.5.22).
    let names_protocol = [StatusCode::SWITCHING_PROTOCOLS, StatusCode::UPGRADE_REQUIRED].contains(&status);
    if let Some(upgrade) = next.upgrade.filter(|_| names_protocol) {
        ask(headers, upgrade);
    }
}

/// Those of the protocols that aren't HTTP once more, nor TLS, behind which that would be (RFC 2817). By them a client
/// would speak with the upstream itself, of what this proxy lets nobody ask, and as who it likes.
fn without_http(protocols: &HeaderValue) -> Option<HeaderValue> {
    let is_http = |protocol: &&[u8]| {
        let name = protocol.split(|byte| *byte == b'/').next().unwrap_or_default().trim_ascii();
        // `h2c`, and drafts of it as `h2c-14`.
        let is_h2 = name.get(..2).is_some_and(|begin| begin.eq_ignore_ascii_case(b"h2"));
        is_h2 || [&b"http"[..], b"tls"].iter().any(|http| name.eq_ignore_ascii_case(http))
    };
    let others = members(protocols).filter(|protocol| !is_http(protocol)).collect::<Vec<_>>().join(&b", "[..]);
    HeaderValue::from_bytes(&others).ok().filter(|_| !others.is_empty())
}

/// Whether an answer names protocols, and none that was not asked for.
pub(crate) fn are_among(named: Option<&HeaderValue>, asked: &HeaderValue) -> bool {
    let is_asked = |protocol: &[u8]| members(asked).any(|asked| asked.eq_ignore_ascii_case(protocol));
    named.is_some_and(|named| members(named).count() <= MAX_PROTOCOLS && members(named).all(is_asked))
}

/// Those of a list (RFC 9110, section 5.6.1).
fn members(list: &HeaderValue) -> impl Iterator<Item = &[u8]> {
    list.as_bytes().split(|byte| *byte == b',').map(<[u8]>::trim_ascii)
}

/// Asks the next hop for a protocol.
pub(crate) fn ask(headers: &mut HeaderMap, upgrade: HeaderValue) {
    headers.insert(header::CONNECTION, HeaderValue::from_static("upgrade"));
    headers.insert(header::UPGRADE, upgrade);
}

/// The version by which a message was received, and a name for who received it.
fn via(received: Version) -> HeaderValue {
    HeaderValue::from_static(match received {
        Version::HTTP_09 | Version::HTTP_10 => "1.0 skybridge",
        Version::HTTP_2 => "2 skybridge",
        Version::HTTP_3 => "3 skybridge",
        _ => "1.1 skybridge",
    })
}

/// What a client may have written itself of where it comes from. By CGI, WSGI and their like, an upstream can't tell
/// `x_forwarded_for` from `x-forwarded-for`.
pub(crate) fn is_claim(name: &HeaderName) -> bool {
    const PREFIX: &str = "x-forwarded-";
    let letters = || name.as_str().bytes().map(|byte| if byte.is_ascii_alphanumeric() { byte } else { b'-' });
    letters().take(PREFIX.len()).eq(PREFIX.bytes())
        || ["forwarded", "x-forwarded", "x-real-ip"].iter().any(|claim| letters().eq(claim.bytes()))
}

/// Whether the body of a request has a transfer coding that would be lost with its field: this side takes off
/// `chunked`, and no other.
pub(crate) fn is_coded(headers: &HeaderMap) -> bool {
    let mut codings = headers.get_all(header::TRANSFER_ENCODING).into_iter().flat_map(members);
    codings.next().is_some_and(|coding| !coding.eq_ignore_ascii_case(b"chunked")) || codings.next().is_some()
}

/// Whether a request has been here more often than there are proxies in a row. `via` is how a proxy knows.
pub(crate) fn is_loop(headers: &HeaderMap) -> bool {
    let name = |member: &&[u8]| member.split(|byte| *byte == b' ').nth(1) == Some(b"skybridge");
    headers.get_all(header::VIA).into_iter().flat_map(members).filter(name).count() >= MAX_PROXIES
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        fields.iter().map(|(name, value)| ((*name).parse().unwrap(), HeaderValue::from_static(value))).collect()
    }

    fn lines(headers: &HeaderMap) -> Vec<String> {
        headers.iter().map(|(name, value)| format!("{name}: {}", value.to_str().unwrap())).collect()
    }

    #[test]
    fn an_upgrade_is_asked_for_only_where_this_side_can_follow() {
        let asked = [("connection", "keep-alive, Upgrade, x-hop"), ("upgrade", "websocket"), ("x-hop", "1")];
        let mut followed = headers(&asked);
        assert_eq!(towards_upstream(&mut followed, Version::HTTP_11, true).unwrap(), "websocket");
        assert_eq!(lines(&followed), ["via: 1.1 skybridge", "connection: upgrade", "upgrade: websocket"]);
        let mut alone = headers(&asked);
        assert_eq!(towards_upstream(&mut alone, Version::HTTP_10, false), None);
        assert_eq!(lines(&alone), ["via: 1.0 skybridge"]);
    }

    #[test]
    fn http_is_no_protocol_to_upgrade_to() {
        for (asked, passed) in [
            ("h2c-14, websocket, HTTP/2.0", Some("websocket")),
            ("TLS/1.2, IRC/6.9, h2", Some("IRC/6.9")),
            ("http, tls", None),
            ("hot, https-like, t", Some("hot, https-like, t")),
        ] {
            let mut fields = headers(&[("connection", "upgrade"), ("upgrade", asked)]);
            let upgrade = towards_upstream(&mut fields, Version::HTTP_11, true);
            assert_eq!(upgrade.as_ref().map(|upgrade| upgrade.to_str().unwrap()), passed, "{asked}");
            assert_eq!(fields.get("upgrade"), upgrade.as_ref(), "{asked}");
        }
    }

    #[test]
    fn trailers_are_accepted_for_the_client_who_accepts_them() {
        let mut fields = headers(&[("te", "trailers, deflate"), ("via", "2 edge")]);
        towards_upstream(&mut fields, Version::HTTP_2, false);
        assert_eq!(lines(&fields), ["via: 2 edge", "via: 2 skybridge", "te: trailers"]);
    }

    /// It is known as httpoxy.
    #[test]
    fn no_client_names_the_proxy_of_the_upstream() {
        let mut fields = headers(&[("proxy", "http://evil.test"), ("x-stays", "1")]);
        towards_upstream(&mut fields, Version::HTTP_11, false);
        assert_eq!(lines(&fields), ["x-stays: 1", "via: 1.1 skybridge"]);
    }

    #[test]
    fn an_answer_names_some_of_the_protocols_that_were_asked_for_and_not_endlessly_many() {
        let value = |value: &str| HeaderValue::from_str(value).unwrap();
        for (named, expected) in [("b", true), ("B, a", true), ("c", false), ("a, c", false), ("", false)] {
            assert_eq!(are_among(Some(&value(named)), &value("a, b")), expected, "{named}");
        }
        assert!(!are_among(None, &value("a")));
        assert!(!are_among(Some(&value("a,".repeat(17).trim_end_matches(','))), &value("a")));
    }

    #[test]
    fn only_a_101_and_a_426_name_protocols() {
        for (status, named) in [(101, true), (426, true), (200, false)] {
            let mut fields =
                headers(&[("connection", "upgrade"), ("upgrade", "websocket"), ("keep-alive", "timeout=5")]);
            towards_client(&mut fields, StatusCode::from_u16(status).unwrap(), Version::HTTP_11);
            assert_eq!(fields.contains_key("upgrade"), named, "{status}");
            assert!(!fields.contains_key("keep-alive"));
        }
    }
}
