use tower_layer::Layer;

/// A type that a layer waits for. See [`Deferred`].
pub trait Below {
    /// `T`, whatever this is.
    type Then<T>;
}

/// `T`, as soon as the compiler knows `K`: how a layer names the service that it makes.
///
/// A `ServiceBuilder` learns last what is at the bottom. Were `T` named outright, the compiler would judge the layers above it before that, and
/// of a wrong order it would say that the method `service` doesn't exist. Put off, it says which layer belongs above what.
///
/// `K` is what only a service gives that is known to the bottom, such as the stream of a connector. Were it the service itself, a layer of
/// somebody else's below, which names its service outright, would give it away too early.
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

/// Puts layers, such as a `ServiceBuilder`, on a bottom: the same as its method `service`.
///
/// When the compiler says of a wrong stack no more than that *the method `service` exists but its trait bounds were not satisfied*, write it so:
/// here it says which layer belongs above what, whosever layers are among them.
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
