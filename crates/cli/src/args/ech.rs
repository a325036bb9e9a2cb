//! `--ech`: whether and with which keys the names of servers are encrypted.

use base64::{Engine, engine::general_purpose::STANDARD};
use skybridge::types::EchMode;
use std::str::FromStr;

/// One of them; the last of each kind counts.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum EchArg {
    Mode(EchMode),
    /// An `ECHConfigList`.
    Keys(Vec<u8>),
}

impl EchArg {
    pub(crate) fn mode(list: &[Self]) -> Option<EchMode> {
        list.iter().rev().find_map(|arg| if let Self::Mode(mode) = arg { Some(*mode) } else { None })
    }

    pub(crate) fn keys(list: &[Self]) -> Option<&[u8]> {
        list.iter().rev().find_map(|arg| if let Self::Keys(keys) = arg { Some(&**keys) } else { None })
    }
}

impl FromStr for EchArg {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "true" => Self::Mode(EchMode::Offer),
            "hard" => Self::Mode(EchMode::Require),
            "false" => Self::Mode(EchMode::Off),
            "grease" => Self::Mode(EchMode::Grease),
            _ if text.starts_with("pn:") => return Err("the public name is that of the keys; nearest: ecl:BASE64"),
            _ => {
                let base64 = text.strip_prefix("ecl:").ok_or("not true, hard, ecl:BASE64, false or grease")?;
                Self::Keys(STANDARD.decode(base64).map_err(|_| "not base64 after ecl:")?)
            }
        })
    }
}
