//! Pins.

use super::scene::{Finished, Scene};
use skybridge::{Roots, TlsConfig};
use skybridge_testkit::{certs::Ca, origin::Origin};

pub(super) async fn right(mut scene: Scene) -> Finished {
    let between = scene.ca.intermediate("an intermediate");
    let cert = between.leaf(["a.test"]);
    let origin = Origin::h2c().tls(&cert).start().await;
    let url = format!("https://a.test:{}/", origin.addr().port());
    for (whose, pin) in [("leaf", cert.pin()), ("intermediate", between.pin()), ("root", scene.ca.pin())] {
        let client = scene.client_with(pinned(&scene.ca, &pin)).build();
        let fetched = scene.get(&client, &url).await?;
        scene.check(format!("the key of the {whose} is on the path"), fetched.body == "hello");
    }
    Ok(scene)
}

pub(super) async fn wrong(mut scene: Scene) -> Finished {
    let origin = Origin::h2c().tls(&scene.ca.leaf(["a.test"])).start().await;
    let pin = Ca::new("somebody else").pin();
    let client = scene.client_with(pinned(&scene.ca, &pin)).build();
    let failed = scene.get(&client, &format!("https://a.test:{}/", origin.addr().port())).await.err();
    let exit = failed.as_ref().map(|error| crate::fault::Fault::of(error, None).exit);
    scene.check("the call failed by its pin, which is exit 90", exit == Some(crate::exit::Exit::PIN));
    scene.check("the origin saw no request", origin.requests().is_empty());
    Ok(scene)
}

fn pinned(ca: &Ca, pin: &str) -> Result<TlsConfig, skybridge::TlsConfigError> {
    TlsConfig::builder().roots(Roots::Given(vec![ca.der()])).pin("**.a.test", pin).build()
}
