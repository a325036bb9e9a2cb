use crate::no_proxy::NoProxy;
use skybridge_core::{Advice, ConnectError, Origin, Phase, Proxy, ProxyError, Scheme};
use std::{
    env,
    error::Error,
    ffi::OsString,
    fmt,
    future::{Ready, ready},
    sync::Arc,
    task::{Context, Poll},
};
use tower_service::Service;

/// The proxies that the environment names, as a [`ProxySelector`](crate::ProxySelector):
///
/// | for | the first of these that is set and not empty |
/// |---|---|
/// | `http` origins | `http_proxy`, `HTTP_PROXY`, `all_proxy`, `ALL_PROXY` |
/// | `https` origins | `https_proxy`, `HTTPS_PROXY`, `all_proxy`, `ALL_PROXY` |
/// | none, but directly | `no_proxy`, `NO_PROXY`: a [`NoProxy`] list |
///
/// In a CGI program, which is one with `REQUEST_METHOD` in its environment, `HTTP_PROXY` is a field of the request that
/// it answers, and so is not read; nor is `http_proxy` on Windows, where names have no case.
///
/// A value is a URL as [`Proxy::parse`] reads it. It is read when an origin needs it: one that names no proxy fails the
/// requests that would go through it, and no others. It is not passed over, as that would mean to connect directly.
///
/// ```
/// use skybridge_core::OriginRef;
/// use skybridge_route::EnvironmentProxies;
///
/// let variables = [("all_proxy", "socks5h://proxy.test"), ("no_proxy", "localhost, .internal.test")];
/// let proxies = EnvironmentProxies::of(|name| variables.iter().find(|(known, _)| *known == name).map(|it|
/// it.1.into())); let proxy_for = |url: &str|
/// proxies.proxy_for(&OriginRef::of(&url.parse().unwrap()).unwrap().to_owned().unwrap());
/// assert_eq!(proxy_for("https://a.test/")?.unwrap().to_string(), "socks5h://proxy.test:1080");
/// assert_eq!(proxy_for("https://wiki.internal.test/")?, None);
/// # Ok::<_, skybridge_route::ProxyVariableError>(())
/// ```
#[derive(Clone)]
pub struct EnvironmentProxies {
    variables: Arc<Variables>,
    no_proxy: NoProxy,
}

struct Variables {
    http: Option<Variable>,
    https: Option<Variable>,
}

#[derive(Clone)]
struct Variable {
    name: &'static str,
    value: OsString,
}

/// A variable of the environment is set, and doesn't name a proxy. The request that would go through it was not sent;
/// the value, which may have a password in it, is not repeated.
#[derive(Clone, Eq, PartialEq)]
pub struct ProxyVariableError {
    name: &'static str,
    /// `None` where the value is not UTF-8.
    why: Option<ProxyError>,
}

// === impl EnvironmentProxies ===

impl EnvironmentProxies {
    /// Those of this process, as its environment is now.
    pub fn read() -> Self {
        Self::of(|name| env::var_os(name))
    }

    /// Those of these variables, of which each is asked for by name.
    pub fn of(variable: impl Fn(&str) -> Option<OsString>) -> Self {
        let is_cgi = variable("REQUEST_METHOD").is_some();
        let is_read = |name: &str| !(is_cgi && (name == "HTTP_PROXY" || cfg!(windows) && name == "http_proxy"));
        let first = |names: &[&'static str]| {
            let set = |name: &&'static str| Some(Variable { name, value: variable(name).filter(|it| !it.is_empty())? });
            names.iter().filter(|name| is_read(name)).find_map(set)
        };
        let variables = Variables {
            http: first(&["http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"]),
            https: first(&["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"]),
        };
        let no_proxy = first(&["no_proxy", "NO_PROXY"]);
        // An entry that isn't UTF-8 covers nothing; the others hold.
        let no_proxy = no_proxy.map(|list| NoProxy::parse(&list.value.to_string_lossy())).unwrap_or_default();
        Self { variables: Arc::new(variables), no_proxy }
    }

    /// Replaces the list of `no_proxy`.
    pub fn no_proxy(mut self, list: NoProxy) -> Self {
        self.no_proxy = list;
        self
    }

