//! Encrypted Client Hello through the whole stack: what it means for routes, for connections that are shared, and for
//! proxies.

use futures_core::Stream;
use http::Request;
use skybridge::{
    Cause, Client, ConnectError, ConnectOptions, Error, PoolConfig, Proxy, RequestBody, RequestOptions, Roots,
    TlsConfig, TlsError, TlsLayer,
    types::{Answer, EchMode, Endpoint, Query, Resolver, ServiceBinding},
};
use skybridge_testkit::{certs::Ca, ech::EchKeys, executor::run_until_idle, origin::Origin, proxy::ProxyServer};
use skybridge_tests::{World, read};
use std::{
    collections::VecDeque,
    net::SocketAddr,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
};
use tower::service_fn;

struct Answers(VecDeque<Answer>);

impl Stream for Answers {
    type Item = Result<Answer, ConnectError>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.0.pop_front().map(Ok))
    }
}

fn at(last: u8) -> SocketAddr {
    ([192, 0, 2, last], 443).into()
}

/// Every name has a record with these keys, which leads to these addresses.
fn resolver(keys: &EchKeys, to: &[u8]) -> impl Resolver {
    let mut service = ServiceBinding::new(1, "a.test");
    service.ech = Some(keys.list().into());
    let mut answer = Answer::only(to.iter().map(|last| Endpoint::from(at(*last))));
    let service = Arc::new(service);
    service_fn(move |query: Query| {
        answer.service = query.https_record.then(|| Arc::clone(&service));
        std::future::ready(Ok::<_, ConnectError>(Answers([answer.clone()].into())))
    })
}

fn client(world: &World, root: &Ca, keys: &EchKeys, to: &[u8], pool: PoolConfig) -> Client {
    let trusting = TlsConfig::builder().roots(Roots::Given(vec![root.der()])).build().unwrap();
    let builder = world.builder().resolver(resolver(keys, to)).tls(TlsLayer::new(trusting));
    builder.connect_options(ConnectOptions::new().ech(EchMode::Offer)).pool(pool).build()
}

fn get(url: &str) -> Request<RequestBody> {
    Request::get(url).body(RequestBody::empty()).unwrap()
}

fn tls_error(error: &Error) -> &TlsError {
    let Cause::Connect(error) = error.cause() else { panic!("{error:?}") };
    error.source_as().unwrap()
}

fn shown(origin: &Origin) -> Vec<String> {
    origin.outer_hellos().into_iter().filter_map(|hello| hello.sni).collect()
}

/// A second connection with the keys that the server gave makes up for the first: the next call goes there again.
#[tokio::test(start_paused = true)]
async fn an_address_whose_keys_have_changed_has_not_failed() {
    let (world, root) = (World::new(), Ca::new("root"));
    let (old, new) = (EchKeys::new("public.test"), EchKeys::new("public.test"));
    let serve = |last| {
        let origin = Origin::h1().tls(&root.leaf(["a.test"])).ech(&new, &root.leaf(["public.test"]));
        origin.serve_on(world.net.listen(at(last)))
    };
    let (first, second) = (serve(1), serve(2));
    let client = client(&world, &root, &old, &[1, 2], PoolConfig::new().max_idle(0));
    for calls in 1..=2 {
        assert_eq!(read(client.request(get("https://a.test/"))).await.unwrap(), "hello");
        run_until_idle().await;
        assert_eq!((first.requests().len(), first.connections(), second.connections()), (calls, 2 * calls, 0));
    }
    assert!(shown(&first).iter().all(|name| name == "public.test"), "{:?}", shown(&first));
    drop(client);
    world.assert_nothing_left().await;
}

/// Nor does it say a name: what is shared was opened already.
#[tokio::test(start_paused = true)]
async fn a_connection_whose_name_was_hidden_is_shared_by_the_hidden_certificate() {
    let (world, root, keys) = (World::new(), Ca::new("root"), EchKeys::new("public.test"));
    let hidden = root.leaf(["a.test", "b.test"]);
    let origin = Origin::h2c().tls(&hidden).ech(&keys, &root.leaf(["public.test", "c.test"]));
    let origin = origin.serve_on(world.net.listen(at(1)));
    let client = client(&world, &root, &keys, &[1], PoolConfig::new());
    for url in ["https://a.test/", "https://b.test/"] {
        assert_eq!(read(client.request(get(url))).await.unwrap(), "hello");
    }
    assert_eq!((origin.exchanges(), shown(&origin)), (vec!["c0e0".into(), "c0e1".into()], vec!["public.test".into()]));
    // The public name's certificate proves nothing for others.
    let error = read(client.request(get("https://c.test/"))).await.unwrap_err();
    assert!(tls_error(&error).is_certificate(), "{error:?}");
    assert_eq!(origin.requests().len(), 2);
    drop(client);
    world.assert_nothing_left().await;
}

/// The record of a name says nothing of the way through a proxy, and a proxy is shown its own name.
#[tokio::test(start_paused = true)]
async fn no_record_gives_keys_for_what_is_behind_a_proxy_or_for_the_proxy() {
    let (world, root, keys) = (World::new(), Ca::new("root"), EchKeys::new("public.test"));
    let origin = Origin::h1().tls(&root.leaf(["a.test"])).ech(&keys, &root.leaf(["public.test"]));
    let origin = origin.serve_on(world.net.listen(at(1)));
    world.net.host("a.test", [at(1).ip()]);
    let listener = world.net.listen("192.0.2.9:3128".parse().unwrap());
    let proxy = ProxyServer::http().tls(&root.leaf(["192.0.2.9"])).serve_on(listener, &world.net);
    let client = client(&world, &root, &keys, &[1], PoolConfig::new());
    let through = |mode| {
        let mut request = get("https://a.test/");
        let options = RequestOptions::new().proxies([Proxy::parse("https://192.0.2.9:3128").unwrap()]);
        request.extensions_mut().insert(options.ech(mode));
        read(client.request(request))
    };
    assert_eq!(through(EchMode::Offer).await.unwrap(), "hello");
    assert_eq!(shown(&origin), ["a.test"]);
    let error = through(EchMode::Require).await.unwrap_err();
    assert!(tls_error(&error).is_ech(), "{error:?}");
    assert_eq!((shown(&origin).len(), origin.requests().len()), (1, 1));
    drop((client, proxy));
}
