//! The page of errors is the table that reports and the command line take their words from.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use skybridge::types::Advice;
use std::{collections::HashSet, fmt::Write, fs, path::Path};

const PAGE: &str = include_str!("../../crates/skybridge/docs/errors.md");

const HEAD: &str = "\
What each error means, and what to do about it.

[`Error`](crate::Error) is one sentence: the origin, the phase, the addresses, the reason, and what became of the
request. `{:#}`, [`Error::report`](crate::Error::report) and `Debug` say all that is known, in several lines, and what
to do. The words are those of this table, [`Advice`](crate::types::Advice), whose `key` is for logs and metrics
([`Error::advice`](crate::Error::advice)). The command line has the same rows, and says what to do in its flags.

| key | what it means | what to do in code | what to do on the command line |
|---|---|---|---|
";

/// Text of a terminal as text of a page: flags and URLs in backticks would be read twice, so it is set as it is.
fn cell(text: &str) -> String {
    text.replace('<', "&lt;")
}

fn page() -> String {
    let mut page = HEAD.to_owned();
    for advice in Advice::ALL {
        let (key, means, in_code) = (advice.key(), advice.means(), advice.in_code());
        writeln!(page, "| `{key}` | {means} | {in_code} | {} |", cell(advice.on_command_line())).unwrap();
    }
    page
}

/// `SKYBRIDGE_WRITE_DOCS=1` writes it.
#[test]
fn the_page_is_the_table() {
    if std::env::var_os("SKYBRIDGE_WRITE_DOCS").is_some() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../crates/skybridge/docs/errors.md");
        fs::write(path, page()).unwrap();
        return;
    }
    assert_eq!(PAGE, page(), "write it with SKYBRIDGE_WRITE_DOCS=1");
}

#[test]
fn each_row_has_a_key_of_its_own_and_plain_words() {
    let keys: HashSet<_> = Advice::ALL.iter().map(|advice| advice.key()).collect();
    assert_eq!(keys.len(), Advice::ALL.len());
    for advice in Advice::ALL {
        assert!(advice.means().ends_with('.'), "{advice}: a sentence");
        for words in [advice.means(), advice.in_code(), advice.on_command_line()] {
            assert!(!words.contains(['|', '\n']) && words.len() < 140, "{advice}: {words}");
        }
        assert!(!advice.on_command_line().contains('`'), "{advice}: it is printed in a terminal");
    }
}
