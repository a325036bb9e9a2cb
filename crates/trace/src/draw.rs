//! Draws the rows of a timeline.

use crate::{
    clean::clean,
    rows::{End, How, Row, Rows},
};
use skybridge_core::Phase;
use std::{fmt, time::Duration};

/// `    handshake`
const LABEL: usize = 13;
const WIDEST_NOTE: usize = 28;
const NARROWEST_BAR: usize = 16;

/// The characters of bars.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Glyphs {
    around: char,
    done: char,
    failed: char,
    dropped: char,
    mark: char,
    cross: char,
    hair: char,
    later: char,
    below: char,
}

/// The layout: columns, widths and scale.
pub(crate) struct Canvas {
    glyphs: Glyphs,
    colored: bool,
    total: Duration,
    end: End,
    decimals: usize,
    about: usize,
    number: usize,
    bar: usize,
    width: usize,
    numbered: bool,
}

impl Glyphs {
    pub(crate) const UNICODE: Self = Self {
        around: '─',
        done: '█',
        failed: '▓',
        dropped: '░',
        mark: '◆',
        cross: '✗',
        hair: '▏',
        later: '›',
        below: '└',
    };
    pub(crate) const ASCII: Self = Self {
        around: '-',
        done: '#',
        failed: '%',
        dropped: '.',
        mark: '*',
        cross: 'x',
        hair: '|',
        later: '>',
        below: '`',
    };
}

// === impl Canvas ===

impl Canvas {
    pub(crate) fn new(rows: &Rows, width: usize, glyphs: Glyphs, colored: bool) -> Self {
        let total = rows.total();
        let decimals = decimals(total);
        let numbered = rows.attempts > 1;
        let longest = |of: &dyn Fn(&Row) -> usize| rows.list.iter().map(of).max().unwrap_or_default();
        let about = longest(&|row| about_of(row, numbered).chars().count());
        let latest = rows.list.iter().map(|row| row.start.min(total)).max().unwrap_or_default().max(total);
        let number = millis(latest, decimals).len().max(4);
        let note = longest(&|row| row.note.chars().count()).min(WIDEST_NOTE);
        let taken = LABEL + 1 + about + 2 * (number + 2) + 2 + 2 + note;
        let bar = width.saturating_sub(taken).max(NARROWEST_BAR);
        let end = rows.end.clone();
        Self { glyphs, colored, total, end, decimals, about, number, bar, width, numbered }
    }

    /// The rest of the first line, and the error if there is one.
    pub(crate) fn head(&self, f: &mut fmt::Formatter<'_>, on: Option<&str>) -> fmt::Result {
        let total = millis(self.total, self.decimals);
        let on = on.map(|on| format!(" {on}")).unwrap_or_default();
        match &self.end {
            End::ResponseResult | End::Unknown => writeln!(f, "  {total} ms{on}"),
            End::Running => writeln!(f, "  still running, the latest news at {total} ms{on}"),
            End::GivenUp => writeln!(f, "  given up after {total} ms{on}"),
            End::Failed(failure) => {
                writeln!(f, "  {} after {total} ms{on}", self.paint("FAILED", RED))?;
                let message = format!("{} {}", self.glyphs.cross, clean(&failure.message));
                writeln!(f, "  {}", self.paint(&message, RED))
            }
        }
    }

    pub(crate) fn axis(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (pad, number) = (LABEL + 1 + self.about, self.number + 2);
        let end = format!("{} ms", millis(self.total, self.decimals));
        let line = format!("{:pad$}{:>number$}{:>number$}  0{end:>bar$}", "", "at", "took", bar = self.bar - 1);
        writeln!(f, "{}", self.paint(&line, DIM))
    }

    pub(crate) fn row(&self, f: &mut fmt::Formatter<'_>, row: &Row) -> fmt::Result {
        let label = format!("{}{}", if is_connecting(row) { "    " } else { "  " }, row.label);
        let (about, number) = (self.about, self.number + 2);
        let kind = about_of(row, self.numbered);
        let at = if row.start > self.total { String::new() } else { millis(row.start, self.decimals) };
        let took = match row.end {
            _ if row.how == How::Mark => String::new(),
            // Events of several threads are not always in the order of their times.
            Some(end) => millis(end.saturating_sub(row.start), self.decimals),
            None => "...".into(),
        };
        let bar = self.bar_of(row);
        let note = self.note(row);
        let (cells, letters) = (bar.chars().count(), note.chars().count());
        let lead = bar.len() - bar.trim_start().len();
        let painted = self.paint(bar.trim_start(), color(row));
        let line = format!("{label:LABEL$} {kind:about$}{at:>number$}{took:>number$}  {:lead$}{painted}", "");
        let right = self.width.saturating_sub(self.before_bars());
        // In the column of notes if it fits, otherwise right after the bar, otherwise below.
        if letters == 0 {
            writeln!(f, "{}", line.trim_end())
        } else if self.bar.max(cells) + 2 + letters <= right && cells > 0 {
            writeln!(f, "{line}{:pad$}  {}", "", self.paint(&note, color(row)), pad = self.bar - cells)
        } else if cells + 2 + letters <= right {
            writeln!(f, "{line}{:pad$}{}", "", self.paint(&note, color(row)), pad = if cells > 0 { 2 } else { 0 })
        } else {
            let note = format!("{} {note}", self.glyphs.below);
            writeln!(f, "{}\n{:LABEL$} {}", line.trim_end(), "", self.paint(&note, color(row)))
        }
    }

