//! Fetches one URL: sends its request and those of redirects, and writes the response.

use crate::{
    call_chain::CallChain,
    decode::Decoded,
    fault::{BoxError, of_stack},
    jobs::Job,
    layers,
    outcome::{CallError, Outcome, is_failure},
    progress::Way,
    resumed::{self, Rest},
    shared::Shared,
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header::RANGE};
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
    let (uri, credentials) = shared.uri(job).map_err(CallError::Forbidden)?;
    shared.check_https(&uri).map_err(CallError::Forbidden)?;
    let stack = ServiceBuilder::new()
        .layer(layers::redirects(&shared.args, uri.clone()))
        .service(service_fn(|request| chain.send(request)));
    let mut asked = shared.request(uri, job, credentials);
    if let Some(range) = chain.continues_at().and_then(|at| HeaderValue::try_from(format!("bytes={at}-")).ok()) {
        asked.headers_mut().insert(RANGE, range);
    }
    let response = stack.oneshot(asked).await?;
    let (request, is_failure) = (&shared.args.request, is_failure(response.status()));
    if request.location {
        chain.check_redirect(&response)?;
    }
    let rest = chain.continues_at().map(|at| resumed::rest(&response, at));
    if rest == Some(Rest::IsNothing) {
        return Ok(());
    }
    if request.fail && is_failure {
        return Err(CallError::Status);
    }
    if rest == Some(Rest::IsNone) {
        return Err(CallError::NoRange(response.status()));
    }
    let (parts, body) = response.into_parts();
    // As with HEAD, there may be a name of a coding and nothing that is encoded.
    let is_encoded = request.compressed && body.size_hint().exact() != Some(0);
    let codings = if is_encoded { parts.headers } else { HeaderMap::new() };
    // In bytes that come, whatever is decoded of them.
    let total = body.size_hint().exact();
    let body = Decoded::new(body, &codings).map_err(|coding| CallError::Encoding(coding.to_string()))?;
    receive(chain, body, total).await?;
    if request.fail_with_body && is_failure { Err(CallError::Status) } else { Ok(()) }
}

async fn receive<B>(chain: &CallChain<'_>, body: B, total: Option<u64>) -> Result<(), CallError>
where
    B: Body<Data = Bytes, Error = BoxError>,
{
    let mut body = pin!(body);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| of_stack(error).map_or_else(CallError::Decode, CallError::Stack))?;
        let data = match frame.into_data() {
            Ok(data) => data,
            Err(frame) => {
                if let Ok(trailers) = frame.into_trailers() {
                    chain.write_trailers(&trailers).await?;
                }
                continue;
            }
        };
        chain.write(data).await?;
        if let Some(transfer) = chain.transfer() {
            transfer.moved(Way::Down, chain.received(), total);
        }
    }
    chain.flush().await
}
