//! Which stacks there are, and what is wrong with those that don't compile.

use std::fmt;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Layer {
    Retry,
    Pool,
    Hyper,
    Route,
    Negotiate,
    Tls,
    Tunnel,
    Race,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Bottom {
    Tcp,
    /// Somebody else's connector, which opens streams.
    FromHyper,
    /// Somebody else's connector, which seals them too.
    SealingGuest,
}

/// The layers from the top, and what is below them.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Stack {
    pub(crate) layers: Vec<Layer>,
    pub(crate) bottom: Bottom,
}

/// What a service does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    /// `Attempt` to `Link`.
    Dialer,
    /// `Route` to `Link`.
    Connector,
    /// A foreign layer in either place.
    DialerOrConnector,
    /// `Route` to `Connection`.
    RouteConnector,
    /// `Target` to a plan that becomes a `Link`.
    LinkPlanner,
    /// `Target` to a plan that becomes a `Connection`.
    Planner,
    /// `Request` to `Response`, giving failed requests back.
    Pool,
    /// `Request` to `Response`.
    Client,
    /// `Uri` to hyper's io.
    Hyper,
}

/// A layer that doesn't belong where it is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Misplaced {
    layer: Layer,
    above: Kind,
}

impl Layer {
    fn above(self, below: Kind) -> Option<Kind> {
        use Kind::{Client, Connector, Dialer, DialerOrConnector, LinkPlanner, Planner, Pool, RouteConnector};
        match (self, below) {
            (Self::Race, Dialer | DialerOrConnector) | (Self::Tunnel | Self::Tls, Connector | DialerOrConnector) => {
                Some(Connector)
            }
            (Self::Negotiate, Connector | DialerOrConnector) => Some(RouteConnector),
            (Self::Route, Connector | DialerOrConnector) => Some(LinkPlanner),
            (Self::Route, RouteConnector) => Some(Planner),
            (Self::Hyper, LinkPlanner) => Some(Kind::Hyper),
            (Self::Pool, Planner) => Some(Pool),
            (Self::Retry, Pool) => Some(Client),
            _ => None,
        }
    }
}

impl Stack {
    fn new(layers: &[Layer], bottom: Bottom) -> Self {
        Self { layers: layers.to_vec(), bottom }
    }

    /// What it does, as a whole.
    pub(crate) fn kind(&self) -> Result<Kind, Misplaced> {
        let bottom = if self.bottom == Bottom::Tcp { Kind::Dialer } else { Kind::DialerOrConnector };
        self.layers
            .iter()
            .rev()
            .try_fold(bottom, |below, layer| layer.above(below).ok_or(Misplaced { layer: *layer, above: below }))
    }

    /// With one layer left out, doubled, or swapped with its neighbour.
    fn mistakes(&self) -> impl Iterator<Item = Self> {
        (0..self.layers.len()).flat_map(|i| {
            let change = |change: fn(&mut Vec<Layer>, usize)| {
                let mut stack = self.clone();
                change(&mut stack.layers, i);
                stack
            };
            let left_out = change(|layers, i| {
                layers.remove(i);
            });
            let doubled = change(|layers, i| layers.insert(i, layers[i]));
            let swapped = change(|layers, i| {
                if i > 0 {
                    layers.swap(i - 1, i)
                }
            });
            [left_out, doubled, swapped]
        })
    }
}

impl fmt::Display for Stack {
    /// `retry_pool_route_negotiate_tls_tunnel_race_tcp`: a name of a program.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words = self.layers.iter().map(|layer| format!("{layer:?}")).chain([format!("{:?}", self.bottom)]);
        f.write_str(&words.collect::<Vec<_>>().join("_").to_lowercase())
    }
}

impl Misplaced {
    /// What the compiler must say of it.
    pub(crate) fn sentences(self) -> [&'static str; 2] {
        match self.layer {
            Layer::Race => ["does not dial a single `Attempt`", "a race belongs directly above a dialer"],
            Layer::Tls | Layer::Tunnel | Layer::Negotiate => {
                ["does not connect a `Route`", "this layer belongs directly above a connector"]
            }
            Layer::Route => [
                "does not make a connection of a `Route`",
                "a route layer belongs directly above what makes HTTP connections of routes",
            ],
            Layer::Pool if self.above == Kind::LinkPlanner => {
                ["is not an HTTP connection", "is `NegotiateLayer` missing below it?"]
            }
            Layer::Pool | Layer::Hyper => {
                ["does not plan how to reach a `Target`", "this layer belongs directly above a planner"]
            }
            Layer::Retry => {
                ["does not carry a `Request<", "a retry layer belongs directly above what carries requests"]
            }
        }
    }
}

/// Every stack as it should be.
pub(crate) fn right() -> Vec<Stack> {
    use Layer::{Hyper, Negotiate, Pool, Race, Retry, Route, Tls, Tunnel};
    let whole = [Retry, Pool, Route, Negotiate, Tls, Tunnel, Race];
    let under_hyper = [Hyper, Route, Tls, Tunnel, Race];
    vec![
        Stack::new(&whole, Bottom::Tcp),
        Stack::new(&whole, Bottom::FromHyper),
        // A foreign connector in place of tunnel and race, and of TLS.
        Stack::new(&[Retry, Pool, Route, Negotiate, Tls], Bottom::FromHyper),
        Stack::new(&[Retry, Pool, Route, Negotiate], Bottom::SealingGuest),
        Stack::new(&under_hyper, Bottom::Tcp),
        Stack::new(&under_hyper, Bottom::FromHyper),
        Stack::new(&[Hyper, Route, Tls], Bottom::FromHyper),
        Stack::new(&[Hyper, Route], Bottom::SealingGuest),
        // Without any of ours that speaks HTTP: TLS and the tunnel alone.
        Stack::new(&[Route, Tls, Tunnel, Race], Bottom::Tcp),
        Stack::new(&[Route, Tls], Bottom::FromHyper),
    ]
}

/// Those, and all that are one mistake away from one of them.
pub(crate) fn all() -> Vec<Stack> {
    use Layer::{Negotiate, Pool, Race, Retry, Route, Tls, Tunnel};
    let mut all = right();
    all.extend(right().iter().flat_map(Stack::mistakes));
    // What is sealed already, sealed by us again; and what would seal, asked for streams.
    all.push(Stack::new(&[Retry, Pool, Route, Negotiate, Tls], Bottom::SealingGuest));
    all.push(Stack::new(&[Retry, Pool, Route, Negotiate, Tls, Tunnel, Race], Bottom::SealingGuest));
    all.push(Stack::new(&[Retry, Pool, Route, Negotiate, Tunnel, Race], Bottom::SealingGuest));
    let mut distinct = Vec::new();
    for stack in all {
        if !distinct.contains(&stack) {
            distinct.push(stack);
        }
    }
    distinct
}
