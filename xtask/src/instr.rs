//! `instr`: instructions per request, in relation to a bare connection.

use crate::command::{Failure, Outcome, cargo, find, run as execute};

pub(crate) fn run() -> Outcome {
    if find("valgrind").is_none() {
        return Err(Failure::new("valgrind is missing: Debian's package is `valgrind`"));
    }
    execute(&mut cargo(["run", "--release", "-p", "skybridge-meter", "--", "instr"]))
}
