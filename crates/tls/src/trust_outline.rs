/// Who may vouch for a certificate.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum TrustOutline {
    /// So many roots.
    Roots(usize),
    /// The system's own verifier.
    Platform,
    /// Anyone: it is not verified.
    Anyone,
}
