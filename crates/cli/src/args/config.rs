//! `-K`: arguments from a file, as curl reads them. What a file says stands where its `-K` stands.

use super::Args;
use crate::exit::Exit;
use clap::{ArgAction, Command, CommandFactory};
use std::{
    ffi::{OsStr, OsString},
    fs,
    io::{self, Read},
    path::Path,
};

/// How deep files may name files.
const DEEPEST: usize = 8;

/// The arguments, with those of files behind their `-K`.
///
/// # Errors
/// When a file can't be read (26, as with curl), or isn't such a file (2): with its name, and why.
pub(crate) fn expand(arguments: Vec<OsString>) -> Result<Vec<OsString>, (Exit, String)> {
    expand_within(&Args::command(), arguments, DEEPEST)
}

fn expand_within(command: &Command, arguments: Vec<OsString>, depth: usize) -> Result<Vec<OsString>, (Exit, String)> {
    let (mut all, mut arguments) = (Vec::with_capacity(arguments.len()), arguments.into_iter());
    while let Some(argument) = arguments.next() {
        let found = flag_with_value(command, &argument);
        if argument == "--" {
            all.push(argument);
            all.extend(arguments.by_ref());
            break;
        }
        all.push(argument);
        let Some((is_config, value)) = found else { continue };
        let value = match value {
            Some(value) => Some(value),
            None => arguments.next().inspect(|next| all.push(next.clone())),
        };
        let Some(path) = value.filter(|_| is_config) else { continue };
        let failed =
            |exit, why: &dyn std::fmt::Display| (exit, format!("--config {}: {why}", Path::new(&path).display()));
        if depth == 0 {
            return Err(failed(Exit::USAGE, &format_args!("files name files, more than {DEEPEST} deep")));
        }
        let text = read(Path::new(&path)).map_err(|error| failed(Exit::READ_FILE, &error))?;
        let inner =
            parse(command, &text).map_err(|(line, why)| failed(Exit::USAGE, &format_args!("line {line}: {why}")))?;
        all.extend(expand_within(command, inner, depth - 1)?);
    }
    Ok(all)
}

/// Whether a flag takes a value, which is in the argument itself or in the next one, and is `-K`.
pub(super) fn flag_with_value(command: &Command, argument: &OsStr) -> Option<(bool, Option<OsString>)> {
    let text = argument.to_str()?;
    if let Some(long) = text.strip_prefix("--") {
        let (name, value) = long.split_once('=').map_or((long, None), |(name, value)| (name, Some(value)));
        return takes_value(command, name).then(|| (name == "config", value.map(Into::into)));
    }
    let shorts = text.strip_prefix('-')?;
    let (at, short) = shorts.char_indices().find(|(_, short)| short_takes_value(command, *short))?;
    let rest = &shorts[at + short.len_utf8()..];
    let rest = rest.strip_prefix('=').unwrap_or(rest);
    Some((short == 'K', (!rest.is_empty()).then(|| rest.into())))
}

fn takes_value(command: &Command, long: &str) -> bool {
    command.get_arguments().any(|known| {
        let aliases = known.get_visible_aliases().unwrap_or_default();
        (known.get_long() == Some(long) || aliases.contains(&long)) && has_value(known)
    })
}

fn short_takes_value(command: &Command, short: char) -> bool {
    command.get_arguments().any(|known| known.get_short() == Some(short) && has_value(known))
}

pub(super) fn has_value(known: &clap::Arg) -> bool {
    matches!(known.get_action(), ArgAction::Set | ArgAction::Append)
        && known.get_num_args().is_none_or(|count| count.takes_values())
}

fn read(path: &Path) -> io::Result<String> {
    if path.as_os_str() != "-" {
        return fs::read_to_string(path);
    }
    let mut text = String::new();
    io::stdin().lock().read_to_string(&mut text)?;
    Ok(text)
}

/// A flag a line, with dashes or without; its value stands behind spaces, `=` or `:`, in quotes if it has spaces.
fn parse(command: &Command, text: &str) -> Result<Vec<OsString>, (usize, String)> {
    let mut arguments = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let end = line.find(|c: char| c.is_whitespace() || matches!(c, '=' | ':')).unwrap_or(line.len());
        let (flag, rest) = line.split_at(end);
        let rest = rest.trim_start();
        let rest = rest.strip_prefix(['=', ':']).unwrap_or(rest).trim_start();
        let is_short = flag.starts_with('-') && !flag.starts_with("--");
        let flag = if flag.starts_with('-') { flag.to_owned() } else { format!("--{flag}") };
        let value = value(rest).map_err(|why| (at + 1, format!("{flag}: {why}")))?;
        let takes = match flag.strip_prefix("--") {
            Some(long) => takes_value(command, long),
            None => flag.chars().nth(1).is_some_and(|short| short_takes_value(command, short)),
        };
        match value {
            Some(value) if takes && is_short => arguments.extend([flag.into(), value.into()]),
            Some(value) => arguments.push(format!("{flag}={value}").into()),
            None => arguments.push(flag.into()),
        }
    }
    Ok(arguments)
}

