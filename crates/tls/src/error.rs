use crate::{Pin, PinMismatch, invalid_certificate::InvalidCertificate, ocsp::StapleFault, words, x509};
use der::DateTime;
use rustls::{
    AlertDescription,
    pki_types::{CertificateDer, UnixTime},
};
use skybridge_core::{Advice, BoxError, TlsAlert};
use std::{
    error::Error as StdError,
    fmt, io,
    time::{Duration, SystemTime},
};

/// Why a TLS handshake failed. No request was sent.
#[non_exhaustive]
pub enum TlsError {
    /// The certificate's issuer is not trusted.
    #[non_exhaustive]
    UnknownIssuer {
        /// The name that was to be verified.
        name: Box<str>,
        /// What the issuer calls itself, if that can be read. Nobody has vouched for that.
        issuer: Option<Box<str>>,
        /// Whether the peer has shown no other certificate: then it may be that only the intermediate one is missing.
        alone: bool,
    },
    /// The certificate is self-signed, and not one of the trusted roots.
    SelfSigned {
        /// The name that was to be verified.
        name: Box<str>,
    },
    /// The certificate is for other names.
    NotValidForName {
        /// The name that was to be verified.
        name: Box<str>,
        /// The names that the certificate is for.
        presented: Box<[Box<str>]>,
        /// The pin of its key.
        leaf: Pin,
    },
    /// A certificate on the path has expired, or the clock is wrong.
    #[non_exhaustive]
    Expired {
        /// The name that was to be verified.
        name: Box<str>,
        /// For how long it has been expired.
        ago: Duration,
        /// Until when it was valid.
        not_after: SystemTime,
        /// What the issuer calls itself whose certificate it is; `None`: it is the peer's own.
        issuer: Option<Box<str>>,
    },
    /// A certificate on the path is not valid yet, or the clock is wrong.
    #[non_exhaustive]
    NotYetValid {
        /// The name that was to be verified.
        name: Box<str>,
        /// How long until it becomes valid.
        ahead: Duration,
        /// From when on it is valid.
        not_before: SystemTime,
        /// What the issuer calls itself whose certificate it is; `None`: it is the peer's own.
        issuer: Option<Box<str>>,
    },
    /// A certificate on the path was revoked by its issuer: a list that was given says so, or the server itself.
    #[non_exhaustive]
    Revoked {
        /// The name that was to be verified.
        name: Box<str>,
        /// What the issuer calls itself whose certificate it is; `None`: it is the peer's own.
        issuer: Option<Box<str>>,
        /// Since when it is.
        since: Option<SystemTime>,
        /// Whether the server itself says so, by what it has stapled to its certificate.
        stapled: bool,
    },
    /// It can't be told whether a certificate on the path was revoked: the list of its issuer or what the server should
    /// staple is missing where it is required, has expired, or is badly signed.
    #[non_exhaustive]
    RevocationUnknown {
        /// The name that was to be verified.
        name: Box<str>,
        /// Whether it is about what is stapled, rather than about a list.
        stapled: bool,
        /// Why it can't be told.
        source: BoxError,
    },
    /// The certificate says of itself that its server staples to it that it isn't revoked (RFC 7633, must-staple), and
    /// this one hasn't. What it has stapled, but isn't good, is [`RevocationUnknown`](Self::RevocationUnknown).
    #[non_exhaustive]
    MustStaple {
        /// The name that was to be verified.
        name: Box<str>,
    },
    /// The certificate is invalid otherwise: malformed, badly signed, for another purpose.
    Certificate {
        /// The name that was to be verified.
        name: Box<str>,
        /// What is wrong.
        source: BoxError,
    },
    /// No key on the verified path matches a pin of the host.
    PinMismatch(Box<PinMismatch>),
    /// The peer chose a protocol by ALPN that it was not offered.
    UnknownProtocol {
        /// Its name, in characters that can be printed.
        chosen: Box<str>,
        /// What it was offered, in the order of preference.
        offered: Box<[Box<str>]>,
    },
    /// HTTP/2 is required, and the peer chose nothing by ALPN (RFC 9113, section 3.2).
    NoHttp2,
    /// Encrypted Client Hello was rejected (RFC 9849) by a server that proved to be the keys' public name. No other try
    /// is left, or was allowed.
    EchRejected {
        /// The name that stood in the clear.
        public_name: Box<str>,
        /// The `ECHConfigList` that the server gave. It counts for one more connection, not for later ones.
        retry_configs: Option<Box<[u8]>>,
    },
    /// Encrypted Client Hello was rejected by a server that could not prove to be the keys' public name, so nothing
    /// that it says about keys counts.
    EchPublicName {
        /// The name that stood in the clear.
        public_name: Box<str>,
        /// What is wrong with its certificate.
        source: Box<TlsError>,
    },
    /// The name must be encrypted ([`EchMode::Require`](skybridge_core::EchMode)), and no usable keys are known:
    /// nothing was sent.
    EchRequired {
        /// The name.
        name: Box<str>,
        /// Why the keys that are known can't be used.
        source: Option<rustls::Error>,
    },
    /// The name to verify is neither a DNS name nor an IP address.
    NotAName(Box<str>),
    /// The peer asked for a certificate of the client, was shown none, and refused the handshake with this alert. In
    /// TLS 1.2 many peers have no better word for it than `handshake_failure` (RFC 5246, section 7.4.6).
    NoClientCertificate(TlsAlert),
    /// The handshake failed: an alert, no common version or cipher suite, a client certificate that the peer rejects,
    /// or a peer that doesn't speak TLS.
    Handshake(rustls::Error),
    /// The stream below failed.
    Io(io::Error),
}

