/// What is between HTTP and the stream.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Over {
    /// Nothing: cleartext.
    Nothing,
    /// TLS.
    Tls,
}
