//! Servers of Encrypted Client Hello (RFC 9849), which rustls is not.
//!
//! What the client has encrypted is opened here, and given to rustls as if it had been sent so. That the server has
//! accepted it, it says in the last bytes of the random number of its ServerHello, which are made of a hash of that
//! very message: so rustls makes it twice, of the same random numbers and keys. A server that rejects it gives its own
//! keys in its EncryptedExtensions: they are put there on the way to the hash and to the cipher.
//!
//! It is of use as [`Origin`](crate::origin::Origin), by [`Builder::ech`](crate::origin::Builder::ech).

mod acceptor;
mod client_hello;
mod confirm;
mod keys;
mod retry;

pub(crate) use self::{
    acceptor::{EchServer, Prefixed},
    retry::choosing,
};
pub use self::{client_hello::OuterHello, keys::EchKeys};
