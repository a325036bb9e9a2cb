use std::fmt;

/// Where the addresses of an [event](crate::EventKind::AddressesFound) come from.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum AddressSource {
    /// The resolver has found them, or has them from an earlier look-up.
    Resolver,
    /// They are the hints of an HTTPS record (RFC 9460, section 7.3), which stand in until its name is looked up.
    Hints,
    /// They were given for the name, in place of what a resolver would find: [`Answer::overridden`](crate::Answer).
    Overrides,
    /// The host is an address.
    Literal,
    /// They were given with the request or the client, in place of the origin's: [`Dial`](crate::Dial).
    Dial,
}

impl AddressSource {
    /// How many addresses are told in one event at most. The others are counted.
    pub const MOST: usize = 16;

    /// The name for logs and reports, in lower case.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Resolver => "resolver",
            Self::Hints => "hints",
            Self::Overrides => "overrides",
            Self::Literal => "literal",
            Self::Dial => "dial",
        }
    }
}

impl fmt::Display for AddressSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
