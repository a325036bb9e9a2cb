mod cleartext;
mod public;
mod rule;
mod rule_error;

pub use self::{
    cleartext::Cleartext,
    rule::{EgressRule, Network, NetworkError},
    rule_error::EgressRuleError,
};

use self::{public::not_public, rule::Matches};
use crate::{Endpoint, Origin, OriginRef, Proxy};
use std::{fmt, iter, sync::Arc};

/// Where connections may go. It is judged by the address, when a connection is made, whichever name, list or redirect
/// has led there.
///
/// What is denied is refused, whatever allows it. Then what is allowed may pass, and for the rest it depends on what it
/// was made of: [`any`](Self::any), [`public`](Self::public) or [`none`](Self::none).
///
/// It applies to each address that the client opens sockets to, including the first proxy's, and to each that it gives
/// to a proxy. Besides, it may [refuse cleartext](Self::cleartext). Where a proxy is given a name, only the proxy knows
/// the address: so it is refused, if the address matters, unless the proxy is declared to filter
/// ([`Proxy::filters_egress`]).
///
/// ```
/// # use skybridge_core::{Egress, EgressRule};
/// let egress = Egress::public()
///     .allow(EgressRule::new().network("10.1.0.0/16".parse()?).port(443).host("*.corp.test")?)
///     .deny(EgressRule::new().port(25));
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct Egress(Option<Arc<Policy>>);

#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
struct Policy {
    rest: Rest,
    cleartext: Cleartext,
    allowed: Vec<EgressRule>,
    /// For proxies alone.
    allowed_proxies: Vec<EgressRule>,
    denied: Vec<EgressRule>,
    /// What must allow it besides.
    also: Option<Arc<Policy>>,
}

/// What no rule is about.
#[derive(Clone, Copy, Debug, Default, Eq, Hash, PartialEq)]
enum Rest {
    #[default]
    Allowed,
    IfPublic,
    Denied,
}

/// A connection is refused by the target's [`Egress`]. No socket was opened to the endpoint, and no proxy was asked to
/// connect to it.
#[derive(Clone, Eq, PartialEq)]
#[non_exhaustive]
pub struct EgressRefused {
    /// The address and port; or the name and port, where a proxy would resolve the name.
    pub to: Box<str>,
    /// The endpoint; `None` where a proxy would resolve the name.
    pub endpoint: Option<Endpoint>,
    /// The rule that refuses it.
    pub rule: EgressReason,
}

/// Which rule refuses a connection.
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub enum EgressReason {
    /// The origin is one of `http`, and [cleartext](Egress::cleartext) is not permitted to it.
    Cleartext,
    /// Only public addresses are allowed ([`Egress::public`]).
    NotPublic {
        /// What it is instead, such as `loopback`.
        kind: &'static str,
        /// By what this IPv4 address is embedded in the IPv6 one, such as `NAT64`.
        embedded: Option<&'static str>,
    },
    /// It is [denied](Egress::deny).
    Denied(Box<EgressRule>),
    /// Nothing [allows](Egress::allow) it ([`Egress::none`]).
    NotAllowed,
    /// Only its connector will know to which address the name leads ([`Endpoint::Name`]).
    Unresolved,
    /// This proxy would resolve the name, and isn't declared to filter ([`Proxy::filters_egress`]).
    Unfiltered(Box<str>),
}

impl Egress {
    /// Anywhere. This is the default.
    pub fn any() -> Self {
        Self::default()
    }

    /// Only to public addresses: a guard against server-side request forgery. It refuses loopback, private, link-local,
    /// shared (carrier-grade NAT), unique local, multicast, unspecified, reserved and documentation addresses, metadata
    /// services of clouds, and Unix sockets. An IPv4 address that is mapped, compatible or embedded by NAT64, 6to4,
    /// Teredo or ISATAP is judged for itself.
    pub fn public() -> Self {
        Self(Some(Arc::new(Policy { rest: Rest::IfPublic, ..Policy::default() })))
    }

    /// Nowhere but to what is allowed.
    pub fn none() -> Self {
        Self(Some(Arc::new(Policy { rest: Rest::Denied, ..Policy::default() })))
    }

