//! The certificate of the client: which one a peer is shown, if any.

mod asked_by;
mod client_identity;
mod request;

pub(crate) use self::{
    asked_by::{asked_by, asked_by_a_stranger},
    client_identity::Given,
};
pub use self::{client_identity::ClientIdentity, request::IdentityRequest};

use self::asked_by::AskedBy;
use crate::{handshake_capture, pins::Pattern};
use rustls::{SignatureScheme, client::ResolvesClientCert, sign::CertifiedKey};
use std::{fmt, sync::Arc};

/// The client certificates, for peers that request one. All connections of a configuration share it: see
/// [`handshake_capture`].
pub(crate) struct Identity(Source);

enum Source {
    None,
    /// The first whose pattern matches the peer; the one without a pattern is for everybody else.
    Given {
        by_host: Vec<(Pattern, ClientIdentity)>,
        every_host: Option<ClientIdentity>,
    },
    Chosen(Arc<ChooseIdentity>),
}

pub(crate) type ChooseIdentity = dyn Fn(&IdentityRequest<'_>) -> Option<ClientIdentity> + Send + Sync;

impl Identity {
    pub(crate) fn none() -> Self {
        Self(Source::None)
    }

    pub(crate) fn given(by_host: Vec<(Pattern, ClientIdentity)>, every_host: Option<ClientIdentity>) -> Self {
        if by_host.is_empty() && every_host.is_none() {
            return Self::none();
        }
        Self(Source::Given { by_host, every_host })
    }

    pub(crate) fn chosen(choose: Arc<ChooseIdentity>) -> Self {
        Self(Source::Chosen(choose))
    }

    /// Whether it depends on the peer: then each poll of a handshake says whose it is.
    pub(crate) fn is_by_peer(&self) -> bool {
        match &self.0 {
            Source::None => false,
            Source::Given { by_host, .. } => !by_host.is_empty(),
            Source::Chosen(_) => true,
        }
    }

    /// Whether there may be a certificate for this host.
    pub(crate) fn may_have_one_for(&self, host: &str) -> bool {
        match &self.0 {
            Source::None => false,
            Source::Given { by_host, every_host } => for_host(by_host, every_host.as_ref(), host).is_some(),
            Source::Chosen(_) => true,
        }
    }

    /// The one for the peer whose handshake is polled. Where nobody says whose that is, only the one for every host.
    fn choose(&self, issuers: &[&[u8]], schemes: &[SignatureScheme]) -> Option<ClientIdentity> {
        match &self.0 {
            Source::None => None,
            Source::Given { by_host, every_host } => asked_by::peek(|peer| {
                let every_host = every_host.as_ref();
                peer.map_or(every_host, |peer| for_host(by_host, every_host, &peer.name)).cloned()
            }),
            Source::Chosen(choose) => {
                // Cloned: what is called is a user's, and may do anything.
                let AskedBy { name, port } = asked_by::peek(|peer| peer.cloned())?;
                choose(&IdentityRequest::new(&name, port, issuers, schemes))
            }
        }
    }
}

fn for_host<'a>(
    by_host: &'a [(Pattern, ClientIdentity)],
    every_host: Option<&'a ClientIdentity>,
    host: &str,
) -> Option<&'a ClientIdentity> {
    by_host.iter().find(|(pattern, _)| pattern.matches(host)).map(|(_, identity)| identity).or(every_host)
}

impl ResolvesClientCert for Identity {
    fn resolve(&self, issuers: &[&[u8]], schemes: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        let identity = self.choose(issuers, schemes).filter(|identity| identity.signs_by(schemes));
        handshake_capture::record(|captured| match identity {
            Some(_) => captured.client_auth = true,
            None => captured.shown_none = true,
        });
        identity.map(ClientIdentity::into_rustls)
    }

    fn has_certs(&self) -> bool {
        !matches!(self.0, Source::None)
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            Source::None => "Identity(none)",
            Source::Given { .. } => "Identity(..)",
            Source::Chosen(_) => "Identity(chosen)",
        })
    }
}
