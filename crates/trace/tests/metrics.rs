//! What a recorder of `metrics` is told.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod common;

use common::{World, begin};
use metrics::{
    Counter, CounterFn, Gauge, GaugeFn, Histogram, HistogramFn, Key, KeyName, Metadata, Recorder, SharedString, Unit,
};
use skybridge::types::{CloseReason, ConnectionId, Event, EventKind, Observe};
use skybridge_testkit::{
    executor::{Executor, run_until_idle},
    origin::Origin,
};
use skybridge_trace::Metrics;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};

/// Sums, and for histograms how many there were, by name and labels.
#[derive(Clone, Default)]
struct Sums(Arc<Mutex<BTreeMap<String, f64>>>);

struct Sum(Sums, String);

impl Sum {
    fn add(&self, value: f64) {
        *self.0.0.lock().unwrap().entry(self.1.clone()).or_default() += value;
    }
}

impl CounterFn for Sum {
    fn increment(&self, value: u64) {
        self.add(value as f64);
    }
    fn absolute(&self, _: u64) {
        unreachable!()
    }
}

impl GaugeFn for Sum {
    fn increment(&self, value: f64) {
        self.add(value);
    }
    fn decrement(&self, value: f64) {
        self.add(-value);
    }
    fn set(&self, _: f64) {
        unreachable!()
    }
}

impl HistogramFn for Sum {
    fn record(&self, value: f64) {
        assert!((0.0..60.0).contains(&value), "{value} s");
        self.add(1.0);
    }
}

impl Sums {
    fn sum(&self, key: &Key) -> Arc<Sum> {
        let labels: Vec<_> = key.labels().map(|label| format!("{}={}", label.key(), label.value())).collect();
        Arc::new(Sum(self.clone(), format!("{} {}", key.name(), labels.join(" "))))
    }
    fn of(&self, name: &str) -> Vec<(String, f64)> {
        let sums = self.0.lock().unwrap();
        let of = |(key, sum): (&String, &f64)| Some((key.strip_prefix(name)?.trim().to_owned(), *sum));
        sums.iter().filter_map(of).collect()
    }
}

impl Recorder for Sums {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}
    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> Counter {
        Counter::from_arc(self.sum(key))
    }
    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        Gauge::from_arc(self.sum(key))
    }
    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::from_arc(self.sum(key))
    }
}

const SERVER: &str = "server.address=a.test server.port=80";

fn row(labels: &str, sum: f64) -> (String, f64) {
    (labels.to_owned(), sum)
}

#[tokio::test(start_paused = true)]
async fn calls_and_connections_are_counted_while_and_after_they_last() {
    let (sums, world) = (Sums::default(), World::new());
    let _guard = metrics::set_default_local_recorder(&sums);
    let client = world.client(Metrics::new());
    let origin = Origin::h1().serve_on(world.listen());
    let response = client.get("http://a.test/").await.unwrap();
    assert_eq!(
        sums.of("http.client.open_connections"),
        [
            row(&format!("{SERVER} http.connection.state=active"), 1.0),
            row(&format!("{SERVER} http.connection.state=idle"), 0.0),
        ]
    );
    response.into_body().text().await.unwrap();
    client.get("http://a.test/").await.unwrap().into_body().text().await.unwrap();
    assert_eq!(sums.of("http.client.open_connections")[1].1, 1.0);
    assert_eq!(sums.of("skybridge.acquisitions"), [row("how=new", 1.0), row("how=reused", 1.0)]);
    assert_eq!(
        sums.of("http.client.request.duration"),
        [row(
            &format!("{SERVER} http.request.method=GET http.response.status_code=200 network.protocol.version=1.1"),
            2.0
        )]
    );
    assert_eq!(sums.of("http.client.active_requests"), [row(&format!("{SERVER} http.request.method=GET"), 0.0)]);
    let phases = sums.of("skybridge.connect.phase.duration");
    assert!(phases.contains(&row("phase=tcp outcome=ok", 1.0)), "{phases:?}");

    drop(origin);
    run_until_idle().await;
    assert_eq!(sums.of("skybridge.connections.closed"), [row("reason=peer_fin", 1.0)]);
    assert_eq!(sums.of("http.client.open_connections").iter().map(|(_, open)| *open).sum::<f64>(), 0.0);
    assert_eq!(sums.of("http.client.connection.duration"), [row(SERVER, 1.0)]);

    world.refuse();
    client.get("http://a.test/").await.unwrap_err();
    let failed = sums.of("http.client.request.duration");
    assert!(failed.contains(&row(&format!("{SERVER} http.request.method=GET error.type=tcp"), 1.0)), "{failed:?}");
    let call = begin(client.get("http://silent.test/")).await;
    run_until_idle().await;
    assert_eq!(sums.of("http.client.active_requests").iter().map(|(_, open)| *open).sum::<f64>(), 1.0);
    drop(call);
    run_until_idle().await;
    assert_eq!(sums.of("http.client.active_requests").iter().map(|(_, open)| *open).sum::<f64>(), 0.0);
}

/// As of a connection that another observer was told of.
#[tokio::test(start_paused = true)]
async fn what_it_was_not_told_of_is_not_counted_as_closed_twice() {
    let sums = Sums::default();
    let _guard = metrics::set_default_local_recorder(&sums);
    let metrics = Metrics::new();
    for kind in [EventKind::Released, EventKind::Closed(CloseReason::Idle)] {
        metrics.observe(&Event::new(Executor::new().runtime().now(), None, None, Some(ConnectionId(7)), kind));
    }
    assert_eq!(sums.of("http.client.open_connections"), []);
    assert_eq!(sums.of("skybridge.connections.closed"), [row("reason=idle", 1.0)]);
}