    /// Allows what this rule is about, unless another denies it.
    #[must_use]
    pub fn allow(self, rule: EgressRule) -> Self {
        self.with(|policy| policy.allowed.push(rule))
    }

    /// Allows proxies at what this rule is about, unless another denies it, and no origins: for one at a private
    /// address, that the caller has chosen. A rule about an origin or a host is about no proxy.
    #[must_use]
    pub fn allow_proxy(self, rule: EgressRule) -> Self {
        self.with(|policy| policy.allowed_proxies.push(rule))
    }

    /// Denies what this rule is about, whatever allows it.
    #[must_use]
    pub fn deny(self, rule: EgressRule) -> Self {
        self.with(|policy| policy.denied.push(rule))
    }

    /// Whether origins of `http` may be spoken to: [everywhere](Cleartext::permitted) by default. Where they may not, a
    /// request for one fails before a name is looked up, whatever led to it, as a redirect: with
    /// [`EgressReason::Cleartext`].
    #[must_use]
    pub fn cleartext(self, cleartext: Cleartext) -> Self {
        self.with(|policy| policy.cleartext = cleartext)
    }

    /// What both allow. A rule that is added later belongs to this policy: it allows nothing that `other` doesn't.
    #[must_use]
    pub fn and(self, other: &Self) -> Self {
        let Some(also) = other.0.as_ref().filter(|_| !other.is_any()) else { return self };
        if self.is_any() {
            return other.clone();
        }
        if self.policies().any(|known| *known == **also) {
            return self;
        }
        self.with(|policy| {
            let mut last = &mut policy.also;
            while let Some(policy) = last {
                last = &mut Arc::make_mut(policy).also;
            }
            *last = Some(Arc::clone(also));
        })
    }

    /// All of which must allow a connection.
    fn policies(&self) -> impl Iterator<Item = &Policy> {
        iter::successors(self.0.as_deref(), |policy| policy.also.as_deref())
    }

    fn with(self, change: impl FnOnce(&mut Policy)) -> Self {
        let mut policy = self.0.unwrap_or_default();
        change(Arc::make_mut(&mut policy));
        Self(Some(policy))
    }

    /// Whether everything is allowed.
    pub fn is_any(&self) -> bool {
        self.policies().all(|policy| policy.is_any_address() && policy.cleartext.is_any())
    }

    /// Whether every address is allowed. There may be origins that may not be spoken to in cleartext.
    pub fn is_any_address(&self) -> bool {
        self.policies().all(Policy::is_any_address)
    }

    /// Must be called before anything is done for an origin, such as looking up a name.
    ///
    /// # Errors
    /// When it is one of `http`, and [cleartext](Self::cleartext) is not permitted to it.
    pub fn check_cleartext(&self, origin: &Origin) -> Result<(), EgressRefused> {
        match self.policies().find_map(|policy| policy.refuses_cleartext(origin)) {
            None => Ok(()),
            Some(rule) => {
                Err(EgressRefused { to: format!("http://{}", origin.authority()).into(), endpoint: None, rule })
            }
        }
    }

    /// Must be called before a socket is opened to an address of the origin, and before a proxy is asked to connect to
    /// one.
    ///
    /// # Errors
    /// When it is refused.
    pub fn check(&self, origin: &Origin, endpoint: &Endpoint) -> Result<(), EgressRefused> {
        self.judge(origin, Some(origin), endpoint)
    }

    /// The same for an address of a proxy that leads to the origin.
    ///
    /// # Errors
    /// When it is refused.
    pub fn check_proxy(&self, origin: &Origin, endpoint: &Endpoint) -> Result<(), EgressRefused> {
        self.judge(origin, None, endpoint)
    }

    fn judge(&self, origin: &Origin, owner: Option<&Origin>, endpoint: &Endpoint) -> Result<(), EgressRefused> {
        let refused = self.policies().find_map(|policy| policy.judge(origin, owner, endpoint));
        refused.map_or(Ok(()), |rule| {
            Err(EgressRefused { to: endpoint.to_string().into(), endpoint: Some(endpoint.clone()), rule })
        })
    }

