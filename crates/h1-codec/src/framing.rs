//! Where a message ends (RFC 9112, section 6).

use crate::{HeadError, fields::printable};
use http::{Method, StatusCode, Version};

/// How the body of a response ends (RFC 9112, section 6.3).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Framing {
    /// There is none: the response ends with its head.
    Empty,
    /// After so many bytes.
    Length(u64),
    /// With its last chunk.
    Chunked,
    /// With the connection.
    UntilClose,
    /// It never does: what follows is another protocol's (101, or a 2xx to CONNECT).
    Upgrade,
}

/// How the body of a request is sent (RFC 9112, section 6.1 and 6.2).
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum BodyFraming {
    /// There is none.
    Empty,
    /// With `content-length`.
    Length(u64),
    /// In chunks.
    Chunked,
}

/// What the fields that frame a response say.
#[derive(Debug, Default)]
pub(crate) struct FramingFields {
    length: Option<u64>,
    /// What is wrong with a `content-length`, which matters only where there can be a body.
    no_length: Option<HeadError>,
    coding: Option<Coding>,
    close: bool,
    keep_alive: bool,
}

#[derive(Debug)]
enum Coding {
    Chunked,
    Other(Box<str>),
}

/// Where a response ends, and whether that is beyond doubt.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Framed {
    pub(crate) framing: Framing,
    /// False when an intermediary may see another end.
    pub(crate) strict: bool,
}

impl FramingFields {
    /// A `content-length`: one number, or a list of equal ones.
    pub(crate) fn content_length(&mut self, value: &[u8]) {
        for text in value.split(|byte| *byte == b',') {
            match (number(text.trim_ascii()), self.length) {
                (Some(length), None) => self.length = Some(length),
                (Some(length), Some(other)) if length == other => {}
                (Some(length), Some(other)) => return self.wrong_length(HeadError::ContentLengths(other, length)),
                (None, _) => return self.wrong_length(HeadError::ContentLength(printable(value))),
            }
        }
    }

    #[cold]
    fn wrong_length(&mut self, error: HeadError) {
        self.no_length.get_or_insert(error);
    }

    /// A `transfer-encoding`: a second one, of whatever kind, is a list, and no list can be read.
    pub(crate) fn transfer_encoding(&mut self, value: &[u8]) {
        let name = value.trim_ascii();
        self.coding = Some(match self.coding.take() {
            None if name.eq_ignore_ascii_case(b"chunked") => Coding::Chunked,
            None => Coding::Other(printable(name)),
            Some(Coding::Chunked) => Coding::Other(format!("chunked, {}", printable(name)).into()),
            // A few are enough to say what is wrong: a peer may repeat them as long as its head has room.
            Some(Coding::Other(first)) if first.len() > 64 => Coding::Other(first),
            Some(Coding::Other(first)) => Coding::Other(format!("{first}, {}", printable(name)).into()),
        });
    }

    /// A `connection`.
    #[inline]
    pub(crate) fn connection(&mut self, value: &[u8]) {
        for option in value.split(|byte| *byte == b',').map(<[u8]>::trim_ascii) {
            self.close |= option.eq_ignore_ascii_case(b"close");
            self.keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
        }
    }

    /// Whether the connection may be used again (RFC 9112, section 9.3).
    #[inline]
    pub(crate) fn persists(&self, version: Version) -> bool {
        !self.close
            && if version == Version::HTTP_11 {
                self.coding_is_sound()
            } else {
                self.keep_alive && self.coding.is_none()
            }
    }

    fn coding_is_sound(&self) -> bool {
        !matches!(self.coding, Some(Coding::Other(_)))
    }

