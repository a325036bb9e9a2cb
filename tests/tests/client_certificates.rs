//! A server that wants a certificate of the client says so only after the handshake (TLS 1.3): often behind a request
//! that can't be written any more.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, its helpers too")]

use skybridge::{
    Cause, Client, Delivery, Error, Roots, TlsConfig, TlsLayer,
    types::{Advice, TlsAlert},
};
use skybridge_testkit::{certs::Ca, observe::Recorder, origin::Origin};
use std::error::Error as StdError;

fn alert(error: &Error) -> Option<&TlsAlert> {
    if let Cause::Tls(alert) = error.cause() {
        return Some(alert);
    }
    // It was here before the connection was.
    std::iter::successors(error.source(), |error| (*error).source()).find_map(|error| error.downcast_ref())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_run_names_the_alert() {
    let (root, clients) = (Ca::new("root"), Ca::new("clients"));
    let cert = root.leaf(["localhost"]);
    for http2 in [false, true] {
        let origin = if http2 { Origin::h2c() } else { Origin::h1() };
        let origin = origin.tls(&cert).require_client_cert(&clients).start().await;
        let url = format!("https://localhost:{}/", origin.addr().port());
        for run in 0..30 {
            let recorder = Recorder::new();
            let tls = TlsLayer::new(TlsConfig::builder().roots(Roots::Given(vec![root.der()])).build().unwrap());
            let client = Client::builder().tls(tls).observer(recorder.clone()).build();
            let error = client.get(url.as_str()).await.unwrap_err();
            let alert = alert(&error).unwrap_or_else(|| panic!("HTTP/2 {http2}, run {run}: {error:?}"));
            assert_eq!((alert.name(), alert.code()), ("certificate_required", 116));
            assert!(recorder.count("wait_start") <= 1, "sent again: {:?}", recorder.lines());
        }
    }
}

/// What a server wants of clients.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Asks {
    Nothing,
    Wants,
    Needs,
}

/// OkHttp's matrix: who shows none is served unless the server needs one, and who shows a bad one where it is asked for
/// is refused. Each failure is told with the certificate, comes of one handshake, and nothing was processed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_server_asks_and_a_client_has_decides_and_a_refusal_is_told_as_one() {
    let (root, clients, others) = (Ca::new("root"), Ca::new("clients"), Ca::new("others"));
    let cert = root.leaf(["localhost"]);
    let (good, bad) = (clients.client("good"), others.client("bad"));
    for (tls12, http2) in [(false, false), (false, true), (true, false), (true, true)] {
        for asks in [Asks::Nothing, Asks::Wants, Asks::Needs] {
            for (has, me) in [("none", None), ("good", Some(&good)), ("bad", Some(&bad))] {
                let at = format!("TLS 1.2 {tls12}, HTTP/2 {http2}, {asks:?}, {has}");
                let origin = if http2 { Origin::h2c() } else { Origin::h1() }.tls(&cert);
                let origin = if tls12 { origin.tls12() } else { origin };
                let origin = match asks {
                    Asks::Nothing => origin,
                    Asks::Wants => origin.request_client_cert(&clients),
                    Asks::Needs => origin.require_client_cert(&clients),
                };
                let origin = origin.start().await;
                let url = format!("https://localhost:{}/", origin.addr().port());
                let config = TlsConfig::builder().roots(Roots::Given(vec![root.der()]));
                let config = match me {
                    Some(me) => config.client_auth_pem(me.chain_pem().as_bytes(), me.key_pem().as_bytes()),
                    None => config,
                };
                let recorder = Recorder::new();
                let tls = TlsLayer::new(config.build().unwrap());
                let client = Client::builder().tls(tls).observer(recorder.clone()).build();
                let result = client.get(url.as_str()).await;
                let is_refused = !matches!((asks, has), (Asks::Nothing, _) | (_, "good") | (Asks::Wants, "none"));
                match result {
                    Ok(response) if !is_refused => {
                        assert_eq!(response.into_body().text().await.unwrap(), "hello", "{at}");
                        let shown = me.filter(|_| asks != Asks::Nothing).map(|me| me.chain()).unwrap_or_default();
                        assert_eq!(origin.handshakes()[0].client, shown, "{at}");
                    }
                    Err(error) if is_refused => {
                        assert_eq!(error.advice(), Some(Advice::ClientCertificate), "{at}: {error:?}");
                        assert_eq!(error.delivery(), Delivery::Unsent, "{at}: {error:?}");
                        assert_eq!((origin.connections(), origin.handshakes().len()), (1, 0), "{at}: {error:?}");
                        assert!(origin.requests().is_empty(), "{at}");
                    }
                    result => panic!("{at}: {result:?}"),
                }
            }
        }
    }
}

/// Nor does whoever has none share with one who has.
#[tokio::test]
async fn clients_of_different_certificates_share_no_connection_and_no_session() {
    let (root, clients) = (Ca::new("root"), Ca::new("clients"));
    let people = [clients.client("one"), clients.client("two")];
    let roots = || TlsConfig::builder().roots(Roots::Given(vec![root.der()]));
    for (http2, tls12) in [(false, false), (false, true), (true, false)] {
        let origin = if http2 { Origin::h2c() } else { Origin::h1() };
        let origin = origin.tls(&root.leaf(["localhost"])).require_client_cert(&clients);
        let origin = if tls12 { origin.tls12() } else { origin }.start().await;
        let url = format!("https://localhost:{}/", origin.addr().port());
        let clients = people.each_ref().map(|me| {
            let config = roots().client_auth_pem(me.chain_pem().as_bytes(), me.key_pem().as_bytes());
            Client::builder().tls(TlsLayer::new(config.build().unwrap())).build()
        });
        for i in [0, 1, 0, 1] {
            assert_eq!(clients[i].get(&url).await.unwrap().into_body().text().await.unwrap(), "hello");
        }
        clients[0].evict_all();
        assert_eq!(clients[0].get(&url).await.unwrap().into_body().text().await.unwrap(), "hello");
        let nobody = Client::builder().tls(TlsLayer::new(roots().build().unwrap())).build();
        nobody.get(&url).await.unwrap_err();
        // The server is its own witness of who is who.
        let seen: Vec<_> = origin.handshakes().into_iter().map(|shook| (shook.resumed, shook.client)).collect();
        let [one, two] = people.each_ref().map(|me| me.chain());
        assert_eq!(seen, [(false, one.clone()), (false, two), (true, one)], "HTTP/2 {http2}, TLS 1.2 {tls12}");
        let on = origin.requests().into_iter().map(|request| request.connection).collect::<Vec<_>>();
        assert_eq!(on, [0, 1, 0, 1, 2], "HTTP/2 {http2}, TLS 1.2 {tls12}");
    }
}