    /// Must be called before `proxy` is asked to connect to a name: that of the origin, or of the next proxy.
    ///
    /// # Errors
    /// When it is refused, or when it depends on the address and the proxy isn't declared to filter.
    pub fn check_name(&self, origin: &Origin, proxy: &Proxy, next: Option<&Proxy>) -> Result<(), EgressRefused> {
        let (name, port) = match next {
            Some(next) => (next.name(), next.port),
            None => (origin.name(), origin.port()),
        };
        let owner = if next.is_none() { Some(origin) } else { None };
        let refused = self.policies().find_map(|policy| policy.judge_name(origin, owner, port, proxy));
        refused.map_or(Ok(()), |rule| Err(EgressRefused::name(name, port, rule)))
    }

    /// Must be called before another host is connected to than the origin's ([`Dial::host`](crate::Dial::host)): with
    /// the proxy that is asked for its name, or without one before it is looked up. What is denied for either host is
    /// refused; what is allowed for the origin holds for the other host's addresses.
    ///
    /// # Errors
    /// When it is refused, or when it depends on the address and the proxy isn't declared to filter.
    pub fn check_other(
        &self,
        origin: &Origin,
        host: &str,
        port: u16,
        proxy: Option<&Proxy>,
    ) -> Result<(), EgressRefused> {
        if self.0.is_none() {
            return Ok(());
        }
        let authority = format!("{host}:{port}");
        let other = OriginRef::parse(origin.scheme(), &authority).and_then(OriginRef::to_owned).ok();
        let rule = self.policies().find_map(|policy| policy.judge_other(origin, other.as_ref(), port, proxy));
        rule.map_or(Ok(()), |rule| Err(EgressRefused::name(host, port, rule)))
    }
}

impl EgressRefused {
    fn name(name: &str, port: u16, rule: EgressReason) -> Self {
        Self { to: format!("{name}:{port}").into(), endpoint: None, rule }
    }
}

impl Policy {
    /// What is allowed. `owner` is `None` for a proxy.
    fn allowed_for(&self, owner: Option<&Origin>) -> impl Iterator<Item = &EgressRule> {
        let for_proxies = if owner.is_none() { &*self.allowed_proxies } else { &[] };
        self.allowed.iter().chain(for_proxies)
    }

    fn is_any_address(&self) -> bool {
        self.rest == Rest::Allowed && self.denied.is_empty()
    }

    fn refuses_cleartext(&self, origin: &Origin) -> Option<EgressReason> {
        (!self.cleartext.permits(origin)).then_some(EgressReason::Cleartext)
    }

    /// Why it is refused.
    fn judge(&self, origin: &Origin, owner: Option<&Origin>, endpoint: &Endpoint) -> Option<EgressReason> {
        if let Some(cleartext) = self.refuses_cleartext(origin) {
            return Some(cleartext);
        }
        // What it resolves to only its connector will know.
        if matches!(endpoint, Endpoint::Name { .. }) && !self.is_any_address() {
            return Some(EgressReason::Unresolved);
        }
        if let Some(rule) = self.denied.iter().find(|rule| rule.denies(origin, endpoint)) {
            return Some(EgressReason::Denied(Box::new(rule.clone())));
        }
        if self.allowed_for(owner).any(|rule| rule.allows(owner, endpoint)) {
            return None;
        }
        match (self.rest, endpoint.inet()) {
            (Rest::Allowed, _) => None,
            (Rest::Denied, _) => Some(EgressReason::NotAllowed),
            (Rest::IfPublic, None) => Some(EgressReason::NotPublic { kind: "Unix socket", embedded: None }),
            (Rest::IfPublic, Some(addr)) => {
                not_public(addr.ip()).map(|(kind, embedded)| EgressReason::NotPublic { kind, embedded })
            }
        }
    }

