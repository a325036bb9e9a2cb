//! `fuzz`: arbitrary bytes for what reads bytes from peers.

use std::env;
use std::fs;

use clap::Args;

use crate::command::{Failure, Outcome, cargo, find, root, run as execute};

/// A workspace of its own.
const PACKAGE: &str = "tests/fuzz";

/// How long each target runs at night.
const NIGHTLY_SECONDS: u64 = 300;

struct Target {
    name: &'static str,
    seeds: &'static str,
    promises: &'static str,
}

const TARGETS: [Target; 15] = [
    Target {
        name: "h1_response",
        seeds: "responses",
        promises: "a response is the same however its bytes are cut, and keeps to its limits",
    },
    Target {
        name: "h1_differential",
        seeds: "responses",
        promises: "our codec reads what hyper reads, but for a list of differences",
    },
    Target {
        name: "h1_request",
        seeds: "requests",
        promises: "what is written is one request, with the fields and the body that were given",
    },
    Target {
        name: "h1_connection",
        seeds: "responses",
        promises: "an HTTP/1.1 connection ends when its peer does, and leaves no task",
    },
    Target {
        name: "h2_connection",
        seeds: "h2",
        promises: "an HTTP/2 connection ends when its peer does, and leaves no task",
    },
    Target {
        name: "tunnel_answer",
        seeds: "tunnel",
        promises: "a proxy's answer is the same however its bytes are cut, and what stands behind it comes through",
    },
    Target {
        name: "challenge",
        seeds: "challenges",
        promises: "a proxy sees the password by Basic alone where that is allowed, and refuses an answer for good",
    },
    Target {
        name: "names",
        seeds: "names",
        promises: "an origin or a proxy that is understood is understood again when it is printed, as the same",
    },
    Target {
        name: "no_proxy",
        seeds: "no-proxy",
        promises: "a list of exceptions covers what one of its entries covers, and the origin that it names",
    },
    Target {
        name: "https_record",
        seeds: "https-records",
        promises: "whatever HTTPS records say, the name's own address is found, and no service that we can't use",
    },
    Target {
        name: "dns_answer",
        seeds: "dns-answers",
        promises: "over HTTPS, only a successful answer to the question tells addresses, however its bytes are cut",
    },
    Target {
        name: "certificate",
        seeds: "certificates",
        promises: "a server's certificate that is trusted itself is valid now and for servers by webpki too",
    },
    Target {
        name: "pins",
        seeds: "pins",
        promises: "there is one spelling of a pin, and a pattern means the same however it is written",
    },
    Target {
        name: "retry_after",
        seeds: "retry-after",
        promises: "a request is sent again after the seconds that its one `retry-after` says, and otherwise not",
    },
    Target {
        name: "timeline",
        seeds: "timelines",
        promises: "whatever text is in events, a terminal gets lines, a picture is XML that runs nothing, and HAR is JSON",
    },
];

/// Without a target it lists them.
#[derive(Debug, Args)]
pub(crate) struct Fuzz {
    /// What to run
    target: Option<String>,
    /// For how long
    #[arg(default_value_t = 60)]
    seconds: u64,
}

pub(crate) fn run(fuzz: &Fuzz) -> Outcome {
    let Some(name) = &fuzz.target else {
        TARGETS.iter().for_each(|target| println!("{:16} {}", target.name, target.promises));
        return Ok(());
    };
    let target = TARGETS.iter().find(|target| target.name == name).ok_or_else(|| {
        let names = TARGETS.map(|target| target.name).join(", ");
        Failure::new(format!("there is no target `{name}`: they are {names}"))
    })?;
    target.run(fuzz.seconds)
}

/// The kept inputs, the lints, and each target for a while.
pub(crate) fn nightly() -> Outcome {
    let manifest = format!("{PACKAGE}/Cargo.toml");
    let target = root().join("target/fuzz");
    let lints = ["clippy", "--locked", "--manifest-path", &manifest, "--all-targets", "--", "-D", "warnings"];
    execute(cargo(lints).env("CARGO_TARGET_DIR", &target))?;
    execute(cargo(["test", "--locked", "--manifest-path", &manifest]).env("CARGO_TARGET_DIR", &target))?;
    TARGETS.iter().try_for_each(|target| target.run(NIGHTLY_SECONDS))
}

// === impl Target ===

impl Target {
    /// What is found goes to `target/fuzz/corpus`, and is where the next run begins; a crash to `tests/fuzz/artifacts`.
    /// Without a sanitizer: there is no `unsafe` to watch, and so any Rust will do.
    fn run(&self, seconds: u64) -> Outcome {
        if find("cargo-fuzz").is_none() {
            return Err(Failure::new("cargo-fuzz is missing: `cargo install cargo-fuzz --locked`"));
        }
        if env::var_os("CXX").is_none() && find("c++").is_none() {
            return Err(Failure::new("a C++ compiler is missing, for libFuzzer: Debian's package is `g++`"));
        }
        let target = root().join("target/fuzz");
        let corpus = target.join("corpus").join(self.name);
        fs::create_dir_all(&corpus).map_err(Failure::during(format!("cannot create {}", corpus.display())))?;
        let seeds = root().join(PACKAGE).join("seeds").join(self.seeds);
        let dictionary = root().join(PACKAGE).join("http1.dict");
        execute(
            cargo(["fuzz", "run", "--sanitizer", "none", "--fuzz-dir", PACKAGE, self.name])
                .args([corpus, seeds])
                .args(["--", "-max_len=1000", "-timeout=10", "-print_final_stats=1"])
                .arg(format!("-max_total_time={seconds}"))
                .arg(format!("-dict={}", dictionary.display()))
                .env("CARGO_TARGET_DIR", target),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_target_is_listed_and_has_seeds() {
        let folder = root().join(PACKAGE);
        let files = fs::read_dir(folder.join("fuzz_targets")).unwrap();
        let mut files: Vec<_> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        files.sort();
        let mut listed = TARGETS.map(|target| format!("{}.rs", target.name));
        listed.sort();
        assert_eq!(files, listed);
        for target in TARGETS {
            assert!(fs::read_dir(folder.join("seeds").join(target.seeds)).unwrap().count() > 5, "{}", target.name);
        }
    }

    #[test]
    fn an_unknown_target_is_refused_with_the_known_ones() {
        let failure = run(&Fuzz { target: Some("h3".into()), seconds: 1 }).unwrap_err();
        let sentence = "there is no target `h3`: they are h1_response, h1_differential, h1_request, \
                        h1_connection, h2_connection, tunnel_answer, challenge, names, no_proxy, \
                        https_record, dns_answer, certificate, pins, retry_after, timeline";
        assert_eq!(failure.to_string(), sentence);
    }
}
