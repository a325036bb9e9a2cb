//! The hop-by-hop fields of a request (RFC 9110, section 7.6.1): one list for all versions of HTTP.

use http::{HeaderMap, HeaderName, HeaderValue, header};
use std::collections::HashSet;

/// What the hop-by-hop fields of a request asked for.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct NextHop {
    /// `connection: close`: the connection must not be used for another request (RFC 9112, section 9.6).
    pub close: bool,
    /// The protocols to upgrade to (RFC 9110, section 7.8): the value of `upgrade`, if `connection` names that field.
    /// HTTP/2 is removed from it, because the upgrade to it is obsolete (RFC 9113, section 3.1).
    pub upgrade: Option<HeaderValue>,
    /// `te: trailers`: the client accepts trailers (RFC 9110, section 10.1.4). Other values of `te` are dropped,
    /// because no transfer coding but `chunked` is supported.
    pub trailers: bool,
}

/// Whether a field is hop-by-hop by its name, whether or not `connection` names it.
///
/// ```
/// use skybridge_core::is_hop_by_hop;
/// use http::header;
///
/// assert!(is_hop_by_hop(&header::TE) && is_hop_by_hop(&header::PROXY_AUTHORIZATION));
/// assert!(!is_hop_by_hop(&header::HOST));
/// ```
#[inline]
pub fn is_hop_by_hop(name: &HeaderName) -> bool {
    // Called for each field of each request: the first letter rules out most names.
    match name.as_str().as_bytes() {
        [b'c', ..] => *name == header::CONNECTION,
        [b't', ..] => *name == header::TE || *name == header::TRANSFER_ENCODING,
        [b'u', ..] => *name == header::UPGRADE,
        [b'k', ..] => name.as_str() == "keep-alive",
        [b'h', ..] => name.as_str() == "http2-settings",
        [b'p', ..] => name.as_str().starts_with("proxy-"),
        _ => false,
    }
}

/// Removes the hop-by-hop fields from a header section, including those that `connection` names. Calls `removed` with
/// each, and returns what they asked for. A field for which `kept` is true stays: the caller handles it itself.
///
/// `host` and `content-length` always stay, even if `connection` names them: a message is not valid without them.
#[cold]
pub fn strip_hop_by_hop(
    headers: &mut HeaderMap,
    kept: impl Fn(&HeaderName) -> bool,
    mut removed: impl FnMut(HeaderName, HeaderValue),
) -> NextHop {
    let is_option =
        |option: &str| options(headers, &header::CONNECTION).any(|own| own.eq_ignore_ascii_case(option.as_bytes()));
    let next = NextHop {
        close: is_option("close"),
        upgrade: if is_option("upgrade") { upgrade(headers) } else { None },
        trailers: options(headers, &header::TE).any(|coding| coding.eq_ignore_ascii_case(b"trailers")),
    };
    let named = named(headers);
    let goes = |name: &&HeaderName| (named.contains(*name) || is_hop_by_hop(name)) && !kept(name);
    let names: Vec<HeaderName> = headers.keys().filter(goes).cloned().collect();
    for name in names {
        let values: Vec<HeaderValue> = headers.get_all(&name).iter().cloned().collect();
        headers.remove(&name);
        values.into_iter().for_each(|value| removed(name.clone(), value));
    }
    next
}

/// The fields here that `connection` names. Each option is looked up among the fields, and not each field among the
/// options: of both a peer may send thousands.
fn named(headers: &HeaderMap) -> HashSet<HeaderName> {
    let mut named = HashSet::new();
    for option in options(headers, &header::CONNECTION) {
        let name = std::str::from_utf8(option).ok().filter(|option| headers.contains_key(*option));
        named.extend(name.and_then(|name| HeaderName::from_bytes(name.as_bytes()).ok()));
    }
    named.remove(&header::HOST);
    named.remove(&header::CONTENT_LENGTH);
    named
}

/// Whether a request asks to switch to another protocol: by `upgrade`, and by `connection` that names it.
pub(crate) fn asks_for_upgrade(headers: &HeaderMap) -> bool {
    options(headers, &header::CONNECTION).any(|option| option.eq_ignore_ascii_case(b"upgrade"))
        && upgrade(headers).is_some()
}

/// The members of a list-based field (RFC 9110, section 5.6.1), as bytes, so that one member that isn't valid text
/// doesn't hide the others.
fn options<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a [u8]> {
    let values = headers.get_all(name).into_iter();
    values.flat_map(|value| value.as_bytes().split(|byte| *byte == b',')).map(|option| {
        work::look_at();
        option.trim_ascii()
    })
}

/// The protocols of `upgrade` except HTTP/2, in the order of preference.
fn upgrade(headers: &HeaderMap) -> Option<HeaderValue> {
    let http2 = |protocol: &[u8]| protocol.eq_ignore_ascii_case(b"h2c") || protocol.eq_ignore_ascii_case(b"h2");
    let protocols = options(headers, &header::UPGRADE).filter(|protocol| !protocol.is_empty() && !http2(protocol));
    let protocols = protocols.collect::<Vec<_>>().join(&b", "[..]);
    HeaderValue::from_bytes(&protocols).ok().filter(|_| !protocols.is_empty())
}

