//! `-w`: curl's variables, in a format or as JSON with curl's names.

mod variables;

use self::variables::{VARIABLES, Variable, why_not};
use crate::{outcome::Outcome, stderr, usage::Usage};
use http::{HeaderMap, HeaderName};
use serde_json::{Map, json};
use std::{
    fs::{self, File},
    io::{self, Write},
    path::PathBuf,
};

/// A parsed format.
pub(crate) struct Format(Vec<Piece>);

enum Piece {
    Text(String),
    Variable(Variable),
    /// All variables.
    Json,
    /// All fields of the response, by name.
    HeaderJson,
    /// `%header{NAME}`: the first value.
    Header(HeaderName),
    /// From here on it goes there.
    To(To),
    /// What follows is for calls that failed.
    OnError,
}

#[derive(Clone)]
enum To {
    Stdout,
    Stderr,
    File { path: PathBuf, appends: bool },
}

impl Format {
    /// # Errors
    /// When a variable isn't known, or the file with the format can't be read.
    pub(crate) fn read(text: &str) -> Result<Self, Usage> {
        let unread = |error: io::Error| Usage::of("--write-out", text, error);
        match text.strip_prefix('@') {
            Some("-") => Self::parse(&io::read_to_string(io::stdin()).map_err(unread)?),
            Some(path) => Self::parse(&fs::read_to_string(path).map_err(unread)?),
            None => Self::parse(text),
        }
    }

    fn parse(text: &str) -> Result<Self, Usage> {
        let (mut pieces, mut plain, mut rest) = (Vec::new(), String::new(), text);
        while let Some(next) = rest.chars().next() {
            if let Some((piece, after)) = placeholder(rest)? {
                pieces.extend([Piece::Text(std::mem::take(&mut plain)), piece]);
                rest = after;
                continue;
            }
            let escaped = ESCAPES.iter().find(|(from, _)| rest.starts_with(from));
            plain.push(escaped.map_or(next, |(_, to)| *to));
            rest = &rest[escaped.map_or(next.len_utf8(), |(from, _)| from.len())..];
        }
        pieces.push(Piece::Text(plain));
        Ok(Self(pieces))
    }

    /// Whether the bytes of what is sent are to be counted.
    pub(crate) fn counts_uploads(&self) -> bool {
        let counts = |piece: &Piece| match piece {
            Piece::Variable(variable) => variable.name.ends_with("_upload"),
            Piece::Json => true,
            _ => false,
        };
        self.0.iter().any(counts)
    }

    /// Writes to stdout, but for what the format says. What is closed, or can't be written, is ignored.
    pub(crate) fn print(&self, call: &Outcome) {
        for (to, text) in self.fill(call) {
            let _ = match to {
                To::Stdout => io::stdout().lock().write_all(&text).and_then(|()| io::stdout().flush()),
                To::Stderr => stderr::Stderr.write_all(&text),
                To::File { path, appends } => {
                    let file =
                        if appends { File::options().append(true).create(true).open(path) } else { File::create(path) };
                    file.and_then(|mut file| file.write_all(&text))
                }
            };
        }
    }

    fn fill(&self, call: &Outcome) -> Vec<(To, Vec<u8>)> {
        let mut parts = vec![(To::Stdout, Vec::new())];
        for piece in &self.0 {
            let (to, text) = match piece {
                Piece::Text(text) => (None, text.clone().into_bytes()),
                Piece::Variable(variable) => (None, (variable.value)(call).to_string().into_bytes()),
                Piece::Json => (None, all_as_json(call).into_bytes()),
                Piece::HeaderJson => (None, headers_as_json(&call.headers).into_bytes()),
                Piece::Header(name) => {
                    (None, call.headers.get(name).map_or_else(Vec::new, |value| value.as_bytes().to_vec()))
                }
                Piece::To(to) => (Some(to.clone()), Vec::new()),
                Piece::OnError if call.exit == crate::exit::Exit::OK => break,
                Piece::OnError => continue,
            };
            match (to, parts.last_mut()) {
                (None, Some((_, last))) => last.extend(text),
                (to, _) => parts.push((to.unwrap_or(To::Stdout), text)),
            }
        }
        parts.retain(|(to, text)| !text.is_empty() || matches!(to, To::File { .. }));
        parts
    }
}

const ESCAPES: [(&str, char); 5] = [("%%", '%'), (r"\n", '\n'), (r"\r", '\r'), (r"\t", '\t'), (r"\\", '\\')];

