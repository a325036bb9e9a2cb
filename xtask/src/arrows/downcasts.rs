//! No decision by downcast, but where something foreign enters: `core`'s errors, each protocol's classification, the facade's bodies,
//! and where the command line makes an exit code of an error; and in `core`'s `Replays`, which leave a wish about one type of body with a thread.

use std::fs;
use std::path::{Path, PathBuf};

use crate::command::{Failure, Outcome};

/// Beginnings of paths below `crates/`.
const BORDERS: [&str; 8] = [
    "cli/src/fault",
    "core/src/error",
    "core/src/replays",
    "h1/src/classify",
    "h2/src/classify",
    "skybridge/src/layered_body",
    "skybridge/src/request_body",
    "tls/src/classify",
];

/// One sentence for each downcast in the sources below `crates` that is not at a border.
pub(crate) fn outside_the_borders(crates: &Path) -> Outcome<Vec<String>> {
    let mut found = Vec::new();
    for krate in entries(crates)? {
        for file in sources(&krate.join("src"))? {
            let place = file.strip_prefix(crates).unwrap_or(&file).to_string_lossy().into_owned();
            if !BORDERS.iter().any(|border| place.starts_with(border)) {
                found.extend(lines(&read(&file)?).map(|line| sentence(&place, line)));
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

/// What a panic said may be read anywhere: text is no error type, so no error is told from another by it.
fn is_downcast(line: &str) -> bool {
    let code = if line.trim_start().starts_with("//") { "" } else { line };
    code.replace("downcast_ref::<&str>", "").replace("downcast_ref::<String>", "").contains("downcast")
}

fn sources(folder: &Path) -> Outcome<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in entries(folder)? {
        if entry.is_dir() {
            files.extend(sources(&entry)?);
        } else if entry.extension().is_some_and(|extension| extension == "rs") {
            files.push(entry);
        }
    }
    Ok(files)
}

fn entries(folder: &Path) -> Outcome<Vec<PathBuf>> {
    let failed = || format!("cannot list {}", folder.display());
    let read = fs::read_dir(folder).map_err(Failure::during(failed()))?;
    let mut paths = read
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()
        .map_err(Failure::during(failed()))?;
    paths.sort();
    Ok(paths)
}

fn read(file: &Path) -> Outcome<String> {
    fs::read_to_string(file).map_err(Failure::during(format!("cannot read {}", file.display())))
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