/// In quotes a backslash escapes; without them the value ends at a space, behind which a comment may stand.
fn value(text: &str) -> Result<Option<String>, &'static str> {
    let Some(quoted) = text.strip_prefix('"') else {
        return match text.split_whitespace().collect::<Vec<_>>()[..] {
            [] => Ok(None),
            [value] => Ok(Some(value.to_owned())),
            [value, comment, ..] if comment.starts_with('#') => Ok(Some(value.to_owned())),
            _ => Err("a value with spaces must be in quotes"),
        };
    };
    let (mut value, mut chars) = (String::new(), quoted.chars());
    loop {
        match chars.next().ok_or("a quote isn't closed")? {
            '"' => return Ok(Some(value)),
            '\\' => value.push(match chars.next().ok_or("a quote isn't closed")? {
                't' => '\t',
                'n' => '\n',
                'r' => '\r',
                'v' => '\u{b}',
                other => other,
            }),
            other => value.push(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Vec<String> {
        let arguments = parse(&Args::command(), text).unwrap_or_else(|(line, why)| panic!("{line}: {why}"));
        arguments.into_iter().map(|argument| argument.into_string().unwrap()).collect()
    }

    #[test]
    fn a_line_is_a_flag_with_or_without_dashes_and_its_value() {
        let rows: [(&str, &[&str]); 9] = [
            ("# nothing\n\n  \n", &[]),
            ("url = http://a.test/", &["--url=http://a.test/"]),
            ("url=\"http://a.test/\" # here", &["--url=http://a.test/"]),
            ("--url: http://a.test/?a=b", &["--url=http://a.test/?a=b"]),
            ("-s\nsilent\r\n--location", &["-s", "--silent", "--location"]),
            ("-H \"a: \\\"b\\\"\\tc\\\\\"", &["-H", "a: \"b\"\tc\\"]),
            ("-o out.txt # there", &["-o", "out.txt"]),
            ("data -x", &["--data=-x"]),
            ("silent = yes", &["--silent=yes"]),
        ];
        for (text, expected) in rows {
            assert_eq!(parsed(text), expected, "{text}");
        }
        for (text, why) in [("url a b", "line 1: a value with"), ("s\n-H \"a", "line 2: a quote")] {
            let Err((line, said)) = parse(&Args::command(), text) else { panic!("{text}") };
            assert!(format!("line {line}: {}", said.split_once(": ").unwrap().1).starts_with(why), "{said}");
        }
    }

    #[test]
    fn a_file_stands_where_it_is_named_and_files_may_name_files() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        fs::write(path("a"), format!("-d a\nconfig = \"{}\"\n-d c\n", path("b"))).unwrap();
        fs::write(path("b"), "data b").unwrap();
        fs::write(path("loop"), format!("-K {}", path("loop"))).unwrap();
        let line = |arguments: &[&str]| expand(arguments.iter().map(Into::into).collect());
        let names = [path("a"), format!("-sK{}", path("a")), format!("--config={}", path("a"))];
        for config in [&["-K", &*names[0]][..], &["-sK", &names[0]], &[&names[1]], &[&names[2]]] {
            let expanded = line(&[&["x", "-d", "0"], config, &["-d", "z"]].concat()).unwrap();
            let data: Vec<_> = expanded.iter().filter_map(|argument| argument.to_str()).collect();
            let data: String = data.windows(2).filter(|two| two[0] == "-d").map(|two| two[1]).collect();
            assert_eq!(data, "0acz", "{expanded:?}");
            assert!(expanded.contains(&"--data=b".into()), "{expanded:?}");
        }
        // What looks like it, and is a value.
        assert_eq!(line(&["x", "-d", "-K", "u"]).unwrap().len(), 4);
        assert_eq!(line(&["x", "--", "-K", "u"]).unwrap().len(), 4);
        fs::write(path("bad"), "url a b").unwrap();
        for (name, exit, why) in
            [("none", Exit::READ_FILE, ""), ("loop", Exit::USAGE, "8 deep"), ("bad", Exit::USAGE, "line 1: ")]
        {
            let (told, said) = line(&["x", "-K", &path(name)]).unwrap_err();
            assert!(told == exit && said.starts_with("--config ") && said.contains(why), "{name}: {said}");
        }
    }
}
