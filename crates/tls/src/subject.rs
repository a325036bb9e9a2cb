//! Whether a certificate is for a name (RFC 9525).

use crate::x509;
use rustls::pki_types::ServerName;
use webpki::{EndEntityCert, Error};

/// Checks that the certificate is for this name: by webpki, which takes no name with a dot at its end. Certificates
/// have some all the same, and curl and OkHttp take them for what they mean.
///
/// The common name is never looked at.
pub(crate) fn verify(leaf: &EndEntityCert<'_>, server: &ServerName<'_>) -> Result<(), Error> {
    let result = leaf.verify_is_valid_for_subject_name(server);
    match (&result, server) {
        (Err(Error::CertNotValidForName(_)), ServerName::DnsName(name)) if has_absolute(&leaf.der(), name.as_ref()) => {
            Ok(())
        }
        _ => result,
    }
}

/// Whether one of its names is this one, but for the dot at its end.
fn has_absolute(leaf: &[u8], asked: &str) -> bool {
    let asked = asked.strip_suffix('.').unwrap_or(asked);
    let mut has = false;
    x509::for_each_dns_name(leaf, |name| has |= name.strip_suffix(b".").is_some_and(|name| matches(name, asked)));
    has
}

/// `asked` is a valid name, so what equals it is one too. A star stands for one whole label, the first, and there are
/// two more at least, as webpki has it.
fn matches(name: &[u8], asked: &str) -> bool {
    match name.strip_prefix(b"*.") {
        Some(rest) => asked
            .split_once('.')
            .is_some_and(|(_, domain)| domain.contains('.') && rest.eq_ignore_ascii_case(domain.as_bytes())),
        None => name.eq_ignore_ascii_case(asked.as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_before_the_dot_is_compared_as_ever() {
        let rows: &[(&[u8], &str, bool)] = &[
            (b"a.test", "a.test", true),
            (b"A.Test", "a.test", true),
            (b"a.test.", "a.test", false),
            (b".a.test", "a.test", false),
            (b"*.b.test", "a.b.test", true),
            (b"*.b.test", "b.test", false),
            (b"*.b.test", "x.a.b.test", false),
            (b"*.test", "a.test", false),
            (b"*", "a", false),
            (b"*.", "a", false),
            (b"f*.b.test", "foo.b.test", false),
            (b"a.*.test", "a.b.test", false),
            ("\u{212a}.test".as_bytes(), "k.test", false),
        ];
        for (name, asked, expected) in rows {
            assert_eq!(matches(name, asked), *expected, "{} {asked}", String::from_utf8_lossy(name));
        }
    }
}
