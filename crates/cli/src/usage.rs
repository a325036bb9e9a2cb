//! Parses the command line. An error is one line: the flag, its value, and the nearest valid form.

use crate::{
    args::{self, Part},
    curl,
    curl::Value,
};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use skybridge::types::Reference;
use std::{error::Error, ffi::OsString, fmt};

#[cfg(feature = "tour")]
const TOUR: &str = "Starts origins and proxies of its own on loopback, walks through all that the stack can do, and draws what happened

Usage: skybridge tour

It needs no network. Exit 0 when every step went as it should, 1 when one didn't.
";

/// In front of URLs and flags: they are explained, and not fetched.
const EXPLAIN: &str = "explain";

const EXPLAINS: &str =
    "Says what fetching URLs would come to: the route and its proxies, who looks up which name, addresses, TLS, and
what the pool would do. Names that this side looks up are looked up; nothing else is connected to. The flags
are those of a fetch; --report writes JSON.";

/// In front of hosts and flags: the pins of these servers are printed.
const PINS: &str = "pins";

const TELLS_PINS: &str = "Prints the pins of https servers: the path that vouches for each, whose each key is, and the lines to paste. Each is
connected to by the way that the flags name, up to TLS, and sent no request. Pins among the flags don't count. One
that fails verification is exit 60, unless -k is given, and what it presents is printed. --report writes JSON.";

/// What a URL is otherwise, in its help.
const FETCHED: [&str; 2] = ["[URL]...", "What to fetch, in order. Without a scheme it is http://"];

const PINNED: [&str; 2] = ["[HOST[:PORT]]...", "Whose pins to print, in order. The port is 443 unless given"];

/// Why the command line is invalid.
#[derive(Debug, PartialEq)]
pub(crate) struct Usage(String);

pub(crate) enum Command {
    /// Each part, of which there is at least one.
    Fetch(Vec<Part>),
    /// The same, to be explained.
    Explain(Vec<Part>),
    /// The same, whose servers' pins are to be printed.
    Pins(Vec<Part>),
    #[cfg(feature = "tour")]
    Tour,
    /// Text to print: help, or the version.
    Text(String),
}

impl Usage {
    /// A flag with an invalid value.
    pub(crate) fn of(flag: &str, value: impl fmt::Display, why: impl fmt::Display) -> Self {
        Self(format!("{flag} {value}: {why}"))
    }
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

pub(crate) fn read(mut arguments: Vec<OsString>) -> Result<Command, Usage> {
    if arguments.get(1).is_some_and(|first| first == "tour") {
        return tour(arguments.get(2));
    }
    let verb = [EXPLAIN, PINS].into_iter().find(|verb| arguments.get(1).is_some_and(|first| first == verb));
    if verb.is_some() {
        arguments.remove(1);
    }
    match args::parse(arguments) {
        Ok(parts) if parts.iter().any(|part| part.args.text().is_some()) => Ok(Command::Fetch(parts)),
        Ok(parts) => Ok(match verb {
            Some(PINS) => Command::Pins(parts),
            Some(_) => Command::Explain(parts),
            None => Command::Fetch(parts),
        }),
        Err((error, arguments)) => match (error.kind(), verb) {
            (ErrorKind::DisplayHelp, Some(PINS)) => Ok(Command::Text(help_of(PINS, PINNED, TELLS_PINS, &error))),
            (ErrorKind::DisplayHelp, Some(_)) => Ok(Command::Text(help_of(EXPLAIN, FETCHED, EXPLAINS, &error))),
            (ErrorKind::DisplayHelp | ErrorKind::DisplayVersion, _) => Ok(Command::Text(error.to_string())),
            (ErrorKind::MissingRequiredArgument, Some(PINS))
                if !context(&error, ContextKind::InvalidArg).starts_with('-') =>
            {
                Err(Usage("there is no host; nearest: skybridge pins HOST".to_owned()))
            }
            _ => Err(Usage(explain(&error, &arguments))),
        },
    }
}

#[cfg(feature = "tour")]
fn tour(argument: Option<&OsString>) -> Result<Command, Usage> {
    match argument {
        None => Ok(Command::Tour),
        Some(help) if help == "--help" || help == "-h" => Ok(Command::Text(TOUR.to_owned())),
        Some(more) => {
            // It may be a URL.
            let more = more.to_string_lossy();
            let more = Reference::typed(&more);
            Err(Usage(format!("tour takes nothing, and there is {more}; nearest: skybridge tour")))
        }
    }
}

/// Its servers are the test kit's, which is no part of the program otherwise.
#[cfg(not(feature = "tour"))]
fn tour(_: Option<&OsString>) -> Result<Command, Usage> {
    Err(Usage(
        "this skybridge was built without the tour; nearest: cargo run -p skybridge-cli --features tour -- tour"
            .to_owned(),
    ))
}

/// The same flags, and what they are for here.
fn help_of(verb: &str, [what, which]: [&str; 2], does: &str, help: &clap::Error) -> String {
    let help = help.to_string();
    let rest = help.split_once("\n\nArguments:").map_or("", |(_, rest)| rest);
    let [url, fetched] = FETCHED;
    let rest = rest.replacen(url, what, 1).replacen(fetched, which, 1);
    format!("{does}\n\nUsage: skybridge {verb} [OPTIONS] {what}\n\nArguments:{rest}")
}

fn explain(error: &clap::Error, arguments: &[OsString]) -> String {
    let flag = context(error, ContextKind::InvalidArg);
    let name = flag.split([' ', '=']).next().unwrap_or(&flag);
    match error.kind() {
        ErrorKind::UnknownArgument => unknown(name, error, arguments),
        ErrorKind::MissingRequiredArgument if name.starts_with('-') => {
            format!("{flag} is missing, which another flag needs; nearest: {flag} besides")
        }
        ErrorKind::MissingRequiredArgument => "there is no URL; see skybridge --help".to_owned(),
        ErrorKind::InvalidValue if context(error, ContextKind::InvalidValue).is_empty() => {
            format!("{name} needs a value; nearest: {flag}")
        }
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            let value = if is_secret(name) {
                "(not shown)".to_owned()
            } else {
                format!("{:?}", shown(&context(error, ContextKind::InvalidValue)))
            };
            let why = error.source().map_or_else(|| format!("nearest: {}", valid(error, &flag)), ToString::to_string);
            format!("{name} {value}: {why}")
        }
        ErrorKind::ArgumentConflict => {
            format!("{name} and {} exclude each other; nearest: {name} alone", context(error, ContextKind::PriorArg))
        }
        ErrorKind::TooManyValues => format!("{name} takes no value; nearest: {name}"),
        _ => error.to_string().lines().next().unwrap_or("bad usage").trim_start_matches("error: ").to_owned(),
    }
}