/// Whether the peer ended the connection, in whichever way.
fn is_ended(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), UnexpectedEof | ConnectionReset | ConnectionAborted | BrokenPipe)
}

impl TlsError {
    /// Whether the peer's certificate was rejected.
    pub fn is_certificate(&self) -> bool {
        matches!(
            self,
            Self::UnknownIssuer { .. }
                | Self::SelfSigned { .. }
                | Self::NotValidForName { .. }
                | Self::Expired { .. }
                | Self::NotYetValid { .. }
                | Self::Revoked { .. }
                | Self::RevocationUnknown { .. }
                | Self::MustStaple { .. }
                | Self::Certificate { .. }
        )
    }

    /// Whether it was rejected for what is stapled to it (OCSP), or because nothing is.
    pub fn is_staple(&self) -> bool {
        match self {
            Self::Revoked { stapled, .. } | Self::RevocationUnknown { stapled, .. } => *stapled,
            _ => matches!(self, Self::MustStaple { .. }),
        }
    }

    pub(crate) fn of_staple(fault: StapleFault, name: &str) -> Self {
        match fault {
            StapleFault::Revoked(since) => {
                Self::Revoked { name: name.into(), issuer: None, since: unix(since), stapled: true }
            }
            StapleFault::Promised => Self::MustStaple { name: name.into() },
            fault => {
                let source = InvalidCertificate::Staple(fault).into();
                Self::RevocationUnknown { name: name.into(), stapled: true, source }
            }
        }
    }

    /// Whether the peer's pins were rejected.
    pub fn is_pin(&self) -> bool {
        matches!(self, Self::PinMismatch(_))
    }

    pub(crate) fn rejected(public_name: Option<&str>, retry_configs: Option<Box<[u8]>>) -> Self {
        Self::EchRejected { public_name: public_name.unwrap_or_default().into(), retry_configs }
    }

    /// The same of a handshake that sent a public name beside the encrypted one: that is what the peer is verified by
    /// when it rejects the other.
    pub(crate) fn beside(self, public_name: &str, name: &str) -> Self {
        let is_public = |verified: &str| verified == public_name && verified != name;
        match self {
            Self::EchRejected { retry_configs, .. } => Self::rejected(Some(public_name), retry_configs),
            error if error.verified_name().is_some_and(is_public) => {
                Self::EchPublicName { public_name: public_name.into(), source: error.into() }
            }
            error => error,
        }
    }

    /// The same of a handshake in which the peer asked for a certificate of the client, and was shown none.
    pub(crate) fn after_showing_none(self) -> Self {
        match self {
            Self::Handshake(rustls::Error::AlertReceived(alert))
                if alert == AlertDescription::HandshakeFailure || words::alert(alert).is_certificate() =>
            {
                Self::NoClientCertificate(words::alert(alert))
            }
            error => error,
        }
    }

    /// The same of a peer that nobody has verified: whoever is on the way could be it, and give keys of its own.
    pub(crate) fn unproven(self) -> Self {
        match self {
            Self::EchRejected { public_name, .. } => {
                let (name, source) = (public_name.clone(), "nothing about it is verified".into());
                Self::EchPublicName { public_name, source: Self::Certificate { name, source }.into() }
            }
            error => error,
        }
    }

