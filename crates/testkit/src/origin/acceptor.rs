//! How an origin accepts TLS.

use crate::{
    certs::Cert,
    ech::{self, EchKeys, EchServer, OuterHello, Prefixed},
};
use rustls::{HandshakeKind, ProtocolVersion, RootCertStore, ServerConnection, pki_types::CertificateDer};
use std::{io, sync::Arc};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

/// A handshake that an [`Origin`](super::Origin) completed.
#[derive(Clone, Debug)]
pub struct Handshake {
    /// Its connection, from 0.
    pub connection: usize,
    /// The name that the client sent.
    pub sni: Option<String>,
    /// The ALPN protocol.
    pub alpn: Option<String>,
    /// `1.2`, `1.3`.
    pub version: &'static str,
    /// Whether a session was resumed.
    pub resumed: bool,
    /// The client's certificates, its own first.
    pub client: Vec<CertificateDer<'static>>,
}

/// The TLS settings of an origin.
#[derive(Clone)]
pub(super) struct OriginTls {
    cert: Cert,
    /// The root of its certificate, if that was made for it.
    pub(super) root: Option<CertificateDer<'static>>,
    /// Who vouches for clients, and whether each must show a certificate.
    pub(super) clients: Option<(CertificateDer<'static>, bool)>,
    pub(super) alpn: Vec<String>,
    /// What it chooses whatever it is offered.
    pub(super) chooses: Option<String>,
    pub(super) versions: &'static [&'static rustls::SupportedProtocolVersion],
    /// Its keys, the certificate of their public name, and what it says its keys are.
    pub(super) ech: Option<(EchKeys, Cert, Vec<u8>)>,
}

/// Accepts TLS connections.
#[derive(Clone)]
pub(super) enum Acceptor {
    Tls(TlsAcceptor),
    Ech(Arc<EchServer>),
}

// === impl OriginTls ===

impl OriginTls {
    pub(super) fn new(cert: &Cert, http2: bool) -> Self {
        let alpn: &[&str] = if http2 { &["h2", "http/1.1"] } else { &["http/1.1"] };
        let alpn = alpn.iter().map(|name| (*name).to_owned()).collect();
        Self {
            cert: cert.clone(),
            root: None,
            clients: None,
            alpn,
            chooses: None,
            versions: rustls::ALL_VERSIONS,
            ech: None,
        }
    }

    pub(super) fn acceptor(&self) -> Acceptor {
        let clients = self.clients.clone().map(|(root, required)| {
            let mut roots = RootCertStore::empty();
            roots.add(root).unwrap_or_else(|error| panic!("client root: {error}"));
            (Arc::new(roots), required)
        });
        if let Some((keys, public, retry_configs)) = &self.ech {
            let server = EchServer::new(keys, public, &self.cert, retry_configs, clients, &self.alpn);
            return Acceptor::Ech(Arc::new(server));
        }
        if let Some(name) = &self.chooses {
            return Acceptor::Tls(Arc::new(self.cert.server_by(ech::choosing(name), clients)).into());
        }
        let alpn: Vec<&str> = self.alpn.iter().map(String::as_str).collect();
        Acceptor::Tls(Arc::new(self.cert.server_for(clients, self.versions, &alpn)).into())
    }
}

// === impl Acceptor ===

impl Acceptor {
    pub(super) async fn accept<I>(&self, io: I, seen: impl FnOnce(OuterHello)) -> io::Result<TlsStream<Prefixed<I>>>
    where
        I: AsyncRead + AsyncWrite + Unpin,
    {
        match self {
            Self::Tls(tls) => tls.accept(Prefixed::none(io)).await,
            Self::Ech(server) => server.accept(io, seen).await,
        }
    }
}

// === impl Handshake ===

impl Handshake {
    pub(super) fn of(connection: usize, tls: &ServerConnection) -> Self {
        let version = if tls.protocol_version() == Some(ProtocolVersion::TLSv1_2) { "1.2" } else { "1.3" };
        Self {
            connection,
            sni: tls.server_name().map(str::to_owned),
            alpn: tls.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned()),
            version,
            resumed: tls.handshake_kind() == Some(HandshakeKind::Resumed),
            client: tls.peer_certificates().unwrap_or_default().to_vec(),
        }
    }
}