fn unknown(name: &str, error: &clap::Error, arguments: &[OsString]) -> String {
    if let Some(curl_flag) = curl::find(name) {
        let value = match (curl_flag.value, value_of(name, arguments)) {
            (Value::Plain, Some(value)) => format!(" {}", shown(&value)),
            (Value::Secret, Some(_)) => " (value not shown)".to_owned(),
            _ => String::new(),
        };
        let dashed = if name.starts_with("--") { String::new() } else { format!(" (--{})", curl_flag.long) };
        let nearest =
            curl_flag.nearest.map_or_else(|| "there is nothing like it".to_owned(), |near| format!("nearest: {near}"));
        return format!("{name}{dashed}{value} is a flag of curl that is not here; {nearest}");
    }
    match context(error, ContextKind::SuggestedArg) {
        near if is_like(name, &near) => format!("{name} is no flag; nearest: {near}"),
        _ => format!("{name} is no flag; see skybridge --help"),
    }
}

/// Whether one may be meant by the other: few changes of a letter lie between them.
fn is_like(typed: &str, flag: &str) -> bool {
    let (typed, flag) = (typed.trim_start_matches('-').as_bytes(), flag.trim_start_matches('-').as_bytes());
    // The distance of Levenshtein, from what was typed so far to each beginning of the flag.
    let mut row: Vec<usize> = (0..=flag.len()).collect();
    for (at, letter) in typed.iter().take(flag.len() * 2).enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], at + 1);
        for (to, other) in flag.iter().enumerate() {
            let changed = diagonal + usize::from(letter != other);
            diagonal = row[to + 1];
            row[to + 1] = changed.min(diagonal + 1).min(row[to] + 1);
        }
    }
    row[flag.len()] <= 1 + flag.len() / 4
}

/// The argument after a flag.
fn value_of(name: &str, arguments: &[OsString]) -> Option<String> {
    let text = |argument: &OsString| argument.to_string_lossy().into_owned();
    let at = arguments.iter().position(|argument| text(argument).split('=').next() == Some(name))?;
    match text(arguments.get(at)?).split_once('=') {
        Some((_, value)) => Some(value.to_owned()),
        None => arguments.get(at + 1).map(text).filter(|next| !next.starts_with('-')),
    }
}

/// A value that was refused. It may be a URL, if the flag's own value was forgotten.
fn shown(value: &str) -> String {
    let may_be_url = value.contains("://") || value.contains(['@', '?', '#']);
    if may_be_url { Reference::typed(value).to_string() } else { value.to_owned() }
}

