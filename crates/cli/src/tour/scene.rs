//! The world of a step: a client whose names resolve to this machine, a CA that it trusts, and the notes to print.

use bytes::Bytes;
use http::Request;
use http_body_util::BodyExt;
use skybridge::{
    Client, ClientBuilder, ConnInfo, Endpoint, Error, OverridesLayer, RequestBody, RequestOptions, ResponseExt, Roots,
    System, TlsConfig, TlsLayer,
    tower::Layer,
    types::{Acquired, CallId, Resolver},
};
use skybridge_testkit::certs::Ca;
use skybridge_trace::{RecordedKind, Recorder, Timeline};
use std::{net::Ipv4Addr, sync::Arc};

/// The scene of a finished step, or the error that ended it.
pub(super) type Finished = Result<Scene, Box<dyn std::error::Error + Send + Sync>>;

pub(super) struct Scene {
    pub(super) ca: Ca,
    recorder: Arc<Recorder>,
    calls: u64,
    lines: Vec<String>,
    drawn: Vec<Timeline>,
    checked: Vec<(String, bool)>,
}

/// The result of a request.
pub(super) struct Fetched {
    pub(super) body: Bytes,
    pub(super) info: Arc<ConnInfo>,
    pub(super) how: Option<Acquired>,
}

impl Scene {
    pub(super) fn new() -> Self {
        Self {
            ca: Ca::new("the tour's CA"),
            recorder: Recorder::new(),
            calls: 0,
            lines: Vec::new(),
            drawn: Vec::new(),
            checked: Vec::new(),
        }
    }

    /// A client that resolves the tour's names to this machine, and trusts the tour's CA alone.
    pub(super) fn client(&self) -> ClientBuilder<impl Resolver> {
        self.client_with(self.tls())
    }

    /// The same, with this TLS.
    pub(super) fn client_with(
        &self,
        tls: Result<TlsConfig, skybridge::TlsConfigError>,
    ) -> ClientBuilder<impl Resolver> {
        let here = Endpoint::from((Ipv4Addr::LOCALHOST.octets(), 0));
        let overrides = OverridesLayer::new().host("a.test", [here.clone()]).host("b.test", [here]);
        let client = Client::builder().resolver(overrides.layer(System::new())).observer(self.recorder.clone());
        match tls {
            Ok(config) => client.tls(TlsLayer::new(config)),
            // Every step with TLS then reports that no root is trusted.
            Err(_) => client,
        }
    }

    pub(super) fn tls(&self) -> Result<TlsConfig, skybridge::TlsConfigError> {
        TlsConfig::builder().roots(Roots::Given(vec![self.ca.der()])).build()
    }

    /// Fetches a URL, and notes the result and the timeline.
    pub(super) async fn get(&mut self, client: &Client, url: &str) -> Result<Fetched, Error> {
        let call = self.number();
        let fetched = self.fetch(client, url, call).await;
        self.draw(call, url);
        match &fetched {
            Ok(fetched) => {
                self.print(format!("GET {url}: {:?} on {}", String::from_utf8_lossy(&fetched.body), fetched.info))
            }
            Err(error) => self.print(format!("GET {url}: {}", crate::fault::Fault::of(error, None))),
        }
        fetched
    }

    /// Fetches a URL `times` times at once, and notes the first two timelines.
    pub(super) async fn get_at_once(
        &mut self,
        client: &Client,
        url: &str,
        times: usize,
    ) -> Result<Vec<Fetched>, Error> {
        let calls: Vec<_> = (0..times).map(|_| self.number()).collect();
        let mut running = tokio::task::JoinSet::new();
        for call in &calls {
            let (client, url, recorder, call) = (client.clone(), url.to_owned(), Arc::clone(&self.recorder), *call);
            running.spawn(async move { fetch(&client, &url, call, &recorder).await });
        }
        let all = running.join_all().await.into_iter().collect::<Result<Vec<_>, _>>()?;
        for call in calls.iter().take(2) {
            self.draw(*call, url);
        }
        self.print(format!("{} times GET {url} at once", all.len()));
        Ok(all)
    }

    fn number(&mut self) -> CallId {
        self.calls += 1;
        CallId(self.calls)
    }

    async fn fetch(&self, client: &Client, url: &str, call: CallId) -> Result<Fetched, Error> {
        fetch(client, url, call, &self.recorder).await
    }

    fn draw(&mut self, call: CallId, url: &str) {
        self.drawn.push(self.recorder.timeline(call).titled(format!("GET {url}")).width(110));
    }

    pub(super) fn print(&mut self, line: impl Into<String>) {
        self.lines.push(line.into());
    }

    /// Notes whether an expectation holds.
    pub(super) fn check(&mut self, what: impl Into<String>, is_so: bool) {
        self.checked.push((what.into(), is_so));
    }

    pub(super) fn lines(&self) -> &[String] {
        &self.lines
    }

    pub(super) fn drawn(&self) -> &[Timeline] {
        &self.drawn
    }

    pub(super) fn checked(&self) -> &[(String, bool)] {
        &self.checked
    }

    pub(super) fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// How often the last call's request was retried.
    pub(super) fn retries(&self) -> usize {
        let events = self.recorder.call_events(CallId(self.calls));
        events.iter().filter(|event| matches!(event.kind, RecordedKind::Retry { again: true, .. })).count()
    }
}

async fn fetch(client: &Client, url: &str, call: CallId, recorder: &Recorder) -> Result<Fetched, Error> {
    let mut request = Request::new(RequestBody::empty());
    *request.uri_mut() = skybridge::IntoUri::into_uri(url)?;
    request.extensions_mut().insert(RequestOptions::new().call(call));
    let response = client.request(request).await?;
    let info = response.connection().cloned();
    let body = response.into_body().collect().await?.to_bytes();
    let how = recorder.call_events(call).iter().rev().find_map(|event| match event.kind {
        RecordedKind::Acquired(how) => Some(how),
        _ => None,
    });
    match info {
        Some(info) => Ok(Fetched { body, info, how }),
        None => Err(skybridge::Error::from(skybridge::types::BoxError::from("the response came by no connection"))),
    }
}
