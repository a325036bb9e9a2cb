use crate::{config::PoolConfig, connect::Connector, pool::Pool, registry::Registry, shared::Settings};
use skybridge_core::{ConnectOptions, Connection, Deferred, Observe, Plan, Planner, Runtime, Timeouts};
use std::{fmt, marker::PhantomData, sync::Arc};
use tower_layer::Layer;

/// Makes a [`Pool`] of a planner. `B` is the body of the requests: a stack has one, and the compiler finds it.
///
/// Each `layer` call makes a pool of its own.
///
/// A layer between the pool and its planner sees plans, not connects: a limit there is one of planning alone (see
/// [`Planner`]). How many connects there are at once is the pool's own
/// [`max_connecting_per_origin`](PoolConfig::max_connecting_per_origin), or a limit below the route layer.
pub struct PoolLayer<B> {
    runtime: Arc<dyn Runtime>,
    config: PoolConfig,
    observer: Option<Arc<dyn Observe>>,
    timeouts: Timeouts,
    connect_options: ConnectOptions,
    _request: PhantomData<fn(B)>,
}

impl<B> PoolLayer<B> {
    /// A pool with the [default limits](PoolConfig), whose tasks and timers are this runtime's.
    pub fn new(runtime: impl Runtime) -> Self {
        Self::shared(Arc::new(runtime))
    }

    /// As [`new`](Self::new), with a runtime that others have too.
    pub fn shared(runtime: Arc<dyn Runtime>) -> Self {
        let (config, connect_options) = (PoolConfig::default(), ConnectOptions::default());
        Self { runtime, config, observer: None, timeouts: Timeouts::default(), connect_options, _request: PhantomData }
    }

    /// The pool's limits.
    pub fn config(mut self, config: PoolConfig) -> Self {
        self.config = config;
        self
    }

    /// The observer of every request, unless the request's [`RequestOptions`](skybridge_core::RequestOptions) have one
    /// of their own.
    pub fn observer(mut self, observer: Arc<dyn Observe>) -> Self {
        self.observer = Some(observer);
        self
    }

    /// Time limits of every request, where its [`RequestOptions`](skybridge_core::RequestOptions) is silent. Those of
    /// phases below go down with the target.
    pub fn timeouts(mut self, timeouts: Timeouts) -> Self {
        self.timeouts = timeouts;
        self
    }

    /// What every request asks of its connection, where its [`RequestOptions`](skybridge_core::RequestOptions) is
    /// silent.
    pub fn connect_options(mut self, connect_options: ConnectOptions) -> Self {
        self.connect_options = connect_options;
        self
    }
}

impl<P, B> Layer<P> for PoolLayer<B>
where
    P: Planner,
    <P::Plan as Plan>::Connection: Connection<B>,
    B: 'static,
{
    type Service =
        Deferred<<<P::Plan as Plan>::Connection as Connection<B>>::Body, Pool<<P::Plan as Plan>::Connection, B>>;

    fn layer(&self, planner: P) -> Self::Service {
        let settings = Settings {
            config: self.config.clone(),
            runtime: Arc::clone(&self.runtime),
            observer: self.observer.clone(),
            timeouts: self.timeouts.clone(),
            connect_options: self.connect_options.clone(),
        };
        Pool::new(Registry::new(settings, Box::new(Connector::<P, B>::new(planner))))
    }
}

impl<B> Clone for PoolLayer<B> {
    fn clone(&self) -> Self {
        Self {
            runtime: Arc::clone(&self.runtime),
            config: self.config.clone(),
            observer: self.observer.clone(),
            timeouts: self.timeouts.clone(),
            connect_options: self.connect_options.clone(),
            _request: PhantomData,
        }
    }
}

impl<B> fmt::Debug for PoolLayer<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PoolLayer")
            .field("config", &self.config)
            .field("limits", &self.timeouts)
            .finish_non_exhaustive()
    }
}
