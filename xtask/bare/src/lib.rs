//! What skybridge is measured against: hyper's and h2's connections alone, hyper-util's composable pool, and the peers
//! and requests that all have in common.
//!
//! A crate of its own, and [`run`] the whole of a measurement: what is generic is compiled where it is used, and how
//! the compiler lays it out depends on what else is there. Beside skybridge's stack, bare h2 cost 1.3 % more or less
//! whenever that was changed.

#![allow(clippy::disallowed_methods, reason = "the programs that are measured spawn as their users would")]

pub mod alone;
mod canned;
mod composable;
pub mod ends;
mod over;
pub mod peer;
mod request;

pub use self::{
    over::Over,
    request::{Body, Shape},
};

/// The result of a measurement.
pub type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// Which version of HTTP.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Version {
    /// HTTP/1.1.
    H1,
    /// HTTP/2.
    H2,
}

/// What sends the requests.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Sender {
    /// hyper or h2 alone.
    Alone,
    /// hyper in hyper-util's composable pool; HTTP/1.1 only.
    Composable,
}

/// Sends one request after the other on one connection; calls `after` with the number of each that is over.
///
/// # Errors
/// When one fails, or is answered by anything but `hello`.
pub fn run(
    sender: Sender,
    version: Version,
    over: Over,
    shape: Shape,
    requests: u64,
    after: &mut dyn FnMut(u64),
) -> Outcome<()> {
    runtime()?.block_on(async {
        match (sender, version) {
            (Sender::Composable, _) => return composable::run(shape, over, requests, after).await,
            (Sender::Alone, Version::H1) => {
                let mut connection = alone::H1::connect(over).await?;
                for n in 1..=requests {
                    is_hello(connection.send(shape).await?)?;
                    after(n);
                }
            }
            (Sender::Alone, Version::H2) => {
                let mut connection = alone::H2::connect(over).await?;
                for n in 1..=requests {
                    is_hello(connection.send(shape).await?)?;
                    after(n);
                }
            }
        }
        Ok(())
    })
}

/// The runtime that all are measured on.
///
/// # Errors
/// When there is none.
pub fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_current_thread().enable_time().build()
}

/// Whether so many bytes are what a peer answers.
///
/// # Errors
/// They are not.
#[inline]
pub fn is_hello(read: usize) -> Outcome<()> {
    if read == 5 { Ok(()) } else { Err("the peer says hello in five bytes".into()) }
}
