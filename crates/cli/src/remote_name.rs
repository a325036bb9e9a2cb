//! `-O`: the name of a file by its URL.

use skybridge::types::Reference;
use std::path::PathBuf;

/// The last part of the URL's path as it stands there, as with curl.
///
/// # Errors
/// When there is none, or it is no name of a file here.
pub(crate) fn of(url: &str) -> Result<PathBuf, String> {
    let path = Reference::typed(url).path();
    let name = path.rsplit('/').next().unwrap_or_default();
    // A name of a file here, on any system: no folder above, no drive, no stream.
    let is_name = !matches!(name, "" | "." | "..") && !name.contains(['\\', ':', '\0']);
    if is_name { Ok(name.into()) } else { Err("the URL's path ends in no name of a file; nearest: -o FILE".to_owned()) }
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
}
