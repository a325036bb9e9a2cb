use crate::RequestError;
use http::{HeaderMap, header};
use http_body::SizeHint;

/// How many bytes a request's body is declared to have, and how many have been sent. The connection that sends them
/// counts, so that no peer takes the end of one request for the start of another, or a part of a body for all of it
/// (RFC 9110, section 8.6; RFC 9113, section 8.1.1).
///
/// ```
/// use http::{HeaderMap, HeaderValue, header};
/// use http_body::SizeHint;
/// use skybridge_core::{BodyLength, RequestError};
///
/// let headers = HeaderMap::from_iter([(header::CONTENT_LENGTH, HeaderValue::from(5))]);
/// let mut length = BodyLength::declared(Some(&headers), &SizeHint::new())?.expect("the header declares it");
/// length.add(3)?;
/// assert!(!length.is_reached() && length.end().is_err());
/// assert_eq!(length.add(3), Err(RequestError::BodySize { declared: 5, at_least: 6, at_most: None }));
/// # Ok::<_, RequestError>(())
/// ```
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct BodyLength {
    declared: u64,
    seen: u64,
}

impl BodyLength {
    /// The length that `content-length` declares or, without the header, the exact size of the body, which the
    /// connection will declare. `headers` is `None` if it is known that there is no `content-length`; `size` is the
    /// size of the body that is still to be sent.
    ///
    /// # Errors
    /// When `content-length` is not a number, occurs twice with different values, or contradicts `size`.
    #[inline]
    pub fn declared(headers: Option<&HeaderMap>, size: &SizeHint) -> Result<Option<Self>, RequestError> {
        match headers {
            None => Ok(Self::of_size(size)),
            Some(headers) => Self::of_headers(headers, size),
        }
    }

    #[inline]
    fn of_size(size: &SizeHint) -> Option<Self> {
        size.exact().map(|declared| Self { declared, seen: 0 })
    }

    fn of_headers(headers: &HeaderMap, size: &SizeHint) -> Result<Option<Self>, RequestError> {
        let mut lengths = headers.get_all(header::CONTENT_LENGTH).iter();
        let Some(first) = lengths.next() else { return Ok(Self::of_size(size)) };
        let unreadable = || RequestError::ContentLength(String::from_utf8_lossy(first.as_bytes()).into());
        let text = first.to_str().map_err(|_| unreadable())?;
        if !text.bytes().all(|byte| byte.is_ascii_digit()) || lengths.any(|other| other != first) {
            return Err(unreadable());
        }
        let declared = text.parse::<u64>().map_err(|_| unreadable())?;
        if declared < size.lower() || size.upper().is_some_and(|upper| declared > upper) {
            return Err(RequestError::BodySize { declared, at_least: size.lower(), at_most: size.upper() });
        }
        Ok(Some(Self { declared, seen: 0 }))
    }

    /// The declared length, in bytes.
    #[inline]
    pub fn declared_bytes(&self) -> u64 {
        self.declared
    }

    /// Counts further bytes of the body, before they are sent.
    ///
    /// # Errors
    /// When they exceed the declared length. None of them may be sent.
    #[inline]
    pub fn add(&mut self, bytes: usize) -> Result<(), RequestError> {
        self.seen = self.seen.saturating_add(bytes as u64);
        if self.seen <= self.declared {
            return Ok(());
        }
        Err(RequestError::BodySize { declared: self.declared, at_least: self.seen, at_most: None })
    }

    /// Checks the length at the end of the body.
    ///
    /// # Errors
    /// When the body has had fewer bytes than declared. Its end must not be sent.
    #[inline]
    pub fn end(&self) -> Result<(), RequestError> {
        if self.is_reached() {
            return Ok(());
        }
        Err(RequestError::BodySize { declared: self.declared, at_least: self.seen, at_most: Some(self.seen) })
    }

    /// Whether the declared length has been reached.
    #[inline]
    pub fn is_reached(&self) -> bool {
        self.seen >= self.declared
    }
}
