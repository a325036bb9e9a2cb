//! grpcio: gRPC's C core, for Python. The tests start its servers themselves, as they also end them.

use std::process::Command;

use crate::command::{Failure, Outcome};

/// Debian's own: another Python that comes first in the path doesn't have its packages.
const PYTHON: &str = "/usr/bin/python3";

/// The Python that has it.
pub(crate) fn python() -> Outcome<&'static str> {
    let found = Command::new(PYTHON).args(["-c", "import grpc"]).output();
    if found.is_ok_and(|output| output.status.success()) {
        return Ok(PYTHON);
    }
    Err(Failure::new("grpcio is missing: Debian's package is `python3-grpcio`"))
}
