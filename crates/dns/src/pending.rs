use crate::{
    ResolveError,
    job::{Job, LookupResult, Progress},
};
use skybridge_core::Endpoint;
use std::{sync::Arc, task::Context};

/// One lookup, as one query waits for it.
pub(crate) enum Pending {
    /// It isn't made.
    Absent,
    Unfinished(Arc<Job>),
    /// Its addresses or its error, until they are taken.
    Finished(Option<LookupResult>),
}

/// How far a [`Pending`] is.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(crate) enum Stage {
    Absent,
    Queued,
    Running,
    Finished,
}

impl Pending {
    pub(crate) fn new(job: Result<Arc<Job>, ResolveError>) -> Self {
        match job {
            Ok(job) => Self::Unfinished(job),
            Err(error) => Self::Finished(Some(Err(error))),
        }
    }

    /// Its addresses are known without one.
    pub(crate) fn known(endpoints: Arc<[Endpoint]>) -> Self {
        Self::Finished(Some(Ok(endpoints)))
    }

    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Stage {
        let progress = match self {
            Self::Absent => return Stage::Absent,
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
