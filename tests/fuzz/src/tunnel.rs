//! A tunnel, and a proxy that answers whatever it likes.

use crate::input::Cuts;
use skybridge_core::{Connector as _, Proxy};
use skybridge_testkit::{
    executor::Executor,
    fixtures,
    net::{Conn, Network},
};
use skybridge_tunnel::{TunnelError, TunnelLayer};
use std::{mem, time::Duration};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    runtime::Builder,
    time::timeout,
};
use tower_layer::Layer as _;

const PROXY: &str = "192.0.2.1:3128";
const PATIENCE: Duration = Duration::from_secs(24 * 60 * 60);

/// What became of it.
#[derive(Debug, PartialEq)]
enum Outcome {
    /// There is a tunnel, and this came through it.
    Tunnel(Vec<u8>),
    Refused(mem::Discriminant<TunnelError>),
    /// For a reason that is no [`TunnelError`], such as a time limit.
    Failed,
}

/// A proxy's answer means the same however its bytes arrive, and what stands behind it comes through the tunnel.
///
/// An input is a letter for the proxy's kind, that of the cuts, and the proxy's bytes.
pub fn tunnel_answer(input: &[u8]) {
    let [kind, cuts, wire @ ..] = input else { return };
    let proxies: &[&str] = match kind {
        b'4' => &["socks4://me@proxy.test"],
        b'a' => &["socks4a://proxy.test"],
        b'5' => &["socks5h://proxy.test"],
        b'p' => &["socks5h://me:secret@proxy.test"],
        b'c' => &["http://me:secret@proxy.test", "socks5h://second.test"],
        b's' => &["socks5h://proxy.test", "http://second.test"],
        b'u' => &["http://me:secret@proxy.test"],
        _ => &["http://proxy.test"],
    };
    let whole = tunnel(proxies, Cuts::NONE, wire);
    if let Outcome::Tunnel(through) = &whole {
        assert!(wire.ends_with(through), "{} isn't what was sent", through.escape_ascii());
    }
    for cuts in [Cuts::EVERYWHERE, Cuts::of(*cuts)] {
        assert_eq!(tunnel(proxies, cuts, wire), whole, "{}", wire.escape_ascii());
    }
}

fn tunnel(proxies: &[&str], cuts: Cuts, wire: &[u8]) -> Outcome {
    let runtime = Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime without I/O").block_on(async {
        let (executor, net) = (Executor::new(), Network::new());
        let listener = net.listen(PROXY.parse().expect("an address"));
        // An address, as SOCKS4 can't say names.
        let mut route = fixtures::route("https://192.0.2.7", [PROXY], executor.ctx());
        route.proxies = proxies.iter().map(|proxy| Proxy::parse(proxy).expect("a proxy")).collect();
        let mut connector = TunnelLayer::new().layer(net.connector());
        let client = async {
            match connector.connect(route).await {
                Ok(mut link) => {
                    let mut through = vec![];
                    let _ = link.io.read_to_end(&mut through).await;
                    Outcome::Tunnel(through)
                }
                Err(error) => match error.source_as::<TunnelError>() {
                    Some(error) => Outcome::Refused(mem::discriminant(error)),
                    None => Outcome::Failed,
                },
            }
        };
        let proxy = async {
            proxy(listener.accept().await.0, cuts, wire).await;
            loop {
                // A challenge is answered on a new connection, on which this proxy says nothing.
                drop(listener.accept().await);
            }
        };
        let outcome = async {
            tokio::select! {
                outcome = client => outcome,
                () = proxy => unreachable!("it accepts for ever"),
            }
        };
        timeout(PATIENCE, outcome).await.expect("a tunnel that waits for ever")
    })
}

async fn proxy(mut conn: Conn, cuts: Cuts, wire: &[u8]) {
    let mut sink = [0; 4096];
    // It has read what the client begins with: what is left unread would be answered with a reset.
    let _ = conn.read(&mut sink).await;
    for piece in cuts.pieces(wire) {
        let _ = conn.write_all(piece).await;
        tokio::task::yield_now().await;
    }
    let _ = conn.shutdown().await;
    while conn.read(&mut sink).await.is_ok_and(|read| read > 0) {}
}
