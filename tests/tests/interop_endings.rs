//! Real servers that end connections while they are used, started by `cargo xtask interop`; what each variable names is
//! in `xtask/fixtures/README.md`.

#![expect(clippy::unwrap_used, clippy::panic, reason = "a test's own steps")]

use http::Request;
use skybridge::{
    Cause, Client, ClientBuilder, Error, HttpVersions, Protocol, RequestBody, ResponseExt, Roots, TlsConfig, TlsLayer,
    types::TlsAlert,
};
use skybridge_tests::{all, certificate, named, read, wishing};
use std::{
    collections::BTreeSet,
    error::Error as StdError,
    fs,
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

const CALLERS: usize = 50;
const CALLS: usize = 200;

/// Trusts the root of the servers' certificates.
fn builder() -> ClientBuilder {
    let root = fs::read(certificate("root.pem")).unwrap();
    let config = TlsConfig::builder().roots(Roots::Given(vec![])).add_root_pem(&root).build().unwrap();
    Client::builder().tls(TlsLayer::new(config))
}

fn client() -> Client {
    builder().build()
}

fn get(url: &str, versions: HttpVersions) -> Request<RequestBody> {
    let request = Request::get(url).body(RequestBody::empty()).unwrap();
    wishing(request, |options| options.http_versions(versions))
}

/// 10,000 GETs of 50 callers, and `event` each time that another 2,000 have been answered. All must succeed; returns
/// the different answers.
async fn answers(url: String, versions: HttpVersions, event: impl Fn() + Send + Sync + 'static) -> BTreeSet<String> {
    let (client, url, event, answered) = (client(), Arc::new(url), Arc::new(event), Arc::new(AtomicUsize::new(0)));
    let callers = (0..CALLERS).map(|_| {
        let (client, url, event, answered) = (client.clone(), url.clone(), event.clone(), answered.clone());
        async move {
            let mut seen = BTreeSet::new();
            for _ in 0..CALLS {
                let answer = read(client.request(get(&url, versions))).await;
                seen.insert(answer.unwrap_or_else(|error| panic!("{error:?}")));
                if (answered.fetch_add(1, Ordering::Relaxed) + 1) % 2_000 == 0 {
                    event();
                }
            }
            seen
        }
    });
    all(callers).await.into_iter().flatten().collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nginx_that_ends_connections_after_ten_requests_fails_none_of_10_000() {
    let places = [
        (format!("http://{}/", named("SKYBRIDGE_NGINX_KEEPALIVE10")), HttpVersions::Http1, "nginx HTTP/1.1 "),
        (format!("https://{}/", named("SKYBRIDGE_NGINX_KEEPALIVE10_TLS")), HttpVersions::Http1, "nginx HTTP/1.1 "),
        (format!("https://{}/", named("SKYBRIDGE_NGINX_KEEPALIVE10_TLS")), HttpVersions::Http2, "nginx HTTP/2.0 "),
    ];
    for (url, versions, begins) in places {
        let seen = answers(url, versions, || {}).await;
        assert!(seen.iter().all(|answer| answer.starts_with(begins)), "{seen:?}");
        // No answer came twice, and all connections were used to their end or nearly.
        assert!(seen.len() >= CALLERS * CALLS / 10, "{}", seen.len());
    }
}

/// The old processes go on until their connections have ended, and say so on those.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn haproxy_that_is_reloaded_under_fifty_callers_fails_no_request() {
    let reload = || {
        let kill = format!("kill -USR2 {}", named("SKYBRIDGE_HAPROXY_PID"));
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    };
    let places = [
        (format!("http://{}/", named("SKYBRIDGE_HAPROXY")), HttpVersions::Http1),
        (format!("https://{}/", named("SKYBRIDGE_HAPROXY_TLS")), HttpVersions::Http1),
        (format!("https://{}/", named("SKYBRIDGE_HAPROXY_TLS")), HttpVersions::Http2),
    ];
    for (url, versions) in places {
        let seen = answers(url.clone(), versions, reload).await;
        assert!(seen.len() > 1, "no reload was seen: {seen:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn caddy_that_is_reloaded_under_fifty_callers_fails_no_request() {
    let url = format!("https://{}/", named("SKYBRIDGE_CADDY"));
    let configuration = fs::read_to_string(named("SKYBRIDGE_CADDYFILE")).unwrap();
    let admin = format!("http://{}/load", named("SKYBRIDGE_CADDY_ADMIN"));
    let (reload, mut reloads) = tokio::sync::mpsc::unbounded_channel();
    let reloading = async move {
        let client = Client::new();
        let mut count = 0;
        while let Some(()) = reloads.recv().await {
            let load = Request::post(&admin)
                .header("content-type", "text/caddyfile")
                // Even one that is the same as before.
                .header("cache-control", "must-revalidate")
                .body(RequestBody::from(configuration.clone()));
            let response = client.request(load.unwrap()).await.unwrap();
            assert_eq!(response.status(), 200, "{:?}", response.into_body().text().await);
            count += 1;
        }
        count
    };
    let answers = answers(url, HttpVersions::Any, move || reload.send(()).unwrap());
    let (seen, reloads) = tokio::join!(answers, reloading);
    assert_eq!((seen, reloads), (BTreeSet::from(["caddy HTTP/2.0".to_owned()]), 5));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn caddy_sees_fifty_requests_at_once_on_one_connection() {
    let client = client();
    let url = format!("https://{}/large", named("SKYBRIDGE_CADDY"));
    let mut connections = BTreeSet::new();
    for response in all((0..50).map(|_| client.get(url.as_str()))).await {
        let response = response.unwrap();
        let connection = response.connection().unwrap();
        assert_eq!(connection.protocol, Some(Protocol::Http2));
        connections.insert(connection.id);
        // All the others are unread meanwhile.
        assert_eq!(response.into_body().bytes().await.unwrap().len(), 300_000);
    }
    assert_eq!(connections.len(), 1);
}

/// The number of Node's connection.
async fn node_connection(client: &Client, path: &str) -> Result<u32, Error> {
    let url = format!("http://{}{path}", named("SKYBRIDGE_NODE"));
    let text = read(client.request(get(&url, HttpVersions::Http2))).await?;
    let number = text.split_once("conn=").and_then(|(_, behind)| behind.split_once(' '));
    Ok(number.unwrap_or_else(|| panic!("{text}")).0.parse().unwrap())
}

/// Of each kind: planned, with an error, in the middle of other requests, with the end behind it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_goaway_of_node_fails_no_request_and_ends_its_connection() {
    for path in ["/goaway?code=0", "/goaway?code=2", "/goaway?code=11", "/last", "/drain"] {
        let client = client();
        let before = node_connection(&client, "/").await.unwrap();
        let paths = (0..40).map(|n| if n == 20 { path } else { "/" });
        let calls = paths.map(|path| {
            let client = client.clone();
            async move { node_connection(&client, path).await }
        });
        for answer in all(calls).await {
            answer.unwrap_or_else(|error| panic!("{path}: {error:?}"));
        }
        let after = node_connection(&client, "/").await.unwrap();
        assert_ne!(before, after, "{path}");
    }
}

/// The request on whose account Node ends the connection fails with Node's code, each time that it is sent; others do
/// not.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_goaway_of_node_that_ends_all_at_once_is_named() {
    let client = client();
    let error = node_connection(&client, "/destroy?code=11").await.unwrap_err();
    let Cause::GoAway(goaway) = error.cause() else { panic!("{error:?}") };
    assert_eq!((goaway.code().to_string().as_str(), goaway.debug_text()), ("ENHANCE_YOUR_CALM", "interop"));
    node_connection(&client, "/").await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hypercorn_answers_fifty_callers_and_takes_uploads() {
    let url = format!("https://{}/", named("SKYBRIDGE_HYPERCORN"));
    for (versions, answer) in
        [(HttpVersions::Http1, "hypercorn HTTP/1.1 body=0\n"), (HttpVersions::Http2, "hypercorn HTTP/2 body=0\n")]
    {
        let client = client();
        let callers = (0..CALLERS).map(|_| {
            let (client, url) = (client.clone(), url.clone());
            async move {
                for _ in 0..20 {
                    assert_eq!(read(client.request(get(&url, versions))).await.unwrap(), answer);
                }
            }
        });
        all(callers).await;
        let upload = Request::post(&url).body(RequestBody::from(vec![b'y'; 1_000_000])).unwrap();
        let upload = wishing(upload, |options| options.http_versions(versions));
        assert_eq!(read(client.request(upload)).await.unwrap(), answer.replace("=0", "=1000000"));
    }
}

/// Two streams at once for each connection, and windows of 1,023 bytes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nghttpd_that_allows_little_answers_all() {
    let client = client();
    let url = format!("http://{}/", named("SKYBRIDGE_NGHTTPD_SMALL"));
    let body = vec![b'y'; 100_000];
    let calls = (0..CALLERS).map(|n| {
        let (client, url, body) = (client.clone(), url.clone(), body.clone());
        async move {
            if n % 5 > 0 {
                assert_eq!(read(client.request(get(&url, HttpVersions::Http2))).await.unwrap(), "small\n");
                return;
            }
            let upload = Request::post(&url).body(RequestBody::from(body.clone())).unwrap();
            let upload = wishing(upload, |options| options.http_versions(HttpVersions::Http2));
            assert_eq!(read(client.request(upload)).await.unwrap().into_bytes(), body);
        }
    });
    all(calls).await;
}

/// The alert may come behind the handshake (TLS 1.3), and behind a request that can't be written any more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_alert_of_openssl_that_wants_a_certificate_is_named_each_time() {
    let url = format!("https://{}/", named("SKYBRIDGE_OPENSSL_VERIFY"));
    for run in 0..30 {
        let error = client().get(url.as_str()).await.unwrap_err();
        let mut chain = std::iter::successors(error.source(), |error| (*error).source());
        let alert = match error.cause() {
            Cause::Tls(alert) => Some(alert),
            _ => chain.find_map(|error| error.downcast_ref::<TlsAlert>()),
        };
        let alert = alert.unwrap_or_else(|| panic!("run {run}: {error:?}"));
        assert_eq!(alert.name(), "certificate_required");
    }
}
