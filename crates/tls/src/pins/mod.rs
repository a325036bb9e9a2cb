mod lenient;
mod pin;
mod terms;

pub(crate) use self::lenient::Tell;
pub use self::pin::{Pin, PinError};
use self::terms::Terms;

use rustls::pki_types::UnixTime;
use skybridge_core::{Certificate, OriginError, ascii_host};
use std::{fmt, net::IpAddr, time::SystemTime};

/// Public keys that must occur on a host's verified certificate path: at the leaf, an intermediate or the root.
///
/// The patterns are those of OkHttp's `CertificatePinner`: `a.test` matches that host, `*.a.test` any host with exactly
/// one more label, `**.a.test` that host and any with more labels. A host that several patterns match must have one of
/// the pins of all of them; a host that none matches is not restricted. The pins for
/// [every leaf](Self::pin_every_leaf), if there are any, apply in addition, to every host. A name that isn't ASCII is
/// [converted](skybridge_core::ascii_host) with the feature `idn`, and refused without it, so that no pin is for a host
/// that nobody asks for.
///
/// A set may [expire](Self::until), or be [for report only](Self::report_only). A configuration that has several judges
/// each pin by the terms of its own set: what has expired neither forbids nor allows anything.
///
/// ```
/// use skybridge_tls::Pins;
///
/// let pins = Pins::new().pin("**.a.test", "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")?;
/// assert!(Pins::new().pin("*", "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=").is_err());
/// # let _ = pins;
/// # Ok::<_, skybridge_tls::PinError>(())
/// ```
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Pins {
    rules: Vec<Rule>,
    /// Every host's own key must be one of these; if empty, no host is restricted.
    every_leaf: Vec<(Pin, Terms)>,
    /// Of all of them that have none of their own.
    terms: Terms,
}

#[derive(Clone, Debug, Eq, PartialEq)]
struct Rule {
    pattern: Pattern,
    pin: Pin,
    /// Only the leaf's key is compared.
    leaf: bool,
    terms: Terms,
}

#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Pattern {
    Exact(Box<str>),
    OneLabel(Box<str>),
    AnyLabels(Box<str>),
}

/// None of the keys on a host's verified path is pinned for it.
#[derive(Clone, Eq, PartialEq)]
#[non_exhaustive]
pub struct PinMismatch {
    /// The host.
    pub host: Box<str>,
    /// The keys on the path that was verified, leaf first, anchor last.
    pub path: Box<[Pin]>,
    /// Whose each key on the path is, as its certificate says; empty where that isn't known.
    pub subjects: Box<[Box<str>]>,
    /// The keys that the host may have: with any of them on the path it would have passed.
    pub pinned: Box<[Pin]>,
    /// Those of `pinned` that count at the beginning of the path alone, as the host's own key.
    pub pinned_leaf: Box<[Pin]>,
}

// === impl Pins ===

impl Pins {
    /// No pins: no host is restricted.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a pin for the hosts that match a pattern.
    ///
    /// # Errors
    /// When the pattern or the pin is malformed.
    pub fn pin(mut self, pattern: &str, pin: &str) -> Result<Self, PinError> {
        self.add(pattern, pin, false)?;
        Ok(self)
    }

    /// Adds a pin that only the host's own certificate may match, not one of its issuers.
    ///
    /// # Errors
    /// When the pattern or the pin is malformed.
    pub fn pin_leaf(mut self, pattern: &str, pin: &str) -> Result<Self, PinError> {
        self.add(pattern, pin, true)?;
        Ok(self)
    }

    /// Adds a pin for the own certificate of every host, be it a name or an address, so that no redirect leads around
    /// it. A proxy over TLS that has no configuration of its own counts as such a host.
    ///
    /// # Errors
    /// When the pin is malformed.
    pub fn pin_every_leaf(mut self, pin: &str) -> Result<Self, PinError> {
        self.add_every_leaf(pin)?;
        Ok(self)
    }

