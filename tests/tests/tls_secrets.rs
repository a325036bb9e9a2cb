//! The secrets of TLS connections come out of no `Debug`, error, event, span or line of JSON: what was agreed with a
//! peer, as the key log has it, the names of partitions, and what a store of sessions is given.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, its helpers too")]

use base64::{Engine, engine::general_purpose::STANDARD};
use http::Request;
use skybridge::{
    Client, Event, Observe, Partition, RequestBody, RequestOptions, ResponseExt, Roots, Session, SessionPeer,
    SessionStore, TlsConfig, TlsLayer,
};
use skybridge_testkit::{certs::Ca, origin::Origin};
use skybridge_trace::{JsonLines, Spans};
use std::{
    collections::{BTreeMap, HashMap},
    env,
    error::Error as StdError,
    fs,
    io::{self, Write},
    process,
    sync::{Arc, Mutex},
};
use tracing_subscriber::{EnvFilter, fmt::format::FmtSpan, util::SubscriberInitExt};

const TENANT: &str = "tenant-hunter2";

/// Notes all that is said.
#[derive(Clone, Default)]
struct Diary(Arc<Mutex<String>>);

impl Diary {
    fn note(&self, text: &str) {
        self.0.lock().unwrap().push_str(text);
    }

    fn note_error(&self, error: &(dyn StdError + 'static)) {
        let chain = std::iter::successors(Some(error), |error| (*error).source());
        chain.for_each(|error| self.note(&format!("{error} {error:?} {error:#?}\n")));
    }
}

impl Observe for Diary {
    fn observe(&self, event: &Event<'_>) {
        self.note(&format!("{event:?}\n"));
    }
}

impl Write for Diary {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.note(&String::from_utf8_lossy(bytes));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct All(Vec<Arc<dyn Observe>>);

impl Observe for All {
    fn observe(&self, event: &Event<'_>) {
        self.0.iter().for_each(|observer| observer.observe(event));
    }
}

/// Prints whatever it is given.
#[derive(Default)]
struct Talkative {
    kept: Mutex<HashMap<SessionPeer, Vec<Session>>>,
    diary: Diary,
}

impl SessionStore for Talkative {
    fn insert(&self, peer: &SessionPeer, session: Session) {
        self.diary.note(&format!("{session:?} {session:#?}\n"));
        self.kept.lock().unwrap().entry(peer.clone()).or_default().push(session);
    }

