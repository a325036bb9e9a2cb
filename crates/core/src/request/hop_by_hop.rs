//! The fields of a request that are for the next hop alone (RFC 9110, section 7.6.1): the one list of them, for every
//! version of HTTP.

use http::{HeaderMap, HeaderName, HeaderValue, header};

/// What a request asks of the next hop alone, in place of the fields that said so.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct NextHop {
    /// `connection: close`: the connection is to carry nothing after this (RFC 9112, section 9.6).
    pub close: bool,
    /// What the connection is to become (RFC 9110, section 7.8): the value of `upgrade`, if `connection` names it.
    /// Never HTTP/2 in cleartext: that is spoken by prior knowledge or not at all (RFC 9113, section 3.1).
    pub upgrade: Option<HeaderValue>,
    /// `te: trailers`: trailers are welcome (RFC 9110, section 10.1.4). Nothing else that `te` says is kept, as no
    /// coding is undone here.
    pub trailers: bool,
}

/// Whether a field of this name never goes further than the next hop, whatever `connection` says.
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
    // The first letter tells most others apart: this is asked for each field of each request.
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

/// Takes the fields that are for the next hop alone out of a header section, those that `connection` names among them:
/// what was there is given to `removed`, and what it asked for is returned. `kept` are the fields that the caller
/// answers for itself.
///
/// `host` and `content-length` stay though `connection` may name them: they say whose a message is and where it ends,
/// which no option can undo.
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
    let goes = |name: &&HeaderName| {
        let named = is_option(name.as_str()) && **name != header::HOST && **name != header::CONTENT_LENGTH;
        (named || is_hop_by_hop(name)) && !kept(name)
    };
    let names: Vec<HeaderName> = headers.keys().filter(goes).cloned().collect();
    for name in names {
        let values: Vec<HeaderValue> = headers.get_all(&name).iter().cloned().collect();
        headers.remove(&name);
        values.into_iter().for_each(|value| removed(name.clone(), value));
    }
    next
}

/// The members of a list-based field (RFC 9110, section 5.6.1). By bytes: what isn't text must not hide what stands
/// beside it.
fn options<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a [u8]> {
    let values = headers.get_all(name).into_iter();
    values.flat_map(|value| value.as_bytes().split(|byte| *byte == b',')).map(<[u8]>::trim_ascii)
}

/// The protocols that may be changed to, in the order of preference.
fn upgrade(headers: &HeaderMap) -> Option<HeaderValue> {
    let http2 = |protocol: &[u8]| protocol.eq_ignore_ascii_case(b"h2c") || protocol.eq_ignore_ascii_case(b"h2");
    let protocols = options(headers, &header::UPGRADE).filter(|protocol| !protocol.is_empty() && !http2(protocol));
    let protocols = protocols.collect::<Vec<_>>().join(&b", "[..]);
    HeaderValue::from_bytes(&protocols).ok().filter(|_| !protocols.is_empty())
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
    fn what_is_for_the_next_hop_alone() {
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
    fn an_option_names_a_field_whatever_stands_beside_it() {
        let mut headers = headers(&[("x-hop", "1")]);
        headers.insert(header::CONNECTION, HeaderValue::from_bytes(b"\xff,x-hop").unwrap());
        strip_hop_by_hop(&mut headers, |_| false, |_, _| {});
        assert!(headers.is_empty());
    }

    #[test]
    fn no_option_takes_away_whose_a_message_is_and_where_it_ends() {
        let (_, left) =
            stripped(&[("connection", "host, content-length"), ("host", "a.test"), ("content-length", "3")]);
        assert_eq!(left, ["content-length", "host"]);
    }

    #[test]
    fn an_upgrade_is_what_connection_names_and_never_http2_in_cleartext() {
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
    fn what_is_removed_is_told_and_what_is_kept_stays() {
        let mut headers = headers(&[("te", "a"), ("te", "b"), ("transfer-encoding", "chunked"), ("accept", "*/*")]);
        let mut removed = Vec::new();
        let kept = |name: &HeaderName| *name == header::TRANSFER_ENCODING;
        strip_hop_by_hop(&mut headers, kept, |name, value| removed.push((name, value)));
        assert_eq!(removed, [(header::TE, HeaderValue::from_static("a")), (header::TE, HeaderValue::from_static("b"))]);
        assert_eq!(headers.len(), 2);
    }
}
