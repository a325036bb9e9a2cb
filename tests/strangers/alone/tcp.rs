//! By the page of `skybridge_tcp`.

use skybridge_core::{Attempt, ConnectError, Connector, Dialer, Endpoint, Phase, Route, Target};
use skybridge_runtime::TokioRuntime;
use skybridge_tcp::{RaceLayer, Tcp};
use std::future::pending;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tower::{Layer, service_fn};

fn target() -> Target {
    Target::of(&"http://a.test/".parse().unwrap(), TokioRuntime::ctx()).unwrap()
}

#[tokio::test]
async fn one_socket_is_dialled() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let attempt = Route::to(target(), [address]).attempt(address.into());
    let link = Tcp::new().dial(attempt).await.unwrap();
    let (_, from) = listener.accept().await.unwrap();
    assert_eq!(link.info.local_addr, Some(from));
    assert!(link.info.timings.get(Phase::Tcp).is_some());
}

/// Of two addresses the first answers nobody; the dialer has pipes for sockets, and time is virtual.
#[tokio::test(start_paused = true)]
async fn a_race_runs_over_a_closure_that_dials() {
    let silent = Endpoint::from(([192, 0, 2, 1], 80));
    let answering = Endpoint::from(([192, 0, 2, 2], 80));
    let never = silent.clone();
    let dialer = service_fn(move |attempt: Attempt| {
        let is_silent = attempt.endpoint == never;
        async move {
            if is_silent {
                pending::<()>().await;
            }
            let (ours, mut theirs) = tokio::io::duplex(64);
            theirs.write_all(b"hello").await?;
            Ok::<_, ConnectError>(attempt.link(ours))
        }
    });
    let route = Route::to(target(), [silent, answering.clone()]);
    let mut link = RaceLayer::happy_eyeballs().layer(dialer).connect(route).await.unwrap();
    assert_eq!(link.info.remote, answering);
    let mut greeting = String::new();
    link.io.read_to_string(&mut greeting).await.unwrap();
    assert_eq!(greeting, "hello");
}
