//! No decision by downcast, except where something foreign enters: in `core`'s errors, in each protocol's
//! classification, in the facade's bodies, and where the command line turns an error into an exit code. `core`'s
//! `Replays` and `FollowUp` are the other exception: they pass a value of one type of body to a connection by way of
//! the thread, and a request back by way of its response.

use std::path::Path;

use crate::command::Outcome;
use crate::files;

/// Beginnings of paths below `crates/`.
const BORDERS: [&str; 10] = [
    "cli/src/fault",
    "core/src/error",
    "core/src/request/follow_up",
    "core/src/request/replays",
    "h2/src/classify",
    "hyper/src/h1/classify",
    "skybridge/src/layered_body",
    "skybridge/src/request_body",
    "tls/src/classify",
    "tonic/src/status",
];

/// One sentence for each downcast in the sources below `crates` that is not at a border.
pub(crate) fn outside_the_borders(crates: &Path) -> Outcome<Vec<String>> {
    let mut found = Vec::new();
    for krate in files::entries(crates)? {
        for file in files::sources(&krate.join("src"))? {
            let place = file.strip_prefix(crates).unwrap_or(&file).to_string_lossy().into_owned();
            if !BORDERS.iter().any(|border| place.starts_with(border)) {
                found.extend(lines(&files::read(&file)?).map(|line| sentence(&place, line)));
            }
        }
    }
    Ok(found)
}

fn sentence(place: &str, line: usize) -> String {
    format!("crates/{place}:{line}: a downcast; foreign errors are classified where they enter")
}

/// The numbers of the lines of code that downcast.
fn lines(text: &str) -> impl Iterator<Item = usize> {
    let numbered = text.lines().enumerate();
    numbered.filter(|(_, line)| is_downcast(line)).map(|(index, _)| index + 1)
}

/// The message of a panic may be read anywhere: it is text, and no error is classified by it.
fn is_downcast(line: &str) -> bool {
    let code = if line.trim_start().starts_with("//") { "" } else { line };
    code.replace("downcast_ref::<&str>", "").replace("downcast_ref::<String>", "").contains("downcast")
}

#[cfg(test)]
mod tests {
    use super::lines;

    #[test]
    fn the_text_of_a_panic_may_be_read() {
        let text = "match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {\n";
        assert_eq!(lines(text).count(), 0);
        assert_eq!(lines("(p.downcast_ref::<&str>(), e.downcast_ref::<h2::Error>())").count(), 1);
    }

    #[test]
    fn code_counts_and_comments_do_not() {
        let text = "//! never downcast\nlet a = e.downcast_ref::<io::Error>();\n    // downcast\nlet b = 1;\n";
        assert_eq!(lines(text).collect::<Vec<_>>(), [2]);
    }
}
