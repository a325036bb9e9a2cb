/// Who may vouch for a certificate.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum TrustOutline {
    /// So many roots.
    Roots(usize),
    /// The system's own verifier.
    Platform,
    /// A verifier that was given.
    Custom,
    /// Anyone: it is not verified.
    Anyone,
}
