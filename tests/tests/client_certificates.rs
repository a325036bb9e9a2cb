//! A server that wants a certificate of the client says so only after the handshake (TLS 1.3): often behind a request
//! that can't be written any more.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, its helpers too")]

use skybridge::{Cause, Client, Error, Roots, TlsConfig, TlsLayer, types::TlsAlert};
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
