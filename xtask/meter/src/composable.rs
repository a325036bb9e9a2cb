//! hyper's HTTP/1.1 connection in hyper-util's composable pool: what one gets without skybridge.

use crate::{bare, over::Over, request::Shape};
use hyper_util::client::pool::cache;
use std::{error::Error, future::Future, pin::Pin};
use tower::{Service, ServiceExt, service_fn};

type Connecting = Pin<Box<dyn Future<Output = Result<bare::H1, Box<dyn Error>>>>>;

/// Sends so many requests, one after the other; calls `after` with what each has read.
pub(crate) async fn run(
    shape: Shape,
    over: Over,
    requests: u64,
    mut after: impl FnMut(u64, usize) -> Result<(), Box<dyn Error>>,
) -> Result<(), Box<dyn Error>> {
    let connector = service_fn(move |()| -> Connecting { Box::pin(bare::H1::connect(over)) });
    let mut pool = cache::builder().build(connector);
    for n in 1..=requests {
        let mut connection = pool.ready().await?.call(()).await?;
        after(n, connection.inner_mut().send(shape).await?)?;
    }
    Ok(())
}
