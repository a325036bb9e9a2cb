//! hyper's HTTP/1.1 client on the same bytes.

use crate::outcome::{End, Outcome, Response};
use bytes::Bytes;
use http::{Method, Request, Uri};
use http_body::Body;
use http_body_util::Empty;
use hyper::{
    body::Incoming,
    client::conn::http1,
    ext::ReasonPhrase,
    rt::{Read, ReadBufCursor, Write},
};
use skybridge_h1_codec::Limits;
use std::{
    collections::VecDeque,
    future::Future,
    io,
    pin::{Pin, pin},
    task::{Context, Poll, Waker},
};

/// More often than this nobody has to be polled who always makes progress.
const MOST_POLLS: usize = 1 << 20;

/// Reads what arrives in these pieces, before the peer ends the connection. With the limits and the leniency of ours,
/// where hyper has a setting for it.
pub(crate) fn read(method: &Method, pieces: &[&[u8]], limits: &Limits) -> Outcome<hyper::Error, hyper::Error> {
    let mut cx = Context::from_waker(Waker::noop());
    let mut handshake = http1::Builder::new();
    handshake
        .allow_obsolete_multiline_headers_in_responses(true)
        .max_headers(limits.fields)
        .max_header_size(limits.head_bytes);
    let peer = Peer { pieces: pieces.iter().map(|piece| Bytes::copy_from_slice(piece)).collect(), asked: false };
    let Poll::Ready(Ok((mut sender, mut connection))) = pin!(handshake.handshake(peer)).poll(&mut cx) else {
        unreachable!("nothing is waited for in a handshake");
    };
    let mut request = Request::new(Empty::<Bytes>::new());
    *request.method_mut() = method.clone();
    *request.uri_mut() = Uri::from_static(if method == Method::CONNECT { "a.test:443" } else { "/" });
    let mut response = pin!(sender.send_request(request));
    let mut polls = (0..MOST_POLLS).map(|_| ());
    let mut drive = |connection: &mut http1::Connection<Peer, Empty<Bytes>>, cx: &mut Context<'_>| {
        polls.next().expect("hyper makes no progress");
        let _ = connection.poll_without_shutdown(cx);
    };
    let head = loop {
        drive(&mut connection, &mut cx);
        match response.as_mut().poll(&mut cx) {
            Poll::Ready(Ok(response)) => break response,
            Poll::Ready(Err(error)) if error.is_incomplete_message() => return Outcome::HeadIncomplete,
            Poll::Ready(Err(error)) => return Outcome::HeadRefused(error),
            Poll::Pending => {}
        }
    };
    let (head, mut body) = head.into_parts();
    let mut response = Box::new(Response {
        status: head.status,
        version: head.version,
        reason: head.extensions.get::<ReasonPhrase>().map(|reason| Bytes::copy_from_slice(reason.as_bytes())),
        headers: head.headers,
        body: vec![],
        trailers: None,
        end: End::Incomplete,
    });
    loop {
        match Pin::new(&mut body).poll_frame(&mut cx) {
            Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                Ok(data) => response.body.extend_from_slice(&data),
                Err(frame) => response.trailers = frame.into_trailers().ok(),
            },
            Poll::Ready(Some(Err(error))) => {
                response.end = if is_eof(&error) { End::Incomplete } else { End::Refused(error) };
                return Outcome::Read(response);
            }
            Poll::Ready(None) => break,
            Poll::Pending => drive(&mut connection, &mut cx),
        }
    }
    drop::<Incoming>(body);
    let parts = connection.into_parts();
    response.end = End::Whole { left: parts.read_buf.len() + parts.io.pieces.iter().map(Bytes::len).sum::<usize>() };
    Outcome::Read(response)
}

fn is_eof(error: &hyper::Error) -> bool {
    let cause = std::error::Error::source(error).and_then(|cause| cause.downcast_ref::<io::Error>());
    cause.is_some_and(|cause| cause.kind() == io::ErrorKind::UnexpectedEof)
}

/// Says nothing before it is asked, then one piece for each read, then nothing more.
struct Peer {
    pieces: VecDeque<Bytes>,
    asked: bool,
}

impl Read for Peer {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, mut buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        if !self.asked {
            return Poll::Pending;
        }
        if let Some(mut piece) = self.pieces.pop_front() {
            buf.put_slice(&piece.split_to(piece.len().min(buf.remaining())));
            if !piece.is_empty() {
                self.pieces.push_front(piece);
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl Write for Peer {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.asked = true;
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
