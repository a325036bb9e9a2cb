//! As tonic's build script writes it, bounds included.

use super::Text;
use bytes::Bytes;
use http::{Uri, uri::PathAndQuery};
use http_body::Body;
use tonic::{GrpcMethod, service::interceptor::InterceptedService};
use tower::Service;

type StdError = Box<dyn std::error::Error + Send + Sync + 'static>;

#[derive(Debug, Clone)]
pub(crate) struct EchoClient<T> {
    inner: tonic::client::Grpc<T>,
}

impl<T> EchoClient<T>
where
    T: tonic::client::GrpcService<tonic::body::Body>,
    T::Error: Into<StdError>,
    T::ResponseBody: Body<Data = Bytes> + std::marker::Send + 'static,
    <T::ResponseBody as Body>::Error: Into<StdError> + std::marker::Send,
{
    pub(crate) fn new(inner: T) -> Self {
        let inner = tonic::client::Grpc::new(inner);
        Self { inner }
    }

    pub(crate) fn with_origin(inner: T, origin: Uri) -> Self {
        let inner = tonic::client::Grpc::with_origin(inner, origin);
        Self { inner }
    }

    pub(crate) fn with_interceptor<F>(inner: T, interceptor: F) -> EchoClient<InterceptedService<T, F>>
    where
        F: tonic::service::Interceptor,
        T::ResponseBody: Default,
        T: Service<
                http::Request<tonic::body::Body>,
                Response = http::Response<<T as tonic::client::GrpcService<tonic::body::Body>>::ResponseBody>,
            >,
        <T as Service<http::Request<tonic::body::Body>>>::Error: Into<StdError> + std::marker::Send + std::marker::Sync,
    {
        EchoClient::new(InterceptedService::new(inner, interceptor))
    }

    pub(crate) async fn unary(
        &mut self,
        request: impl tonic::IntoRequest<String>,
    ) -> Result<tonic::Response<String>, tonic::Status> {
        self.ready().await?;
        let path = PathAndQuery::from_static("/test.Echo/Unary");
        let mut req = request.into_request();
        req.extensions_mut().insert(GrpcMethod::new("test.Echo", "Unary"));
        self.inner.unary(req, path, Text).await
    }

    pub(crate) async fn server_stream(
        &mut self,
        request: impl tonic::IntoRequest<String>,
    ) -> Result<tonic::Response<tonic::codec::Streaming<String>>, tonic::Status> {
        self.ready().await?;
        let path = PathAndQuery::from_static("/test.Echo/ServerStream");
        let mut req = request.into_request();
        req.extensions_mut().insert(GrpcMethod::new("test.Echo", "ServerStream"));
        self.inner.server_streaming(req, path, Text).await
    }

    pub(crate) async fn client_stream(
        &mut self,
        request: impl tonic::IntoStreamingRequest<Message = String>,
    ) -> Result<tonic::Response<String>, tonic::Status> {
        self.ready().await?;
        let path = PathAndQuery::from_static("/test.Echo/ClientStream");
        let mut req = request.into_streaming_request();
        req.extensions_mut().insert(GrpcMethod::new("test.Echo", "ClientStream"));
        self.inner.client_streaming(req, path, Text).await
    }

    pub(crate) async fn bidi(
        &mut self,
        request: impl tonic::IntoStreamingRequest<Message = String>,
    ) -> Result<tonic::Response<tonic::codec::Streaming<String>>, tonic::Status> {
        self.ready().await?;
        let path = PathAndQuery::from_static("/test.Echo/Bidi");
        let mut req = request.into_streaming_request();
        req.extensions_mut().insert(GrpcMethod::new("test.Echo", "Bidi"));
        self.inner.streaming(req, path, Text).await
    }

    async fn ready(&mut self) -> Result<(), tonic::Status> {
        self.inner.ready().await.map_err(|e| tonic::Status::unknown(format!("Service was not ready: {}", e.into())))
    }
}