    /// RFC 9112, section 6.3, in its order.
    #[inline]
    pub(crate) fn of_response(self, request: &Method, status: StatusCode) -> Result<Framed, HeadError> {
        let code = status.as_u16();
        if code == 101 {
            return Ok(Framed { framing: Framing::Upgrade, strict: true });
        }
        if *request == Method::HEAD || code == 304 {
            return Ok(Framed { framing: Framing::Empty, strict: self.no_length.is_none() });
        }
        // Before 204: any 2xx is a tunnel, and what such a response says of a body means nothing (RFC 9110, section
        // 9.3.6).
        if *request == Method::CONNECT && status.is_success() {
            return Ok(Framed { framing: Framing::Upgrade, strict: true });
        }
        if code < 200 || code == 204 {
            // A sender must not say that it has any (RFC 9110, section 8.6): one that does may send it.
            let no_body = self.no_length.is_none() && self.length.is_none_or(|length| length == 0);
            return Ok(Framed { framing: Framing::Empty, strict: no_body && self.coding.is_none() });
        }
        if let Some(error) = self.no_length {
            return Err(error);
        }
        let framing = match (self.coding, self.length) {
            (None, Some(0)) => Framing::Empty,
            (None, Some(length)) => Framing::Length(length),
            (None, None) => Framing::UntilClose,
            (Some(Coding::Other(coding)), _) => return Err(HeadError::TransferCoding(coding)),
            (Some(Coding::Chunked), Some(_)) => return Err(HeadError::LengthAndCoding),
            (Some(Coding::Chunked), None) => Framing::Chunked,
        };
        Ok(Framed { framing, strict: true })
    }
}