    /// Until when the pins of this set restrict, those that are added later among them (default: for ever). After that
    /// a host is as if they weren't there: an app that nobody updates goes on to work when the keys have changed, and
    /// an attacker who can wait is let through as well. Each handshake with such a host is told to the observer
    /// ([`EventKind::PinsNotEnforced`](skybridge_core::EventKind)). The clock is that by which certificates expire;
    /// where there is none, the pins hold.
    pub fn until(mut self, end: SystemTime) -> Self {
        self.terms.until = Some(end);
        self
    }

    /// Refuses nobody by the pins of this set: a peer that has none of them is told to the observer
    /// ([`EventKind::PinsNotEnforced`](skybridge_core::EventKind)), and let through. It shares no connection with
    /// another host, though. For trying pins out before they can lock anybody out. A
    /// [verifier that stands alone](crate::TlsConfig::verifier) has no observer, and tells
    /// [who was given to it](crate::TlsConfigBuilder::on_pins_not_enforced).
    pub fn report_only(mut self) -> Self {
        self.terms.report_only = true;
        self
    }

    /// Adds pins as curl writes them, of which the host's own key must be one: `sha256//BASE64;sha256//BASE64`. A
    /// file, as curl reads it in their place, is read by [`Pin::of_public_key`].
    ///
    /// # Errors
    /// When the pattern or a pin is malformed.
    pub fn curl(mut self, pattern: &str, hashes: &str) -> Result<Self, PinError> {
        for hash in hashes.split(';') {
            let base64 = hash.trim().strip_prefix("sha256//").ok_or_else(|| PinError::Curl(hash.trim().into()))?;
            self.add(pattern, &format!("sha256/{base64}"), true)?;
        }
        Ok(self)
    }

    pub(crate) fn add(&mut self, pattern: &str, pin: &str, leaf: bool) -> Result<(), PinError> {
        self.rules.push(Rule { pattern: Pattern::parse(pattern)?, pin: pin.parse()?, leaf, terms: Terms::default() });
        Ok(())
    }

    pub(crate) fn add_every_leaf(&mut self, pin: &str) -> Result<(), PinError> {
        self.every_leaf.push((pin.parse()?, Terms::default()));
        Ok(())
    }

    /// Adds all pins of another set.
    pub(crate) fn extend(&mut self, more: Self) {
        let Self { rules, every_leaf, terms: whole } = more;
        self.rules.extend(rules.into_iter().map(|rule| Rule { terms: rule.terms.within(whole), ..rule }));
        self.every_leaf.extend(every_leaf.into_iter().map(|(pin, terms)| (pin, terms.within(whole))));
    }

    /// Those of a name, and of the origin's host where that is another: first what it is held to, then what refuses
    /// nobody.
    pub(crate) fn of(&self, name: &str, host: Option<&str>, now: Option<UnixTime>) -> (Vec<Pin>, Vec<Pin>) {
        let matches = |rule: &&Rule| rule.pattern.matches(name) || host.is_some_and(|host| rule.pattern.matches(host));
        let rules = self.rules.iter().filter(matches).map(|rule| (rule.pin, rule.terms));
        let all = self.every_leaf.iter().copied().chain(rules);
        let (held_to, others): (Vec<_>, Vec<_>) = all.partition(|(_, terms)| terms.are_enforced(now));
        let pins = |all: Vec<(Pin, Terms)>| all.into_iter().map(|(pin, _)| pin).collect();
        (pins(held_to), pins(others))
    }

    /// Checks the pins of a host's path, leaf first.
    pub(crate) fn check(&self, host: &str, path: &[Pin], now: Option<UnixTime>) -> Result<(), Box<PinMismatch>> {
        self.compare(host, path, |terms| terms.are_enforced(now))
    }

