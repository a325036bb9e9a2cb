//! TLS, as the stack has it.

use skybridge_bare::{Over, ends};
use skybridge_tls::{Roots, TlsConfig, TlsConfigBuilder, TlsLayer};

/// Where nothing is sealed, one that makes no configuration: a provider's first random byte takes 400 million
/// instructions, of which chance decides some, and would blur `instr`.
pub(crate) fn layer(over: Over) -> TlsLayer {
    match over {
        Over::Nothing => TlsLayer::native(),
        Over::Tls => TlsLayer::new(config(over)),
    }
}

/// What the stack trusts. Where nothing is sealed no certificate is made: how long a key takes to find is chance.
#[expect(clippy::expect_used, reason = "a root that was just made can be read")]
pub(crate) fn config(over: Over) -> TlsConfig {
    builder(over).build().expect("a configuration")
}

pub(crate) fn builder(over: Over) -> TlsConfigBuilder {
    let builder = TlsConfig::builder();
    match over {
        Over::Nothing => builder.insecure(),
        Over::Tls => builder.roots(Roots::Given(vec![ends::root()])),
    }
}
