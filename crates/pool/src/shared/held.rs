/// What a pool can hold: a connection, as far as the pool's own parts look at it. What it speaks is the exchange's business.
pub(crate) trait Held: Send + 'static {}

impl<T: Send + 'static> Held for T {}
