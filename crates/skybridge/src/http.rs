use crate::RequestBody;
use skybridge_core::Connection;
use skybridge_h1::Http1;
use skybridge_h2::Http2;
use skybridge_negotiate::Negotiated;
use skybridge_pool::{Pool, PooledBody};
use skybridge_retry::Retry;

/// The connections of a [`Client`](crate::Client).
pub(crate) type Http = Negotiated<Http1<RequestBody>, Http2<RequestBody>>;

/// The body of a connection, and the connection's lease in it.
pub(crate) type LeasedBody = PooledBody<Http, RequestBody>;

/// A client without its comforts.
pub(crate) type Stack = Retry<Pool<Http, RequestBody>>;

const _: () = {
    const fn is_a_connection<C: Connection<RequestBody>>() {}
    is_a_connection::<Http>();
};
