use crate::{
    ResolveError,
    job::{Job, LookupResult, Progress},
};
use skybridge_core::Endpoint;
use std::{sync::Arc, task::Context};

/// The lookup of one family, as one query waits for it.
pub(crate) enum Half {
    /// The family isn't asked for.
    Unwanted,
    Unfinished(Arc<Job>),
    /// Its addresses or its error, until they are taken.
    Finished(Option<LookupResult>),
}

/// How far a [`Half`] is.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(crate) enum Stage {
    Unwanted,
    Queued,
    Running,
    Finished,
}

impl Half {
    pub(crate) fn new(job: Option<Result<Arc<Job>, ResolveError>>) -> Self {
        match job {
            None => Self::Unwanted,
            Some(Ok(job)) => Self::Unfinished(job),
            Some(Err(error)) => Self::Finished(Some(Err(error))),
        }
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Stage {
        let progress = match self {
            Self::Unwanted => return Stage::Unwanted,
            Self::Finished(_) => return Stage::Finished,
            Self::Unfinished(job) => job.poll(cx),
        };
        match progress {
            Progress::Queued => Stage::Queued,
            Progress::Running => Stage::Running,
            Progress::Done(result) => {
                *self = Self::Finished(Some(result));
                Stage::Finished
            }
        }
    }

    pub(crate) fn has_addresses(&self) -> bool {
        matches!(self, Self::Finished(Some(Ok(_))))
    }

    /// The addresses, once.
    pub(crate) fn take_addresses(&mut self) -> Option<Arc<[Endpoint]>> {
        let Self::Finished(result) = self else { return None };
        result.take_if(|result| result.is_ok())?.ok()
    }

    pub(crate) fn take_error(&mut self) -> Option<ResolveError> {
        let Self::Finished(result) = self else { return None };
        result.take_if(|result| result.is_err())?.err()
    }
}

impl Stage {
    pub(crate) fn is_over(self) -> bool {
        matches!(self, Self::Unwanted | Self::Finished)
    }

    /// Whether all that is wanted waits to begin.
    pub(crate) fn are_queued(halves: [Self; 2]) -> bool {
        halves.contains(&Self::Queued) && halves.iter().all(|half| matches!(half, Self::Queued | Self::Unwanted))
    }
}
