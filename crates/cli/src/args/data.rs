//! What is sent: `-d` and its relatives, and `-T`.

use super::Place;
use crate::{form::Field, percent};
use clap::{ArgAction, Args};
use std::{
    convert::Infallible,
    fs, io,
    path::{Path, PathBuf},
};

#[derive(Args)]
#[command(next_help_heading = "Data")]
pub(crate) struct DataArgs {
    /// A body to POST, or of @FILE or @- without line breaks; several are joined by `&`
    #[arg(short = 'd', long, visible_alias = "data-ascii", value_name = "DATA", action = ArgAction::Append, value_parser = Data::text)]
    data: Vec<Data>,
    /// The same, byte by byte; one @FILE is streamed, and so is @-, which can't be sent twice
    #[arg(long, value_name = "DATA", action = ArgAction::Append, value_parser = Data::binary)]
    data_binary: Vec<Data>,
    /// The same, where @ means nothing
    #[arg(long, value_name = "DATA", action = ArgAction::Append, value_parser = Data::raw)]
    data_raw: Vec<Data>,
    /// The same, percent-encoded: CONTENT, NAME=CONTENT, @FILE or NAME@FILE
    #[arg(long, value_name = "DATA", action = ArgAction::Append, value_parser = Data::url_encoded)]
    data_urlencode: Vec<Data>,
    /// JSON to POST, or of @FILE or @-, with the headers for it; several are put together
    #[arg(long, value_name = "JSON", action = ArgAction::Append, value_parser = Data::json)]
    json: Vec<Data>,
    /// A field of a form in parts (multipart/form-data): NAME=CONTENT, NAME=@FILE[,FILE...] or NAME=<FILE; each then
    /// with ;type=TYPE, ;filename=NAME and ;headers=HEADER or ;headers=@FILE, if need be
    #[arg(short = 'F', long, value_name = "FIELD", action = ArgAction::Append, value_parser = PlacedField::read, conflicts_with_all = ["data", "data_binary", "data_raw", "data_urlencode", "json", "get"])]
    form: Vec<PlacedField>,
    /// The same, where @, < and ; mean nothing
    #[arg(long, value_name = "FIELD", action = ArgAction::Append, value_parser = PlacedField::literal, conflicts_with_all = ["data", "data_binary", "data_raw", "data_urlencode", "json", "get"])]
    form_string: Vec<PlacedField>,
    /// With --form, a backslash stands before quotes and backslashes in names; they are percent-encoded otherwise
    #[arg(long)]
    pub(crate) form_escape: bool,
    /// Put the data into the query of the URLs, and send GET
    #[arg(short = 'G', long)]
    pub(crate) get: bool,
    /// PUT this file, or stdin (-), to the URL; a URL that ends in `/` gets the file's name. The nth is for the nth
    /// URL. {a,b} and [1-3] make it several, as in URLs
    #[arg(short = 'T', long, value_name = "FILE", action = ArgAction::Append, conflicts_with_all = ["data", "data_binary", "data_raw", "data_urlencode", "json", "get", "form", "form_string"])]
    pub(crate) upload_file: Vec<PathBuf>,
}

/// One field of a form.
#[derive(Clone)]
struct PlacedField {
    place: Place,
    field: Field,
}

/// One piece of data.
#[derive(Clone)]
pub(crate) struct Data {
    place: Place,
    from: From,
    form: Form,
}

#[derive(Clone)]
enum From {
    Here(String),
    File(PathBuf),
    Stdin,
}

#[derive(Clone, PartialEq)]
enum Form {
    /// Line breaks of files are removed.
    Text,
    Binary,
    /// No `&` goes before it.
    Json,
    /// Percent-encoded, behind a name and `=` if it has one.
    UrlEncoded(String),
}

/// What can be sent while it is read.
pub(crate) enum Stream<'a> {
    File(&'a Path),
    Stdin,
}

impl DataArgs {
    /// All pieces, in the order of the command line.
    fn pieces(&self) -> Vec<&Data> {
        let mut pieces: Vec<_> = [&self.data, &self.data_binary, &self.data_raw, &self.data_urlencode, &self.json]
            .into_iter()
            .flatten()
            .collect();
        pieces.sort_by_key(|piece| piece.place);
        pieces
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.pieces().is_empty()
    }

    /// The fields of a form, in the order of the command line.
    pub(crate) fn fields(&self) -> Vec<&Field> {
        let mut fields: Vec<_> = self.form.iter().chain(&self.form_string).collect();
        fields.sort_by_key(|field| field.place);
        fields.into_iter().map(|field| &field.field).collect()
    }

    pub(crate) fn is_json(&self) -> bool {
        !self.json.is_empty()
    }

