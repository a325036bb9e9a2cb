//! `skybridge`: fetches URLs through one client, and shows what happened to their connections. A thin shell over the
//! public API: what it can do, a user of the library can do. Flags are in `args`, the client that they describe in
//! `client`, one URL in `call`, its requests in `call_chain`, the layers above the client in `layers`. `outcome` is the
//! result of a call; `fault` and `exit` classify errors. `observer` keeps what happened; `report`, `write_out`,
//! `verbose` and `timelines` print it, the last as `terminal` can show it. `explain` says what would happen, `pins`
//! which keys servers have.

mod answers;
mod archived;
mod args;
mod armour;
mod call;
mod call_chain;
mod certificate;
mod client;
mod connect_to;
mod cookies;
mod curl;
mod decode;
mod dump;
mod exit;
mod explain;
mod explained;
mod fault;
mod file_body;
mod form;
mod given_headers;
mod glob;
mod haproxy;
mod head;
mod job_url;
mod jobs;
mod layers;
mod look;
mod named_file;
mod observer;
mod outcome;
mod payload;
mod percent;
mod pinned_file;
mod pins;
mod pins_told;
mod progress;
mod proxied;
mod proxies;
mod remote_name;
mod report;
mod resolve;
mod response_out;
mod resumed;
mod retries;
mod run;
mod running;
mod secrets;
mod shared;
mod sink;
mod spans;
mod start_error;
mod stderr;
mod stdin;
mod terminal;
mod timelines;
mod tls;
mod tls_files;
mod tls_spec;
#[cfg(feature = "tour")]
mod tour;
mod usage;
mod verbose;
mod watchdog;
mod write_out;

use crate::{exit::Exit, start_error::StartError, usage::Command};
use std::{future::Future, io::Write, process::ExitCode};

fn main() -> ExitCode {
    let arguments = args::expand(std::env::args_os().collect()).map_err(|(exit, why)| StartError(exit, why));
    let exit = match arguments.and_then(|arguments| usage::read(arguments).map_err(Into::into)) {
        Ok(Command::Fetch(parts)) => match parts.first().and_then(|part| part.args.text()) {
            Some(text) => {
                // A closed stdout is ignored.
                let _ = std::io::stdout().lock().write_all(&text);
                Ok(Exit::OK)
            }
            None => on_tokio(run::run(parts)),
        },
        Ok(Command::Explain(parts)) => on_tokio(explain::explain(parts)),
        Ok(Command::Pins(parts)) => on_tokio(pins::pins(parts)),
        #[cfg(feature = "tour")]
        Ok(Command::Tour) => on_tokio(async { Ok(tour::tour().await) }),
        Ok(Command::Text(text)) => {
            // A closed stdout is ignored.
            let _ = write!(std::io::stdout().lock(), "{text}");
            Ok(Exit::OK)
        }
        Err(error) => Err(error),
    };
    exit.unwrap_or_else(|StartError(exit, why)| {
        stderr::print(format_args!("skybridge: {}\n", skybridge_trace::clean(&why)));
        exit
    })
    .into()
}

fn on_tokio(future: impl Future<Output = Result<Exit, StartError>>) -> Result<Exit, StartError> {
    match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => {
            let exit = runtime.block_on(future);
            // Doesn't wait for a hanging system resolver or an open stdin.
            runtime.shutdown_background();
            exit
        }
        Err(error) => Err(StartError(Exit::CONNECT, format!("could not start threads: {error}"))),
    }
}
