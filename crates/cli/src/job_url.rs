//! URLs as they are typed.

use crate::percent;
use http::{Uri, uri::PathAndQuery};
use skybridge::{
    Error, IntoUri, RequestError,
    types::{BasicAuth, Reference},
};
use std::path::Path;

/// Without a scheme it is http, as with curl. The fragment is not sent. User and password are not either, but as
/// credentials.
///
/// # Errors
/// When it is no URL.
pub(crate) fn parse(text: &str) -> Result<(Uri, Option<BasicAuth>), Error> {
    let reference = Reference::typed(text);
    let scheme = if reference.scheme().is_some() { "" } else { "http://" };
    let url = reference.without_fragment();
    let split = reference.authority().and_then(|authority| authority.rsplit_once('@'));
    let Some((userinfo, _)) = split else { return Ok((format!("{scheme}{url}").into_uri()?, None)) };
    // A password with a slash in it ends the authority: what follows would be taken for the host.
    if text.matches('@').count() > userinfo.matches('@').count() + 1 {
        let why = "there is an @ behind the host, so that user and password can't be told: percent-encode it";
        return Err(RequestError::Uri(why.into()).into());
    }
    let credentials =
        credentials(userinfo).ok_or_else(|| RequestError::Uri("user or password can't be read".into()))?;
    // Before the authority stands the scheme alone.
    let start = reference.scheme().map_or(0, |scheme| scheme.len() + "://".len());
    let (before, after) = (&url[..start], &url[start + userinfo.len() + "@".len()..]);
    Ok((format!("{scheme}{before}{after}").into_uri()?, Some(credentials)))
}

/// `USER` or `USER:PASSWORD`, percent-encoded.
fn credentials(userinfo: &str) -> Option<BasicAuth> {
    let (user, password) = userinfo.split_once(':').unwrap_or((userinfo, ""));
    Some(BasicAuth::new(percent::decode(user)?, percent::decode(password)?))
}

/// `-G`: what is there already stays.
///
/// # Errors
/// When the data can't stand in a URL.
pub(crate) fn with_query(uri: &Uri, query: &str) -> Result<Uri, Error> {
    let mark = if uri.query().is_some() { '&' } else { '?' };
    Ok(format!("{uri}{mark}{query}").into_uri()?)
}

/// `-T`: a path that ends in a slash gets the file's name.
///
/// # Errors
/// When that makes no URL.
pub(crate) fn with_file_name(uri: &Uri, file: &Path) -> Result<Uri, Error> {
    let Some(name) = file.file_name().filter(|_| uri.path().ends_with('/')) else { return Ok(uri.clone()) };
    let name = percent::encode(name.as_encoded_bytes());
    let query = uri.query().map_or_else(String::new, |query| format!("?{query}"));
    let mut parts = uri.clone().into_parts();
    let path = format!("{}{name}{query}", uri.path());
    parts.path_and_query = Some(path.parse().map_err(|_| RequestError::Uri("the file's name fits in no URL".into()))?);
    Ok(Uri::from_parts(parts).map_err(|_| RequestError::Uri("the file's name fits in no URL".into()))?)
}

/// `--request-target`: what the request line says in place of path and query.
///
/// # Errors
/// When it can't stand there.
pub(crate) fn with_target(uri: &Uri, target: &PathAndQuery) -> Result<Uri, Error> {
    let mut parts = uri.clone().into_parts();
    parts.path_and_query = Some(target.clone());
    Ok(Uri::from_parts(parts).map_err(|_| RequestError::Uri("the request target fits in no request".into()))?)
}

/// Where a `location` leads from here (RFC 3986, section 5.2); `None` if it is no text.
pub(crate) fn joined(base: &Uri, location: &[u8]) -> Option<String> {
    let to = std::str::from_utf8(location).ok()?;
    let reference = Reference::parse(to);
    let (scheme, authority) = (base.scheme_str()?, base.authority()?);
    Some(match (reference.scheme(), reference.authority(), reference.path()) {
        (Some(_), ..) => to.to_owned(),
        (None, Some(_), _) => format!("{scheme}:{to}"),
        (None, None, path) if path.starts_with('/') => format!("{scheme}://{authority}{to}"),
        (None, None, "") if reference.query().is_some() => format!("{scheme}://{authority}{}{to}", base.path()),
        (None, None, "") => format!("{scheme}://{authority}{}", base.path_and_query()?),
        (None, None, _) => {
            let folder = base.path().rfind('/').map_or("/", |slash| &base.path()[..=slash]);
            format!("{scheme}://{authority}{folder}{to}")
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> (String, Option<String>) {
        let (uri, credentials) = parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
        let credentials = credentials.and_then(|credentials| credentials.header());
        (uri.to_string(), credentials.map(|value| value.to_str().unwrap().to_owned()))
    }

    #[test]
    fn userinfo_is_no_part_of_what_is_fetched() {
        let rows = [
            ("a.test", "http://a.test/", None),
            ("https://a.test/b?c#d", "https://a.test/b?c", None),
            ("http://me:pw@a.test/", "http://a.test/", Some("Basic bWU6cHc=")),
            ("me:pw@a.test:81/x%40y", "http://a.test:81/x%40y", Some("Basic bWU6cHc=")),
            ("http://a.test/@me", "http://a.test/@me", None),
            ("http://me@a.test?b", "http://a.test/?b", Some("Basic bWU6")),
            ("http://m%65:p%77@a.test/", "http://a.test/", Some("Basic bWU6cHc=")),
            ("http://me:p@w@a.test/", "http://a.test/", Some("Basic bWU6cEB3")),
        ];
        for (text, uri, credentials) in rows {
            assert_eq!(parsed(text), (uri.to_owned(), credentials.map(str::to_owned)), "{text}");
        }
        for wrong in ["http://me:p@w/@a.test/", "http://me:%ff@a.test/", "http:/me@a.test/", "http://me:pw@/"] {
            assert!(parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_location_is_relative_to_what_was_fetched() {
        let base = "http://a.test:81/b/c?d".parse::<Uri>().unwrap();
        for (location, expected) in [
            ("https://e.test/f?g#h", "https://e.test/f?g#h"),
            ("//e.test/f", "http://e.test/f"),
            ("/f?g", "http://a.test:81/f?g"),
            ("f", "http://a.test:81/b/f"),
            ("?g", "http://a.test:81/b/c?g"),
            ("", "http://a.test:81/b/c?d"),
        ] {
            assert_eq!(joined(&base, location.as_bytes()).as_deref(), Some(expected), "{location}");
        }
        assert_eq!(joined(&base, b"\xff"), None);
    }

    #[test]
    fn queries_and_file_names_are_added_to_what_is_there() {
        let uri = |text: &str| text.parse::<Uri>().unwrap();
        for (url, expected) in [("http://a.test", "http://a.test/?x=1"), ("http://a.test/b?c", "http://a.test/b?c&x=1")]
        {
            assert_eq!(with_query(&uri(url), "x=1").unwrap(), expected);
        }
        for (url, expected) in [
            ("http://a.test", "http://a.test/f%20g"),
            ("http://a.test/b/?c", "http://a.test/b/f%20g?c"),
            ("http://a.test/b", "http://a.test/b"),
        ] {
            assert_eq!(with_file_name(&uri(url), Path::new("/d/f g")).unwrap(), expected);
        }
        assert!(with_query(&uri("http://a.test"), "a b").is_err());
    }
}
