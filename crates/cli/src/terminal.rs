//! What stderr can show: its width, whether it has more than ASCII, and colours.

use crate::{args::Color, stderr};
use std::ffi::OsString;

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Terminal {
    /// In columns, where that is known.
    pub(crate) width: Option<usize>,
    pub(crate) ascii: bool,
    pub(crate) colored: bool,
}

impl Terminal {
    pub(crate) fn of_stderr(color: Color) -> Self {
        let is_terminal = stderr::is_terminal();
        let columns = is_terminal.then(|| terminal_size::terminal_size_of(std::io::stderr())).flatten();
        let columns = columns.map(|(width, _)| usize::from(width.0));
        Self::of(color, is_terminal, columns, |name| std::env::var_os(name))
    }

    fn of(
        color: Color,
        is_terminal: bool,
        columns: Option<usize>,
        variable: impl Fn(&str) -> Option<OsString>,
    ) -> Self {
        let set = |name| variable(name).filter(|value| !value.is_empty());
        let given = set("COLUMNS").and_then(|columns| columns.to_str()?.parse().ok());
        // As the C library chooses (POSIX, "Environment Variables"). Where nothing is said, as in most containers,
        // the terminal in front of it can show UTF-8 all the same.
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set);
        let is_utf8 = |locale: OsString| {
            let locale = locale.to_string_lossy().to_ascii_lowercase();
            locale.contains("utf-8") || locale.contains("utf8")
        };
        let is_dumb = set("TERM").is_some_and(|term| term == "dumb");
        Self {
            width: given.or(columns).filter(|columns| *columns > 0),
            ascii: !locale.is_none_or(is_utf8),
            colored: match color {
                Color::Always => true,
                Color::Never => false,
                Color::Auto => is_terminal && !is_dumb && set("NO_COLOR").is_none(),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(color: Color, is_terminal: bool, variables: &[(&str, &str)]) -> (Option<usize>, bool, bool) {
        let variable = |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| value.into());
        let terminal = Terminal::of(color, is_terminal, is_terminal.then_some(132), variable);
        (terminal.width, terminal.ascii, terminal.colored)
    }

    #[test]
    fn a_locale_without_utf8_is_ascii_and_no_color_and_dumb_terminals_have_none() {
        for (variables, expected) in [
            (&[][..], (Some(132), false, true)),
            (&[("LC_ALL", "C")], (Some(132), true, true)),
            (&[("LC_ALL", "C"), ("LANG", "de_DE.UTF-8")], (Some(132), true, true)),
            (&[("LC_ALL", ""), ("LANG", "de_DE.utf8")], (Some(132), false, true)),
            (&[("LC_CTYPE", "POSIX")], (Some(132), true, true)),
            (&[("NO_COLOR", "1")], (Some(132), false, false)),
            (&[("NO_COLOR", "")], (Some(132), false, true)),
            (&[("TERM", "dumb")], (Some(132), false, false)),
            (&[("COLUMNS", "72")], (Some(72), false, true)),
            (&[("COLUMNS", "wide")], (Some(132), false, true)),
        ] {
            assert_eq!(of(Color::Auto, true, variables), expected, "{variables:?}");
        }
    }

    #[test]
    fn a_flag_goes_before_the_environment_and_a_pipe_has_no_colours() {
        assert_eq!(of(Color::Always, false, &[("NO_COLOR", "1")]), (None, false, true));
        assert_eq!(of(Color::Never, true, &[]), (Some(132), false, false));
        assert_eq!(of(Color::Auto, false, &[]), (None, false, false));
    }
}
