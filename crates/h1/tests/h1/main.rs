//! The tests of an HTTP/1.1 connection, on the codec of `skybridge-h1-codec`: the common suite, and what only this one
//! does.

mod delivery;
mod desync;
mod early_answers;
mod expect_continue;
mod fields;
mod given_back;
mod handshake;
mod http1_0;
mod informational;
mod leftovers;
mod responses;
mod stale;
#[path = "../suite/mod.rs"]
mod suite;
mod tasks;
mod troublemakers;
mod unread;
mod upgrade;