    /// Of another host than the origin's, without a proxy only what its name tells.
    fn judge_other(
        &self,
        origin: &Origin,
        other: Option<&Origin>,
        port: u16,
        proxy: Option<&Proxy>,
    ) -> Option<EgressReason> {
        if let Some(cleartext) = self.refuses_cleartext(origin) {
            return Some(cleartext);
        }
        let denied = self.denied.iter().find(|rule| match rule.matches_name(other, port) {
            Matches::Yes => other.is_some(),
            // Addresses are judged for the origin, which this rule is not about.
            Matches::Perhaps => other.is_some() && rule.matches_name(Some(origin), port) == Matches::No,
            Matches::No => false,
        });
        match (denied, proxy) {
            (Some(rule), _) => Some(EgressReason::Denied(Box::new(rule.clone()))),
            (None, Some(proxy)) => self.judge_name(origin, Some(origin), port, proxy),
            (None, None) => None,
        }
    }

    fn judge_name(&self, origin: &Origin, owner: Option<&Origin>, port: u16, proxy: &Proxy) -> Option<EgressReason> {
        if let Some(cleartext) = self.refuses_cleartext(origin) {
            return Some(cleartext);
        }
        let mut depends = false;
        for rule in &self.denied {
            match rule.matches_name(Some(origin), port) {
                Matches::Yes => return Some(EgressReason::Denied(Box::new(rule.clone()))),
                Matches::Perhaps => depends = true,
                Matches::No => {}
            }
        }
        let allowed = self.allowed_for(owner).map(|rule| rule.matches_name(owner, port));
        let allowed = allowed.fold(Matches::No, |known, matches| match (known, matches) {
            (Matches::Yes, _) | (_, Matches::Yes) => Matches::Yes,
            (Matches::No, Matches::No) => Matches::No,
            _ => Matches::Perhaps,
        });
        match (allowed, self.rest) {
            (Matches::Yes, _) | (_, Rest::Allowed) => {}
            (Matches::No, Rest::Denied) => return Some(EgressReason::NotAllowed),
            _ => depends = true,
        }
        (depends && !proxy.filters_egress).then(|| EgressReason::Unfiltered(proxy.to_string().into()))
    }
}

impl fmt::Display for EgressRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} is refused: ", self.to)?;
        match &self.rule {
            EgressReason::Cleartext => f.write_str("cleartext is not permitted"),
            EgressReason::NotPublic { kind, embedded } => {
                f.write_str("only public addresses are allowed, and it is ")?;
                match embedded {
                    None => f.write_str(kind),
                    Some(by) => write!(f, "{kind}, embedded by {by}"),
                }
            }
            EgressReason::Denied(rule) => write!(f, "a rule denies {rule}"),
            EgressReason::NotAllowed => f.write_str("no rule allows it"),
            EgressReason::Unresolved => f.write_str("its addresses would be known to its connector alone"),
            EgressReason::Unfiltered(proxy) => {
                write!(f, "{proxy} would resolve the name, and is not declared to filter")
            }
        }
    }
}

impl fmt::Debug for EgressRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&crate::OneLine(self), f)
    }
}

impl std::error::Error for EgressRefused {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ProxyKind;
    use std::path::PathBuf;

    fn origin(url: &str) -> Origin {
        OriginRef::of(&url.parse().unwrap()).unwrap().to_owned().unwrap()
    }

    fn at(addr: &str) -> Endpoint {
        addr.parse::<std::net::SocketAddr>().unwrap().into()
    }

    fn network(text: &str) -> EgressRule {
        EgressRule::new().network(text.parse().unwrap())
    }

    /// What is said of a connection for `https://a.corp.test` to this address.
    fn said(egress: &Egress, addr: &str) -> String {
        egress
            .check(&origin("https://a.corp.test"), &at(addr))
            .map_or_else(|refused| refused.to_string(), |()| "ok".into())
    }

    /// A socket that is connected to it reaches this machine's loopback.
    #[test]
    fn who_denies_loopback_denies_the_unspecified_address() {
        for (denied, addr) in [("127.0.0.0/8", "0.0.0.0:80"), ("::1", "[::]:80"), ("127.0.0.1", "[::ffff:0.0.0.0]:80")]
        {
            assert_ne!(said(&Egress::any().deny(network(denied)), addr), "ok", "{denied} {addr}");
        }
        assert_eq!(said(&Egress::any().deny(network("10.0.0.0/8")), "0.0.0.0:80"), "ok");
        let mapped = Endpoint::Inet("[::ffff:0.0.0.0]:80".parse().unwrap());
        assert!(Egress::any().deny(network("127.0.0.0/8")).check(&origin("http://a.test"), &mapped).is_err());
    }

