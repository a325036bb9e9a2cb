//! Keeps what a peer has said from moving the cursor of a terminal, or from turning a line around.

use std::fmt::{self, Write};

/// Passes text on with its control characters escaped, and those that change the direction of what follows.
pub(super) struct Printable<'a, 'b>(pub(super) &'a mut fmt::Formatter<'b>);

impl Write for Printable<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mut rest = text;
        while let Some(at) = rest.find(is_hostile) {
            let (before, after) = rest.split_at(at);
            self.0.write_str(before)?;
            let mut chars = after.chars();
            chars.next().map_or(Ok(()), |hostile| write!(self.0, "{}", hostile.escape_unicode()))?;
            rest = chars.as_str();
        }
        self.0.write_str(rest)
    }
}

fn is_hostile(c: char) -> bool {
    let turns = matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    turns || c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}
