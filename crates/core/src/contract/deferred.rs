use tower_layer::Layer;

/// Implemented for every type: the mechanism behind [`Deferred`].
pub trait Below {
    /// `T`, whatever the implementing type is.
    type Then<T>;
}

/// `T`, as soon as the compiler knows `K`: how a layer names the service that it makes, for the sake of error messages.
///
/// A `ServiceBuilder` learns last which service is at the bottom. If a layer named `T` directly, the compiler would
/// check the layers above before that, and would report a wrong order of layers as a missing method `service`.
/// Deferred, it reports which layer belongs above which.
///
/// `K` is a type that is known only when the whole service below is, such as the stream of a connector. It must not be
/// that service itself: a foreign layer below names its service directly, so that it would be known too early.
///
/// ```
/// # use skybridge_core::{Deferred, Connector};
/// # use tower_layer::Layer;
/// struct CountLayer;
/// struct Count<S>(S);
///
/// impl<S: Connector> Layer<S> for CountLayer {
///     type Service = Deferred<S::Io, Count<S>>;
///     fn layer(&self, inner: S) -> Count<S> {
///         Count(inner)
///     }
/// }
/// ```
pub type Deferred<K, T> = <K as Below>::Then<T>;

impl<S> Below for S {
    type Then<T> = T;
}

/// Puts layers, such as a `ServiceBuilder`, on a service: the same as `ServiceBuilder::service`.
///
/// When the compiler only reports of a wrong stack that *the method `service` exists but its trait bounds were not
/// satisfied*, use this function: it lets the compiler report which layer belongs above which, also with foreign layers
/// among them.
///
/// ```
/// # use skybridge_core::{Dialer, stack};
/// # use skybridge_testkit::net::Network;
/// # use std::time::Duration;
/// # use tower::ServiceBuilder;
/// # fn is_dialer(_: impl Dialer) {}
/// # let bottom = Network::new().dialer();
/// let dialer = stack(ServiceBuilder::new().timeout(Duration::from_secs(5)), bottom);
/// # is_dialer(dialer);
/// ```
pub fn stack<L: Layer<S>, S>(layers: L, bottom: S) -> L::Service {
    layers.layer(bottom)
}
