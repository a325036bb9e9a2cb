//! What a DNS server says that is asked over HTTPS (RFC 8484).

use crate::input::Cuts;
use bytes::Bytes;
use futures_core::Stream;
use http::{HeaderValue, Request, Response, header::CONTENT_TYPE};
use http_body::Frame;
use http_body_util::StreamBody;
use skybridge_core::{Answer, Query};
use skybridge_dns::Hickory;
use skybridge_testkit::{dns, executor::Executor};
use std::{
    convert::Infallible,
    future::poll_fn,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
    vec::IntoIter,
};
use tokio::{runtime::Builder, time::timeout};
use tower::{Service as _, service_fn};

const PATIENCE: Duration = Duration::from_secs(24 * 60 * 60);
/// Identifier, flags, counts (RFC 1035, section 4.1.1).
const HEADER: usize = 12;
/// What may be kept for longer isn't kept (RFC 2181, section 8).
const MAX_TTL: Duration = Duration::from_secs(i32::MAX as u64);

/// Addresses are told only by what is a successful answer to the question, as many as fit, at the port asked for; and
/// the same however the bytes are cut.
///
/// An input is a letter for the cuts, and the message: `q` and what stands around the question, which is put in; or any
/// other letter and all of it.
pub fn dns_answer(input: &[u8]) {
    let [cuts, kind, message @ ..] = input else { return };
    let is_whole = *kind != b'q';
    let whole = look_up(Cuts::NONE, is_whole, message);
    for cuts in [Cuts::EVERYWHERE, Cuts::of(*cuts)] {
        assert_eq!(look_up(cuts, is_whole, message), whole, "{}", message.escape_ascii());
    }
}

/// What is told, as text.
fn look_up(cuts: Cuts, is_whole: bool, message: &[u8]) -> Vec<String> {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build().expect("a runtime");
    let said = message.to_vec();
    let client = service_fn(move |request: Request<String>| {
        let query = dns::query_in(request.uri()).expect("a query");
        let answer = if is_whole { said.clone() } else { around_question(&query, &said) };
        let pieces: Vec<_> = cuts.pieces(&answer).into_iter().map(Bytes::copy_from_slice).collect();
        let mut response = Response::new(StreamBody::new(Pieces(pieces.into_iter())));
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/dns-message"));
        async { Ok::<_, Infallible>(response) }
    });
    let told = async {
        let mut hickory = Hickory::over_https("https://dns.test/dns-query", client).expect("a URL");
        let Ok(mut answers) = hickory.call(Query::new("a.test", 80, Executor::new().ctx())).await;
        let mut told = Vec::new();
        while let Some(answer) = poll_fn(|cx| Pin::new(&mut answers).poll_next(cx)).await {
            if let Ok(answer) = &answer {
                check(answer, is_whole, message);
            }
            told.push(format!("{answer:?}"));
        }
        told
    };
    runtime.block_on(async { timeout(PATIENCE, told).await }).expect("an end")
}

fn check(answer: &Answer, is_whole: bool, message: &[u8]) {
    let flags = if is_whole { &message[2..4] } else { &message[..2] };
    // A response to a standard query, not truncated, without error (RFC 1035, section 4.1.1).
    assert!(flags[0] & 0b1111_1010 == 0b1000_0000 && flags[1] & 0b1111 == 0, "{answer:?} by {flags:?}");
    let addresses = answer.endpoints.len();
    // Of which each takes 15 bytes at least: the root, type, class, time to live, length, and 4 bytes.
    assert!(addresses > 0 && addresses <= message.len() / 15 && answer.service.is_none(), "{answer:?}");
    assert!(answer.endpoints.iter().all(|at| at.inet().is_some_and(|addr| addr.port() == 80)), "{answer:?}");
    assert!(answer.ttl.is_some_and(|ttl| ttl <= MAX_TTL), "{answer:?}");
}

/// A message with the question of this query, and around it the flags and counts, and the records.
fn around_question(query: &[u8], said: &[u8]) -> Vec<u8> {
    let name = query[HEADER..].iter().position(|byte| *byte == 0).expect("the name's end");
    let question = &query[HEADER..HEADER + name + 5];
    let (head, records) = said.split_at(said.len().min(HEADER - 2));
    [&query[..2], head, question, records].concat()
}

struct Pieces(IntoIter<Bytes>);

impl Stream for Pieces {
    type Item = Result<Frame<Bytes>, Infallible>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.0.next().map(|piece| Ok(Frame::data(piece))))
    }
}
