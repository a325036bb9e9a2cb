use super::origin::OriginError;
use std::borrow::Cow;

/// A host in ASCII, as URLs and certificates have it and as it is looked up: `bücher.test` becomes
/// `xn--bcher-kva.test`. Wherever this library is given a host it is converted so, that one host has one name.
///
/// One that is ASCII stays as it is, whether it is a host or not. Any other is converted by UTS 46 as browsers do,
/// non-transitionally: capitals and wide forms become what they stand for, other full stops (U+3002) dots, and `ß` and
/// a final sigma stay different from `ss` and `σ`. It needs the feature `idn`.
///
/// # Errors
/// [`OriginError::NotAscii`] without the feature, so that what is written so is never taken for the name of nobody;
/// with it, [`OriginError::NotAHost`] for what isn't a name.
pub fn ascii_host(host: &str) -> Result<Cow<'_, str>, OriginError> {
    if host.is_ascii() { Ok(host.into()) } else { convert(host) }
}

#[cfg(feature = "idn")]
fn convert(host: &str) -> Result<Cow<'_, str>, OriginError> {
    use idna::uts46::{AsciiDenyList, DnsLength, Hyphens, Uts46};

    let (denied, length) = (AsciiDenyList::URL, DnsLength::VerifyAllowRootDot);
    let converted = Uts46::new().to_ascii(host.as_bytes(), denied, Hyphens::Allow, length);
    converted.map_err(|_| OriginError::NotAHost(host.into()))
}

#[cfg(not(feature = "idn"))]
fn convert(host: &str) -> Result<Cow<'_, str>, OriginError> {
    Err(OriginError::NotAscii(host.into()))
}

#[cfg(test)]
mod tests {
    use super::*;
    #[cfg(feature = "idn")]
    use crate::{Cleartext, Dial, Proxy, ProxyKind};
    use crate::{OriginRef, Scheme};

    #[test]
    fn what_is_ascii_stays_as_it_is() {
        for host in ["a.test", "A.Test.", "XN--Bcher-KVA.test", "xn--a", "[::1]", "a..b", ""] {
            assert_eq!(ascii_host(host), Ok(host.into()));
        }
    }

    /// A row a name, and the origin's host: `None` where it is refused.
    #[cfg(feature = "idn")]
    const ROWS: &[(&str, Option<&str>)] = &[
        ("bücher.test", Some("xn--bcher-kva.test")),
        ("BÜCHER.Test", Some("xn--bcher-kva.test")),
        ("bu\u{308}cher.test", Some("xn--bcher-kva.test")),
        ("XN--BCHER-KVA.bücher.test.", Some("xn--bcher-kva.xn--bcher-kva.test.")),
        // Non-transitional: neither is another name.
        ("straße.test", Some("xn--strae-oqa.test")),
        ("STRAẞE.test", Some("xn--strae-oqa.test")),
        ("βόλος.test", Some("xn--nxasmm1c.test")),
        ("ΒΌΛΟΣ.test", Some("xn--nxasmq6b.test")),
        // Other full stops, wide letters and digits, and what is left out.
        ("bücher\u{3002}test\u{ff61}", Some("xn--bcher-kva.test.")),
        ("a\u{ff0e}test", Some("a.test")),
        ("\u{ff21}\u{ff42}.test", Some("ab.test")),
        ("a\u{ad}b.test", Some("ab.test")),
        ("例え.テスト", Some("xn--r8jz45g.xn--zckzah")),
        // A wide address is that address, and none but that.
        ("\u{ff11}\u{ff12}\u{ff17}\u{3002}0\u{3002}0\u{3002}1", Some("127.0.0.1")),
        ("\u{ff11}\u{ff12}\u{ff17}\u{3002}1", None),
        // What would become a delimiter.
        ("a\u{ff0f}b.test", None),
        ("a\u{2100}b.test", None),
        ("a\u{ff20}b.test", None),
        ("a\u{ff1a}80", None),
        ("a\u{ff05}41", None),
        ("a\u{2024}\u{2024}b.test", None),
        ("[\u{ff1a}:1]", None),
        // Empty labels, joiners without a reason, other directions, broken Punycode, what is unassigned, too long.
        ("\u{ad}.test", None),
        ("bücher..test", None),
        ("a\u{200d}b.test", None),
        ("aא.test", None),
        ("١٢٧.test", None),
        ("xn--a.bücher.test", None),
        ("xn--bcher-kvb\u{fffd}.test", None),
        ("\u{e000}.test", None),
        ("a bücher.test", None),
        ("büchebüchebüchebüchebüchebüchebüchebüchebüchebüchebüchebüchebüche.test", None),
    ];

    #[cfg(feature = "idn")]
    #[test]
    fn names_are_converted_by_uts_46_and_what_is_none_is_refused() {
        for (host, expected) in ROWS {
            let origin = OriginRef::parse(Scheme::Https, host).and_then(OriginRef::to_owned);
            let host_of = origin.as_ref().map(|origin| origin.host()).ok();
            assert_eq!(host_of, *expected, "{host}: {origin:?}");
        }
    }

    #[cfg(feature = "idn")]
    #[test]
    fn proxies_and_other_hosts_to_connect_to_are_converted_too() {
        for host in ["bücher.test", "BÜCHER\u{3002}Test", "xn--bcher-kva.test"] {
            assert_eq!(&*Proxy::new(ProxyKind::Https, host, 443).host, "xn--bcher-kva.test", "{host}");
            let url = format!("socks5h://me:pw@{host}:1");
            assert_eq!(Proxy::parse(&url).unwrap().name(), "xn--bcher-kva.test", "{host}");
            assert_eq!(Dial::host_and_port(host, 1).unwrap().host(), Some(("xn--bcher-kva.test", 1)), "{host}");
            let only = Cleartext::only_to([host]).unwrap();
            let of = |host| OriginRef::parse(Scheme::Http, host).and_then(OriginRef::to_owned).unwrap();
            assert!(only.permits(&of("XN--bcher-kva.test.")) && !only.permits(&of("bcher.test")), "{host}");
        }
    }

    #[cfg(not(feature = "idn"))]
    #[test]
    fn without_the_feature_names_are_refused_and_said_how_to_write() {
        let refused = OriginRef::parse(Scheme::Https, "bücher.test").and_then(OriginRef::to_owned).unwrap_err();
        assert_eq!(refused, OriginError::NotAscii("bücher.test".into()));
        let told = "the host `bücher.test` is not ASCII: write it as IDNA does (xn--...), or turn on the feature `idn`";
        assert_eq!(refused.to_string(), told);
    }
}
