//! `--connect-to`, and `--resolve` for hosts that are addresses: where to connect to, in place of the URL's host and
//! port.

use crate::{
    args::{ConnectTo, RouteArgs},
    cookies::is_this_machine,
    resolve,
    usage::Usage,
};
use http::Uri;
use skybridge::{
    Endpoint, RequestOptions,
    types::{Origin, OriginRef},
};

impl ConnectTo {
    /// One that leads nowhere else is passed over, as with curl.
    fn matches(&self, host: &str, port: u16) -> bool {
        let (from, at) = &self.from;
        (self.to.0.is_some() || self.to.1.is_some())
            && from.as_ref().is_none_or(|from| from.eq_ignore_ascii_case(host))
            && at.is_none_or(|at| at == port)
    }
}

/// The options with which a URL is connected to. Rules are about what URLs name: proxies are reached where they are.
/// `is_proxied`: there are proxies for this URL.
///
/// # Errors
/// When a rule leads to what is no host.
pub(crate) fn apply(
    options: RequestOptions,
    route: &RouteArgs,
    uri: &Uri,
    is_proxied: bool,
) -> Result<RequestOptions, Usage> {
    // The client refuses URLs without an origin.
    let Ok(origin) = OriginRef::of(uri).and_then(OriginRef::to_owned) else { return Ok(options) };
    let own = host_and_port(&origin);
    let to = led(route, own);
    // No resolver is asked for an address, so that its entries are to be found here. A proxy is told what the URL says.
    if let Ok(ip) = to.0.parse()
        && let Some(endpoints) = resolve::for_address(&route.resolve, ip, to.1)
        && !is_proxied
    {
        return Ok(options.dial(endpoints));
    }
    if to == own {
        return Ok(options);
    }
    options.connect_to(to.0, to.1).map_err(|error| Usage::of("--connect-to", format_args!("{}:{}", to.0, to.1), error))
}

/// Whether what a URL names is this machine, and no rule leads to another one.
pub(crate) fn stays_here(route: &RouteArgs, uri: &Uri) -> bool {
    let Ok(origin) = OriginRef::of(uri).and_then(OriginRef::to_owned) else { return false };
    let (host, port) = led(route, host_and_port(&origin));
    is_this_machine(host_and_port(&origin).0)
        && match resolve::for_host(&route.resolve, host, port) {
            Some(endpoints) => endpoints.iter().all(is_loopback),
            None => is_this_machine(host),
        }
}

fn is_loopback(endpoint: &Endpoint) -> bool {
    endpoint.inet().is_some_and(|at| at.ip().is_loopback())
}

fn host_and_port(origin: &Origin) -> (&str, u16) {
    (origin.name().trim_matches(['[', ']']), origin.port())
}

/// Where rules lead from there.
fn led<'a>(route: &'a RouteArgs, own: (&'a str, u16)) -> (&'a str, u16) {
    let rule = route.connect_to.iter().find(|rule| rule.matches(own.0, own.1));
    rule.map_or(own, |rule| (rule.to.0.as_deref().unwrap_or(own.0), rule.to.1.unwrap_or(own.1)))
}
