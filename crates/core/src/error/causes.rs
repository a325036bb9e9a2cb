//! Searching the causes of an error, including foreign ones.

use crate::{Error, TimedOut};
use std::{error::Error as StdError, io};

type Cause = dyn StdError + 'static;

/// The error and its causes, the outermost first. They include what an [`io::Error`] wraps, which its `source()` skips.
pub(super) fn causes(first: &Cause) -> impl Iterator<Item = &Cause> {
    std::iter::successors(Some(first), |error| below(*error))
}

fn below(error: &Cause) -> Option<&Cause> {
    match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
        Some(wrapped) => Some(wrapped),
        None => error.source(),
    }
}

/// Whether a time limit is among the causes: one of ours, of the operating system, or, with the feature `tower`, of
/// tower or tokio.
pub(super) fn is_timeout(first: &Cause) -> bool {
    causes(first).any(|cause| cause.is::<TimedOut>() || is_io(cause) || is_elapsed(cause) || is_of_stack(cause))
}

/// Not every time limit is an error of its own: a silent peer is none.
fn is_of_stack(cause: &Cause) -> bool {
    cause.downcast_ref().is_some_and(Error::is_timeout)
}

fn is_io(cause: &Cause) -> bool {
    cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::TimedOut)
}

/// Whether the operating system said that no more descriptors may be open.
pub(super) fn is_out_of_descriptors(first: &Cause) -> bool {
    let code = |cause: &Cause| cause.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error);
    causes(first).filter_map(code).any(|code| OUT_OF_DESCRIPTORS.contains(&code))
}

/// `ENFILE` and `EMFILE`, which are the same numbers on every Unix.
#[cfg(not(windows))]
const OUT_OF_DESCRIPTORS: [i32; 2] = [23, 24];

/// `ERROR_TOO_MANY_OPEN_FILES` and `WSAEMFILE`.
#[cfg(windows)]
const OUT_OF_DESCRIPTORS: [i32; 2] = [4, 10_024];

#[cfg(feature = "tower")]
fn is_elapsed(cause: &Cause) -> bool {
    cause.is::<tower::timeout::error::Elapsed>() || cause.is::<tokio::time::error::Elapsed>()
}

#[cfg(not(feature = "tower"))]
fn is_elapsed(_: &Cause) -> bool {
    false
}

/// Whether this is what `tower::load_shed` says instead of passing a request on; known with the feature `tower`.
#[cfg(feature = "tower")]
pub(super) fn is_shed(error: &Cause) -> bool {
    error.is::<tower::load_shed::error::Overloaded>()
}

#[cfg(not(feature = "tower"))]
pub(super) fn is_shed(_: &Cause) -> bool {
    false
}
