//! `fips`: TLS by the module of AWS-LC that FIPS 140-3 approves. It is compiled by nothing else here: its build takes
//! cmake, Go and minutes.

use crate::command::{Failure, Outcome, cargo, find, run as execute};
use crate::workspace::FIPS;

pub(crate) fn run() -> Outcome {
    for tool in ["cmake", "go"] {
        if find(tool).is_none() {
            return Err(Failure::new(format!("{tool} is missing: the approved module of AWS-LC is built by it")));
        }
    }
    // Of the other tests some are about what isn't approved.
    execute(&mut cargo(["test", "-p", "skybridge-tls", "--features", FIPS, "--test", FIPS]))?;
    execute(&mut cargo(["test", "-p", "skybridge-tls", "--features", FIPS, "--lib", "provider"]))?;
    execute(&mut cargo(["check", "-p", "skybridge", "--features", FIPS]))
}
