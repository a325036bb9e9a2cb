use crate::{
    mode::Mode,
    pause::Pause,
    peer::{HANG, ID, IDS},
    pieces::Pieces,
    world::Host,
};
use fastrand::Rng;
use http::{Method, Request};
use skybridge::{HttpVersions, RequestBody, RequestOptions, Timeouts};
use std::time::Duration;

/// One request, and when it is given up.
#[derive(Debug)]
pub(crate) struct Plan {
    pub(crate) id: u64,
    pub(crate) request: Request<RequestBody>,
    pub(crate) until: Until,
    /// It has a time limit of its own, so that it may fail by one.
    pub(crate) phase_timeout: bool,
}

/// When a request is given up.
#[derive(Debug)]
pub(crate) enum Until {
    /// Before it is polled.
    First,
    /// After so many polls, wherever it is then: waiting, connecting, writing, reading.
    Polls(u32),
    /// After this time.
    Time(Pause),
    /// With the head.
    Head,
    /// After so many frames of the response.
    Frames(u32),
    /// Not given up.
    End,
}

impl Plan {
    pub(crate) fn random(id: u64, hosts: &[Host], rng: &mut Rng, mode: Mode) -> Self {
        // Some are more popular than others, so that there are requests that wait for their own limit, and others that
        // wait for the total.
        let host = &hosts[if rng.u8(..6) == 0 { 0 } else { rng.usize(..hosts.len()) }];
        let mut request = Request::new(RequestBody::empty());
        *request.uri_mut() = host.uri.clone();
        request.headers_mut().insert(ID, id.into());
        if rng.u8(..3) == 0 {
            *request.method_mut() = Method::POST;
            let ids = if rng.u8(..8) == 0 { rng.usize(..16_384) } else { rng.usize(..64) };
            request.headers_mut().insert(IDS, ids.into());
            *request.body_mut() = if rng.bool() {
                Pieces::at_once(id, ids).bytes().into()
            } else {
                RequestBody::wrap(Pieces::slow(id, ids, rng.fork(), mode))
            };
        }
        let until = match rng.u8(..32) {
            0..3 => Until::First,
            3..11 => Until::Polls(rng.u32(1..12)),
            11..15 => Until::Time(Pause::random(rng, mode)),
            15..18 => Until::Head,
            18..21 => Until::Frames(rng.u32(..4)),
            _ => Until::End,
        };
        let timeouts = timeouts(rng);
        let phase_timeout = timeouts.is_some();
        let hangs = timeouts.as_ref().is_some_and(|timeouts| timeouts.call.is_some()) && rng.bool();
        if hangs {
            request.headers_mut().insert(HANG, 1.into());
        }
        if phase_timeout || host.http2 {
            let mut options = RequestOptions::new().timeouts(timeouts.unwrap_or_default());
            if host.http2 {
                options = options.http_versions(HttpVersions::Http2);
            }
            request.extensions_mut().insert(options);
        }
        Self { id, request, until, phase_timeout }
    }
}

fn timeouts(rng: &mut Rng) -> Option<Timeouts> {
    let mut timeouts = Timeouts::new();
    let time = Some(Duration::from_millis(rng.u64(1..10)));
    match rng.u8(..64) {
        0..2 => timeouts.pool_wait = time,
        2..4 => timeouts.connect = time,
        4..6 => timeouts.response_head = time,
        6 => timeouts.read_idle = time,
        7..9 => timeouts.call = time,
        9 => timeouts.attempt = time,
        _ => return None,
    }
    Some(timeouts)
}
