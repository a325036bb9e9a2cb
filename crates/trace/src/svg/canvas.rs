//! Where things go, and how they are written: everything that is text is escaped here.

use crate::{clean::clean_xml, wrap::cut};
use std::{fmt::Write, time::Duration};

const WIDTH: f64 = 1000.0;
const LEFT: f64 = 14.0;
/// Where bars begin and end.
const BARS: f64 = 262.0;
pub(super) const RIGHT: f64 = 986.0;
pub(super) const ROW: f64 = 19.0;
const BAR: f64 = 12.0;
/// The most characters of one text, and of a tooltip.
const LONGEST: usize = 140;
const LONGEST_TOOLTIP: usize = 600;
/// Where a note has so much room beside a bar it rather loses its end than lies upon what it tells of.
const CUT: f64 = 100.0;
/// What a character takes on average, in pixels. A little more than it does, so that nothing overlaps.
const LETTER: f64 = 6.6;

/// An SVG that is being written, from its top to its bottom.
pub(super) struct Canvas {
    out: String,
    total: Duration,
    y: f64,
    /// Where the axis began, and where its lines go in the text.
    axis: (f64, usize),
    bands: usize,
}

/// What a bar looks like.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Look {
    Solid,
    /// Something is waited for.
    Hollow,
    /// Lost a race, or given up.
    Lost,
    Failed,
}

impl Canvas {
    pub(super) fn new(total: Duration) -> Self {
        // A picture of nothing has an axis all the same.
        let total = total.max(Duration::from_micros(1));
        Self { out: String::new(), total, y: 0.0, axis: (0.0, 0), bands: 0 }
    }

    pub(super) fn advance(&mut self, by: f64) {
        self.y += by;
    }

    pub(super) fn x(&self, at: Duration) -> f64 {
        let share = (at.as_secs_f64() / self.total.as_secs_f64()).min(1.0);
        BARS + share * (RIGHT - BARS)
    }

    fn put(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a string doesn't fail.
        let _ = self.out.write_fmt(text);
    }

    /// Text at a place.
    pub(super) fn text(&mut self, x: f64, y: f64, class: &str, text: &str) {
        let text = clean_xml(text, LONGEST);
        if class.is_empty() {
            self.put(format_args!("<text x=\"{x:.1}\" y=\"{y:.1}\">{text}</text>\n"));
        } else {
            self.put(format_args!("<text x=\"{x:.1}\" y=\"{y:.1}\" class=\"{class}\">{text}</text>\n"));
        }
    }

    pub(super) fn headline(&mut self, title: &str) {
        self.y = 28.0;
        self.text(LEFT, self.y, "title", title);
    }

    pub(super) fn caption(&mut self, caption: &str, right: f64) {
        self.y += 18.0;
        let caption = cut(caption, letters(right - LEFT), '…');
        self.text(LEFT, self.y, "note", &caption);
        self.y += 10.0;
    }

    pub(super) fn section(&mut self, title: &str) {
        self.y += 34.0;
        self.text(LEFT, self.y, "title", title);
        self.y += 4.0;
    }

    /// One line of text of its own.
    pub(super) fn line(&mut self, text: &str, class: &str) {
        self.y += ROW;
        self.text(LEFT, self.y - 5.0, class, text);
    }

    /// The numbers above the rows. The lines are drawn when it is known how long they are.
    pub(super) fn begin_axis(&mut self) {
        self.y += 22.0;
        for at in ticks(self.total) {
            let (x, y) = (self.x(at), self.y - 4.0);
            let class = if x > RIGHT - 24.0 { "note small end" } else { "note small mid" };
            let text = human_tick(at, self.total);
            self.text(if x > RIGHT - 24.0 { RIGHT } else { x }, y, class, &text);
        }
        self.axis = (self.y, self.out.len());
        self.bands = 0;
        self.y += 4.0;
    }

    pub(super) fn end_axis(&mut self) {
        let (top, place) = self.axis;
        let bottom = self.y + 6.0;
        let mut lines = String::new();
        for at in ticks(self.total) {
            let x = self.x(at);
            let _ = writeln!(lines, "<path class=\"grid\" d=\"M{x:.1} {top:.1}V{bottom:.1}\"/>");
        }
        self.out.insert_str(place, &lines);
        self.y = bottom;
    }

    /// A background for every other group, which begins here and is so high.
    pub(super) fn band(&mut self, height: f64) {
        self.bands += 1;
        if self.bands % 2 == 1 {
            let y = self.y;
            self.put(format_args!(
                "<rect class=\"band\" x=\"6\" y=\"{y:.1}\" width=\"988\" height=\"{height:.1}\" rx=\"5\"/>\n"
            ));
        }
    }

