//! A progress bar on stderr, for a terminal and a response that takes long.

use crate::stderr;
use http_body::Body;
use skybridge::types::Runtime;
use std::time::{Duration, Instant};

const DELAY: Duration = Duration::from_secs(1);
const INTERVAL: Duration = Duration::from_millis(100);
const WIDTH: usize = 40;

pub(crate) struct Progress {
    shown: bool,
    total: Option<u64>,
    /// When it is drawn next; `None` until the first bytes have arrived.
    next: Option<Instant>,
    drawn: bool,
}

impl Progress {
    pub(crate) fn new(shown: bool, body: &impl Body) -> Self {
        Self { shown, total: body.size_hint().exact(), next: None, drawn: false }
    }

    pub(crate) fn moved(&mut self, bytes: u64, runtime: &dyn Runtime) {
        if !self.shown {
            return;
        }
        let now = runtime.now();
        if now < *self.next.get_or_insert(now + DELAY) {
            return;
        }
        self.next = Some(now + INTERVAL);
        self.drawn = true;
        stderr::print(format_args!("\r{}", line(bytes, self.total)));
    }
}

fn line(bytes: u64, total: Option<u64>) -> String {
    let read = size(bytes);
    match total.filter(|total| *total > 0) {
        Some(total) => {
            let part = (bytes as f64 / total as f64).min(1.0);
            let full = (part * WIDTH as f64) as usize;
            format!(
                "[{}{}] {:>3.0} %  {read} of {}",
                "#".repeat(full),
                "-".repeat(WIDTH - full),
                part * 100.0,
                size(total)
            )
        }
        None => format!("{read} so far"),
    }
}

fn size(bytes: u64) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{:.1} KiB", bytes as f64 / 1024.0),
        _ => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.drawn {
            stderr::print(format_args!("\r{:1$}\r", "", WIDTH + 40));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bar_shows_the_share_of_a_known_length() {
        assert!(line(512 * 1024, Some(1 << 20)).starts_with("[####################--------------------]  50 %"));
        assert_eq!(line(2048, None), "2.0 KiB so far");
    }
}
