//! What `--har` and `--timeline-svg` say of each call besides its events: its heads, and with `--show-secrets` its URL.

use crate::{args::Args, outcome::Outcome, secrets::Secrets};
use http::{HeaderMap, Method, Request, header};
use skybridge::types::{CallId, sync::Mutex};
use skybridge_trace::HarHeads;
use std::collections::BTreeMap;

/// Of how many calls it is kept: of more than that the recorder has lost the events.
const MOST_CALLS: usize = 4096;

/// What is known of the latest calls.
#[derive(Default)]
pub(crate) struct Archived(Mutex<BTreeMap<CallId, (Method, HarHeads)>>);

impl Archived {
    /// A call has ended.
    pub(crate) fn keep(&self, outcome: &Outcome) {
        let Some(heads) = &outcome.heads else { return };
        let mut calls = self.0.lock();
        calls.insert(outcome.call, (outcome.method.clone(), (**heads).clone()));
        if calls.len() > MOST_CALLS {
            calls.pop_first();
        }
    }

    pub(crate) fn heads(&self, call: CallId) -> Option<HarHeads> {
        self.0.lock().get(&call).map(|(_, heads)| heads.clone())
    }

    /// The title of a call whose URL is to be shown with its secrets.
    pub(crate) fn title(&self, call: CallId) -> Option<Box<str>> {
        let calls = self.0.lock();
        let (method, heads) = calls.get(&call)?;
        Some(format!("{method} {}", heads.url.as_ref()?).into())
    }
}

/// What is said of this request; `None` where nobody asks.
pub(crate) fn requested<B>(request: &Request<B>, args: &Args, secrets: Secrets) -> Option<Box<HarHeads>> {
    if args.diagnostics.har.is_none() && args.diagnostics.timeline_svg.is_none() {
        return None;
    }
    let mut heads = HarHeads::default();
    heads.url = (secrets == Secrets::Shown).then(|| request.uri().to_string());
    if let Some(authority) = request.uri().authority().filter(|_| !request.headers().contains_key(header::HOST)) {
        heads.request.push(("host".to_owned(), authority.to_string()));
    }
    heads.request.extend(fields(request.headers(), secrets));
    Some(Box::new(heads))
}

/// The fields of a header, as far as they may be printed.
pub(crate) fn fields(header: &HeaderMap, secrets: Secrets) -> impl Iterator<Item = (String, String)> {
    header.iter().map(move |(name, value)| (name.to_string(), secrets.header(name, value)))
}
