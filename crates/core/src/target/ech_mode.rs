/// Whether the TLS handshake with the origin hides the origin's name: Encrypted Client Hello (RFC 9849). It says
/// nothing of TLS with proxies, to which a client gives the name anyway.
///
/// The keys to encrypt with are those that the TLS layer was given for the host or, on a direct connection, those of
/// the origin's HTTPS record ([`ServiceBinding::ech`](crate::ServiceBinding)). With keys that the TLS layer was given
/// the name is encrypted or the connect fails, in each mode but [`Off`](Self::Off) and [`Grease`](Self::Grease). Where
/// no mode is set, they alone are used.
///
/// Origins of `http` have no TLS, so this doesn't concern them: their names are in what is sent.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum EchMode {
    /// The name is sent in the clear.
    Off,
    /// The name is sent in the clear, beside an extension that looks as if another were encrypted (RFC 9849, section
    /// 6.2). TLS 1.3 alone is offered.
    Grease,
    /// The name is encrypted where keys are known, and otherwise sent in the clear. A server that proves to be the
    /// keys' public name, and says that it has none, is connected to again without (RFC 9849, section 6.1.6). Where all
    /// HTTPS records of an origin have keys, no address is tried that none of them is about (RFC 9848, section 5.1).
    Offer,
    /// As [`Offer`](Self::Offer) where keys are known, and as [`Grease`](Self::Grease) where none are: so that whoever
    /// watches doesn't see which is which.
    OfferOrGrease,
    /// The name is encrypted, or the connect fails before anything is sent.
    Require,
}
