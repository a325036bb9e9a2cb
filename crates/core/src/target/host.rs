use std::{
    fmt,
    hash::{Hash, Hasher},
};

/// The host of a URI, borrowed from it. Equality and hash ignore ASCII case (RFC 3986, section 3.2.2) and nothing else:
/// a trailing dot and different spellings of an IPv6 address make a difference.
#[derive(Clone, Copy, Debug)]
pub struct Host<'a>(pub(crate) &'a str);

impl<'a> Host<'a> {
    /// The text, with brackets around an IPv6 address.
    pub fn as_str(self) -> &'a str {
        self.0
    }
}

impl PartialEq for Host<'_> {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0 || self.0.eq_ignore_ascii_case(other.0)
    }
}

impl Eq for Host<'_> {}

impl Hash for Host<'_> {
    /// Hashes blocks on the stack, so that a URI with upper-case letters needs no allocation.
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        let bytes = self.0.as_bytes();
        if !bytes.iter().any(u8::is_ascii_uppercase) {
            for block in bytes.chunks(64) {
                state.write(block);
            }
        } else {
            for block in bytes.chunks(64) {
                let mut lower = [0; 64];
                let lower = &mut lower[..block.len()];
                lower.copy_from_slice(block);
                lower.make_ascii_lowercase();
                state.write(lower);
            }
        }
        state.write_u8(0xff);
    }
}

impl fmt::Display for Host<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// An owned [`Host`], in lower case.
#[derive(Clone, Debug)]
pub(crate) struct HostBuf(Box<str>);

impl HostBuf {
    pub(crate) fn new(host: Host<'_>) -> Self {
        Self(host.0.to_ascii_lowercase().into())
    }

    pub(crate) fn borrow(&self) -> Host<'_> {
        Host(&self.0)
    }
}

impl PartialEq for HostBuf {
    fn eq(&self, other: &Self) -> bool {
        self.borrow() == other.borrow()
    }
}

impl Eq for HostBuf {}

impl Hash for HostBuf {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.borrow().hash(state);
    }
}
