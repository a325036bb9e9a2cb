//! Header compression, RFC 7541: a complete decoder, and an encoder of plain literals.

use super::{Fields, huffman};
use std::collections::VecDeque;

/// Appendix A.
#[rustfmt::skip]
const STATIC: [(&str, &str); 61] = [
    (":authority", ""), (":method", "GET"), (":method", "POST"), (":path", "/"), (":path", "/index.html"),
    (":scheme", "http"), (":scheme", "https"), (":status", "200"), (":status", "204"), (":status", "206"),
    (":status", "304"), (":status", "400"), (":status", "404"), (":status", "500"), ("accept-charset", ""),
    ("accept-encoding", "gzip, deflate"), ("accept-language", ""), ("accept-ranges", ""), ("accept", ""),
    ("access-control-allow-origin", ""), ("age", ""), ("allow", ""), ("authorization", ""), ("cache-control", ""),
    ("content-disposition", ""), ("content-encoding", ""), ("content-language", ""), ("content-length", ""),
    ("content-location", ""), ("content-range", ""), ("content-type", ""), ("cookie", ""), ("date", ""), ("etag", ""),
    ("expect", ""), ("expires", ""), ("from", ""), ("host", ""), ("if-match", ""), ("if-modified-since", ""),
    ("if-none-match", ""), ("if-range", ""), ("if-unmodified-since", ""), ("last-modified", ""), ("link", ""),
    ("location", ""), ("max-forwards", ""), ("proxy-authenticate", ""), ("proxy-authorization", ""), ("range", ""),
    ("referer", ""), ("refresh", ""), ("retry-after", ""), ("server", ""), ("set-cookie", ""),
    ("strict-transport-security", ""), ("transfer-encoding", ""), ("user-agent", ""), ("vary", ""), ("via", ""),
    ("www-authenticate", ""),
];

/// One per connection: it remembers what it has seen.
#[derive(Debug)]
pub(super) struct Decoder {
    table: VecDeque<(String, String)>,
    limit: usize,
}

// === impl Decoder ===

impl Decoder {
    pub(super) fn new() -> Self {
        Self { table: VecDeque::new(), limit: 4096 }
    }

    /// `None` when the block is malformed.
    pub(super) fn decode(&mut self, mut block: &[u8]) -> Option<Fields> {
        let mut fields = Vec::new();
        while let Some(first) = block.first().copied() {
            match first {
                0x80.. => fields.push(self.entry(integer(&mut block, 7)?)?),
                0x40.. => {
                    let field = self.literal(&mut block, 6)?;
                    self.table.push_front(field.clone());
                    self.evict();
                    fields.push(field);
                }
                0x20.. => {
                    self.limit = integer(&mut block, 5)?;
                    self.evict();
                }
                _ => fields.push(self.literal(&mut block, 4)?),
            }
        }
        Some(Fields(fields))
    }

    fn literal(&self, block: &mut &[u8], prefix: u8) -> Option<(String, String)> {
        let name = match integer(block, prefix)? {
            0 => string(block)?,
            index => self.entry(index)?.0,
        };
        Some((name, string(block)?))
    }

    fn entry(&self, index: usize) -> Option<(String, String)> {
        let index = index.checked_sub(1)?;
        match STATIC.get(index) {
            Some((name, value)) => Some(((*name).to_owned(), (*value).to_owned())),
            None => self.table.get(index - STATIC.len()).cloned(),
        }
    }

    /// Section 4.1: an entry counts 32 bytes more than its text.
    fn evict(&mut self) {
        let size = |table: &VecDeque<(String, String)>| -> usize {
            table.iter().map(|(name, value)| name.len() + value.len() + 32).sum()
        };
        while size(&self.table) > self.limit {
            self.table.pop_back();
        }
    }
}

/// Literal fields without indexing (section 6.2.2), without Huffman coding: no state on the other side.
pub(super) fn encode(fields: &Fields) -> Vec<u8> {
    let mut block = Vec::new();
    for (name, value) in fields.iter() {
        block.push(0);
        put_string(&mut block, name);
        put_string(&mut block, value);
    }
    block
}

fn put_string(block: &mut Vec<u8>, text: &str) {
    match text.len() {
        short @ 0..127 => block.push(short as u8),
        long => {
            block.push(127);
            let mut rest = long - 127;
            while rest >= 128 {
                block.push((rest % 128) as u8 | 128);
                rest /= 128;
            }
            block.push(rest as u8);
        }
    }
    block.extend_from_slice(text.as_bytes());
}

/// Section 5.1.
fn integer(block: &mut &[u8], prefix: u8) -> Option<usize> {
    let mask = (1u16 << prefix) as usize - 1;
    let mut value = next(block)? as usize & mask;
    if value < mask {
        return Some(value);
    }
    for shift in (0..28).step_by(7) {
        let byte = next(block)?;
        value += ((byte & 127) as usize) << shift;
        if byte < 128 {
            return Some(value);
        }
    }
    None
}

/// Section 5.2.
fn string(block: &mut &[u8]) -> Option<String> {
    let huffman = block.first()? & 128 != 0;
    let length = integer(block, 7)?;
    let (text, rest) = block.split_at_checked(length)?;
    *block = rest;
    let text = if huffman { huffman::decode(text)? } else { text.to_vec() };
    Some(String::from_utf8_lossy(&text).into_owned())
}

fn next(block: &mut &[u8]) -> Option<u8> {
    let (first, rest) = block.split_first()?;
    *block = rest;
    Some(*first)
}

#[cfg(test)]
mod tests {
    use super::{Decoder, Fields, encode};

    /// RFC 7541, appendix C.4: three requests on one connection, Huffman coded, with the dynamic table.
    #[test]
    fn the_examples_of_the_rfc() {
        let mut decoder = Decoder::new();
        let first: &[u8] = b"\x82\x86\x84\x41\x8c\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff";
        let second: &[u8] = b"\x82\x86\x84\xbe\x58\x86\xa8\xeb\x10\x64\x9c\xbf";
        let third: &[u8] =
            b"\x82\x87\x85\xbf\x40\x88\x25\xa8\x49\xe9\x5b\xa9\x7d\x7f\x89\x25\xa8\x49\xe9\x5b\xb8\xe8\xb4\xbf";
        assert_eq!(decoder.decode(first).unwrap().get(":authority"), Some("www.example.com"));
        let fields = decoder.decode(second).unwrap();
        assert_eq!(fields.get(":authority"), Some("www.example.com"));
        assert_eq!(fields.get("cache-control"), Some("no-cache"));
        let fields = decoder.decode(third).unwrap();
        let expected: &[(&str, &str)] = &[
            (":method", "GET"),
            (":scheme", "https"),
            (":path", "/index.html"),
            (":authority", "www.example.com"),
            ("custom-key", "custom-value"),
        ];
        assert_eq!(fields, Fields::from(expected));
    }

    #[test]
    fn what_is_encoded_is_decoded() {
        let long = "x".repeat(20_000);
        let fields: &[(&str, &str)] = &[(":status", "200"), ("long", &long), ("edge", &long[..127]), ("empty", "")];
        let fields = Fields::from(fields);
        assert_eq!(Decoder::new().decode(&encode(&fields)), Some(fields));
    }

    #[test]
    fn a_table_of_no_size_remembers_nothing() {
        let mut decoder = Decoder::new();
        assert!(decoder.decode(b"\x20\x40\x01a\x01b").is_some());
        assert_eq!(decoder.decode(b"\xbe"), None);
        assert_eq!(decoder.decode(b"\x40\x7f"), None);
    }
}
