//! Text that names a public key and who may have it.

use skybridge_tls::{Pin, PinError, Pins};

const PIN: &str = "sha256/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";

/// There is one spelling of a pin, and what is wrong with another is told. A pattern means the same in any case, with
/// and without the dot at its end.
///
/// An input is a pattern, a space, and a pin.
pub fn pins(input: &[u8]) {
    let text = &*String::from_utf8_lossy(input);
    let (pattern, pin) = text.split_once(' ').unwrap_or(("a.test", text));
    match pin.parse::<Pin>() {
        Ok(parsed) => assert_eq!(parsed.to_string(), pin, "another spelling"),
        Err(error) => {
            let shown = error.to_string();
            assert!(matches!(error, PinError::Hash(_) | PinError::Base64(_)) && shown.contains(pin), "{shown}");
            if shown.contains("two slashes") {
                assert!(pin.replacen("//", "/", 1).parse::<Pin>().is_ok(), "{shown}");
            }
        }
    }
    assert_eq!(Pins::new().pin_every_leaf(pin).is_ok(), pin.parse::<Pin>().is_ok());
    let pins = |pattern: &str| Pins::new().pin(pattern, PIN);
    match pins(pattern) {
        Ok(made) => {
            assert!(Pins::new().pin_leaf(pattern, PIN).is_ok());
            assert_eq!(pins(&pattern.to_ascii_uppercase()).as_ref(), Ok(&made), "{pattern:?}");
            if !pattern.ends_with('.') {
                assert_eq!(pins(&format!("{pattern}.")).as_ref(), Ok(&made), "{pattern:?}");
            }
            assert!(pattern.is_ascii() && !pattern.contains([' ', '/', '@']), "{pattern:?}");
        }
        Err(error) => assert!(error.to_string().contains(pattern), "{error}"),
    }
}
