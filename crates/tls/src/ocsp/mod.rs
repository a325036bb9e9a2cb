//! What a server has stapled to its certificate: its issuer's word that it isn't revoked (RFC 6960).

mod fault;
mod response;
mod signature;

pub(crate) use self::{fault::StapleFault, signature::Issuer};

use self::response::{Response, Status};
use crate::x509;
use const_oid::db::rfc5280::ID_KP_OCSP_SIGNING;
use rustls::{crypto::WebPkiSupportedAlgorithms, pki_types::UnixTime};

/// How far the responder's clock may be from ours, in seconds, as with OpenSSL's clients.
const SKEW: u64 = 300;
/// How long one counts that doesn't say when the next is due, in seconds, as with Firefox. It says that there is always
/// a newer one (RFC 6960, section 4.2.2.1), so an old one is shown by who has lost the certificate since.
const DAY: u64 = 24 * 60 * 60;

/// Checks what was stapled to this certificate, and says whether it vouches for it. Nothing, and a responder that says
/// that it can't answer, do not.
pub(crate) fn check(
    staple: &[u8],
    leaf: &[u8],
    issuer: &Issuer,
    algorithms: &WebPkiSupportedAlgorithms,
    now: UnixTime,
) -> Result<bool, StapleFault> {
    if staple.is_empty() {
        return Ok(false);
    }
    let response = match Response::read(staple).map_err(|_| StapleFault::Malformed)? {
        None => return Ok(false),
        Some(response) => response,
    };
    let vouches = |certificate: &[u8]| vouches(certificate, issuer, algorithms, now);
    let signed =
        |issuer: &Issuer| issuer.has_signed(response.signed, response.algorithm, response.signature, algorithms);
    if !signed(issuer)
        && !response.certificates().any(|der| vouches(der) && Issuer::of(der).is_some_and(|it| signed(&it)))
    {
        return Err(StapleFault::NotSigned);
    }
    let about = response.singles().find(|single| single.is_about(leaf, issuer)).ok_or(StapleFault::Another)?;
    let seconds = now.as_secs();
    match about.status {
        Status::Revoked(since) => return Err(StapleFault::Revoked(since)),
        Status::Unknown => return Err(StapleFault::Unknown),
        Status::Good => {}
    }
    if about.this_update.as_secs() > seconds.saturating_add(SKEW) {
        return Err(StapleFault::NotYet);
    }
    let end = about.next_update.map_or(about.this_update.as_secs().saturating_add(DAY), |next| next.as_secs());
    if end.saturating_add(SKEW) < seconds {
        return Err(StapleFault::Expired);
    }
    Ok(true)
}

/// Whether the issuer lets the key of this certificate sign responses for it (section 4.2.2.2).
fn vouches(certificate: &[u8], issuer: &Issuer, algorithms: &WebPkiSupportedAlgorithms, now: UnixTime) -> bool {
    let is_valid = x509::validity(certificate).is_some_and(|dates| dates.not_before <= now && now <= dates.not_after);
    let Some((signed, signature)) = x509::signed(certificate) else { return false };
    let Some((algorithm, _)) = x509::signed_by(certificate) else { return false };
    is_valid
        && x509::has_purpose(certificate, ID_KP_OCSP_SIGNING)
        && x509::issuer_name(certificate) == Some(&*issuer.name)
        && issuer.has_signed(signed, algorithm, signature, algorithms)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use skybridge_testkit::certs::{Ca, Cert, CertBuilder, Purpose, Staple};
    use std::{sync::LazyLock, time::Duration};

    const HOUR: u64 = 3_600;
    /// The first second of 2020.
    const START: u64 = 1_577_836_800;

    fn verdict(staple: &[u8], cert: &Cert, ca: &Ca, now: u64) -> Result<bool, StapleFault> {
        let algorithms = crate::config::provider::choose(None).unwrap().signature_verification_algorithms;
        let now = UnixTime::since_unix_epoch(Duration::from_secs(now));
        check(staple, &cert.chain()[0], &Issuer::of(&ca.der()).unwrap(), &algorithms, now)
    }

    #[test]
    fn one_that_does_not_say_when_the_next_is_due_counts_for_a_day() {
        let root = Ca::new("root");
        let cert = root.leaf(["a.test"]);
        let staple = Staple::new(&root, &cert).years(2020, None).make();
        for (hours, expected) in [(0, Ok(true)), (24, Ok(true)), (25, Err(StapleFault::Expired))] {
            assert_eq!(verdict(&staple, &cert, &root, START + hours * HOUR), expected, "{hours}");
        }
        let early = verdict(&staple, &cert, &root, START - HOUR);
        assert_eq!(early, Err(StapleFault::NotYet));
        let revoked = Staple::new(&root, &cert).years(2020, None).revoked(2019).make();
        let later = verdict(&revoked, &cert, &root, START + 1_000 * HOUR);
        assert!(matches!(later, Err(StapleFault::Revoked(_))), "{later:?}");
    }

    struct Real {
        root: Ca,
        cert: Cert,
        /// Each says something else than that it is good, but for the first two.
        staples: Vec<Vec<u8>>,
    }

    static REAL: LazyLock<Real> = LazyLock::new(|| {
        let root = Ca::new("root");
        let (cert, other) = (root.leaf(["a.test"]), root.leaf(["a.test"]));
        let responder = CertBuilder::server([]).subject(Some("responder")).purposes(&[Purpose::Ocsp]).by(&root);
        let staples = vec![
            Staple::new(&root, &cert).make(),
            Staple::new(&root, &cert).by(&responder).make(),
            Staple::new(&root, &cert).revoked(2019).make(),
            Staple::new(&root, &cert).unknown().make(),
            Staple::new(&root, &cert).years(1999, Some(2019)).make(),
            Staple::new(&root, &other).make(),
        ];
        Real { root, cert, staples }
    });

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn nothing_in_a_staple_panics_and_none_that_was_changed_vouches(
            of in 0_usize..6,
            changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
            cut in prop::option::weighted(0.2, any::<prop::sample::Index>()),
        ) {
            let Real { root, cert, staples } = &*REAL;
            let mut staple = staples[of].clone();
            for (at, byte) in changes {
                let at = at.index(staple.len());
                staple[at] = byte;
            }
            if let Some(cut) = cut {
                staple.truncate(cut.index(staple.len()));
            }
            let vouches = verdict(&staple, cert, root, START + HOUR) == Ok(true);
            // The first has nothing that isn't signed or read; a certificate that is shown may be changed in vain.
            prop_assert!(!vouches || of == 1 || (of == 0 && staple == staples[0]), "{of}");
        }
    }
}