/// How many members of lists are looked at, counted in tests: both the list and the fields are a peer's to fill.
mod work {
    #[cfg(test)]
    thread_local! {
        static MEMBERS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
    }

    #[inline(always)]
    pub(super) fn look_at() {
        #[cfg(test)]
        MEMBERS.set(MEMBERS.get() + 1);
    }

    /// How many were looked at on this thread meanwhile.
    #[cfg(test)]
    pub(super) fn of(run: impl FnOnce()) -> usize {
        let before = MEMBERS.get();
        run();
        MEMBERS.get() - before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    fn stripped(fields: &[(&'static str, &'static str)]) -> (NextHop, Vec<String>) {
        let mut headers = headers(fields);
        let next = strip_hop_by_hop(&mut headers, |_| false, |_, _| {});
        let mut left: Vec<_> = headers.keys().map(ToString::to_string).collect();
        left.sort_unstable();
        (next, left)
    }

    #[test]
    fn hop_by_hop_fields_are_removed() {
        let (next, left) = stripped(&[
            ("accept", "*/*"),
            ("connection", "X-Hop, , close"),
            ("connection", "x-more,Trailer"),
            ("x-hop", "1"),
            ("x-more", "1"),
            ("x-stays", "1"),
            ("trailer", "x"),
            ("keep-alive", "timeout=5"),
            ("te", "gzip;q=0.5"),
            ("te", "Trailers"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "websocket"),
            ("http2-settings", "AAMAAABk"),
            ("proxy-authenticate", "Basic"),
            ("proxy-authorization", "Basic c2VjcmV0"),
            ("proxy-connection", "keep-alive"),
        ]);
        assert_eq!(left, ["accept", "x-stays"]);
        assert_eq!(next, NextHop { close: true, upgrade: None, trailers: true });
    }

    #[test]
    fn an_invalid_option_does_not_hide_the_others() {
        let mut headers = headers(&[("x-hop", "1")]);
        headers.insert(header::CONNECTION, HeaderValue::from_bytes(b"\xff,x-hop").unwrap());
        strip_hop_by_hop(&mut headers, |_| false, |_, _| {});
        assert!(headers.is_empty());
    }

    /// Whoever wants may name as many options as fit in a head, and have as many fields there.
    #[test]
    fn each_option_is_looked_at_a_few_times_however_many_fields_there_are() {
        const OPTIONS: usize = 1_000;
        let name = |kind: &str, n: usize| HeaderName::try_from(format!("{kind}{n}")).unwrap();
        let mut headers: HeaderMap = (0..OPTIONS)
            .flat_map(|n| [name("hop", n), name("end", n)])
            .map(|name| (name, HeaderValue::from_static("1")))
            .collect();
        let options: Vec<_> = (0..OPTIONS).map(|n| format!("Hop{n}")).collect();
        headers.insert(header::CONNECTION, options.join(",").parse().unwrap());
        let looked_at = work::of(|| drop(strip_hop_by_hop(&mut headers, |_| false, |_, _| {})));
        assert!(looked_at <= 4 * OPTIONS, "{looked_at}");
        assert!((0..OPTIONS).all(|n| headers.contains_key(name("end", n)) && !headers.contains_key(name("hop", n))));
    }

    #[test]
    fn an_option_may_be_said_often_and_in_any_case_and_name_what_is_not_there() {
        let (next, left) =
            stripped(&[("connection", "X-Hop, x-hop, x-absent, , upgrade"), ("connection", "x-HOP"), ("x-hop", "1")]);
        assert_eq!((next, left), (NextHop::default(), vec![]));
    }

    #[test]
    fn host_and_content_length_always_stay() {
        let (_, left) =
            stripped(&[("connection", "host, content-length"), ("host", "a.test"), ("content-length", "3")]);
        assert_eq!(left, ["content-length", "host"]);
    }

    #[test]
    fn an_upgrade_needs_connection_to_name_it_and_is_never_to_http2() {
        for (connection, upgrade, asked) in [
            ("upgrade", "websocket", Some("websocket")),
            ("keep-alive, Upgrade", "IRC/6.9,RTA/x11", Some("IRC/6.9, RTA/x11")),
            ("upgrade, http2-settings", "h2c", None),
            ("upgrade", "H2C, websocket", Some("websocket")),
            ("upgrade", "", None),
            ("close", "websocket", None),
        ] {
            let (next, left) = stripped(&[("connection", connection), ("upgrade", upgrade)]);
            assert_eq!(next.upgrade.as_ref().map(|value| value.to_str().unwrap()), asked, "{connection}: {upgrade}");
            assert_eq!(left, [""; 0]);
        }
    }

    #[test]
    fn removed_fields_are_reported_and_kept_ones_stay() {
        let mut headers = headers(&[("te", "a"), ("te", "b"), ("transfer-encoding", "chunked"), ("accept", "*/*")]);
        let mut removed = Vec::new();
        let kept = |name: &HeaderName| *name == header::TRANSFER_ENCODING;
        strip_hop_by_hop(&mut headers, kept, |name, value| removed.push((name, value)));
        assert_eq!(removed, [(header::TE, HeaderValue::from_static("a")), (header::TE, HeaderValue::from_static("b"))]);
        assert_eq!(headers.len(), 2);
    }
}