    /// Compares a path with those pins whose terms are these.
    fn compare(&self, host: &str, path: &[Pin], counts: impl Fn(Terms) -> bool) -> Result<(), Box<PinMismatch>> {
        let mismatch = |pinned, pinned_leaf| {
            let subjects = Box::default();
            Err(Box::new(PinMismatch { host: host.into(), path: path.into(), subjects, pinned, pinned_leaf }))
        };
        let every_leaf = self.every_leaf.iter().filter(|(_, terms)| counts(*terms)).map(|(pin, _)| *pin);
        if every_leaf.clone().next().is_some() && !every_leaf.clone().any(|pin| path.first() == Some(&pin)) {
            return mismatch(every_leaf.clone().collect(), every_leaf.collect());
        }
        let mut rules = self.rules.iter().filter(|rule| counts(rule.terms) && rule.pattern.matches(host)).peekable();
        let meets = |rule: &Rule| match path.first() {
            Some(own) if rule.leaf => *own == rule.pin,
            _ => path.contains(&rule.pin),
        };
        if rules.peek().is_none() || rules.clone().any(meets) {
            return Ok(());
        }
        let pinned = rules.clone().map(|rule| rule.pin).collect();
        mismatch(pinned, rules.filter(|rule| rule.leaf).map(|rule| rule.pin).collect())
    }
}

// === impl Pattern ===

impl Pattern {
    pub(crate) fn parse(pattern: &str) -> Result<Self, PinError> {
        let (make, host): (fn(Box<str>) -> Self, &str) = match (pattern.strip_prefix("**."), pattern.strip_prefix("*."))
        {
            (Some(host), _) => (Self::AnyLabels, host),
            (_, Some(host)) => (Self::OneLabel, host),
            _ => (Self::Exact, pattern),
        };
        let exact = host.len() == pattern.len();
        let host = ascii_host(host).map_err(|error| match error {
            OriginError::NotAscii(_) => PinError::NotAscii(pattern.into()),
            _ => PinError::Pattern(pattern.into()),
        })?;
        canonical(&host, exact).map(make).ok_or_else(|| PinError::Pattern(pattern.into()))
    }

    pub(crate) fn matches(&self, host: &str) -> bool {
        match self {
            Self::Exact(name) => host == &**name,
            Self::OneLabel(name) => label_before(host, name).is_some_and(|label| !label.contains('.')),
            Self::AnyLabels(name) => host == &**name || label_before(host, name).is_some(),
        }
    }
}

/// The part of `host` before `.name`.
fn label_before<'a>(host: &'a str, name: &str) -> Option<&'a str> {
    host.strip_suffix(name)?.strip_suffix('.')
}

/// Normalizes a host for comparison: lower case, no trailing dot, addresses without brackets.
fn canonical(host: &str, may_be_address: bool) -> Option<Box<str>> {
    let host = host.strip_suffix('.').unwrap_or(host);
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    if let Ok(address) = bare.parse::<IpAddr>() {
        return may_be_address.then(|| address.to_canonical().to_string().into());
    }
    let legal = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let is_name = host.split('.').all(|label| !label.is_empty() && label.bytes().all(legal));
    is_name.then(|| host.to_ascii_lowercase().into())
}

// === impl PinMismatch ===

impl PinMismatch {
    /// Says whose the keys on the path are.
    pub(crate) fn of(mut self: Box<Self>, path: &[Certificate]) -> Box<Self> {
        let subject = |certificate: &Certificate| match (certificate.subject.as_deref(), certificate.names.as_deref()) {
            (Some("") | None, Some([first, ..])) => first.to_string().into(),
            (subject, _) => subject.unwrap_or_default().into(),
        };
        self.subjects = path.iter().map(subject).collect();
        self
    }
}

impl fmt::Display for PinMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "none of the keys on the path of {} is pinned: the path has ", self.host)?;
        list(f, &self.path, |at, _| self.subjects.get(at).map(|subject| &**subject))?;
        f.write_str("; pinned: ")?;
        list(f, &self.pinned, |_, pin| self.pinned_leaf.contains(pin).then_some("as its own key"))
    }
}

fn list<'a>(f: &mut fmt::Formatter<'_>, pins: &[Pin], note: impl Fn(usize, &Pin) -> Option<&'a str>) -> fmt::Result {
    for (at, pin) in pins.iter().enumerate() {
        write!(f, "{}{pin}", if at == 0 { "" } else { ", " })?;
        if let Some(note) = note(at, pin).filter(|note| !note.is_empty()) {
            write!(f, " ({note})")?;
        }
    }
    if pins.is_empty() { f.write_str("none") } else { Ok(()) }
}