    #[test]
    fn who_denies_an_ipv4_network_denies_each_spelling_of_it() {
        let spellings = [
            "10.9.8.7",
            "::ffff:10.9.8.7",
            "::10.9.8.7",
            "::ffff:0:10.9.8.7",
            "64:ff9b::10.9.8.7",
            // Of a network's own NAT64, by the length of its prefix: 48, 56, 64, 96.
            "64:ff9b:1:a09:8:700::",
            "64:ff9b:1:c0a:9:807::",
            "64:ff9b:1:c00:a:908:700:0",
            "64:ff9b:1:c00::10.9.8.7",
            // And with bits that should be zero.
            "64:ff9b:1:a09:ff08:7ff:ffff:ffff",
            "2002:a09:807::1",
            "2001:0:a09:807::",
            "2001:0:101:101::f5f6:f7f8",
            "fe80::5efe:10.9.8.7",
            "2606:4700::200:5efe:10.9.8.7",
            "2002:101:101::5efe:10.9.8.7",
        ];
        for ip in spellings {
            let addr = format!("[{ip}]:80").replace("[10.9.8.7]", "10.9.8.7");
            for (denied, allowed) in [("10.9.8.0/24", false), ("10.9.8.7", false), ("11.0.0.0/8", true)] {
                assert_eq!(said(&Egress::any().deny(network(denied)), &addr) == "ok", allowed, "{denied} {addr}");
            }
        }
        // What a prefix of another length would embed is nowhere.
        for denied in ["0.0.0.0/8", "127.0.0.0/8", "10.0.0.0/8"] {
            assert_eq!(said(&Egress::any().deny(network(denied)), "[64:ff9b:1::1.1.1.1]:80"), "ok", "{denied}");
        }
    }

    #[test]
    fn a_name_that_only_its_connector_looks_up_is_allowed_by_none_but_any() {
        let name = Endpoint::Name { host: "a.corp.test".into(), port: 443 };
        let check = |egress: Egress| egress.check(&origin("https://a.corp.test"), &name).map_err(|error| error.rule);
        assert_eq!(check(Egress::any()), Ok(()));
        for egress in [
            Egress::public(),
            Egress::none(),
            Egress::none().allow(EgressRule::new().host("a.corp.test").unwrap()),
            Egress::any().deny(network("10.0.0.0/8")),
        ] {
            assert_eq!(check(egress), Err(EgressReason::Unresolved));
        }
    }

    #[test]
    fn a_refusal_names_its_rule() {
        let rows = [
            (Egress::any(), "10.0.0.1:443", "ok"),
            (Egress::public(), "1.1.1.1:443", "ok"),
            (
                Egress::public(),
                "127.0.0.1:443",
                "127.0.0.1:443 is refused: only public addresses are allowed, and it is loopback",
            ),
            (
                Egress::public(),
                "[64:ff9b::a00:1]:443",
                "[64:ff9b::a00:1]:443 is refused: only public addresses are allowed, and it is private, \
                 embedded by NAT64",
            ),
            (Egress::none(), "1.1.1.1:443", "1.1.1.1:443 is refused: no rule allows it"),
            (
                Egress::any().deny(network("10.0.0.0/8")),
                "10.0.0.1:443",
                "10.0.0.1:443 is refused: a rule denies 10.0.0.0/8",
            ),
            (
                Egress::any().deny(EgressRule::new().ports(1..=500).unwrap().host("*.corp.test").unwrap()),
                "1.1.1.1:443",
                "1.1.1.1:443 is refused: a rule denies everything ports 1 to 500 for *.corp.test",
            ),
        ];
        for (egress, addr, expected) in rows {
            assert_eq!(said(&egress, addr), expected);
        }
    }

