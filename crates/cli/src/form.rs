//! `-F`: a form in parts (RFC 7578), as browsers and curl write them. Files are read while they are sent.

use crate::file_body::{DataFile, FileBody};
use bytes::Bytes;
use http::HeaderValue;
use http_body::{Body, Frame, SizeHint};
use std::{
    collections::{VecDeque, hash_map::RandomState},
    hash::BuildHasher,
    io,
    path::{Path, PathBuf},
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};

/// Types by the end of a name: those that curl knows.
const TYPES: [(&str, &str); 10] = [
    (".gif", "image/gif"),
    (".jpg", "image/jpeg"),
    (".jpeg", "image/jpeg"),
    (".png", "image/png"),
    (".svg", "image/svg+xml"),
    (".txt", "text/plain"),
    (".htm", "text/html"),
    (".html", "text/html"),
    (".pdf", "application/pdf"),
    (".xml", "application/xml"),
];

/// One `-F` or `--form-string`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Field {
    name: String,
    content: Content,
    content_type: Option<String>,
    file_name: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
enum Content {
    Text(String),
    /// `<FILE`: a file's content, as if it were typed.
    TextOf(PathBuf),
    /// `@FILE`: a file, with its name.
    File(PathBuf),
}

/// A form that can be sent, any number of times.
#[derive(Clone)]
pub(crate) struct Form {
    boundary: Arc<str>,
    pieces: Arc<[Piece]>,
}

#[derive(Clone)]
enum Piece {
    Bytes(Bytes),
    File(DataFile),
}

pub(crate) struct FormBody {
    left: VecDeque<Piece>,
    file: Option<FileBody>,
    length: u64,
}

impl Field {
    /// `NAME=CONTENT`, `NAME=@FILE` or `NAME=<FILE`, then `;type=TYPE` and `;filename=NAME`.
    ///
    /// # Errors
    /// When it is none of these.
    pub(crate) fn read(text: &str) -> Result<Self, &'static str> {
        let (name, rest) = text.split_once('=').ok_or("not a field, such as name=content or photo=@FILE")?;
        let (content, mut settings) = value(rest.strip_prefix(['@', '<']).unwrap_or(rest))?;
        let content = match rest.chars().next() {
            Some('@' | '<') if content.contains(',') => {
                return Err("several files of one field are not sent; nearest: -F for each");
            }
            Some('@') => Content::File(content.into()),
            Some('<') => Content::TextOf(content.into()),
            _ => Content::Text(content),
        };
        let mut field = Self { name: name.to_owned(), content, content_type: None, file_name: None };
        while let Some(setting) = settings.strip_prefix(';') {
            let (name, rest) = setting.split_once('=').ok_or("behind ; comes type= or filename=")?;
            let (value, more) = value(rest)?;
            match name.trim() {
                "type" => field.content_type = Some(value),
                "filename" => field.file_name = Some(value),
                _ => return Err("behind ; comes type= or filename=, and nothing else here"),
            }
            settings = more;
        }
        let is_line = |text: &Option<String>| text.as_ref().is_none_or(|text| HeaderValue::from_str(text).is_ok());
        if is_line(&field.content_type) { Ok(field) } else { Err("not a type, such as text/plain") }
    }

    /// `NAME=CONTENT`, where nothing has a meaning.
    ///
    /// # Errors
    /// When there is no `=`.
    pub(crate) fn literal(text: &str) -> Result<Self, &'static str> {
        let (name, content) = text.split_once('=').ok_or("not a field, such as name=content")?;
        let content = Content::Text(content.to_owned());
        Ok(Self { name: name.to_owned(), content, content_type: None, file_name: None })
    }

    /// Its head, with the boundary before it.
    fn head(&self, boundary: &str) -> String {
        let own_name = match &self.content {
            Content::File(path) => path.file_name().map(|name| name.to_string_lossy().into_owned()),
            Content::Text(_) | Content::TextOf(_) => None,
        };
        let file_name = self.file_name.clone().or(own_name);
        let content_type = self.content_type.clone().or_else(|| {
            let is_file = matches!(self.content, Content::File(_));
            is_file.then(|| type_of(file_name.as_deref().unwrap_or_default()).to_owned())
        });
        let mut head = format!("--{boundary}\r\nContent-Disposition: form-data; name=\"{}\"", quoted(&self.name));
        if let Some(file_name) = file_name {
            head += &format!("; filename=\"{}\"", quoted(&file_name));
        }
        head += "\r\n";
        if let Some(content_type) = content_type {
            head += &format!("Content-Type: {content_type}\r\n");
        }
        head + "\r\n"
    }
}

/// Up to a `;`, or in quotes, and what is behind it.
fn value(text: &str) -> Result<(String, &str), &'static str> {
    let Some(quoted) = text.strip_prefix('"') else {
        let end = text.find(';').unwrap_or(text.len());
        return Ok((text[..end].to_owned(), &text[end..]));
    };
    let (mut value, mut chars) = (String::new(), quoted.char_indices());
    loop {
        match chars.next().ok_or("a quote isn't closed")? {
            (at, '"') => return Ok((value, &quoted[at + 1..])),
            (_, '\\') => value.push(chars.next().ok_or("a quote isn't closed")?.1),
            (_, other) => value.push(other),
        }
    }
}

