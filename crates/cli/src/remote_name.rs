//! `-O` and `-J`: the name of a file by its URL, or by its response.

use http::HeaderValue;
use skybridge::types::Reference;
use std::path::PathBuf;

/// The last part of the URL's path as it stands there, as with curl.
///
/// # Errors
/// When there is none, or it is no name of a file here.
pub(crate) fn of(url: &str) -> Result<PathBuf, String> {
    let path = Reference::typed(url).path();
    let name = path.rsplit('/').next().unwrap_or_default();
    if is_name(name) {
        Ok(name.into())
    } else {
        Err("the URL's path ends in no name of a file; nearest: -o FILE".to_owned())
    }
}

/// The `filename` of a `content-disposition` (RFC 6266), without its folders; `filename*` isn't read, as with curl.
/// `None` if it is no name, or begins with a dot: what is hidden may be configuration.
pub(crate) fn of_disposition(value: &HeaderValue) -> Option<PathBuf> {
    let value = file_name(std::str::from_utf8(value.as_bytes()).ok()?)?;
    let name = value.rsplit(['/', '\\']).next().unwrap_or_default().trim();
    let is_plain = is_name(name) && !name.starts_with('.') && !name.contains(char::is_control);
    is_plain.then(|| name.into())
}

/// A name of a file here, on any system: no folder above, no drive, no stream.
fn is_name(name: &str) -> bool {
    !matches!(name, "" | "." | "..") && !name.contains(['\\', ':', '\0'])
}

/// The value of the parameter, of which there may be others before.
fn file_name(disposition: &str) -> Option<String> {
    let mut rest = disposition;
    loop {
        // What is quoted may have a semicolon in it.
        let (parameter, after) = split(rest);
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        if name.trim().eq_ignore_ascii_case("filename") {
            return Some(unquoted(value.trim()));
        }
        rest = after?;
    }
}

/// Up to the next semicolon that isn't quoted, and what is behind it.
fn split(text: &str) -> (&str, Option<&str>) {
    let (mut is_quoted, mut is_escaped) = (false, false);
    for (at, next) in text.char_indices() {
        match next {
            _ if std::mem::take(&mut is_escaped) => {}
            '\\' => is_escaped = is_quoted,
            '"' => is_quoted = !is_quoted,
            ';' if !is_quoted => return (&text[..at], Some(&text[at + 1..])),
            _ => {}
        }
    }
    (text, None)
}

fn unquoted(value: &str) -> String {
    let Some(quoted) = value.strip_prefix('"') else { return value.to_owned() };
    let (mut unquoted, mut chars) = (String::new(), quoted.chars());
    while let Some(next) = chars.next().filter(|next| *next != '"') {
        match next {
            '\\' => unquoted.extend(chars.next()),
            _ => unquoted.push(next),
        }
    }
    unquoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_last_part_of_the_path_and_never_a_folder() {
        for (url, name) in [
            ("http://a.test/b/c.txt?d/e#f/g", "c.txt"),
            ("a.test/%2e%2e%2fc", "%2e%2e%2fc"),
            ("http://me:pw@a.test/c", "c"),
        ] {
            assert_eq!(of(url), Ok(name.into()), "{url}");
        }
        for url in
            ["http://a.test", "http://a.test/b/", "http://a.test/..", "a.test/.", "http://a.test/C:x", "a.test/\\x"]
        {
            assert!(of(url).is_err(), "{url}");
        }
    }
    #[test]
    fn a_response_names_a_file_and_never_a_folder_or_what_is_hidden() {
        for (value, name) in [
            ("attachment; filename=a.txt", Some("a.txt")),
            ("inline;FileName = \"a b;c.txt\" ; size=3", Some("a b;c.txt")),
            ("attachment; x=\"; filename=no\"; filename=yes", Some("yes")),
            ("filename=\"a\\\"b\"", Some("a\"b")),
            ("attachment; filename=\"../../etc/passwd\"", Some("passwd")),
            ("attachment; filename=\"C:\\\\x\\\\y.txt\"", Some("y.txt")),
            ("attachment; filename=\"a/\"", None),
            ("attachment; filename=..", None),
            ("attachment; filename=.bashrc", None),
            ("attachment; filename=\"/.bashrc\"", None),
            ("attachment; filename=x:y", None),
            ("attachment; filename=", None),
            ("attachment; filename*=UTF-8''a", None),
            ("attachment", None),
        ] {
            let value = HeaderValue::from_str(value).unwrap();
            assert_eq!(of_disposition(&value), name.map(PathBuf::from), "{value:?}");
        }
    }
}
