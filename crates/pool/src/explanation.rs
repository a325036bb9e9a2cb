use skybridge_core::{ConnInfo, Key, Outline, Search};
use std::sync::Arc;

/// What a request would come to, as of when it was asked: [`Pool::explain`](crate::Pool::explain).
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Explanation {
    /// What decides which connections may carry it.
    pub key: Arc<Key>,
    /// What the pool would do, and which connections it would pass over.
    pub search: Search,
    /// The connection that it would use, if there is one.
    pub connection: Option<Arc<ConnInfo>>,
    /// How a new one would be opened. `None` where one of its own key would be used or waited for: nothing is looked up
    /// then.
    pub outline: Option<Outline>,
}
