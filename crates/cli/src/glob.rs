//! Globs in URLs and in the names of `-T`, as curl has them: `{a,b}`, `[1-3]`, `[01-10:2]`, `[a-z]`. One stands for
//! several.

use std::{
    fmt::{self, Write},
    net::Ipv6Addr,
    path::{Path, PathBuf},
};

/// The most URLs that one of the command line may stand for.
const MOST: u64 = 100_000;

/// One of the URLs that a URL with globs stands for.
#[derive(Debug, PartialEq)]
pub(crate) struct Globbed {
    pub(crate) url: String,
    /// What each glob is in it, for the name of a file.
    pub(crate) values: Vec<String>,
}

#[derive(Debug, PartialEq)]
pub(crate) enum GlobError {
    /// What is wrong, and where, in bytes: the first one is 1.
    At(&'static str, usize),
    /// The same in the name of a file.
    InFile(&'static str, usize),
    /// The URL stands for so many; `None` is more than can be counted.
    TooMany(Option<u64>),
}

enum Piece {
    Text(String),
    Set(Vec<String>),
    Range(Range),
}

struct Range {
    first: u64,
    last: u64,
    step: u64,
    written: Written,
}

/// How the numbers of a range are written.
enum Written {
    /// With zeros in front, up to this width.
    Digits(usize),
    /// As the letter with this code.
    Letter,
}

/// All URLs that a URL stands for; the last glob changes first.
///
/// # Errors
/// When a glob isn't valid, or there are more than 100,000 URLs.
pub(crate) fn expand(url: &str) -> Result<Vec<Globbed>, GlobError> {
    let pieces = pieces(url)?;
    let all = pieces.iter().try_fold(1, |all: u64, piece| all.checked_mul(piece.count()?));
    let all = all.filter(|all| *all <= MOST).ok_or(GlobError::TooMany(all))?;
    let one = |at| {
        let (mut values, mut url) = (Vec::new(), String::new());
        let mut block = all;
        for piece in &pieces {
            let Some(count) = piece.count().filter(|count| *count > 0) else { continue };
            block /= count;
            let value = piece.value(at / block % count);
            url.push_str(&value);
            if !matches!(piece, Piece::Text(_)) {
                values.push(value);
            }
        }
        Globbed { url, values }
    };
    Ok((0..all).map(one).collect())
}

/// All files that the name of one stands for. A name that is no text, as Unix has them, has no globs.
///
/// # Errors
/// As of [`expand`].
pub(crate) fn files(name: &Path) -> Result<Vec<PathBuf>, GlobError> {
    let Some(text) = name.to_str() else { return Ok(vec![name.to_owned()]) };
    let in_file = |error| match error {
        GlobError::At(what, position) => GlobError::InFile(what, position),
        too_many @ (GlobError::InFile(..) | GlobError::TooMany(_)) => too_many,
    };
    Ok(expand(text).map_err(in_file)?.into_iter().map(|glob| glob.url.into()).collect())
}

/// Whether so many files may go to each of so many URLs.
///
/// # Errors
/// When that makes more than 100,000 requests.
pub(crate) fn fit(files: usize, urls: usize) -> Result<(), GlobError> {
    let all = (files as u64).checked_mul(urls as u64);
    if all.is_some_and(|all| all <= MOST) { Ok(()) } else { Err(GlobError::TooMany(all)) }
}

/// The name of a file with the values of globs: the first one is `#1`. A number without a glob stays.
pub(crate) fn filled(path: PathBuf, values: &[String]) -> PathBuf {
    let Some(text) = path.to_str().filter(|_| !values.is_empty()) else { return path };
    let mut parts = text.split('#');
    let mut filled = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
        let number = part[..digits].parse::<usize>().ok();
        match number.and_then(|number| values.get(number.checked_sub(1)?)) {
            Some(value) => filled.extend([value.as_str(), &part[digits..]]),
            None => filled.extend(["#", part]),
        }
    }
    filled.into()
}

fn pieces(url: &str) -> Result<Vec<Piece>, GlobError> {
    let (mut pieces, mut text, mut at) = (Vec::new(), String::new(), 0);
    while let Some(next) = url[at..].chars().next() {
        let rest = &url[at + next.len_utf8()..];
        let glob = match next {
            '\\' if rest.starts_with(['{', '}', '[', ']']) => {
                text.push_str(&rest[..1]);
                at += 2;
                continue;
            }
            '[' if literal(rest).is_some() => None,
            '[' => Some(range(rest).ok_or(GlobError::At("bad range", at + 1))?),
            '{' => Some(set(rest, at + 1)?),
            '}' | ']' => return Err(GlobError::At("unmatched close brace/bracket", at + 1)),
            _ => None,
        };
        let length = match glob {
            Some((piece, length)) => {
                pieces.push(Piece::Text(std::mem::take(&mut text)));
                pieces.push(piece);
                1 + length
            }
            None => {
                let length = if next == '[' { 1 + literal(rest).unwrap_or(0) } else { next.len_utf8() };
                text.push_str(&url[at..at + length]);
                length
            }
        };
        at += length;
    }
    pieces.push(Piece::Text(text));
    Ok(pieces)
}

/// How long an IPv6 address is with its closing bracket, and nothing at all, which is none.
fn literal(rest: &str) -> Option<usize> {
    let (inside, _) = rest.split_once(']')?;
    let (address, _zone) = inside.split_once('%').unwrap_or((inside, ""));
    (inside.is_empty() || address.parse::<Ipv6Addr>().is_ok()).then_some(inside.len() + 1)
}

/// What stands behind an opening brace, and how long it is.
fn set(rest: &str, from: usize) -> Result<(Piece, usize), GlobError> {
    let (mut all, mut value) = (Vec::new(), String::new());
    let mut chars = rest.char_indices();
    while let Some((at, next)) = chars.next() {
        let wrong = |why| Err(GlobError::At(why, from + at + 1));
        match next {
            '}' if at == 0 => return wrong("empty string within braces"),
            '{' | '[' => return wrong("nested brace"),
            ']' => return wrong("unexpected close bracket"),
            ',' => all.push(std::mem::take(&mut value)),
            '}' => {
                all.push(value);
                return Ok((Piece::Set(all), at + 1));
            }
            '\\' => value.extend(chars.next().map(|(_, escaped)| escaped)),
            other => value.push(other),
        }
    }
    Err(GlobError::At("unmatched brace", from))
}

/// What stands behind an opening bracket, and how long it is.
fn range(rest: &str) -> Option<(Piece, usize)> {
    let (inside, _) = rest.split_once(']')?;
    let (ends, step) = inside.split_once(':').unwrap_or((inside, "1"));
    let (from, to) = ends.split_once('-')?;
    let step = number(step)?;
    let (first, last, written) = match (from.as_bytes(), to.as_bytes()) {
        ([first], [last]) if first.is_ascii_alphabetic() => (u64::from(*first), u64::from(*last), Written::Letter),
        _ => {
            let width = if from.starts_with('0') { from.len() } else { 0 };
            (number(from)?, number(to)?, Written::Digits(width))
        }
    };
    let steps = last.checked_sub(first)?;
    let is_step = if steps == 0 { step == 1 } else { (1..=steps).contains(&step) };
    let is_alphabet = !matches!(written, Written::Letter) || steps <= u64::from(b'z' - b'a');
    let piece = Piece::Range(Range { first, last, step, written });
    (is_step && is_alphabet).then_some((piece, inside.len() + 1))
}

/// Without a sign.
fn number(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

impl Piece {
    /// How many values it has; `None` is more than can be counted.
    fn count(&self) -> Option<u64> {
        match self {
            Self::Text(_) => Some(1),
            Self::Set(all) => u64::try_from(all.len()).ok(),
            Self::Range(range) => ((range.last - range.first) / range.step).checked_add(1),
        }
    }

    fn value(&self, at: u64) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Set(all) => usize::try_from(at).ok().and_then(|at| all.get(at)).cloned().unwrap_or_default(),
            Self::Range(range) => range.value(range.first + at * range.step),
        }
    }
}

