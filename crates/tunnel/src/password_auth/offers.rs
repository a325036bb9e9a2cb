//! What a challenge offers (RFC 9110, section 11.6.1).

use http::{HeaderMap, header::PROXY_AUTHENTICATE};
use http_auth::{
    ChallengeRef,
    digest::{Algorithm, DigestClient, Qop},
    parser::ChallengeParser,
};

/// A scheme that can be answered.
#[derive(Debug)]
pub(super) enum Offer {
    Digest(DigestOffer),
    Basic { realm: Box<str> },
}

#[derive(Debug)]
pub(super) struct DigestOffer {
    pub(super) client: DigestClient,
    /// The user is to be named by a digest too (RFC 7616, section 3.4.4).
    pub(super) userhash: bool,
}

/// The strongest that can be answered; of several as strong the first, as RFC 7616, section 3.7, has it. Basic would
/// show the password to a proxy that knows better, so beside a Digest that can't be read it is none.
pub(super) fn strongest(challenge: &HeaderMap, basic: bool) -> Option<Offer> {
    let mut best: Option<Offer> = None;
    let mut consider = |offer: Offer| {
        if best.as_ref().is_none_or(|best| strength(&offer) > strength(best)) {
            best = Some(offer);
        }
    };
    let is_readable = read(challenge, |offer| {
        if basic || !matches!(offer, Offer::Basic { .. }) {
            consider(offer);
        }
    });
    best.filter(|best| is_readable || !matches!(best, Offer::Basic { .. }))
}

/// Whether there is a Digest that can't be read.
pub(crate) fn has_unreadable_digest(challenge: &HeaderMap) -> bool {
    !read(challenge, drop)
}

/// Reads what can be answered. False if something is or may be a Digest that can't be read; one of an algorithm or a
/// `qop` that isn't known can be, and is left out (RFC 7616, section 3.3).
fn read(challenge: &HeaderMap, mut found: impl FnMut(Offer)) -> bool {
    let mut is_readable = true;
    for value in challenge.get_all(PROXY_AUTHENTICATE) {
        // What isn't ASCII may stand in the realm of another scheme, where it does no harm.
        let is_ascii = value.as_bytes().is_ascii();
        let text = with_single_spaces(value.as_bytes());
        for offered in ChallengeParser::new(&text) {
            let Ok(offered) = offered else {
                // What follows a mistake can't be told apart.
                is_readable &= !text.to_ascii_lowercase().contains("digest");
                break;
            };
            if offered.scheme.eq_ignore_ascii_case("basic") {
                let realm = parameter(&offered, "realm").unwrap_or_default().into();
                found(Offer::Basic { realm });
            } else if offered.scheme.eq_ignore_ascii_case("digest") {
                match DigestClient::try_from(&offered) {
                    _ if !is_ascii => is_readable = false,
                    // By `auth-int`, bodies would have to be read before they are sent.
                    Ok(client) if client.qop() & Qop::Auth => {
                        let userhash =
                            parameter(&offered, "userhash").is_some_and(|it| it.eq_ignore_ascii_case("true"));
                        found(Offer::Digest(DigestOffer { client, userhash }));
                    }
                    Ok(_) => {}
                    Err(_) => is_readable &= is_well_formed(offered),
                }
            }
        }
    }
    is_readable
}

/// A challenge as text, with one space where there are several, or tabs: after a scheme there may be any number of
/// them, and the parser wants one. What is in quotes stays as it is.
fn with_single_spaces(value: &[u8]) -> String {
    let (mut text, mut is_quoted, mut is_escaped) = (String::with_capacity(value.len()), false, false);
    for byte in value {
        match byte {
            b' ' | b'\t' if !is_quoted => {
                if !text.ends_with(' ') {
                    text.push(' ');
                }
                continue;
            }
            b'"' if !is_escaped => is_quoted = !is_quoted,
            _ => {}
        }
        is_escaped = is_quoted && !is_escaped && *byte == b'\\';
        text.push(if byte.is_ascii() { char::from(*byte) } else { '?' });
    }
    text
}

/// Whether a Digest is as it should be, but for what it wants.
fn is_well_formed(mut offered: ChallengeRef<'_>) -> bool {
    offered.params.retain(|(name, _)| !["algorithm", "qop"].iter().any(|known| name.eq_ignore_ascii_case(known)));
    DigestClient::try_from(&offered).is_ok()
}

/// Without `qop` the answer doesn't depend on anything of ours, and can be had from a table made beforehand.
fn strength(offer: &Offer) -> u8 {
    match offer {
        Offer::Basic { .. } => 0,
        Offer::Digest(DigestOffer { client, .. }) => match (client.algorithm(), client.rfc2069_compat()) {
            (Algorithm::Md5, true) => 1,
            (_, true) => 2,
            (Algorithm::Md5, false) => 3,
            _ => 4,
        },
    }
}

/// Whether this answer was refused, rather than the age of its nonce: it was the first with its nonce, or the proxy
/// still goes by that. Without `qop` no answer says how often its nonce was used; `was_at_once` tells whether it was
/// shown without a challenge.
pub(super) fn is_refused(answer: &str, offered: &DigestClient, was_at_once: impl FnOnce(&str) -> bool) -> bool {
    let Some(Ok(answer)) = ChallengeParser::new(answer).next() else { return false };
    if !answer.scheme.eq_ignore_ascii_case("digest") {
        return false;
    }
    let nonce = parameter(&answer, "nonce").unwrap_or_default();
    let is_first = match parameter(&answer, "nc") {
        Some(uses) => uses == "00000001",
        None => !was_at_once(&nonce),
    };
    is_first || nonce == offered.nonce()
}

/// A parameter of a challenge, or of an answer, which is written alike.
pub(super) fn parameter(of: &ChallengeRef<'_>, name: &str) -> Option<String> {
    let found = of.params.iter().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
    Some(found.1.to_unescaped())
}
