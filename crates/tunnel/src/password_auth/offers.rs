//! What a challenge offers (RFC 9110, section 11.6.1).

use http::{HeaderMap, header::PROXY_AUTHENTICATE};
use http_auth::{
    digest::{Algorithm, DigestClient, Qop},
    parser::ChallengeParser,
};

/// A scheme that can be answered.
#[derive(Debug)]
pub(super) enum Offer {
    Digest(DigestClient),
    Basic,
}

/// The strongest that can be answered; of several as strong the first, as RFC 7616, section 3.7, has it.
pub(super) fn strongest(challenge: &HeaderMap, basic: bool) -> Option<Offer> {
    let mut best: Option<Offer> = None;
    for value in challenge.get_all(PROXY_AUTHENTICATE) {
        let Ok(text) = value.to_str() else { continue };
        // What follows a mistake can't be told apart.
        for offered in ChallengeParser::new(text).map_while(Result::ok) {
            let offer = if offered.scheme.eq_ignore_ascii_case("basic") && basic {
                Offer::Basic
            } else if let Ok(digest) = DigestClient::try_from(&offered)
                && digest.qop() & Qop::Auth
            {
                // By `auth-int`, bodies would have to be read before they are sent.
                Offer::Digest(digest)
            } else {
                continue;
            };
            if best.as_ref().is_none_or(|best| strength(&offer) > strength(best)) {
                best = Some(offer);
            }
        }
    }
    best
}

/// Without `qop` the answer doesn't depend on anything of ours, and can be had from a table made beforehand.
fn strength(offer: &Offer) -> u8 {
    match offer {
        Offer::Basic => 0,
        Offer::Digest(digest) => match (digest.algorithm(), digest.rfc2069_compat()) {
            (Algorithm::Md5, true) => 1,
            (_, true) => 2,
            (Algorithm::Md5, false) => 3,
            _ => 4,
        },
    }
}

/// Whether this answer was refused, rather than the age of its nonce: it was the first with its nonce, or the proxy
/// still goes by that.
pub(super) fn is_refused(answer: &str, offered: &DigestClient) -> bool {
    let Some(Ok(answer)) = ChallengeParser::new(answer).next() else { return false };
    if !answer.scheme.eq_ignore_ascii_case("digest") {
        return false;
    }
    let is_first = parameter(&answer, "nc").is_none_or(|uses| uses == "00000001");
    is_first || parameter(&answer, "nonce").is_some_and(|nonce| nonce == offered.nonce())
}

/// A parameter of a challenge, or of an answer, which is written alike.
pub(super) fn parameter(of: &http_auth::ChallengeRef<'_>, name: &str) -> Option<String> {
    let found = of.params.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
    Some(found.1.to_unescaped())
}