    /// The only piece, if it is to be sent as it is.
    pub(crate) fn stream(&self) -> Option<Stream<'_>> {
        match self.pieces()[..] {
            [Data { from: From::Stdin, form: Form::Binary | Form::Json, .. }] => Some(Stream::Stdin),
            [Data { from: From::File(path), form: Form::Binary | Form::Json, .. }] => Some(Stream::File(path)),
            _ => None,
        }
    }

    /// All of it, joined.
    ///
    /// # Errors
    /// When a file or stdin can't be read: its name, and why.
    pub(crate) fn read(&self) -> Result<Vec<u8>, (PathBuf, io::Error)> {
        let mut all = Vec::new();
        for piece in self.pieces() {
            if !all.is_empty() && piece.form != Form::Json {
                all.push(b'&');
            }
            all.extend(piece.read()?);
        }
        Ok(all)
    }
}

impl PlacedField {
    fn read(text: &str) -> Result<Self, String> {
        Field::read(text).map(|field| Self { place: Place::next(), field })
    }

    fn literal(text: &str) -> Result<Self, &'static str> {
        Field::literal(text).map(|field| Self { place: Place::next(), field })
    }
}

impl Data {
    fn new(from: From, form: Form) -> Result<Self, Infallible> {
        Ok(Self { place: Place::next(), from, form })
    }

    fn text(value: &str) -> Result<Self, Infallible> {
        Self::new(From::read(value), Form::Text)
    }

    fn binary(value: &str) -> Result<Self, Infallible> {
        Self::new(From::read(value), Form::Binary)
    }

    fn raw(value: &str) -> Result<Self, Infallible> {
        Self::new(From::Here(value.to_owned()), Form::Binary)
    }

    fn json(value: &str) -> Result<Self, Infallible> {
        Self::new(From::read(value), Form::Json)
    }

    /// As with curl, an `=` counts for more than an `@` before it.
    fn url_encoded(value: &str) -> Result<Self, Infallible> {
        let (name, from) = match (value.split_once('='), value.split_once('@')) {
            (Some((name, content)), _) => (name, From::Here(content.to_owned())),
            (None, Some((name, "-"))) => (name, From::Stdin),
            (None, Some((name, path))) => (name, From::File(path.into())),
            (None, None) => ("", From::Here(value.to_owned())),
        };
        Self::new(from, Form::UrlEncoded(name.to_owned()))
    }

    fn read(&self) -> Result<Vec<u8>, (PathBuf, io::Error)> {
        let (mut bytes, is_file) = match &self.from {
            From::Here(text) => (text.clone().into_bytes(), false),
            From::File(path) => (fs::read(path).map_err(|error| (path.clone(), error))?, true),
            From::Stdin => (stdin().map_err(|error| (Path::new("-").to_owned(), error))?, true),
        };
        match &self.form {
            Form::Text if is_file => bytes.retain(|byte| !matches!(byte, b'\r' | b'\n' | 0)),
            Form::UrlEncoded(name) => {
                let content = percent::encode(&bytes);
                bytes = if name.is_empty() { content } else { format!("{name}={content}") }.into();
            }
            Form::Text | Form::Binary | Form::Json => {}
        }
        Ok(bytes)
    }
}

fn stdin() -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    io::Read::read_to_end(&mut io::stdin().lock(), &mut bytes)?;
    Ok(bytes)
}

impl From {
    fn read(value: &str) -> Self {
        match value.strip_prefix('@') {
            Some("-") => Self::Stdin,
            Some(path) => Self::File(path.into()),
            None => Self::Here(value.to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Only {
        #[command(flatten)]
        data: DataArgs,
    }

    fn joined(arguments: &[&str]) -> String {
        let only = Only::try_parse_from([&["x"], arguments].concat()).unwrap_or_else(|error| panic!("{error}"));
        String::from_utf8(only.data.read().unwrap_or_else(|(_, error)| panic!("{error}"))).unwrap()
    }

    #[test]
    fn pieces_of_all_kinds_are_joined_in_their_order() {
        let rows: [(&[&str], &str); 8] = [
            (&["--data-raw", "a", "-d", "b", "--data-urlencode", "c=d&", "-d", "e"], "a&b&c=d%26&e"),
            (&["--data-raw", "@a"], "@a"),
            (&["--data-urlencode", "=a b", "--data-urlencode", "\u{fc}~-._*"], "a%20b&%C3%BC~-._%2A"),
            (&["--data-urlencode", "a@b=c"], "a@b=c"),
            (&["--json", "{\"a\":1,", "--json", "\"b\":2}"], "{\"a\":1,\"b\":2}"),
            (&["-d", "a", "--json", "b", "-d", "c"], "ab&c"),
            (&["-d", "", "-d", "a"], "a"),
            (&["-d", "a\nb"], "a\nb"),
        ];
        for (arguments, expected) in rows {
            assert_eq!(joined(arguments), expected, "{arguments:?}");
        }
    }

    #[test]
    fn files_are_taken_without_line_breaks_as_they_are_or_encoded() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "a b\r\n\0c\n").unwrap();
        let path = file.path().display();
        for (flag, value, expected) in [
            ("-d", format!("@{path}"), "a bc"),
            ("--data-binary", format!("@{path}"), "a b\r\n\0c\n"),
            ("--data-urlencode", format!("n@{path}"), "n=a%20b%0D%0A%00c%0A"),
        ] {
            assert_eq!(joined(&[flag, &value]), expected, "{flag}");
        }
    }
}
