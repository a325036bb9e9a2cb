// In the place of what tonic's build script writes of `helloworld.proto`: the same names, with text for messages.

pub struct HelloRequest {
    pub name: String,
}

pub struct HelloReply {
    pub message: String,
}

pub mod greeter_client {
    use super::{HelloReply, HelloRequest};
    use bytes::{Buf, BufMut};
    use tonic::{
        Status,
        codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
        codegen::*,
    };

    pub struct GreeterClient<T> {
        inner: tonic::client::Grpc<T>,
    }

    impl<T> GreeterClient<T>
    where
        T: tonic::client::GrpcService<tonic::body::Body>,
        T::Error: Into<StdError>,
        T::ResponseBody: Body<Data = Bytes> + Send + 'static,
        <T::ResponseBody as Body>::Error: Into<StdError> + Send,
    {
        pub fn new(inner: T) -> Self {
            Self { inner: tonic::client::Grpc::new(inner) }
        }

        pub async fn say_hello(
            &mut self,
            request: impl tonic::IntoRequest<HelloRequest>,
        ) -> Result<tonic::Response<HelloReply>, Status> {
            self.inner.ready().await.map_err(|e| Status::unknown(format!("Service was not ready: {}", e.into())))?;
            let path = http::uri::PathAndQuery::from_static("/helloworld.Greeter/SayHello");
            self.inner.unary(request.into_request(), path, Text).await
        }
    }

    struct Text;

    impl Codec for Text {
        type Encode = HelloRequest;
        type Decode = HelloReply;
        type Encoder = Self;
        type Decoder = Self;

        fn encoder(&mut self) -> Self {
            Self
        }

        fn decoder(&mut self) -> Self {
            Self
        }
    }

    impl Encoder for Text {
        type Item = HelloRequest;
        type Error = Status;

        fn encode(&mut self, item: HelloRequest, buf: &mut EncodeBuf<'_>) -> Result<(), Status> {
            buf.put_slice(item.name.as_bytes());
            Ok(())
        }
    }

    impl Decoder for Text {
        type Item = HelloReply;
        type Error = Status;

        fn decode(&mut self, buf: &mut DecodeBuf<'_>) -> Result<Option<HelloReply>, Status> {
            let bytes = buf.copy_to_bytes(buf.remaining());
            Ok(Some(HelloReply { message: String::from_utf8_lossy(&bytes).into_owned() }))
        }
    }
}
