use http::Response;
use std::{fmt, sync::Arc};

/// Who wants to see the interim responses (1xx, RFC 9110, section 15.2) that come before the response: in a request's
/// extensions.
///
/// ```
/// use skybridge_core::OnInformational;
///
/// let mut request = http::Request::get("http://a.test/").body(())?;
/// request.extensions_mut().insert(OnInformational::new(|interim| println!("{}: {:?}", interim.status(),
/// interim.headers())));
/// # Ok::<_, http::Error>(())
/// ```
#[derive(Clone)]
pub struct OnInformational(Arc<dyn Fn(Response<()>) + Send + Sync>);

impl OnInformational {
    /// Calls this for each of them, in order. It should not block: the exchange waits for it.
    pub fn new(call: impl Fn(Response<()>) + Send + Sync + 'static) -> Self {
        Self(Arc::new(call))
    }

    /// One came. Called by the connection, never under a lock.
    pub fn call(&self, interim: Response<()>) {
        (self.0)(interim);
    }
}

impl fmt::Debug for OnInformational {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OnInformational").finish_non_exhaustive()
    }
}
