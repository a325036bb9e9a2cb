//! `-F` and `--form-string`, as curl reads them.

use http::{HeaderName, HeaderValue};
use std::{fs, path::PathBuf};

/// One field: a part of a form, or several files, which are a part of parts.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Field {
    pub(super) name: String,
    pub(super) parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Part {
    pub(super) content: Content,
    pub(super) content_type: Option<String>,
    pub(super) file_name: Option<String>,
    /// Lines, without their ends.
    pub(super) headers: Vec<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Content {
    Text(String),
    /// `<FILE`: a file's content, as if it were typed.
    TextOf(PathBuf),
    /// `@FILE`: a file, with its name.
    File(PathBuf),
}

/// What is read of a field.
struct Reader<'a> {
    text: &'a str,
    at: usize,
    /// What ends a part, besides the end.
    end: Option<char>,
}

impl Field {
    /// `NAME=CONTENT`, `NAME=@FILE[,FILE...]` or `NAME=<FILE`, each with `;type=TYPE`, `;filename=NAME` and
    /// `;headers=HEADER` or `;headers=@FILE`.
    ///
    /// # Errors
    /// When it is none of these, or a file with headers can't be read.
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let (name, rest) = text.split_once('=').ok_or("not a field, such as name=content or photo=@FILE")?;
        let mut parts = Vec::new();
        if let Some(files) = rest.strip_prefix('@') {
            let mut reader = Reader { text: files, at: 0, end: Some(',') };
            loop {
                parts.push(reader.part(|path| Content::File(path.into()))?);
                if !reader.skip(',') {
                    break;
                }
            }
        } else if let Some(file) = rest.strip_prefix('<') {
            parts.push(Reader { text: file, at: 0, end: None }.part(|path| Content::TextOf(path.into()))?);
        } else if rest.starts_with('(') || (name.is_empty() && rest.starts_with(')')) {
            return Err("parts of parts are for mail, and not sent here; nearest: name=content".to_owned());
        } else {
            parts.push(Reader { text: rest, at: 0, end: None }.part(Content::Text)?);
        }
        Ok(Self { name: name.to_owned(), parts })
    }

    /// `NAME=CONTENT`, where nothing has a meaning.
    ///
    /// # Errors
    /// When there is no `=`.
    pub(crate) fn literal(text: &str) -> Result<Self, &'static str> {
        let (name, content) = text.split_once('=').ok_or("not a field, such as name=content")?;
        let content = Content::Text(content.to_owned());
        let part = Part { content, content_type: None, file_name: None, headers: Vec::new() };
        Ok(Self { name: name.to_owned(), parts: vec![part] })
    }
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn skip(&mut self, what: char) -> bool {
        let is_there = self.rest().starts_with(what);
        self.at += if is_there { what.len_utf8() } else { 0 };
        is_there
    }

    fn skip_prefix(&mut self, what: &str) -> bool {
        let is_there = self.rest().get(..what.len()).is_some_and(|start| start.eq_ignore_ascii_case(what));
        self.at += if is_there { what.len() } else { 0 };
        is_there
    }

    fn skip_spaces(&mut self) {
        self.at = self.text.len() - self.rest().trim_start().len();
    }

    /// Goes to where a setting or a part ends. Returns what was passed.
    fn up_to_end(&mut self) -> &'a str {
        let (rest, last) = (self.rest(), self.end);
        let end = rest.find(|c| c == ';' || Some(c) == last).unwrap_or(rest.len());
        self.at += end;
        &rest[..end]
    }

    /// In quotes, or up to where it ends, without the spaces around it.
    fn word(&mut self) -> Result<String, &'static str> {
        self.skip_spaces();
        if !self.skip('"') {
            return Ok(self.up_to_end().trim_end().to_owned());
        }
        let mut word = String::new();
        loop {
            let next = self.rest().chars().next().ok_or("a quote isn't closed")?;
            self.at += next.len_utf8();
            match next {
                '"' => break,
                // A backslash is one, but before a quote or another.
                '\\' => match self.rest().chars().next().filter(|next| matches!(next, '"' | '\\')) {
                    Some(escaped) => {
                        self.at += 1;
                        word.push(escaped);
                    }
                    None => word.push('\\'),
                },
                other => word.push(other),
            }
        }
        if self.up_to_end().trim().is_empty() { Ok(word) } else { Err("there is more behind a quote, and no ;") }
    }

    fn part(&mut self, content: impl Fn(String) -> Content) -> Result<Part, String> {
        let content = content(self.word()?);
        let mut part = Part { content, content_type: None, file_name: None, headers: Vec::new() };
        // Where the type stands, while what follows may be its parameters.
        let mut type_from = None;
        while self.skip(';') {
            self.skip_spaces();
            if type_from.is_none() && self.skip_prefix("type=") {
                self.skip_spaces();
                type_from = Some(self.at);
                self.up_to_end();
            } else if self.skip_prefix("filename=") {
                type_from = None;
                part.file_name = Some(self.word()?);
            } else if self.skip_prefix("headers=") {
                type_from = None;
                if self.skip('@') || self.skip('<') {
                    let path = self.word()?;
                    let text = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
                    part.headers.extend(lines(&text));
                } else {
                    part.headers.push(self.word()?);
                }
            } else if self.skip_prefix("encoder=") || type_from.is_none() {
                return Err("behind ; comes type=, filename= or headers=, and nothing else here".to_owned());
            } else {
                self.up_to_end();
            }
            if let Some(from) = type_from {
                part.content_type = Some(self.text[from..self.at].trim_end().to_owned());
            }
        }
        let is_type = |text: &String| {
            let (before, after) = text.split_once('/').unwrap_or_default();
            !before.is_empty() && !after.is_empty() && !before.contains(' ') && HeaderValue::from_str(text).is_ok()
        };
        if !part.content_type.as_ref().is_none_or(is_type) {
            return Err("not a type, such as text/plain".to_owned());
        }
        match part.headers.iter().find(|line| !is_header(line)) {
            Some(_) => Err("not a header, such as headers=\"X-A: 1\"".to_owned()),
            None => Ok(part),
        }
    }
}