    /// Adds what the certificates say that the peer has shown.
    pub(crate) fn of_chain(self, leaf: &[u8], others: &[CertificateDer<'_>]) -> Self {
        match self {
            Self::UnknownIssuer { name, .. } => {
                let issuer = x509::issuer(leaf).filter(|issuer| !issuer.is_empty()).map(Into::into);
                Self::UnknownIssuer { name, issuer, alone: others.is_empty() }
            }
            Self::Expired { name, ago, not_after, .. } => {
                let issuer = issuer_with(leaf, others, |validity| unix(validity.not_after) == Some(not_after));
                Self::Expired { name, ago, not_after, issuer }
            }
            Self::NotYetValid { name, ahead, not_before, .. } => {
                let issuer = issuer_with(leaf, others, |validity| unix(validity.not_before) == Some(not_before));
                Self::NotYetValid { name, ahead, not_before, issuer }
            }
            error => error,
        }
    }

    /// The name that the peer failed to prove.
    fn verified_name(&self) -> Option<&str> {
        match self {
            Self::UnknownIssuer { name, .. }
            | Self::SelfSigned { name }
            | Self::NotValidForName { name, .. }
            | Self::Expired { name, .. }
            | Self::NotYetValid { name, .. }
            | Self::Revoked { name, .. }
            | Self::RevocationUnknown { name, .. }
            | Self::MustStaple { name }
            | Self::Certificate { name, .. } => Some(name),
            Self::PinMismatch(mismatch) => Some(&mismatch.host),
            _ => None,
        }
    }

    /// Why, in short, where the peer is named already: `certificate expired 12 days ago`. `None` when that takes all
    /// errors behind this one.
    pub(crate) fn in_short(&self) -> Option<String> {
        Some(match self {
            Self::UnknownIssuer { issuer, alone, .. } => {
                let who = issuer.as_ref().map(|issuer| format!(" `{issuer}`")).unwrap_or_default();
                let alone = if *alone { ", and the peer sent no intermediate certificate" } else { "" };
                format!("certificate issuer{who} is not trusted{alone}")
            }
            Self::SelfSigned { .. } => "certificate is self-signed, and not trusted".to_owned(),
            Self::NotValidForName { name, presented, .. } => {
                format!("certificate is for {}, not for {name}", Names(presented))
            }
            Self::Expired { ago, not_after, issuer, .. } => {
                format!("certificate{} expired {} ago, on {}", Of(issuer), Age(*ago), Day(*not_after))
            }
            Self::NotYetValid { ahead, not_before, issuer, .. } => {
                format!(
                    "certificate{} is not valid for another {}, until {}",
                    Of(issuer),
                    Age(*ahead),
                    Day(*not_before)
                )
            }
            Self::Revoked { issuer, since, .. } => format!("certificate{} was revoked{}", Of(issuer), Since(since)),
            Self::RevocationUnknown { source, .. } => {
                format!("it can't be told whether the certificate was revoked: {source}")
            }
            Self::MustStaple { .. } => {
                "certificate must be stapled (OCSP), as it says itself, and the server has stapled nothing to it"
                    .to_owned()
            }
            Self::Certificate { source, .. } => format!("certificate is invalid: {source}"),
            Self::PinMismatch(_) => "none of the keys that vouch for the peer is pinned".to_owned(),
            Self::Io(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                "the peer closed the connection during the handshake".to_owned()
            }
            Self::Io(_) => return None,
            Self::EchPublicName { source, .. } => {
                format!("{self}: {}", source.in_short().unwrap_or_else(|| source.to_string()))
            }
            Self::EchRequired { source: Some(error), .. } => format!("{self}: {}", words::of_handshake(error)),
            error => error.to_string(),
        })
    }

    /// What it means.
    pub(crate) fn advice(&self) -> Option<Advice> {
        Some(match self {
            Self::UnknownIssuer { alone: true, .. } => Advice::MissingIntermediate,
            Self::UnknownIssuer { .. } => Advice::UnknownIssuer,
            Self::SelfSigned { .. } => Advice::SelfSigned,
            Self::NotValidForName { .. } => Advice::WrongName,
            Self::Expired { .. } => Advice::Expired,
            Self::NotYetValid { .. } => Advice::NotYetValid,
            Self::Revoked { .. } => Advice::Revoked,
            Self::RevocationUnknown { .. } => Advice::RevocationUnknown,
            Self::MustStaple { .. } => Advice::MustStaple,
            Self::Certificate { .. } => Advice::UnfitCertificate,
            Self::PinMismatch(_) => Advice::Pins,
            Self::Handshake(rustls::Error::InvalidMessage(rustls::InvalidMessage::InvalidContentType)) => {
                Advice::NotTls
            }
            Self::NoClientCertificate(_) => Advice::ClientCertificate,
            Self::Handshake(rustls::Error::AlertReceived(alert)) if words::alert(*alert).is_certificate() => {
                Advice::ClientCertificate
            }
            Self::Handshake(
                rustls::Error::AlertReceived(rustls::AlertDescription::NoApplicationProtocol)
                | rustls::Error::NoApplicationProtocol,
            ) => Advice::NoCommonProtocol,
            Self::Handshake(rustls::Error::AlertReceived(rustls::AlertDescription::UnrecognisedName)) => {
                Advice::WrongName
            }
            // Others say nothing of versions: a server may lack a certificate for the name (internal_error).
            Self::Handshake(
                rustls::Error::AlertReceived(
                    rustls::AlertDescription::HandshakeFailure
                    | rustls::AlertDescription::ProtocolVersion
                    | rustls::AlertDescription::InsufficientSecurity,
                )
                | rustls::Error::PeerIncompatible(_),
            ) => Advice::NothingInCommon,
            Self::NoHttp2 => Advice::NotHttp2,
            Self::Io(error) if is_ended(error) => Advice::TlsEnded,
            error if error.is_ech() => Advice::Ech,
            _ => return None,
        })
    }

    /// Whether no other route may be tried: it would only find somebody else who can't prove to be this peer.
    pub(crate) fn is_fatal(&self) -> bool {
        !self.is_ech() && !matches!(self, Self::Handshake(_) | Self::NoClientCertificate(_) | Self::Io(_))
    }

    /// Whether the origin's name would have had to be sent in the clear: Encrypted Client Hello was rejected, or is
    /// required where no keys are known.
    pub fn is_ech(&self) -> bool {
        matches!(self, Self::EchRejected { .. } | Self::EchPublicName { .. } | Self::EchRequired { .. })
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownIssuer { name, issuer, .. } => {
                let issuer = issuer.as_ref().map(|issuer| format!(" `{issuer}`")).unwrap_or_default();
                write!(f, "the issuer{issuer} of the certificate of {name} is not trusted")
            }
            Self::SelfSigned { name } => write!(f, "the certificate of {name} is self-signed, and not trusted"),
            Self::NotValidForName { name, presented, leaf } => {
                write!(f, "the certificate is not valid for {name}, but for ")?;
                write!(f, "{} ({leaf})", Names(presented))
            }
            Self::Expired { name, ago, not_after, issuer } => {
                let (whose, ago, day) = (Whose(name, issuer), Age(*ago), Day(*not_after));
                write!(f, "the certificate of {whose} expired {ago} ago, on {day}")
            }
            Self::NotYetValid { name, ahead, not_before, issuer } => {
                let (whose, ahead, day) = (Whose(name, issuer), Age(*ahead), Day(*not_before));
                write!(f, "the certificate of {whose} is not valid for another {ahead}, until {day}")
            }
            Self::Revoked { name, issuer, since, .. } => {
                write!(f, "the certificate of {} was revoked{}", Whose(name, issuer), Since(since))
            }
            Self::RevocationUnknown { name, .. } => {
                write!(f, "it can't be told whether the certificate of {name} was revoked")
            }
            Self::MustStaple { name } => write!(
                f,
                "the certificate of {name} must be stapled (OCSP), as it says itself, and the server has stapled nothing \
                 to it"
            ),
            Self::Certificate { name, .. } => write!(f, "the certificate of {name} is invalid"),
            Self::PinMismatch(_) => f.write_str("the peer's keys don't match its pins"),
            Self::UnknownProtocol { chosen, offered } => {
                write!(f, "the peer chose the protocol `{chosen}` by ALPN, and was offered {}", offered.join(" and "))
            }
            Self::NoHttp2 => f.write_str("HTTP/2 is required, and the peer did not choose it by ALPN"),
            Self::EchRejected { public_name, .. } => {
                write!(f, "the server of the public name {public_name} rejected Encrypted Client Hello")
            }
            Self::EchPublicName { public_name, .. } => {
                write!(
                    f,
                    "Encrypted Client Hello was rejected, and the server is not that of its public name {public_name}"
                )
            }
            Self::EchRequired { name, source: None } => {
                write!(f, "no keys are known to encrypt the name {name} with, as Encrypted Client Hello would")
            }
            Self::EchRequired { name, .. } => {
                write!(f, "the keys to encrypt the name {name} with, as Encrypted Client Hello would, can't be used")
            }
            Self::NotAName(name) => write!(f, "`{name}` is not a name that a certificate can be issued for"),
            Self::NoClientCertificate(alert) => {
                write!(f, "the peer asked for a certificate of the client, and got none (alert {})", alert.name())
            }
            Self::Handshake(error) => f.write_str(&words::of_handshake(error)),
            Self::Io(_) => f.write_str("the connection failed during the TLS handshake"),
        }
    }
}

