//! Requests sent by every stack that compiles, by every way: nothing is read by whom it is not for.

use super::{
    links::{links, tcp},
    parties::{Parties, SECRET, Way, tls},
    stacks::{Bottom, Kind, Layer, Stack, all},
};
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Empty};
use hyper_util::{client::legacy, rt::TokioExecutor};
use skybridge::{
    Cause, Client, ConnInfo, ConnectError, Delivery, Error, H1, H2, NegotiateLayer, PoolLayer, RequestBody, RetryLayer,
    RouteLayer, TlsLayer,
    types::{ConnectOptions, Connection, Connector, Handshake, Io, Key, Link, OriginRef, Plan, Planner, Target},
};
use skybridge_hyper::HyperLayer;
use std::{error::Error as StdError, future::poll_fn, sync::Arc};
use tower::{Layer as _, ServiceBuilder, ServiceExt};

/// What is to come of a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Expected {
    Answer,
    /// With an error that says this.
    Refusal(&'static str),
    /// The way is no good, whatever the stack is.
    Failure,
}

/// What came of it.
#[derive(Debug)]
enum Outcome {
    /// This text; whether the connection is said to be sealed.
    Answer(String, bool),
    Error(String),
}

const NO_TLS: Expected = Expected::Refusal("a TlsLayer is missing below");
const TWO_TLS: Expected = Expected::Refusal("there is one TlsLayer too many");
const NO_TUNNEL: Expected = Expected::Refusal("a TunnelLayer is missing below");
const TWO_TUNNELS: Expected = Expected::Refusal("there is one TunnelLayer too many");
const NO_WAY: Expected = Expected::Refusal("a foreign connector can't be sent through a proxy");

