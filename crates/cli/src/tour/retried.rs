//! Retries.

use super::scene::{Finished, Scene};
use skybridge::{ConnectOptions, HttpVersions};
use skybridge_testkit::{
    h1::Script,
    h2::{Peer, code},
};
use tokio::net::TcpListener;

/// A server that answers one request on each connection, and closes it on the second.
pub(super) async fn stale(mut scene: Scene) -> Finished {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/", listener.local_addr()?);
    let client = scene.client().build();
    let run = async {
        scene.get(&client, &url).await?;
        scene.get(&client, &url).await
    };
    let serve = async {
        loop {
            if let Ok((socket, _)) = listener.accept().await {
                // Small responses are sent at once.
                let _ = socket.set_nodelay(true);
                let mut peer = Script::new(socket);
                if peer.next_request().await.is_some() {
                    peer.respond(200, "hello").await;
                    peer.next_request().await;
                }
            }
        }
    };
    let second = tokio::select! {
        fetched = run => fetched?,
        () = serve => return Ok(scene),
    };
    scene.check("the second request was answered all the same", second.body == "hello");
    scene.check("on a second connection", second.info.id.is_some_and(|id| id.0 == 2));
    scene.check("sent again once: its method is idempotent", scene.retries() == 1);
    Ok(scene)
}

/// A server that refuses the first stream, as one that is full.
pub(super) async fn refused(mut scene: Scene) -> Finished {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/", listener.local_addr()?);
    let mut connect_options = ConnectOptions::default();
    connect_options.http_versions = HttpVersions::Http2;
    let client = scene.client().connect_options(connect_options).build();
    let serve = async {
        let (socket, _) = listener.accept().await?;
        socket.set_nodelay(true)?;
        let mut peer = Peer::accept(socket).await;
        let request = peer.request().await;
        peer.reset(request.stream, code::REFUSED_STREAM).await;
        let request = peer.request().await;
        peer.respond(request.stream, 200, "hello").await;
        std::future::pending::<std::io::Result<()>>().await
    };
    let fetched = tokio::select! {
        fetched = scene.get(&client, &url) => fetched?,
        served = serve => return served.map(|()| scene).map_err(Into::into),
    };
    scene.check("the request was answered all the same", fetched.body == "hello");
    scene.check("on the same connection", fetched.info.id.is_some_and(|id| id.0 == 1));
    scene.check("sent again once: the server promised not to have begun", scene.retries() == 1);
    Ok(scene)
}
