//! Encrypted Client Hello (RFC 9849): with which keys the origin's name is encrypted, and what follows when the server
//! has others.

mod given;
mod keys;
mod offer;

pub(crate) use self::{given::GivenKeys, keys::write, offer::Offer};
