//! `-vv`: the library's spans and lines of `tracing`, on stderr.

use crate::{secrets::Secrets, stderr, usage::Usage};
use skybridge_trace::clean;
use std::io::{self, Write};
use tracing_subscriber::{
    EnvFilter,
    filter::filter_fn,
    fmt::{self, format::FmtSpan},
    layer::SubscriberExt,
};

const VARIABLE: &str = "RUST_LOG";
const DEFAULT: &str = "skybridge=debug";

/// From now on spans are printed as they end, and lines as they happen: those that `RUST_LOG` wants, or all of this
/// library's. Other libraries print whole heads, and so are heard only where secrets are shown.
///
/// # Errors
/// When `RUST_LOG` is no filter.
pub(crate) fn print(filter: Option<String>, secrets: Secrets) -> Result<(), Usage> {
    let wanted = filter.filter(|filter| !filter.trim().is_empty());
    let filter = wanted.as_deref().unwrap_or(DEFAULT);
    let filter = EnvFilter::try_new(filter).map_err(|error| Usage::of(VARIABLE, filter, error))?;
    let is_ours = |target: &str| target.split("::").next() == Some("skybridge");
    let may_tell = filter_fn(move |of| secrets == Secrets::Shown || is_ours(of.target()));
    let lines = fmt::layer().with_span_events(FmtSpan::CLOSE).with_ansi(false).with_writer(|| Line);
    let subscriber = tracing_subscriber::registry().with(filter).with(may_tell).with(lines);
    // It is called once.
    let _ = tracing::subscriber::set_global_default(subscriber);
    Ok(())
}

/// What the environment wants.
pub(crate) fn filter() -> Option<String> {
    std::env::var_os(VARIABLE).map(|filter| filter.to_string_lossy().into_owned())
}

/// A line is written at once. What peers have said in it is escaped, line breaks too.
struct Line;

impl Write for Line {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(bytes);
        stderr::print(format_args!("{}\n", clean(text.trim_end_matches('\n'))));
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
