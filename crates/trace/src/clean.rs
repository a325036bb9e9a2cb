//! Text that came from elsewhere, made safe for a terminal.

use std::borrow::Cow;

/// Control characters as escapes: what a peer wrote must not move the cursor.
pub(crate) fn clean(text: &str) -> Cow<'_, str> {
    if !text.contains(char::is_control) {
        return text.into();
    }
    let escape = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    text.chars().map(escape).collect::<String>().into()
}
