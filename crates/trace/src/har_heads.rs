//! The heads of a call, which events don't tell.

use crate::json::{JsonObject, array};

/// What an [archive](crate::Timelines::har_with) says of a call besides its events, as it may be written down: whoever
/// gives it has left out what is secret.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct HarHeads {
    /// The URL (default: that of the events, without its secrets).
    pub url: Option<String>,
    /// The names and values of the request's header, in order.
    pub request: Vec<(String, String)>,
    /// The names and values of the response's header, in order.
    pub response: Vec<(String, String)>,
}

impl HarHeads {
    /// The first value of a field of the response; empty without one.
    pub(crate) fn answered(&self, name: &str) -> &str {
        let mut fields = self.response.iter();
        fields.find(|(other, _)| other.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value)
    }
}

/// The fields of a header as the format has them.
pub(crate) fn fields(header: &[(String, String)]) -> String {
    array(header.iter().map(|(name, value)| {
        let mut field = JsonObject::new();
        field.text("name", name);
        field.text("value", value);
        field.end()
    }))
}
