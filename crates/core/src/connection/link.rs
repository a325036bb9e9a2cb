use crate::{ConnInfo, Phase, PhaseGuard};

/// A connected byte stream, and what is known of it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Link<Io> {
    /// The stream.
    pub io: Io,
    /// What is known of the connection.
    pub info: Box<ConnInfo>,
}

impl<Io> Link<Io> {
    /// A link of this stream. Its facts are boxed here, as a link is moved through each layer.
    pub fn new(io: Io, info: impl Into<Box<ConnInfo>>) -> Self {
        Self { io, info: info.into() }
    }

    /// Wraps the stream. The wrapper must forward vectored writes, and should not buffer what is buffered below.
    pub fn map_io<T>(self, wrap: impl FnOnce(Io) -> T) -> Link<T> {
        Link { io: wrap(self.io), info: self.info }
    }

    /// Begins a phase of the attempt that opened this link.
    pub fn phase(&self, phase: Phase) -> PhaseGuard {
        PhaseGuard::begin(self.info.route.ctx(), phase, Some(self.info.attempt))
    }
}
