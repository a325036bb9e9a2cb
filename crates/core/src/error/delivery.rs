/// Whether the origin can have processed a failed request. This decides whether it may be sent again.
///
/// Ordered by what the origin may have done: of several tries of one request, the greatest applies to the request.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Delivery {
    /// Nothing of it was sent, or nothing that the origin has read: it was sent behind a handshake of TLS 1.3 that the
    /// origin has refused for the client's certificate ([`ConnInfo::is_refused_by`](crate::ConnInfo::is_refused_by)).
    Unsent,
    /// The peer has declared that it did not process it: `REFUSED_STREAM`, beyond the last id of a GOAWAY
    /// (RFC 9113, section 8.7), 421 on a coalesced connection (RFC 9110, section 15.5.20), 417 while the body waits for
    /// `100 Continue` (section 15.5.18); 408 (section 15.5.9), 425 (RFC 8470, section 5.2) and 503 (RFC 9110, section
    /// 15.6.4), where the response was dropped to send the request again; so was the 407 (section 15.5.8) of a proxy.
    Refused,
    /// It may have been processed.
    Unknown,
}
