//! What proxies wanted when they were asked last.

use super::offers::parameter;
use http::HeaderValue;
use http_auth::{PasswordParams, digest::DigestClient, parser::ChallengeParser};
use skybridge_core::{BasicAuth, Proxy, ProxyKind, ProxyRequest};
use std::sync::Arc;

/// How many proxies are remembered; the one that hasn't challenged for longest is forgotten first.
const PROXIES: usize = 16;

/// The last that challenged comes last.
#[derive(Default)]
pub(super) struct Remembered(Vec<(Id, Scheme)>);

#[derive(Eq, PartialEq)]
struct Id {
    kind: ProxyKind,
    host: Arc<str>,
    port: u16,
}

enum Scheme {
    Basic,
    Digest(Box<Session>),
}

/// The use of one nonce.
struct Session {
    digest: DigestClient,
    /// That of its first use. A session key is made of it once (`-sess`; RFC 7616, section 3.4.2), so it stays.
    cnonce: Option<String>,
}

// === impl Remembered ===

impl Remembered {
    /// What is shown without being asked for.
    pub(super) fn at_once(
        &mut self,
        request: &ProxyRequest<'_>,
        user: &str,
        password: &str,
        basic: &BasicAuth,
    ) -> Option<HeaderValue> {
        match self.find(request.proxy())? {
            Scheme::Basic => basic.header(),
            Scheme::Digest(session) => session.respond(request, user, password),
        }
    }

    pub(super) fn basic(&mut self, proxy: &Proxy) {
        self.put(proxy, Scheme::Basic);
    }

    /// The answer to this challenge: another use of its nonce, if another request has begun that already.
    pub(super) fn digest(
        &mut self,
        request: &ProxyRequest<'_>,
        offered: DigestClient,
        user: &str,
        password: &str,
    ) -> Option<HeaderValue> {
        let mut session = match self.take(request.proxy()) {
            Some(Scheme::Digest(session)) if session.is_of(&offered) => session,
            _ => Box::new(Session { digest: offered, cnonce: None }),
        };
        let value = session.respond(request, user, password);
        self.put(request.proxy(), Scheme::Digest(session));
        value
    }

    pub(super) fn forget(&mut self, proxy: &Proxy) {
        self.take(proxy);
    }

    fn put(&mut self, proxy: &Proxy, scheme: Scheme) {
        self.take(proxy);
        if self.0.len() == PROXIES {
            self.0.remove(0);
        }
        let id = Id { kind: proxy.kind, host: Arc::clone(&proxy.host), port: proxy.port };
        self.0.push((id, scheme));
    }

    fn find(&mut self, proxy: &Proxy) -> Option<&mut Scheme> {
        self.0.iter_mut().find(|(id, _)| id.is(proxy)).map(|(_, scheme)| scheme)
    }

    fn take(&mut self, proxy: &Proxy) -> Option<Scheme> {
        let at = self.0.iter().position(|(id, _)| id.is(proxy))?;
        Some(self.0.remove(at).1)
    }
}

impl Id {
    fn is(&self, proxy: &Proxy) -> bool {
        (self.kind, &self.host, self.port) == (proxy.kind, &proxy.host, proxy.port)
    }
}

impl Session {
    fn is_of(&self, offered: &DigestClient) -> bool {
        let of = |digest: &DigestClient| (digest.algorithm(), digest.session(), digest.rfc2069_compat());
        of(&self.digest) == of(offered)
            && (self.digest.realm(), self.digest.nonce()) == (offered.realm(), offered.nonce())
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
