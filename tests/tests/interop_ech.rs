//! Encrypted Client Hello (RFC 9849) with Go's servers, started by `cargo xtask interop`; what each variable names is
//! in `xtask/fixtures/README.md`. What clients show in the clear is read on the way.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use base64::{Engine, engine::general_purpose::STANDARD};
use futures_core::Stream;
use http::Request;
use serde_json::Value;
use skybridge::{
    Cause, Client, ConnectError, ConnectOptions, Error, PoolConfig, RequestBody, ResponseExt, Roots, TlsConfig,
    TlsError, TlsLayer, TlsVersion,
    types::{Answer, EchMode, EchStatus, Endpoint, HttpVersions, Query, ServiceBinding, TlsInfo},
};
use skybridge_testkit::dns::{DnsServer, Question, Reply, https};
use skybridge_tests::{certificate, named};
use skybridge_tls::TlsConfigBuilder;
use std::{
    collections::VecDeque,
    fs,
    io::{self, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    pin::Pin,
    process::{Command, Output},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
    thread,
};
use tower::service_fn;

/// One of Go's servers, with somebody on the way to it who reads along.
struct Go {
    addr: SocketAddr,
    /// What clients have of it.
    keys: Vec<u8>,
    /// What was sent to it on each connection.
    sent: Arc<Mutex<Vec<Vec<u8>>>>,
    /// How many clients have said that no more comes.
    ended: Arc<AtomicUsize>,
}

impl Go {
    fn new(mode: &str) -> Self {
        let variable = format!("SKYBRIDGE_ECH_{}", mode.to_uppercase().replace('-', "_"));
        let server: SocketAddr = named(&variable).parse().unwrap();
        let keys = fs::read(format!("{}/{mode}", named("SKYBRIDGE_ECH_KEYS"))).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let addr = listener.local_addr().unwrap();
        let sent = Arc::<Mutex<Vec<Vec<u8>>>>::default();
        let ended = Arc::<AtomicUsize>::default();
        let (log, ends) = (Arc::clone(&sent), Arc::clone(&ended));
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                let at = {
                    let mut log = log.lock().unwrap();
                    log.push(Vec::new());
                    log.len() - 1
                };
                let server = TcpStream::connect(server).unwrap();
                let (log, ends) = (Arc::clone(&log), Arc::clone(&ends));
                let there = (client.try_clone().unwrap(), server.try_clone().unwrap());
                thread::spawn(move || {
                    let _ = pass_on(there, |bytes| log.lock().unwrap()[at].extend(bytes));
                    ends.fetch_add(1, Ordering::SeqCst);
                });
                thread::spawn(move || pass_on((server, client), |_| ()));
            }
        });
        Self { addr, keys: STANDARD.decode(keys).unwrap(), sent, ended }
    }

    /// The names that can be read in what was sent, by connection.
    fn shown(&self) -> Vec<String> {
        let has = |bytes: &[u8], name: &str| bytes.windows(name.len()).any(|window| window == name.as_bytes());
        let names = |bytes: &Vec<u8>| {
            let names = ["public.test", "a.test"].into_iter().filter(|name| has(bytes, name));
            names.collect::<Vec<_>>().join(" and ")
        };
        self.sent.lock().unwrap().iter().map(names).collect()
    }

    /// A client that knows the keys by a record of the name.
    fn client(&self, mode: EchMode) -> Client {
        self.client_with(trusting(), ConnectOptions::new().ech(mode))
    }

    fn client_with(&self, tls: TlsConfigBuilder, options: ConnectOptions) -> Client {
        let mut service = ServiceBinding::new(1, "a.test");
        service.ech = Some(self.keys.as_slice().into());
        let (service, addr) = (Arc::new(service), self.addr);
        let resolver = service_fn(move |query: Query| {
            let mut answer = Answer::only([Endpoint::from(addr)]);
            answer.service = query.https_record.then(|| Arc::clone(&service));
            std::future::ready(Ok::<_, ConnectError>(Answers([answer].into())))
        });
        // A connection for each call.
        let builder = Client::builder().resolver(resolver).pool(PoolConfig::new().max_idle(0));
        builder.tls(TlsLayer::new(tls.build().unwrap())).connect_options(options).build()
    }

    /// What the server answers, and the facts of the connection.
    async fn get(&self, client: &Client) -> Result<(String, Arc<str>, EchStatus, bool), Error> {
        let url = format!("https://a.test:{}/", self.addr.port());
        let response = client.request(Request::get(url).body(RequestBody::empty()).unwrap()).await?;
        let info = response.connection().unwrap().clone();
        let text = response.into_body().text().await?;
        let TlsInfo { sni, ech, resumed, .. } = info.tls.as_ref().unwrap();
        Ok((text, sni.clone().unwrap(), *ech, *resumed))
    }

    /// As `get`, where the connection must be of use.
    async fn says(&self, client: &Client) -> (String, EchStatus) {
        let (text, sni, ech, resumed) = self.get(client).await.unwrap();
        assert_eq!((&*sni, text.contains("resumed=true")), ("a.test", resumed), "{text}");
        (text, ech)
    }

    async fn refuses(&self, client: &Client) -> Error {
        self.get(client).await.unwrap_err()
    }
}

