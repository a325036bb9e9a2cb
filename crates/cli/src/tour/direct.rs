//! Cleartext.

use super::scene::{Finished, Scene};
use skybridge::{Protocol, types::Acquired};
use skybridge_testkit::origin::Origin;

pub(super) async fn cold(mut scene: Scene) -> Finished {
    let origin = Origin::h1().start().await;
    let fetched = scene.get(&scene.client().build(), &origin.url("/")).await?;
    scene.check("the answer is here", fetched.body == "hello");
    scene.check(
        "by HTTP/1.1, on a new connection",
        fetched.info.protocol == Some(Protocol::Http1) && fetched.how == Some(Acquired::New),
    );
    scene.check("the origin saw one exchange", origin.exchanges() == ["c0e0"]);
    Ok(scene)
}

pub(super) async fn warm(mut scene: Scene) -> Finished {
    let origin = Origin::h1().start().await;
    let client = scene.client().build();
    let mut hows = Vec::new();
    for _ in 0..3 {
        hows.push(scene.get(&client, &origin.url("/")).await?.how);
    }
    scene.check("new, reused, reused", hows == [Acquired::New, Acquired::Reused, Acquired::Reused].map(Some));
    scene.check("the origin saw three exchanges on one connection", origin.exchanges() == ["c0e0", "c0e1", "c0e2"]);
    Ok(scene)
}
