//! `-F`: a form in parts (RFC 7578), as browsers and curl write them. Files are read while they are sent, and again
//! where they are sent again, and the length is known before: libraries that write forms (`common-multipart-rfc7578`,
//! `mpart-async`, `multipart`) give a stream that can be read once and has no length, or are a part of a client.

mod field;

pub(crate) use self::field::Field;
use self::field::{Content, Part};
use crate::file_body::{DataFile, FileBody};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header::CONTENT_TYPE};
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

/// A form while it is put together.
struct Writer {
    boundary: Arc<str>,
    escapes: bool,
    pieces: Vec<Piece>,
}

pub(crate) struct FormBody {
    left: VecDeque<Piece>,
    file: Option<FileBody>,
    length: u64,
}

/// As HTML has it (4.10.21.8): no quote and no line break ends a name early.
fn quoted(name: &str) -> String {
    name.replace('"', "%22").replace('\r', "%0D").replace('\n', "%0A")
}

fn type_of(file_name: &str) -> Option<&'static str> {
    let name = file_name.to_ascii_lowercase();
    TYPES.iter().find(|(end, _)| name.ends_with(end)).map(|(_, of)| *of)
}

impl Form {
    /// With `escapes`, quotes in names are escaped by a backslash, as with curl's `--form-escape`.
    ///
    /// # Errors
    /// When a file can't be read: its name, and why.
    pub(crate) fn of(fields: &[&Field], escapes: bool) -> Result<Self, (PathBuf, io::Error)> {
        let mut writer = Writer { boundary: boundary().into(), escapes, pieces: Vec::new() };
        for field in fields {
            writer.field(field)?;
        }
        let Writer { boundary, mut pieces, .. } = writer;
        pieces.push(Piece::Bytes(format!("--{boundary}--\r\n").into()));
        Ok(Self { boundary, pieces: pieces.into() })
    }

    pub(crate) fn content_type(&self) -> Option<HeaderValue> {
        HeaderValue::try_from(format!("multipart/form-data; boundary={}", self.boundary)).ok()
    }

    /// A type that the command line says itself gets the boundary too, as with curl: without it nobody can read the
    /// form.
    pub(crate) fn bound(&self, headers: &mut HeaderMap) {
        let Some(value) = headers.get(CONTENT_TYPE).map(HeaderValue::as_bytes) else { return };
        let is_bound = value.windows(9).any(|part| part.eq_ignore_ascii_case(b"boundary="));
        if let Ok(bound) = HeaderValue::from_bytes(&[value, b"; boundary=", self.boundary.as_bytes()].concat())
            && !is_bound
        {
            headers.insert(CONTENT_TYPE, bound);
        }
    }

    pub(crate) fn body(&self) -> FormBody {
        let length = self.pieces.iter().map(|piece| match piece {
            Piece::Bytes(bytes) => bytes.len() as u64,
            Piece::File(file) => file.length(),
        });
        FormBody { left: self.pieces.iter().cloned().collect(), file: None, length: length.sum() }
    }
}

impl Writer {
    fn text(&mut self, text: impl Into<Bytes>) {
        self.pieces.push(Piece::Bytes(text.into()));
    }

    fn field(&mut self, field: &Field) -> Result<(), (PathBuf, io::Error)> {
        let mut disposition = "form-data".to_owned();
        if !field.name.is_empty() {
            disposition += &format!("; name=\"{}\"", self.quoted(&field.name));
        }
        self.text(format!("--{}\r\n", self.boundary));
        match &field.parts[..] {
            [part] => self.part(&disposition, part),
            parts => {
                // Several files are a part of parts (RFC 2388, section 4.2; RFC 7578 has only readers know it).
                let inner = boundary();
                self.text(format!(
                    "Content-Disposition: {disposition}\r\nContent-Type: multipart/mixed; boundary={inner}\r\n\r\n"
                ));
                for part in parts {
                    self.text(format!("--{inner}\r\n"));
                    self.part("attachment", part)?;
                }
                self.text(format!("--{inner}--\r\n\r\n"));
                Ok(())
            }
        }
    }

