//! How a connection ends, as whoever sees it says: what reads and writes the socket, and the driver. The h2 crate hands
//! its errors to the streams as text, without what is behind them.

use crate::{Flood, H2Error, classify::Limits, frame_scanner::GoAwayFrame, strikes::Strikes};
use h2::Error;
use skybridge_core::{Cause, CloseReason, ConnInfo, ErrorCode, GoAway, Phase, Reset, TlsAlert, sync::Mutex};
use std::{
    io,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

/// How a connection ended, or is about to. Each of its parts is set before the h2 crate learns of it, so that no stream
/// can fail of it before.
#[derive(Debug, Default)]
pub(crate) struct Ending {
    /// What the peer's GOAWAYs say.
    goaway: Mutex<Option<GoAwayFrame>>,
    /// The peer has closed its side.
    eof: AtomicBool,
    /// How the socket failed, or what is wrong with what was read from it.
    socket: OnceLock<H2Error>,
    /// Why the driver has ended, where it was no error of its connection.
    driver: OnceLock<DriverEnd>,
    strikes: Strikes,
    limits: Limits,
}

/// Why a driver ends a connection that has not failed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum DriverEnd {
    /// Nobody needs it any more.
    Closed(CloseReason),
    /// A PING was not answered in this time, and nothing else came.
    PingTimeout(Duration),
    /// The peer's SETTINGS did not come in this time.
    SettingsTimeout(Duration),
}

impl DriverEnd {
    pub(crate) fn cause(self) -> Cause {
        match self {
            Self::Closed(reason) => Cause::ConnectionClosed(reason),
            Self::PingTimeout(limit) => Cause::Unresponsive(H2Error::PingTimeout(limit).into()),
            Self::SettingsTimeout(limit) => Cause::Unresponsive(H2Error::SettingsTimeout(limit).into()),
        }
    }
}

impl Ending {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { limits, ..Self::default() }
    }

    /// The peer says that it takes no more.
    #[cold]
    pub(crate) fn goaway(&self, frame: GoAwayFrame) {
        let mut last = self.goaway.lock();
        *last = Some(frame.after(last.take()));
    }

    /// The peer has closed its side.
    #[cold]
    pub(crate) fn eof(&self) {
        self.eof.store(true, Ordering::Release);
    }

    /// The socket failed. Returns the error for the h2 crate.
    #[cold]
    pub(crate) fn socket_failed(&self, error: io::Error) -> io::Error {
        let error = Arc::new(error);
        let _ = self.socket.set(H2Error::Socket(Arc::clone(&error)));
        io::Error::new(error.kind(), error)
    }

    /// What the peer speaks is no HTTP/2. Returns the error for the h2 crate.
    #[cold]
    pub(crate) fn not_http2(&self) -> io::Error {
        let _ = self.socket.set(H2Error::FirstFrame);
        io::Error::new(io::ErrorKind::InvalidData, H2Error::FirstFrame)
    }

    /// The peer sends too many frames of some kind. Returns the error for the h2 crate.
    #[cold]
    pub(crate) fn flooded(&self, flood: Flood) -> io::Error {
        let _ = self.socket.set(H2Error::Flood(flood));
        io::Error::new(io::ErrorKind::InvalidData, flood)
    }

    /// The driver ends for this reason, unless the connection has failed.
    #[cold]
    pub(crate) fn driver_ended(&self, end: DriverEnd) {
        let _ = self.driver.set(end);
    }

    /// Whether the peer answers.
    #[inline]
    pub(crate) fn strikes(&self) -> &Strikes {
        &self.strikes
    }

    /// What is behind this error of the connection.
    pub(crate) fn error(&self, error: Error) -> H2Error {
        match self.socket.get() {
            Some(H2Error::Socket(error)) => H2Error::Socket(Arc::clone(error)),
            _ => error.into(),
        }
    }

    /// The cause of this error of the connection or of a stream. `body`: the head of its response was here.
    #[cold]
    pub(crate) fn cause(&self, error: Error, body: bool) -> Cause {
        let code = ErrorCode(error.reason().map_or(0, u32::from));
        match error {
            error if error.is_go_away() && error.is_remote() => Cause::GoAway(self.of_goaway(code, error)),
            error if error.is_reset() && error.is_remote() => Cause::Reset(Reset::by_peer(code, H2Error::from(error))),
            error if error.is_reset() => Cause::Reset(Reset::by_us(code, H2Error::from(error))),
            error if error.is_go_away() => {
                let flood = self.limits.flood(&error).map(H2Error::Flood);
                Cause::Protocol(flood.unwrap_or_else(|| error.into()).into())
            }
            error if error.is_io() => self.of_socket(error, body),
            error => Cause::Exchange(H2Error::from(error).into()),
        }
    }

    /// The phase that an exchange was in when its connection ended: that of the handshake if this has never ended.
    #[cold]
    pub(crate) fn phase(&self, exchange: Phase) -> Phase {
        match self.driver.get() {
            Some(DriverEnd::SettingsTimeout(_)) => Phase::Handshake,
            _ => exchange,
        }
    }

    /// Whether the peer says by this alert that it has read nothing of what was sent.
    #[cold]
    pub(crate) fn is_refused_by(&self, info: &ConnInfo, alert: &TlsAlert) -> bool {
        !self.strikes.has_answered() && info.is_refused_by(alert)
    }

    /// Whether the peer's first frame says that it speaks something else.
    #[cold]
    pub(crate) fn speaks_no_http2(&self) -> bool {
        matches!(self.socket.get(), Some(H2Error::FirstFrame))
    }

    fn of_goaway(&self, code: ErrorCode, error: Error) -> GoAway {
        let goaway = GoAway::new(code, H2Error::from(error)).after_a_response(self.strikes.has_answered());
        match &*self.goaway.lock() {
            Some(frame) if frame.code == code.0 => goaway.last_stream(frame.last_stream).debug_data(&frame.debug_data),
            _ => goaway,
        }
    }

    fn of_socket(&self, error: Error, body: bool) -> Cause {
        // Why the peer ends the connection says more than how.
        let code = self.goaway.lock().as_ref().map(|frame| ErrorCode(frame.code));
        if let Some(code) = code.filter(|code| *code != ErrorCode::NO_ERROR) {
            return Cause::GoAway(self.of_goaway(code, error));
        }
        match (self.socket.get(), self.driver.get()) {
            (Some(H2Error::FirstFrame), _) => Cause::Protocol(H2Error::FirstFrame.into()),
            (Some(H2Error::Flood(flood)), _) => Cause::Protocol(H2Error::Flood(*flood).into()),
            (Some(H2Error::Socket(error)), _) => {
                let source = H2Error::Socket(Arc::clone(error));
                match error.kind() {
                    // Over TLS: the peer has closed its side without `close_notify`.
                    io::ErrorKind::UnexpectedEof if body => Cause::Incomplete(source.into()),
                    io::ErrorKind::UnexpectedEof => Cause::NoResponse(source.into()),
                    _ => Cause::of_io(source),
                }
            }
            _ if self.eof.load(Ordering::Acquire) && body => Cause::Incomplete(H2Error::Closed.into()),
            _ if self.eof.load(Ordering::Acquire) => Cause::NoResponse(H2Error::Closed.into()),
            (_, Some(end)) => end.cause(),
            _ => Cause::of_io(H2Error::from(error)),
        }
    }
}