    #[test]
    fn a_rule_is_about_all_that_is_set_and_denying_goes_first() {
        let rule = EgressRule::new;
        let corp = || network("10.1.0.0/16").port(443).host("*.Corp.test.").unwrap();
        let public = || Egress::public().allow(corp());
        let rows = [
            (public(), "10.1.2.3:443", true),
            (public(), "10.1.2.3:80", false),
            (public(), "10.2.2.3:443", false),
            (public(), "1.1.1.1:80", true),
            // What is allowed is the address itself, and what is denied whatever leads there.
            (public(), "[64:ff9b::10.1.2.3]:443", false),
            (public(), "[::ffff:10.1.2.3]:443", true),
            (public().deny(network("10.1.2.0/24")), "10.1.2.3:443", false),
            (Egress::public().allow(network("10.1.0.0/16").host("corp.test").unwrap()), "10.1.2.3:443", false),
            (Egress::none().allow(rule().origin(origin("https://a.corp.test"))), "10.1.2.3:443", true),
            (Egress::none().allow(rule().origin(origin("http://a.corp.test"))), "10.1.2.3:443", false),
            (Egress::none().allow(rule().host("A.corp.test").unwrap()), "10.1.2.3:443", true),
            (Egress::none().allow(rule().host("*").unwrap()), "10.1.2.3:443", true),
            (Egress::none().allow(rule().host("*.test").unwrap()), "10.1.2.3:443", true),
            (Egress::any().deny(network("10.0.0.0/8")), "[2002:a00:1::]:443", false),
            (Egress::any().deny(network("10.0.0.0/8")), "[::10.0.0.1]:443", false),
            (Egress::any().deny(network("64:ff9b::/96")), "[64:ff9b::1.1.1.1]:443", false),
            (Egress::any().deny(rule().port(443)), "1.1.1.1:443", false),
            (Egress::any().deny(rule().port(25)), "1.1.1.1:443", true),
            (Egress::any().deny(rule().unix_sockets()), "1.1.1.1:443", true),
        ];
        for (egress, addr, allowed) in rows {
            assert_eq!(said(&egress, addr) == "ok", allowed, "{egress:?} {addr}");
        }
    }

    #[test]
    fn of_two_policies_both_must_allow_it() {
        let rule = EgressRule::new;
        let private = || Egress::none().allow(network("10.0.0.0/8"));
        let rows = [
            // (to a public address, to a private one, to a name through a proxy, is anything refused)
            (Egress::any().and(&Egress::any()), true, true, true),
            (Egress::any().and(&Egress::public()), true, false, false),
            (Egress::public().and(&Egress::any()), true, false, false),
            (Egress::public().and(&private()), false, false, false),
            (private().and(&Egress::public()), false, false, false),
            (private().and(&private()), false, true, false),
            (Egress::public().and(&Egress::any().deny(rule().port(443))), false, false, false),
            // Neither what is allowed before nor what is allowed after widens the other.
            (Egress::public().allow(rule()).and(&Egress::public()), true, false, false),
            (Egress::any().deny(rule().port(25)).and(&Egress::public()).allow(rule()), true, false, false),
            (Egress::any().and(&Egress::public()).and(&Egress::none()), false, false, false),
        ];
        let (origin, proxy) = (origin("https://a.test"), Proxy::new(ProxyKind::Http, "p.test", 3128));
        for (egress, to_public, to_private, by_name) in rows {
            let is_ok = |addr| egress.check(&origin, &at(addr)).is_ok();
            assert_eq!((is_ok("1.1.1.1:443"), is_ok("10.0.0.1:443")), (to_public, to_private), "{egress:?}");
            assert_eq!(egress.check_name(&origin, &proxy, None).is_ok(), by_name, "{egress:?}");
            assert_eq!(egress.check_other(&origin, "b.test", 443, Some(&proxy)).is_ok(), by_name, "{egress:?}");
            assert_eq!(egress.is_any(), by_name, "{egress:?}");
        }
        let (public, none) = (Egress::public(), Egress::none());
        assert_eq!(public.clone().and(&public), public);
        assert_eq!(public.clone().and(&none).and(&none), public.and(&none));
    }

