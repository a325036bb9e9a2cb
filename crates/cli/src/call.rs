//! Fetches one URL: sends its request and those of redirects, and writes the response.

use crate::{
    call_chain::CallChain,
    fault::{BoxError, of_stack},
    layers,
    outcome::{CallError, Outcome, is_failure},
    progress::Progress,
    shared::{Job, Shared},
};
use bytes::Bytes;
use http::{Response, header::CONTENT_ENCODING};
use http_body::Body;
use http_body_util::BodyExt;
use skybridge::tower::{ServiceBuilder, ServiceExt, service_fn};
use std::pin::pin;

/// Fetches a URL. Returns its calls in order: the first, and one for each redirect.
pub(crate) async fn perform(shared: &Shared, job: Job) -> Vec<Outcome> {
    let chain = match CallChain::new(shared, &job) {
        Ok(chain) => chain,
        Err(outcome) => return vec![*outcome],
    };
    let error = Box::pin(chain.timeout(exchange(shared, &job, &chain))).await.err();
    chain.end(error)
}

async fn exchange(shared: &Shared, job: &Job, chain: &CallChain<'_>) -> Result<(), CallError> {
    let (uri, credentials) = shared.uri(job).map_err(CallError::Stack)?;
    let stack = ServiceBuilder::new()
        .layer(layers::decompression(&shared.args))
        .layer(layers::redirects(&shared.args, uri.clone()))
        .service(service_fn(|request| chain.send(request)));
    let response = stack.oneshot(shared.request(uri, job.place, credentials)).await?;
    let (request, is_failure) = (&shared.args.request, is_failure(response.status()));
    if request.location {
        chain.check_redirect(&response)?;
    }
    if request.fail && is_failure {
        return Err(CallError::Status);
    }
    if request.compressed && response.body().size_hint().exact() != Some(0) {
        decoded(&response)?;
    }
    receive(shared, chain, response.into_body()).await?;
    if request.fail_with_body && is_failure { Err(CallError::Status) } else { Ok(()) }
}

/// Checks that the body is decoded: the layer removes the names of encodings that it decodes.
fn decoded<B>(response: &Response<B>) -> Result<(), CallError> {
    match response.headers().get(CONTENT_ENCODING) {
        Some(name) if !name.as_bytes().eq_ignore_ascii_case(b"identity") => {
            Err(CallError::Encoding(String::from_utf8_lossy(name.as_bytes()).into()))
        }
        _ => Ok(()),
    }
}

async fn receive<B>(shared: &Shared, chain: &CallChain<'_>, body: B) -> Result<(), CallError>
where
    B: Body<Data = Bytes, Error = BoxError>,
{
    let mut progress = Progress::new(shared.shows_progress(chain.place()), &body);
    let mut body = pin!(body);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| of_stack(error).map_or_else(CallError::Decode, CallError::Stack))?;
        let Ok(data) = frame.into_data() else { continue };
        chain.write(data).await?;
        progress.moved(chain.received(), &*shared.observer.runtime);
    }
    chain.flush().await
}
