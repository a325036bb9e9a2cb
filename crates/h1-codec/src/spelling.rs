use bytes::Bytes;
use http::{HeaderMap, HeaderName};

/// How the names of a message's fields were spelled. Case means nothing in them (RFC 9110, section 5.1), but there are
/// peers that look at it.
///
/// In the extensions of a response when the connection was asked to keep it, and read from those of a request.
#[derive(Clone, Debug, Default)]
pub struct FieldSpelling {
    names: HeaderMap<Bytes>,
    head: Bytes,
}

impl FieldSpelling {
    /// Of a head that was received, before any name is [learned](Self::learn).
    pub(crate) fn of(head: Bytes) -> Self {
        Self { head, ..Self::default() }
    }

    /// The head of a response as it came, from the status line to the empty line; empty where it wasn't received. It
    /// has all that a header map doesn't keep: the order of fields of different names, and spaces.
    pub fn head(&self) -> &Bytes {
        &self.head
    }

    /// How `name` is spelled, where that isn't in lower case.
    pub fn get(&self, name: &HeaderName) -> Option<&[u8]> {
        self.names.get(name).map(|spelling| &spelling[..])
    }

    /// Spells `name` as `spelling`, if that differs by nothing but case. The first spelling stays.
    pub fn learn(&mut self, name: &HeaderName, spelling: Bytes) {
        let lower = name.as_str().as_bytes();
        if spelling != lower && spelling.eq_ignore_ascii_case(lower) && !self.names.contains_key(name) {
            // What doesn't fit is written in lower case.
            let _ = self.names.try_insert(name.clone(), spelling);
        }
    }

    /// Whether every name is in lower case.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }
}
