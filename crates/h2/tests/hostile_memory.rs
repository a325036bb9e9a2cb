//! What a peer can make a connection hold that sends as much as it may of something that costs memory, and more: less
//! than 1 MiB before the connection ends, with an error that says how much of it was allowed.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use http::Response;
use http_body_util::BodyExt;
use skybridge_core::{Connection, ConnectionStatus, Error};
use skybridge_counting::{Holding, held};
use skybridge_h2::{H2Body, H2Error};
use skybridge_testkit::{executor::run_until_idle, h2::Peer, net::Conn};
use support::*;
use tokio::sync::Mutex;

#[global_allocator]
static ALLOCATOR: Holding = Holding;

/// The allocator counts for the whole process.
static ALONE: Mutex<()> = Mutex::const_new(());

const MIB: usize = 1 << 20;
const DATA: u8 = 0;
const HEADERS: u8 = 1;
const PRIORITY: u8 = 2;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const WINDOW_UPDATE: u8 = 8;
const CONTINUATION: u8 = 9;
const END_HEADERS: u8 = 4;
const PADDED: u8 = 8;

/// A frame as it is on the wire.
fn raw(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let [_, a, b, c] = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&[a, b, c, kind, flags], &stream.to_be_bytes()[..], payload].concat()
}

/// A connection on which one request is under way.
struct Victim {
    world: World,
    peer: Peer<Conn>,
    stream: u32,
    /// The most that was held since.
    held: usize,
    before: usize,
}

impl Victim {
    async fn new() -> Self {
        let mut world = World::with_capacity(H2::new(), MIB).await;
        let mut peer = world.peer().await;
        ready(&mut world.client).await.unwrap();
        world.client.start(get("/"));
        let stream = peer.request().await.stream;
        run_until_idle().await;
        Self { world, peer, stream, held: 0, before: held() }
    }

    async fn answered() -> (Self, Response<H2Body>) {
        let mut victim = Self::new().await;
        victim.peer.headers(victim.stream, &[(":status", "200")], false).await;
        let response = response(&mut victim.world.client).await.unwrap();
        victim.before = held();
        (victim, response)
    }

    fn is_closed(&self) -> bool {
        matches!(self.world.notes.all().last(), Some(ConnectionStatus::Closed(_)))
    }

    /// Sends these bytes again and again, each time by themselves, until that ends the connection.
    async fn flood(&mut self, what: &str, bytes: &[u8], most: usize) {
        for _ in 0..most {
            self.peer.send_raw(bytes).await;
            run_until_idle().await;
            self.held = self.held.max(held().saturating_sub(self.before));
            if self.is_closed() {
                return;
            }
        }
        panic!("{what}: it goes on, and holds {} bytes", self.held);
    }

    fn assert_little(&self, what: &str) {
        assert!(self.held < MIB, "{what}: {} bytes are held", self.held);
    }
}

fn limit(error: &Error) -> (&'static str, usize) {
    match h2_error(error) {
        H2Error::Flood(flood) => (flood.what, flood.limit),
        other => panic!("{other:?}"),
    }
}

/// Nobody reads them.
#[tokio::test(start_paused = true)]
async fn small_data_frames() {
    let _alone = ALONE.lock().await;
    let padded = [&[253, b'x'][..], &[0; 253]].concat();
    for (what, flags, payload) in [("one byte", 0, &b"x"[..]), ("one byte, and padding", PADDED, &padded)] {
        let (mut victim, response) = Victim::answered().await;
        victim.flood(what, &raw(DATA, flags, victim.stream, payload), 2000).await;
        victim.assert_little(what);
        let mut body = response.into_body();
        let error = loop {
            if let Err(error) = body.frame().await.unwrap() {
                break error;
            }
        };
        assert_eq!(limit(&error), ("small DATA frames that were not read", 1800), "{what}");
        assert!(error.to_string().contains("1800") || h2_error(&error).to_string().contains("1800"));
    }
}

#[tokio::test(start_paused = true)]
async fn frames_that_bring_nothing() {
    let _alone = ALONE.lock().await;
    // `:status: 200`, and a field of 16,000 bytes: 127 and 15,873 (RFC 7541, section 5.1).
    let large = [b"\x88\x00\x01a\x7f\x81\x7c".to_vec(), vec![b'v'; 16_000]].concat();
    let stream = 1;
    let rows: [(&str, usize, Vec<u8>, Vec<u8>); 8] = [
        ("interim responses", 65, vec![], raw(HEADERS, END_HEADERS, stream, b"\x08\x03103")),
        ("CONTINUATION frames", 20, raw(HEADERS, 0, stream, &large), raw(CONTINUATION, 0, stream, &large[1..])),
        ("PING frames", 1000, vec![], raw(PING, 0, 0, &[7; 8])),
        ("SETTINGS frames", 1000, vec![], raw(SETTINGS, 0, 0, &[])),
        ("WINDOW_UPDATE frames", 10_000, vec![], raw(WINDOW_UPDATE, 0, 0, &[0, 0, 0, 1])),
        ("frames without a meaning here", 10_000, vec![], raw(PRIORITY, 0, stream, &[0, 0, 0, 0, 1])),
        ("frames without a meaning here", 10_000, vec![], raw(0xee, 0, stream, &[0; 4000])),
        ("empty DATA frames", 100, raw(HEADERS, END_HEADERS, stream, b"\x88"), raw(DATA, 0, stream, b"")),
    ];
    for (what, most, first, frame) in rows {
        let mut victim = Victim::new().await;
        assert_eq!(victim.stream, stream);
        victim.peer.send_raw(first).await;
        run_until_idle().await;
        // All of them in less than 10 s, also where each turn takes a millisecond.
        let at_once = most.div_ceil(1000);
        victim.flood(what, &frame.repeat(at_once), most / at_once + 1000).await;
        victim.assert_little(what);
        let error = match response(&mut victim.world.client).await {
            Ok(response) => response.into_body().frame().await.unwrap().unwrap_err(),
            Err(failed) => failed.error,
        };
        let (of, allowed) = limit(&error);
        assert!(of == what && (most..most + 1000).contains(&allowed), "{what}: {of}, {allowed}");
    }
}

/// One field, and then references to it, of a byte each (RFC 7541, section 6.1).
#[tokio::test(start_paused = true)]
async fn a_head_of_references() {
    let _alone = ALONE.lock().await;
    let field = [b"\x88\x40\x01a\x7f\xa1\x1e".to_vec(), vec![b'v'; 4000]].concat();
    // As they are counted (section 4.1): too many for the stream, and for the connection.
    for (references, ends) in [(100, false), (400, true)] {
        let mut victim = Victim::new().await;
        let block = [field.clone(), vec![0xbe; references]].concat();
        victim.peer.send_raw(raw(HEADERS, END_HEADERS, victim.stream, &block)).await;
        run_until_idle().await;
        victim.held = held().saturating_sub(victim.before);
        victim.assert_little("references");
        let failed = response(&mut victim.world.client).await.unwrap_err();
        assert_eq!(victim.is_closed(), ends, "{references}");
        if ends {
            assert_eq!(limit(&failed.error), ("bytes of fields in a head", MIB));
        }
    }
}

/// The first of them ends the request, so that nobody is left to be told of the others.
#[tokio::test(start_paused = true)]
async fn resets() {
    let _alone = ALONE.lock().await;
    let mut victim = Victim::new().await;
    victim.flood("resets", &raw(RST_STREAM, 0, victim.stream, &[0, 0, 0, 8]), 1100).await;
    victim.assert_little("resets");
}
