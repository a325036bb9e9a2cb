use super::keys::{EchKeys, put};

const SERVER_NAME: u16 = 0;
const ECH: u16 = 0xfe0d;
const OUTER_EXTENSIONS: u16 = 0xfd00;

/// What a client shows to everybody.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct OuterHello {
    /// The name in the clear.
    pub sni: Option<String>,
    /// Whether there is an encrypted hello beside it, or what looks like one.
    pub ech: bool,
    /// Whether the server could decrypt it.
    pub decrypted: bool,
}

/// A `ClientHello`, without the header of the handshake message.
pub(super) struct ClientHello<'a> {
    bytes: &'a [u8],
    session_id: &'a [u8],
    /// Where `cipher_suites` begin.
    suites_at: usize,
    /// Where the extensions begin, without their length.
    extensions_at: usize,
    extensions: Vec<(u16, &'a [u8])>,
    /// Where they end.
    end: usize,
}

/// Reads from the front, as long as there is something.
struct Reader<'a>(&'a [u8]);

impl<'a> ClientHello<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut reader = Reader(bytes);
        reader.take(2 + 32)?;
        let session_id = reader.prefixed(1)?;
        let suites_at = bytes.len() - reader.0.len();
        reader.prefixed(2)?;
        reader.prefixed(1)?;
        let mut inside = Reader(reader.prefixed(2)?);
        let end = bytes.len() - reader.0.len();
        let extensions_at = end - inside.0.len();
        let mut extensions = Vec::new();
        while !inside.0.is_empty() {
            extensions.push((inside.number()?, inside.prefixed(2)?));
        }
        Some(Self { bytes, session_id, suites_at, extensions_at, extensions, end })
    }

    /// What it shows, and what is encrypted in it, as a `ClientHello` with its header.
    pub(super) fn open(&self, keys: &EchKeys) -> (OuterHello, Option<Vec<u8>>) {
        let ech = self.extension(ECH);
        let inner = ech.and_then(|ech| self.decrypt(ech, keys)).and_then(|inner| self.complete(&inner));
        let sni = self.extension(SERVER_NAME).and_then(|list| {
            let mut names = Reader(Reader(list).prefixed(2)?);
            names.take(1)?;
            String::from_utf8(names.prefixed(2)?.to_vec()).ok()
        });
        (OuterHello { sni, ech: ech.is_some(), decrypted: inner.is_some() }, inner)
    }

    fn extension(&self, wanted: u16) -> Option<&'a [u8]> {
        self.extensions.iter().find(|(kind, _)| *kind == wanted).map(|(_, value)| *value)
    }

    fn decrypt(&self, ech: &[u8], keys: &EchKeys) -> Option<Vec<u8>> {
        let mut reader = Reader(ech);
        // The outer form, and the only symmetric suite that keys have.
        if reader.take(1 + 4)? != [0, 0, 1, 0, 1] {
            return None;
        }
        let id = *reader.take(1)?.first()?;
        let (encapsulated, payload) = (reader.prefixed(2)?, reader.prefixed(2)?);
        // It is bound to the rest of the message, with zeros in its own place.
        let at = payload.as_ptr() as usize - self.bytes.as_ptr() as usize;
        let mut aad = self.bytes.to_vec();
        aad[at..at + payload.len()].fill(0);
        keys.open(id, encapsulated, &aad, payload)
    }

    /// RFC 9849, section 5.1: the session id, and extensions that are the same, are taken from the outer one.
    fn complete(&self, encoded: &[u8]) -> Option<Vec<u8>> {
        let inner = ClientHello::read(encoded)?;
        let mut extensions = Vec::new();
        for (kind, value) in &inner.extensions {
            if *kind == OUTER_EXTENSIONS {
                let mut kinds = Reader(Reader(value).prefixed(1)?);
                while !kinds.0.is_empty() {
                    let kind = kinds.number()?;
                    extensions.extend(kind.to_be_bytes());
                    put(&mut extensions, self.extension(kind)?);
                }
            } else {
                extensions.extend(kind.to_be_bytes());
                put(&mut extensions, value);
            }
        }
        // What follows is padding.
        if encoded[inner.end..].iter().any(|byte| *byte != 0) {
            return None;
        }
        let mut body = encoded[..2 + 32].to_vec();
        body.push(self.session_id.len() as u8);
        body.extend(self.session_id);
        body.extend(&encoded[inner.suites_at..inner.extensions_at - 2]);
        put(&mut body, &extensions);
        let mut message = vec![1, 0];
        put(&mut message, &body);
        Some(message)
    }
}

impl<'a> Reader<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u16> {
        Some(u16::from_be_bytes(self.take(2)?.try_into().ok()?))
    }

    /// Bytes after their length, which has one byte or two.
    fn prefixed(&mut self, len: usize) -> Option<&'a [u8]> {
        let len = self.take(len)?.iter().fold(0, |sum, byte| sum << 8 | usize::from(*byte));
        self.take(len)
    }
}