fn pass_on((mut from, mut to): (TcpStream, TcpStream), mut told: impl FnMut(&[u8])) -> io::Result<()> {
    let mut buffer = [0; 16_384];
    loop {
        let len = from.read(&mut buffer)?;
        told(&buffer[..len]);
        if len == 0 {
            return to.shutdown(Shutdown::Write);
        }
        to.write_all(&buffer[..len])?;
    }
}

struct Answers(VecDeque<Answer>);

impl Stream for Answers {
    type Item = Result<Answer, ConnectError>;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        Poll::Ready(self.0.pop_front().map(Ok))
    }
}

fn trusting() -> TlsConfigBuilder {
    let root = fs::read(certificate("root.pem")).unwrap();
    TlsConfig::builder().roots(Roots::Given(vec![])).add_root_pem(&root)
}

fn tls_error(error: &Error) -> &TlsError {
    let Cause::Connect(error) = error.cause() else { panic!("{error:?}") };
    error.source_as().unwrap()
}

/// With the group that clients guess, and where they have to say hello twice.
#[tokio::test]
async fn go_decrypts_the_name_and_only_the_public_one_is_in_the_clear() {
    for mode in ["accept", "hello-again"] {
        let go = Go::new(mode);
        let given = trusting().ech_keys("a.test", &go.keys);
        let rows = [
            (go.client(EchMode::Offer), "HTTP/2.0"),
            (go.client(EchMode::OfferOrGrease), "HTTP/2.0"),
            (go.client(EchMode::Require), "HTTP/2.0"),
            (go.client_with(given, ConnectOptions::new()), "HTTP/2.0"),
            (
                go.client_with(
                    trusting(),
                    ConnectOptions::new().ech(EchMode::Require).http_versions(HttpVersions::Http1),
                ),
                "HTTP/1.1",
            ),
        ];
        for (client, version) in &rows {
            let text = format!("sni=a.test ech=true resumed=false {version}");
            assert_eq!(go.says(client).await, (text, EchStatus::Accepted), "{mode}");
        }
        assert_eq!(go.shown(), ["public.test"; 5], "{mode}");
    }
}

#[tokio::test]
async fn a_session_is_resumed_beside_a_name_that_go_decrypts() {
    for mode in ["accept", "hello-again"] {
        let go = Go::new(mode);
        let client = go.client(EchMode::Require);
        for resumed in [false, true, true] {
            let text = format!("sni=a.test ech=true resumed={resumed} HTTP/2.0");
            assert_eq!(go.says(&client).await, (text, EchStatus::Accepted), "{mode}");
        }
        assert_eq!(go.shown(), ["public.test"; 3], "{mode}");
    }
}