    #[test]
    fn unix_sockets_are_not_public_and_have_a_rule_of_their_own() {
        let (origin, socket) = (origin("http://a.test"), PathBuf::from("/run/s").into());
        let rule = EgressRule::new().unix_sockets();
        let rows = [
            (Egress::any(), true),
            (Egress::public(), false),
            (Egress::public().allow(network("0.0.0.0/0")), false),
            (Egress::public().allow(rule.clone()), true),
            (Egress::any().deny(rule), false),
        ];
        for (egress, allowed) in rows {
            assert_eq!(egress.check(&origin, &socket).is_ok(), allowed, "{egress:?}");
        }
    }

    #[test]
    fn the_host_of_a_rule_may_be_an_address_and_is_compared_as_a_name() {
        let rows = [
            ("https://[::1]:8443", "[::1]", true),
            ("https://[::1]", "0:0::1", true),
            ("https://127.0.0.1", "[::ffff:127.0.0.1]", true),
            ("https://A.Test.", "a.test", true),
            ("https://a.test", "b.test", false),
            ("https://nota.test", "*.a.test", false),
        ];
        for (url, host, denied) in rows {
            let egress = Egress::any().deny(EgressRule::new().host(host).unwrap());
            assert_eq!(egress.check(&origin(url), &at("1.1.1.1:1")).is_err(), denied, "{url} {host}");
        }
    }

    #[test]
    fn no_other_spelling_of_an_origin_passes_by_its_rule() {
        let rows = [
            ("https://a.test", "https://A.test.:443", true),
            ("https://[::1]", "https://[0::1]", true),
            ("https://127.0.0.1", "https://[::ffff:127.0.0.1]", true),
            ("https://a.test", "https://a.test:8443", false),
            ("https://a.test", "http://a.test:443", false),
            ("https://a.test", "https://b.test", false),
        ];
        for (denied, url, expected) in rows {
            let egress = Egress::any().deny(EgressRule::new().origin(origin(denied)));
            assert_eq!(egress.check(&origin(url), &at("1.1.1.1:1")).is_err(), expected, "{denied} {url}");
        }
    }

    #[test]
    fn an_origins_exception_is_not_its_proxys() {
        let (origin, private) = (origin("http://a.test"), at("10.0.0.1:3128"));
        for rule in [EgressRule::new().host("a.test").unwrap(), EgressRule::new().origin(origin.clone())] {
            let egress = Egress::public().allow(rule.clone());
            assert!(egress.check(&origin, &private).is_ok() && egress.check_proxy(&origin, &private).is_err());
            // What is denied for an origin is denied whatever leads there.
            assert!(Egress::any().deny(rule).check_proxy(&origin, &private).is_err());
        }
        let egress = Egress::public().allow(network("10.0.0.1").port(3128));
        assert!(egress.check_proxy(&origin, &private).is_ok());
    }

    #[test]
    fn another_host_is_judged_by_what_is_denied_for_either_and_by_its_own_port() {
        let rule = EgressRule::new;
        let rows = [
            // (by its addresses, through a proxy, through one that filters)
            (Egress::any(), true, true, true),
            (Egress::public(), true, false, true),
            (Egress::public().allow(rule().host("a.test").unwrap()), true, true, true),
            (Egress::public().allow(rule().host("b.test").unwrap()), true, false, true),
            (Egress::none().allow(rule().port(8443)), true, true, true),
            (Egress::none().allow(rule().port(443)), true, false, false),
            (Egress::any().deny(rule().host("b.test").unwrap()), false, false, false),
            (Egress::any().deny(rule().origin(origin("https://b.test:8443"))), false, false, false),
            (Egress::any().deny(rule().origin(origin("https://b.test"))), true, true, true),
            (Egress::any().deny(rule().host("a.test").unwrap()), true, false, false),
            (Egress::any().deny(network("10.0.0.0/8").host("b.test").unwrap()), false, false, false),
            (Egress::any().deny(network("10.0.0.0/8")), true, false, true),
        ];
        let (origin, plain) = (origin("https://a.test"), Proxy::new(ProxyKind::Http, "p.test", 3128));
        let filters = plain.clone().filters_egress();
        for (egress, by_address, through_plain, through_filtering) in rows {
            let is_ok = |proxy| egress.check_other(&origin, "b.test", 8443, proxy).is_ok();
            assert_eq!(is_ok(None), by_address, "{egress:?}");
            assert_eq!(is_ok(Some(&plain)), through_plain, "{egress:?}");
            assert_eq!(is_ok(Some(&filters)), through_filtering, "{egress:?}");
        }
        let refused = Egress::public().check_other(&origin, "b.test", 8443, Some(&plain)).unwrap_err().to_string();
        assert!(refused.starts_with("b.test:8443 is refused: http://p.test:3128 would resolve the name"), "{refused}");
    }