    /// A heading over the whole width: a name, and what is to be known of it.
    pub(super) fn heading(&mut self, name: &str, details: &str, class: &str, tooltip: &str) {
        self.y += ROW;
        let name = cut(name, 78, '…');
        let room = letters(RIGHT - LEFT).saturating_sub(name.chars().count() + 4);
        let details = clean_xml(&cut(details, room, '…'), LONGEST);
        let (name, y, tooltip) = (clean_xml(&name, LONGEST), self.y - 5.0, clean_xml(tooltip, LONGEST_TOOLTIP));
        self.put(format_args!(
            "<text x=\"{LEFT}\" y=\"{y:.1}\"><title>{tooltip}</title><tspan class=\"name\">{name}</tspan>\
             <tspan class=\"{class}\">   {details}</tspan></text>\n"
        ));
    }

    /// The label of a row, and what it is about. The row is begun by that.
    pub(super) fn label(&mut self, label: &str, indent: f64, about: &str) {
        self.y += ROW;
        let y = self.y - 5.0;
        self.text(LEFT + 10.0 + indent, y, "", label);
        let x = LEFT + 96.0;
        let about = cut(about, letters(BARS - x - 6.0), '…');
        if !about.is_empty() {
            self.text(x, y, "note small", &about);
        }
    }

    /// A bar in the row whose bottom is here, with a tooltip.
    pub(super) fn bar(&mut self, from: Duration, to: Duration, hue: &str, look: Look, tooltip: &str) -> (f64, f64) {
        let (x0, x1) = (self.x(from), self.x(to.max(from)));
        let (y, width) = (self.y - ROW + 3.5, (x1 - x0).max(1.6));
        let x0 = x0.min(RIGHT - width);
        let tooltip = clean_xml(tooltip, LONGEST_TOOLTIP);
        self.put(format_args!("<g><title>{tooltip}</title>"));
        let shape = |x: f64, y: f64, width: f64, height: f64| {
            let rx = 2.5_f64.min(width / 2.0);
            format!("x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"{rx:.1}\"")
        };
        match look {
            Look::Solid => {
                self.put(format_args!("<rect class=\"{hue}\" stroke=\"none\" {}/>", shape(x0, y, width, BAR)))
            }
            Look::Failed => self.put(format_args!("<rect class=\"failed\" {}/>", shape(x0, y, width, BAR))),
            Look::Hollow => {
                let inner = shape(x0 + 0.7, y + 0.7, (width - 1.4).max(0.4), BAR - 1.4);
                self.put(format_args!("<rect class=\"{hue} hollow\" pointer-events=\"all\" {inner}/>"));
            }
            Look::Lost => {
                let shape = shape(x0, y, width, BAR);
                self.put(format_args!(
                    "<g class=\"lost\"><rect class=\"{hue}\" {shape}/><rect class=\"hatch\" {shape}/></g>"
                ));
            }
        }
        self.put(format_args!("</g>\n"));
        (x0, x0 + width)
    }

    /// What is open behind the bars of the row whose bottom is here.
    pub(super) fn open(&mut self, from: Duration, to: Duration, rows: f64, tooltip: &str) {
        let (x0, x1) = (self.x(from), self.x(to.max(from)));
        let (y, width, height) = (self.y - ROW + 1.0, (x1 - x0).max(2.0), rows * ROW - 2.0);
        let tooltip = clean_xml(tooltip, LONGEST_TOOLTIP);
        self.put(format_args!(
            "<rect class=\"open\" x=\"{x0:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" rx=\"3\">\
             <title>{tooltip}</title></rect>\n"
        ));
    }

    /// A moment.
    pub(super) fn mark(&mut self, at: Duration, tooltip: &str) -> (f64, f64) {
        let (x, y) = (self.x(at).clamp(BARS, RIGHT - 4.0), self.y - ROW / 2.0);
        let tooltip = clean_xml(tooltip, LONGEST_TOOLTIP);
        self.put(format_args!(
            "<path class=\"mark\" d=\"M{x:.1} {:.1}l4.5 4.5l-4.5 4.5l-4.5 -4.5z\"><title>{tooltip}</title></path>\n",
            y - 4.5
        ));
        (x - 4.5, x + 4.5)
    }

    /// What a bar says: right of it, or left, or within, wherever there is room between these two.
    pub(super) fn note(
        &mut self,
        (x0, x1): (f64, f64),
        (from, most): (f64, f64),
        note: &str,
        (class, within): (&str, &str),
    ) {
        if note.is_empty() {
            return;
        }
        let (y, width) = (self.y - 5.5, note.chars().count() as f64 * LETTER);
        let (right, left) = (most - x1 - 6.0, x0 - from.max(BARS) - 6.0);
        // On a hollow bar text is harder to read than beside it.
        let is_filled = within.contains("in ");
        if width <= right {
            self.text(x1 + 5.0, y, class, note);
        } else if width <= x1 - x0 - 8.0 && is_filled {
            self.text(x0 + 5.0, y, within, note);
        } else if width <= left {
            self.text(x0 - 5.0, y, &format!("{class} end"), note);
        } else if right >= CUT && right >= left {
            self.text(x1 + 5.0, y, class, &cut(note, letters(right), '…'));
        } else if width <= x1 - x0 - 8.0 {
            self.text(x0 + 5.0, y, within, note);
        } else if right >= left.max(40.0) {
            self.text(x1 + 5.0, y, class, &cut(note, letters(right), '…'));
        } else if left >= 40.0 {
            self.text(x0 - 5.0, y, &format!("{class} end"), &cut(note, letters(left), '…'));
        } else if x1 - x0 >= 24.0 {
            self.text(x0 + 5.0, y, within, &cut(note, letters(x1 - x0 - 8.0), '…'));
        }
    }

