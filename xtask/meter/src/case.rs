//! What can be measured: a version of HTTP, a request, and what sends it.

use crate::{
    client,
    stack::{self, Retry},
};
use skybridge_bare::{self as bare, Outcome, Over, Shape, Version};
use std::process::ExitCode;

/// What sends the requests.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Sender {
    /// hyper or h2 alone.
    Bare,
    /// hyper in hyper-util's composable pool; HTTP/1.1 only.
    Composable,
    /// The stack of separate layers.
    Stack(Retry),
    /// The default client.
    Client,
}

/// What is measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    pub(crate) version: Version,
    pub(crate) over: Over,
    pub(crate) sender: Sender,
    pub(crate) shape: Shape,
}

impl Case {
    /// The name that `run` takes.
    pub(crate) fn name(self) -> String {
        let version = if self.version == Version::H1 { "h1" } else { "h2" };
        let over = if self.over == Over::Tls { "-tls" } else { "" };
        let sender = match self.sender {
            Sender::Bare => "bare",
            Sender::Composable => "composable",
            Sender::Client => "client",
            Sender::Stack(Retry::Unsent) => "unsent",
            Sender::Stack(Retry::Safe) => "safe",
        };
        let shape = match self.shape {
            Shape::Plain => "plain",
            Shape::PlainTwelve => "plain-twelve",
            Shape::Get => "get",
            Shape::GetOwned => "owned",
            Shape::GetTwelve => "twelve",
            Shape::Post => "post",
            Shape::PostLarge => "large",
        };
        format!("{version}{over}-{sender}-{shape}")
    }

    fn all() -> impl Iterator<Item = Self> {
        let senders = [
            Sender::Bare,
            Sender::Composable,
            Sender::Stack(Retry::Unsent),
            Sender::Stack(Retry::Safe),
            Sender::Client,
        ];
        let versions = [Version::H1, Version::H2].into_iter();
        let below = versions.flat_map(|version| [(version, Over::Nothing), (version, Over::Tls)]);
        below.flat_map(move |(version, over)| {
            senders.into_iter().flat_map(move |sender| Shape::ALL.map(|shape| Self { version, over, sender, shape }))
        })
    }

    /// Sends one request after the other on one connection; calls `after` with the number of each that is over.
    pub(crate) fn run(self, requests: u64, mut after: impl FnMut(u64)) -> Outcome<()> {
        let Self { version, over, sender, shape } = self;
        let alone = |sender, after| bare::run(sender, version, over, shape, requests, after);
        match sender {
            Sender::Bare => return alone(bare::Sender::Alone, &mut after),
            Sender::Composable => return alone(bare::Sender::Composable, &mut after),
            Sender::Stack(_) | Sender::Client => {}
        }
        bare::runtime()?.block_on(async {
            macro_rules! each {
                ($send:expr) => {
                    for n in 1..=requests {
                        bare::is_hello($send?)?;
                        after(n);
                    }
                };
            }
            if let Sender::Stack(retry) = sender {
                let mut stack = stack::stack(version, retry, over);
                each!(stack::send(&mut stack, shape, over).await);
            } else {
                let client = client::client(version, over, None);
                each!(client::send(&client, shape, over).await);
            }
            Ok(())
        })
    }
}

/// `run CASE N`.
pub(crate) fn run_named(name: &str, requests: &str) -> ExitCode {
    let Some(case) = Case::all().find(|case| case.name() == name) else {
        let all: Vec<_> = Case::all().map(Case::name).collect();
        eprintln!("no case `{name}`; there are {}", all.join(", "));
        return ExitCode::from(2);
    };
    let Ok(requests) = requests.parse() else {
        eprintln!("`{requests}` is not a number of requests");
        return ExitCode::from(2);
    };
    match case.run(requests, |_| {}) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{name}: {error}");
            ExitCode::FAILURE
        }
    }
}