    fn take(&self, peer: &SessionPeer) -> Option<Session> {
        self.diary.note(&format!("{peer:?} {peer:#?}\n"));
        self.kept.lock().unwrap().get_mut(peer)?.pop()
    }
}

/// Each text that a part of these bytes would be in: base64 at each offset, hexadecimal, a list of numbers.
fn spellings(secret: &[u8]) -> Vec<String> {
    let base64 = (0..3).map(|at| STANDARD.encode(&secret[at..at + 24])[..30].to_owned());
    let hex: String = secret[..12].iter().map(|byte| format!("{byte:02x}")).collect();
    let list = format!("{:?}", &secret[..8]);
    base64.chain([hex.to_uppercase(), hex, list.trim_matches(['[', ']']).to_owned()]).collect()
}

/// The secrets of a key log, by label.
fn secrets(log: &str) -> BTreeMap<String, Vec<Vec<u8>>> {
    let mut secrets: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for line in log.lines() {
        let [label, _, hex] = line.split(' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let bytes = (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap());
        secrets.entry(label.to_owned()).or_default().push(bytes.collect());
    }
    secrets
}

/// First, resumed and refused connections, of both versions of TLS and of HTTP.
#[tokio::test]
async fn no_secret_of_a_connection_or_session_and_no_partition_is_printed() {
    let (root, clients, others) = (Ca::new("root"), Ca::new("clients"), Ca::new("others"));
    let diary = Diary::default();
    let spans = diary.clone();
    let subscriber = tracing_subscriber::fmt().with_env_filter(EnvFilter::new("skybridge=trace,rustls=trace"));
    let subscriber = subscriber.with_span_events(FmtSpan::FULL).with_writer(move || spans.clone()).finish();
    let _subscribed = subscriber.set_default();
    let log = env::temp_dir().join(format!("skybridge-tls-secrets-{}", process::id()));
    let _ = fs::remove_file(&log);
    let mut resumed = 0;
    for (tls12, http2) in [(false, false), (false, true), (true, false)] {
        let origin = if http2 { Origin::h2c() } else { Origin::h1() }.tls(&root.leaf(["localhost"]));
        let origin = origin.require_client_cert(&clients);
        let origin = if tls12 { origin.tls12() } else { origin }.start().await;
        let url = format!("https://localhost:{}/", origin.addr().port());
        for me in [clients.client("me"), others.client("stranger")] {
            let store = Arc::new(Talkative { diary: diary.clone(), ..Talkative::default() });
            let builder = TlsConfig::builder().roots(Roots::Given(vec![root.der()])).key_log_file(&log);
            let builder = builder.session_store(store).pin("localhost", &root.pin());
            let builder = builder.client_auth_pem(me.chain_pem().as_bytes(), me.key_pem().as_bytes());
            diary.note(&format!("{builder:?} {builder:#?}"));
            let config = builder.build().unwrap();
            let (layer, handle) = TlsLayer::replaceable(config.clone());
            let observers: Vec<Arc<dyn Observe>> =
                vec![Arc::new(diary.clone()), Arc::new(JsonLines::new(diary.clone())), Spans::new()];
            let client = Client::builder().tls(layer.clone()).observer(Arc::new(All(observers))).build();
            for _ in 0..3 {
                let mut request = Request::get(&url).body(RequestBody::empty()).unwrap();
                let options = RequestOptions::default().partition(Partition::new(TENANT));
                request.extensions_mut().insert(options);
                match client.request(request).await {
                    Ok(response) => {
                        let connection = response.connection().unwrap();
                        resumed += usize::from(connection.tls.as_ref().unwrap().resumed);
                        diary.note(&format!("{response:?} {connection:?} {connection:#?}"));
                        response.into_body().text().await.unwrap();
                    }
                    Err(error) => diary.note_error(&error),
                }
                diary.note(&format!("{client:?} {config:?} {config:#?} {layer:?} {handle:?}"));
                diary.note(&format!("{:?} {:?}", config.tls_connector(), layer.proxy_connector()));
                diary.note(&format!("{:?} {:?}", config.rustls_config(), config.verifier()));
                client.evict_all();
            }
        }
    }
    let (said, logged) = (diary.0.lock().unwrap().clone(), fs::read_to_string(&log).unwrap());
    fs::remove_file(&log).unwrap();
    // It was said much, of all that there is.
    for word in ["Session {", "SessionPeer {", "connect_start", "skybridge::", "TlsConfig", "ConnInfo", "certificate"] {
        assert!(said.contains(word), "{word}: {said}");
    }
    assert!(resumed >= 6, "{resumed}");
    let secrets = secrets(&logged);
    let labels: Vec<&str> = secrets.keys().map(String::as_str).collect();
    assert_eq!(
        labels,
        [
            "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
            "CLIENT_RANDOM",
            "CLIENT_TRAFFIC_SECRET_0",
            "EXPORTER_SECRET",
            "SERVER_HANDSHAKE_TRAFFIC_SECRET",
            "SERVER_TRAFFIC_SECRET_0",
        ]
    );
    for (label, secrets) in secrets {
        for spelling in secrets.iter().flat_map(|secret| spellings(secret)) {
            assert!(!said.contains(&spelling), "{label}");
        }
    }
    for word in [TENANT, "ticket: ", "secret: ", "PRIVATE", "PayloadU"] {
        assert!(!said.contains(word), "{word}");
    }
}
