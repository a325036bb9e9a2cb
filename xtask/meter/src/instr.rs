//! `instr`: instructions per request by callgrind, as the slope between a short run and a long one, so that neither
//! start-up nor connecting counts.

use crate::{
    case::{Case, Sender},
    peer::Over,
    request::Shape,
    stack::{Retry, Version},
};
use std::process::Command;

const SHORT: u64 = 200;
const LONG: u64 = 1200;
/// The most that the stack may cost, in bare ones.
const UNSENT: f64 = 1.10;
const SAFE: f64 = 1.16;

/// Prints what each case costs; false when one costs more than it may.
pub(crate) fn gate() -> bool {
    println!("instructions per request, warm, peer included (callgrind slope of {SHORT} to {LONG} requests)\n");
    println!("{:<4}{:<24}{:>10}{:>10}{:>8}{:>10}{:>8}", "", "", "bare", "unsent()", "x", "safe()", "x");
    let mut good = true;
    for version in [Version::H1, Version::H2] {
        for shape in [Shape::Get, Shape::Post] {
            good &= row(version, shape);
        }
    }
    println!("\ngates: unsent() {UNSENT:.2}x, safe() {SAFE:.2}x: {}", if good { "held" } else { "NOT held" });
    good
}

fn row(version: Version, shape: Shape) -> bool {
    let measure = |sender| slope(Case { version, over: Over::Nothing, sender, shape });
    let counts = [Sender::Bare, Sender::Stack(Retry::Unsent), Sender::Stack(Retry::Safe)].map(measure);
    let [Ok(bare), Ok(unsent), Ok(safe)] = &counts else {
        counts.iter().filter_map(|count| count.as_ref().err()).for_each(|error| println!("FAILED: {error}"));
        return false;
    };
    let (unsent_ratio, safe_ratio) = (unsent / bare, safe / bare);
    let good = unsent_ratio <= UNSENT && safe_ratio <= SAFE;
    println!(
        "{:<4}{:<24}{bare:>10.0}{unsent:>10.0}{unsent_ratio:>8.3}{safe:>10.0}{safe_ratio:>8.3}   {}",
        if version == Version::H1 { "h1" } else { "h2" },
        shape.name(),
        if good { "ok" } else { "TOO MANY" },
    );
    good
}

fn slope(case: Case) -> Result<f64, String> {
    let (short, long) = (instructions(case, SHORT)?, instructions(case, LONG)?);
    Ok((long - short) as f64 / (LONG - SHORT) as f64)
}

/// Runs this program under callgrind and reads its total.
fn instructions(case: Case, requests: u64) -> Result<u64, String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(program)
        .args(["run", &case.name(), &requests.to_string()])
        .output()
        .map_err(|error| format!("valgrind can't be run ({error}): install the package `valgrind`"))?;
    let text = String::from_utf8_lossy(&output.stderr);
    let total = text.lines().find_map(|line| line.split("Collected :").nth(1)?.trim().parse().ok());
    match total {
        Some(total) if output.status.success() => Ok(total),
        _ => Err(format!("{} under callgrind: {}", case.name(), text.trim())),
    }
}
