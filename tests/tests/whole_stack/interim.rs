//! Interim responses (RFC 9110, section 15.2), from the server up to whoever wants to see them.

use http::{Request, Response, StatusCode};
use skybridge::{Client, OnInformational, RequestBody};
use skybridge_testkit::{h1::Script, h2::Peer, net::Listener};
use skybridge_tests::{World, get, h2, read};
use std::sync::{Arc, Mutex};

/// What was seen: the status and the `link` of each.
type Seen = Arc<Mutex<Vec<(u16, Option<String>)>>>;

fn watched(over_h2: bool, seen: &Seen) -> Request<RequestBody> {
    let mut request = if over_h2 { h2(get("/")) } else { get("/") };
    let seen = Arc::clone(seen);
    request.extensions_mut().insert(OnInformational::new(move |interim: Response<()>| {
        let link = interim.headers().get("link").map(|link| link.to_str().unwrap().to_owned());
        seen.lock().unwrap().push((interim.status().as_u16(), link));
    }));
    request
}

/// Answers one request so: 103 twice, 102, and then the response.
async fn hints(listener: &Listener, over_h2: bool) -> usize {
    let conn = listener.accept().await.0;
    if over_h2 {
        let mut peer = Peer::accept(conn).await;
        for _ in 0..2 {
            let stream = peer.request().await.stream;
            peer.headers(stream, &[(":status", "103"), ("link", "</a.css>")], false).await;
            peer.headers(stream, &[(":status", "103"), ("link", "</b.css>")], false).await;
            peer.headers(stream, &[(":status", "102")], false).await;
            peer.respond(stream, 200, "hello").await;
        }
        return peer.received().len();
    }
    let mut peer = Script::new(conn);
    for _ in 0..2 {
        peer.request().await;
        peer.send("HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\n").await;
        peer.send("HTTP/1.1 103 Early Hints\r\nlink: </b.css>\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n").await;
        peer.respond(200, "hello").await;
    }
    peer.requests().len()
}

#[tokio::test(start_paused = true)]
async fn each_is_seen_in_order_before_the_response() {
    for over_h2 in [false, true] {
        let (world, seen) = (World::new(), Seen::default());
        let (client, listener): (Client, _) = (world.client(), world.listen());
        let call = async {
            let response = client.request(watched(over_h2, &seen)).await.unwrap();
            assert_eq!(response.status(), StatusCode::OK);
            let hint = |status, link: &str| (status, Some(link.to_owned()));
            let expected = [hint(103, "</a.css>"), hint(103, "</b.css>"), (102, None)];
            assert_eq!(*seen.lock().unwrap(), expected, "HTTP/2: {over_h2}");
            assert_eq!(read(async { Ok(response) }).await.unwrap(), "hello");
            // Nobody asks for those of the next, which is answered on the same connection.
            let request = if over_h2 { h2(get("/")) } else { get("/") };
            assert_eq!(read(client.request(request)).await.unwrap(), "hello");
            assert_eq!((seen.lock().unwrap().len(), world.net.opened()), (3, 1));
        };
        tokio::join!(call, hints(&listener, over_h2));
        drop(client);
        world.assert_nothing_left().await;
    }
}

/// The first connection ends after an interim response: what comes in the second try is seen too.
#[tokio::test(start_paused = true)]
async fn a_second_try_has_its_own() {
    let (world, seen) = (World::new(), Seen::default());
    let (client, listener) = (world.client(), world.listen());
    let server = async {
        let mut first = Script::new(listener.accept().await.0);
        first.request().await;
        first.send("HTTP/1.1 103 Early Hints\r\n\r\n").await;
        first.fin().await;
        let mut second = Script::new(listener.accept().await.0);
        second.request().await;
        second.send("HTTP/1.1 103 Early Hints\r\nlink: </a.css>\r\n\r\n").await;
        second.respond(200, "hello").await;
        (first, second)
    };
    let (answer, _peers) = tokio::join!(read(client.request(watched(false, &seen))), server);
    assert_eq!(answer.unwrap(), "hello");
    assert_eq!(*seen.lock().unwrap(), [(103, None), (103, Some("</a.css>".to_owned()))]);
}
