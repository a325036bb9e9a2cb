//! Names of issuers and subjects, as text that is fit to be printed.

use super::fields::inside;
use const_oid::db::{
    rfc3280::EMAIL_ADDRESS,
    rfc4519::{
        COMMON_NAME, COUNTRY_NAME, DOMAIN_COMPONENT, GIVEN_NAME, LOCALITY_NAME, ORGANIZATION_NAME,
        ORGANIZATIONAL_UNIT_NAME, SERIAL_NUMBER, ST, STREET, SURNAME, UID,
    },
};
use der::{AnyRef, Decode, Reader, SliceReader, Tag, TagNumber, Tagged, asn1::ObjectIdentifier};
use skybridge_core::SubjectName;
use std::net::IpAddr;

/// The most attributes of a name, and the most characters of one, that are told.
const ATTRIBUTES: usize = 32;
const CHARACTERS: usize = 256;
/// In the place of what isn't.
const MORE: &str = "...";

/// A part of a name (AttributeTypeAndValue).
struct Attribute<'a> {
    kind: ObjectIdentifier,
    value: AnyRef<'a>,
}

/// As RFC 4514 writes it, but in the certificate's order: `C=US, O=Example, CN=a.test`.
pub(super) fn distinguished(name: &[u8]) -> Option<Box<str>> {
    let attributes = attributes(name).ok()?;
    let mut told: Vec<_> = attributes.iter().take(ATTRIBUTES).map(attribute).collect();
    told.extend((attributes.len() > ATTRIBUTES).then(|| MORE.to_owned()));
    Some(told.join(", ").into())
}

/// Its common name, or else its organization; at most 64 characters.
pub(crate) fn shortest(name: &[u8]) -> Option<String> {
    let attributes = attributes(name).ok()?;
    let of = |kind| attributes.iter().find(|attribute| attribute.kind == kind);
    let text = |attribute: &Attribute<'_>| {
        let value = attribute.value;
        text(value).unwrap_or_else(|| String::from_utf8_lossy(value.value()).into_owned()).chars().take(64).collect()
    };
    of(COMMON_NAME).or_else(|| of(ORGANIZATION_NAME)).map(text)
}

/// The sets of one name that aren't sorted, as DER wants, are read all the same.
fn attributes(name: &[u8]) -> der::Result<Vec<Attribute<'_>>> {
    let mut sets = inside(&mut SliceReader::new(name)?, Tag::Sequence)?;
    let mut all = Vec::new();
    while !sets.is_finished() {
        let mut set = inside(&mut sets, Tag::Set)?;
        while !set.is_finished() {
            let mut attribute = inside(&mut set, Tag::Sequence)?;
            all.push(Attribute { kind: attribute.decode()?, value: attribute.decode()? });
        }
    }
    Ok(all)
}

fn attribute(attribute: &Attribute<'_>) -> String {
    let kind = KINDS.iter().find(|(known, _)| *known == attribute.kind);
    let kind = kind.map_or_else(|| attribute.kind.to_string(), |(_, name)| (*name).to_owned());
    match text(attribute.value) {
        Some(text) => format!("{kind}={}", escaped(&text)),
        // What it would be as text isn't known (RFC 4514, section 2.4).
        None => format!("{kind}=#{}", hex(attribute.value.value())),
    }
}

const KINDS: [(ObjectIdentifier, &str); 13] = [
    (COMMON_NAME, "CN"),
    (COUNTRY_NAME, "C"),
    (DOMAIN_COMPONENT, "DC"),
    (EMAIL_ADDRESS, "emailAddress"),
    (GIVEN_NAME, "GN"),
    (LOCALITY_NAME, "L"),
    (ORGANIZATION_NAME, "O"),
    (ORGANIZATIONAL_UNIT_NAME, "OU"),
    (SERIAL_NUMBER, "serialNumber"),
    (ST, "ST"),
    (STREET, "street"),
    (SURNAME, "SN"),
    (UID, "UID"),
];

fn text(value: AnyRef<'_>) -> Option<String> {
    let bytes = value.value();
    match value.tag() {
        Tag::Utf8String
        | Tag::PrintableString
        | Tag::Ia5String
        | Tag::NumericString
        | Tag::VisibleString
        | Tag::GeneralString => std::str::from_utf8(bytes).ok().map(str::to_owned),
        // In fact it is Latin 1.
        Tag::TeletexString => Some(bytes.iter().map(|byte| char::from(*byte)).collect()),
        Tag::BmpString => {
            let (units, []) = bytes.as_chunks() else { return None };
            char::decode_utf16(units.iter().map(|unit| u16::from_be_bytes(*unit))).collect::<Result<_, _>>().ok()
        }
        _ => None,
    }
}

/// With the escapes of RFC 4514, section 2.4, also for what may not reach a terminal: its bytes in hexadecimal digits.
/// No more than so many characters of it.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    let last = text.chars().count().saturating_sub(1);
    for (at, c) in text.chars().enumerate() {
        if at == CHARACTERS {
            escaped.push_str(MORE);
            break;
        }
        match c {
            ' ' | '#' if at == 0 => escaped.extend(['\\', c]),
            ' ' if at == last => escaped.push_str("\\ "),
            '"' | '+' | ',' | ';' | '<' | '>' | '\\' => escaped.extend(['\\', c]),
            c if is_hostile(c) => {
                for byte in c.encode_utf8(&mut [0; 4]).bytes() {
                    escaped.push('\\');
                    escaped.push_str(&hex(&[byte]));
                }
            }
            c => escaped.push(c),
        }
    }
    escaped
}

/// What moves the cursor, hides, or turns a line around.
fn is_hostile(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}')
        || matches!(c, '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}')
}

