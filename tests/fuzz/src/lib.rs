//! Arbitrary bytes for what reads bytes from peers.
//!
//! Each target is a function from an input to nothing, which panics when a promise is broken. `fuzz_targets` hands them
//! to libFuzzer, `tests/corpus.rs` gives them the inputs that are kept in `seeds`.

mod certificate;
mod challenge;
mod connection;
mod differential;
mod dns_answer;
mod https_record;
mod hyper_client;
mod input;
mod names;
mod no_proxy;
mod ours;
mod outcome;
mod pins;
mod request;
mod response;
mod retry_after;
mod timeline;
mod tunnel;
mod wire;

pub use self::{
    certificate::certificate,
    challenge::challenge,
    connection::{h1_connection, h2_connection},
    differential::h1_differential,
    dns_answer::dns_answer,
    https_record::https_record,
    names::names,
    no_proxy::no_proxy,
    pins::pins,
    request::h1_request,
    response::h1_response,
    retry_after::retry_after,
    timeline::timeline,
    tunnel::tunnel_answer,
};
