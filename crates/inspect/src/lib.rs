//! A page that shows what a client does right now: its connections by origin, who waits, the routes that failed, and
//! the latest calls, each as a waterfall; and the same as JSON. [`Inspector`] is a tower service of it, which
//! `skybridge::inspect(&client)` makes for a client; [`RecentCalls`] is the observer that keeps the calls.
//!
//! Whoever reads the page sees hosts, paths and addresses: serve it on localhost, or behind authentication. It has no
//! script, refers to nothing outside, and contains no header, no body, and of URLs neither userinfo, query nor
//! fragment.
//!
//! Of each connection it says what is known of its TLS: version, cipher suite, ALPN, and for whom its peer's
//! certificate is, and until when. A connection doesn't count its bytes. Those of bodies are summed up from the events
//! of calls, where calls are kept: without heads, frames and TLS, and without requests that have an observer of their
//! own.
//!
//! ```
//! use skybridge::Client;
//!
//! # #[tokio::main(flavor = "current_thread")]
//! # async fn main() {
//! let client = Client::builder().keep_calls().build();
//! let app: axum::Router = axum::Router::new().nest_service("/inspect", skybridge::inspect(&client));
//! # let _ = app;
//! # }
//! ```

mod bodies;
mod calls;
mod inspector;
mod json;
mod limits;
mod page;
mod policy;
mod source;
mod text;
mod tls;
mod view;

pub use self::{
    calls::RecentCalls,
    inspector::Inspector,
    source::{Snapshot, Source},
};

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct ReadmeExample;
