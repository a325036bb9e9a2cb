use crate::{kept, timeout, user_agent};
use http::{
    HeaderValue, Request, Uri,
    header::TE,
    uri::{Authority, PathAndQuery, Scheme},
};
use skybridge::{
    HttpVersions, IntoUri, RequestBody, RequestOptions,
    types::{OriginError, OriginRef, RequestError},
};
use std::time::Duration;
use tonic::Status;

/// What becomes of a call, by what [`TonicLayer`](crate::TonicLayer) was told.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) scheme: Scheme,
    pub(crate) authority: Authority,
    pub(crate) timeout: Option<Duration>,
    pub(crate) keep: usize,
    pub(crate) user_agent: HeaderValue,
}

impl Settings {
    pub(crate) fn new(url: impl IntoUri) -> Result<Self, RequestError> {
        let uri = url.into_uri()?;
        OriginRef::of(&uri)?.to_owned()?;
        let parts = uri.into_parts();
        let (Some(scheme), Some(authority)) = (parts.scheme, parts.authority) else {
            return Err(OriginError::NoScheme.into());
        };
        Ok(Self { scheme, authority, timeout: None, keep: 256 << 10, user_agent: user_agent::ours() })
    }

    /// The call as the client takes it.
    pub(crate) fn prepare(&self, request: Request<tonic::body::Body>) -> Result<Request<RequestBody>, Status> {
        let (mut head, body) = request.into_parts();
        if head.uri.authority().is_none() {
            head.uri = self.absolute(head.uri)?;
        }
        head.headers.insert(TE, HeaderValue::from_static("trailers"));
        user_agent::put(&mut head.headers, &self.user_agent);
        let mut limit = timeout::read(&head.headers)?;
        if let Some(longest) = self.timeout.filter(|longest| limit.is_none_or(|limit| limit > *longest)) {
            head.headers.insert(timeout::GRPC_TIMEOUT, timeout::write(longest));
            limit = Some(longest);
        }
        let options = head.extensions.get_or_insert_default::<RequestOptions>();
        if options.connect_options.http_versions == HttpVersions::Any {
            options.connect_options.http_versions = HttpVersions::Http2;
        }
        options.call_within = [options.call_within, limit].into_iter().flatten().min();
        let body = if self.keep == 0 { RequestBody::wrap(body) } else { kept::keep(body, self.keep)? };
        Ok(Request::from_parts(head, body))
    }

    fn absolute(&self, uri: Uri) -> Result<Uri, Status> {
        let mut parts = uri.into_parts();
        parts.scheme = Some(self.scheme.clone());
        parts.authority = Some(self.authority.clone());
        parts.path_and_query.get_or_insert(PathAndQuery::from_static("/"));
        Uri::from_parts(parts).map_err(|error| Status::internal(error.to_string()))
    }
}
