//! TLS for a connection stack: certificate verification, pinning, ALPN and session resumption, over rustls.
//!
//! [`TlsLayer`] stands above whatever connects, usually a tunnel, and below what speaks HTTP. A link to an `http`
//! origin passes through, as the same type and without a box. [`TlsConnector`] does the same for the proxies on the
//! way.
//!
//! Certificates are verified by this crate's own verifier, so that the path it found is known up to its anchor:
//! [`Pins`] hold for the path rather than for what the peer presented, and one connection may carry another host that
//! its certificate covers. Whichever [provider](TlsConfigBuilder::provider) of cryptography there is does the rest.
//!
//! # How it verifies
//!
//! One verifier and one identity serve all connections of a [`TlsConfig`], as rustls resumes a session only under
//! the very same `Arc`s. Neither is told for which connection it is asked, so each leaves what it saw in a
//! thread-local, which the future that makes the handshake empties within the same poll. Pins are compared on each
//! path that is found, its anchor included, and a path without a pinned key is passed over for another.
//!
//! A server's certificate that is one of the roots byte for byte ends the path itself, as with OpenSSL and Go, for the
//! system's roots as well as for given ones (of those that are built in the certificates aren't known). It may say
//! CA:TRUE, as what `openssl req -x509` makes does. Its names, its dates, what its key may be used for and pins are
//! checked like those of any other. One that isn't trusted is refused as [`TlsError::SelfSigned`].
//!
//! Sessions are kept apart by partition, name and port, and what was learned of the peer - path, pins, whether it
//! asked for a certificate - is kept beside its tickets: a resumed connection has the same facts as a first one,
//! and its pins are compared again. For that the configuration is cloned for each connection (a handful of `Arc`s).
//!
//! A bad certificate or pin is fatal: no other route is tried. An alert or a broken stream is not. The system's own
//! verifier (`Roots::Platform`) tells no path, so pins are compared with the leaf alone, and its connections
//! aren't coalesced.
//!
//! A proxy over TLS without a configuration of its own is verified by the roots of origins, and by the pins that
//! name it. It is never shown the identity that is for origins, and origins that need not be verified don't make it
//! trusted ([`TlsLayer::proxy_connector`]).
//!
//! Other stacks over rustls may verify and pin the same way, by [`TlsConfig::verifier`] or
//! [`TlsConfig::rustls_config`]. These stand alone: all is decided within rustls' own handshake.
//!
//! One lock guards the sessions of a configuration, and one what it has verified for other stacks. Where a
//! configuration [can be replaced](TlsLayer::replaceable), there is another for the present one, one for each
//! generation's list of connections, and one for each stream's wakers. None is held while somebody is told.
//!
//! # Encrypted Client Hello
//!
//! Where [`ConnectOptions::ech`](skybridge_core::ConnectOptions::ech) asks for it, the name of an origin is encrypted
//! (RFC 9849) with the keys of the HTTPS record that led to the endpoint, or with those that are [given for its
//! host](TlsConfigBuilder::ech_keys). It is off by default: who reads DNS in the clear reads the name there, a
//! middlebox that wants to know names breaks such connections, and keys that are out of date cost a round trip. It
//! needs TLS 1.3, and the feature `aws-lc-rs`, whatever the provider.
//!
//! A server that has other keys proves to be their public name, and gives its own: the same endpoint is connected to
//! once more, with those. They count for that connection alone. If it gives none that can be used, the name is sent in
//! the clear on another connection, unless that is forbidden; then, and where the second try fails too, the error is
//! [`TlsError::EchRejected`]. Where nothing is verified, that a server rejects keys proves nothing either: the error is
//! [`TlsError::EchPublicName`]. Keys whose public name is the origin's own are of no use. A connection whose keys were
//! rejected carries nothing, and is shown no client certificate.
//!
//! # By itself
//!
//! ```
//! use skybridge_core::{ConnectError, Connector, Protocol, Route, Target};
//! use skybridge_runtime::TokioRuntime;
//! use skybridge_tls::{Roots, TlsConfig, TlsLayer};
//! use tokio::net::TcpStream;
//! use tower::{Layer, service_fn};
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let ca = skybridge_testkit::certs::Ca::new("a root");
//! # let origin = skybridge_testkit::origin::Origin::h2c().tls(&ca.leaf(["a.test"])).start().await;
//! # let (root, pin, address) = (ca.der(), ca.pin(), origin.addr());
//! // `root` is a certificate in DER, `pin` the hash of its key, and `address` where a.test listens.
//! let below = service_fn(move |route: Route| async move {
//!     let stream = TcpStream::connect(address).await?;
//!     Ok::<_, ConnectError>(route.link(stream, address))
//! });
//!
//! let config = TlsConfig::builder().roots(Roots::Given(vec![root])).pin("**.a.test", &pin).build()?;
//! let target = Target::of(&"https://a.test/".parse()?, TokioRuntime::ctx())?;
//! let link = TlsLayer::new(config).layer(below).connect(Route::to(target, [address])).await?;
//! let tls = link.info.tls.as_ref().expect("it is https");
//! assert_eq!((tls.version, tls.alpn, tls.sni.as_deref()), (Some("1.3"), Some(Protocol::Http2), Some("a.test")));
//! assert_eq!(&*tls.pins[1], pin);
//! # Ok(())
//! # }
//! ```

mod again;
mod alpn;
mod anchors;
mod certificate_scope;
mod classify;
mod config;
mod described_path;
mod ech;
mod error;
mod fault;
mod foreign_sessions;
mod generation;
mod handle;
mod handshake;
mod handshake_capture;
mod identity;
mod invalid_certificate;
mod io;
mod layer;
mod learned;
mod metered;
mod ocsp;
mod outline;
mod path;
mod peer;
mod pins;
mod revocation;
mod service;
mod sessions;
mod skipped_root;
mod spec;
mod standalone;
mod subject;
mod tls_connect;
mod tls_connector;
mod tls_info;
mod trust_outline;
mod trusted_leaf;
mod turn;
mod verifier;
mod words;
mod x509;

pub use self::{
    config::{Roots, TlsConfig, TlsConfigBuilder, TlsConfigError, TlsVersion},
    error::TlsError,
    generation::OlderConnections,
    handle::TlsHandle,
    identity::{ClientIdentity, IdentityRequest},
    io::MaybeTls,
    layer::TlsLayer,
    outline::{EchOutline, SpecOutline, TlsOutline},
    pins::{Pin, PinError, PinMismatch, Pins},
    service::{Tls, TlsConnecting},
    sessions::{Session, SessionPeer, SessionStore},
    skipped_root::SkippedRoot,
    spec::{ConnectionSpec, FallbackFailed, SpecError},
    tls_connector::{ProxyTlsConnecting, TlsConnector},
    trust_outline::TrustOutline,
};
pub use rustls;

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExample;
