//! All calls of a run as a picture: what each did, and below what each connection carried. One file that refers to
//! nothing else and runs nothing, for a browser or a ticket.

mod calls;
mod canvas;
mod connections;
mod legend;

use self::canvas::{Canvas, RIGHT};
use crate::{Timelines, rows::End};

/// The most calls and connections that are drawn: a picture of more is nothing to look at.
const CALLS: usize = 300;
const CONNECTIONS: usize = 100;

impl Timelines {
    /// The style within each [`svg`](Self::svg): for the policy of a page that embeds one (Content Security Policy),
    /// which allows it by its hash.
    pub const SVG_STYLE: &str = include_str!("style.css");

    /// All calls as an SVG picture, on one axis: a group for each call with a row for each phase and attempt, and below
    /// a lane for each connection with the calls that it carried. At most 300 calls and 100 connections are drawn: the
    /// first. It has no script and refers to nothing outside; text from peers is escaped. `caption` is printed below
    /// the title, such as versions and the date.
    pub fn svg(&self, caption: &str) -> String {
        let mut canvas = Canvas::new(self.total());
        self.headline(&mut canvas, caption);
        legend::draw(&mut canvas);
        canvas.begin_axis();
        for timeline in self.list.iter().take(CALLS) {
            calls::draw(&mut canvas, timeline);
        }
        if let Some(more) = self.list.len().checked_sub(CALLS).filter(|more| *more > 0) {
            canvas.line(&format!("and {more} more calls"), "note");
        }
        canvas.end_axis();
        if !self.lanes.is_empty() {
            canvas.section("Connections");
            canvas.begin_axis();
            for lane in self.lanes.iter().take(CONNECTIONS) {
                connections::draw(&mut canvas, lane, self);
            }
            if let Some(more) = self.lanes.len().checked_sub(CONNECTIONS).filter(|more| *more > 0) {
                canvas.line(&format!("and {more} more connections"), "note");
            }
            canvas.end_axis();
        }
        canvas.finish()
    }

    fn headline(&self, canvas: &mut Canvas, caption: &str) {
        let failed = self.list.iter().filter(|timeline| matches!(timeline.rows.end, End::Failed(_))).count();
        let running = self.list.iter().filter(|timeline| timeline.is_running()).count();
        let count = |n: usize, what: &str| format!("{n} {what}{}", if n == 1 { "" } else { "s" });
        let mut title = format!("{} in {}", count(self.list.len(), "call"), canvas::human(self.total()));
        // One call alone has no lanes, and its group says on which connection it was.
        if !self.lanes.is_empty() {
            title += &format!(" on {}", count(self.lanes.len(), "connection"));
        }
        for (n, what) in [(failed, "failed"), (running, "still running")] {
            if n > 0 {
                title += &format!(", {n} {what}");
            }
        }
        canvas.headline(&title);
        let mut caption = caption.to_owned();
        if self.not_kept() > 0 {
            caption += &format!("  ·  {} earlier calls were not kept", self.not_kept());
        }
        canvas.caption(&caption, RIGHT);
    }
}