/// No more than so many bytes.
pub(super) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    let mut digits = String::new();
    for byte in bytes.iter().take(CHARACTERS) {
        // Writing to a string doesn't fail.
        let _ = write!(digits, "{byte:02x}");
    }
    if bytes.len() > CHARACTERS {
        digits.push_str(MORE);
    }
    digits
}

/// Each of the names in a `subjectAltName` that are taken, and how many there are beyond.
pub(super) fn subject_names(value: &[u8], most: usize) -> Option<(Box<[SubjectName]>, usize)> {
    let mut rest = inside(&mut SliceReader::new(value).ok()?, Tag::Sequence).ok()?;
    let (mut names, mut more) = (Vec::new(), 0);
    while !rest.is_finished() {
        let name = AnyRef::decode(&mut rest).ok()?;
        if names.len() < most {
            names.push(subject_name(name));
        } else {
            more += 1;
        }
    }
    Some((names.into(), more))
}

/// One of the kinds of RFC 5280, section 4.2.1.6, by their numbers.
fn subject_name(name: AnyRef<'_>) -> SubjectName {
    let Tag::ContextSpecific { constructed: false, number: TagNumber(kind) } = name.tag() else {
        return SubjectName::Other;
    };
    let text = std::str::from_utf8(name.value()).ok().filter(|text| text.is_ascii()).map(|text| escaped(text).into());
    let named = match kind {
        1 => text.map(SubjectName::Email),
        2 => text.map(SubjectName::Dns),
        6 => text.map(SubjectName::Uri),
        7 => address(name.value()).map(SubjectName::Ip),
        _ => None,
    };
    named.unwrap_or(SubjectName::Other)
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = || <[u8; 4]>::try_from(bytes).map(IpAddr::from);
    <[u8; 16]>::try_from(bytes).map(IpAddr::from).or_else(|_| v4()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn element(tag: u8, content: &[u8]) -> Vec<u8> {
        let length = u16::try_from(content.len()).unwrap().to_be_bytes();
        match content.len() {
            0..0x80 => [&[tag, length[1]], content].concat(),
            0x80..0x100 => [&[tag, 0x81, length[1]], content].concat(),
            _ => [&[tag, 0x82], &length[..], content].concat(),
        }
    }

    /// The last number of 2.5.4, the tag of the value, and the value.
    type Part<'a> = (u8, u8, &'a [u8]);

    fn name(attributes: &[Part<'_>]) -> Vec<u8> {
        let sets = attributes.iter().map(|(kind, tag, value)| {
            let attribute = [element(6, &[0x55, 4, *kind]), element(*tag, value)].concat();
            element(0x31, &element(0x30, &attribute))
        });
        element(0x30, &sets.collect::<Vec<_>>().concat())
    }

    const CN: u8 = 3;
    const UTF8: u8 = 12;

    #[test]
    fn a_name_is_in_its_order_and_no_terminal_obeys_it() {
        let rows: &[(&[Part<'_>], &str)] = &[
            (&[(6, 19, b"US"), (10, UTF8, b"Example"), (CN, UTF8, b"a.test")], "C=US, O=Example, CN=a.test"),
            (&[(CN, UTF8, "\u{202e}b\u{1b}[2J".as_bytes())], "CN=\\e2\\80\\aeb\\1b[2J"),
            (&[(CN, UTF8, b" a, b+c ")], "CN=\\ a\\, b\\+c\\ "),
            (&[(99, UTF8, b"x")], "2.5.4.99=x"),
            (&[], ""),
            (&[(CN, 30, &[0, b'a', 0x20, 0xac])], "CN=a\u{20ac}"),
            (&[(CN, 20, &[b'Z', 0xfc])], "CN=Z\u{fc}"),
            // What it would be as text isn't known.
            (&[(CN, 30, &[0, b'a', 0x20])], "CN=#006120"),
            (&[(CN, 30, &[0xd8, 0])], "CN=#d800"),
            (&[(CN, UTF8, &[0xff])], "CN=#ff"),
            (&[(CN, 4, b"x")], "CN=#78"),
        ];
        for (attributes, expected) in rows {
            assert_eq!(distinguished(&name(attributes)).as_deref(), Some(*expected));
        }
        assert_eq!(distinguished(&[0x30, 1, 0]), None);
    }

    #[test]
    fn of_what_is_long_only_the_beginning_is_told() {
        let long = [b'y'; CHARACTERS + 1];
        for attributes in [vec![(CN, UTF8, &b"x"[..]); ATTRIBUTES + 1], vec![(CN, UTF8, &long[..])]] {
            let told = distinguished(&name(&attributes)).unwrap();
            assert!(told.ends_with(MORE) && told.len() <= CHARACTERS + 8, "{told}");
        }
        assert_eq!(hex(&[7; CHARACTERS + 1]).len(), 2 * CHARACTERS + MORE.len());
    }

    #[test]
    fn names_beyond_the_limit_are_counted() {
        let dns = |name: &[u8]| element(0x82, name);
        let all = [dns(b"a.test"), element(0x87, &[192, 0, 2, 1]), element(0x87, &[1]), dns(b"a\n\x1b")].concat();
        let (told, more) = subject_names(&element(0x30, &all), 4).unwrap();
        let told: Vec<_> = told.iter().map(ToString::to_string).collect();
        assert_eq!((told.join(" "), more), ("DNS:a.test IP Address:192.0.2.1 othername DNS:a\\0a\\1b".to_owned(), 0));
        assert_eq!(subject_names(&element(0x30, &all), 1).unwrap().1, 3);
        assert!(subject_names(&all, 4).is_none());
    }
}
