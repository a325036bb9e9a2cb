/// How much of a response is read before it is refused.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Limits {
    /// The most that a response's head, or its trailers, may have: in bytes, 256 KiB by default.
    pub head_bytes: usize,
    /// The most fields that a response's head, or its trailers, may have: 2,000 by default, 24,000 at most.
    pub fields: usize,
    /// The most that all chunk extensions of one body may have: in bytes, 16 KiB by default.
    pub chunk_extension_bytes: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { head_bytes: 256 * 1024, fields: 2_000, chunk_extension_bytes: 16 * 1024 }
    }
}
