use crate::{TlsConfig, ech::Offer};

/// By which configuration a handshake is to be, and what is known by it of the server. Only together: what an older
/// configuration has learned, from whom it trusted, counts for none that has replaced it.
pub(crate) struct Learned {
    pub(crate) config: TlsConfig,
    /// `None`: nothing.
    pub(crate) offer: Option<Box<Offer>>,
}