    /// The proxy for an origin; `None` for a direct connection.
    ///
    /// # Errors
    /// When the variable that is for the origin doesn't name a proxy.
    pub fn proxy_for(&self, origin: &Origin) -> Result<Option<Proxy>, ProxyVariableError> {
        let variable = match origin.scheme() {
            Scheme::Http => &self.variables.http,
            Scheme::Https => &self.variables.https,
        };
        match variable {
            Some(variable) if !self.no_proxy.covers(origin) => variable.parse().map(Some),
            _ => Ok(None),
        }
    }
}

impl EnvironmentProxies {
    /// The name of the variable that is for an origin, whatever it names, and whether `no_proxy` exempts the origin
    /// from it; `None` where no variable is set.
    pub fn variable_for(&self, origin: &Origin) -> Option<(&'static str, bool)> {
        let variable = match origin.scheme() {
            Scheme::Http => &self.variables.http,
            Scheme::Https => &self.variables.https,
        };
        variable.as_ref().map(|variable| (variable.name, self.no_proxy.covers(origin)))
    }
}

impl Service<Origin> for EnvironmentProxies {
    type Response = [Arc<[Proxy]>; 1];
    type Error = ProxyVariableError;
    type Future = Ready<Result<Self::Response, Self::Error>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, origin: Origin) -> Self::Future {
        ready(self.proxy_for(&origin).map(|proxy| [proxy.into_iter().collect()]))
    }
}

impl fmt::Debug for EnvironmentProxies {
    /// Without the values: they may have passwords in them.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |variable: &Option<Variable>| variable.as_ref().map(|variable| variable.name);
        f.debug_struct("EnvironmentProxies")
            .field("http", &name(&self.variables.http))
            .field("https", &name(&self.variables.https))
            .field("no_proxy", &self.no_proxy)
            .finish()
    }
}

// === impl Variable ===

impl Variable {
    fn parse(&self) -> Result<Proxy, ProxyVariableError> {
        let wrong = |why| ProxyVariableError { name: self.name, why };
        let value = self.value.to_str().ok_or_else(|| wrong(None))?;
        Proxy::parse(value.trim_ascii()).map_err(|error| wrong(Some(error)))
    }
}

// === impl ProxyVariableError ===

impl ProxyVariableError {
    /// The name of the variable.
    pub fn name(&self) -> &'static str {
        self.name
    }
}

impl fmt::Display for ProxyVariableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = if self.why.is_some() { "names no proxy" } else { "is not UTF-8, and so names no proxy" };
        write!(f, "the environment variable {} {why}", self.name)
    }
}

impl fmt::Debug for ProxyVariableError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&skybridge_core::OneLine(self), f)
    }
}

impl Error for ProxyVariableError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.why.as_ref().map(|error| error as _)
    }
}