impl fmt::Debug for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&skybridge_core::OneLine(self), f)
    }
}

impl StdError for TlsError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Certificate { source, .. } | Self::RevocationUnknown { source, .. } => Some(&**source),
            Self::PinMismatch(mismatch) => Some(&**mismatch),
            Self::EchRequired { source: Some(error), .. } => Some(error),
            Self::EchPublicName { source, .. } => Some(&**source),
            // Their words are this level's.
            Self::Handshake(_) | Self::NoClientCertificate(_) => None,
            Self::Io(error) => Some(error),
            _ => None,
        }
    }
}

/// The issuer whose certificate has such dates, unless the peer's own has them.
fn issuer_with(leaf: &[u8], others: &[CertificateDer<'_>], has: impl Fn(x509::Validity) -> bool) -> Option<Box<str>> {
    let has = |certificate: &[u8]| x509::validity(certificate).is_some_and(&has);
    let issuer = others.iter().find(|_| !has(leaf)).and_then(|_| others.iter().find(|other| has(other)))?;
    Some(x509::subject(issuer).unwrap_or_default().into())
}

fn unix(time: UnixTime) -> Option<SystemTime> {
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(time.as_secs()))
}

/// How many names of a certificate are printed.
const MOST_NAMES: usize = 4;

/// The names that a certificate is for.
struct Names<'a>(&'a [Box<str>]);

