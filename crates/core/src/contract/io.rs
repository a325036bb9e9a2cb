use tokio::io::{AsyncRead, AsyncWrite};

/// Bytes in, bytes out.
pub trait Io: AsyncRead + AsyncWrite + Send + Unpin + 'static {}

impl<T: AsyncRead + AsyncWrite + Send + Unpin + 'static> Io for T {}