    #[test]
    fn a_proxys_exception_is_not_its_origins() {
        let (origin, private) = (origin("http://a.test"), at("10.0.0.1:3128"));
        let (first, next) = (Proxy::new(ProxyKind::Http, "p.test", 80), Proxy::new(ProxyKind::Http, "q.test", 8080));
        let rows = [
            (Egress::public().allow_proxy(EgressRule::new()), true, true),
            (Egress::none().allow_proxy(network("10.0.0.0/8").port(3128)), true, false),
            (Egress::none().allow_proxy(EgressRule::new().port(8080)), false, true),
            (Egress::public().allow_proxy(EgressRule::new().host("a.test").unwrap()), false, false),
            (Egress::public().allow_proxy(EgressRule::new()).deny(network("10.0.0.0/8")), false, false),
        ];
        for (egress, by_address, by_name) in rows {
            assert_eq!(egress.check_proxy(&origin, &private).is_ok(), by_address, "{egress:?}");
            assert_eq!(egress.check_name(&origin, &first, Some(&next)).is_ok(), by_name, "{egress:?}");
            assert!(egress.check(&origin, &private).is_err() && egress.check_name(&origin, &first, None).is_err());
        }
    }

    #[test]
    fn a_name_that_a_proxy_resolves_passes_if_its_address_does_not_matter_or_the_proxy_filters() {
        let rule = EgressRule::new;
        let rows = [
            // (to the origin, to it through a proxy that filters)
            (Egress::any(), true, true),
            (Egress::public(), false, true),
            (Egress::public().allow(rule().host("a.test").unwrap()), true, true),
            (Egress::public().allow(network("10.0.0.0/8").host("a.test").unwrap()), false, true),
            (Egress::none(), false, false),
            (Egress::none().allow(network("1.1.1.1")), false, true),
            (Egress::none().allow(rule().port(443)), true, true),
            (Egress::none().allow(rule().port(80)), false, false),
            (Egress::any().deny(network("10.0.0.0/8")), false, true),
            (Egress::any().deny(network("10.0.0.0/8").port(25)), true, true),
            (Egress::any().deny(rule().host("a.test").unwrap()), false, false),
            (Egress::any().deny(rule().unix_sockets()), true, true),
        ];
        let (origin, plain) = (origin("https://a.test"), Proxy::new(ProxyKind::Http, "p.test", 3128));
        let filters = plain.clone().filters_egress();
        for (egress, through_plain, through_filtering) in rows {
            assert_eq!(egress.check_name(&origin, &plain, None).is_ok(), through_plain, "{egress:?}");
            assert_eq!(egress.check_name(&origin, &filters, None).is_ok(), through_filtering, "{egress:?}");
        }
        let refused = Egress::public().check_name(&origin, &plain, None).unwrap_err().to_string();
        let expected =
            "a.test:443 is refused: http://p.test:3128 would resolve the name, and is not declared to filter";
        assert_eq!(refused, expected);
        // The exception is the origin's, and not that of a proxy behind the first.
        let egress = Egress::public().allow(rule().host("a.test").unwrap());
        let next = Proxy::new(ProxyKind::Http, "q.test", 8080);
        assert!(egress.check_name(&origin, &plain, Some(&next)).is_err());
    }
}
