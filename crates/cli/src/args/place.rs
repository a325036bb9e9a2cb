//! Where values stand on the command line, beside those of other flags: clap keeps the order of one flag alone.

use std::{
    convert::Infallible,
    sync::atomic::{AtomicUsize, Ordering::Relaxed},
};

/// A value is read when its place is reached.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Place(usize);

/// A URL, by `--url` or without a flag.
#[derive(Clone, Debug)]
pub(crate) struct ListedUrl {
    pub(crate) place: Place,
    pub(crate) url: String,
}

impl Place {
    pub(crate) fn next() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        Self(NEXT.fetch_add(1, Relaxed))
    }
}

impl ListedUrl {
    pub(crate) fn read(text: &str) -> Result<Self, Infallible> {
        Ok(Self { place: Place::next(), url: text.to_owned() })
    }
}
