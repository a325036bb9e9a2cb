use http::Uri;
use skybridge_core::{OriginError, OriginRef, Reference, RequestError, ascii_host};
use std::borrow::Cow;

/// What [`Client::get`](crate::Client::get) takes for a URL: text, or a [`Uri`].
///
/// A host that isn't ASCII, which a [`Uri`] can't have, is [converted](ascii_host) with the feature `idn`, and refused
/// without it.
///
/// Text that is no URL becomes a [`RequestError`] that says what is wrong with it and where, and repeats none of it
/// that could be a secret.
pub trait IntoUri {
    /// The URI.
    ///
    /// # Errors
    /// When the text can't be read as one. Whether its origin can be reached is found out later.
    fn into_uri(self) -> Result<Uri, RequestError>;
}

impl IntoUri for Uri {
    fn into_uri(self) -> Result<Uri, RequestError> {
        Ok(self)
    }
}

impl IntoUri for &Uri {
    fn into_uri(self) -> Result<Uri, RequestError> {
        Ok(self.clone())
    }
}

impl IntoUri for &str {
    fn into_uri(self) -> Result<Uri, RequestError> {
        let text = in_ascii(self);
        let uri = text.parse().map_err(|error: http::uri::InvalidUri| diagnose(&text, &error))?;
        hide_userinfo_before_a_hash(&text, &uri)?;
        Ok(uri)
    }
}

impl IntoUri for String {
    fn into_uri(self) -> Result<Uri, RequestError> {
        self.as_str().into_uri()
    }
}

impl IntoUri for &String {
    fn into_uri(self) -> Result<Uri, RequestError> {
        self.as_str().into_uri()
    }
}

/// A password with a `#` in it ends the authority for every parser, and a `Uri` has lost the fragment whose `@` tells
/// that a secret may stand before it. So what is wrong with such an origin is said here, without its text.
fn hide_userinfo_before_a_hash(text: &str, uri: &Uri) -> Result<(), OriginError> {
    match text.split_once('#') {
        Some((_, fragment)) if fragment.contains('@') => {
            OriginRef::of(uri).and_then(OriginRef::to_owned).map(drop).map_err(OriginError::unspoken)
        }
        _ => Ok(()),
    }
}

/// With the host in ASCII. What can't be converted stays, and is refused.
fn in_ascii(text: &str) -> Cow<'_, str> {
    let authority = Reference::parse(text).authority().filter(|authority| !authority.is_ascii());
    let host = authority.filter(|authority| !authority.contains('@')).map(without_port);
    match host.map(|host| (host, ascii_host(host))) {
        // Nothing before it is the same: a scheme is ASCII.
        Some((host, Ok(ascii))) if !host.is_ascii() => text.replacen(host, &ascii, 1).into(),
        _ => text.into(),
    }
}

/// What is wrong with text that is no URI, in the words of somebody who has to mend it.
fn diagnose(text: &str, error: &http::uri::InvalidUri) -> RequestError {
    if text.is_empty() {
        return RequestError::Uri("it is empty".into());
    }
    if let Some((at, wrong)) = text.char_indices().find(|(_, char)| char.is_whitespace() || char.is_control()) {
        return RequestError::Uri(format!("{} at byte {at}: percent-encode it", name(wrong)).into());
    }
    let reference = Reference::parse(text);
    // What is before an `@` may be a secret, so then nothing is repeated, whatever is wrong.
    let spoken = |error: OriginError| if reference.has_at() { error.unspoken() } else { error };
    let (Some(scheme), Some(authority)) = (reference.scheme(), reference.authority()) else {
        return OriginError::NoScheme.into();
    };
    if !["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        return spoken(OriginError::UnknownScheme(scheme.into())).into();
    }
    if authority.contains('@') {
        return OriginError::UserInfo.into();
    }
    if authority.is_empty() {
        return OriginError::EmptyHost.into();
    }
    let host = without_port(authority);
    if !authority.is_ascii() {
        // What isn't ASCII may be a password where a port would be.
        let wrong = if host.is_ascii() { OriginError::NotAscii("".into()) } else { of_host(host) };
        return spoken(wrong).into();
    }
    match text.char_indices().find(|(_, char)| !char.is_ascii() || "\"<>\\^`{|}".contains(*char)) {
        Some((at, wrong)) => RequestError::Uri(format!("`{wrong}` at byte {at}: percent-encode it").into()),
        None if authority.contains('%') && authority.starts_with('[') => {
            spoken(OriginError::ZoneId(host.into())).into()
        }
        None => RequestError::Uri(error.to_string().into()),
    }
}

fn of_host(host: &str) -> OriginError {
    ascii_host(host).err().unwrap_or_else(|| OriginError::NotAHost(host.into()))
}