impl From<ProxyVariableError> for ConnectError {
    /// Fatal: no other way may be taken in place of the one that is set.
    fn from(error: ProxyVariableError) -> Self {
        Self::new(Phase::Acquire, error).advise(Advice::ProxyVariable).fatal()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use skybridge_core::OriginRef;

    type Variables<'a> = &'a [(&'a str, &'a str)];

    fn proxies(variables: &[(&str, &str)]) -> EnvironmentProxies {
        EnvironmentProxies::of(|name| variables.iter().find(|(known, _)| *known == name).map(|(_, it)| it.into()))
    }

    fn chosen(proxies: &EnvironmentProxies, url: &str) -> String {
        let origin = OriginRef::of(&url.parse().unwrap()).unwrap().to_owned().unwrap();
        match proxies.proxy_for(&origin) {
            Ok(proxy) => proxy.map_or("direct".into(), |proxy| proxy.to_string()),
            Err(error) => error.name().into(),
        }
    }

    /// What is chosen for `http://a.test` and `https://a.test`.
    fn both(variables: &[(&str, &str)]) -> [String; 2] {
        let proxies = proxies(variables);
        ["http://a.test/", "https://a.test/"].map(|url| chosen(&proxies, url))
    }

    #[test]
    fn each_scheme_has_its_variable_lower_case_goes_first_and_all_proxy_is_last() {
        let rows: [(Variables<'_>, [&str; 2]); 13] = [
            (&[], ["direct", "direct"]),
            (&[("http_proxy", "p:1")], ["http://p:1", "direct"]),
            (&[("https_proxy", "p:1")], ["direct", "http://p:1"]),
            (&[("HTTPS_PROXY", "https://p")], ["direct", "https://p:443"]),
            (&[("HTTP_PROXY", "p")], ["http://p:80", "direct"]),
            (&[("all_proxy", "socks5h://p")], ["socks5h://p:1080"; 2]),
            (&[("ALL_PROXY", "socks4a://p:9")], ["socks4a://p:9"; 2]),
            (&[("http_proxy", "p:1"), ("HTTP_PROXY", "q:1"), ("all_proxy", "r:1")], ["http://p:1", "http://r:1"]),
            (&[("https_proxy", "p:1"), ("HTTPS_PROXY", "q:1"), ("ALL_PROXY", "r:1")], ["http://r:1", "http://p:1"]),
            (&[("all_proxy", "p:1"), ("ALL_PROXY", "q:1")], ["http://p:1"; 2]),
            (&[("http_proxy", ""), ("HTTP_PROXY", "q:1"), ("https_proxy", "")], ["http://q:1", "direct"]),
            (&[("http_proxy", " \tp:1 ")], ["http://p:1", "direct"]),
            (&[("http_proxy", "http://me:pw@p:1/")], ["http://p:1", "direct"]),
        ];
        for (variables, expected) in rows {
            assert_eq!(both(variables), expected, "{variables:?}");
        }
    }

    #[test]
    fn a_cgi_program_does_not_read_the_field_of_its_request() {
        let cgi = ("REQUEST_METHOD", "GET");
        assert_eq!(both(&[("HTTP_PROXY", "evil:1"), cgi]), ["direct", "direct"]);
        assert_eq!(both(&[("HTTP_PROXY", "evil:1"), ("all_proxy", "p:1"), cgi])[0], "http://p:1");
        assert_eq!(both(&[("HTTPS_PROXY", "p:1"), cgi]), ["direct", "http://p:1"]);
        let lower = if cfg!(windows) { "direct" } else { "http://p:1" };
        assert_eq!(both(&[("http_proxy", "p:1"), cgi])[0], lower);
    }

    #[test]
    fn a_bad_value_is_an_error_where_it_is_needed_and_nowhere_else() {
        for bad in ["socks://p:1", "p:x", "http://", "http://p/path", "foo://p"] {
            assert_eq!(both(&[("https_proxy", bad)]), ["direct", "https_proxy"], "{bad}");
            assert_eq!(both(&[("ALL_PROXY", bad), ("http_proxy", "q:1")]), ["http://q:1", "ALL_PROXY"], "{bad}");
            for covered in ["*", "a.test"] {
                assert_eq!(both(&[("all_proxy", bad), ("no_proxy", covered)]), ["direct"; 2], "{bad}");
            }
        }
    }

    #[test]
    fn exceptions_are_those_of_the_first_list_unless_they_are_replaced() {
        let listed = proxies(&[("all_proxy", "p:1"), ("no_proxy", "b.test"), ("NO_PROXY", "c.test")]);
        let hosts = ["http://a.test/", "https://x.b.test/", "https://c.test/"];
        assert_eq!(hosts.map(|url| chosen(&listed, url)), ["http://p:1", "direct", "http://p:1"]);
        let replaced = listed.no_proxy(NoProxy::parse("a.test"));
        assert_eq!(hosts.map(|url| chosen(&replaced, url)), ["direct", "http://p:1", "http://p:1"]);
        let upper = proxies(&[("all_proxy", "p:1"), ("no_proxy", ""), ("NO_PROXY", "c.test")]);
        assert_eq!(hosts.map(|url| chosen(&upper, url)), ["http://p:1", "http://p:1", "direct"]);
        // Nothing is an exception by itself.
        assert_eq!(chosen(&upper, "http://localhost/"), "http://p:1");
        assert_eq!(chosen(&upper, "http://127.0.0.1/"), "http://p:1");
    }

    #[test]
    fn no_password_is_told() {
        let secret = proxies(&[("all_proxy", "socks://me:hunter2@p:1")]);
        let error = secret.proxy_for(&OriginRef::of(&"http://a.test/".parse().unwrap()).unwrap().to_owned().unwrap());
        let error = error.unwrap_err();
        let told = format!("{secret:?} {error} {error:?} {:?}", error.source().unwrap().to_string());
        assert!(!told.contains("hunter2") && told.contains("all_proxy"), "{told}");
    }
}
