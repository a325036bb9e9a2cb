use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll, ready},
};
#[cfg(unix)]
use tokio::net::UnixStream;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

/// A connected socket.
///
/// A read that has to wait asks the runtime, which knows what its last look at all sockets has shown. Where the same
/// read is asked for once more (on Unix systems), the socket itself is looked at: that a peer has ended an idle
/// connection is seen before the next request is written, also when the runtime's thread was busy ever since.
#[derive(Debug)]
pub struct TcpIo {
    socket: Socket,
    /// The last thing that was asked for is a read, which waits.
    read_waits: bool,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpStream),
    #[cfg(unix)]
    Unix(UnixStream),
}

macro_rules! either {
    ($socket:expr, $io:ident => $call:expr) => {
        match $socket {
            Socket::Tcp($io) => $call,
            #[cfg(unix)]
            Socket::Unix($io) => $call,
        }
    };
}

// === impl TcpIo ===

impl TcpIo {
    fn of(socket: Socket) -> Self {
        Self { socket, read_waits: false }
    }

    /// The stream, unless it is of a Unix domain socket.
    pub fn tcp(&self) -> Option<&TcpStream> {
        match &self.socket {
            Socket::Tcp(stream) => Some(stream),
            #[cfg(unix)]
            Socket::Unix(_) => None,
        }
    }
}

impl From<TcpStream> for TcpIo {
    fn from(stream: TcpStream) -> Self {
        Self::of(Socket::Tcp(stream))
    }
}

#[cfg(unix)]
impl From<UnixStream> for TcpIo {
    fn from(stream: UnixStream) -> Self {
        Self::of(Socket::Unix(stream))
    }
}

impl AsyncRead for TcpIo {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let waited = self.read_waits;
        let read = either!(&mut self.socket, io => Pin::new(io).poll_read(cx, buf));
        self.read_waits = read.is_pending();
        if !(waited && self.read_waits) {
            return read;
        }
        // Its waker stands: whatever comes later wakes as ever.
        let read = self.socket.look(buf);
        self.read_waits = read.is_pending();
        read
    }
}

impl AsyncWrite for TcpIo {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.read_waits = false;
        either!(&mut self.socket, io => Pin::new(io).poll_write(cx, buf))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.read_waits = false;
        either!(&mut self.socket, io => Pin::new(io).poll_write_vectored(cx, bufs))
    }

    fn is_write_vectored(&self) -> bool {
        either!(&self.socket, io => io.is_write_vectored())
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(&mut self.socket, io => Pin::new(io).poll_flush(cx))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        either!(&mut self.socket, io => Pin::new(io).poll_shutdown(cx))
    }
}

// === impl Socket ===

impl Socket {
    /// Reads what is there, whatever the runtime knows of it. Most often there is nothing: so a byte is looked at
    /// first, and the buffer, which may be large, stays as it is.
    #[cfg(unix)]
    fn look(&self, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        use std::{io::Read, mem::MaybeUninit};

        let socket = either!(self, io => socket2::SockRef::from(io));
        let is_end = ready!(unless_it_would_block(socket.peek(&mut [MaybeUninit::uninit()])))? == 0;
        if !is_end {
            let read = ready!(unless_it_would_block((&*socket).read(buf.initialize_unfilled())))?;
            buf.advance(read);
        }
        Poll::Ready(Ok(()))
    }

    /// Here the runtime has to be told of each read that would block.
    #[cfg(not(unix))]
    fn look(&self, _: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Poll::Pending
    }
}

/// As a read that was interrupted is one that somebody asks for again.
#[cfg(unix)]
fn unless_it_would_block(read: io::Result<usize>) -> Poll<io::Result<usize>> {
    match read {
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => Poll::Pending,
        read => Poll::Ready(read),
    }
}
