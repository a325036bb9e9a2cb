//! `skybridge tour`: starts origins and proxies of its own in this process, and walks through what the stack does, step by step. Each step says
//! what it expects of both ends; the exit code is 1 if any of it isn't so.

mod direct;
mod narrator;
mod pinned;
mod recovered;
mod scene;
mod sealed;
mod through;

use self::{narrator::Narrator, scene::Scene};
use crate::exit::Exit;
use std::{future::Future, pin::Pin};

/// One step: what it is about, and the walk itself.
struct Step(&'static str, fn(Scene) -> Walk);

type Walk = Pin<Box<dyn Future<Output = Told> + Send>>;

/// What a step has to tell, or what kept it from its end.
type Told = Result<Scene, Box<dyn std::error::Error + Send + Sync>>;

#[rustfmt::skip]
const STEPS: [Step; 12] = [
    Step("a request in cleartext, on a connection of its own",              |scene| Box::pin(direct::cold(scene))),
    Step("the next ones use the same connection",                           |scene| Box::pin(direct::warm(scene))),
    Step("TLS: verified, and HTTP/2 agreed on",                             |scene| Box::pin(sealed::http2(scene))),
    Step("100 requests at once, nothing open yet: one connection",          |scene| Box::pin(sealed::flood(scene))),
    Step("another host on the same address and certificate: coalesced",     |scene| Box::pin(sealed::coalesced(scene))),
    Step("through the tunnel of an HTTP proxy that wants a password",       |scene| Box::pin(through::connect(scene))),
    Step("through a SOCKS5 proxy, which resolves the name",                 |scene| Box::pin(through::socks5(scene))),
    Step("through a proxy that is spoken to over TLS",                      |scene| Box::pin(through::sealed(scene))),
    Step("a pin that is on the verified path",                              |scene| Box::pin(pinned::right(scene))),
    Step("a pin that isn't: refused before any request",                    |scene| Box::pin(pinned::wrong(scene))),
    Step("a connection that died of age: sent again on a new one",          |scene| Box::pin(recovered::stale(scene))),
    Step("a stream that the server refused: sent again",                    |scene| Box::pin(recovered::refused(scene))),
];

pub(crate) async fn tour() -> Exit {
    let mut narrator = Narrator::new(STEPS.len());
    for Step(title, walk) in STEPS {
        narrator.step(title);
        match walk(Scene::new()).await {
            Ok(scene) => narrator.tell(&scene),
            Err(error) => narrator.broken(&*error),
        }
    }
    narrator.end()
}
