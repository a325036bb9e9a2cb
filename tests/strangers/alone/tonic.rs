//! By the page of `skybridge_tonic`.

use skybridge::{Error, HttpVersions, RaceLayer, RequestBody, RequestOptions, RouteLayer, Tcp, TokioRuntime};
use skybridge_dns::Fixed;
use skybridge_hyper::HyperLayer;
use skybridge_testkit::origin::Origin;
use skybridge_tonic::Tonic;
use tonic::transport::{Channel, Endpoint};
use tower::{ServiceBuilder, ServiceExt, service_fn};

/// What stands below is no client of ours, and answers as a server of gRPC does that has nothing.
#[tokio::test]
async fn a_foreign_client_gets_whole_urls_and_is_asked_for_http2() {
    let client = service_fn(|request: http::Request<RequestBody>| async move {
        assert_eq!(request.uri(), "http://greeter.test:50051/a.Greeter/Greet");
        let options = request.extensions().get::<RequestOptions>().unwrap();
        assert_eq!(options.connect_options.http_versions, HttpVersions::Http2);
        assert_eq!(request.headers()["grpc-timeout"], "5S");
        Ok::<_, Error>(tonic::Status::not_found("nobody").into_http::<String>())
    });
    let service = Tonic::new(client, "http://greeter.test:50051").unwrap();
    let request = http::Request::post("/a.Greeter/Greet").header("grpc-timeout", "5S");
    let response = service.oneshot(request.body(tonic::body::Body::empty()).unwrap()).await.unwrap();
    assert_eq!(tonic::Status::from_header_map(response.headers()).unwrap().code(), tonic::Code::NotFound);
}

/// The other way round: tonic's own channel, over our connector.
#[tokio::test]
async fn tonics_channel_connects_by_this_stack() {
    let nobody = |_| async { tonic::Status::not_found("nobody").into_http::<String>() };
    let origin = Origin::h2c().handle(nobody).start().await;
    let connector = ServiceBuilder::new()
        .layer(HyperLayer::new(TokioRuntime::current()))
        .layer(RouteLayer::new(Fixed::new([origin.addr().into()])))
        .layer(RaceLayer::happy_eyeballs())
        .service(Tcp::new());
    let channel = Channel::new(connector, Endpoint::from_static("http://greeter.test:50051"));
    let request = http::Request::post("/a.Greeter/Greet").body(tonic::body::Body::empty()).unwrap();
    let response = channel.oneshot(request).await.unwrap();
    assert_eq!(tonic::Status::from_header_map(response.headers()).unwrap().code(), tonic::Code::NotFound);
}
