//! A lane for each connection, and on it the calls that it carried: side by side where it carried several at once.

use super::{
    calls::{hue, is_waiting},
    canvas::{Canvas, Look, RIGHT, ROW, human},
};
use crate::{
    Timelines,
    lanes::{Carried, Lane},
};
use std::time::Duration;

/// The most rows of one lane.
const ROWS: usize = 24;

pub(super) fn draw(canvas: &mut Canvas, lane: &Lane, timelines: &Timelines) {
    let end = lane.closed.as_ref().map_or(timelines.total(), |(at, _)| *at);
    let (rows, more) = side_by_side(&lane.carried);
    let lines = rows.len().max(1) + usize::from(more > 0);
    canvas.band((lines + 1) as f64 * ROW + 6.0);
    let facts = lane.facts.as_ref().map(|facts| facts.to_string()).unwrap_or_default();
    let carried = match lane.carried.len() {
        0 => "carried nothing".to_owned(),
        1 => "1 call".to_owned(),
        n => format!("{n} calls"),
    };
    let closed = lane.closed.as_ref().map(|(_, reason)| format!("  closed: {}", reason.sentence())).unwrap_or_default();
    let details = format!("{carried}  {facts}{closed}");
    let name = format!("connection {}", lane.id);
    canvas.heading(&name, &details, "note", &format!("{name}: {details}"));
    canvas.advance(ROW);
    canvas.open(lane.opened, end, rows.len().max(1) as f64, &format!("{name}: open{closed}"));
    canvas.advance(-ROW);
    for row in &rows {
        canvas.advance(ROW);
        for (i, carried) in row.iter().enumerate() {
            let next = row.get(i + 1).map_or(RIGHT, |next| canvas.x(next.waits_from()));
            let before = i.checked_sub(1).and_then(|before| row.get(before));
            let before = before.map_or(0.0, |before| canvas.x(before.ends_at()));
            draw_call(canvas, carried, (before, next), timelines);
        }
    }
    if rows.is_empty() {
        canvas.advance(ROW);
    }
    if let Some((at, reason)) = &lane.closed {
        canvas.mark(*at, &format!("closed: {}", reason.sentence()));
    }
    if more > 0 {
        canvas.line(&format!("and {more} more calls at once"), "note");
    }
    canvas.advance(6.0);
}

fn draw_call(canvas: &mut Canvas, carried: &Carried, room: (f64, f64), timelines: &Timelines) {
    let title = timelines.list.iter().find(|timeline| timeline.call() == carried.call).and_then(|found| found.title());
    let title = title.unwrap_or_default();
    let waited = carried.acquired.saturating_sub(carried.waits_from());
    let told = format!("call {}  {title}: {} after {}", carried.call, carried.how, human(waited));
    let mut place = (canvas.x(carried.waits_from()), canvas.x(carried.acquired));
    if !waited.is_zero() {
        place = canvas.bar(carried.waits_from(), carried.acquired, "queue", Look::Hollow, &told);
    }
    for part in &carried.parts {
        let end = part.end.unwrap_or(Duration::MAX);
        let look = match part.failed {
            Some(true) => Look::Failed,
            Some(false) => Look::Lost,
            None if is_waiting(part.phase) => Look::Hollow,
            None => Look::Solid,
        };
        let took = part.end.map_or_else(|| "still running".into(), |end| human(end.saturating_sub(part.start)));
        let (_, right) =
            canvas.bar(part.start, end, hue(part.phase), look, &format!("{told}\u{2003}{}: {took}", part.phase));
        place.1 = right;
    }
    let how = if carried.how == "new" { "" } else { carried.how };
    let label = [&*format!("call {}", carried.call), how, title];
    let label = label.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join("  ");
    canvas.note(place, room, &label, ("small", "small"));
}

/// The calls in rows, so that none overlaps another; and how many have no place.
fn side_by_side(carried: &[Carried]) -> (Vec<Vec<&Carried>>, usize) {
    let mut rows: Vec<Vec<&Carried>> = Vec::new();
    let mut more = 0;
    for call in carried {
        let is_free = |row: &Vec<&Carried>| row.last().is_none_or(|last| last.ends_at() <= call.waits_from());
        match rows.iter().position(is_free) {
            Some(place) => rows.get_mut(place).into_iter().for_each(|row| row.push(call)),
            None if rows.len() < ROWS => rows.push(vec![call]),
            None => more += 1,
        }
    }
    (rows, more)
}
