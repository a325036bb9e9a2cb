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
    if about.next_update.is_some_and(|next| next.as_secs().saturating_add(SKEW) < seconds) {
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
