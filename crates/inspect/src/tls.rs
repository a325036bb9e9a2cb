//! What is known of a connection's TLS, in words and as JSON.

use crate::text::{array, count, human, since};
use skybridge_core::{Certificate, EchStatus, Protocol, SubjectName, TlsInfo, Trust};
use skybridge_trace::{JsonObject, iso8601};
use std::{
    cell::Cell,
    time::{Instant, SystemTime},
};

/// The most names of a certificate that are shown.
const NAMES: usize = 10;

/// How many more certificates are read for one page: each is parsed anew.
pub(crate) struct Certificates(Cell<usize>);

// === impl Certificates ===

impl Certificates {
    pub(crate) fn at_most(number: usize) -> Self {
        Self(Cell::new(number))
    }

    /// The peer's own.
    fn of(&self, tls: &TlsInfo) -> Option<Certificate> {
        self.0.set(self.0.get().checked_sub(1)?);
        tls.certificates().into_iter().next()
    }
}

/// The lines of the page: how it is encrypted, and who the peer is.
pub(crate) fn lines(tls: &TlsInfo, read: &Certificates, now: Instant) -> [String; 2] {
    let mut facts = vec![format!("TLS {}", tls.version.unwrap_or("of a version that isn't known"))];
    facts.extend(tls.cipher.map(str::to_owned));
    facts.extend(tls.group.map(str::to_owned));
    facts.extend(tls.alpn.map(|alpn| format!("ALPN {}", id(alpn))));
    facts.extend(tls.sni.as_deref().map(|name| format!("name sent {name}")));
    facts.extend((tls.ech != EchStatus::None).then(|| format!("ECH {}", tls.ech.name())));
    facts.extend(tls.spec().map(|spec| format!("spec {spec}")));
    facts.extend(tls.resumed.then(|| "resumed".to_owned()));
    facts.extend(tls.client_auth.then(|| "with a client certificate".to_owned()));
    let mut peer = match read.of(tls) {
        Some(certificate) => about(&certificate),
        None => "certificate not known".to_owned(),
    };
    if let Some(until) = tls.valid_until {
        peer += &match since(now, until) {
            left if left.is_zero() => "; its path has expired".to_owned(),
            left => format!("; its path expires in {}", human(left)),
        };
    }
    if tls.trust != Trust::Verified {
        peer += "; not verified by skybridge";
    }
    [facts.join(", "), peer]
}

fn about(certificate: &Certificate) -> String {
    let names = certificate.names.as_deref().unwrap_or_default();
    let mut text = match names {
        [] => format!("certificate of {}", certificate.subject.as_deref().unwrap_or("nobody that can be read")),
        names => {
            let shown: Vec<_> = names.iter().take(NAMES).map(name).collect();
            format!("certificate for {}", shown.join(", "))
        }
    };
    match names.len().saturating_sub(NAMES).saturating_add(certificate.more_names) {
        0 => {}
        more => text += &format!(" and {}", count(more, "more name")),
    }
    if let Some(issuer) = certificate.issuer.as_deref().filter(|issuer| !issuer.is_empty()) {
        text += &format!(", issued by {issuer}");
    }
    text + &certificate.not_after.map(|until| format!(", until {}", day(until))).unwrap_or_default()
}

pub(crate) fn json(tls: &TlsInfo, read: &Certificates, now: Instant) -> String {
    let mut object = JsonObject::new();
    let texts = [
        ("version", tls.version),
        ("cipher", tls.cipher),
        ("group", tls.group),
        ("alpn", tls.alpn.map(id)),
        ("sni", tls.sni.as_deref()),
        ("ech", Some(tls.ech.name())),
        ("spec", tls.spec()),
    ];
    texts.into_iter().filter_map(|(name, text)| Some((name, text?))).for_each(|(name, text)| object.text(name, text));
    object.raw("resumed", tls.resumed);
    object.raw("client_auth", tls.client_auth);
    object.raw("fips", tls.is_fips());
    object.raw("verified", tls.trust == Trust::Verified);
    object.maybe("valid_for_us", tls.valid_until.map(|until| since(now, until).as_micros()));
    let certificate = read.of(tls).map(|certificate| {
        let mut object = JsonObject::new();
        let texts = [("subject", &certificate.subject), ("issuer", &certificate.issuer)];
        texts.into_iter().for_each(|(name, text)| _ = text.as_ref().map(|text| object.text(name, text)));
        let names = certificate.names.as_deref().unwrap_or_default();
        object.raw("names", array(names.iter().take(NAMES).map(|one| JsonObject::quoted(&name(one)))));
        object.raw("more_names", names.len().saturating_sub(NAMES).saturating_add(certificate.more_names));
        for (name, at) in [("not_before", certificate.not_before), ("not_after", certificate.not_after)] {
            at.into_iter().for_each(|at| object.text(name, &iso8601(at)));
        }
        object.end()
    });
    object.raw("certificate", certificate.as_deref().unwrap_or("null"));
    object.end()
}

fn name(name: &SubjectName) -> String {
    match name {
        SubjectName::Dns(host) => host.to_string(),
        SubjectName::Ip(address) => address.to_string(),
        other => other.to_string(),
    }
}

/// The identifier of ALPN (RFC 7301).
fn id(protocol: Protocol) -> &'static str {
    match protocol {
        Protocol::Http2 => "h2",
        _ => "http/1.1",
    }
}

fn day(at: SystemTime) -> String {
    iso8601(at).chars().take_while(|c| *c != 'T').collect()
}
