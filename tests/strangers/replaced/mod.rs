//! By the front page of `skybridge`, ARCHITECTURE.md, the guide's `compose` and `own_layer`, and the page of
//! `skybridge_core` for each trait: every line of the stack replaced by a stranger's, one at a time.

mod below;
mod dialer;
mod handshake;
mod pool;
mod race;
mod retry;
mod route;
mod runtime;
mod tls;
mod tunnel;
