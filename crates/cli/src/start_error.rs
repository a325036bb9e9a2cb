//! Why nothing could be fetched at all.

use crate::{exit::Exit, usage::Usage};

/// The code to exit with, and the message to print.
pub(crate) struct StartError(pub(crate) Exit, pub(crate) String);

impl From<Usage> for StartError {
    fn from(usage: Usage) -> Self {
        Self(Exit::USAGE, usage.to_string())
    }
}
