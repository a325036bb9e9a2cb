//! How TLS may be spoken, and whether it may be left out.

use skybridge::ConnectionSpec;
use std::str::FromStr;

/// The specs of `--tls-fallback`, in order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Specs(pub(crate) Vec<ConnectionSpec>);

/// Names with a colon between each two, as OpenSSL writes them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Names(pub(crate) Vec<String>);

/// `--proto`: whether `http` URLs may be fetched; `https` ones may always.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Proto {
    pub(crate) http: bool,
}

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

impl FromStr for Proto {
    type Err = &'static str;

    /// As curl: `=` names all that are permitted, `+` and `-` add and take away, and a name alone adds.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (mut http, mut https) = (true, true);
        for part in text.split(',').map(str::trim) {
            let (rest, permits) = match part.split_at_checked(1) {
                Some(("=", rest)) => {
                    (http, https) = (false, false);
                    (rest, true)
                }
                Some(("+", rest)) => (rest, true),
                Some(("-", rest)) => (rest, false),
                _ => (part, true),
            };
            match &*rest.to_ascii_lowercase() {
                "http" => http = permits,
                "https" => https = permits,
                "all" => (http, https) = (permits, permits),
                // Others aren't spoken here in any case.
                name if !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {}
                _ => return Err("not a list of protocols; nearest: =https or =http,https"),
            }
        }
        if https { Ok(Self { http }) } else { Err("https can't be left out; nearest: =https or =http,https") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn protocols_are_read_as_curl_does() {
        let rows = [
            ("=https", Ok(false)),
            ("=http,https", Ok(true)),
            ("=https,+http", Ok(true)),
            ("-http", Ok(false)),
            ("-all,https", Ok(false)),
            ("https", Ok(true)),
            ("-ftp,-http", Ok(false)),
            ("=HTTPS", Ok(false)),
            ("=http", Err(())),
            ("-https", Err(())),
            ("", Err(())),
            ("=", Err(())),
        ];
        for (text, expected) in rows {
            let read = text.parse::<Proto>().map(|proto| proto.http).map_err(drop);
            assert_eq!(read, expected, "{text}");
        }
    }

    #[test]
    fn specs_are_those_in_stock_but_for_cleartext() {
        assert!("restricted,modern".parse::<Specs>().is_ok_and(|specs| specs.0.len() == 2));
        for text in ["", "modern,", "cleartext", "modern,old"] {
            assert!(text.parse::<Specs>().is_err(), "{text}");
        }
    }
}