impl Range {
    fn value(&self, number: u64) -> String {
        let mut text = String::new();
        // Writing to a string doesn't fail.
        let _ = match self.written {
            Written::Digits(width) => write!(text, "{number:0width$}"),
            Written::Letter => text.write_char(u8::try_from(number).map_or('?', char::from)),
        };
        text
    }
}

impl fmt::Display for GlobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::At(what, position) => {
                write!(f, "{what} in URL position {position}; nearest: {{a,b}}, [1-10:2], [a-z], or -g to ")?;
                f.write_str("take the URL as it is")
            }
            Self::InFile(what, position) => {
                write!(f, "{what} in position {position} of the file to upload; nearest: {{a,b}}, [1-10:2], [a-z], ")?;
                f.write_str("\\[ and the like, or -g to take the name as it is")
            }
            Self::TooMany(all) => {
                f.write_str("the URL stands for ")?;
                match all {
                    Some(all) => write!(f, "{all} URLs")?,
                    None => f.write_str("more URLs than can be counted")?,
                }
                write!(f, ", and the limit is {MOST}; nearest: a shorter range, or -g to take the URL as it is")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn urls(url: &str) -> Vec<String> {
        let all = expand(url).unwrap_or_else(|error| panic!("{url}: {error}"));
        all.into_iter().map(|globbed| globbed.url).collect()
    }

    #[test]
    fn a_url_stands_for_each_value_of_its_globs_and_the_last_changes_first() {
        let rows: [(&str, &[&str]); 15] = [
            ("a/b", &["a/b"]),
            ("a/{x,y}", &["a/x", "a/y"]),
            ("a/{x,}{,é}", &["a/x", "a/xé", "a/", "a/é"]),
            ("a/{x}", &["a/x"]),
            ("a/[1-3]", &["a/1", "a/2", "a/3"]),
            ("a/[08-10]z", &["a/08z", "a/09z", "a/10z"]),
            ("a/[001-10:5]", &["a/001", "a/006"]),
            ("a/[5-5]", &["a/5"]),
            ("a/[a-e:2]", &["a/a", "a/c", "a/e"]),
            ("[1-2]{a,b}[X-Y]", &["1aX", "1aY", "1bX", "1bY", "2aX", "2aY", "2bX", "2bY"]),
            (r"a/\{x,y\}\[1\]{a\,b,\}}", &["a/{x,y}[1]a,b", "a/{x,y}[1]}"]),
            (r"a\b", &[r"a\b"]),
            ("[::1]:80/[1-2]", &["[::1]:80/1", "[::1]:80/2"]),
            ("http://[fe80::1%25eth0]/[]", &["http://[fe80::1%25eth0]/[]"]),
            ("[18446744073709551614-18446744073709551615]", &["18446744073709551614", "18446744073709551615"]),
        ];
        for (url, all) in rows {
            assert_eq!(urls(url), all, "{url}");
        }
    }

    /// What is wrong, and its position, where curl 7.88 names the same one; it points behind a range, this at it.
    #[test]
    fn a_bad_glob_is_named_with_its_position() {
        let rows = [
            ("http://127.0.0.1:1/{a", "unmatched brace", 20),
            ("http://127.0.0.1:1/{}", "empty string within braces", 21),
            ("http://127.0.0.1:1/{a{b}}", "nested brace", 22),
            ("http://127.0.0.1:1/{a,}{b[}", "nested brace", 26),
            ("http://127.0.0.1:1/{a]}", "unexpected close bracket", 22),
            ("http://127.0.0.1:1/a}", "unmatched close brace/bracket", 21),
            ("http://127.0.0.1:1/a]", "unmatched close brace/bracket", 21),
        ];
        let ranges =
            ["[1-", "[5-1]", "[c-a]", "[a-", "[a-Z]", "[A-z]", "[1-2:0]", "[1-3:5]", "[1-1:2]", "[-1-3]", "[1]"];
        let ranges = ranges.into_iter().chain(["[0-99999999999999999999]", "[1-+3]", "[a-é]", "[1-3:]", "[:]"]);
        let ranges: Vec<_> = ranges.map(|range| format!("a/{range}")).collect();
        let ranges = ranges.iter().map(|url| (url.as_str(), "bad range", 3));
        for (url, what, position) in rows.into_iter().chain(ranges) {
            assert_eq!(expand(url), Err(GlobError::At(what, position)), "{url}");
        }
    }

    #[test]
    fn the_number_of_urls_has_a_limit() {
        assert_eq!(expand("[1-100000]").unwrap().len(), 100_000);
        assert_eq!(expand("[1-50001]{a,b}"), Err(GlobError::TooMany(Some(100_002))));
        for url in ["[0-18446744073709551615]", "[1-9223372036854775807][1-10]"] {
            assert_eq!(expand(url), Err(GlobError::TooMany(None)));
        }
    }

    #[test]
    fn a_files_name_takes_the_values_of_globs_by_their_number() {
        let values: Vec<_> = (1..=12).map(|at| format!("<{at}>")).collect();
        for (name, filled_in) in [
            ("f", "f"),
            ("f_#1.#2", "f_<1>.<2>"),
            ("#12#1#", "<12><1>#"),
            ("#0#13#x##2", "#0#13#x#<2>"),
            ("#99999999999999999999999", "#99999999999999999999999"),
        ] {
            assert_eq!(filled(name.into(), &values), PathBuf::from(filled_in), "{name}");
        }
        assert_eq!(filled("#1".into(), &[]), PathBuf::from("#1"));
    }
}
