use crate::{TlsConfig, TlsError, ech::Offer, learned::Learned, peer::Peer, spec};
use skybridge_core::{AttemptId, ConnInfo, Endpoints, Route};
use std::mem;

/// Another connection to the same endpoint by the same way, after a handshake that failed.
pub(crate) struct Again {
    /// Leads to that endpoint alone.
    pub(crate) route: Route,
    /// All that the route had.
    pub(crate) endpoints: Endpoints,
    /// The attempt that failed.
    pub(crate) attempt: AttemptId,
    pub(crate) why: Why,
}

/// What will be different.
pub(crate) enum Why {
    /// The server has rejected the keys, and what it gave in their place counts for one connection alone (RFC 9849,
    /// section 6.1.6), so it is kept nowhere else.
    Ech(Learned),
    /// The two can't agree on how to speak TLS by this configuration: the next spec of it.
    Spec { before: TlsConfig, next: TlsConfig },
    /// The configuration was replaced meanwhile.
    Replaced,
}

impl Again {
    /// `None` where nothing is left to try, or the error is one that another try may not follow.
    pub(crate) fn after(
        error: &TlsError,
        offer: Option<Box<Offer>>,
        info: Box<ConnInfo>,
        config: &TlsConfig,
    ) -> Option<Box<Self>> {
        let why = match error {
            TlsError::EchRejected { retry_configs, .. } => {
                let name = Peer::origin(&info).ok()?.text;
                let offer = offer?.next(retry_configs.as_deref(), &name)?;
                Why::Ech(Learned { config: config.clone(), offer: Some(offer) })
            }
            error if spec::is_permitted(error) => {
                Why::Spec { before: config.clone(), next: next(config, offer.as_deref())? }
            }
            _ => return None,
        };
        Some(Self::on(info, why))
    }

    /// After a handshake that went well, by a configuration that is no longer the present one.
    #[cold]
    pub(crate) fn replaced(info: Box<ConnInfo>) -> Box<Self> {
        Self::on(info, Why::Replaced)
    }

    fn on(info: Box<ConnInfo>, why: Why) -> Box<Self> {
        let attempt = info.attempt;
        let mut route = info.route;
        let endpoints = mem::replace(&mut route.endpoints, Endpoints::fixed([info.remote]));
        Box::new(Self { route, endpoints, attempt, why })
    }
}

/// The next spec, unless that would show a name that has been encrypted.
fn next(config: &TlsConfig, offer: Option<&Offer>) -> Option<TlsConfig> {
    let is_encrypted = offer.is_some_and(Offer::is_encrypted);
    let mut next = config.fallback();
    while let Some(spec) = next.filter(|spec| is_encrypted && !spec.has_tls13()) {
        next = spec.fallback();
    }
    next.cloned()
}
