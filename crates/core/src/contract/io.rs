use tokio::io::{AsyncRead, AsyncWrite};

/// A byte stream: what a [`Link`](crate::Link) wraps. Implemented for every type that fits.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Io for T {}
