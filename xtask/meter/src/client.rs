//! The default `Client`, as a user has it.

use crate::{sealed, stack};
use bytes::Bytes;
use http_body_util::BodyExt;
use skybridge::{Client, ConnectOptions, Endpoint, Observe};
use skybridge_bare::{Outcome, Over, Shape, Version};
use skybridge_core::Attempt;
use skybridge_dns::Fixed;
use std::sync::Arc;
use tower::service_fn;

/// A client with all defaults, over the peers in memory.
pub(crate) fn client(version: Version, over: Over, observer: Option<Arc<dyn Observe>>) -> Client {
    let mut connect_options = ConnectOptions::default();
    connect_options.http_versions = stack::http_versions(version);
    let builder = Client::builder()
        .resolver(Fixed::new([Endpoint::from(([192, 0, 2, 1], 80))]))
        .connect_options(connect_options)
        .tls(sealed::layer(over))
        .dialer(service_fn(move |attempt: Attempt| stack::dial(version, over, &attempt)));
    match observer {
        Some(observer) => builder.observer(observer).build(),
        None => builder.build(),
    }
}

/// One request, read to its end.
pub(crate) async fn send(client: &Client, shape: Shape, over: Over) -> Outcome<usize> {
    let mut body = client.request(shape.request::<skybridge::RequestBody>(over)).await?.into_body();
    let mut read = 0;
    while let Some(frame) = body.frame().await {
        read += frame?.data_ref().map_or(0, Bytes::len);
    }
    Ok(read)
}
