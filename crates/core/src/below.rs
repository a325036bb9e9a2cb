/// A type that a layer is put above. See [`Above`].
pub trait Below {
    /// `T`, whatever this is.
    type Then<T>;
}

/// `T`, as soon as the compiler knows what `S` is: how a layer names the service that it makes of an `S`.
///
/// A `ServiceBuilder` learns last what is at the bottom. Were `T` named outright, the compiler would judge the layers above it before that, and
/// of a wrong order it would say that the method `service` doesn't exist. Put off, it says which layer belongs above what.
///
/// ```
/// # use skybridge_core::{Above, Connector};
/// # use tower_layer::Layer;
/// struct CountLayer;
/// struct Count<S>(S);
///
/// impl<S: Connector> Layer<S> for CountLayer {
///     type Service = Above<S, Count<S>>;
///     fn layer(&self, inner: S) -> Count<S> {
///         Count(inner)
///     }
/// }
/// ```
pub type Above<S, T> = <S as Below>::Then<T>;

impl<S> Below for S {
    type Then<T> = T;
}
