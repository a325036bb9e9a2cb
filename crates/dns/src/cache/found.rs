use skybridge_core::{Answer, Endpoint, ServiceBinding};
use std::sync::Arc;

/// Endpoints that were found, and what an HTTPS record says of them.
#[derive(Clone, Debug)]
pub(super) struct Found {
    pub(super) endpoints: Vec<Endpoint>,
    pub(super) service: Option<Arc<ServiceBinding>>,
}

/// Adds the endpoints of an answer to those before it, or after them where a record says something else of these.
pub(super) fn add(found: &mut Vec<Found>, answer: &Answer) {
    match found.last_mut().filter(|last| last.service == answer.service) {
        Some(last) => last.endpoints.extend(answer.endpoints.iter().cloned()),
        None => found.push(Found { endpoints: answer.endpoints.clone(), service: answer.service.clone() }),
    }
}

/// The answers that these were, of which none is the last.
pub(super) fn answers(found: &[Found]) -> impl Iterator<Item = Answer> {
    found.iter().map(|found| {
        let mut answer = Answer::only(found.endpoints.iter().cloned());
        (answer.service, answer.last) = (found.service.clone(), false);
        answer
    })
}