fn is_secret(flag: &str) -> bool {
    let flags = [
        "--header",
        "--proxy",
        "--preproxy",
        "--proxy-user",
        "--proxy-header",
        "--cert",
        "--user",
        "--cookie",
        "--referer",
        "--data",
        "--data-binary",
        "--data-raw",
        "--data-urlencode",
        "--json",
        "--form",
        "--form-string",
    ];
    flags.contains(&flag)
}

fn context(error: &clap::Error, kind: ContextKind) -> String {
    match error.get(kind) {
        Some(ContextValue::String(text)) => text.clone(),
        Some(ContextValue::Strings(texts)) => texts.join(", "),
        _ => String::new(),
    }
}

fn valid(error: &clap::Error, flag: &str) -> String {
    let values = context(error, ContextKind::ValidValue);
    if values.is_empty() { flag.to_owned() } else { values }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(line: &str) -> String {
        let arguments = std::iter::once("skybridge").chain(line.split(' ')).map(Into::into).collect();
        match read(arguments) {
            Err(usage) => usage.to_string(),
            Ok(_) => panic!("{line} was accepted"),
        }
    }

    #[test]
    fn a_refusal_is_one_line_with_flag_value_and_nearest_form() {
        let rows = [
            ("-Q 5 http://a.test/", "-Q (--quote) 5 is a flag of curl that is not here; there is nothing like it"),
            (
                "-Y 5 http://a.test/",
                "-Y (--speed-limit) 5 is a flag of curl that is not here; nearest: --read-timeout SECONDS",
            ),
            (
                "--limit-rate 5k http://a.test/",
                "--limit-rate 5k is a flag of curl that is not here; there is nothing like it",
            ),
            ("--max-time soon http://a.test/", "--max-time \"soon\": not a number of seconds, such as 2 or 0.5"),
            ("--egress privat http://a.test/", "--egress \"privat\": nearest: public"),
            ("--reprot - http://a.test/", "--reprot is no flag; nearest: --report"),
            ("--porxy x http://a.test/", "--porxy is no flag; nearest: --proxy"),
            ("--nonsense http://a.test/", "--nonsense is no flag; see skybridge --help"),
            ("-s", "there is no URL; see skybridge --help"),
            (
                "pins --key k.pem a.test",
                "--cert <FILE> is missing, which another flag needs; nearest: --cert <FILE> besides",
            ),
            ("pins", "there is no host; nearest: skybridge pins HOST"),
            ("pins -s", "there is no host; nearest: skybridge pins HOST"),
            ("explain", "there is no URL; see skybridge --help"),
            (
                "--key k.pem http://a.test/",
                "--cert <FILE> is missing, which another flag needs; nearest: --cert <FILE> besides",
            ),
            #[cfg(feature = "tour")]
            ("tour now", "tour takes nothing, and there is now; nearest: skybridge tour"),
            #[cfg(not(feature = "tour"))]
            (
                "tour",
                "this skybridge was built without the tour; nearest: cargo run -p skybridge-cli --features tour -- tour",
            ),
        ];
        for (line, told) in rows {
            assert_eq!(refused(line), told, "{line}");
        }
    }

    #[test]
    fn a_refused_secret_is_not_repeated() {
        for line in [
            "-u hunter2 http://a.test/",
            "--cookie=hunter2=\u{1} http://a.test/",
            "--aws-sigv4 me:hunter2 http://a.test/",
            "-H hunter2 http://a.test/",
            "--proxy-header host:hunter2 http://a.test/",
            "--proxy-header=hunter2 http://a.test/",
            "tour http://me:hunter2@a.test/",
            // A flag without its value takes the URL for it.
            "-m http://me:hunter2@a.test/",
            "-m https://a.test/?token=hunter2",
            "--egress http://me:hunter2@a.test/",
            "--resolve a.test?hunter2",
            "--limit-rate https://a.test/#hunter2",
            "--socks5 me:hunter2@p.test http://a.test/",
            "--silent=hunter2 http://a.test/",
        ] {
            assert!(!refused(line).contains("hunter2"), "{line}: {}", refused(line));
        }
    }

    #[test]
    fn no_flag_is_both_here_and_refused() {
        let ours: Vec<_> = <args::Args as clap::CommandFactory>::command().get_arguments().cloned().collect();
        for flag in ours {
            let long = flag.get_long().map(|long| format!("--{long}"));
            let short = flag.get_short().map(|short| format!("-{short}"));
            for name in long.into_iter().chain(short) {
                assert!(curl::find(&name).is_none_or(|curl_flag| name == format!("--no-{}", curl_flag.long)), "{name}");
            }
        }
    }
}
