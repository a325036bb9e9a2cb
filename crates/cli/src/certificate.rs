//! What a peer's certificates say: for `-v`, `--report`, and `-w` as curl writes it.

use serde::Serialize;
use skybridge::types::{Certificate, TlsInfo, Trust};
use skybridge_trace::iso8601;
use std::time::{Duration, SystemTime};

/// The most names of one certificate that `-v` prints.
const NAMES: usize = 8;
const UNREAD: &str = "can't be read";

/// One of the list that the peer has presented.
#[derive(Clone, Serialize)]
pub(crate) struct CertificateReport {
    subject: Option<Box<str>>,
    issuer: Option<Box<str>>,
    names: Option<Vec<String>>,
    more_names: usize,
    not_before: Option<String>,
    not_after: Option<String>,
    key: Option<Key>,
    signature_algorithm: Option<Box<str>>,
    serial: Option<Box<str>>,
    pin: Option<Box<str>>,
    is_ca: Option<bool>,
}

#[derive(Clone, Serialize)]
struct Key {
    algorithm: String,
    bits: Option<u32>,
}

impl CertificateReport {
    pub(crate) fn all(tls: &TlsInfo) -> Vec<Self> {
        tls.certificates().into_iter().map(Self::of).collect()
    }

    pub(crate) fn of(certificate: Certificate) -> Self {
        let names = certificate.names.as_ref().map(|names| names.iter().map(ToString::to_string).collect());
        Self {
            names,
            more_names: certificate.more_names,
            not_before: certificate.not_before.map(iso8601),
            not_after: certificate.not_after.map(iso8601),
            key: certificate.key.map(|key| Key { algorithm: key.algorithm.into_owned(), bits: key.bits }),
            subject: certificate.subject,
            issuer: certificate.issuer,
            signature_algorithm: certificate.signature_algorithm,
            serial: certificate.serial,
            pin: certificate.pin,
            is_ca: certificate.is_ca,
        }
    }
}

/// The lines of `-v` about the TLS with this host.
pub(crate) fn lines(tls: &TlsInfo, host: &str, now: SystemTime) -> Vec<String> {
    let certificates = tls.certificates();
    let Some((leaf, others)) = certificates.split_first() else { return Vec::new() };
    let text = |field: &Option<Box<str>>| field.as_deref().unwrap_or(UNREAD).to_owned();
    let checked = if tls.trust == Trust::Verified { "verified" } else { "NOT verified" };
    let mut lines = vec![format!("certificate of {host} ({checked}):")];
    if leaf.subject.as_deref() != Some("") {
        lines.push(format!("  subject: {}", text(&leaf.subject)));
    }
    lines.push(format!("  names: {}", names(leaf, host)));
    lines.push(format!("  issuer: {}", text(&leaf.issuer)));
    lines.push(format!("  valid: {}", validity(leaf, now)));
    let key = leaf.key.as_ref().map_or_else(|| UNREAD.to_owned(), ToString::to_string);
    lines.push(format!("  key: {key}, signed with {}", text(&leaf.signature_algorithm)));
    lines.push(match others.len() {
        0 => "  sent alone".to_owned(),
        1 => "  sent with another:".to_owned(),
        others => format!("  sent with {others} others:"),
    });
    lines.extend(others.iter().map(|other| format!("    {other}, {}", expiry(other, now))));
    lines
}

/// Whose it is.
pub(crate) fn subject(certificate: &Certificate) -> String {
    certificate.subject.as_deref().unwrap_or(UNREAD).to_owned()
}

/// Those that are for the host first.
fn names(certificate: &Certificate, host: &str) -> String {
    let Some(names) = &certificate.names else { return UNREAD.to_owned() };
    let (matching, others): (Vec<_>, Vec<_>) = names.iter().partition(|name| name.is_for(host));
    let all = matching.len() + others.len() + certificate.more_names;
    if all == 0 {
        return "none".to_owned();
    }
    let marked = matching.iter().map(|name| format!("{name} (matches)"));
    let mut told: Vec<_> = marked.chain(others.iter().map(ToString::to_string)).take(NAMES).collect();
    if all > told.len() {
        told.push(format!("and {} more", all - told.len()));
    }
    let none = if matching.is_empty() && certificate.more_names == 0 { " (NONE matches)" } else { "" };
    told.join(", ") + none
}

pub(crate) fn validity(certificate: &Certificate, now: SystemTime) -> String {
    let (Some(from), Some(until)) = (certificate.not_before, certificate.not_after) else { return UNREAD.to_owned() };
    format!("from {} to {}, {}", seconds(from), seconds(until), expiry(certificate, now))
}

