//! Bars on stderr, for a terminal and what takes long: one for each transfer, with its share, rate and time left.

use crate::{
    args::Args,
    stderr::{self, Stderr},
};
use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike};
use skybridge::types::{Runtime, sync::Mutex};
use std::{
    fmt::Debug,
    io::{self, Write},
    sync::Arc,
    time::{Duration, Instant},
};

/// What is over sooner has none.
const DELAY: Duration = Duration::from_secs(1);

/// The bars of a run, where there may be any.
#[derive(Clone)]
pub(crate) struct Meters {
    bars: MultiProgress,
    runtime: Arc<dyn Runtime>,
    look: Look,
}

#[derive(Clone, Copy)]
struct Look {
    /// A bar and its share alone (`-#`).
    plain: bool,
    /// Several run at once, so each says which it is.
    named: bool,
}

/// The bar of one transfer: what is sent, then what comes.
pub(crate) struct Transfer {
    meters: Meters,
    name: String,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// When its first bytes moved.
    begun: Option<Instant>,
    /// Drawn already.
    bar: Option<(ProgressBar, Way)>,
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Way {
    Up,
    Down,
}

/// The terminal that stderr is.
#[derive(Debug)]
struct Terminal<W>(Mutex<W>);

impl Meters {
    /// `None` where stderr is no terminal, or has other things to show.
    pub(crate) fn of(args: &Args, runtime: &Arc<dyn Runtime>) -> Option<Self> {
        let is_off = args.request.silent || args.output.no_progress_meter;
        if is_off || args.request.verbose > 0 || args.diagnostics.events || !stderr::is_terminal() {
            return None;
        }
        let look = Look { plain: args.output.progress_bar, named: args.request.parallel };
        let meters = Self::on(Stderr, look, runtime);
        stderr::go_around(&meters.bars);
        Some(meters)
    }

    fn on(terminal: impl Write + Debug + Send + Sync + 'static, look: Look, runtime: &Arc<dyn Runtime>) -> Self {
        let target = ProgressDrawTarget::term_like(Box::new(Terminal(Mutex::new(terminal))));
        Self { bars: MultiProgress::with_draw_target(target), runtime: Arc::clone(runtime), look }
    }

    /// The bar for a URL, as it may be printed.
    pub(crate) fn transfer(&self, url: &str) -> Transfer {
        Transfer { meters: self.clone(), name: url.to_owned(), state: Mutex::default() }
    }
}

impl Look {
    fn style(self, is_known: bool) -> ProgressStyle {
        let template = match (self.plain, is_known) {
            (true, true) => "{prefix}[{wide_bar}] {percent:>3}%",
            (true, false) => "{prefix}{binary_bytes}",
            (false, true) => {
                "{prefix}[{wide_bar}] {percent:>3}%  {binary_bytes} of {binary_total_bytes}  {binary_bytes_per_sec}  {eta} left"
            }
            (false, false) => "{prefix}{binary_bytes} so far  {binary_bytes_per_sec}  {elapsed}",
        };
        // They are valid: a test draws each.
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()).progress_chars("#>-")
    }
}

impl Transfer {
    /// So many bytes of so many, if that is known, have moved.
    pub(crate) fn moved(&self, way: Way, bytes: u64, total: Option<u64>) {
        self.moved_at(self.meters.runtime.now(), way, bytes, total);
    }

    fn moved_at(&self, now: Instant, way: Way, bytes: u64, total: Option<u64>) {
        let mut state = self.state.lock();
        let begun = *state.begun.get_or_insert(now);
        let elapsed = now.saturating_duration_since(begun);
        if elapsed < DELAY {
            return;
        }
        let total = total.filter(|total| *total > 0);
        match &state.bar {
            Some((bar, drawn)) if *drawn == way => bar.set_position(bytes),
            _ => {
                // The bar before is erased.
                state.clear(&self.meters.bars);
                let bar = total.map_or_else(ProgressBar::no_length, ProgressBar::new).with_elapsed(elapsed);
                bar.set_style(self.meters.look.style(total.is_some()));
                bar.set_prefix(self.prefix(way));
                bar.set_position(bytes);
                let bar = self.meters.bars.add(bar);
                bar.tick();
                state.bar = Some((bar, way));
            }
        }
    }

    fn prefix(&self, way: Way) -> String {
        let way = if way == Way::Up { "sent " } else { "" };
        if self.meters.look.named { format!("{} {way}", skybridge_trace::clean(&self.name)) } else { way.to_owned() }
    }
}

