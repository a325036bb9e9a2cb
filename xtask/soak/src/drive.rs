//! One request, from its first poll to wherever it is given up.

use crate::{
    ledger::Ledger,
    peer::{ID, IDS, number},
    pieces::Reader,
    plan::{Plan, Until},
};
use http_body_util::BodyExt;
use skybridge::{Call, Cause, Client, Error};
use std::{
    future::{Future, poll_fn},
    pin::pin,
    task::Poll,
};

pub(crate) async fn drive(client: &Client, ledger: &Ledger, plan: Plan) {
    let Plan { id, request, until, phase_timeout } = plan;
    let call = client.request(request);
    let ended = match until {
        Until::First => {
            drop(call);
            None
        }
        Until::Polls(polls) => in_polls(polls, exchange(call, id, ledger, u32::MAX)).await,
        Until::Time(pause) => tokio::select! {
            biased;
            ended = exchange(call, id, ledger, u32::MAX) => Some(ended),
            () = pause => None,
        },
        Until::Head => Some(exchange(call, id, ledger, 0).await),
        Until::Frames(frames) => Some(exchange(call, id, ledger, frames).await),
        Until::End => Some(exchange(call, id, ledger, u32::MAX).await),
    };
    match ended {
        None | Some(Ok(End::GivenUp)) => ledger.dropped(),
        Some(Ok(End::Whole)) => ledger.served(),
        Some(Err(error)) => {
            // A connect has limits of its own.
            if error.is_timeout() && !phase_timeout && !matches!(error.cause(), Cause::Connect(_)) {
                ledger.violated(id, format!("timed out, and has no limit: {error:?}"));
            }
            ledger.failed(id, &error);
        }
    }
}

enum End {
    Whole,
    GivenUp,
}

/// Reads the response, but no more frames than that.
async fn exchange(call: Call, id: u64, ledger: &Ledger, mut frames: u32) -> Result<End, Error> {
    let response = call.await?;
    if number(response.headers(), ID) != Some(id) {
        ledger.violated(id, format!("the response is another's: {:?} {:?}", response.status(), response.headers()));
    }
    let ids = number(response.headers(), IDS).and_then(|ids| usize::try_from(ids).ok()).unwrap_or(usize::MAX / 8);
    let mut reader = Reader::new(id);
    let mut body = response.into_body();
    while frames > 0 {
        frames -= 1;
        let Some(frame) = body.frame().await.transpose()? else {
            if !reader.is_whole(ids) {
                ledger.violated(id, format!("a part of the response was taken for the whole: {reader:?} of {ids} ids"));
            }
            return Ok(End::Whole);
        };
        if !reader.read(&frame.into_data().unwrap_or_default()) {
            ledger.violated(id, "the response's body is another's, or in disorder");
        }
    }
    Ok(End::GivenUp)
}

/// `None` when that many polls weren't enough.
async fn in_polls<F: Future>(mut polls: u32, future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    poll_fn(|cx| {
        polls -= 1;
        match future.as_mut().poll(cx) {
            Poll::Ready(output) => Poll::Ready(Some(output)),
            Poll::Pending if polls == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}
