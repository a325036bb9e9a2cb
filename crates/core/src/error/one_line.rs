use super::{printable::Printable, reason::reason};
use std::{
    error::Error as StdError,
    fmt::{self, Write},
};

/// An error and all that is behind it in one line: for the `Debug` of an error, which is what a `main` that returns it
/// and an `unwrap` print. Without control characters, and without what one level repeats of another.
///
/// ```
/// use skybridge_core::{OneLine, Proxy};
///
/// let error = Proxy::parse("gopher://a.test").unwrap_err();
/// assert_eq!(format!("{error:?}"), OneLine(&error).to_string());
/// ```
#[derive(Clone, Copy)]
pub struct OneLine<'a>(pub &'a (dyn StdError + 'static));

impl fmt::Display for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Printable(f).write_str(&reason(self.0))
    }
}

impl fmt::Debug for OneLine<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
