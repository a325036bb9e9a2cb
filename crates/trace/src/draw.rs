//! Draws the rows of a timeline.

use crate::{
    clean::clean,
    rows::{End, How, Row, Rows},
    wrap::{cut, wrap},
};
use skybridge_core::Phase;
use std::{fmt, time::Duration};

/// Of the whole: by default, at least, at most.
const WIDTH: usize = 100;
const NARROWEST: usize = 40;
const WIDEST: usize = 300;

/// `    handshake`
const LABEL: usize = 13;
/// Of phases of layers of one's own.
const WIDEST_LABEL: usize = 24;
const WIDEST_NOTE: usize = 28;
/// What a bar has where everything else fits, and where something has to go.
const NARROW_BAR: usize = 16;
const NARROWEST_BAR: usize = 8;
/// The most and the least of an address or a proxy.
const WIDEST_ABOUT: usize = 48;
const NARROWEST_ABOUT: usize = 8;

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
    cut: char,
}

/// How timelines are drawn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Style {
    pub(crate) width: usize,
    pub(crate) glyphs: Glyphs,
    pub(crate) colored: bool,
}

/// The layout: columns, widths and scale.
pub(crate) struct Canvas {
    glyphs: Glyphs,
    colored: bool,
    total: Duration,
    decimals: usize,
    label: usize,
    about: usize,
    number: usize,
    /// Whether there is room for when a row began.
    has_at: bool,
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
        cut: '…',
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
        cut: '~',
    };
}

// === impl Style ===

impl Style {
    pub(crate) fn set_width(&mut self, columns: usize) {
        self.width = columns.clamp(NARROWEST, WIDEST);
    }
}

impl Default for Style {
    fn default() -> Self {
        Self { width: WIDTH, glyphs: Glyphs::UNICODE, colored: false }
    }
}

// === impl Canvas ===

impl Canvas {
    /// For all these calls, on an axis of this length.
    pub(crate) fn new(calls: &[&Rows], total: Duration, style: Style) -> Self {
        let Style { width, glyphs, colored } = style;
        let decimals = decimals(total);
        let numbered = calls.iter().any(|rows| rows.attempts > 1);
        let rows = || calls.iter().flat_map(|rows| &rows.list);
        let longest = |of: &dyn Fn(&Row) -> usize| rows().map(of).max().unwrap_or_default();
        let own = |row: &Row| matches!(row.phase, Some(Phase::Other(_)));
        let label = longest(&|row| if own(row) { label_of(row).chars().count() } else { 0 });
        let label = label.clamp(LABEL, WIDEST_LABEL);
        let about = longest(&|row| about_of(row, numbered).chars().count()).min(WIDEST_ABOUT);
        let latest = rows().map(|row| row.start.min(total)).max().unwrap_or_default().max(total);
        let number = millis(latest, decimals).len().max(4);
        let note = longest(&|row| row.note.chars().count()).min(WIDEST_NOTE);
        let mut canvas = Self {
            glyphs,
            colored,
            total,
            decimals,
            label,
            about,
            number,
            has_at: true,
            bar: NARROW_BAR,
            width,
            numbered,
        };
        // The notes give way first, then the column of beginnings, then the addresses, then the bars.
        canvas.has_at = canvas.before_bars() + NARROW_BAR <= width;
        if canvas.before_bars() + NARROW_BAR > width {
            let rest = canvas.before_bars() - about + NARROWEST_BAR;
            canvas.about = about.min(width.saturating_sub(rest).max(NARROWEST_ABOUT));
        }
        let room = width.saturating_sub(canvas.before_bars());
        canvas.bar = room.saturating_sub(2 + note).max(NARROW_BAR.min(room)).max(NARROWEST_BAR);
        canvas
    }

