//! Prints the tour.

use super::scene::Scene;
use crate::{exit::Exit, fault::chain};
use skybridge_trace::Timeline;
use std::{
    error::Error,
    fmt::Display,
    io::{IsTerminal, Write},
};

pub(super) struct Narrator {
    of: usize,
    step: usize,
    wrong: usize,
    colored: bool,
}

impl Narrator {
    pub(super) fn new(of: usize) -> Self {
        Self { of, step: 0, wrong: 0, colored: std::io::stdout().is_terminal() }
    }

    pub(super) fn step(&mut self, title: &str) {
        self.step += 1;
        print(format_args!("{}/{}  {title}", self.step, self.of));
    }

    pub(super) fn tell(&mut self, scene: &Scene) {
        scene.lines().iter().for_each(|line| print(format_args!("      {line}")));
        scene.drawn().iter().for_each(|timeline| self.draw(timeline));
        for (what, is_so) in scene.checked() {
            print(format_args!("  {}  {what}", if *is_so { "ok  " } else { "WRONG" }));
            self.wrong += usize::from(!is_so);
        }
        print("");
    }

    fn draw(&self, timeline: &Timeline) {
        let timeline = if self.colored { timeline.clone().colored() } else { timeline.clone() };
        timeline.to_string().lines().for_each(|line| print(format_args!("      {line}")));
    }

    pub(super) fn error(&mut self, error: &(dyn Error + Send + Sync + 'static)) {
        self.wrong += 1;
        let why: Vec<_> = chain(error).map(ToString::to_string).collect();
        print(format_args!("  WRONG  {}\n", why.join(": ")));
    }

    pub(super) fn end(self) -> Exit {
        match self.wrong {
            0 => {
                print(format_args!("All {} steps went as they should.", self.of));
                Exit::OK
            }
            wrong => {
                print(format_args!("{wrong} of what was expected isn't so."));
                Exit::TOUR
            }
        }
    }
}

fn print(line: impl Display) {
    // A closed stdout is ignored.
    let _ = writeln!(std::io::stdout().lock(), "{line}");
}