impl State {
    /// Erases the bar. Its place is free for the others.
    fn clear(&mut self, bars: &MultiProgress) {
        if let Some((bar, _)) = self.bar.take() {
            bar.finish_and_clear();
            bars.remove(&bar);
        }
    }
}

impl Drop for Transfer {
    fn drop(&mut self) {
        self.state.lock().clear(&self.meters.bars);
    }
}

impl<W: Write + Debug + Send + Sync> Terminal<W> {
    fn say(&self, text: &str) -> io::Result<()> {
        self.0.lock().write_all(text.as_bytes())
    }
}

impl<W: Write + Debug + Send + Sync> TermLike for Terminal<W> {
    fn width(&self) -> u16 {
        terminal_size::terminal_size_of(io::stderr()).map_or(80, |(width, _)| width.0)
    }

    fn height(&self) -> u16 {
        terminal_size::terminal_size_of(io::stderr()).map_or(24, |(_, height)| height.0)
    }

    fn move_cursor_up(&self, lines: usize) -> io::Result<()> {
        if lines > 0 { self.say(&format!("\x1b[{lines}A")) } else { Ok(()) }
    }

    fn move_cursor_down(&self, lines: usize) -> io::Result<()> {
        if lines > 0 { self.say(&format!("\x1b[{lines}B")) } else { Ok(()) }
    }

    fn move_cursor_right(&self, columns: usize) -> io::Result<()> {
        if columns > 0 { self.say(&format!("\x1b[{columns}C")) } else { Ok(()) }
    }

    fn move_cursor_left(&self, columns: usize) -> io::Result<()> {
        if columns > 0 { self.say(&format!("\x1b[{columns}D")) } else { Ok(()) }
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.say(&format!("{text}\r\n"))
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.say(text)
    }

    fn clear_line(&self) -> io::Result<()> {
        self.say("\r\x1b[2K")
    }

    fn flush(&self) -> io::Result<()> {
        self.0.lock().flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use skybridge::TokioRuntime;

    #[derive(Clone, Debug, Default)]
    struct Screen(Arc<Mutex<Vec<u8>>>);

    impl Write for Screen {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    impl Screen {
        fn take(&self) -> String {
            String::from_utf8(std::mem::take(&mut *self.0.lock())).unwrap()
        }
    }

    #[tokio::test]
    async fn what_takes_long_has_a_bar_with_share_rate_and_time_left() {
        let runtime: Arc<dyn Runtime> = Arc::new(TokioRuntime::current());
        let begin = runtime.now();
        for (plain, named, total, expected) in [
            (false, false, Some(1 << 20), &[" 50%  512.00 KiB of 1.00 MiB  ", "/s  ", " left", "[#"][..]),
            (false, true, None, &["http://a.test/ 512.00 KiB so far  "]),
            (true, false, Some(1 << 20), &["]  50%", "#>-"]),
            (true, false, None, &["512.00 KiB"]),
        ] {
            let screen = Screen::default();
            let meters = Meters::on(screen.clone(), Look { plain, named }, &runtime);
            let transfer = meters.transfer("http://a.test/");
            transfer.moved_at(begin, Way::Down, 1, total);
            transfer.moved_at(begin + DELAY / 2, Way::Down, 2, total);
            assert_eq!(screen.take(), "", "it may be over soon");
            transfer.moved_at(begin + DELAY, Way::Down, 512 << 10, total);
            let drawn = screen.take();
            assert!(expected.iter().all(|part| drawn.contains(part)), "{drawn:?}: {expected:?}");
            drop(transfer);
            assert!(screen.take().contains("\x1b[2K"), "it is erased");
        }
    }

    #[tokio::test]
    async fn what_is_sent_has_a_bar_of_its_own_before_what_comes() {
        let runtime: Arc<dyn Runtime> = Arc::new(TokioRuntime::current());
        let (begin, screen) = (runtime.now(), Screen::default());
        let meters = Meters::on(screen.clone(), Look { plain: false, named: false }, &runtime);
        let (one, two) = (meters.transfer("u"), meters.transfer("v"));
        one.moved_at(begin, Way::Up, 0, Some(4));
        one.moved_at(begin + DELAY, Way::Up, 1, Some(4));
        assert!(screen.take().contains("sent ["));
        two.moved_at(begin, Way::Down, 0, None);
        two.moved_at(begin + DELAY, Way::Down, 7, None);
        let both = screen.take();
        assert!(both.contains("sent [") && both.contains("7 B so far"), "{both:?}");
        one.moved_at(begin + DELAY, Way::Down, 3, Some(4));
        assert!(screen.take().contains(" 75%  3 B of 4 B"));
    }
}
