//! Makes text from peers safe for a terminal.

use std::borrow::Cow;

/// Escapes control characters: a peer's text must not move the cursor.
pub(crate) fn clean(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return text.into();
    }
    let escape = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    text.chars().map(escape).collect::<String>().into()
}
