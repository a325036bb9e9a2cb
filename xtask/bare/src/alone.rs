//! The same without skybridge: what any caller of hyper and of h2 must do by hand, and nothing else.

use crate::{Body, Outcome, Over, Shape, ends, peer};
use bytes::Bytes;
use http::{HeaderValue, Request, Uri, Version, header};
use http_body::Body as _;
use http_body_util::BodyExt;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use std::{future::poll_fn, pin::pin, sync::Arc};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_rustls::rustls::ClientConfig;

/// hyper's HTTP/1.1 connection: origin form, and a `host`.
pub struct H1 {
    sender: http1::SendRequest<Body>,
    host: HeaderValue,
    /// What the plain shapes ask for, in origin form.
    path: Uri,
}

impl H1 {
    /// Connects to a new peer.
    ///
    /// # Errors
    /// Those of the handshakes.
    pub async fn connect(over: Over) -> Outcome<Self> {
        match over {
            Over::Nothing => Self::on(peer::h1(over)).await,
            Over::Tls => Self::sealed(ends::config()?).await,
        }
    }

    /// Connects to a new peer over TLS.
    ///
    /// # Errors
    /// Those of the handshakes.
    pub async fn sealed(config: Arc<ClientConfig>) -> Outcome<Self> {
        Self::on(ends::connect(peer::h1(Over::Tls), config).await?).await
    }

    async fn on(io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Outcome<Self> {
        let (sender, connection) = http1::handshake(TokioIo::new(io)).await?;
        tokio::spawn(connection);
        let path = origin_form(Shape::Plain.request::<Body>(Over::Nothing).uri_mut());
        Ok(Self { sender, host: HeaderValue::from_static("example.test"), path })
    }

    /// Sends a request, and reads its response to the end: how many bytes of content it has.
    ///
    /// # Errors
    /// Those of the connection.
    pub async fn send(&mut self, shape: Shape) -> Outcome<usize> {
        let mut request = shape.request::<Body>(Over::Nothing);
        *request.uri_mut() = if shape.is_plain() { self.path.clone() } else { origin_form(request.uri_mut()) };
        request.headers_mut().insert(header::HOST, self.host.clone());
        self.sender.ready().await?;
        let mut body = self.sender.send_request(request).await?.into_body();
        let mut read = 0;
        while let Some(frame) = body.frame().await {
            read += frame?.data_ref().map_or(0, Bytes::len);
        }
        Ok(read)
    }
}

fn origin_form(uri: &mut Uri) -> Uri {
    std::mem::take(uri).into_parts().path_and_query.map_or_else(Uri::default, Uri::from)
}

/// The h2 crate's connection: flow control by hand.
pub struct H2 {
    sender: h2::client::SendRequest<Bytes>,
}

impl H2 {
    /// Connects to a new peer.
    ///
    /// # Errors
    /// Those of the handshakes.
    pub async fn connect(over: Over) -> Outcome<Self> {
        let io = peer::h2(over);
        match over {
            Over::Nothing => Self::on(io).await,
            Over::Tls => Self::on(ends::connect(io, ends::config()?).await?).await,
        }
    }

    async fn on(io: impl AsyncRead + AsyncWrite + Send + Unpin + 'static) -> Outcome<Self> {
        let (sender, connection) = h2::client::Builder::new().enable_push(false).handshake(io).await?;
        tokio::spawn(async move {
            let _ = connection.await;
        });
        Ok(Self { sender })
    }

    /// Sends a request, and reads its response to the end: how many bytes of content it has.
    ///
    /// # Errors
    /// Those of the connection.
    pub async fn send(&mut self, shape: Shape) -> Outcome<usize> {
        let (mut head, body) = shape.request::<Body>(Over::Nothing).into_parts();
        head.version = Version::HTTP_2;
        let empty = body.is_end_stream();
        if let Some(length) = body.size_hint().exact().filter(|_| !empty) {
            head.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
        }
        poll_fn(|cx| self.sender.poll_ready(cx)).await?;
        let (response, mut stream) = self.sender.send_request(Request::from_parts(head, ()), empty)?;
        if !empty {
            let Some(frame) = pin!(body).frame().await else { return Err("the body is empty".into()) };
            let data = frame?.into_data().map_err(|_| "not data")?;
            stream.reserve_capacity(data.len());
            while stream.capacity() < data.len() {
                poll_fn(|cx| stream.poll_capacity(cx)).await.transpose()?;
            }
            stream.send_data(data, true)?;
        }
        let mut body = response.await?.into_body();
        let mut read = 0;
        while let Some(data) = poll_fn(|cx| body.poll_data(cx)).await {
            let data = data?;
            read += data.len();
            body.flow_control().release_capacity(data.len())?;
        }
        Ok(read)
    }
}
