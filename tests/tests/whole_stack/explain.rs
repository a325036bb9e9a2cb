//! What would become of a request, by the whole stack: what is foretold is what becomes of it, and no socket is opened.

use http::Request;
use skybridge::{Client, Explanation, PoolConfig, Proxy, ResolvedBy, TlsConfig, TlsLayer};
use skybridge_testkit::{certs::Ca, executor::run_until_idle, origin::Origin};
use skybridge_tests::{World, addr, get, read};
use skybridge_tls::Roots;
use std::{net::SocketAddr, time::Duration};

const V6: &str = "[2001:db8::1]:80";

async fn explain(client: &Client, url: &str) -> Explanation {
    client.explain(&Request::get(url).body(()).unwrap()).await.unwrap()
}

fn addresses(explained: &Explanation) -> Vec<String> {
    explained.opening.as_ref().unwrap().addresses.iter().map(ToString::to_string).collect()
}

#[tokio::test(start_paused = true)]
async fn addresses_are_in_the_order_of_the_race_and_those_that_failed_last() {
    let world = World::new();
    let v6: SocketAddr = V6.parse().unwrap();
    world.net.host("a.test", [addr().ip(), v6.ip()]);
    let _origin = Origin::h1().serve_on(world.listen());
    let client = world.client();
    assert_eq!(addresses(&explain(&client, "http://a.test/").await), [V6, &*addr().to_string()]);
    assert_eq!((world.net.connects_to(v6), world.net.connects_to(addr())), (0, 0));

    read(client.request(get("/"))).await.unwrap();
    client.evict_all();
    tokio::time::advance(Duration::from_secs(3)).await;
    let explained = explain(&client, "http://a.test/").await;
    let told = addresses(&explained);
    assert_eq!(told[0], addr().to_string());
    assert!(
        told[1].starts_with(&format!("{V6}, tried last: tcp failed: ")) && told[1].ends_with(", 3s ago"),
        "{told:?}"
    );
    assert_eq!((world.net.connects_to(v6), world.net.connects_to(addr())), (1, 1));
    drop(client);
    world.assert_nothing_left().await;
}

#[tokio::test(start_paused = true)]
async fn an_idle_connection_needs_no_name_looked_up_and_a_busy_one_is_passed_over() {
    let world = World::new();
    let _origin = Origin::h1().serve_on(world.listen());
    let client = world.builder().pool(PoolConfig::new().max_per_origin(4)).build();
    read(client.request(get("/"))).await.unwrap();
    let explained = explain(&client, "http://a.test/").await;
    assert!(explained.opening.is_none() && explained.connection.is_some());
    assert!(explained.to_string().contains("pool       an idle connection is used"), "{explained}");

    let response = client.request(get("/")).await.unwrap();
    let explained = explain(&client, "http://a.test/").await.to_string();
    let expected = "\
request    http://a.test
pool       a new connection is opened: 2 of 4 to a.test
           connection 1 to a.test passed over: it carries another request
route      directly
hops       a.test:80, looked up here
addresses  192.0.2.1:80
protocol   HTTP/1.1
";
    assert_eq!(explained, expected);
    drop(response);
}

#[tokio::test(start_paused = true)]
async fn each_hop_is_told_with_who_resolves_its_name() {
    let world = World::new();
    world.net.host("p.test", ["192.0.2.7".parse().unwrap()]);
    let proxy = |url: &str| Proxy::parse(url).unwrap();
    let rows = [
        ("socks5h://p.test", vec![ResolvedBy::Client, ResolvedBy::Proxy("socks5h://p.test:1080".into())], 0),
        ("socks5://p.test", vec![ResolvedBy::Client, ResolvedBy::Client], 1),
        ("http://192.0.2.7:3128", vec![ResolvedBy::Nobody, ResolvedBy::Proxy("http://192.0.2.7:3128".into())], 0),
    ];
    for (url, by, told) in rows {
        let client = world.builder().proxies([vec![proxy(url)], vec![]]).build();
        let opening = explain(&client, "http://a.test/").await.opening.unwrap();
        let said: Vec<_> = opening.hops.iter().map(|hop| hop.resolved_by.clone()).collect();
        assert_eq!((said, opening.told.len(), opening.ways.len()), (by, told, 2), "{url}");
        assert_eq!(opening.forwarded, url.starts_with("http://"));
    }
    run_until_idle().await;
    assert_eq!(world.net.live_sockets(), 0);
}

/// With real certificates and pins.
#[tokio::test(start_paused = true)]
async fn what_forbids_another_hosts_connection_is_told_by_its_certificate_and_pins() {
    const NOBODYS: &str = "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let (world, ca) = (World::new(), Ca::new("a root"));
    let at: SocketAddr = "192.0.2.1:443".parse().unwrap();
    for host in ["b.test", "c.test", "d.test"] {
        world.net.host(host, [at.ip()]);
    }
    let cert = ca.leaf(["a.test", "b.test", "c.test"]);
    let origin = Origin::h2c().tls(&cert).serve_on(world.net.listen(at));
    let config = TlsConfig::builder().roots(Roots::Given(vec![ca.der()])).pin("c.test", NOBODYS).build().unwrap();
    let client = world.builder().tls(TlsLayer::new(config)).build();
    read(client.get("https://a.test/")).await.unwrap();

    let shared = explain(&client, "https://b.test/").await;
    let used = "a connection of another origin is used: its address and certificate are those of b.test too";
    assert_eq!((shared.search.to_string(), shared.protocol()), (used.to_owned(), "HTTP/2"));
    for (url, why) in [
        ("https://c.test/", "connection 1 to a.test passed over: its keys are none of the pins of c.test"),
        ("https://d.test/", "connection 1 to a.test passed over: its certificate does not cover d.test"),
    ] {
        let explained = explain(&client, url).await;
        let said: Vec<_> = explained.search.passed_over.iter().map(ToString::to_string).collect();
        assert_eq!((said, explained.search.found.name()), (vec![why.to_owned()], "opens"));
    }
    let tls = explain(&client, "https://c.test/").await.opening.unwrap().tls.unwrap();
    assert_eq!(tls.pins.iter().map(ToString::to_string).collect::<Vec<_>>(), [NOBODYS]);
    assert_eq!(origin.connections(), 1);
}

/// Which may read the system's roots: that is done on a thread that polls nothing.
#[tokio::test(start_paused = true)]
async fn the_default_configuration_of_tls_is_built_by_no_poll() {
    let world = World::new();
    let client = world.client();
    let mut spawned = Vec::new();
    for url in ["http://a.test/", "https://a.test/", "https://a.test/"] {
        let before = world.executor.spawned();
        // A system may have no roots.
        let _ = client.explain(&Request::get(url).body(()).unwrap()).await;
        spawned.push(world.executor.spawned() - before);
    }
    assert_eq!(spawned, [0, 1, 0]);
}
