use super::{
    GivenKeys,
    keys::{self, Keys},
};
use crate::{TlsError, peer::Peer};
use rustls::client::{self, EchGreaseConfig};
use skybridge_core::{ConnInfo, EchMode, EchStatus};

/// What a handshake does about the origin's name, where it doesn't just send it in the clear.
pub(crate) enum Offer {
    Grease(EchGreaseConfig),
    Encrypted(Encrypted),
    /// It is sent in the clear, as the server has no keys.
    Revealed,
}

pub(crate) struct Encrypted {
    keys: Keys,
    /// Whether it may be sent in the clear to a server that proves to have no keys.
    may_reveal: bool,
}

impl Offer {
    /// What the target asks for, on a link that was opened to this endpoint by this way.
    ///
    /// # Errors
    /// When the name must be encrypted, and can't be.
    pub(crate) fn first(
        info: &ConnInfo,
        peer: &Peer,
        given: &GivenKeys,
        tls13: bool,
    ) -> Result<Option<Box<Self>>, TlsError> {
        let mode = info.route.target.connect_options().ech;
        let required = |source| TlsError::EchRequired { name: peer.text.as_ref().into(), source };
        let given = || match given.get(peer) {
            Some(keys) if !keys.hide(&peer.text) => Err(required(None)),
            keys => Ok(keys.map(|keys| Self::encrypted(keys.clone(), false))),
        };
        match mode {
            None => return given(),
            Some(EchMode::Off) => return Ok(None),
            Some(EchMode::Grease) => return Ok(Self::grease().filter(|_| tls13)),
            Some(_) => {}
        }
        if let Some(given) = given()? {
            return Ok(Some(given));
        }
        let may_reveal = matches!(mode, Some(EchMode::Offer | EchMode::OfferOrGrease));
        let error = match found(info) {
            Some(Ok(keys)) if tls13 && keys.hide(&peer.text) => return Ok(Some(Self::encrypted(keys, may_reveal))),
            Some(Err(error)) => Some(error),
            Some(Ok(_)) | None => None,
        };
        if mode == Some(EchMode::OfferOrGrease) {
            Ok(Self::grease().filter(|_| tls13))
        } else if may_reveal {
            Ok(None)
        } else {
            Err(required(error))
        }
    }

    fn grease() -> Option<Box<Self>> {
        keys::grease().map(|config| Box::new(Self::Grease(config)))
    }

    fn encrypted(keys: Keys, may_reveal: bool) -> Box<Self> {
        Box::new(Self::Encrypted(Encrypted { keys, may_reveal }))
    }

    /// What to do on another connection, after the server has rejected this and given these keys; `None` when nothing
    /// is left (RFC 9849, section 6.1.6). Keys that can't be used, or don't hide this name, are as good as none.
    pub(crate) fn next(self, retry_configs: Option<&[u8]>, name: &str) -> Option<Box<Self>> {
        let Self::Encrypted(Encrypted { may_reveal, .. }) = self else { return None };
        match retry_configs.and_then(|list| Keys::read(list).ok()).filter(|keys| keys.hide(name)) {
            Some(keys) => Some(Self::encrypted(keys, may_reveal)),
            None => may_reveal.then(|| Box::new(Self::Revealed)),
        }
    }

    /// For rustls; `None` where the name is sent in the clear.
    pub(crate) fn mode(&self) -> Option<client::EchMode> {
        match self {
            Self::Grease(config) => Some(config.clone().into()),
            Self::Encrypted(Encrypted { keys, .. }) => Some(keys.config.clone().into()),
            Self::Revealed => None,
        }
    }

    /// The name that stands in the clear beside the encrypted one.
    pub(crate) fn public_name(&self) -> Option<&str> {
        match self {
            Self::Encrypted(Encrypted { keys, .. }) => Some(&keys.public_name),
            _ => None,
        }
    }

    /// Whether the name is encrypted, which is in TLS 1.3 alone.
    pub(crate) fn is_encrypted(&self) -> bool {
        matches!(self, Self::Encrypted(_))
    }

    /// The fact about a connection whose handshake ended so; `None` where it must not be used.
    pub(crate) fn status(&self, status: client::EchStatus) -> Option<EchStatus> {
        match (self, status) {
            (Self::Encrypted(_), client::EchStatus::Accepted) => Some(EchStatus::Accepted),
            (Self::Encrypted(_), _) => None,
            (Self::Grease(_), _) => Some(EchStatus::Grease),
            (Self::Revealed, _) => Some(EchStatus::Rejected),
        }
    }
}

/// The keys of the record that led to this endpoint. The endpoints of a route through proxies are those of a proxy.
fn found(info: &ConnInfo) -> Option<Result<Keys, rustls::Error>> {
    if !info.route.proxies.is_empty() {
        return None;
    }
    let service = info.route.endpoints.service(&info.remote)?;
    service.ech.as_deref().map(Keys::read)
}
