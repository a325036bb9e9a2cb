//! A socket for the packets of one query to one server.

use super::failure::Failure;
use hickory_resolver::net::runtime::{DnsUdpSocket, TokioTime};
use std::{
    io::{ErrorKind, Result},
    net::SocketAddr,
    pin::Pin,
    task::{Context, Poll, ready},
};
// Hickory asks for tokio's timers.
use tokio::{
    io::{Interest, ReadBuf},
    net::UdpSocket,
};

/// Connected, for only then the system tells that nobody listens there (ICMP), for which hickory would wait otherwise
/// until its limit. Nor does it hear from others. From which port it is sent is hickory's to say: any (RFC 5452).
pub(super) struct Connected {
    socket: UdpSocket,
    to: SocketAddr,
    failure: Failure,
}

type Receiving<'a> = Pin<Box<dyn Future<Output = Result<(usize, SocketAddr)>> + Send + 'a>>;

impl Connected {
    /// What fails is noted there: hickory doesn't pass it on.
    pub(super) async fn bind(from: SocketAddr, to: SocketAddr, failure: Failure) -> Result<Self> {
        let connected = async {
            let socket = UdpSocket::bind(from).await?;
            socket.connect(to).await?;
            Ok(socket)
        };
        match connected.await {
            Ok(socket) => Ok(Self { socket, to, failure }),
            Err(error) => Err(failure.note(to, error)),
        }
    }

    async fn receive(&self, buffer: &mut [u8]) -> Result<(usize, SocketAddr)> {
        loop {
            // Not each system takes an error for something to read.
            if self.socket.ready(Interest::READABLE | Interest::ERROR).await?.is_error() {
                self.told()?;
            }
            match self.socket.try_recv_from(buffer) {
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                received => return received,
            }
        }
    }

    /// What the system has been told, if anything.
    fn told(&self) -> Result<()> {
        let told = self.socket.try_io(Interest::ERROR, || {
            // None: the next is waited for.
            self.socket.take_error()?.map_or_else(|| Err(ErrorKind::WouldBlock.into()), Err)
        });
        told.or_else(|error| if error.kind() == ErrorKind::WouldBlock { Ok(()) } else { Err(error) })
    }
}

impl DnsUdpSocket for Connected {
    type Time = TokioTime;

    fn poll_recv_from(&self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<Result<(usize, SocketAddr)>> {
        let mut buffer = ReadBuf::new(buffer);
        let from = ready!(self.socket.poll_recv_from(cx, &mut buffer))?;
        Poll::Ready(Ok((buffer.filled().len(), from)))
    }

    fn recv_from<'s, 'b, 'a>(&'s self, buffer: &'b mut [u8]) -> Receiving<'a>
    where
        's: 'a,
        'b: 'a,
        Self: 'a,
    {
        Box::pin(async move { self.receive(buffer).await.map_err(|error| self.failure.note(self.to, error)) })
    }

    /// It goes to the server, which is who hickory names: some systems refuse to be told again.
    fn poll_send_to(&self, cx: &mut Context<'_>, message: &[u8], _: SocketAddr) -> Poll<Result<usize>> {
        self.socket.poll_send(cx, message).map_err(|error| self.failure.note(self.to, error))
    }
}
