//! What can be measured: a version of HTTP, a request, and what sends it.

use crate::{
    bare, client, composable,
    over::Over,
    request::Shape,
    stack::{self, Retry, Version},
};
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
    pub(crate) fn run(self, requests: u64, mut after: impl FnMut(u64)) -> Result<(), Box<dyn std::error::Error>> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
        runtime.block_on(async {
            macro_rules! each {
                ($send:expr) => {
                    for n in 1..=requests {
                        if $send? != 5 {
                            return Err("the peer says hello in five bytes".into());
                        }
                        after(n);
                    }
                };
            }
            let Self { shape, over, .. } = self;
            match (self.sender, self.version) {
                (Sender::Bare, Version::H1) => {
                    let mut bare = bare::H1::connect(over).await?;
                    each!(bare.send(shape).await);
                }
                (Sender::Bare, Version::H2) => {
                    let mut bare = bare::H2::connect(over).await?;
                    each!(bare.send(shape).await);
                }
                (Sender::Composable, _) => {
                    let check = |n, read| {
                        if read != 5 {
                            return Err("the peer says hello in five bytes".into());
                        }
                        after(n);
                        Ok(())
                    };
                    composable::run(shape, over, requests, check).await?;
                }
                (Sender::Client, version) => {
                    let client = client::client(version, over, None);
                    each!(client::send(&client, shape, over).await);
                }
                (Sender::Stack(retry), version) => {
                    let mut stack = stack::stack(version, retry, over);
                    each!(stack::send(&mut stack, shape, over).await);
                }
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
