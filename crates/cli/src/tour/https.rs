//! TLS to the origin.

use super::scene::{Finished, Scene};
use skybridge::{Client, Protocol, types::Acquired};
use skybridge_testkit::origin::Origin;

async fn origin(scene: &Scene) -> (Origin, u16) {
    let origin = Origin::h2c().tls(&scene.ca.leaf(["a.test", "b.test"])).start().await;
    let port = origin.addr().port();
    (origin, port)
}

pub(super) async fn http2(mut scene: Scene) -> Finished {
    let (_origin, port) = origin(&scene).await;
    let client: Client = scene.client().build();
    let fetched = scene.get(&client, &format!("https://a.test:{port}/")).await?;
    scene.check("by HTTP/2", fetched.info.protocol == Some(Protocol::Http2));
    let tls = fetched.info.tls.as_ref();
    scene.check(
        "over TLS 1.3, as a.test",
        tls.is_some_and(|tls| tls.version == Some("1.3") && tls.sni.as_deref() == Some("a.test")),
    );
    scene.check(
        "by a path up to the tour's CA",
        tls.and_then(|tls| tls.pins.last()).is_some_and(|pin| **pin == scene.ca.pin()),
    );
    Ok(scene)
}

pub(super) async fn flood(mut scene: Scene) -> Finished {
    let (origin, port) = origin(&scene).await;
    let client = scene.client().build();
    let all = scene.get_at_once(&client, &format!("https://a.test:{port}/"), 100).await?;
    let count = |how| all.iter().filter(|fetched| fetched.how == Some(how)).count();
    let (new, joined, reused) = (count(Acquired::New), count(Acquired::Joined), count(Acquired::Reused));
    scene.print(format!("{new} opened a connection, {joined} waited for it, {reused} found it open"));
    scene.check("one opened a connection, and nobody else did", new == 1 && new + joined + reused == 100);
    scene.check(
        "the origin saw 100 requests on one connection",
        (origin.requests().len(), origin.connections()) == (100, 1),
    );
    Ok(scene)
}

pub(super) async fn coalesced(mut scene: Scene) -> Finished {
    let (origin, port) = origin(&scene).await;
    let client = scene.client().build();
    let first = scene.get(&client, &format!("https://a.test:{port}/")).await?;
    let second = scene.get(&client, &format!("https://b.test:{port}/")).await?;
    scene.check(
        "b.test is fetched on a.test's connection",
        second.how == Some(Acquired::Coalesced) && first.info.id == second.info.id,
    );
    scene.check("the origin saw one connection", origin.exchanges() == ["c0e0", "c0e1"]);
    Ok(scene)
}
