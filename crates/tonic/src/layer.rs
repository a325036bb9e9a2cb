use crate::{service::Tonic, settings::Settings, user_agent};
use http::HeaderValue;
use skybridge::{IntoUri, types::RequestError};
use std::{sync::Arc, time::Duration};
use tower_layer::Layer;

/// Makes a [`Client`](skybridge::Client) the service that a generated client is given. What it does to a call is in the
/// [crate's documentation](crate).
///
/// Directly above a client, or above layers that take a `Request<RequestBody>` and leave its extensions alone: by those
/// the client learns of the time limit and of HTTP/2. [Another client](crate#another-client-below) has to be told.
#[derive(Clone, Debug)]
pub struct TonicLayer {
    settings: Settings,
}

impl TonicLayer {
    /// For calls of this server. Of the URL scheme, host and port count, as with tonic's `Channel`: a path before those
    /// of the calls is set by the generated client's `with_origin`.
    ///
    /// # Errors
    /// When it has none, or another scheme than `http` and `https`.
    pub fn new(url: impl IntoUri) -> Result<Self, RequestError> {
        Ok(Self { settings: Settings::new(url)? })
    }

    /// How long a call may take that has no `grpc-timeout`, or a longer one (default: no limit). The server is told, as
    /// if the call had this `grpc-timeout`: at each try of it the same, not what is left.
    pub fn timeout(mut self, limit: Duration) -> Self {
        self.settings.timeout = Some(limit);
        self
    }

    /// How many bytes of a request's messages are kept for another try, if they are at hand at once (default: 256 KiB;
    /// 0 keeps nothing). That of a unary call is kept whatever its size, as it is there anyway. A stream of messages
    /// that has to be waited for isn't kept, nor one of more than 64 pieces.
    pub fn keep(mut self, bytes: usize) -> Self {
        self.settings.keep = bytes;
        self
    }

    /// What the program calls itself (default: nothing). `grpc-rust-skybridge/` and the version follow in `user-agent`,
    /// and what a request's metadata says stands before both.
    pub fn user_agent(mut self, name: HeaderValue) -> Self {
        self.settings.user_agent = user_agent::joined(&name, &user_agent::ours());
        self
    }
}

impl<S> Layer<S> for TonicLayer {
    type Service = Tonic<S>;

    fn layer(&self, inner: S) -> Tonic<S> {
        Tonic { inner, settings: Arc::new(self.settings.clone()) }
    }
}