    fn before_bars(&self) -> usize {
        LABEL + 1 + self.about + 2 * (self.number + 2) + 2
    }

    fn note(&self, row: &Row) -> String {
        match row.start.checked_sub(self.total) {
            Some(later) if !later.is_zero() => format!("{} later: {}", human(later), row.note),
            _ => row.note.clone(),
        }
    }

    /// The bar, with spaces before it.
    fn bar_of(&self, row: &Row) -> String {
        if row.start > self.total {
            return String::new();
        }
        let end = row.end.unwrap_or(self.total).min(self.total);
        let from = self.cell(row.start).min(self.bar - 1);
        let to = self.cell_after(end).clamp(from + 1, self.bar);
        let mut bar = " ".repeat(from);
        let cells = to - from;
        match row.how {
            How::Mark => bar.push(self.glyphs.mark),
            How::Failed => {
                bar.extend(std::iter::repeat_n(self.glyphs.failed, cells - 1));
                bar.push(self.glyphs.cross);
            }
            How::Dropped => bar.extend(std::iter::repeat_n(self.glyphs.dropped, cells)),
            _ if row.phase == Some(Phase::Acquire) => bar.extend(std::iter::repeat_n(self.glyphs.around, cells)),
            _ if self.is_short(end.saturating_sub(row.start)) => bar.push(self.glyphs.hair),
            _ => bar.extend(std::iter::repeat_n(self.glyphs.done, cells)),
        }
        if row.how == How::Running {
            bar.pop();
            bar.push(self.glyphs.later);
        }
        bar
    }

    /// Whether it is shorter than half a cell.
    fn is_short(&self, time: Duration) -> bool {
        time * 2 * u32::try_from(self.bar).unwrap_or(u32::MAX) < self.total || time.is_zero()
    }

    fn cell(&self, at: Duration) -> usize {
        if self.total.is_zero() { 0 } else { (self.share(at) + 0.000_001) as usize }
    }

    fn cell_after(&self, at: Duration) -> usize {
        if self.total.is_zero() { 0 } else { (self.share(at) - 0.000_001).ceil() as usize }
    }

    fn share(&self, at: Duration) -> f64 {
        at.as_secs_f64() / self.total.as_secs_f64() * self.bar as f64
    }

    fn paint(&self, text: &str, color: &str) -> String {
        if self.colored && !text.is_empty() { format!("\x1b[{color}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

const RED: &str = "31";
const GREEN: &str = "32";
const YELLOW: &str = "33";
const CYAN: &str = "36";
const DIM: &str = "90";

fn color(row: &Row) -> &'static str {
    match (row.how, row.phase) {
        (How::Failed, _) => RED,
        (How::Dropped, _) | (_, Some(Phase::Acquire)) => DIM,
        (How::Mark, _) | (_, Some(Phase::Wait)) => YELLOW,
        (_, Some(Phase::Body)) => GREEN,
        _ => CYAN,
    }
}

fn is_connecting(row: &Row) -> bool {
    row.phase.is_some_and(|phase| phase < Phase::Acquire)
}

fn about_of(row: &Row, numbered: bool) -> String {
    match row.attempt {
        Some(attempt) if numbered => format!("#{} {}", attempt.0, row.about).trim_end().to_owned(),
        _ => row.about.clone(),
    }
}

/// Enough decimals to distinguish the shortest phases of a call of this length.
fn decimals(total: Duration) -> usize {
    match total.as_micros() {
        0..10_000 => 3,
        10_000..100_000 => 2,
        _ => 1,
    }
}

fn millis(time: Duration, decimals: usize) -> String {
    format!("{:.decimals$}", time.as_secs_f64() * 1e3)
}

/// A duration in a readable unit.
fn human(time: Duration) -> String {
    let time = time.as_secs_f64();
    if time < 1.0 { format!("{:.1} ms", time * 1e3) } else { format!("{time:.1} s") }
}