/// `2026-11-28 09:14:15 UTC`
fn seconds(time: SystemTime) -> String {
    let date = iso8601(time).replacen('T', " ", 1);
    format!("{} UTC", date.split_once('.').map_or(&*date, |(seconds, _)| seconds))
}

fn expiry(certificate: &Certificate, now: SystemTime) -> String {
    let (Some(from), Some(until)) = (certificate.not_before, certificate.not_after) else {
        return format!("its dates {UNREAD}");
    };
    if let Ok(ahead) = from.duration_since(now)
        && ahead > Duration::ZERO
    {
        return format!("not valid for another {}", days(ahead));
    }
    match until.duration_since(now) {
        Ok(left) => format!("expires in {}", days(left)),
        Err(past) => format!("EXPIRED {} ago", days(past.duration())),
    }
}

fn days(time: Duration) -> String {
    let (number, unit) = match time.as_secs() {
        ..120 => (time.as_secs(), "second"),
        seconds @ 120..7_200 => (seconds / 60, "minute"),
        seconds @ 7_200..172_800 => (seconds / 3_600, "hour"),
        seconds => (seconds / 86_400, "day"),
    };
    format!("{number} {unit}{}", if number == 1 { "" } else { "s" })
}

/// `%{certs}`: lines of names and values, and each certificate as PEM.
pub(crate) fn as_curl(tls: &TlsInfo) -> String {
    tls.certificates().iter().map(one_as_curl).collect()
}

fn one_as_curl(certificate: &Certificate) -> String {
    let names = certificate.names.as_ref().filter(|names| !names.is_empty());
    let names = names.map(|names| names.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "));
    let key = certificate.key.as_ref().map(ToString::to_string);
    let fields = [
        ("Subject", certificate.subject.as_deref().map(str::to_owned)),
        ("Issuer", certificate.issuer.as_deref().map(str::to_owned)),
        ("Serial Number", certificate.serial.as_deref().map(str::to_owned)),
        ("Signature Algorithm", certificate.signature_algorithm.as_deref().map(str::to_owned)),
        ("Public Key Algorithm", key),
        ("X509v3 Subject Alternative Name", names),
        ("Start date", certificate.not_before.map(date)),
        ("Expire date", certificate.not_after.map(date)),
    ];
    let said = fields.into_iter().filter_map(|(name, value)| Some(format!("{name}:{}\n", value?)));
    said.chain([pem(&certificate.der)]).collect()
}

/// As OpenSSL prints dates: `Nov 28 09:14:15 2026 GMT`.
fn date(time: SystemTime) -> String {
    let iso = iso8601(time);
    let part = |range| iso.get(range).unwrap_or_default();
    let month = part(5..7).parse::<usize>().ok().and_then(|month| MONTHS.get(month.checked_sub(1)?));
    let day = part(8..10).trim_start_matches('0');
    format!("{} {day:>2} {} {} GMT", month.unwrap_or(&"?"), part(11..19), part(0..4))
}

const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

fn pem(der: &[u8]) -> String {
    use base64::{Engine, engine::general_purpose::STANDARD};
    let base64 = STANDARD.encode(der);
    let lines = base64.as_bytes().chunks(64).map(|line| String::from_utf8_lossy(line) + "\n");
    format!("-----BEGIN CERTIFICATE-----\n{}-----END CERTIFICATE-----\n", lines.collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn dates_are_told_beside_today() {
        let rows = [
            (1_000_000, "expires in 11 days"),
            (1_990_000, "expires in 2 hours"),
            (1_999_999, "expires in 1 second"),
            (2_000_001, "EXPIRED 1 second ago"),
            (20_000_000, "EXPIRED 208 days ago"),
            (400, "not valid for another 100 seconds"),
        ];
        let mut certificate = Certificate::unread(&[]);
        assert_eq!(validity(&certificate, at(0)), UNREAD);
        (certificate.not_before, certificate.not_after) = (Some(at(500)), Some(at(2_000_000)));
        for (now, expected) in rows {
            assert_eq!(expiry(&certificate, at(now)), expected, "{now}");
        }
        assert!(
            validity(&certificate, at(1_000_000)).starts_with("from 1970-01-01 00:08:20 UTC to 1970-01-24 03:33:20")
        );
        assert_eq!(date(at(1_767_225_599)), "Dec 31 23:59:59 2025 GMT");
        assert_eq!(date(at(1_767_225_600)), "Jan  1 00:00:00 2026 GMT");
    }
}
