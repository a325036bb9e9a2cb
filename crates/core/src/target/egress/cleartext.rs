use super::{EgressRule, EgressRuleError};
use crate::{Origin, Scheme};
use std::{
    fmt,
    hash::{Hash, Hasher},
    sync::Arc,
};

/// Whether origins of `http` may be spoken to: what is said to them everybody on the way can read and change. It says
/// nothing of origins of `https`, and is part of an [`Egress`](crate::Egress).
///
/// ```
/// # use skybridge_core::Cleartext;
/// let refused = Cleartext::refused();
/// let but_to_these = Cleartext::only_to(["localhost", "*.corp.test"])?;
/// let by_port = Cleartext::only_if(|origin| origin.port() == 8080);
/// # Ok::<_, Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
pub struct Cleartext(Kind);

#[derive(Clone, Debug, Default, Eq, Hash, PartialEq)]
enum Kind {
    #[default]
    Permitted,
    Refused,
    To(Arc<[EgressRule]>),
    If(Predicate),
}

/// Two are equal if they are the same.
#[derive(Clone)]
struct Predicate(Arc<dyn Fn(&Origin) -> bool + Send + Sync>);

impl Cleartext {
    /// To every origin. This is the default.
    pub fn permitted() -> Self {
        Self::default()
    }

    /// To none.
    pub fn refused() -> Self {
        Self(Kind::Refused)
    }

    /// To these hosts alone, which are written as for [`EgressRule::host`](crate::EgressRule::host).
    ///
    /// # Errors
    /// When one of them is none.
    pub fn only_to<'h>(hosts: impl IntoIterator<Item = &'h str>) -> Result<Self, EgressRuleError> {
        let rules = hosts.into_iter().map(|host| EgressRule::new().host(host));
        Ok(Self(Kind::To(rules.collect::<Result<_, _>>()?)))
    }

    /// To origins of which `permitted` says so, and it says the same each time. It is asked often, and must not block.
    /// Requests share connections only where they have the same one: make it once, and clone it.
    pub fn only_if(permitted: impl Fn(&Origin) -> bool + Send + Sync + 'static) -> Self {
        Self(Kind::If(Predicate(Arc::new(permitted))))
    }

    /// Whether it permits all.
    pub(super) fn is_any(&self) -> bool {
        self.0 == Kind::Permitted
    }

    /// Whether this origin may be spoken to.
    pub fn permits(&self, origin: &Origin) -> bool {
        let is_permitted = || match &self.0 {
            Kind::Permitted => true,
            Kind::Refused => false,
            Kind::To(rules) => rules.iter().any(|rule| rule.is_about_origin(origin)),
            Kind::If(Predicate(permitted)) => permitted(origin),
        };
        origin.scheme() == Scheme::Https || is_permitted()
    }
}

// === impl Predicate ===

impl PartialEq for Predicate {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Predicate {}

impl Hash for Predicate {
    fn hash<H: Hasher>(&self, state: &mut H) {
        Arc::as_ptr(&self.0).cast::<()>().hash(state);
    }
}

impl fmt::Debug for Predicate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Predicate")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Egress, EgressReason, Endpoint, OriginRef, Proxy, ProxyKind};

    fn origin(url: &str) -> Origin {
        OriginRef::of(&url.parse().unwrap()).unwrap().to_owned().unwrap()
    }

    #[test]
    fn it_is_about_origins_of_http_alone_and_may_be_by_host() {
        let hosts = ["localhost", "*.corp.test", "[::1]"];
        let rows = [
            (Cleartext::permitted(), [true, true, true, true]),
            (Cleartext::refused(), [false, false, false, false]),
            (Cleartext::only_to(hosts).unwrap(), [false, true, true, true]),
            (Cleartext::only_to([]).unwrap(), [false, false, false, false]),
            (Cleartext::only_if(|origin| origin.port() == 8080), [false, false, true, false]),
        ];
        for (cleartext, expected) in rows {
            let urls = ["http://a.test", "http://LocalHost.", "http://b.corp.test:8080", "http://[::1]"];
            let permits = urls.map(|url| cleartext.permits(&origin(url)));
            assert_eq!(permits, expected, "{cleartext:?}");
            assert!(cleartext.permits(&origin("https://a.test")), "{cleartext:?}");
        }
        assert!(Cleartext::only_to(["a.*.test"]).is_err());
    }

    #[test]
    fn each_question_to_a_policy_is_answered_by_it() {
        let egress = Egress::any().cleartext(Cleartext::only_to(["b.test"]).unwrap());
        let (endpoint, proxy) = (Endpoint::from(([192, 0, 2, 1], 80)), Proxy::new(ProxyKind::Http, "p.test", 3128));
        let name = Endpoint::Name { host: "a.test".into(), port: 80 };
        let answers = |url| {
            let origin = origin(url);
            [
                egress.check_cleartext(&origin),
                egress.check(&origin, &endpoint),
                egress.check(&origin, &name),
                egress.check_proxy(&origin, &endpoint),
                egress.check_name(&origin, &proxy, None),
                egress.check_name(&origin, &proxy, Some(&proxy)),
                egress.check_other(&origin, "b.test", 80, None),
                egress.check_other(&origin, "b.test", 80, Some(&proxy)),
            ]
        };
        for url in ["https://a.test", "http://b.test", "http://b.test:8080"] {
            assert!(answers(url).iter().all(Result::is_ok), "{url}");
        }
        for refused in answers("http://a.test") {
            let refused = refused.unwrap_err();
            assert_eq!(refused.rule, EgressReason::Cleartext);
            assert!(refused.to_string().ends_with(" is refused: cleartext is not permitted"), "{refused}");
        }
        assert!(!egress.is_any() && egress.is_any_address());
        // Neither policy widens the other, in whichever order.
        let all = || Egress::any().cleartext(Cleartext::permitted());
        for both in [all().and(&egress), egress.clone().and(&all()), egress.clone().and(&Egress::public())] {
            assert!(both.check_cleartext(&origin("http://a.test")).is_err(), "{both:?}");
        }
    }

    #[test]
    fn a_predicate_is_the_same_as_its_clones_alone() {
        let predicate = || Cleartext::only_if(|_| true);
        let one = predicate();
        assert_eq!(one, one.clone());
        assert_ne!(one, predicate());
    }
}
