use super::{Connect, Connection, Facts, Peer, Planning, queue::Queue};
use skybridge_core::{BoxFuture, ConnectError, Dial, Endpoint, Endpoints, Phase, Plan, Route, Target, sync::Mutex};
use std::{
    collections::HashMap,
    fmt,
    future::Future,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    pin::Pin,
    sync::{
        Arc, MutexGuard,
        atomic::{AtomicUsize, Ordering},
    },
    task::{Context, Poll},
};
use tokio::sync::oneshot;
use tower_service::Service;

/// Everything below a pool, answered by the test; clones are the same one. See the [module](super).
///
/// Its plans go through the proxies that a target asks for, and its connections through all of them.
pub struct Planner<B> {
    world: Arc<World<B>>,
}

pub(super) struct World<B> {
    state: Mutex<State>,
    plannings: Queue<Planning>,
    connects: Queue<Connect<B>>,
    peers: Mutex<Vec<Peer<B>>>,
    planned: AtomicUsize,
    connected: AtomicUsize,
}

type Decide = dyn Fn(&Target) -> Facts + Send + Sync;

#[derive(Default)]
struct State {
    holds: bool,
    endpoints: HashMap<String, Vec<Endpoint>>,
    decide: Option<Arc<Decide>>,
}

/// A plan of a [`Planner`].
pub struct RoutePlan<B> {
    route: Route,
    world: Arc<World<B>>,
}

/// A connect of a [`Planner`], answered by its [`Connect`].
#[derive(Debug)]
pub struct Connecting<B> {
    answer: oneshot::Receiver<Result<Connection<B>, ConnectError>>,
}

// === impl Planner ===

impl<B: Send + 'static> Planner<B> {
    /// Plans are made at once, connects wait for the test.
    pub fn new() -> Self {
        let world = World {
            state: Mutex::default(),
            plannings: Queue::default(),
            connects: Queue::default(),
            peers: Mutex::default(),
            planned: AtomicUsize::new(0),
            connected: AtomicUsize::new(0),
        };
        Self { world: Arc::new(world) }
    }

    /// The endpoints of a host's plans (default: `192.0.2.1` and the origin's port, whatever the host).
    pub fn endpoints(&self, host: &str, endpoints: impl IntoIterator<Item = Endpoint>) -> &Self {
        self.world.state().endpoints.insert(host.to_owned(), endpoints.into_iter().collect());
        self
    }

    /// Plans wait for the test, too: see [`planning`](Self::planning).
    pub fn hold_plans(&self) -> &Self {
        self.world.state().holds = true;
        self
    }

    /// Connects succeed at once, with these facts.
    pub fn connect_all(&self, decide: impl Fn(&Target) -> Facts + Send + Sync + 'static) -> &Self {
        self.world.state().decide = Some(Arc::new(decide));
        self
    }

    /// The next plan that is asked for.
    pub async fn planning(&self) -> Planning {
        self.world.plannings.next().await
    }

    /// The next connect that is started.
    pub async fn connecting(&self) -> Connect<B> {
        self.world.connects.next().await
    }

    /// A connect that has been started already.
    pub fn try_connecting(&self) -> Option<Connect<B>> {
        self.world.connects.try_next()
    }

    /// The connections made, in order.
    pub fn peers(&self) -> Vec<Peer<B>> {
        self.world.peers().clone()
    }

    /// The number of connections of which the pool holds a handle.
    pub fn open(&self) -> usize {
        self.world.peers().iter().filter(|peer| !peer.is_dropped()).count()
    }

    /// Plans ever asked for.
    pub fn plans(&self) -> usize {
        self.world.planned.load(Ordering::SeqCst)
    }

    /// Connects ever started.
    pub fn connects(&self) -> usize {
        self.world.connected.load(Ordering::SeqCst)
    }
}

impl<B: Send + 'static> Service<Target> for Planner<B> {
    type Response = RoutePlan<B>;
    type Error = ConnectError;
    type Future = BoxFuture<Result<RoutePlan<B>, ConnectError>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), ConnectError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, target: Target) -> Self::Future {
        let world = Arc::clone(&self.world);
        Box::pin(async move {
            let route = world.plan(target).await?;
            Ok(RoutePlan { route, world })
        })
    }
}

impl<B: Send + 'static> Default for Planner<B> {
    fn default() -> Self {
        Self::new()
    }
}

impl<B> Clone for Planner<B> {
    fn clone(&self) -> Self {
        Self { world: Arc::clone(&self.world) }
    }
}

impl<B> fmt::Debug for Planner<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Planner").field("peers", &self.world.peers().len()).finish_non_exhaustive()
    }
}

// === impl World ===

impl<B> World<B> {
    async fn plan(&self, target: Target) -> Result<Route, ConnectError> {
        self.planned.fetch_add(1, Ordering::SeqCst);
        if !self.state().holds {
            let endpoints = self.endpoints_of(&target);
            let mut route = Route::direct(target, Endpoints::fixed(endpoints));
            route.proxies = route.target.connect_options().proxies.clone().unwrap_or_default();
            return Ok(route);
        }
        let (answer, answered) = oneshot::channel();
        self.plannings.push(Planning { target, answer });
        answered.await.unwrap_or_else(|_| Err(ConnectError::new(Phase::Resolve, "the test dropped this plan")))
    }

    fn endpoints_of(&self, target: &Target) -> Vec<Endpoint> {
        if let Some(endpoints) = target.connect_options().dial.as_ref().and_then(Dial::endpoints) {
            return endpoints.to_vec();
        }
        let (host, port) = (target.origin().host(), target.origin().port());
        let default = || vec![SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), port).into()];
        self.state().endpoints.get(host).cloned().unwrap_or_else(default)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock()
    }

    pub(super) fn peers(&self) -> MutexGuard<'_, Vec<Peer<B>>> {
        self.peers.lock()
    }
}

// === impl Planned ===

impl<B: Send + 'static> Plan for RoutePlan<B> {
    type Connection = Connection<B>;
    type Connecting = Connecting<B>;

    fn route(&self) -> &Route {
        &self.route
    }

    fn connect(self) -> Connecting<B> {
        let Self { route, world } = self;
        world.connected.fetch_add(1, Ordering::SeqCst);
        let (sender, answer) = oneshot::channel();
        let decide = world.state().decide.clone();
        let connect = Connect { route, world: Arc::clone(&world), answer: sender };
        match decide {
            Some(decide) => {
                let facts = decide(connect.target());
                connect.succeed(facts);
            }
            None => world.connects.push(connect),
        }
        Connecting { answer }
    }
}

impl<B> fmt::Debug for RoutePlan<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Planned").field("route", &self.route.to_string()).finish_non_exhaustive()
    }
}

// === impl Connecting ===

impl<B> Future for Connecting<B> {
    type Output = Result<Connection<B>, ConnectError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let dropped = |_| Err(ConnectError::new(Phase::Tcp, "the test dropped this connect"));
        Pin::new(&mut self.answer).poll(cx).map(|answer| answer.unwrap_or_else(dropped))
    }
}
