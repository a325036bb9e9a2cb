mod pin;

pub use self::pin::{Pin, PinError};

use skybridge_core::Certificate;
use std::{fmt, net::IpAddr};

/// Public keys that must occur on a host's verified certificate path: at the leaf, an intermediate or the root.
///
/// The patterns are those of OkHttp's `CertificatePinner`: `a.test` matches that host, `*.a.test` any host with exactly
/// one more label, `**.a.test` that host and any with more labels. A host that several patterns match must have one of
/// the pins of all of them; a host that none matches is not restricted. The pins for
/// [every leaf](Self::pin_every_leaf), if there are any, apply in addition, to every host.
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
    every_leaf: Vec<Pin>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
struct Rule {
    pattern: Pattern,
    pin: Pin,
    /// Only the leaf's key is compared.
    leaf: bool,
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

    pub(crate) fn add(&mut self, pattern: &str, pin: &str, leaf: bool) -> Result<(), PinError> {
        self.rules.push(Rule { pattern: Pattern::parse(pattern)?, pin: pin.parse()?, leaf });
        Ok(())
    }

    pub(crate) fn add_every_leaf(&mut self, pin: &str) -> Result<(), PinError> {
        self.every_leaf.push(pin.parse()?);
        Ok(())
    }

    /// Adds all pins of another set.
    pub(crate) fn extend(&mut self, more: Self) {
        self.rules.extend(more.rules);
        self.every_leaf.extend(more.every_leaf);
    }

    /// Those that apply to a name, and to the origin's host where that is another.
    pub(crate) fn of(&self, name: &str, host: Option<&str>) -> Vec<Pin> {
        let applies = |rule: &&Rule| rule.pattern.matches(name) || host.is_some_and(|host| rule.pattern.matches(host));
        self.every_leaf.iter().copied().chain(self.rules.iter().filter(applies).map(|rule| rule.pin)).collect()
    }

    /// Checks the pins of a host's path, leaf first.
    pub(crate) fn check(&self, host: &str, path: &[Pin]) -> Result<(), Box<PinMismatch>> {
        let mismatch = |pinned, pinned_leaf| {
            let subjects = Box::default();
            Err(Box::new(PinMismatch { host: host.into(), path: path.into(), subjects, pinned, pinned_leaf }))
        };
        if !self.every_leaf.is_empty() && !path.first().is_some_and(|own| self.every_leaf.contains(own)) {
            return mismatch(self.every_leaf.clone().into(), self.every_leaf.clone().into());
        }
        let mut rules = self.rules.iter().filter(|rule| rule.pattern.matches(host)).peekable();
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
        if !host.is_ascii() {
            return Err(PinError::NotAscii(pattern.into()));
        }
        let exact = host.len() == pattern.len();
        canonical(host, exact).map(make).ok_or_else(|| PinError::Pattern(pattern.into()))
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
        assert_eq!(Pattern::parse("*.bücher.test"), Err(PinError::NotAscii("*.bücher.test".into())));
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
        assert!(pins.check("a.test", &[own, root]).is_err());
        let pins = pins.pin_leaf("a.test", &own.to_string()).unwrap();
        assert_eq!(pins.check("a.test", &[own, root]), Ok(()));
    }

    #[test]
    fn a_pin_of_every_leaf_applies_to_every_host_in_addition_to_patterns() {
        let [own, root] = [b"own", b"top"].map(|key| Pin::of_key(&[key]));
        let wrong = Pins::new().pin_every_leaf(&root.to_string()).unwrap();
        for host in ["a.test", "127.0.0.1", "::1", "xn--bcher-kva.test", ""] {
            let mismatch = wrong.check(host, &[own, root]).unwrap_err();
            assert_eq!((&*mismatch.host, &*mismatch.pinned), (host, &[root][..]));
            assert!(wrong.check(host, &[]).is_err());
        }
        // A matching pattern doesn't replace it.
        assert!(wrong.clone().pin("a.test", &own.to_string()).unwrap().check("a.test", &[own, root]).is_err());
        let right = wrong.pin_every_leaf(&own.to_string()).unwrap();
        assert_eq!(right.check("a.test", &[own, root]), Ok(()));
        // Nor does it replace a pattern.
        let other = Pin::of_key(&[b"other"]).to_string();
        assert!(right.pin("a.test", &other).unwrap().check("a.test", &[own, root]).is_err());
    }

    #[test]
    fn the_pins_of_all_matching_patterns_are_accepted() {
        let [right, wrong] = [b"right", b"wrong"].map(|key| Pin::of_key(&[key]));
        let pins = Pins::new().pin("a.test", &wrong.to_string()).unwrap();
        assert_eq!(pins.check("b.test", &[]), Ok(()));
        let mismatch = pins.check("a.test", &[right]).unwrap_err();
        assert_eq!((&*mismatch.path, &*mismatch.pinned), (&[right][..], &[wrong][..]));
        assert!(mismatch.to_string().contains(&right.to_string()) && mismatch.to_string().contains(&wrong.to_string()));
        let pins = pins.pin("**.test", &right.to_string()).unwrap();
        assert_eq!(pins.check("a.test", &[right]), Ok(()));
    }
}
