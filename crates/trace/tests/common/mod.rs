//! A client in a network in memory, and a writer whose text can be read.
#![allow(unreachable_pub, reason = "a test has no public")]
#![allow(dead_code, reason = "each test uses some of it")]

use skybridge::{Client, types::Observe};
use skybridge_testkit::{
    executor::Executor,
    net::{Listener, Network},
};
use std::{
    io::{self, Write},
    net::SocketAddr,
    pin::Pin,
    sync::{Arc, Mutex},
    task::Poll,
    time::Duration,
};

/// A writer whose text can be read.
#[derive(Clone, Default)]
pub struct Paper(Arc<Mutex<Vec<u8>>>);

impl Paper {
    pub fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// `a.test` is resolved in 2 ms; `silent.test` never answers a connect.
pub struct World {
    net: Network,
    executor: Executor,
}

impl World {
    pub fn new() -> Self {
        let net = Network::new();
        net.host("a.test", [addr().ip()]).latency(Duration::from_millis(2));
        net.host("silent.test", ["192.0.2.2".parse().unwrap()]);
        net.at("192.0.2.2:80".parse().unwrap()).black_hole();
        Self { net, executor: Executor::new() }
    }

    pub fn client(&self, observer: Arc<dyn Observe>) -> Client {
        let builder = Client::builder().runtime(self.executor.runtime()).observer(observer);
        builder.resolver(self.net.resolver()).dialer(self.net.dialer()).build()
    }

    pub fn listen(&self) -> Listener {
        self.net.listen(addr())
    }

    /// From now on.
    pub fn refuse(&self) {
        self.net.at(addr()).refuse();
    }
}

/// Begins what won't end soon.
pub async fn begin<F: Future>(future: F) -> Pin<Box<F>> {
    let mut future = Box::pin(future);
    std::future::poll_fn(|cx| {
        assert!(future.as_mut().poll(cx).is_pending());
        Poll::Ready(())
    })
    .await;
    future
}

pub fn addr() -> SocketAddr {
    "192.0.2.1:80".parse().unwrap()
}
