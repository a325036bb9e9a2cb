//! `--ech`: whether and with which keys the names of servers are encrypted.

use base64::{Engine, engine::general_purpose::STANDARD};
use skybridge::types::EchMode;
use std::{fs, str::FromStr};

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
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(match text {
            "true" => Self::Mode(EchMode::Offer),
            "true-or-grease" => Self::Mode(EchMode::OfferOrGrease),
            "hard" => Self::Mode(EchMode::Require),
            "false" => Self::Mode(EchMode::Off),
            "grease" => Self::Mode(EchMode::Grease),
            _ if text.starts_with("pn:") => {
                return Err("the public name is that of the keys; nearest: ecl:BASE64".into());
            }
            _ => Self::Keys(keys(text.strip_prefix("ecl:").ok_or(NO_VALUE)?)?),
        })
    }
}

const NO_VALUE: &str = "not true, hard, ecl:BASE64, ecl:@FILE, false, grease or true-or-grease";

/// In base64, or in a file of it, whose line breaks mean nothing.
fn keys(given: &str) -> Result<Vec<u8>, String> {
    let Some(file) = given.strip_prefix('@') else {
        return STANDARD.decode(given).map_err(|_| "not base64 after ecl:".into());
    };
    let text = fs::read_to_string(file).map_err(|error| format!("{file} can't be read: {error}"))?;
    STANDARD.decode(text.split_ascii_whitespace().collect::<String>()).map_err(|_| format!("{file} is not base64"))
}
