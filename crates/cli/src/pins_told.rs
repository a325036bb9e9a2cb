//! What `pins` prints of a server, for people and as a line of JSON.

use crate::{
    certificate::{self, CertificateReport},
    fault::Fault,
};
use serde::Serialize;
use skybridge::types::{Certificate, Origin, TlsInfo};
use std::{fmt, time::SystemTime};

/// What is known of a server's keys.
pub(crate) struct Told {
    seen: Option<Seen>,
    /// Why it isn't verified, or can't be told.
    fault: Option<Fault>,
}

struct Seen {
    host: String,
    origin: String,
    is_verified: bool,
    /// The verified path; otherwise what was presented.
    certificates: Vec<Certificate>,
    now: SystemTime,
}

#[derive(Serialize)]
pub(crate) struct PinsReport<'a> {
    url: &'a str,
    origin: Option<&'a str>,
    verified: bool,
    path: Vec<CertificateReport>,
    presented: Vec<CertificateReport>,
    paste: Option<Paste>,
    error: Option<&'a Fault>,
}

/// The lines that pin the server's own key.
#[derive(Serialize)]
struct Paste {
    rust: String,
    cli: String,
    curl: String,
}

impl Told {
    pub(crate) fn verified(origin: &Origin, tls: &TlsInfo) -> Self {
        Self { seen: Some(Seen::new(origin, true, tls.path())), fault: None }
    }

    pub(crate) fn unverified(origin: &Origin, tls: &TlsInfo, fault: Fault) -> Self {
        Self { seen: Some(Seen::new(origin, false, tls.certificates())), fault: Some(fault) }
    }

    pub(crate) fn failed(fault: Fault) -> Self {
        Self { seen: None, fault: Some(fault) }
    }

    pub(crate) fn fault(&self) -> Option<&Fault> {
        self.fault.as_ref()
    }

    /// Whether the server has shown any keys.
    pub(crate) fn is_seen(&self) -> bool {
        self.seen.is_some()
    }

    pub(crate) fn report<'a>(&'a self, url: &'a str) -> PinsReport<'a> {
        let all = |seen: &Seen| seen.certificates.iter().cloned().map(CertificateReport::of).collect();
        let (verified, unverified) = match &self.seen {
            Some(seen) if seen.is_verified => (Some(seen), None),
            seen => (None, seen.as_ref()),
        };
        PinsReport {
            url,
            origin: self.seen.as_ref().map(|seen| &*seen.origin),
            verified: verified.is_some(),
            path: verified.map(all).unwrap_or_default(),
            presented: unverified.map(all).unwrap_or_default(),
            paste: self.seen.as_ref().and_then(Seen::paste),
            error: self.fault.as_ref(),
        }
    }
}

impl Seen {
    #[expect(clippy::disallowed_methods, reason = "dates of certificates are told beside today")]
    fn new(origin: &Origin, is_verified: bool, certificates: Vec<Certificate>) -> Self {
        let host = origin.ip().map_or_else(|| origin.name().to_owned(), |address| address.to_string());
        Self { host, origin: origin.to_string(), is_verified, certificates, now: SystemTime::now() }
    }

    fn paste(&self) -> Option<Paste> {
        let (host, pin) = (&self.host, self.certificates.first()?.pin.as_deref()?);
        Some(Paste {
            rust: format!(".pin({host:?}, {pin:?})"),
            cli: format!("--pin '{host}={pin}'"),
            curl: format!("--pinnedpubkey '{}'", pin.replacen('/', "//", 1)),
        })
    }
}

impl fmt::Display for Told {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(seen) = &self.seen else { return Ok(()) };
        let what = if seen.is_verified { "the verified path" } else { "NOT verified; what it presents" };
        writeln!(f, "{}: {what}:", seen.origin)?;
        for certificate in &seen.certificates {
            writeln!(f, "  {}", certificate.pin.as_deref().unwrap_or("its key can't be read"))?;
            let is_anchor = certificate.der.is_empty();
            let of = if is_anchor { certificate::subject(certificate) } else { certificate.to_string() };
            writeln!(f, "    {of}{}", if is_anchor { ", a trusted root" } else { "" })?;
            if !is_anchor {
                writeln!(f, "    {}", certificate::validity(certificate, seen.now))?;
            }
        }
        let Some(Paste { rust, cli, curl }) = seen.paste() else { return Ok(()) };
        f.write_str(if seen.is_verified {
            "to pin the first, or with its pin another of them:\n"
        } else {
            "to pin the first, which doesn't make it trusted:\n"
        })?;
        write!(f, "  Rust       {rust}\n  skybridge  {cli}\n  curl       {curl}\n")?;
        f.write_str(
            "pin a second key as well, which is kept in a safe: with one alone, a lost key locks all its clients out\n",
        )
    }
}
