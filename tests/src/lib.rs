//! Tests of the whole stack live in this package's test targets; here is the world they happen in.

mod servers;
mod world;

pub use self::servers::{certificate, named, nghttpx_saw};
pub use self::world::{ADDR, HOST, World, addr, all, get, h2, post, read, wishing};