#[tokio::test]
async fn the_keys_that_go_gives_are_tried_once_on_another_connection() {
    let go = Go::new("retry");
    for calls in 1..=2 {
        let text = "sni=a.test ech=true resumed=false HTTP/2.0".to_owned();
        assert_eq!(go.says(&go.client(EchMode::Require)).await, (text, EchStatus::Accepted));
        // What was given counts for one connection.
        assert_eq!(go.shown(), vec!["public.test"; 2 * calls]);
    }
    for mode in [EchMode::Offer, EchMode::OfferOrGrease, EchMode::Require] {
        let go = Go::new("rotating");
        let error = go.refuses(&go.client(mode)).await;
        let TlsError::EchRejected { public_name, retry_configs, .. } = tls_error(&error) else { panic!("{error:?}") };
        assert_eq!((&**public_name, retry_configs.is_some()), ("public.test", true));
        assert_eq!(go.shown(), ["public.test"; 2], "{mode:?}");
    }
}

#[tokio::test]
async fn go_without_keys_is_shown_the_name_only_where_that_is_allowed() {
    for mode in [EchMode::Offer, EchMode::OfferOrGrease] {
        let go = Go::new("off");
        let text = "sni=a.test ech=false resumed=false HTTP/2.0".to_owned();
        assert_eq!(go.says(&go.client(mode)).await, (text, EchStatus::Rejected), "{mode:?}");
        assert_eq!(go.shown(), ["public.test", "a.test"], "{mode:?}");
    }
    let go = Go::new("off");
    let given = trusting().ech_keys("a.test", &go.keys);
    let clients = [go.client(EchMode::Require), go.client_with(given, ConnectOptions::new().ech(EchMode::Offer))];
    for client in &clients {
        let error = go.refuses(client).await;
        assert!(matches!(tls_error(&error), TlsError::EchRejected { retry_configs: None, .. }), "{error:?}");
    }
    assert_eq!(go.shown(), ["public.test"; 2]);
}

/// Whoever took over the address could have it say so.
#[tokio::test]
async fn go_that_proves_nothing_or_has_no_tls13_is_shown_no_name() {
    for mode in [EchMode::Offer, EchMode::OfferOrGrease, EchMode::Require] {
        let go = Go::new("unproven");
        let error = go.refuses(&go.client(mode)).await;
        assert!(matches!(tls_error(&error), TlsError::EchPublicName { .. }), "{mode:?}: {error:?}");
        assert_eq!(go.shown(), ["public.test"], "{mode:?}");
        let go = Go::new("tls12");
        let error = go.refuses(&go.client(mode)).await;
        assert!(matches!(tls_error(&error), TlsError::Handshake(_)), "{mode:?}: {error:?}");
        assert_eq!(go.shown(), ["public.test"], "{mode:?}");
    }
}

/// It answers with its keys, which a client that made up others must not believe.
#[tokio::test]
async fn go_takes_what_only_looks_like_an_encrypted_name_for_an_old_one() {
    let text = "sni=a.test ech=false resumed=false HTTP/2.0";
    for mode in ["accept", "hello-again", "retry", "off"] {
        let go = Go::new(mode);
        assert_eq!(go.says(&go.client(EchMode::Grease)).await, (text.into(), EchStatus::Grease), "{mode}");
        assert_eq!(go.says(&go.client(EchMode::Off)).await, (text.into(), EchStatus::None), "{mode}");
        assert_eq!(go.shown(), ["a.test"; 2], "{mode}");
        // Of the outer hello, by HKDF-SHA256 and AES-128-GCM.
        let has_ech = |sent: &Vec<u8>| sent.windows(9).any(|it| it[..2] == [0xfe, 0x0d] && it[4..] == [0, 0, 1, 0, 1]);
        let looks: Vec<_> = go.sent.lock().unwrap().iter().map(has_ech).collect();
        assert_eq!(looks, [true, false], "{mode}");
    }
}

