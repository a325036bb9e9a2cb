//! What a chain of errors says, as a part of a sentence.

use super::causes::causes;
use crate::{ConnectError, Error, Rounded, TimedOut};
use std::{error::Error as StdError, fmt::Write, io};

/// How long a reason may be, in bytes. What peers say in one is bounded where it is read; errors of others are here.
const LONGEST: usize = 400;

/// The texts of an error and of all that is behind it, the outermost first, without what another of them says already.
pub(super) fn reason(error: &(dyn StdError + 'static)) -> String {
    let mut parts: Vec<String> = Vec::new();
    for level in causes(error) {
        let part = words(level);
        let says = |one: &str, other: &str| one.to_lowercase().contains(&other.to_lowercase());
        if !part.is_empty() && !parts.iter().any(|known| says(known, &part)) {
            parts.retain(|known| !says(&part, known));
            parts.push(part);
        }
        // They tell what is behind them.
        if level.is::<Error>() || level.downcast_ref().is_some_and(|error: &ConnectError| error.reason().is_some()) {
            break;
        }
    }
    cut(parts.join(": "))
}

/// What the innermost cause of an error says, as a part of a sentence: `connection refused`, where the operating
/// system's text is `Connection refused (os error 111)`.
///
/// ```
/// let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
/// assert_eq!(skybridge_core::root_reason(&refused), "connection refused");
/// ```
pub fn root_reason(error: &(dyn StdError + 'static)) -> String {
    let root = causes(error).last().unwrap_or(error);
    root.downcast_ref().map_or_else(|| root.to_string(), of_io)
}

/// One level. The operating system's errors are in sentence case, and have their number behind them, which is for
/// reports.
fn words(level: &(dyn StdError + 'static)) -> String {
    if let Some(error) = level.downcast_ref::<io::Error>() {
        return of_io(error);
    }
    if let Some(error) = level.downcast_ref::<Error>() {
        return error.what().to_string();
    }
    if let Some(reason) = level.downcast_ref().and_then(ConnectError::reason) {
        return reason.to_owned();
    }
    match level.downcast_ref::<TimedOut>() {
        Some(timed_out) => format!("it took longer than {}", Rounded(timed_out.limit)),
        None => level.to_string(),
    }
}

/// Of one that wraps another error only that is said.
fn of_io(error: &io::Error) -> String {
    if error.get_ref().is_some() {
        return String::new();
    }
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut chars = text.chars();
    match chars.next() {
        // `TLS` and the like stay as they are.
        Some(first) if chars.clone().next().is_some_and(char::is_lowercase) => {
            first.to_lowercase().chain(chars).collect()
        }
        _ => text.to_owned(),
    }
}

fn cut(mut text: String) -> String {
    if text.len() > LONGEST {
        let end = (0..=LONGEST).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        text.truncate(end);
        // Writing to a string doesn't fail.
        let _ = text.write_str("...");
    }
    text
}
