//! HTTPS records (RFC 9460) of whoever answers for a name.

use futures_core::Stream as _;
use skybridge_core::{Endpoint, HttpVersions, Query};
use skybridge_dns::Hickory;
use skybridge_testkit::{
    dns::{DnsServer, Question, Reply},
    executor::Executor,
};
use std::{
    future::poll_fn,
    net::{IpAddr, Ipv4Addr},
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::runtime::{Builder, Runtime};
use tower::Service as _;

const HTTPS: u16 = 65;
/// What fits in an answer over UDP.
const MAX: usize = 400;
/// Two families of nine names, hints, and the name itself.
const MOST: usize = 8 * (2 + 2 * 16) + 2;
const OWN: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));

type Records = Arc<Mutex<Vec<Vec<u8>>>>;

/// One server for all inputs of a thread.
struct World {
    runtime: Runtime,
    server: DnsServer,
    records: Records,
}

thread_local! {
    static WORLD: World = World::new();
}

impl World {
    fn new() -> Self {
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        let records = Records::default();
        let known = Arc::clone(&records);
        let reply = move |question: &Question| match (&*question.name, question.kind) {
            ("a.test", HTTPS) => Reply::Records(known.lock().unwrap_or_else(PoisonError::into_inner).clone(), 60),
            (_, HTTPS) => Reply::Addresses(vec![], 60),
            ("a.test", _) => Reply::Addresses(vec![OWN], 60),
            _ => Reply::Addresses(vec![IpAddr::from([192, 0, 2, 2])], 60),
        };
        let server = runtime.block_on(DnsServer::start(reply));
        Self { runtime, server, records }
    }
}

/// Whatever the records say, the name's own address is found last, no service is at port 0 or speaks what we don't, and
/// there is a bound.
///
/// An input is one record after the other, each behind a byte with its length.
pub fn https_record(input: &[u8]) {
    let mut rest = &input[..input.len().min(MAX)];
    let mut records = Vec::new();
    while let [len, behind @ ..] = rest {
        let (record, left) = behind.split_at(usize::from(*len).min(behind.len()));
        records.push(record.to_vec());
        rest = left;
    }
    WORLD.with(|world| {
        *world.records.lock().unwrap_or_else(PoisonError::into_inner) = records;
        world.runtime.block_on(look_up(&world.server));
    });
}

async fn look_up(server: &DnsServer) {
    let mut hickory = Hickory::new([server.addr()]).expect("a server").https_delay(Duration::from_secs(5));
    let mut query = Query::new("a.test", 443, Executor::new().ctx());
    query.https_record = true;
    let Ok(mut answers) = hickory.call(query).await;
    let mut endpoints = Vec::new();
    while let Some(answer) = poll_fn(|cx| Pin::new(&mut answers).poll_next(cx)).await {
        let Ok(answer) = answer else { continue };
        let at = |endpoint: &Endpoint| endpoint.inet().expect("an address");
        if let Some(service) = &answer.service {
            assert!(service.speaks(HttpVersions::Any) && service.priority > 0, "{answer:?}");
        }
        assert!(answer.endpoints.iter().all(|endpoint| at(endpoint).port() > 0), "{answer:?}");
        endpoints.extend(answer.endpoints.iter().map(|endpoint| (at(endpoint), answer.service.is_some())));
    }
    assert!(endpoints.contains(&((OWN, 443).into(), false)) && endpoints.len() <= MOST, "{endpoints:?}");
}
