//! The client that the flags describe: each flag is a setting of the layer that owns it.

use crate::{
    args::{Args, DnsServers, EchArg, Interface},
    haproxy::{HaproxyHeader, HaproxyLayer},
    look::LookLayer,
    observer::{CallObserver, ObservedDialer},
    proxies::{self, Proxies},
    resolve::ResolveLayer,
    start_error::StartError,
    tls,
    usage::Usage,
};
use skybridge::{
    CacheLayer, Client, ConnectError, ConnectOptions, Endpoint, H1, Hickory, HttpVersions, KeepAlive, PoolConfig,
    RaceLayer, RequestBody, RetryLayer, RouteConfig, System, Tcp, Timeouts, TokioRuntime, TunnelLayer,
    tower::{Layer, service_fn},
    types::{Cleartext, Egress, EgressRule, Families, Origin, Reference, Resolver},
};
use std::{future::ready, sync::Arc, time::Duration};

/// A client, and who is asked about it.
#[derive(Clone)]
pub(crate) struct Connects {
    pub(crate) client: Client,
    pub(crate) proxies: Proxies,
    pub(crate) observer: Arc<CallObserver>,
}

impl Connects {
    /// # Errors
    /// When a file or value of a TLS flag can't be used.
    pub(crate) fn of(args: &Args, observer: CallObserver) -> Result<Self, StartError> {
        let (proxies, observer) = (Proxies::of(args, |name| std::env::var_os(name)), Arc::new(observer));
        Ok(Self { client: build(args, &proxies, &observer)?, proxies, observer })
    }
}

fn build(args: &Args, proxies: &Proxies, observer: &Arc<CallObserver>) -> Result<Client, StartError> {
    let Some(servers) = &args.route.dns_servers else { return over_https(System::new(), args, proxies, observer) };
    let servers = match servers {
        DnsServers::Cleartext(servers) => Hickory::new(servers.iter().copied()),
        DnsServers::Tls(servers) => Hickory::over_tls(servers.iter().cloned(), tls::dns_servers(args)?),
    };
    let servers =
        servers.map_err(|error| Usage::of("--dns-servers", "", format_args!("they can't be asked: {error}")))?;
    over_https(CacheLayer::new().layer(servers), args, proxies, observer)
}

/// The client that asks the server of `--doh-url`, if there is one, and this resolver for that server's own name.
fn over_https(
    resolver: impl Resolver,
    args: &Args,
    proxies: &Proxies,
    observer: &Arc<CallObserver>,
) -> Result<Client, StartError> {
    let Some(url) = &args.route.doh_url else { return asking(resolver, args, proxies, observer) };
    // As curl, not through the proxies of what is fetched.
    let doh = Client::builder()
        .resolver(with_resolve(args, resolver))
        .tls(tls::doh(args)?)
        .race(race(args))
        .dialer(tcp(args))
        .build();
    // Without the URL, which may have credentials.
    let server = Hickory::over_https(url, doh).map_err(|error| Usage::of("--doh-url", Reference::typed(url), error))?;
    asking(CacheLayer::new().layer(server), args, proxies, observer)
}

/// What `--resolve` says goes before.
fn with_resolve<R: Resolver>(args: &Args, resolver: R) -> <ResolveLayer as Layer<R>>::Service {
    ResolveLayer::new(&args.route.resolve, &TokioRuntime::current()).layer(resolver)
}

/// The client that asks this resolver.
fn asking(
    resolver: impl Resolver,
    args: &Args,
    proxies: &Proxies,
    observer: &Arc<CallObserver>,
) -> Result<Client, StartError> {
    let resolver = with_resolve(args, resolver);
    let selected = proxies.clone();
    let client = Client::builder()
        .observer(Arc::clone(observer) as _)
        .retry(retry(args))
        .pool(pool(args))
        .resolver(resolver)
        .route(RouteConfig::new().families(families(args)))
        .proxy_selector(service_fn(move |origin: Origin| ready(selected.chains(&origin).map_err(ConnectError::from))))
        .h1(h1(args))
        .tls(tls::origins(args)?)
        .cleartext(cleartext(args))
        .proxy_tls(tls::proxies(args)?)
        .tunnel(
            TunnelLayer::new()
                .http2(args.proxy.proxy_http2)
                .http1_0(args.proxy.asks_by_http1_0())
                .user_agent(proxies::user_agent(args)),
        )
        .race(race(args))
        .above_tls(LookLayer(args.look.clone()))
        .above_tunnel(HaproxyLayer(haproxy(args)))
        .dialer(ObservedDialer::new(tcp(args), Arc::clone(observer)));
    Ok(client.build())
}

/// Of `--proto`.
fn cleartext(args: &Args) -> Cleartext {
    let is_permitted = args.protocol.protos.check("http").is_ok();
    if is_permitted { Cleartext::permitted() } else { Cleartext::refused() }
}

