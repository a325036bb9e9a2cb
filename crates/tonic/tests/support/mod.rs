//! A client as tonic's build script writes it, a server of tonic's on the test kit's origin, and a network in memory.
#![allow(dead_code, clippy::unwrap_used, reason = "each test target uses a part of it, and a test may panic")]

mod echo_client;
mod text;

pub(crate) use self::{echo_client::EchoClient, text::Text};

use http::{Request, Response};
use skybridge::{Client, ClientBuilder};
use skybridge_testkit::{
    executor::Executor,
    net::{Conn, Dialer, Listener, Names, Network},
};
use skybridge_tonic::{Tonic, TonicLayer};
use std::error::Error;
use tonic::{Status, Streaming, server::Grpc};
use tower::{Layer, service_fn};

pub(crate) const URL: &str = "http://a.test";

/// A network with one host, `a.test`.
pub(crate) struct World {
    pub(crate) net: Network,
    pub(crate) executor: Executor,
    pub(crate) listener: Listener,
}

impl World {
    pub(crate) fn new() -> Self {
        let net = Network::new();
        net.host("a.test", ["192.0.2.1".parse().unwrap()]);
        let listener = net.listen("192.0.2.1:80".parse().unwrap());
        Self { net, executor: Executor::new(), listener }
    }

    pub(crate) fn builder(&self) -> ClientBuilder<Names, Dialer> {
        let builder = Client::builder().runtime(self.executor.runtime());
        builder.resolver(self.net.resolver()).dialer(self.net.dialer())
    }

    pub(crate) fn tonic(&self) -> Tonic<Client> {
        self.tonic_with(|layer| layer)
    }

    pub(crate) fn tonic_with(&self, configure: impl FnOnce(TonicLayer) -> TonicLayer) -> Tonic<Client> {
        configure(TonicLayer::new(URL).unwrap()).layer(self.builder().build())
    }

    pub(crate) async fn accept(&self) -> Conn {
        self.listener.accept().await.0
    }
}

/// Tonic's server: what `test.Echo` answers.
pub(crate) async fn serve<B>(request: Request<B>) -> Response<tonic::body::Body>
where
    B: http_body::Body + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>> + Send,
{
    let path = request.uri().path().to_owned();
    let mut grpc = Grpc::new(Text);
    match path.as_str() {
        "/test.Echo/Unary" => grpc.unary(service_fn(unary), request).await,
        "/test.Echo/ServerStream" => grpc.server_streaming(service_fn(server_stream), request).await,
        "/test.Echo/ClientStream" => grpc.client_streaming(service_fn(client_stream), request).await,
        "/test.Echo/Bidi" => grpc.streaming(service_fn(bidi), request).await,
        _ => Status::unimplemented(path).into_http(),
    }
}

/// Its own message; an error for `fail`.
async fn unary(request: tonic::Request<String>) -> Result<tonic::Response<String>, Status> {
    if request.get_ref() == "fail" {
        let mut status = Status::with_details(tonic::Code::DataLoss, "as you wish", "why".into());
        status.metadata_mut().insert("x-more", "more".parse().unwrap());
        return Err(status);
    }
    Ok(tonic::Response::new(request.into_inner()))
}

type Messages = tokio_stream::Iter<std::vec::IntoIter<Result<String, Status>>>;

/// Its words, one each; and an error for `fail`.
async fn server_stream(request: tonic::Request<String>) -> Result<tonic::Response<Messages>, Status> {
    let word = |word: &str| if word == "fail" { Err(Status::aborted("as you wish")) } else { Ok(word.to_owned()) };
    let words: Vec<_> = request.get_ref().split(' ').map(word).collect();
    Ok(tonic::Response::new(tokio_stream::iter(words)))
}

/// All that came in one.
async fn client_stream(request: tonic::Request<Streaming<String>>) -> Result<tonic::Response<String>, Status> {
    let mut messages = request.into_inner();
    let mut all = String::new();
    while let Some(message) = messages.message().await? {
        all.push_str(&message);
    }
    Ok(tonic::Response::new(all))
}

/// Each as it comes.
async fn bidi(request: tonic::Request<Streaming<String>>) -> Result<tonic::Response<Streaming<String>>, Status> {
    Ok(tonic::Response::new(request.into_inner()))
}