#[tokio::test(start_paused = true)]
async fn by_a_stack_that_compiles_nothing_is_sent_that_should_not_be() {
    let mut wrong = String::new();
    for stack in all() {
        let Ok(kind) = stack.kind() else { continue };
        for (way, https) in Way::ALL.into_iter().flat_map(|way| [(way, true), (way, false)]) {
            let parties = Parties::on(way);
            let expected = expected(&stack, way, https);
            let outcome = send(&stack, kind, &parties, https).await;
            let feedback = judge(&parties, https, expected, &outcome);
            if let Err(what) = feedback {
                wrong += &format!("\n{stack}, {way:?}, https {https}: {what}: {outcome:?}");
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// The client whose layers nobody can leave out.
#[tokio::test(start_paused = true)]
async fn by_the_builders_client_everything_is_sent_as_it_should_be() {
    for (way, https) in Way::ALL.into_iter().flat_map(|way| [(way, true), (way, false)]) {
        let parties = Parties::on(way);
        let client = Client::builder()
            .runtime(parties.executor.runtime())
            .resolver(parties.net.resolver())
            .dialer(tcp(&parties))
            .tls(TlsLayer::new(tls()))
            .proxies([parties.route.clone()])
            .build();
        let outcome = match client.request(request(https, RequestBody::empty())).await {
            Ok(response) => {
                let facts = response.body().connection().cloned();
                answer(response.into_body(), facts.as_deref()).await
            }
            Err(failed) => error(&failed),
        };
        let expected = if way == Way::Impostor { Expected::Failure } else { Expected::Answer };
        judge(&parties, https, expected, &outcome).unwrap_or_else(|what| panic!("{way:?}: {what}: {outcome:?}"));
    }
}

fn expected(stack: &Stack, way: Way, https: bool) -> Expected {
    use Layer::{Race, Tls, Tunnel};
    let links = lower_half(stack);
    let direct = way == Way::Direct;
    if stack.bottom != Bottom::Tcp && links.last() != Some(&Race) {
        // It finds, opens and perhaps seals by itself.
        let seals =
            links.iter().filter(|layer| **layer == Tls).count() + usize::from(stack.bottom == Bottom::SealingGuest);
        return match seals {
            _ if !direct => NO_WAY,
            0 if https => NO_TLS,
            2.. if https => TWO_TLS,
            _ => Expected::Answer,
        };
    }
    let refusal = match (links, https) {
        ([Tls, Tunnel, Race], _) | ([Tunnel, Race] | [Tls, Tls, Tunnel, Race], false) => return passes(way),
        ([Tunnel, Race], true) => return if way == Way::Impostor { Expected::Failure } else { NO_TLS },
        ([Tls, Tls, Tunnel, Race], true) => return if way == Way::Impostor { Expected::Failure } else { TWO_TLS },
        ([Tunnel, Tls, Race], false) => return passes(way),
        ([Tls, Tunnel, Tunnel, Race], _) if way == Way::Impostor => Expected::Failure,
        ([Tls, Tunnel, Tunnel, Race], _) => TWO_TUNNELS,
        // TLS would be with the proxy.
        ([Tls, Race], _) | ([Tunnel, Tls, Race], true) => NO_TUNNEL,
        ([Race] | [Tls, Tls, Race], _) => panic!("two mistakes"),
        (links, _) => panic!("{links:?}"),
    };
    if direct { Expected::Answer } else { refusal }
}

fn passes(way: Way) -> Expected {
    if way == Way::Impostor { Expected::Failure } else { Expected::Answer }
}

/// The layers that make links.
fn lower_half(stack: &Stack) -> &[Layer] {
    let upper = [Layer::Retry, Layer::Pool, Layer::Hyper, Layer::Route, Layer::Negotiate];
    let at = stack.layers.iter().position(|layer| !upper.contains(layer)).unwrap_or(stack.layers.len());
    &stack.layers[at..]
}

fn judge(parties: &Parties, https: bool, expected: Expected, outcome: &Outcome) -> Result<(), &'static str> {
    let [plain, sealed] = &parties.origins;
    let (own, other) = if https { (sealed, plain) } else { (plain, sealed) };
    let seen = own.requests();
    let rule = |holds: bool, what| if holds { Ok(()) } else { Err(what) };
    rule(!https || !parties.wire.has(SECRET), "a request for https is on the wire in cleartext")?;
    rule(!https || !parties.proxies.has(SECRET), "a proxy has read a request for https")?;
    rule(other.requests().is_empty(), "somebody else got the request")?;
    match (expected, outcome) {
        (Expected::Answer, Outcome::Answer(text, is_sealed)) => {
            rule(text == "hello" && seen.len() == 1, "not the origin's answer")?;
            rule(*is_sealed == https, "the facts don't say whether it is sealed")
        }
        (Expected::Refusal(words), Outcome::Error(message)) => {
            rule(message.contains(words), "not these words")?;
            rule(
                message.contains("Unsent, fatal"),
                "the error does not say that nothing was sent, and that nothing else would help",
            )?;
            rule(seen.is_empty() && !parties.wire.has(SECRET), "the error says that it was refused, but it was sent")
        }
        (Expected::Failure, Outcome::Error(_)) => rule(seen.is_empty(), "it failed, and was sent"),
        _ => Err("not what was to come of it"),
    }
}

/// By whatever the stack is.
async fn send(stack: &Stack, kind: Kind, parties: &Parties, https: bool) -> Outcome {
    let links = links(lower_half(stack), stack.bottom, parties);
    let negotiate = || NegotiateLayer::new(H1::<RequestBody>::new(), H2::<RequestBody>::new());
    let pool = || PoolLayer::shared(parties.executor.runtime());
    let route = || RouteLayer::new(parties.net.resolver()).proxies([parties.route.clone()]);
    let request = request(https, RequestBody::empty());
    match kind {
        Kind::Client => {
            let stack =
                ServiceBuilder::new().layer(RetryLayer::unsent()).layer(pool()).layer(route()).layer(negotiate());
            match stack.service(links).oneshot(request).await {
                Ok(response) => {
                    let facts = response.body().connection().cloned();
                    answer(response.into_body(), facts.as_deref()).await
                }
                Err(failed) => error(&failed),
            }
        }
        Kind::Pool => {
            let stack = ServiceBuilder::new().layer(pool()).layer(route()).layer(negotiate()).service(links);
            match stack.oneshot(request).await {
                Ok(response) => {
                    let facts = response.body().connection().cloned();
                    answer(response.into_body(), facts.as_deref()).await
                }
                Err(failed) => error(&failed.error),
            }
        }
        Kind::Hyper => {
            let layer = HyperLayer::shared(parties.executor.runtime());
            under_hyper(ServiceBuilder::new().layer(layer).layer(route()).service(links), https).await
        }
        Kind::LinkPlanner => {
            let planner = route().layer(links);
            by_hand(async |target| planner.clone().plan(target).await?.connect().await, parties, request).await
        }
        Kind::Connector => {
            let route = |target| parties.route(target);
            by_hand(async |target| links.clone().connect(route(target)).await, parties, request).await
        }
        kind => panic!("nothing can be sent by a {kind:?}"),
    }
}

fn request<B>(https: bool, body: B) -> Request<B> {
    let scheme = if https { "https" } else { "http" };
    Request::get(format!("{scheme}://a.test/")).header("secret", SECRET).body(body).unwrap()
}

/// Under hyper-util's client.
async fn under_hyper<C>(connector: C, https: bool) -> Outcome
where
    C: legacy::connect::Connect + Clone + Send + Sync + 'static,
{
    let client = legacy::Client::builder(TokioExecutor::new()).build::<_, Empty<Bytes>>(connector);
    match client.request(request(https, Empty::new())).await {
        Ok(response) => {
            let facts = response.extensions().get::<Arc<ConnInfo>>().cloned();
            answer(response.into_body(), facts.as_deref()).await
        }
        Err(error) => {
            let ours = causes(&error).find_map(|cause| cause.downcast_ref::<ConnectError>());
            let delivery = if error.is_connect() { Delivery::Unsent } else { Delivery::Unknown };
            failure(&error, delivery, ours)
        }
    }
}

/// Without any of ours above the links: a link, and HTTP/1.1 on it.
async fn by_hand(
    connect: impl AsyncFn(Target) -> Result<Link<Box<dyn Io>>, ConnectError>,
    parties: &Parties,
    request: Request<RequestBody>,
) -> Outcome {
    let ctx = parties.executor.ctx();
    let opened = async {
        let key = Key::new(OriginRef::of(request.uri()).unwrap().to_owned().unwrap(), ConnectOptions::default());
        H1::new().handshake(connect(Target::new(key, ctx.clone())).await?, &ctx).await
    };
    let mut connection = match opened.await {
        Ok(connection) => connection,
        Err(error) => return failure(&error, Delivery::Unsent, Some(&error)),
    };
    poll_fn(|cx| Connection::<RequestBody>::poll_ready(&mut connection, cx)).await.unwrap();
    connection.start(request);
    match poll_fn(|cx| connection.poll_response(cx)).await {
        Ok(response) => {
            let facts = Arc::clone(Connection::<RequestBody>::info(&connection));
            answer(response.into_body(), Some(&facts)).await
        }
        Err(failed) => error(&failed.error),
    }
}

async fn answer<B>(body: B, facts: Option<&ConnInfo>) -> Outcome
where
    B: http_body::Body<Data = Bytes, Error: std::fmt::Debug>,
{
    let text = body.collect().await.unwrap().to_bytes();
    Outcome::Answer(String::from_utf8_lossy(&text).into_owned(), facts.is_some_and(|facts| facts.tls.is_some()))
}

fn error(error: &Error) -> Outcome {
    let connect = match error.cause() {
        Cause::Connect(error) => Some(error),
        _ => None,
    };
    failure(error, error.delivery(), connect)
}

/// The error and its causes as one text.
fn failure(error: &(dyn StdError + 'static), delivery: Delivery, ours: Option<&ConnectError>) -> Outcome {
    let message: Vec<_> = causes(error).map(ToString::to_string).collect();
    let fatal = if ours.is_some_and(ConnectError::is_fatal) { ", fatal" } else { "" };
    Outcome::Error(format!("{} ({delivery:?}{fatal})", message.join(": ")))
}

fn causes<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn StdError + 'static)| (*error).source())
}
