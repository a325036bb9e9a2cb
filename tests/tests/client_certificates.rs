//! A server that wants a certificate of the client says so only after the handshake (TLS 1.3): often behind a request
//! that can't be written any more.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, its helpers too")]

use base64::{Engine, engine::general_purpose::STANDARD};
use skybridge::{
    Cause, Client, ClientIdentity, Delivery, Error, Event, Observe, ResponseExt, Roots, TlsConfig, TlsLayer,
    types::{Advice, TlsAlert},
};
use skybridge_testkit::{certs::Ca, observe::Recorder, origin::Origin};
use std::{
    error::Error as StdError,
    sync::{Arc, Mutex},
};

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

/// Notes all that an event can be made to say.
#[derive(Clone, Default)]
struct Diary(Arc<Mutex<String>>);

impl Observe for Diary {
    fn observe(&self, event: &Event<'_>) {
        self.0.lock().unwrap().push_str(&format!("{event:?}\n"));
    }
}

/// Each text that a part of these bytes would be in: base64 at each offset, hexadecimal, a list of numbers.
fn spellings(secret: &[u8]) -> Vec<String> {
    let base64 = (0..3).map(|at| STANDARD.encode(&secret[at..at + 24])[..30].to_owned());
    let hex: String = secret[..12].iter().map(|byte| format!("{byte:02x}")).collect();
    let list = format!("{:?}", &secret[..8]);
    base64.chain([hex.to_uppercase(), hex, list.trim_matches(['[', ']']).to_owned()]).collect()
}

/// Of identities, tickets, keys and the passwords of files, whatever becomes of a call.
#[tokio::test]
async fn no_key_and_no_ticket_is_in_what_is_printed_of_a_client_or_its_errors_and_events() {
    let (root, clients, others) = (Ca::new("root"), Ca::new("clients"), Ca::new("others"));
    let (me, stranger) = (clients.client("me"), others.client("stranger"));
    let diary = Diary::default();
    let mut said = String::new();
    for (tls12, http2) in [(false, false), (false, true), (true, false)] {
        let origin = if http2 { Origin::h2c() } else { Origin::h1() }.tls(&root.leaf(["localhost"]));
        let origin = origin.require_client_cert(&clients);
        let origin = if tls12 { origin.tls12() } else { origin }.start().await;
        let url = format!("https://localhost:{}/", origin.addr().port());
        for me in [&me, &stranger] {
            let (chain, key) = (me.chain_pem(), me.key_pem());
            let identity = ClientIdentity::from_pem(chain.as_bytes(), key.as_bytes()).unwrap();
            said += &format!("{identity:?}");
            let builder = || TlsConfig::builder().roots(Roots::Given(vec![root.der()]));
            let by_pem = builder().client_auth_pem_for("**.localhost", chain.as_bytes(), key.as_bytes());
            let by_pem = by_pem.client_auth_pem(chain.as_bytes(), key.as_bytes());
            let asked: Arc<Mutex<String>> = Arc::default();
            let noted = Arc::clone(&asked);
            let chosen = builder().client_auth(move |request| {
                noted.lock().unwrap().push_str(&format!("{request:?}"));
                Some(identity.clone())
            });
            for builder in [by_pem, chosen] {
                said += &format!("{builder:?}");
                let config = builder.build().unwrap();
                let (tls, handle) = TlsLayer::replaceable(config.clone());
                let client = Client::builder().tls(tls.clone()).observer(Arc::new(diary.clone())).build();
                for _ in 0..2 {
                    match client.get(&url).await {
                        Ok(response) => {
                            said += &format!("{response:?} {:?}", response.connection());
                            response.into_body().text().await.unwrap();
                        }
                        Err(error) => {
                            let causes = std::iter::successors(error.source(), |error| (*error).source());
                            said += &causes.map(|cause| format!("{cause:?} {cause}")).collect::<String>();
                            said += &format!("{error:?} {error:#?} {error}");
                        }
                    }
                    client.evict_all();
                }
                said += &format!("{config:?} {config:#?} {tls:?} {handle:?} {client:?} {:?}", config.tls_connector());
                said += &format!("{:?} {:?}", config.rustls_config(), config.verifier());
            }
            said += &asked.lock().unwrap();
        }
    }
    // What can't be read is no reason to print it.
    for key in [me.key_pem().replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY"), me.key_pem().replacen('M', "!", 1)] {
        let error = ClientIdentity::from_pem(me.chain_pem().as_bytes(), key.as_bytes()).unwrap_err();
        said += &format!("{error:?} {error} {:?}", error.source());
    }
    let mixed = ClientIdentity::from_pem(me.chain_pem().as_bytes(), stranger.key_pem().as_bytes()).unwrap_err();
    said += &format!("{mixed:?} {mixed}");
    said += &diary.0.lock().unwrap();
    assert!(said.contains("IdentityRequest") && said.contains("ClientIdentity") && said.len() > 10_000);
    for me in [&me, &stranger] {
        let key = me.key();
        // From where on no two keys are alike: before it are algorithm and versions.
        let secret = &key.secret_der()[36..];
        for spelling in spellings(secret) {
            assert!(!said.contains(&spelling), "{spelling}");
        }
        assert!(spellings(secret).iter().any(|base64| me.key_pem().replace('\n', "").contains(base64)));
    }
    for word in ["ticket: ", "secret: ", "PRIVATE", "PayloadU"] {
        assert!(!said.contains(word), "{word}");
    }
}
