//! Comments keep to 120 columns, as code does. Stable rustfmt leaves them as they are: its `wrap_comments` and
//! `comment_width` need nightly.

use std::path::{Path, PathBuf};

use crate::command::{self, Failure, Outcome};
use crate::files;

/// As `max_width` in `rustfmt.toml`.
const WIDTH: usize = 120;

/// The folders of the workspace that have Rust in them.
const FOLDERS: [&str; 4] = ["crates", "examples", "tests", "xtask"];

pub(crate) fn run() -> Outcome {
    let root = command::root();
    let mut wide = Vec::new();
    for folder in FOLDERS {
        for file in files::sources(&root.join(folder))? {
            let text = files::read(&file)?;
            wide.extend(too_wide(&text).map(|line| format!("{}:{line}", shown(&root, &file))));
        }
    }
    if wide.is_empty() {
        println!("comments keep to {WIDTH} columns");
        return Ok(());
    }
    let count = wide.len();
    Err(Failure::new(format!("{count} comments are wider than {WIDTH} columns:\n  {}", wide.join("\n  "))))
}

fn shown(root: &Path, file: &Path) -> String {
    file.strip_prefix(root).map(PathBuf::from).unwrap_or_else(|_| file.to_owned()).display().to_string()
}

/// The numbers of the lines whose comment goes beyond the width and could have been broken before it.
fn too_wide(text: &str) -> impl Iterator<Item = usize> {
    text.lines().enumerate().filter(|(_, line)| is_too_wide(line)).map(|(index, _)| index + 1)
}

fn is_too_wide(line: &str) -> bool {
    if line.chars().count() <= WIDTH {
        return false;
    }
    let Some(comment) = comment(line) else { return false };
    let text = comment.trim_start_matches(['/', '!']).trim();
    // A table's row and a link can't be broken.
    !text.starts_with('|') && text.contains(' ')
}

/// The comment of a line: all of it, or what follows the code. A `//` in a string has code or a quote behind it.
fn comment(line: &str) -> Option<&str> {
    let trimmed = line.trim_start();
    if trimmed.starts_with("//") {
        return Some(trimmed);
    }
    let at = line.rfind(" // ")?;
    (!line[at..].contains('"')).then(|| &line[at + 1..])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_are_measured_and_code_is_not() {
        let wide = "word ".repeat(30);
        for line in [format!("// {wide}"), format!("    /// {wide}"), format!("let a = 1; // {wide}")] {
            assert_eq!(too_wide(&format!("fn f() {{}}\n{line}\n")).collect::<Vec<_>>(), [2], "{line}");
        }
        let string = format!("    note = \"https://a.test/ {wide}\",");
        let row = format!("/// | {wide} |");
        let link = format!("/// <https://a.test/{}>", "x".repeat(120));
        for line in [string, row, link, "// short".to_owned(), format!("// {}", "\u{e9}".repeat(117))] {
            assert_eq!(too_wide(&line).count(), 0, "{line}");
        }
    }
}