/// Digits alone, as `1*DIGIT` says: no sign, and no number that doesn't fit.
fn number(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0_u64, |number, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn framing(method: &str, status: u16, lengths: &[&str], codings: &[&str]) -> Result<(Framing, bool), HeadError> {
        let mut fields = FramingFields::default();
        for length in lengths {
            fields.content_length(length.as_bytes());
        }
        for coding in codings {
            fields.transfer_encoding(coding.as_bytes());
        }
        let framed = fields.of_response(&method.parse().unwrap(), StatusCode::from_u16(status).unwrap())?;
        Ok((framed.framing, framed.strict))
    }

    #[test]
    fn a_response_ends_where_the_rfc_says() {
        use Framing::*;
        /// Method, status, `content-length`, `transfer-encoding`; how the body ends, and whether that is strict.
        type Row = (&'static str, u16, &'static [&'static str], &'static [&'static str], Framing, bool);
        let table: &[Row] = &[
            ("GET", 200, &["3"], &[], Length(3), true),
            ("GET", 200, &["0"], &[], Empty, true),
            ("GET", 200, &["3", "3"], &[], Length(3), true),
            ("GET", 200, &["3, 3"], &[], Length(3), true),
            ("GET", 200, &["18446744073709551615"], &[], Length(u64::MAX), true),
            ("GET", 200, &[], &["chunked"], Chunked, true),
            ("GET", 200, &[], &["Chunked"], Chunked, true),
            ("GET", 200, &[], &[], UntilClose, true),
            ("GET", 205, &["3"], &[], Length(3), true),
            ("HEAD", 200, &["3"], &[], Empty, true),
            ("HEAD", 200, &[], &["chunked"], Empty, true),
            ("HEAD", 200, &[], &["gzip"], Empty, true),
            ("HEAD", 404, &[], &[], Empty, true),
            ("GET", 304, &["3"], &[], Empty, true),
            ("GET", 204, &[], &[], Empty, true),
            ("GET", 204, &["0"], &[], Empty, true),
            ("GET", 204, &["3"], &[], Empty, false),
            ("GET", 204, &[], &["chunked"], Empty, false),
            ("GET", 103, &[], &[], Empty, true),
            ("GET", 101, &[], &[], Upgrade, true),
            ("CONNECT", 200, &[], &[], Upgrade, true),
            ("CONNECT", 200, &["5"], &["chunked"], Upgrade, true),
            ("CONNECT", 204, &[], &[], Upgrade, true),
            // What frames a body means nothing where there can be none, though it isn't trusted.
            ("CONNECT", 200, &["x"], &[], Upgrade, true),
            ("CONNECT", 200, &["5", "6"], &[], Upgrade, true),
            ("GET", 101, &["x"], &[], Upgrade, true),
            ("HEAD", 200, &["x"], &[], Empty, false),
            ("HEAD", 200, &["5", "6"], &[], Empty, false),
            ("GET", 304, &["x"], &[], Empty, false),
            ("GET", 204, &["x"], &[], Empty, false),
            ("GET", 204, &["0", "x"], &[], Empty, false),
            ("GET", 103, &["x"], &[], Empty, false),
            ("CONNECT", 407, &["3"], &[], Length(3), true),
        ];
        for (method, status, lengths, codings, end, strict) in table {
            let got = framing(method, *status, lengths, codings);
            assert_eq!(got, Ok((*end, *strict)), "{method} {status} {lengths:?} {codings:?}");
        }
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        let length = |value: &str| HeadError::ContentLength(value.into());
        let coding = |value: &str| HeadError::TransferCoding(value.into());
        let table: &[(&[&str], &[&str], HeadError)] = &[
            (&["3", "4"], &[], HeadError::ContentLengths(3, 4)),
            (&["3, 4"], &[], HeadError::ContentLengths(3, 4)),
            (&["3x"], &[], length("3x")),
            (&["+3"], &[], length("+3")),
            (&["-3"], &[], length("-3")),
            (&["0x3"], &[], length("0x3")),
            (&[""], &[], length("")),
            (&["3,"], &[], length("3,")),
            (&["3 3"], &[], length("3 3")),
            (&["18446744073709551616"], &[], length("18446744073709551616")),
            (&["3"], &["chunked"], HeadError::LengthAndCoding),
            (&[], &["gzip, chunked"], coding("gzip, chunked")),
            (&[], &["chunked, chunked"], coding("chunked, chunked")),
            (&[], &["chunked", "chunked"], coding("chunked, chunked")),
            (&[], &["chunked", "identity"], coding("chunked, identity")),
            (&[], &["identityx"], coding("identityx")),
            (&[], &["identity"], coding("identity")),
            (&[], &["xchunked"], coding("xchunked")),
            (&[], &["chunked;q=1"], coding("chunked;q=1")),
            (&[], &[""], coding("")),
            (&["3"], &["identity"], coding("identity")),
        ];
        for (lengths, codings, error) in table {
            assert_eq!(framing("GET", 200, lengths, codings), Err(error.clone()), "{lengths:?} {codings:?}");
        }
    }

    #[test]
    fn what_a_peer_repeats_does_not_grow_in_a_message() {
        let long = "\u{e9}".repeat(100_000);
        let long = long.as_str();
        let Err(HeadError::ContentLength(text)) = framing("GET", 200, &[long], &[]) else { panic!("no length") };
        assert!(text.len() < 300, "{}", text.len());
        let Err(HeadError::TransferCoding(text)) = framing("GET", 200, &[], &[long; 2_000]) else {
            panic!("no coding")
        };
        assert!(text.len() < 600, "{}", text.len());
    }

    #[test]
    fn a_connection_persists_as_its_version_and_options_say() {
        let persists = |version, connection: &[&str], codings: &[&str]| {
            let mut fields = FramingFields::default();
            connection.iter().for_each(|value| fields.connection(value.as_bytes()));
            codings.iter().for_each(|value| fields.transfer_encoding(value.as_bytes()));
            fields.persists(version)
        };
        assert!(persists(Version::HTTP_11, &[], &[]));
        assert!(persists(Version::HTTP_11, &["keep-alive"], &["chunked"]));
        assert!(!persists(Version::HTTP_11, &["close"], &[]));
        assert!(!persists(Version::HTTP_11, &["keep-alive", "x , Close"], &[]));
        assert!(!persists(Version::HTTP_10, &[], &[]));
        assert!(persists(Version::HTTP_10, &["Keep-Alive"], &[]));
        assert!(!persists(Version::HTTP_10, &["keep-alive"], &["chunked"]), "its framing is faulty (RFC 9112, 6.1)");
    }
}