fn is_header(line: &str) -> bool {
    let split = line.split_once(':');
    split.is_some_and(|(name, value)| name.parse::<HeaderName>().is_ok() && HeaderValue::from_str(value.trim()).is_ok())
}

/// Those of a file: none that is empty or a comment; one that begins with a space goes on.
fn lines(text: &str) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for line in text.lines().map(str::trim_end).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        match all.last_mut().filter(|_| line.starts_with([' ', '\t'])) {
            Some(last) => *last = format!("{last} {}", line.trim_start()),
            None => all.push(line.to_owned()),
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(content: Content, content_type: &str, file_name: &str, headers: &[&str]) -> Part {
        let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        let headers = headers.iter().map(|&line| line.to_owned()).collect();
        Part { content, content_type: some(content_type), file_name: some(file_name), headers }
    }

    fn text(text: &str) -> Content {
        Content::Text(text.into())
    }

    fn file(path: &str) -> Content {
        Content::File(path.into())
    }

    #[test]
    fn a_field_is_content_or_files_or_a_files_content_with_settings() {
        let rows = [
            ("a=b=c", vec![part(text("b=c"), "", "", &[])]),
            ("a=b;type=text/x", vec![part(text("b"), "text/x", "", &[])]),
            ("a= b ; type=text/x; charset=y ;filename=z", vec![part(text("b"), "text/x; charset=y", "z", &[])]),
            (r#"a="b;c\"\\\d" ;type=text/x"#, vec![part(text(r#"b;c"\\d"#), "text/x", "", &[])]),
            (r#"a={"b":"c"}"#, vec![part(text(r#"{"b":"c"}"#), "", "", &[])]),
            (r#"a=@f.png;filename="g;h""#, vec![part(file("f.png"), "", "g;h", &[])]),
            (
                r#"a=@f;type=m/f,"g,h";filename=i"#,
                vec![part(file("f"), "m/f", "", &[]), part(file("g,h"), "", "i", &[])],
            ),
            ("a=<f,g", vec![part(Content::TextOf("f,g".into()), "", "", &[])]),
            (r#"a=b;headers="X-A: 1;2";headers=Y: 2"#, vec![part(text("b"), "", "", &["X-A: 1;2", "Y: 2"])]),
            ("a=", vec![part(text(""), "", "", &[])]),
        ];
        for (argument, parts) in rows {
            let expected = Field { name: "a".into(), parts };
            assert_eq!(Field::read(argument), Ok(expected), "{argument}");
        }
        let literal = Field { name: "a".into(), parts: vec![part(text("@b;type=x"), "", "", &[])] };
        assert_eq!(Field::literal("a=@b;type=x"), Ok(literal));
        for wrong in [
            "a",
            "a=b;x=y",
            "a=\"b",
            "a=\"b\"c",
            "a=b;type=x",
            "a=b;type=x/y\nz",
            "a=b;encoder=base64",
            "a=(",
            "=)",
            "a=b;headers=no",
            "a=b;headers=\"a: b\r\nc: d\"",
            "a=b;headers=@/no/such/file",
        ] {
            assert!(Field::read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn headers_of_a_file_are_unfolded_and_comments_left_out() {
        assert_eq!(lines("# a\r\nX-A: 1 \r\n\r\nX-B: this is\n a fold\n"), ["X-A: 1", "X-B: this is a fold"]);
    }
}
