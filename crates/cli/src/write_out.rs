//! `-w`: curl's variables.

use crate::{outcome::Outcome, report::Report, usage::Usage};
use skybridge::{Phase, types::Trust};
use std::{fs, net::SocketAddr, time::Duration};

/// A parsed format.
pub(crate) struct Format(Vec<Piece>);

enum Piece {
    Text(String),
    Variable(Variable),
}

type Variable = fn(&Outcome) -> String;

#[rustfmt::skip]
const VARIABLES: [(&str, Variable); 21] = [
    ("http_code",          |call| format!("{:03}", call.status.map_or(0, |status| status.as_u16()))),
    ("http_version",       |call| call.status.and_then(|_| call.http_version()).unwrap_or("0").to_owned()),
    ("remote_ip",          |call| remote(call).map_or_else(String::new, |addr| addr.ip().to_string())),
    ("remote_port",        |call| remote(call).map_or(0, |addr| addr.port()).to_string()),
    ("local_ip",           |call| local(call).map_or_else(String::new, |addr| addr.ip().to_string())),
    ("local_port",         |call| local(call).map_or(0, |addr| addr.port()).to_string()),
    ("num_connects",       |call| (call.first.connects + call.record.connects).to_string()),
    ("ssl_verify_result",  |call| verified(call).to_string()),
    ("time_namelookup",    |call| seconds(call.until(Phase::Resolve))),
    ("time_connect",       |call| seconds(call.until(Phase::Tcp))),
    ("time_appconnect",    |call| seconds(call.until(Phase::Tls))),
    ("time_pretransfer",   |call| seconds(call.until(Phase::Acquire))),
    ("time_starttransfer", |call| seconds(call.until(Phase::Wait))),
    ("time_total",         |call| seconds(Some(call.time_total()))),
    ("size_download",      |call| call.body_bytes.to_string()),
    ("method",             |call| call.method.to_string()),
    ("url",                |call| call.first.exact_url.clone()),
    ("url_effective",      |call| call.exact_url.clone()),
    ("errormsg",           |call| call.fault.as_ref().map_or_else(String::new, |fault| fault.message.clone())),
    ("exitcode",           |call| call.exit.to_string()),
    ("json",               |call| serde_json::to_string(&Report::of(call)).unwrap_or_default()),
];

impl Format {
    /// # Errors
    /// When a variable isn't known, or the file with the format can't be read.
    pub(crate) fn read(text: &str) -> Result<Self, Usage> {
        match text.strip_prefix('@') {
            Some(path) => {
                let text = fs::read_to_string(path).map_err(|error| Usage::of("--write-out", text, error))?;
                Self::parse(&text)
            }
            None => Self::parse(text),
        }
    }

    fn parse(text: &str) -> Result<Self, Usage> {
        let (mut pieces, mut plain, mut rest) = (Vec::new(), String::new(), text);
        while let Some(next) = rest.chars().next() {
            if let Some(named) = rest.strip_prefix("%{")
                && let Some((name, after)) = named.split_once('}')
            {
                pieces.push(Piece::Text(std::mem::take(&mut plain)));
                pieces.push(Piece::Variable(variable(name)?));
                rest = after;
                continue;
            }
            let escaped = ESCAPES.iter().find(|(from, _)| rest.starts_with(from));
            plain.push(escaped.map_or(next, |(_, to)| *to));
            rest = &rest[escaped.map_or(next.len_utf8(), |(from, _)| from.len())..];
        }
        pieces.push(Piece::Text(plain));
        Ok(Self(pieces))
    }

    pub(crate) fn fill(&self, call: &Outcome) -> String {
        let piece = |piece: &Piece| match piece {
            Piece::Text(text) => text.clone(),
            Piece::Variable(value) => value(call),
        };
        self.0.iter().map(piece).collect()
    }
}

const ESCAPES: [(&str, char); 5] = [("%%", '%'), (r"\n", '\n'), (r"\r", '\r'), (r"\t", '\t'), (r"\\", '\\')];

fn variable(name: &str) -> Result<Variable, Usage> {
    let known = || VARIABLES.map(|(known, _)| known).join(" ");
    let found = VARIABLES.iter().find(|(known, _)| *known == name);
    found.map(|(_, value)| *value).ok_or_else(|| {
        Usage::of("--write-out", format_args!("%{{{name}}}"), format_args!("no such variable; there are: {}", known()))
    })
}

fn remote(call: &Outcome) -> Option<SocketAddr> {
    call.info.as_ref()?.remote.inet()
}

fn local(call: &Outcome) -> Option<SocketAddr> {
    call.info.as_ref()?.local_addr
}

/// As with curl, 0 for a verified peer; 1 if the certificate was rejected, or not verified.
fn verified(call: &Outcome) -> u8 {
    let unverified =
        call.info.as_ref().and_then(|info| info.tls.as_ref()).is_some_and(|tls| tls.trust != Trust::Verified);
    let refused = call.fault.as_ref().is_some_and(|fault| fault.kind == "certificate");
    u8::from(unverified || refused)
}

fn seconds(time: Option<Duration>) -> String {
    format!("{:.6}", time.unwrap_or_default().as_secs_f64())
}
