//! What the sessions of a thousand origins hold, by their configuration's own bound.

use crate::sealed;
use skybridge_bare::{Over, ends, runtime};
use skybridge_core::{ConnInfo, ConnectError, ConnectOptions, Connector, Ctx, KeyRef, Link, OriginRef, Route, Target};
use skybridge_counting::{Uncounted, kept};
use skybridge_runtime::TokioRuntime;
use skybridge_tls::{TlsConfig, TlsLayer};
use std::{net::SocketAddr, sync::Arc};
use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
use tower::{Layer, service_fn};

type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

const ORIGINS: u16 = 1_000;
const MOST: i64 = 1 << 20;

/// Prints it; false when it is more than 1 MiB.
pub(crate) fn gate() -> bool {
    let measured = measure();
    let Ok(bytes) = measured else {
        println!("\nsessions FAILED: {measured:?}");
        return false;
    };
    let good = bytes <= MOST;
    let verdict = if good { "ok" } else { "TOO MUCH" };
    println!("\nbytes that the sessions of {ORIGINS} origins hold: {bytes} of {MOST}   {verdict}");
    good
}

fn measure() -> Outcome<i64> {
    let runtime = runtime()?;
    runtime.block_on(async {
        let without = held(sealed::builder(Over::Tls).session_memory(0).build()?).await?;
        Ok(held(sealed::builder(Over::Tls).build()?).await? - without)
    })
}

/// What is freed with a configuration by which each origin was connected to once.
async fn held(config: TlsConfig) -> Outcome<i64> {
    let below = service_fn(|route: Route| async move {
        let (near, far) = duplex(1 << 14);
        tokio::spawn(Uncounted(Box::pin(async move {
            let mut tls = ends::accept(far).await;
            let _ = tls.write_all(b"x").await;
            let _ = tls.read(&mut [0]).await;
        })));
        let at = SocketAddr::from(([192, 0, 2, 1], 443));
        let info = ConnInfo::new(&route.attempt(at.into()), None, at.into());
        Ok::<_, ConnectError>(Link::new(near, info))
    });
    let mut connector = TlsLayer::new(config).layer(below);
    let runtime = Arc::new(TokioRuntime::current());
    for port in 1..=ORIGINS {
        let uri = format!("https://{}:{port}/", ends::NAME).parse()?;
        let key = KeyRef::of(OriginRef::of(&uri)?, &ConnectOptions::default()).to_owned()?;
        let target = Target::new(key, Ctx::new(Arc::clone(&runtime) as _));
        let mut link = connector.connect(Route::to(target, [([192, 0, 2, 1], 443)])).await?;
        // Tickets come before what is sent.
        link.io.read_exact(&mut [0]).await?;
    }
    tokio::task::yield_now().await;
    let before = kept();
    drop(connector);
    Ok(before - kept())
}