/// As HTML has it (4.10.21.8): no quote and no line break ends a name early.
fn quoted(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

fn type_of(file_name: &str) -> &'static str {
    let name = file_name.to_ascii_lowercase();
    TYPES.iter().find(|(end, _)| name.ends_with(end)).map_or("application/octet-stream", |(_, of)| of)
}

impl Form {
    /// # Errors
    /// When a file can't be read: its name, and why.
    pub(crate) fn of(fields: &[&Field]) -> Result<Self, (PathBuf, io::Error)> {
        // Keyed anew in each process, so nobody can write it into a field beforehand.
        let random = [0, 1].map(|half: u8| RandomState::new().hash_one(half));
        let boundary: Arc<str> = format!("------------------------{:016x}{:08x}", random[0], random[1] as u32).into();
        let mut pieces = Vec::new();
        for field in fields {
            pieces.push(Piece::Bytes(field.head(&boundary).into()));
            let named = |path: &Path| {
                let path = path.to_owned();
                move |error| (path, error)
            };
            pieces.push(match &field.content {
                Content::Text(text) => Piece::Bytes(text.clone().into()),
                Content::TextOf(path) => Piece::Bytes(read(path).map_err(named(path))?.into()),
                Content::File(path) => match DataFile::open(path) {
                    Ok(Some(file)) => Piece::File(file),
                    // A pipe has no length, and the form must have one.
                    Ok(None) => Piece::Bytes(read(path).map_err(named(path))?.into()),
                    Err(_) if path.as_os_str() == "-" => Piece::Bytes(read(path).map_err(named(path))?.into()),
                    Err(error) => return Err((path.clone(), error)),
                },
            });
            pieces.push(Piece::Bytes(Bytes::from_static(b"\r\n")));
        }
        pieces.push(Piece::Bytes(format!("--{boundary}--\r\n").into()));
        Ok(Self { boundary, pieces: pieces.into() })
    }

    pub(crate) fn content_type(&self) -> Option<HeaderValue> {
        HeaderValue::try_from(format!("multipart/form-data; boundary={}", self.boundary)).ok()
    }

    pub(crate) fn body(&self) -> FormBody {
        let length = self.pieces.iter().map(|piece| match piece {
            Piece::Bytes(bytes) => bytes.len() as u64,
            Piece::File(file) => file.length(),
        });
        FormBody { left: self.pieces.iter().cloned().collect(), file: None, length: length.sum() }
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    if path.as_os_str() != "-" {
        return std::fs::read(path);
    }
    let mut bytes = Vec::new();
    io::Read::read_to_end(&mut io::stdin().lock(), &mut bytes)?;
    Ok(bytes)
}

impl Body for FormBody {
    type Data = Bytes;
    type Error = crate::fault::NotRead;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        loop {
            if let Some(file) = &mut self.file {
                let read = std::task::ready!(Pin::new(file).poll_frame(cx));
                if read.is_some() {
                    return Poll::Ready(read);
                }
                self.file = None;
            }
            match self.left.pop_front() {
                Some(Piece::Bytes(bytes)) if bytes.is_empty() => {}
                Some(Piece::Bytes(bytes)) => return Poll::Ready(Some(Ok(Frame::data(bytes)))),
                Some(Piece::File(file)) => self.file = Some(file.body()),
                None => return Poll::Ready(None),
            }
        }
    }

    /// Before it is read: then a client has taken note of it.
    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_content_a_file_or_a_files_content_with_settings() {
        let field = |name: &str, content, content_type: Option<&str>, file_name: Option<&str>| Field {
            name: name.into(),
            content,
            content_type: content_type.map(Into::into),
            file_name: file_name.map(Into::into),
        };
        let text = |text: &str| Content::Text(text.into());
        let rows = [
            ("a=b=c", field("a", text("b=c"), None, None)),
            ("a=b;type=text/x", field("a", text("b"), Some("text/x"), None)),
            ("a=\"b;c\\\"\";type=text/x", field("a", text("b;c\""), Some("text/x"), None)),
            ("a=@f.png;filename=\"g;h\"", field("a", Content::File("f.png".into()), None, Some("g;h"))),
            ("a=<f", field("a", Content::TextOf("f".into()), None, None)),
            ("=", field("", text(""), None, None)),
        ];
        for (argument, expected) in rows {
            assert_eq!(Field::read(argument), Ok(expected), "{argument}");
        }
        assert_eq!(Field::literal("a=@b;type=x"), Ok(field("a", text("@b;type=x"), None, None)));
        for wrong in ["a", "a=b;headers=x", "a=@b,c", "a=\"b", "a=b;type=x\ny"] {
            assert!(Field::read(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn no_name_ends_its_quotes() {
        let field = Field::read("a\"\r\nb=@/x/c\"d.PNG").unwrap();
        let head = "--z\r\nContent-Disposition: form-data; name=\"a%22%0D%0Ab\"; filename=\"c%22d.PNG\"\r\nContent-Type: image/png\r\n\r\n";
        assert_eq!(field.head("z"), head);
    }
}