/// The host of an authority: what stands where a port would may be the password of a URL that lacks its host.
fn without_port(authority: &str) -> &str {
    let end = if authority.starts_with('[') { authority.find(']').map(|at| at + 1) } else { authority.find(':') };
    &authority[..end.unwrap_or(authority.len())]
}

fn name(char: char) -> String {
    match char {
        ' ' => "a space".into(),
        '\t' => "a tab".into(),
        '\r' | '\n' => "a line break".into(),
        other => format!("the character U+{:04X}", other as u32),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A row a mistake: the text, and what its author is told.
    #[test]
    fn mistakes_are_named() {
        let rows = [
            ("", "its URI can't be read: it is empty"),
            ("http://a b/", "its URI can't be read: a space at byte 8: percent-encode it"),
            ("http://a.test/a b", "its URI can't be read: a space at byte 15: percent-encode it"),
            (" http://a.test/", "its URI can't be read: a space at byte 0: percent-encode it"),
            ("http://a.test/\r\nx: y", "its URI can't be read: a line break at byte 14: percent-encode it"),
            ("http://a.test/<x>", "its URI can't be read: `<` at byte 14: percent-encode it"),
        ];
        for (text, told) in rows {
            assert_eq!(text.into_uri().unwrap_err().to_string(), told, "{text:?}");
        }
    }

    #[test]
    fn what_names_no_origin_is_said_to() {
        let rows = [
            ("a.test/x", OriginError::NoScheme),
            ("http:/x", OriginError::NoScheme),
            ("file:///etc/hosts", OriginError::UnknownScheme("file".into())),
            ("http://", OriginError::EmptyHost),
            ("http:///x", OriginError::EmptyHost),
            ("http://?x", OriginError::EmptyHost),
            ("http://user:se|cret@/", OriginError::UserInfo),
            #[cfg(not(feature = "idn"))]
            ("http://bücher.test/", OriginError::NotAscii("bücher.test".into())),
            #[cfg(feature = "idn")]
            ("http://a\u{ff0f}b.test/", OriginError::NotAHost("a\u{ff0f}b.test".into())),
            #[cfg(feature = "idn")]
            ("http://\u{ff11}\u{ff12}\u{ff17}.1/", OriginError::NotAnAddress("127.1".into())),
        ];
        for (text, told) in rows {
            let origin = |uri: Uri| OriginRef::of(&uri).and_then(OriginRef::to_owned).map_err(RequestError::from);
            assert_eq!(text.into_uri().and_then(origin), Err(told.into()), "{text:?}");
        }
    }

    #[cfg(feature = "idn")]
    #[test]
    fn a_host_that_is_not_ascii_is_converted_and_nothing_else_is() {
        for (text, uri) in [
            ("http://bücher.test/x", "http://xn--bcher-kva.test/x"),
            ("HTTPS://BÜCHER.test:8443?x", "https://xn--bcher-kva.test:8443/?x"),
            ("http://bücher\u{3002}test\u{3002}:80/bücher.test", "http://xn--bcher-kva.test.:80/bücher.test"),
            ("http://straße.test/%C3%BC", "http://xn--strae-oqa.test/%C3%BC"),
            ("http://bücher.test\u{ff0f}x/", ""),
            ("http://bücher.test:\u{ff18}0/", ""),
            ("http://me:pw@bücher.test/", ""),
        ] {
            assert_eq!(text.into_uri().map_or_else(|_| String::new(), |uri| uri.to_string()), uri, "{text}");
        }
    }

    #[test]
    fn no_secret_is_repeated() {
        for text in [
            "http://me:hunter2@b\u{fc}cher.test/",
            "http://me:hunter2@[x/",
            "http://me:hunter2@",
            // Without a host, the password stands where a port would.
            "http://me:hunter2\u{fc}",
            "http://me:hunter2\u{fc}/x",
            "http://m\u{fc}:hunter2",
            "http://[::1%eth0]:hunter2/",
            // A `#` in the password ends the authority, and the fragment is not kept.
            "http://.hunter2#@a.test?x",
            "http://me:hunter2#x@a.test/",
            "http://hunter2.1#@a.test/",
            "hunter2://x#@a.test/",
        ] {
            let read = |uri: Uri| OriginRef::of(&uri).and_then(OriginRef::to_owned).map_err(Into::into);
            let error = format!("{:?}", text.into_uri().and_then(read));
            assert!(error.starts_with("Err") && !error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn a_url_in_any_form_is_taken() {
        let uri = Uri::from_static("http://a.test/x?y");
        assert_eq!("http://a.test/x?y#z".into_uri().as_ref(), Ok(&uri));
        assert_eq!(String::from("http://a.test/x?y").into_uri().as_ref(), Ok(&uri));
        assert_eq!((&uri).into_uri().as_ref(), Ok(&uri));
    }
}
