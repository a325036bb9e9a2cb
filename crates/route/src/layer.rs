use crate::{memory::Memory, opener::Opener, routes::Routes};
use skybridge_core::{Above, Families, Resolver};
use std::{sync::Arc, time::Duration};
use tower_layer::Layer;

/// Finds an origin by its address.
///
/// Belongs directly above what makes HTTP connections of routes. It asks the resolver for the host of the origin (or of the first proxy),
/// unless that is an address already or the target says what to dial. Addresses that failed lately are tried after the others.
#[derive(Clone, Debug)]
pub struct RouteLayer<R> {
    resolver: R,
    settings: Settings,
    postponed_for: Duration,
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) timeout: Duration,
    pub(crate) families: Families,
}

impl<R: Resolver> RouteLayer<R> {
    /// Asks this resolver.
    pub fn new(resolver: R) -> Self {
        let settings = Settings { timeout: Duration::from_secs(5), families: Families::Both };
        Self { resolver, settings, postponed_for: Duration::from_secs(5 * 60) }
    }

    /// How long resolving may take until there are addresses (default: 5 s). Answers that come later than that are not waited for.
    /// [`Limits::resolve`](skybridge_core::Limits::resolve) of a request goes before it.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.settings.timeout = timeout;
        self
    }

    /// Which addresses are asked for (default: both families).
    pub fn families(mut self, families: Families) -> Self {
        self.settings.families = families;
        self
    }

    /// How long an endpoint that failed is tried after the others (default: 5 minutes; zero: never). It is tried all the same when the others
    /// have failed too, and forgotten to have failed as soon as it works.
    pub fn postponed_for(mut self, time: Duration) -> Self {
        self.postponed_for = time;
        self
    }
}

impl<S: Opener, R: Resolver> Layer<S> for RouteLayer<R> {
    type Service = Above<S, Routes<S, R>>;

    /// Each stack that is built remembers failures for itself.
    fn layer(&self, inner: S) -> Routes<S, R> {
        let memory = Arc::new(Memory::new(self.postponed_for));
        Routes { inner, resolver: self.resolver.clone(), settings: self.settings, memory }
    }
}