    fn part(&mut self, disposition: &str, part: &Part) -> Result<(), (PathBuf, io::Error)> {
        let mut head = format!("Content-Disposition: {disposition}");
        let path = match &part.content {
            Content::File(path) => Some(path),
            Content::Text(_) | Content::TextOf(_) => None,
        };
        let own_name = || path.and_then(|path| path.file_name()).map(|name| name.to_string_lossy().into_owned());
        let file_name = part.file_name.clone().or_else(own_name);
        // What is of a file as if it were typed has no name.
        let file_name = file_name.filter(|_| !matches!(part.content, Content::TextOf(_)));
        if let Some(file_name) = &file_name {
            head += &format!("; filename=\"{}\"", self.quoted(file_name));
        }
        head += "\r\n";
        let known = || {
            // Stdin has no type.
            let path = path.filter(|path| path.as_os_str() != "-");
            let by_path = path.map(|path| type_of(&path.to_string_lossy()).unwrap_or("application/octet-stream"));
            file_name.as_deref().and_then(type_of).or(by_path)
        };
        let content_type = part.content_type.clone().or_else(|| known().map(str::to_owned));
        for line in content_type.map(|of| format!("Content-Type: {of}")).iter().chain(&part.headers) {
            head += line;
            head += "\r\n";
        }
        self.text(head + "\r\n");
        let named = |path: &Path| {
            let path = path.to_owned();
            move |error| (path, error)
        };
        self.pieces.push(match &part.content {
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
        self.text("\r\n");
        Ok(())
    }

    fn quoted(&self, name: &str) -> String {
        if self.escapes {
            name.replace('\\', "\\\\").replace('"', "\\\"").replace(['\r', '\n'], " ")
        } else {
            quoted(name)
        }
    }
}

/// Keyed anew each time, so nobody can write it into a field beforehand. As long as curl's.
fn boundary() -> String {
    let random = [0, 1].map(|half: u8| RandomState::new().hash_one(half));
    format!("------------------------{:016x}{:06x}", random[0], random[1] & 0xff_ffff)
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

    /// All that is sent.
    fn written(arguments: &[&str], escapes: bool) -> String {
        let fields: Vec<_> = arguments.iter().map(|argument| Field::read(argument).unwrap()).collect();
        let form = Form::of(&fields.iter().collect::<Vec<_>>(), escapes).unwrap_or_else(|(_, error)| panic!("{error}"));
        let pieces = form.pieces.iter().map(|piece| match piece {
            Piece::Bytes(bytes) => String::from_utf8(bytes.to_vec()).unwrap(),
            Piece::File(file) => format!("({} bytes)", file.length()),
        });
        pieces.collect::<String>().replace(&*form.boundary, "BOUNDARY")
    }

    #[test]
    fn no_name_ends_its_quotes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c\"d.PNG");
        std::fs::write(&path, "1234").unwrap();
        let field = format!("a\"\r\nb=@{}", path.display());
        let rows = [(false, "a%22%0D%0Ab", "c%22d.PNG"), (true, r#"a\"  b"#, r#"c\"d.PNG"#)];
        for (escapes, name, file_name) in rows {
            let expected = format!(
                "--BOUNDARY\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"{file_name}\"\r\n\
                 Content-Type: image/png\r\n\r\n(4 bytes)\r\n--BOUNDARY--\r\n"
            );
            assert_eq!(written(&[&field], escapes), expected);
        }
    }

    /// As curl 7.88 writes it.
    #[test]
    fn a_type_is_said_or_that_of_a_name() {
        let file = tempfile::Builder::new().suffix(".html").tempfile().unwrap();
        let (path, name) = (file.path().display(), file.path().file_name().unwrap().display());
        let rows = [
            ("=b".to_owned(), "form-data", "", "b"),
            ("a=b;filename=c.jpg".to_owned(), "form-data; name=\"a\"; filename=\"c.jpg\"", "image/jpeg", "b"),
            (format!("a=<{path}"), "form-data; name=\"a\"", "", ""),
            (format!("a=<{path};filename=b.pdf;type=x/y"), "form-data; name=\"a\"", "x/y", ""),
            (format!("a=@{path}"), &format!("form-data; name=\"a\"; filename=\"{name}\""), "text/html", "(0 bytes)"),
            (format!("a=@{path};filename=b"), "form-data; name=\"a\"; filename=\"b\"", "text/html", "(0 bytes)"),
        ];
        for (argument, disposition, content_type, content) in rows {
            let content_type =
                if content_type.is_empty() { String::new() } else { format!("Content-Type: {content_type}\r\n") };
            let expected = format!(
                "--BOUNDARY\r\nContent-Disposition: {disposition}\r\n{content_type}\r\n{content}\r\n--BOUNDARY--\r\n"
            );
            assert_eq!(written(&[&argument], false), expected, "{argument}");
        }
    }

    #[test]
    fn a_type_of_ones_own_gets_the_boundary() {
        let form = Form::of(&[], false).unwrap_or_else(|(_, error)| panic!("{error}"));
        let ours = form.content_type().unwrap();
        let added = format!("multipart/form-data; charset=utf-8; boundary={}", form.boundary);
        for (given, expected) in [
            ("multipart/form-data; charset=utf-8", &*added),
            ("multipart/form-data; Boundary=mine", "multipart/form-data; Boundary=mine"),
            (ours.to_str().unwrap(), ours.to_str().unwrap()),
        ] {
            let mut headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_str(given).unwrap())]);
            form.bound(&mut headers);
            assert_eq!(headers[CONTENT_TYPE], expected);
        }
    }

    #[test]
    fn several_files_of_a_field_are_a_part_of_parts() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let path = file.path().display();
        let all = written(&[&format!("a=@{path};type=x/y;headers=X-A: 1,{path};filename=b.txt")], false);
        let inner = all.split_once("multipart/mixed; boundary=").unwrap().1.split_once("\r\n").unwrap().0;
        let name = file.path().file_name().unwrap().display();
        let expected = format!(
            "--BOUNDARY\r\nContent-Disposition: form-data; name=\"a\"\r\n\
             Content-Type: multipart/mixed; boundary=INNER\r\n\r\n\
             --INNER\r\nContent-Disposition: attachment; filename=\"{name}\"\r\nContent-Type: x/y\r\nX-A: 1\r\n\r\n\
             (0 bytes)\r\n\
             --INNER\r\nContent-Disposition: attachment; filename=\"b.txt\"\r\nContent-Type: text/plain\r\n\r\n\
             (0 bytes)\r\n--INNER--\r\n\r\n--BOUNDARY--\r\n"
        );
        assert_eq!(all.replace(inner, "INNER"), expected);
    }
}
