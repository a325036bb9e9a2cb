//! What nobody could send is refused by name, and no connection is opened for it.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, its helpers too")]

use http::{Request, Uri};
use skybridge::{Cause, Client, Delivery, Error, RequestBody, RequestError, types::OriginError};
use skybridge_testkit::net::Network;
use tokio::io::AsyncReadExt;

struct Setup {
    net: Network,
    client: Client,
}

fn setup() -> Setup {
    let net = Network::new();
    net.host("a.test", ["192.0.2.1".parse().unwrap()]);
    let client = Client::builder().resolver(net.resolver()).dialer(net.dialer()).build();
    Setup { net, client }
}

impl Setup {
    fn refused(&self, result: Result<http::Response<skybridge::Body>, Error>) -> RequestError {
        let error = result.unwrap_err();
        assert_eq!((self.net.opened(), self.net.name("a.test").queries()), (0, 0), "something was looked up or opened");
        assert!(error.is_request(), "{error:?}");
        match error.cause() {
            Cause::Request(error) => error.clone(),
            other => unreachable!("{other:?}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn urls() {
    let setup = setup();
    let rows = [
        ("a.test/", OriginError::NoScheme),
        ("/relative", OriginError::NoScheme),
        ("a.test", OriginError::NoScheme),
        ("ftp://a.test/", OriginError::UnknownScheme("ftp".into())),
        ("file:///x", OriginError::UnknownScheme("file".into())),
        ("http://", OriginError::EmptyHost),
        ("http:///x", OriginError::EmptyHost),
        ("http://:80/", OriginError::EmptyHost),
        ("http://a.test:65536/", OriginError::Port("65536".into())),
        ("http://a.test:http/", OriginError::Port("".into())),
        ("http://me:secret@a.test/", OriginError::UserInfo),
        ("http://1.2.3/", OriginError::NotAnAddress("1.2.3".into())),
        ("http://a..test/", OriginError::NotAHost("a..test".into())),
        #[cfg(not(feature = "idn"))]
        ("http://b\u{fc}cher.test/", OriginError::NotAscii("b\u{fc}cher.test".into())),
        #[cfg(feature = "idn")]
        ("http://a\u{ff0f}b.test/", OriginError::NotAHost("a\u{ff0f}b.test".into())),
    ];
    for (url, told) in rows {
        assert_eq!(setup.refused(setup.client.get(url).await), RequestError::Origin(told), "{url}");
    }
    for url in ["http://a b/", "http://a.test/a b", "http://a.test/\n", ""] {
        let error = setup.refused(setup.client.get(url).await);
        assert!(matches!(error, RequestError::Uri(_)), "{url:?}: {error}");
    }
}

#[tokio::test(start_paused = true)]
async fn headers_that_contradict_the_body() {
    let setup = setup();
    let post = |name: &str, value: &str| {
        Request::post("http://a.test/").header(name, value).body(RequestBody::from("abc")).unwrap()
    };
    let error = setup.refused(setup.client.request(post("content-length", "4")).await);
    assert_eq!(error, RequestError::BodySize { declared: 4, at_least: 3, at_most: Some(3) });
    let error = setup.refused(setup.client.request(post("content-length", "three")).await);
    assert_eq!(error, RequestError::ContentLength("three".into()));
    let error = setup.refused(setup.client.request(post("transfer-encoding", "gzip")).await);
    assert!(matches!(error, RequestError::Header(name, _) if &*name == "transfer-encoding"));
}

#[tokio::test(start_paused = true)]
async fn a_method_that_is_not_a_requests() {
    let setup = setup();
    let connect = Request::connect(Uri::from_static("http://a.test/")).body(()).unwrap();
    assert_eq!(setup.refused(setup.client.request(connect).await), RequestError::Method("CONNECT".into()));
}

#[tokio::test(start_paused = true)]
async fn https_is_not_sent_in_cleartext() {
    let setup = setup();
    let listener = setup.net.listen("192.0.2.1:443".parse().unwrap());
    let call = setup.client.get("https://a.test/secret");
    let server = async {
        let mut first = [0; 3];
        listener.accept().await.0.read_exact(&mut first).await.unwrap();
        first
    };
    // A handshake record (RFC 8446, section 5.1) and not a request; and then the peer hangs up.
    let (answer, first) = tokio::join!(call, server);
    assert_eq!(first[..2], [22, 3]);
    let error = answer.unwrap_err();
    assert!(error.is_connect() && error.delivery() == Delivery::Unsent, "{error:?}");
}