#[tokio::test]
async fn no_name_is_encrypted_without_tls13() {
    let go = Go::new("tls12");
    let tls12 = || trusting().versions(TlsVersion::Tls12..=TlsVersion::Tls12);
    let client = go.client_with(tls12(), ConnectOptions::new().ech(EchMode::Offer));
    assert_eq!(go.says(&client).await.1, EchStatus::None);
    let client = go.client_with(tls12(), ConnectOptions::new().ech(EchMode::Require));
    assert!(matches!(tls_error(&go.refuses(&client).await), TlsError::EchRequired { .. }));
    drop(client);
    while go.ended.load(Ordering::SeqCst) < 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(go.shown(), ["a.test", ""]);
}

/// What a run of the command line left.
struct Ran {
    exit: i32,
    report: Value,
    err: String,
}

impl Ran {
    async fn new(go: &Go, arguments: &[&str]) -> Self {
        let record = https(1, ".", &[(4, &[127, 0, 0, 1]), (5, &go.keys)]);
        // The addresses are known by the record alone, so it doesn't matter which answer is first.
        let server = DnsServer::start(move |question: &Question| match question.kind {
            65 => Reply::Records(vec![record.clone()], 60),
            _ => Reply::Silence,
        });
        let server = server.await;
        let servers = format!("--dns-servers={}", server.addr());
        let mut command = Command::new(named("SKYBRIDGE_CLI"));
        command.env_clear().arg("--cacert").arg(certificate("root.pem")).args(["-v", "--report", "-", "--output"]);
        command.args(["/dev/null", &servers]).args(arguments).arg(format!("https://a.test:{}/", go.addr.port()));
        let Output { status, stdout, stderr } =
            tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
        let err = String::from_utf8(stderr).unwrap();
        let report = serde_json::from_slice(&stdout).unwrap_or_else(|error| panic!("{error}: {err}"));
        Self { exit: status.code().unwrap(), report, err }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_command_line_says_what_go_made_of_the_name() {
    let rows = [
        ("accept", "true", "accepted", "as a.test encrypted (ECH)", &["public.test"][..]),
        ("accept", "true-or-grease", "accepted", "as a.test encrypted (ECH)", &["public.test"]),
        ("accept", "hard", "accepted", "as a.test encrypted (ECH)", &["public.test"]),
        ("accept", "ecl:", "accepted", "as a.test encrypted (ECH)", &["public.test"]),
        ("accept", "grease", "grease", "as a.test in the clear, beside a decoy (ECH)", &["a.test"]),
        ("accept", "false", "none", "as a.test\n", &["a.test"]),
        ("hello-again", "hard", "accepted", "as a.test encrypted (ECH)", &["public.test"]),
        ("retry", "hard", "accepted", "as a.test encrypted (ECH)", &["public.test"; 2]),
        (
            "off",
            "true",
            "rejected",
            "as a.test in the clear, as the server has no keys (ECH)",
            &["public.test", "a.test"],
        ),
    ];
    for (mode, value, status, says, shown) in rows {
        let go = Go::new(mode);
        let value = if value == "ecl:" { format!("ecl:{}", STANDARD.encode(&go.keys)) } else { value.to_owned() };
        let ran = Ran::new(&go, &["--ech", &value]).await;
        assert_eq!(ran.exit, 0, "{mode} {value}: {}", ran.err);
        assert_eq!(ran.report["connection"]["tls"]["ech"], status, "{mode} {value}");
        assert!(ran.err.contains(says), "{mode} {value}: {}", ran.err);
        assert_eq!(go.shown(), shown, "{mode} {value}");
    }
    // By given keys, as what a record hints is tried once more when nothing else was found.
    for (mode, shown) in [("off", 1), ("rotating", 2), ("unproven", 1)] {
        let go = Go::new(mode);
        let keys = format!("ecl:{}", STANDARD.encode(&go.keys));
        let resolve = format!("--resolve=a.test:{}:127.0.0.1", go.addr.port());
        let ran = Ran::new(&go, &["--ech", "hard", "--ech", &keys, &resolve]).await;
        assert_eq!((ran.exit, &ran.report["error"]["kind"]), (101, &"tls".into()), "{mode}: {}", ran.err);
        assert_eq!(go.shown(), vec!["public.test"; shown], "{mode}");
    }
}
