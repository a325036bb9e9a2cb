use super::{
    client_hello::{ClientHello, OuterHello},
    confirm,
    keys::EchKeys,
    retry,
};
use crate::certs::{Cert, Clients};
use rustls::{ServerConfig, crypto::CryptoProvider, server::ProducesTickets};
use std::{
    io,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

/// Accepts TLS 1.3 connections whose names are encrypted, or are not.
pub(crate) struct EchServer {
    keys: EchKeys,
    /// For the public name.
    public: Cert,
    /// For the names that are hidden.
    hidden: Cert,
    /// What it says its keys are.
    retry_configs: Vec<u8>,
    /// Who is asked for a certificate.
    clients: Option<Clients>,
    alpn: Vec<String>,
    /// The same for all connections, so that sessions are resumed.
    tickets: Arc<dyn ProducesTickets>,
}

/// A stream, and what was read of it already.
pub(crate) struct Prefixed<I> {
    prefix: Vec<u8>,
    io: I,
}

impl EchServer {
    pub(crate) fn new(
        keys: &EchKeys,
        public: &Cert,
        hidden: &Cert,
        retry_configs: &[u8],
        clients: Option<Clients>,
        alpn: &[String],
    ) -> Self {
        let tickets = rustls::crypto::aws_lc_rs::Ticketer::new();
        Self {
            keys: keys.clone(),
            public: public.clone(),
            hidden: hidden.clone(),
            retry_configs: retry_configs.to_vec(),
            clients,
            alpn: alpn.to_vec(),
            tickets: tickets.unwrap_or_else(|error| panic!("no tickets: {error}")),
        }
    }

    /// Runs a handshake; `seen` is told first what the client shows.
    pub(crate) async fn accept<I>(&self, mut io: I, seen: impl FnOnce(OuterHello)) -> io::Result<TlsStream<Prefixed<I>>>
    where
        I: AsyncRead + AsyncWrite + Unpin,
    {
        let mut header = [0; 5];
        io.read_exact(&mut header).await?;
        let mut message = vec![0; usize::from(u16::from_be_bytes([header[3], header[4]]))];
        io.read_exact(&mut message).await?;
        let body = message.get(4..).unwrap_or_default();
        let hello = ClientHello::read(body).ok_or(io::ErrorKind::InvalidData)?;
        let (outer, inner) = hello.open(&self.keys);
        let (is_offered, is_public) = (outer.ech, outer.sni.as_deref() == Some(self.keys.public_name()));
        seen(outer);
        let (config, message) = match inner {
            Some(inner) => {
                let make = |provider| self.config(&self.hidden, provider);
                (confirm::confirming(&inner, make).ok_or(io::ErrorKind::InvalidData)?, inner)
            }
            None => {
                let cert = if is_public { &self.public } else { &self.hidden };
                let retry_configs = if is_offered { &*self.retry_configs } else { &[] };
                (self.config(cert, retry::giving(retry_configs)), message)
            }
        };
        let prefix = confirm::record(&message);
        TlsAcceptor::from(Arc::new(config)).accept(Prefixed { prefix, io }).await
    }

    fn config(&self, cert: &Cert, provider: CryptoProvider) -> ServerConfig {
        let mut config = cert.server_by(provider, self.clients.clone());
        config.alpn_protocols = self.alpn.iter().map(|name| name.as_bytes().to_vec()).collect();
        config.ticketer = Arc::clone(&self.tickets);
        config
    }
}

impl<I> Prefixed<I> {
    pub(crate) fn none(io: I) -> Self {
        Self { prefix: Vec::new(), io }
    }
}

impl<I: AsyncRead + Unpin> AsyncRead for Prefixed<I> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.prefix.is_empty() {
            return Pin::new(&mut self.io).poll_read(cx, buf);
        }
        let len = self.prefix.len().min(buf.remaining());
        buf.put_slice(&self.prefix[..len]);
        self.prefix.drain(..len);
        Poll::Ready(Ok(()))
    }
}

impl<I: AsyncWrite + Unpin> AsyncWrite for Prefixed<I> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.io).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(cx)
    }
}