/// What a format begins with, if that stands for something, and what is behind it.
fn placeholder(text: &str) -> Result<Option<(Piece, &str)>, Usage> {
    let of = |start: &str| text.strip_prefix(start).and_then(|named| named.split_once('}'));
    if let Some((name, after)) = of("%header{") {
        let header = name.trim().parse();
        let header = header
            .map_err(|_| Usage::of("--write-out", format_args!("%header{{{name}}}"), "not the name of a header"))?;
        return Ok(Some((Piece::Header(header), after)));
    }
    if let Some((path, after)) = of("%output{") {
        let appends = path.starts_with(">>");
        let path = path.trim_start_matches('>').into();
        return Ok(Some((Piece::To(To::File { path, appends }), after)));
    }
    let Some((name, after)) = of("%{") else { return Ok(None) };
    let piece = match name {
        "json" => Piece::Json,
        "header_json" => Piece::HeaderJson,
        "stdout" => Piece::To(To::Stdout),
        "stderr" => Piece::To(To::Stderr),
        "onerror" => Piece::OnError,
        name => Piece::Variable(variable(name)?),
    };
    Ok(Some((piece, after)))
}

fn variable(name: &str) -> Result<Variable, Usage> {
    if let Some(why) = why_not(name) {
        return Err(Usage::of("--write-out", format_args!("%{{{name}}}"), format_args!("curl has it, and here {why}")));
    }
    let known = || VARIABLES.map(|known| known.name).join(" ");
    VARIABLES.iter().find(|known| known.name == name).copied().ok_or_else(|| {
        Usage::of(
            "--write-out",
            format_args!("%{{{name}}}"),
            format_args!("no such variable; there are: {} json header_json onerror stdout stderr, %header{{NAME}} and %output{{FILE}}", known()),
        )
    })
}

/// With curl's names; what it says of itself is what we are.
fn all_as_json(call: &Outcome) -> String {
    let mut all: Map<_, _> =
        VARIABLES.iter().map(|known| (known.name.to_owned(), (known.value)(call).to_json())).collect();
    all.insert("curl_version".to_owned(), json!(concat!("skybridge/", env!("CARGO_PKG_VERSION"))));
    serde_json::Value::from(all).to_string()
}

fn headers_as_json(headers: &HeaderMap) -> String {
    // What isn't UTF-8 is taken for Latin-1, as of old: no byte is lost. curl 7.88 writes `ufffffffc` for one.
    let text = |value: &http::HeaderValue| match std::str::from_utf8(value.as_bytes()) {
        Ok(text) => text.to_owned(),
        Err(_) => value.as_bytes().iter().copied().map(char::from).collect(),
    };
    let fields = headers.keys().map(|name| {
        let values: Vec<_> = headers.get_all(name).iter().map(text).collect();
        format!("{}:{}", json!(name.as_str()), json!(values))
    });
    format!("{{{}\n}}", fields.collect::<Vec<_>>().join(",\n"))
}

#[cfg(test)]
mod tests {
    use super::{variables::Value, *};

    #[test]
    fn what_is_not_known_is_refused_and_the_rest_is_text() {
        let lacks = "curl has it, and here ";
        for (format, why) in [
            ("%{size_request}", lacks),
            ("%{url.host}", lacks),
            ("%{ftp_entry_path}", lacks),
            ("%{size_requests}", "no such variable"),
            ("%{url}", ""),
            ("%header{a b}", "not the name"),
        ] {
            let said = Format::parse(format).err().map(|usage| usage.to_string()).unwrap_or_default();
            assert!(said.contains(why) && said.is_empty() == why.is_empty(), "{format}: {said}");
        }
        assert!(Format::parse("100 % %% %{http_code %header %x").is_ok());
        for (format, counts) in
            [("%{size_upload}", true), ("%{speed_upload}", true), ("%{json}", true), ("%{url}", false)]
        {
            assert_eq!(
                Format::parse(format).unwrap_or_else(|usage| panic!("{usage}")).counts_uploads(),
                counts,
                "{format}"
            );
        }
    }

    #[test]
    fn header_json_loses_no_byte_of_a_value() {
        let mut headers = HeaderMap::new();
        for value in [&b"f\xfc\"\t"[..], "fü".as_bytes()] {
            headers.append("x-a", http::HeaderValue::from_bytes(value).unwrap());
        }
        assert_eq!(headers_as_json(&headers), "{\"x-a\":[\"fü\\\"\\t\",\"fü\"]\n}");
    }

    #[test]
    fn variables_are_sorted_by_name_as_in_curls_json() {
        assert!(VARIABLES.map(|known| known.name).is_sorted());
    }

    #[test]
    fn values_are_written_as_curl_writes_them() {
        let rows = [
            (Value::Code(0), "000", json!(0)),
            (Value::Code(200), "200", json!(200)),
            (Value::Text(None), "", json!(null)),
            (Value::Text(Some("a".into())), "a", json!("a")),
            (Value::Seconds(std::time::Duration::from_micros(1_500)), "0.001500", json!(0.0015)),
            (Value::Number(7), "7", json!(7)),
        ];
        for (value, text, json) in rows {
            assert_eq!((value.to_string(), value.to_json()), (text.to_owned(), json));
        }
    }
}
