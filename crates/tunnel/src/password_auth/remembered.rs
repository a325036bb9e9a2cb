//! What proxies wanted when they were asked last.

use super::offers::{DigestOffer, parameter};
use http::HeaderValue;
use http_auth::{PasswordParams, digest::DigestClient, parser::ChallengeParser};
use skybridge_core::{BasicAuth, Partition, ProxyKind, ProxyRequest};
use std::{collections::VecDeque, sync::Arc};

/// How many challenges are remembered; the one that came longest ago is forgotten first.
const CHALLENGES: usize = 256;
/// How many nonces are remembered that were shown at once; the oldest is forgotten first.
const NONCES: usize = 64;

#[derive(Default)]
pub(super) struct Remembered {
    /// The last that challenged comes last.
    challenges: Vec<(Id, Scheme)>,
    /// Nonces of answers without `qop`, which don't say themselves how often they were used.
    at_once: VecDeque<String>,
}

/// Who has challenged, and whom.
#[derive(Eq, PartialEq)]
struct Id {
    kind: ProxyKind,
    host: Arc<str>,
    port: u16,
    partition: Option<Partition>,
    realm: Box<str>,
}

enum Scheme {
    Basic,
    Digest(Box<Session>),
}

/// The use of one nonce.
struct Session {
    digest: DigestClient,
    userhash: bool,
    /// That of its first use. A session key is made of it once (`-sess`; RFC 7616, section 3.4.2), so it stays.
    cnonce: Option<String>,
}

// === impl Remembered ===

impl Remembered {
    /// What is shown without being asked for: what the last challenge of this proxy wanted, whatever its realm.
    pub(super) fn at_once(
        &mut self,
        request: &ProxyRequest<'_>,
        user: &str,
        password: &str,
        basic: &BasicAuth,
    ) -> Option<HeaderValue> {
        let Self { challenges, at_once } = self;
        let (_, scheme) = challenges.iter_mut().rfind(|(id, _)| id.is_of(request))?;
        let Scheme::Digest(session) = scheme else { return basic.header() };
        let nonce = session.digest.nonce();
        if session.digest.rfc2069_compat() && !at_once.iter().any(|known| known == nonce) {
            at_once.truncate(NONCES - 1);
            at_once.push_front(nonce.to_owned());
        }
        session.respond(request, user, password)
    }

    /// Whether a nonce was shown without a challenge, so that its age may be why it was refused.
    pub(super) fn was_at_once(&self, nonce: &str) -> bool {
        self.at_once.iter().any(|known| known == nonce)
    }

    pub(super) fn basic(&mut self, request: &ProxyRequest<'_>, realm: &str) {
        self.put(request, realm, Scheme::Basic);
    }

    /// The answer to this challenge: another use of its nonce, if another request has begun that already.
    pub(super) fn digest(
        &mut self,
        request: &ProxyRequest<'_>,
        offered: DigestOffer,
        user: &str,
        password: &str,
    ) -> Option<HeaderValue> {
        let realm = offered.client.realm().to_owned();
        let mut session = match self.take(request, &realm) {
            Some(Scheme::Digest(session)) if session.is_of(&offered) => session,
            _ => Box::new(Session { digest: offered.client, userhash: offered.userhash, cnonce: None }),
        };
        let value = session.respond(request, user, password);
        self.put(request, &realm, Scheme::Digest(session));
        value
    }

    /// All that this proxy wanted.
    pub(super) fn forget(&mut self, request: &ProxyRequest<'_>) {
        self.challenges.retain(|(id, _)| !id.is_of(request));
    }

    fn put(&mut self, request: &ProxyRequest<'_>, realm: &str, scheme: Scheme) {
        self.take(request, realm);
        if self.challenges.len() == CHALLENGES {
            self.challenges.remove(0);
        }
        let (proxy, partition) = (request.proxy(), request.partition().cloned());
        let (kind, host, port) = (proxy.kind, Arc::clone(&proxy.host), proxy.port);
        self.challenges.push((Id { kind, host, port, partition, realm: realm.into() }, scheme));
    }

    fn take(&mut self, request: &ProxyRequest<'_>, realm: &str) -> Option<Scheme> {
        let at = self.challenges.iter().position(|(id, _)| id.is_of(request) && *id.realm == *realm)?;
        Some(self.challenges.remove(at).1)
    }
}

impl Id {
    fn is_of(&self, request: &ProxyRequest<'_>) -> bool {
        let proxy = request.proxy();
        (self.kind, &self.host, self.port) == (proxy.kind, &proxy.host, proxy.port)
            && self.partition.as_ref() == request.partition()
    }
}

impl Session {
    fn is_of(&self, offered: &DigestOffer) -> bool {
        let of = |digest: &DigestClient| (digest.algorithm(), digest.session(), digest.rfc2069_compat());
        let (known, new) = (&self.digest, &offered.client);
        of(known) == of(new)
            && (known.realm(), known.nonce(), known.opaque()) == (new.realm(), new.nonce(), new.opaque())
            && self.userhash == offered.userhash
    }

    /// `None` if method or target can't be said, or the nonce was used 2^32 times.
    fn respond(&mut self, request: &ProxyRequest<'_>, user: &str, password: &str) -> Option<HeaderValue> {
        let target = request.target();
        let method = request.method().as_str();
        let asked = PasswordParams { username: user, password, uri: &target, method, body: None };
        let answer = match &self.cnonce {
            Some(cnonce) if self.digest.session() => self.digest.respond_with_testing_cnonce(&asked, cnonce),
            _ => self.digest.respond(&asked),
        };
        let answer = answer.ok()?;
        if self.digest.session() && self.cnonce.is_none() {
            let said = ChallengeParser::new(&answer).next()?.ok()?;
            self.cnonce = parameter(&said, "cnonce");
        }
        HeaderValue::try_from(answer).ok()
    }
}
