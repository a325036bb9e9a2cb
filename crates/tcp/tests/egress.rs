//! A target that allows public addresses only.

mod support;

use self::support::{World, addr, kind};
use skybridge_core::{ConnectError, Egress, Endpoint, Endpoints, Link, Route, Target};
use skybridge_tcp::{NotPublic, RaceLayer};
use skybridge_testkit::{fixtures, net::Conn};
use std::{io::ErrorKind, path::PathBuf, sync::Arc};
use tower::{Layer, ServiceExt};

async fn race(world: &World, endpoints: Vec<Endpoint>) -> Result<Link<Conn>, ConnectError> {
    let mut key = fixtures::key("http://a.test");
    key.connect_options.egress = Egress::Public;
    let target = Target::new(Arc::new(key), world.executor.ctx());
    let route = Route::direct(target, Endpoints::fixed(endpoints));
    RaceLayer::happy_eyeballs().layer(world.net.dialer()).oneshot(route).await
}

#[tokio::test(start_paused = true)]
async fn nothing_else_is_dialled_and_the_error_names_the_address() {
    for refused in ["10.0.0.1:80", "169.254.169.254:80", "[::1]:80", "[::ffff:127.0.0.1]:80"] {
        let world = World::new();
        let endpoint = fixtures::endpoint(refused);
        let error = race(&world, vec![endpoint.clone()]).await.unwrap_err();
        assert_eq!(error.source_as::<NotPublic>().unwrap().endpoint, endpoint);
        assert!(error.root_cause().to_string().contains(&endpoint.to_string()));
        assert!(error.is_fatal());
        assert_eq!(world.net.connects_to(addr(refused)), 0);
    }
}

#[tokio::test(start_paused = true)]
async fn a_unix_socket_is_not_public() {
    let error = race(&World::new(), vec![PathBuf::from("/run/a").into()]).await.unwrap_err();
    assert!(error.source_as::<NotPublic>().is_some());
}

#[tokio::test(start_paused = true)]
async fn public_addresses_beside_it_are_dialled() {
    let world = World::new();
    world.up("1.1.1.1:80", 5);
    let link = race(&world, vec![fixtures::endpoint("[fd00::1]:80"), fixtures::endpoint("1.1.1.1:80")]).await.unwrap();
    assert_eq!((link.info.remote, world.elapsed()), (fixtures::endpoint("1.1.1.1:80"), 5));
}

#[tokio::test(start_paused = true)]
async fn a_public_address_that_refuses_is_an_ordinary_failure() {
    let world = World::new();
    let error = race(&world, vec![fixtures::endpoint("1.1.1.1:80")]).await.unwrap_err();
    assert_eq!((kind(&error), error.is_fatal()), (ErrorKind::ConnectionRefused, false));
}
