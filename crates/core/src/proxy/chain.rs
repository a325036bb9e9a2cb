use crate::Proxy;
use std::sync::Arc;

/// Trait alias: what becomes a chain of proxies, `Arc<[Proxy]>`: an array, a `Vec` or a slice of them. In a chain the
/// proxy nearest to this machine comes first; an empty chain is a direct connection.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a chain of proxies",
    label = "not a list of `Proxy`",
    note = "a chain is a list of proxies, and there may be several to choose from: one proxy for everything is `[[Proxy::parse(\"http://proxy.test:3128\")?]]`",
    note = "of one request it is the chain alone: `[Proxy::parse(\"http://proxy.test:3128\")?]`"
)]
pub trait IntoProxyChain: Sized {
    /// The chain.
    fn into_chain(self) -> Arc<[Proxy]>;
}

// The alias's sentence is shown, not that a `From` is missing.
#[diagnostic::do_not_recommend]
impl<P: Into<Arc<[Proxy]>>> IntoProxyChain for P {
    fn into_chain(self) -> Arc<[Proxy]> {
        self.into()
    }
}
