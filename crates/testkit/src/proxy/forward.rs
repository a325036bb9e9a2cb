//! Requests in absolute form, on hyper: its server on this side, its client on the other.

use super::{
    reach::{HostPort, Stream},
    served::{Served, Serving},
};
use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, Uri, header};
use http_body_util::{BodyExt, Empty, Full, combinators::UnsyncBoxBody};
use hyper::{body::Incoming, client, server, service::service_fn};
use hyper_util::rt::TokioIo;
use skybridge_core::{BasicAuth, BoxError};
use std::{convert::Infallible, io, io::Cursor, sync::Arc};
use tokio::io::AsyncReadExt;

type Body = UnsyncBoxBody<Bytes, BoxError>;

/// Serves the requests of a connection, starting with what was read already.
pub(super) async fn serve(served: Served, read: Bytes, stream: Stream) -> io::Result<()> {
    let (reading, writing) = tokio::io::split(stream);
    let io = TokioIo::new(tokio::io::join(Cursor::new(read).chain(reading), writing));
    let served = Arc::new(served);
    let service = service_fn(move |request| {
        let served = Arc::clone(&served);
        async move { Ok::<_, Infallible>(answer(&served, request).await) }
    });
    server::conn::http1::Builder::new().serve_connection(io, service).await.map_err(io::Error::other)
}

pub(super) fn is_welcome(serving: &Serving, credentials: Option<&str>) -> bool {
    serving.user.as_ref().is_none_or(|(user, password)| {
        let expected = BasicAuth::new(user.as_str(), password.as_str()).header();
        expected.is_some_and(|expected| credentials.is_some_and(|said| said.as_bytes() == expected.as_bytes()))
    })
}

async fn answer(served: &Served, mut request: Request<Incoming>) -> Response<Body> {
    let line = format!("{} {} {:?}", request.method(), request.uri(), request.version());
    let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    let headers = request.headers().iter().map(|(name, value)| (name.to_string(), text(value))).collect();
    let credentials = request.headers_mut().remove(header::PROXY_AUTHORIZATION).map(|value| text(&value));
    served.open.was_asked(line, headers, credentials.clone());
    if !is_welcome(&served.serving, credentials.as_deref()) {
        let mut response = plain(StatusCode::PROXY_AUTHENTICATION_REQUIRED, Bytes::from_static(b"who are you?"));
        let challenge = HeaderValue::from_static("Basic realm=\"proxy\"");
        response.headers_mut().insert(header::PROXY_AUTHENTICATE, challenge);
        return response;
    }
    match forward(served, request).await {
        Ok(response) => response.map(|body| body.map_err(Into::into).boxed_unsync()),
        Err(error) => plain(StatusCode::BAD_GATEWAY, error.to_string().into()),
    }
}

async fn forward(served: &Served, mut request: Request<Incoming>) -> Result<Response<Incoming>, BoxError> {
    let authority = request.uri().authority().ok_or("not in absolute form")?;
    let place = HostPort::parse(authority.as_str(), Some(80)).ok_or("no host")?;
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str());
    *request.uri_mut() = path.parse::<Uri>()?;
    let far = served.serving.reach.connect(&place).await?;
    let (mut sender, connection) = client::conn::http1::handshake(TokioIo::new(far)).await?;
    served.tasks.spawn(async move {
        // Its end is told to whoever waits for the response.
        let _ = connection.await;
    });
    Ok(sender.send_request(request).await?)
}

fn plain(status: StatusCode, body: Bytes) -> Response<Body> {
    let body = if body.is_empty() {
        Empty::new().map_err(Into::into).boxed_unsync()
    } else {
        Full::new(body).map_err(Into::into).boxed_unsync()
    };
    let mut response = Response::new(body);
    *response.status_mut() = status;
    response
}
