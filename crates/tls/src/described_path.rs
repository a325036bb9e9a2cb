use crate::{Pin, x509};
use rustls::pki_types::{CertificateDer, TrustAnchor};
use skybridge_core::Certificate;

/// Describes a verified path, of which the pins are known: the peer's own certificate first, the trust anchor last.
///
/// Those between are found among what was presented. Of a key that several of them have, as cross-signed ones do, it is
/// the one that names the next on the path as its issuer.
pub(crate) fn describe<'a>(
    pins: &[Pin],
    presented: impl IntoIterator<Item = &'a CertificateDer<'a>>,
    anchors: &[TrustAnchor<'_>],
) -> Vec<Certificate> {
    let presented: Vec<_> = presented.into_iter().map(|certificate| x509::certificate(certificate)).collect();
    let pins: Vec<Box<str>> = pins.iter().map(|pin| pin.to_string().into()).collect();
    let (Some(leaf), Some((_, above))) = (presented.first(), pins.split_first()) else { return Vec::new() };
    // From the anchor down.
    let mut path: Vec<Certificate> = Vec::with_capacity(pins.len());
    let below_anchor = pins.len().checked_sub(2).and_then(|at| pins.get(at));
    for pin in above.iter().rev() {
        let described = match path.last() {
            None => anchor(pin, anchors, presented.iter().filter(|it| it.pin.as_ref() == below_anchor)),
            Some(next) => {
                let with_key = || presented.iter().filter(|it| it.pin.as_ref() == Some(pin));
                with_key().find(|it| it.issuer.is_some() && it.issuer == next.subject).or(with_key().next()).cloned()
            }
        };
        path.push(described.unwrap_or_else(|| unread(pin)));
    }
    path.push(leaf.clone());
    path.reverse();
    path
}

/// The anchor with this key, and of several the one that an issued certificate names.
fn anchor<'a>(
    pin: &str,
    anchors: &[TrustAnchor<'_>],
    issued: impl Iterator<Item = &'a Certificate>,
) -> Option<Certificate> {
    let with_key: Vec<_> = anchors.iter().map(x509::anchor).filter(|it| it.pin.as_deref() == Some(pin)).collect();
    let issuers: Vec<_> = issued.filter_map(|it| it.issuer.as_ref()).collect();
    let named = with_key.iter().find(|it| it.subject.as_ref().is_some_and(|subject| issuers.contains(&subject)));
    named.or(with_key.first()).cloned()
}

fn unread(pin: &str) -> Certificate {
    let mut certificate = Certificate::unread(&[]);
    certificate.pin = Some(pin.into());
    certificate
}
