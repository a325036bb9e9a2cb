//! Layers that aren't needed pass: connecting in cleartext costs the same with TLS and a tunnel in the stack as
//! without.

use crate::sealed;
use skybridge_bare::{Over, runtime};
use skybridge_core::{
    Attempt, ConnInfo, ConnectError, ConnectOptions, Connector, Ctx, Endpoint, Endpoints, Key, KeyRef, Link, OriginRef,
    Route, Target,
};
use skybridge_counting::allocations;
use skybridge_runtime::TokioRuntime;
use skybridge_tcp::RaceLayer;
use skybridge_tls::TlsLayer;
use skybridge_tunnel::TunnelLayer;
use std::{
    future::{Ready, ready},
    sync::Arc,
};
use tokio::io::{DuplexStream, duplex};
use tower::{Layer, service_fn};

const WARM: u64 = 10;
const COUNTED: u64 = 100;

/// Prints what connecting costs; false when the layers cost anything.
pub(crate) fn gate() -> bool {
    let race = RaceLayer::happy_eyeballs().layer(service_fn(|attempt: Attempt| dial(&attempt)));
    let layered = TlsLayer::new(sealed::config(Over::Nothing)).layer(TunnelLayer::new().layer(race.clone()));
    let (alone, layered) = (connecting(race), connecting(layered));
    let (alone, layered) = match (alone, layered) {
        (Ok(alone), Ok(layered)) => (alone, layered),
        (Err(error), _) | (_, Err(error)) => {
            println!("\nconnecting in cleartext FAILED: {error}");
            return false;
        }
    };
    let verdict = if alone == layered { "ok" } else { "NOT THE SAME" };
    println!(
        "\nallocations per connect in cleartext: {alone} by the race alone, {layered} below TLS \
         and a tunnel   {verdict}"
    );
    alone == layered
}

fn connecting(mut connector: impl Connector) -> Result<u64, String> {
    let runtime = runtime().map_err(|error| error.to_string())?;
    let key = key().map_err(|error| error.to_string())?;
    runtime.block_on(async {
        let mut counted = 0;
        for n in 0..WARM + COUNTED {
            let route = route(&key);
            let before = allocations();
            let link = connector.connect(route).await.map_err(|error| error.into().to_string())?;
            if n >= WARM {
                counted += allocations() - before;
            }
            drop(link);
        }
        Ok(counted / COUNTED)
    })
}

fn key() -> Result<Arc<Key>, Box<dyn std::error::Error>> {
    let uri = "http://example.test".parse()?;
    Ok(Arc::new(KeyRef::of(OriginRef::of(&uri)?, &ConnectOptions::default()).to_owned()?))
}

fn route(key: &Arc<Key>) -> Route {
    let target = Target::new(Arc::clone(key), Ctx::new(Arc::new(TokioRuntime::current())));
    Route::direct(target, Endpoints::fixed([Endpoint::from(([192, 0, 2, 1], 80))]))
}

fn dial(attempt: &Attempt) -> Ready<Result<Link<DuplexStream>, ConnectError>> {
    ready(Ok(Link::new(duplex(64).0, ConnInfo::new(attempt, None, attempt.endpoint.clone()))))
}