    /// What the call is, how long it took, on what, and its error if there is one.
    pub(crate) fn head(&self, f: &mut fmt::Formatter<'_>, rows: &Rows, title: &str, on: Option<&str>) -> fmt::Result {
        let total = millis(rows.total(), self.decimals);
        let on = on.map(|on| format!(" {on}")).unwrap_or_default();
        let call = format!("call {}{title}", rows.call);
        let (line, error) = match &rows.end {
            End::ResponseResult | End::Unknown => (format!("{call}  {total} ms{on}"), None),
            End::Running if rows.is_extended() => (format!("{call}  still running after {total} ms{on}"), None),
            End::Running => (format!("{call}  still running, the latest news at {total} ms{on}"), None),
            End::GivenUp => (format!("{call}  given up after {total} ms{on}"), None),
            End::Failed(failure) => (format!("{call}  FAILED after {total} ms{on}"), Some(failure)),
        };
        for (i, part) in wrap(&line, self.width, 4).iter().enumerate() {
            let part = if i == 0 { part.clone() } else { format!("    {part}") };
            match part.split_once("FAILED") {
                Some((before, after)) if error.is_some() => {
                    writeln!(f, "{before}{}{after}", self.paint("FAILED", RED))?;
                }
                _ => writeln!(f, "{part}")?,
            }
        }
        let Some(failure) = error else { return Ok(()) };
        let message = format!("{} {}", self.glyphs.cross, clean(&failure.message));
        for (i, part) in wrap(&message, self.width.saturating_sub(2), 2).iter().enumerate() {
            writeln!(f, "{}{}", if i == 0 { "  " } else { "    " }, self.paint(part, RED))?;
        }
        Ok(())
    }

    pub(crate) fn axis(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = self.number + 2;
        let end = format!("{} ms", millis(self.total, self.decimals));
        let at = if self.has_at { format!("{:>number$}", "at") } else { String::new() };
        let pad = self.label + 1 + self.about;
        let scale = match self.bar.checked_sub(end.chars().count() + 2) {
            Some(gap) => format!("0{:gap$} {end}", ""),
            None => cut(&format!("{end:>bar$}", bar = self.bar), self.bar, self.glyphs.cut),
        };
        let line = format!("{:pad$}{at}{:>number$}  {scale}", "", "took");
        writeln!(f, "{}", self.paint(&line, DIM))
    }

    pub(crate) fn row(&self, f: &mut fmt::Formatter<'_>, row: &Row) -> fmt::Result {
        let label = cut(&label_of(row), WIDEST_LABEL, self.glyphs.cut);
        let (label_width, about, number) = (self.label, self.about, self.number + 2);
        let kind = cut(&about_of(row, self.numbered), about, self.glyphs.cut);
        let at = if row.start > self.total { String::new() } else { millis(row.start, self.decimals) };
        let at = if self.has_at { format!("{at:>number$}") } else { String::new() };
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
        let line = format!("{label:label_width$} {kind:about$}{at}{took:>number$}  {:lead$}{painted}", "");
        let right = self.width.saturating_sub(self.before_bars());
        // In the column of notes if it fits, otherwise right after the bar, otherwise below.
        if letters == 0 {
            writeln!(f, "{}", line.trim_end())
        } else if self.bar.max(cells) + 2 + letters <= right && cells > 0 {
            writeln!(f, "{line}{:pad$}  {}", "", self.paint(&note, color(row)), pad = self.bar - cells)
        } else if cells + 2 + letters <= right {
            writeln!(f, "{line}{:pad$}{}", "", self.paint(&note, color(row)), pad = if cells > 0 { 2 } else { 0 })
        } else {
            writeln!(f, "{}", line.trim_end())?;
            let indent = if self.width < WIDTH_OF_INDENT { 4 } else { self.label + 1 };
            let note = format!("{} {note}", self.glyphs.below);
            for (i, part) in wrap(&note, self.width.saturating_sub(indent), 2).iter().enumerate() {
                let more = if i == 0 { 0 } else { 2 };
                writeln!(f, "{:pad$}{}", "", self.paint(part, color(row)), pad = indent + more)?;
            }
            Ok(())
        }
    }

    fn before_bars(&self) -> usize {
        let numbers = if self.has_at { 2 } else { 1 };
        self.label + 1 + self.about + numbers * (self.number + 2) + 2
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

/// From this width on, notes below a row are in line with the column after its label.
const WIDTH_OF_INDENT: usize = 80;

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

/// Indented in what it is a part of.
fn label_of(row: &Row) -> String {
    format!("{}{}", if is_connecting(row) { "    " } else { "  " }, row.label)
}

fn is_connecting(row: &Row) -> bool {
    row.phase.is_some_and(|phase| phase < Phase::Acquire || matches!(phase, Phase::Other(_)) && row.attempt.is_some())
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
