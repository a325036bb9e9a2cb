//! Text in lines of a width, which counts characters.

/// Cuts text into lines at its spaces. All but the first have so much less room, for an indent. What has no space is
/// not cut: nobody could copy it.
pub(crate) fn wrap(text: &str, width: usize, indent: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    // Several spaces are one separator, and are kept within a line.
    let mut rest = text;
    while !rest.is_empty() {
        let spaces = rest.len() - rest.trim_start_matches(' ').len();
        let word = &rest[spaces..];
        let end = word.find(' ').unwrap_or(word.len());
        let letters = word[..end].chars().count();
        let room = if lines.len() > 1 { width.saturating_sub(indent) } else { width };
        if used > 0 && used + spaces + letters > room {
            lines.push(word[..end].to_owned());
            used = letters;
        } else if let Some(line) = lines.last_mut() {
            line.push_str(&rest[..spaces + end]);
            used += spaces + letters;
        }
        rest = &word[end..];
    }
    lines
}

/// The beginning of what is longer than that, marked as such.
pub(crate) fn cut(text: &str, width: usize, mark: char) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    text.chars().take(width.saturating_sub(1)).chain([mark]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_stay_whole_and_lines_within_their_width() {
        assert_eq!(wrap("call 1  GET http://a.test/ took", 20, 4), ["call 1  GET", "http://a.test/", "took"]);
        assert_eq!(wrap("a bb ccc", 4, 0), ["a bb", "ccc"]);
        assert_eq!(wrap("unbreakable", 4, 2), ["unbreakable"]);
        assert_eq!(wrap("", 4, 2), [""]);
        assert_eq!((cut("192.0.2.1:80", 8, '~'), cut("short", 5, '~')), ("192.0.2~".into(), "short".into()));
    }
}