    /// An example of a bar, for the legend. Returns where the next may be.
    pub(super) fn example(&mut self, x: f64, hue: &str, look: Look, name: &str) -> f64 {
        let y = self.y;
        let rect = format!("x=\"{x:.1}\" y=\"{:.1}\" width=\"18\" height=\"10\" rx=\"2\"", y - 9.0);
        match look {
            Look::Solid => self.put(format_args!("<rect class=\"{hue}\" {rect}/>\n")),
            Look::Failed => self.put(format_args!("<rect class=\"failed\" {rect}/>\n")),
            Look::Hollow => self.put(format_args!("<rect class=\"{hue} hollow\" {rect}/>\n")),
            Look::Lost => {
                self.put(format_args!(
                    "<g class=\"lost\"><rect class=\"{hue}\" {rect}/><rect class=\"hatch\" {rect}/></g>\n"
                ));
            }
        }
        self.text(x + 23.0, y, "note small", name);
        x + Self::example_width(name) + 14.0
    }

    /// As much as its letters take where they are widest: in a picture that is shown at less than its size.
    pub(super) fn example_width(name: &str) -> f64 {
        23.0 + name.chars().count() as f64 * LETTER
    }

    pub(super) fn finish(self) -> String {
        let height = self.y + 14.0;
        let style = include_str!("style.css");
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height:.0}\" width=\"100%\" \
             preserveAspectRatio=\"xMidYMin meet\">\n<style>{style}</style>\n<defs><pattern id=\"hatch\" width=\"5\" height=\"5\" \
             patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\"><path class=\"stripe\" d=\"M0 0V5\" \
             stroke-width=\"4\"/></pattern></defs>\n<rect class=\"bg\" width=\"{WIDTH}\" height=\"{height:.0}\"/>\n{}</svg>\n",
            self.out
        )
    }
}

/// How many letters have room there.
fn letters(width: f64) -> usize {
    (width.max(0.0) / LETTER) as usize
}

/// A time for people.
pub(crate) fn human(time: Duration) -> String {
    match time.as_micros() {
        0..1_000 => format!("{} µs", time.as_micros()),
        1_000..100_000 => format!("{:.1} ms", time.as_secs_f64() * 1e3),
        100_000..1_000_000 => format!("{:.0} ms", time.as_secs_f64() * 1e3),
        1_000_000..100_000_000 => format!("{:.2} s", time.as_secs_f64()),
        _ => format!("{:.0} s", time.as_secs_f64()),
    }
}

/// The step of an axis: 1, 2 or 5 of some power of ten, for four to ten of them.
fn step(total: Duration) -> Duration {
    let most = total.as_nanos() / 4;
    let mut power: u128 = 1;
    while power * 10 <= most {
        power *= 10;
    }
    let step = [5, 2, 1].into_iter().map(|n| n * power).find(|step| *step <= most).unwrap_or(power);
    Duration::from_nanos(u64::try_from(step.max(1)).unwrap_or(u64::MAX))
}

fn ticks(total: Duration) -> impl Iterator<Item = Duration> {
    let step = step(total);
    (0..=10).map(move |n| step.saturating_mul(n)).take_while(move |at| *at <= total)
}

fn human_tick(at: Duration, total: Duration) -> String {
    let step = step(total);
    if at.is_zero() {
        "0".into()
    } else if step >= Duration::from_millis(100) && total >= Duration::from_secs(1) {
        format!("{:.1} s", at.as_secs_f64()).replace(".0 s", " s")
    } else if step >= Duration::from_millis(1) {
        format!("{} ms", at.as_millis())
    } else if step >= Duration::from_micros(100) {
        format!("{:.1} ms", at.as_secs_f64() * 1e3)
    } else {
        format!("{} µs", at.as_micros())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_has_a_few_round_numbers() {
        for (total, expected) in [
            (Duration::from_millis(122), "0 20 ms 40 ms 60 ms 80 ms 100 ms 120 ms"),
            (Duration::from_micros(900), "0 0.2 ms 0.4 ms 0.6 ms 0.8 ms"),
            (Duration::from_secs(12), "0 2 s 4 s 6 s 8 s 10 s 12 s"),
            (Duration::from_millis(2500), "0 0.5 s 1 s 1.5 s 2 s 2.5 s"),
            (Duration::from_nanos(1), "0 0 µs"),
        ] {
            let axis: Vec<_> = ticks(total).map(|at| human_tick(at, total)).collect();
            assert_eq!(axis.join(" "), expected);
        }
        assert!(ticks(Duration::MAX).count() < 12);
    }
}
