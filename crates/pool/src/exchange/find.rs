//! The longer way of a request to its origin: by key.

use crate::{origin::OriginPool, registry::Registry};
use http::Uri;
use skybridge_core::{
    ConnectOptions, Error, HttpVersions, Key, KeyRef, OriginRef, RequestError, RequestOptions, Scheme,
};
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

/// The key of a request that only this version of HTTP can carry, if there is such.
pub(crate) fn key_of<C: Send + 'static>(
    pool: &Registry<C>,
    uri: &Uri,
    options: Option<&RequestOptions>,
    version: Option<HttpVersions>,
) -> Result<Key, Error> {
    let (origin, default) = (OriginRef::of(uri)?, &pool.shared.connect_options);
    let asked = options.map_or_else(|| default.clone(), |options| options.connect_options.or(default));
    let options = match version {
        None => asked,
        Some(version) => with_version(asked, origin.scheme(), version)?,
    };
    Ok(KeyRef::of(origin, &options).to_owned()?)
}

/// These options, for a request that only this version of HTTP can carry.
fn with_version(
    mut options: ConnectOptions,
    scheme: Scheme,
    version: HttpVersions,
) -> Result<ConnectOptions, RequestError> {
    let allowed = options.http_versions;
    if allowed == HttpVersions::Any && scheme == Scheme::Http {
        // In cleartext it is HTTP/1.1 that any means, and the connections are the same.
        return Ok(options);
    }
    if allowed != HttpVersions::Any && allowed != version {
        let why = "it asks for another protocol, which only HTTP/1.1 can, and only HTTP/2 is allowed";
        return Err(RequestError::Header("upgrade".into(), why));
    }
    options.http_versions = version;
    Ok(options)
}

/// By key, for a request that only this version of HTTP can carry.
#[cold]
pub(super) fn find_version<C: Send + 'static>(
    pool: &Registry<C>,
    uri: &Uri,
    options: Option<&RequestOptions>,
    version: HttpVersions,
) -> Result<Arc<OriginPool<C>>, Error> {
    let key = key_of(pool, uri, options, Some(version))?;
    Ok(pool.by_key(Key::as_ref(&key))?)
}