impl fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, name) in self.0.iter().take(MOST_NAMES).enumerate() {
            write!(f, "{}{name}", if i == 0 { "" } else { ", " })?;
        }
        match self.0.len() {
            0 => f.write_str("no name (a common name doesn't count)"),
            all if all > MOST_NAMES => write!(f, " and {} more", all - MOST_NAMES),
            _ => Ok(()),
        }
    }
}

/// The peer, or an issuer of it.
struct Whose<'a>(&'a str, &'a Option<Box<str>>);

impl fmt::Display for Whose<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1 {
            None => f.write_str(self.0),
            Some(issuer) => write!(f, "the issuer `{issuer}` of {}", self.0),
        }
    }
}

/// The same where the peer is named already.
struct Of<'a>(&'a Option<Box<str>>);

impl fmt::Display for Of<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.as_ref().map_or(Ok(()), |issuer| write!(f, " of the issuer `{issuer}`"))
    }
}

/// A day, if it is known.
struct Since<'a>(&'a Option<SystemTime>);

impl fmt::Display for Since<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |since| write!(f, " on {}", Day(since)))
    }
}

/// A day in UTC.
struct Day(SystemTime);

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since = self.0.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        match DateTime::from_unix_duration(since) {
            Ok(time) => write!(f, "{:04}-{:02}-{:02}", time.year(), time.month(), time.day()),
            Err(_) => f.write_str("a day that no calendar has"),
        }
    }
}

/// A duration in its largest whole unit.
struct Age(Duration);

impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        let units = [(86_400, "day"), (3_600, "hour"), (60, "minute"), (1, "second")];
        let fits = |(length, _): &&(u64, &str)| seconds >= *length;
        let (length, unit) = units.iter().find(fits).copied().unwrap_or((1, "second"));
        let count = seconds / length;
        write!(f, "{count} {unit}{}", if count == 1 { "" } else { "s" })
    }
}
