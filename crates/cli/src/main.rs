//! `skybridge`: fetches URLs through one client, and shows what happened to their connections.
//!
//! A thin shell over the public API: what it can do, a user of the library can do. Flags are in `args`, the client they describe in `client`,
//! one URL in `call`, the requests it takes in `trip`, what is above the client in `layers`; what an error means is in `fault` and `exit`; what
//! was seen is kept by `witness` and told by `report`, `write_out`, `events` and `verbose`.

mod args;
mod call;
mod client;
mod curl;
mod exit;
mod fault;
mod layers;
mod names;
mod progress;
mod proxies;
mod report;
mod run;
mod secrets;
mod shared;
mod sink;
mod stdin;
mod tls;
#[cfg(feature = "tour")]
mod tour;
mod trip;
mod usage;
mod verbose;
mod watchdog;
mod witness;
mod write_out;

use crate::{exit::Exit, run::NotBegun, usage::Asked};
use std::{future::Future, io::Write, process::ExitCode};

fn main() -> ExitCode {
    let exit = match usage::read(std::env::args_os().collect()) {
        Ok(Asked::Fetch(args)) => on_tokio(run::run(*args)),
        #[cfg(feature = "tour")]
        Ok(Asked::Tour) => on_tokio(async { Ok(tour::tour().await) }),
        Ok(Asked::Text(text)) => {
            // Nobody is left to tell when stdout is closed.
            let _ = write!(std::io::stdout().lock(), "{text}");
            Ok(Exit::OK)
        }
        Err(usage) => Err(usage.into()),
    };
    exit.unwrap_or_else(|NotBegun(exit, why)| {
        let _ = writeln!(std::io::stderr().lock(), "skybridge: {why}");
        exit
    })
    .into()
}

fn on_tokio(future: impl Future<Output = Result<Exit, NotBegun>>) -> Result<Exit, NotBegun> {
    match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => {
            let exit = runtime.block_on(future);
            // A look-up that hangs in the system, or stdin that nobody closes, keeps nobody waiting.
            runtime.shutdown_background();
            exit
        }
        Err(error) => Err(NotBegun(Exit::CONNECT, format!("no threads could be started: {error}"))),
    }
}
