//! A group for each call: what it was, and a row for each of its phases.

use super::canvas::{Canvas, Look, RIGHT, ROW, human};
use crate::{
    Timeline,
    rows::{End, How, Row},
    wrap::wrap,
};
use skybridge_core::Phase;

/// The most rows of one call, and the most lines and letters in one of its error.
const ROWS: usize = 120;
const LINES: usize = 3;
const LETTERS: usize = 138;

pub(super) fn draw(canvas: &mut Canvas, timeline: &Timeline) {
    let rows = &timeline.rows;
    let error = match &rows.end {
        End::Failed(failure) => wrap(&format!("✗ {}", failure.message), LETTERS, 0),
        _ => Vec::new(),
    };
    let shown: Vec<_> = rows.list.iter().take(ROWS).collect();
    let more = rows.list.len() - shown.len();
    let lines = 1 + error.len().min(LINES) + shown.len() + usize::from(more > 0);
    canvas.band(lines as f64 * ROW + 6.0);
    let name = timeline.title().map_or_else(|| format!("call {}", rows.call), str::to_owned);
    let (details, class) = details(timeline);
    canvas.heading(&name, &details, class, &format!("call {}: {name}\u{2003}{details}", rows.call));
    for line in error.iter().take(LINES) {
        canvas.line(line, "bad");
    }
    for row in shown {
        draw_row(canvas, row);
    }
    if more > 0 {
        canvas.line(&format!("and {more} more rows"), "note");
    }
    canvas.advance(6.0);
}

fn details(timeline: &Timeline) -> (String, &'static str) {
    let rows = &timeline.rows;
    let total = human(rows.total());
    let status = rows.status.map(|status| format!("{status}  ")).unwrap_or_default();
    let on = timeline.on().map(|on| format!("  {on}")).unwrap_or_default();
    match &rows.end {
        End::ResponseResult | End::Unknown => (format!("{status}{total}{on}"), "note"),
        End::Running => (format!("{status}still running after {total}{on}"), "bad"),
        End::GivenUp => (format!("given up after {total}{on}"), "bad"),
        End::Failed(_) => (format!("{status}FAILED after {total}{on}"), "bad"),
    }
}

fn draw_row(canvas: &mut Canvas, row: &Row) {
    let indent = if row.phase.is_some_and(|phase| phase < Phase::Acquire) { 10.0 } else { 0.0 };
    let about = match row.attempt {
        Some(attempt) if attempt.0 > 1 => format!("#{} {}", attempt.0, row.about),
        _ => row.about.clone(),
    };
    canvas.label(row.label, indent, &about);
    let end = row.end.unwrap_or(std::time::Duration::MAX);
    let took = match row.end {
        _ if row.how == How::Mark => String::new(),
        Some(end) => human(end.saturating_sub(row.start)),
        None => "still running".into(),
    };
    let note = [took.as_str(), &row.note].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("  ");
    let at = human(row.start);
    let tooltip = format!("{} {} {}: from {at}, {note}", row.label, about, word(row.how));
    if row.how == How::Mark {
        let place = canvas.mark(row.start, &tooltip);
        canvas.note(place, (0.0, RIGHT), &note, ("note small", "note small"));
        return;
    }
    let look = match row.how {
        How::Failed => Look::Failed,
        How::Dropped => Look::Lost,
        _ if row.phase.is_some_and(is_waiting) => Look::Hollow,
        _ => Look::Solid,
    };
    let place = canvas.bar(row.start, end, row.phase.map_or("mark", hue), look, &tooltip);
    let (class, within) = match look {
        Look::Failed => ("bad small", "in small"),
        Look::Solid => ("note small", "in small"),
        Look::Hollow | Look::Lost => ("note small", "small"),
    };
    canvas.note(place, (0.0, RIGHT), &note, (class, within));
}

fn word(how: How) -> &'static str {
    match how {
        How::Running => "(running)",
        How::Failed => "(failed)",
        How::Dropped => "(given up)",
        How::Done | How::Mark => "",
    }
}

/// Whether in this phase nothing is done but to wait.
pub(super) fn is_waiting(phase: Phase) -> bool {
    matches!(phase, Phase::Backoff | Phase::LookupQueue | Phase::Acquire | Phase::Wait)
}

/// The class of its colour.
pub(super) fn hue(phase: Phase) -> &'static str {
    match phase {
        Phase::Resolve => "resolve",
        Phase::Tcp => "tcp",
        Phase::Tunnel => "tunnel",
        Phase::Tls => "tls",
        Phase::Handshake => "handshake",
        Phase::Send => "send",
        Phase::Wait => "wait",
        Phase::Body => "body",
        _ => "queue",
    }
}