fn h1(args: &Args) -> H1<RequestBody> {
    // For what is printed of heads as they came.
    let mut h1 = H1::new().keep_case();
    if args.protocol.http1_0 {
        h1 = h1.http1_0();
    }
    match args.protocol.expect100_timeout {
        Some(delay) => h1.continue_delay(delay.0),
        None => h1,
    }
}

/// Those of each request, but for `--max-time`, which is for all of a chain.
pub(crate) fn timeouts(args: &Args) -> Timeouts {
    let mut timeouts = Timeouts::new();
    let limit = |seconds: Option<crate::args::Seconds>| seconds.map(|seconds| seconds.limit());
    timeouts.connect = limit(args.request.connect_timeout);
    timeouts.response_head = limit(args.request.read_timeout);
    timeouts.read_idle = limit(args.request.read_timeout);
    timeouts
}

/// What each request asks of its connection.
pub(crate) fn connect_options(args: &Args) -> ConnectOptions {
    let mut connect_options = ConnectOptions::default();
    if args.protocol.http1_1 || args.protocol.http1_0 {
        connect_options.http_versions = HttpVersions::Http1;
    }
    if args.protocol.http2_prior_knowledge {
        connect_options.http_versions = HttpVersions::Http2;
    }
    connect_options.ech = EchArg::mode(&args.tls.ech);
    if args.route.egress.is_some() {
        connect_options.egress = Egress::public();
        if args.proxy.proxy_filters_egress {
            // They were chosen by whoever wrote the command line; what a URL names, was not.
            connect_options.egress = Egress::public().allow_proxy(EgressRule::new());
        }
    }
    connect_options.dial = args.route.unix_socket.clone().map(|path| [Endpoint::from(path)].into());
    connect_options
}

/// For how long after its first failure a request may be sent again, besides a wait that the server asks for.
const MAX_AGE: Duration = Duration::from_secs(10);

fn retry(args: &Args) -> RetryLayer<RequestBody> {
    let mut retry = RetryLayer::safe();
    if args.protocol.replay_non_idempotent {
        retry = retry.any_method();
    }
    if args.protocol.no_retry_answers {
        retry = retry.answers(false);
    }
    if let Some(limit) = args.protocol.retry_after {
        // Such a wait counts as a part of the request's age.
        retry = retry.retry_after(limit.0).max_age(limit.0.saturating_add(MAX_AGE));
    }
    match args.protocol.retry_max {
        _ if args.protocol.no_retry => retry.max_tries(1),
        Some(most) => retry.max_tries(most),
        None => retry,
    }
}

fn pool(args: &Args) -> PoolConfig {
    let mut pool = PoolConfig::new();
    if let Some(idle) = args.protocol.pool_idle {
        pool = pool.max_idle(idle);
    }
    if let Some(timeout) = args.protocol.pool_idle_timeout {
        pool = pool.idle_timeout(timeout.0);
    }
    if let Some(most) = args.protocol.pool_max_per_host {
        pool = pool.max_per_origin(most as usize);
    }
    if let Some(age) = args.protocol.pool_max_age {
        pool = pool.max_age(age.0);
    }
    if args.protocol.no_reuse {
        pool = pool.max_requests(1);
    }
    if args.protocol.no_coalesce {
        pool = pool.coalesce(false);
    }
    pool
}

fn families(args: &Args) -> Families {
    match (args.route.ipv4, args.route.ipv6) {
        (true, _) => Families::V4,
        (_, true) => Families::V6,
        _ => Families::Both,
    }
}

fn race(args: &Args) -> RaceLayer {
    if args.route.no_fast_fallback {
        return RaceLayer::sequential();
    }
    let race = RaceLayer::happy_eyeballs();
    // Addresses on the command line are in the order to be tried.
    let race = if args.route.resolve.is_empty() { race } else { race.as_listed() };
    match args.route.happy_eyeballs_timeout_ms {
        Some(delay) => race.delay(Duration::from_millis(delay)),
        None => race,
    }
}

fn haproxy(args: &Args) -> Option<HaproxyHeader> {
    let client = args.protocol.haproxy_clientip;
    (args.protocol.haproxy_protocol || client.is_some()).then_some(HaproxyHeader { client })
}

fn tcp(args: &Args) -> Tcp {
    let mut tcp = Tcp::new();
    match &args.route.interface {
        Some(Interface::Address(address)) => tcp = tcp.local_address(*address),
        Some(Interface::Name(name)) => tcp = tcp.interface(&**name),
        None => {}
    }
    if let Some(time) = args.protocol.keepalive_time {
        tcp = tcp.keep_alive(KeepAlive { idle: time.0, interval: time.0, ..KeepAlive::default() });
    }
    tcp
}
