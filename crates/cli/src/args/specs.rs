//! How TLS may be spoken.

use skybridge::ConnectionSpec;
use std::str::FromStr;

/// The specs of `--tls-fallback`, in order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Specs(pub(crate) Vec<ConnectionSpec>);

/// Names with a colon between each two, as OpenSSL writes them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Names(pub(crate) Vec<String>);

impl FromStr for Specs {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let spec = |name: &str| ConnectionSpec::named(name.trim()).filter(|spec| !spec.is_cleartext());
        let specs: Option<Vec<_>> = text.split(',').map(spec).collect();
        specs.map(Self).ok_or("not a list of restricted, modern and compatible")
    }
}

impl FromStr for Names {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let names: Vec<_> = text.split([':', ',', ' ']).filter(|name| !name.is_empty()).map(str::to_owned).collect();
        if names.is_empty() { Err("it names nothing") } else { Ok(Self(names)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn specs_are_those_in_stock_but_for_cleartext() {
        assert!("restricted,modern".parse::<Specs>().is_ok_and(|specs| specs.0.len() == 2));
        for text in ["", "modern,", "cleartext", "modern,old"] {
            assert!(text.parse::<Specs>().is_err(), "{text}");
        }
    }
}
