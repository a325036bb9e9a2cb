//! Through proxies.

use super::scene::{Finished, Scene};
use skybridge::{Protocol, Proxy};
use skybridge_testkit::{
    origin::Origin,
    proxy::{Builder, ProxyServer},
};

pub(super) async fn connect(scene: Scene) -> Finished {
    run(scene, ProxyServer::http().user("alice", "wonderland"), "127.0.0.1", "CONNECT a.test").await
}

pub(super) async fn socks5(scene: Scene) -> Finished {
    run(scene, ProxyServer::socks5().user("alice", "wonderland"), "127.0.0.1", "SOCKS5 a.test").await
}

pub(super) async fn https(scene: Scene) -> Finished {
    let proxy = ProxyServer::http().user("alice", "wonderland").tls(&scene.ca.leaf(["b.test"]));
    run(scene, proxy, "b.test", "CONNECT a.test").await
}

/// To an origin with TLS and HTTP/2, whose name only the proxy can resolve.
async fn run(mut scene: Scene, proxy: Builder, host: &str, asks: &str) -> Finished {
    let origin = Origin::h2c().tls(&scene.ca.leaf(["a.test"])).start().await;
    let proxy = proxy.host("a.test", origin.addr()).start().await;
    let scheme = proxy.url().split("://").next().unwrap_or_default().to_owned();
    let proxied = Proxy::parse(&format!("{scheme}://alice:wonderland@{host}:{}", proxy.addr().port()))?;
    let client = scene.client().proxies([vec![proxied]]).build();
    let url = format!("https://a.test:{}/", origin.addr().port());
    let first = scene.get(&client, &url).await?;
    let second = scene.get(&client, &url).await?;
    scene.check("by HTTP/2 through a tunnel", first.info.tunnelled && first.info.protocol == Some(Protocol::Http2));
    scene.check("both on one connection", first.info.id == second.info.id && origin.connections() == 1);
    let asked = proxy.requests();
    let line = asked.first().map_or("nothing", |asked| asked.line.as_str()).to_owned();
    scene.print(format!("the proxy was asked: {line}"));
    scene.check(
        "the proxy was asked once, with the password",
        asked.len() == 1 && line.starts_with(asks) && asked[0].credentials.is_some(),
    );
    let output = scene.recorder().json_lines() + &scene.lines().concat();
    scene.check("no event says the password", !output.contains("wonderland"));
    Ok(scene)
}
