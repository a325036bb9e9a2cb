//! hyper's HTTP/1.1 connection in hyper-util's composable pool: what one gets without skybridge.

use crate::{Outcome, Over, Shape, alone, is_hello};
use hyper_util::client::pool::cache;
use std::{future::Future, pin::Pin};
use tower::{Service, ServiceExt, service_fn};

type Connecting = Pin<Box<dyn Future<Output = Outcome<alone::H1>>>>;

/// Sends so many requests, one after the other; calls `after` with the number of each that is over.
pub(crate) async fn run(shape: Shape, over: Over, requests: u64, after: &mut dyn FnMut(u64)) -> Outcome<()> {
    let connector = service_fn(move |()| -> Connecting { Box::pin(alone::H1::connect(over)) });
    let mut pool = cache::builder().build(connector);
    for n in 1..=requests {
        let mut connection = pool.ready().await?.call(()).await?;
        is_hello(connection.inner_mut().send(shape).await?)?;
        after(n);
    }
    Ok(())
}
