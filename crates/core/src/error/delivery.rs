/// How far a failed request got: whether the origin can have processed it. All that a retry needs to know.
///
/// Ordered by what the origin may have done: of several tries of one request, the greatest is what is true of the request.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Delivery {
    /// Nothing of it was given to the peer.
    Unsent,
    /// The peer promised not to have acted on it: `REFUSED_STREAM`, beyond the last id of a GOAWAY
    /// (RFC 9113, section 8.7), 421 on a coalesced connection (RFC 9110, section 15.5.20).
    Refused,
    /// It may have been processed.
    Unknown,
}