impl fmt::Debug for PinMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&skybridge_core::OneLine(self), f)
    }
}

impl std::error::Error for PinMismatch {}

#[cfg(test)]
mod tests {
    use super::*;

    const PIN: &str = "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

    fn matches(pattern: &str, host: &str) -> bool {
        Pattern::parse(pattern).unwrap().matches(host)
    }

    #[test]
    fn one_label() {
        for host in ["a.example.com", ".example.com", "example.example.com"] {
            assert!(matches("*.example.com", host), "{host}");
        }
        for host in ["example.com", "a.b.example.com", "..example.com", "a.example.com.not.com", "ple.com"] {
            assert!(!matches("*.example.com", host), "{host}");
        }
    }

    #[test]
    fn any_labels() {
        for host in
            ["example.com", ".example.com", "..example.com", "a.example.com", "a..example.com", "a.b.example.com"]
        {
            assert!(matches("**.example.com", host), "{host}");
        }
        for host in ["xample.com", "dexample.com", "example.com.not.com"] {
            assert!(!matches("**.example.com", host), "{host}");
        }
    }

    #[test]
    fn patterns_are_normalized_as_hosts_are() {
        assert!(matches("A.Example.COM.", "a.example.com"));
        assert!(matches("*.EXAMPLE.com", "a.example.com"));
        assert!(matches("*.XN--Bcher-KVA.test.", "a.xn--bcher-kva.test"));
        assert!(matches("127.0.0.1", "127.0.0.1"));
        assert!(matches("[2001:DB8:0::1]", "2001:db8::1"));
        assert!(matches("::ffff:127.0.0.1", "127.0.0.1"));
    }

    #[test]
    fn malformed_patterns_are_rejected() {
        for pattern in
            ["", "*", "**", "*.", "**.", "*.*.x", "a.*.x", "***.x", "x.*", "a*.x", "a..x", ".x", "a b", "*.1.2.3.4"]
        {
            assert_eq!(Pattern::parse(pattern), Err(PinError::Pattern(pattern.into())), "{pattern}");
        }
    }

    #[cfg(feature = "idn")]
    #[test]
    fn a_pattern_that_is_not_ascii_is_for_the_name_that_is_asked_for() {
        for (pattern, host) in [
            ("bücher.test", "xn--bcher-kva.test"),
            ("BÜCHER.Test.", "xn--bcher-kva.test"),
            ("*.bücher.test", "a.xn--bcher-kva.test"),
            ("**.bücher\u{3002}test\u{3002}", "a.b.xn--bcher-kva.test"),
            ("*.straße.test", "a.xn--strae-oqa.test"),
            ("βόλος.test", "xn--nxasmm1c.test"),
            ("\u{ff21}.test", "a.test"),
            ("\u{ff11}\u{ff12}\u{ff17}.0.0.1", "127.0.0.1"),
        ] {
            assert!(matches(pattern, host), "{pattern}");
        }
        assert!(!matches("straße.test", "strasse.test") && !matches("βόλος.test", "xn--nxasmq6b.test"));
        for pattern in ["a\u{ff0f}b.test", "*\u{3002}bücher.test", "\u{ff0a}.bücher.test", "*.\u{ff11}.0.0.1", "*.a.ü*"]
        {
            assert_eq!(Pattern::parse(pattern), Err(PinError::Pattern(pattern.into())), "{pattern}");
        }
    }

    #[cfg(not(feature = "idn"))]
    #[test]
    fn without_the_feature_a_pattern_that_is_not_ascii_is_refused() {
        let refused = Pattern::parse("*.bücher.test").unwrap_err();
        assert_eq!(refused, PinError::NotAscii("*.bücher.test".into()));
        let told =
            "pattern `*.bücher.test` is not ASCII: write it as IDNA does (xn--...), or turn on the feature `idn`";
        assert_eq!(refused.to_string(), told);
    }

