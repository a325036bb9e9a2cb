use std::ops::Deref;

/// Header fields in order, pseudo-fields first.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Fields(pub Vec<(String, String)>);

/// HEADERS that opened a stream.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Request {
    /// Its stream.
    pub stream: u32,
    /// Pseudo-fields and headers.
    pub fields: Fields,
    /// Whether it has END_STREAM: no body follows.
    pub end: bool,
}

// === impl Fields ===

impl Fields {
    /// The first value of a field.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// Names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

impl From<&[(&str, &str)]> for Fields {
    fn from(fields: &[(&str, &str)]) -> Self {
        Self(fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect())
    }
}

// === impl Request ===

impl Deref for Request {
    type Target = Fields;

    fn deref(&self) -> &Fields {
        &self.fields
    }
}
