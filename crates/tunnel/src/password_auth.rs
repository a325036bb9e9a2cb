//! User and password by challenge: which of the schemes that a proxy offers is answered, and what is remembered of it.

mod offers;
mod remembered;

pub(crate) use self::offers::has_unreadable_digest;
use self::{
    offers::{Offer, strongest},
    remembered::Remembered,
};
use http::{HeaderMap, HeaderValue};
use skybridge_core::{BasicAuth, ProxyAuth, ProxyRequest, sync::Mutex};
use std::{fmt, sync::Arc};

/// User and password for an HTTP proxy, shown only when it asks for them (407), by the strongest scheme that it offers
/// and that is allowed: Digest (RFC 7616; `SHA-512-256`, `SHA-256`, `MD5`, each with `-sess`, with `qop=auth`), then
/// Basic (RFC 7617), where [`any`](Self::any) allows that. Beside a Digest that can't be read, Basic isn't answered.
/// [`BasicAuth`] shows them at once.
///
/// The scheme is remembered by proxy, realm and [`Partition`](skybridge_core::Partition), for up to 256 of them, and so
/// is the nonce (`nc` counts its uses): later tunnels and requests are sent with credentials at once. A proxy that
/// wants another nonce gets an answer to that. One that refuses an answer to its own challenge, and doesn't say
/// `stale`, has refused user and password; weaker schemes aren't tried then. Clones share what they remember. A lock is
/// held while a digest is calculated.
///
/// To SOCKS proxies user and password are given as those of [`BasicAuth`] are.
///
/// ```
/// use skybridge_core::Proxy;
/// use skybridge_tunnel::PasswordAuth;
///
/// let proxy = Proxy::parse("http://proxy.test:3128")?.auth(PasswordAuth::any("alice", "secret"));
/// # Ok::<_, skybridge_core::ProxyError>(())
/// ```
#[derive(Clone)]
pub struct PasswordAuth {
    identity: Box<[u8]>,
    basic: BasicAuth,
    schemes: Schemes,
    remembered: Arc<Mutex<Remembered>>,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Schemes {
    Any,
    Digest,
}

impl PasswordAuth {
    /// By Digest if the proxy offers it, otherwise by Basic, which shows the password to everybody on the way to an
    /// `http://` proxy.
    pub fn any(user: impl Into<Box<str>>, password: impl Into<Box<str>>) -> Self {
        Self::new(user, password, Schemes::Any)
    }

    /// By Digest alone: the password is never shown.
    pub fn digest(user: impl Into<Box<str>>, password: impl Into<Box<str>>) -> Self {
        Self::new(user, password, Schemes::Digest)
    }

    fn new(user: impl Into<Box<str>>, password: impl Into<Box<str>>, schemes: Schemes) -> Self {
        let basic = BasicAuth::new(user, password);
        let identity = [format!("{schemes:?}:").as_bytes(), basic.identity()].concat().into();
        let remembered = Arc::new(Mutex::new(Remembered::default()));
        Self { identity, basic, schemes, remembered }
    }

    fn answer(&self, offer: Option<Offer>, request: &ProxyRequest<'_>) -> Option<HeaderValue> {
        let (user, password) = self.basic.user_password()?;
        let mut remembered = self.remembered.lock();
        let refused = request.refused_credentials();
        match offer {
            Some(Offer::Digest(offered)) => {
                if let Some(refused) = refused.and_then(|value| value.to_str().ok())
                    && !offered.client.stale()
                    && offers::is_refused(refused, &offered.client, |nonce| remembered.was_at_once(nonce))
                {
                    remembered.forget(request);
                    return None;
                }
                remembered.digest(request, offered, user, password)
            }
            Some(Offer::Basic { realm }) if refused.is_none() => {
                remembered.basic(request, &realm);
                self.basic.header()
            }
            // What was shown is refused, and this is all that could be shown next.
            Some(Offer::Basic { .. }) | None if refused.is_some() => {
                remembered.forget(request);
                None
            }
            Some(Offer::Basic { .. }) | None => None,
        }
    }
}

impl ProxyAuth for PasswordAuth {
    fn identity(&self) -> &[u8] {
        &self.identity
    }

    fn authorize(&self, request: &ProxyRequest<'_>, challenge: Option<&HeaderMap>) -> Option<HeaderValue> {
        match challenge {
            Some(challenge) => self.answer(strongest(challenge, self.schemes == Schemes::Any), request),
            None => {
                let (user, password) = self.basic.user_password()?;
                self.remembered.lock().at_once(request, user, password, &self.basic)
            }
        }
    }

    fn schemes(&self) -> &'static str {
        match self.schemes {
            Schemes::Any => "Digest or Basic",
            Schemes::Digest => "Digest",
        }
    }

    fn user_password(&self) -> Option<(&str, &str)> {
        self.basic.user_password()
    }
}

impl fmt::Debug for PasswordAuth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PasswordAuth").field("schemes", &self.schemes).finish_non_exhaustive()
    }
}
