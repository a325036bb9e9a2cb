//! What compiles of all stacks is what should, and of the others the compiler says what belongs where.

use super::{
    package::{Source, check},
    stacks::{Bottom, Layer, Stack, all},
};

/// In all of what the compiler says.
const ORDER: &str = "from the top: RetryLayer, PoolLayer, RouteLayer, NegotiateLayer,";

/// Beside the layers of ours: somebody else's, which change what the compiler knows when.
#[derive(Clone, Copy, Debug)]
enum Foreign {
    None,
    /// Directly above the bottom, and in the middle.
    Two,
}

#[test]
fn what_compiles_is_in_order_and_of_the_rest_the_compiler_says_what_belongs_where() {
    let stacks = all();
    let cases: Vec<_> = stacks.iter().flat_map(|stack| [(stack, Foreign::None), (stack, Foreign::Two)]).collect();
    let name = |stack: &Stack, foreign: Foreign| format!("{stack}_{foreign:?}").to_lowercase();
    let programs: Vec<_> =
        cases.iter().map(|(stack, foreign)| (name(stack, *foreign), Source::Text(program(stack, *foreign)))).collect();
    let checked = check("stacks", &programs);
    let mut wrong = String::new();
    for (stack, foreign) in cases {
        let name = name(stack, foreign);
        match (stack.kind(), checked.errors(&name)) {
            (Ok(_), None) => {}
            (Ok(_), Some(errors)) => wrong += &format!("\n=== {name} doesn't compile:\n{errors}"),
            (Err(_), None) => wrong += &format!("\n=== {name} compiles"),
            (Err(misplaced), Some(errors)) => {
                let lost: Vec<_> = misplaced
                    .sentences()
                    .into_iter()
                    .chain([ORDER])
                    .filter(|sentence| !errors.contains(sentence))
                    .collect();
                if !lost.is_empty() {
                    wrong += &format!("\n=== {name}: {lost:?} not in:\n{errors}");
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// As people write it.
fn program(stack: &Stack, foreign: Foreign) -> String {
    let mut lines: Vec<_> = stack.layers.iter().map(|layer| layer.written()).collect();
    if let Foreign::Two = foreign {
        lines.insert(stack.layers.len().div_ceil(2), ".layer(ConcurrencyLimitLayer::new(10))");
        lines.push(".layer(TimeoutLayer::new(Duration::from_secs(1)))");
    }
    let lines = lines.join("\n        ");
    let bottom = stack.bottom.written();
    format!(
        "#![allow(unused_imports)]
use hyper_util::client::legacy::connect::HttpConnector;
use skybridge::{{tower::ServiceBuilder, *}};
use skybridge_hyper::{{FromHyper, HyperLayer}};
use std::time::Duration;
use tower::{{limit::ConcurrencyLimitLayer, timeout::TimeoutLayer}};

fn main() {{
    let _stack = ServiceBuilder::new()
        {lines}
        .service({bottom});
}}
"
    )
}

impl Layer {
    fn written(self) -> &'static str {
        match self {
            Self::Retry => ".layer(RetryLayer::unsent())",
            Self::Pool => ".layer(PoolLayer::<RequestBody>::new(TokioRuntime::current()))",
            Self::Hyper => ".layer(HyperLayer::new(TokioRuntime::current()))",
            Self::Route => ".layer(RouteLayer::new(System::new()))",
            Self::Negotiate => ".layer(NegotiateLayer::new(H1::<RequestBody>::new(), H2::<RequestBody>::new()))",
            Self::Tls => ".layer(TlsLayer::native())",
            Self::Tunnel => ".layer(TunnelLayer::new())",
            Self::Race => ".layer(RaceLayer::happy_eyeballs())",
        }
    }
}

impl Bottom {
    fn written(self) -> &'static str {
        match self {
            Self::Tcp => "Tcp::new()",
            Self::FromHyper => "FromHyper::new(HttpConnector::new())",
            Self::SealingGuest => "FromHyper::with_tls(HttpConnector::new())",
        }
    }
}
