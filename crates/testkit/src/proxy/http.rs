//! CONNECT without a library, because bytes after the head belong to the tunnel.

use super::{
    forward,
    reach::{HostPort, Stream},
    served::Served,
};
use bytes::BytesMut;
use std::io;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const HEAD_LIMIT: usize = 64 * 1024;

struct Head {
    line: String,
    headers: Vec<(String, String)>,
}

pub(super) async fn serve(served: Served, mut stream: Stream) -> io::Result<()> {
    let mut read = BytesMut::new();
    loop {
        let Some(end) = head_end(&mut stream, &mut read).await? else { return Ok(()) };
        if !read.starts_with(b"CONNECT ") {
            return forward::serve(served, read.freeze(), stream).await;
        }
        let head = Head::parse(&read.split_to(end));
        if let Some(answer) = refusal(&served, &head) {
            stream.write_all(&answer).await?;
            continue;
        }
        return connect(&served, &head, read, stream).await;
    }
}

async fn head_end(stream: &mut Stream, read: &mut BytesMut) -> io::Result<Option<usize>> {
    loop {
        if let Some(at) = read.windows(4).position(|window| window == b"\r\n\r\n") {
            return Ok(Some(at + 4));
        }
        if read.len() > HEAD_LIMIT || stream.read_buf(read).await? == 0 {
            return Ok(None);
        }
    }
}

/// A response that refuses the tunnel. The connection stays open.
fn refusal(served: &Served, head: &Head) -> Option<Vec<u8>> {
    let credentials = head.header("proxy-authorization");
    served.open.was_asked(head.line.clone(), head.headers.clone(), credentials.map(str::to_owned));
    if !forward::is_welcome(&served.serving, credentials) {
        return Some(answer(407, "proxy-authenticate: Basic realm=\"proxy\"\r\n", b"who are you?"));
    }
    let (status, body) = served.serving.status.as_ref()?;
    (!(200..300).contains(status)).then(|| answer(*status, "", body))
}

fn answer(status: u16, more: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let mut bytes = format!("HTTP/1.1 {status} No\r\n{more}content-length: {length}\r\n\r\n").into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

async fn connect(served: &Served, head: &Head, read: BytesMut, mut near: Stream) -> io::Result<()> {
    let target = head.line.split(' ').nth(1).unwrap_or_default();
    let far = match HostPort::parse(target, None) {
        Some(place) => served.serving.reach.connect(&place).await,
        None => Err(io::ErrorKind::InvalidInput.into()),
    };
    let mut far = match far {
        Ok(far) => far,
        Err(error) => return near.write_all(&answer(502, "", error.to_string().as_bytes())).await,
    };
    let status = served.serving.status.as_ref().map_or(200, |(status, _)| *status);
    let mut answer: Vec<u8> = served
        .serving
        .interim
        .iter()
        .flat_map(|status| format!("HTTP/1.1 {status} Wait\r\n\r\n").into_bytes())
        .collect();
    answer.extend_from_slice(format!("HTTP/1.1 {status} OK\r\n\r\n").as_bytes());
    answer.extend_from_slice(&served.serving.early);
    near.write_all(&answer).await?;
    far.write_all(&read).await?;
    served.tunnel(near, far).await
}

// === impl Head ===

impl Head {
    fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes);
        let mut lines = text.lines();
        let line = lines.next().unwrap_or_default().to_owned();
        let header =
            |line: &str| line.split_once(':').map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()));
        Self { line, headers: lines.filter_map(header).collect() }
    }

    fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }
}