    #[test]
    fn malformed_pins_are_rejected() {
        for pin in ["md5/AAAA", "sha1/AAAAAAAAAAAAAAAAAAAAAAAAAAA=", "AAAA", "SHA256/AAAA"] {
            assert_eq!(Pins::new().pin("a.test", pin), Err(PinError::Hash(pin.into())));
        }
        for pin in ["sha256/", "sha256/AAAA", "sha256/!", "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
            assert_eq!(Pins::new().pin("a.test", pin), Err(PinError::Base64(pin.into())));
        }
    }

    #[test]
    fn a_pin_is_printed_as_it_is_parsed() {
        assert_eq!(PIN.parse::<Pin>().unwrap().to_string(), PIN);
    }

    #[test]
    fn a_leaf_pin_is_compared_with_the_leafs_key_alone() {
        let [own, root] = [b"own", b"top"].map(|key| Pin::of_key(&[key]));
        let pins = Pins::new().pin_leaf("a.test", &root.to_string()).unwrap();
        assert!(pins.check("a.test", &[own, root], None).is_err());
        let pins = pins.pin_leaf("a.test", &own.to_string()).unwrap();
        assert_eq!(pins.check("a.test", &[own, root], None), Ok(()));
    }

    #[test]
    fn a_pin_of_every_leaf_applies_to_every_host_in_addition_to_patterns() {
        let [own, root] = [b"own", b"top"].map(|key| Pin::of_key(&[key]));
        let wrong = Pins::new().pin_every_leaf(&root.to_string()).unwrap();
        for host in ["a.test", "127.0.0.1", "::1", "xn--bcher-kva.test", ""] {
            let mismatch = wrong.check(host, &[own, root], None).unwrap_err();
            assert_eq!((&*mismatch.host, &*mismatch.pinned), (host, &[root][..]));
            assert!(wrong.check(host, &[], None).is_err());
        }
        // A matching pattern doesn't replace it.
        assert!(wrong.clone().pin("a.test", &own.to_string()).unwrap().check("a.test", &[own, root], None).is_err());
        let right = wrong.pin_every_leaf(&own.to_string()).unwrap();
        assert_eq!(right.check("a.test", &[own, root], None), Ok(()));
        // Nor does it replace a pattern.
        let other = Pin::of_key(&[b"other"]).to_string();
        assert!(right.pin("a.test", &other).unwrap().check("a.test", &[own, root], None).is_err());
    }

    #[test]
    fn pins_hold_until_their_end_and_without_a_clock_for_ever() {
        let (key, end) = (Pin::of_key(&[b"key"]), 1_800_000_000);
        let set = Pins::new().pin("a.test", PIN).unwrap();
        let mut pins = Pins::new();
        pins.extend(set.until(SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(end)));
        let at = |secs| Some(UnixTime::since_unix_epoch(std::time::Duration::from_secs(secs)));
        for (now, holds) in [(None, true), (at(0), true), (at(end), true), (at(end + 1), false)] {
            assert_eq!(pins.check("a.test", &[key], now).is_err(), holds, "{now:?}");
            assert_eq!(pins.not_enforced("a.test", &[key], now).is_empty(), holds, "{now:?}");
        }
    }

    #[test]
    fn the_pins_of_all_matching_patterns_are_accepted() {
        let [right, wrong] = [b"right", b"wrong"].map(|key| Pin::of_key(&[key]));
        let pins = Pins::new().pin("a.test", &wrong.to_string()).unwrap();
        assert_eq!(pins.check("b.test", &[], None), Ok(()));
        let mismatch = pins.check("a.test", &[right], None).unwrap_err();
        assert_eq!((&*mismatch.path, &*mismatch.pinned), (&[right][..], &[wrong][..]));
        assert!(mismatch.to_string().contains(&right.to_string()) && mismatch.to_string().contains(&wrong.to_string()));
        let pins = pins.pin("**.test", &right.to_string()).unwrap();
        assert_eq!(pins.check("a.test", &[right], None), Ok(()));
    }
}
