use crate::{ConnInfo, Ctx, Endpoint, OriginError, Phase, PhaseGuard, Route, Target};
use http::Uri;

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

    /// A link of a stream that is connected to the origin of this URI already, directly and without TLS: what an HTTP
    /// handshake, a tunnel or TLS needs when nothing of this stack has opened it. Of the peer's address no more is
    /// known than the URI says.
    ///
    /// ```
    /// # use skybridge_runtime::TokioRuntime;
    /// use skybridge_core::Link;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let (ours, _theirs) = tokio::io::duplex(1024);
    /// let link = Link::of(ours, &"http://a.test/".parse()?, TokioRuntime::ctx())?;
    /// assert_eq!(link.info.remote.to_string(), "a.test:80");
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// When the URI has no origin.
    pub fn of(io: Io, uri: &Uri, ctx: Ctx) -> Result<Self, OriginError> {
        let target = Target::of(uri, ctx)?;
        let endpoint = Endpoint::of(target.origin());
        let attempt = Route::to(target, [endpoint.clone()]).attempt(endpoint.clone());
        Ok(Self::new(io, ConnInfo::new(&attempt, None, endpoint)))
    }

    /// Wraps the stream. The wrapper must forward vectored writes, and should not buffer what is buffered below.
    pub fn map_io<T>(self, wrap: impl FnOnce(Io) -> T) -> Link<T> {
        Link { io: wrap(self.io), info: self.info }
    }

    /// Begins a phase of the attempt that opened this link.
    pub fn phase(&self, phase: Phase) -> PhaseGuard {
        self.info.phase(phase)
    }
}
