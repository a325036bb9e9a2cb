//! A gRPC client over this stack, where tonic's `Channel` would be.
//!
//! ```sh
//! cargo run --example grpc [http://127.0.0.1:50051]
//! ```

use generated::GreeterClient;
use skybridge::{Client, H2};
use skybridge_testkit::origin::Origin;
use skybridge_tonic::{Tonic, error_of};
use std::{error::Error, time::Duration};
use tonic::{Request, Status};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error + Send + Sync>> {
    let nobody = |_| async { Status::not_found("nobody is greeted here").into_http::<tonic::body::Body>() };
    let origin = Origin::h2c().handle(nobody).start().await;
    let url = std::env::args().nth(1).unwrap_or_else(|| origin.url("/"));

    let client = Client::builder().h2(H2::new().keep_alive_interval(Duration::from_secs(60))).build();
    let mut greeter = GreeterClient::new(Tonic::new(client, url)?);
    let mut request = Request::new("world".to_owned());
    request.set_timeout(Duration::from_secs(5));
    match greeter.greet(request).await {
        Ok(greeting) => println!("{}", greeting.into_inner()),
        Err(status) => match error_of(&status) {
            Some(error) => println!("{:?}: {:#}", status.code(), error),
            None => println!("{:?}, says the server: {}", status.code(), status.message()),
        },
    }
    Ok(())
}

/// What tonic's build script writes, for messages of text.
mod generated {
    use bytes::{Buf, BufMut, Bytes};
    use http::uri::PathAndQuery;
    use http_body::Body;
    use tonic::{
        Request, Response, Status,
        client::{Grpc, GrpcService},
        codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    };

    type StdError = Box<dyn std::error::Error + Send + Sync>;

    pub(crate) struct GreeterClient<T>(Grpc<T>);

    impl<T> GreeterClient<T>
    where
        T: GrpcService<tonic::body::Body>,
        T::Error: Into<StdError>,
        T::ResponseBody: Body<Data = Bytes> + Send + 'static,
        <T::ResponseBody as Body>::Error: Into<StdError> + Send,
    {
        pub(crate) fn new(inner: T) -> Self {
            Self(Grpc::new(inner))
        }

        pub(crate) async fn greet(&mut self, request: Request<String>) -> Result<Response<String>, Status> {
            self.0.ready().await.map_err(|error| Status::from_error(error.into()))?;
            self.0.unary(request, PathAndQuery::from_static("/a.Greeter/Greet"), Text).await
        }
    }

    struct Text;

    impl Codec for Text {
        type Encode = String;
        type Decode = String;
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
        type Item = String;
        type Error = Status;

        fn encode(&mut self, item: String, buf: &mut EncodeBuf<'_>) -> Result<(), Status> {
            buf.put_slice(item.as_bytes());
            Ok(())
        }
    }

    impl Decoder for Text {
        type Item = String;
        type Error = Status;

        fn decode(&mut self, buf: &mut DecodeBuf<'_>) -> Result<Option<String>, Status> {
            let bytes = buf.copy_to_bytes(buf.remaining());
            Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
        }
    }
}
