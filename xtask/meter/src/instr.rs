//! `instr`: instructions per request by callgrind, as the slope between a short run and a long one, so that neither
//! start-up nor connecting counts. The first row of each version is the machinery alone, the others have in them what a
//! caller does to make a request: see [`Shape`].

use crate::{
    case::{Case, Sender},
    stack::Retry,
};
use skybridge_bare::{Over, Shape, Version};
use std::process::Command;

const SHORT: u64 = 200;
const LONG: u64 = 1200;

/// What is measured, the most that the default client may cost, and what it is to cost one day, both in bare ones.
const ROWS: [(Version, Shape, f64, f64); 9] = [
    (Version::H1, Shape::Plain, 0.54, 0.50),
    (Version::H1, Shape::PlainTwelve, 0.70, 0.65),
    (Version::H1, Shape::Get, 0.66, 0.58),
    (Version::H1, Shape::GetTwelve, 0.80, 0.75),
    (Version::H1, Shape::Post, 0.66, 0.60),
    (Version::H1, Shape::PostLarge, 0.67, 0.60),
    (Version::H2, Shape::Plain, 1.13, 1.12),
    (Version::H2, Shape::Get, 1.13, 1.12),
    (Version::H2, Shape::Post, 1.03, 1.00),
];

const SENDERS: [Sender; 5] =
    [Sender::Bare, Sender::Composable, Sender::Stack(Retry::Unsent), Sender::Stack(Retry::Safe), Sender::Client];

/// Prints what each case costs; false when one costs more than it may.
pub(crate) fn gate() -> bool {
    println!(
        "instructions per request, warm, to a peer that costs nothing (callgrind slope of {SHORT} to {LONG} requests)"
    );
    println!("bare is hyper's connection, or the h2 crate's, and pool is hyper-util's composable one around it\n");
    let names = ["pool", "unsent()", "safe()", "Client"].map(|name| format!("{name:>10}{:>7}", "x"));
    println!("{:<3}{:<23}{:>9}{}{:>8}{:>6}", "", "", "bare", names.concat(), "gate", "goal");
    let mut good = true;
    for (version, shape, most, goal) in ROWS {
        match row(version, shape, most, goal) {
            Ok(held) => good &= held,
            Err(error) => {
                println!("FAILED: {error}");
                good = false;
            }
        }
    }
    println!("\ngates on the default client: {}", if good { "held" } else { "NOT held" });
    good
}

fn row(version: Version, shape: Shape, most: f64, goal: f64) -> Result<bool, String> {
    let name = if version == Version::H1 { "h1" } else { "h2" };
    let (mut bare, mut ratio) = (0.0, 0.0);
    let mut line = format!("{name:<3}{:<23}", shape.name());
    for sender in SENDERS {
        if sender == Sender::Composable && version == Version::H2 {
            line += &format!("{:>10}{:>7}", "", "");
            continue;
        }
        let count = slope(Case { version, over: Over::Nothing, sender, shape })?;
        if sender == Sender::Bare {
            bare = count;
            line += &format!("{count:>9.0}");
            continue;
        }
        ratio = count / bare;
        line += &format!("{count:>10.0}{ratio:>7.3}");
    }
    println!("{line}{most:>8.2}{goal:>6.2}   {}", if ratio <= most { "ok" } else { "TOO MANY" });
    Ok(ratio <= most)
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
