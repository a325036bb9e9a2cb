//! `skybridge tour`: starts origins and proxies in this process, and shows what the stack does, step by step. Each step
//! checks both ends; the exit code is 1 if a check fails.

mod direct;
mod https;
mod narrator;
mod pinned;
mod proxied;
mod retried;
mod scene;

use self::{
    narrator::Narrator,
    scene::{Finished, Scene},
};
use crate::exit::Exit;
use std::{future::Future, pin::Pin};

/// One step: its title, and the function that runs it.
struct Step(&'static str, fn(Scene) -> StepFuture);

type StepFuture = Pin<Box<dyn Future<Output = Finished> + Send>>;

#[rustfmt::skip]
const STEPS: [Step; 12] = [
    Step("a request in cleartext, on a connection of its own",              |scene| Box::pin(direct::cold(scene))),
    Step("the next ones use the same connection",                           |scene| Box::pin(direct::warm(scene))),
    Step("TLS: verified, and HTTP/2 agreed on",                             |scene| Box::pin(https::http2(scene))),
    Step("100 requests at once, nothing open yet: one connection",          |scene| Box::pin(https::flood(scene))),
    Step("another host on the same address and certificate: coalesced",     |scene| Box::pin(https::coalesced(scene))),
    Step("through the tunnel of an HTTP proxy that wants a password",       |scene| Box::pin(proxied::connect(scene))),
    Step("through a SOCKS5 proxy, which resolves the name",                 |scene| Box::pin(proxied::socks5(scene))),
    Step("through a proxy that is spoken to over TLS",                      |scene| Box::pin(proxied::https(scene))),
    Step("a pin that is on the verified path",                              |scene| Box::pin(pinned::right(scene))),
    Step("a pin that isn't: refused before any request",                    |scene| Box::pin(pinned::wrong(scene))),
    Step("a connection that died of age: sent again on a new one",          |scene| Box::pin(retried::stale(scene))),
    Step("a stream that the server refused: sent again",                    |scene| Box::pin(retried::refused(scene))),
];

pub(crate) async fn tour() -> Exit {
    let mut narrator = Narrator::new(STEPS.len());
    for Step(title, run) in STEPS {
        narrator.step(title);
        match run(Scene::new()).await {
            Ok(scene) => narrator.tell(&scene),
            Err(error) => narrator.error(&*error),
        }
    }
    narrator.end()
}
