//! The Huffman code of RFC 7541, appendix B. It is canonical: the lengths of its codes are the whole table.

/// Bits of the code of each byte.
#[rustfmt::skip]
const LENGTHS: [u8; 256] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
    6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, 5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
    13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, 6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, 24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, 21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, 19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, 26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
];

/// `None` when the padding is wrong (section 5.2).
pub(super) fn decode(coded: &[u8]) -> Option<Vec<u8>> {
    let ranges = ranges();
    let (mut decoded, mut code, mut length) = (Vec::new(), 0u32, 0usize);
    for bit in coded.iter().flat_map(|byte| (0..8).rev().map(move |shift| byte >> shift & 1)) {
        code = code << 1 | u32::from(bit);
        length += 1;
        let (first, bytes) = ranges.get(length)?;
        if let Some(byte) = code.checked_sub(*first).and_then(|index| bytes.get(index as usize)) {
            decoded.push(*byte);
            (code, length) = (0, 0);
        }
    }
    let padding = length < 8 && code == (1 << length) - 1;
    padding.then_some(decoded)
}

/// By length: its first code, and the bytes it encodes in the order of their codes.
fn ranges() -> Vec<(u32, Vec<u8>)> {
    let mut first = 0;
    (0..=30)
        .map(|length| {
            let bytes: Vec<u8> = (0..=255).filter(|byte| LENGTHS[*byte as usize] == length).collect();
            let range = (first, bytes);
            first = (first + range.1.len() as u32) << 1;
            range
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::decode;

    /// RFC 7541, appendix C.4 and C.6.
    #[test]
    fn the_examples_of_the_rfc() {
        let coded = [0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff];
        assert_eq!(decode(&coded).unwrap(), b"www.example.com");
        assert_eq!(decode(&[0xa8, 0xeb, 0x10, 0x64, 0x9c, 0xbf]).unwrap(), b"no-cache");
        assert_eq!(decode(&[0x64, 0x02]).unwrap(), b"302");
    }

    #[test]
    fn padding_must_be_ones_and_short() {
        assert_eq!(decode(&[0x64]), None);
        assert_eq!(decode(&[0xff, 0xff]), None);
        assert_eq!(decode(&[]).unwrap(), b"");
    }
}
