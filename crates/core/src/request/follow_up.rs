use super::Replays;
use crate::{ConnInfo, ProxyAnswer, sync::Mutex};
use http::{HeaderValue, Request, Response, StatusCode};
use std::{any::Any, fmt, sync::Arc};

/// The request of a response that asks for it again, in the response's extensions.
///
/// Three statuses of an origin do: 408, as the request did not arrive in time (RFC 9110, section 15.5.9), 425, as it
/// arrived too early (RFC 8470, section 5.2), and 503, as the server can't handle it at present (RFC 9110, section
/// 15.6.4). Whether the request is in fact sent again depends on what else the response says, on the time that is left,
/// on the budget of retries: it is the retry layer that decides, with the response at hand. So a connection gives it
/// both, and a response that is not followed by another request is the caller's, as any other.
///
/// A fourth is that of a proxy that forwards requests: 407, if the [`ProxyAuth`](crate::ProxyAuth) of that proxy has an
/// [answer](Self::challenged) (RFC 9110, section 15.5.8). From anybody else it is a response like any other.
///
/// A connection [attaches](Self::attach) the request to such a response if the retry layer above
/// [asks for that](Replays::follow_ups) and the request could be kept, complete and unchanged. The retry layer
/// [takes](Self::take) it in any case, so that no caller holds it for longer than it is of use.
///
/// ```
/// use http::{Request, Response};
/// use skybridge_core::FollowUp;
/// # use skybridge_core::*;
/// # fn example(info: &std::sync::Arc<ConnInfo>) {
/// let mut response = Response::builder().status(408).body(()).unwrap();
/// assert!(FollowUp::may_follow(response.status()));
/// FollowUp::attach(Request::new("a body"), info, &mut response);
/// let (request, _) = FollowUp::take::<&str, _>(&mut response).unwrap();
/// assert_eq!(*request.body(), "a body");
/// # }
/// ```
#[derive(Clone)]
pub struct FollowUp {
    /// Only one of several copies of the extensions can send it.
    request: Arc<Mutex<Option<Box<dyn Any + Send>>>>,
    info: Arc<ConnInfo>,
}

impl FollowUp {
    /// Whether this status may ask for its request again.
    #[inline]
    pub fn may_follow(status: StatusCode) -> bool {
        // One comparison for a response that is as it should be.
        status >= StatusCode::PROXY_AUTHENTICATION_REQUIRED && is_one_of_these(status)
    }

    /// Whether the request of a response with this status is to be attached to it: the status may ask for it, and a
    /// retry layer above wants to decide that.
    #[inline]
    pub fn is_wanted<B: 'static>(status: StatusCode) -> bool {
        Self::may_follow(status) && Replays::<B>::wanted().is_some_and(|replays| replays.wants_follow_ups())
    }

    /// Puts the request into the extensions of its response, which came by this connection. Not into a 407: see
    /// [`challenged`](Self::challenged).
    #[cold]
    pub fn attach<B: Send + 'static, T>(request: Request<B>, info: &Arc<ConnInfo>, response: &mut Response<T>) {
        if response.status() != StatusCode::PROXY_AUTHENTICATION_REQUIRED {
            Self::insert(request, info, response);
        }
    }

    /// As [`attach`](Self::attach), for any status. To a request that the proxy which forwards what this connection
    /// carries has challenged (407), having been shown these credentials, the answer is added; if there is none, the
    /// response is the caller's.
    #[cold]
    pub fn challenged<B: Send + 'static, T>(
        mut request: Request<B>,
        shown: Option<&HeaderValue>,
        info: &Arc<ConnInfo>,
        response: &mut Response<T>,
    ) {
        if response.status() != StatusCode::PROXY_AUTHENTICATION_REQUIRED
            || ProxyAnswer::put(&mut request, shown, response.headers(), info)
        {
            Self::insert(request, info, response);
        }
    }

    fn insert<B: Send + 'static, T>(request: Request<B>, info: &Arc<ConnInfo>, response: &mut Response<T>) {
        let request: Box<dyn Any + Send> = Box::new(request);
        let request = Arc::new(Mutex::new(Some(request)));
        response.extensions_mut().insert(Self { request, info: Arc::clone(info) });
    }

    /// Takes the request out of the extensions of its response, if it is there, with the facts of the connection that
    /// has carried it.
    #[cold]
    pub fn take<B: 'static, T>(response: &mut Response<T>) -> Option<(Box<Request<B>>, Arc<ConnInfo>)> {
        let Self { request, info } = response.extensions_mut().remove()?;
        let request = request.lock().take()?.downcast().ok()?;
        Some((request, info))
    }
}

#[cold]
fn is_one_of_these(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::PROXY_AUTHENTICATION_REQUIRED
            | StatusCode::REQUEST_TIMEOUT
            | StatusCode::TOO_EARLY
            | StatusCode::SERVICE_UNAVAILABLE
    )
}

impl fmt::Debug for FollowUp {
    /// Leaves the request out, because its headers may contain secrets.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FollowUp").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Replay;

    #[test]
    fn four_statuses_may_ask_for_another_try() {
        let all = (100..600).filter(|status| FollowUp::may_follow(StatusCode::from_u16(*status).unwrap()));
        assert_eq!(all.collect::<Vec<_>>(), [407, 408, 425, 503]);
    }

    #[test]
    fn they_are_wanted_where_a_layer_asks_for_them() {
        let wanted = || FollowUp::is_wanted::<()>(StatusCode::REQUEST_TIMEOUT);
        assert!(!wanted());
        assert!(!Replays::new(<()>::replay).ask().during(wanted));
        let asking = Replays::new(<()>::replay).follow_ups().ask();
        assert!(asking.during(wanted) && !asking.during(|| FollowUp::is_wanted::<()>(StatusCode::OK)));
        assert!(!asking.during(|| FollowUp::is_wanted::<u8>(StatusCode::REQUEST_TIMEOUT)), "of another type of body");
    }
}
