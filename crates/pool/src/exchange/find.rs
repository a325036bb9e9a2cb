//! The longer way of a request to its origin: by key.

use crate::{origin::OriginPool, registry::Registry};
use http::Uri;
use skybridge_core::{Error, HttpVersions, KeyRef, OriginRef, RequestError, RequestOptions, Scheme};
use std::sync::Arc;

/// The longer way to an origin: by key.
#[cold]
pub(super) fn find<C: Send + 'static>(
    pool: &Registry<C>,
    uri: &Uri,
    options: Option<&RequestOptions>,
) -> Result<Arc<OriginPool<C>>, Error> {
    let (origin, default) = (OriginRef::of(uri)?, &pool.shared.connect_options);
    match options {
        Some(options) => Ok(pool.by_key(KeyRef::of(origin, &options.connect_options.or(default)))?),
        None => {
            let origin = pool.by_key(KeyRef::of(origin, default))?;
            pool.cache_uri(uri, &origin);
            Ok(origin)
        }
    }
}

/// By key, for a request that only this version of HTTP can carry.
#[cold]
pub(super) fn find_version<C: Send + 'static>(
    pool: &Registry<C>,
    uri: &Uri,
    options: Option<&RequestOptions>,
    version: HttpVersions,
) -> Result<Arc<OriginPool<C>>, Error> {
    let origin = OriginRef::of(uri)?;
    let asked = options;
    let mut options = asked.map(|options| options.connect_options.clone()).unwrap_or_default();
    let allowed = options.or(&pool.shared.connect_options).http_versions;
    if allowed == HttpVersions::Any && origin.scheme() == Scheme::Http {
        // In cleartext it is HTTP/1.1 that any means, and the connections are the same.
        return find(pool, uri, asked);
    }
    if allowed != HttpVersions::Any && allowed != version {
        let why = "it asks for another protocol, which only HTTP/1.1 can, and only HTTP/2 is allowed";
        return Err(RequestError::Header("upgrade".into(), why).into());
    }
    options.http_versions = version;
    let options = options.or(&pool.shared.connect_options);
    Ok(pool.by_key(KeyRef::of(origin, &options))?)
}
