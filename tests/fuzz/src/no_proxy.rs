//! Lists of what is reached without a proxy.

use skybridge_core::{OriginRef, Scheme};
use skybridge_route::NoProxy;

/// The first line is an origin, the rest a list. A list covers what one of its entries covers, in either case of its
/// letters, and nothing of it takes away what another covers.
pub fn no_proxy(input: &[u8]) {
    let text = &*String::from_utf8_lossy(input);
    let (authority, list) = text.split_once('\n').unwrap_or(("a.test", text));
    let Ok(origin) = OriginRef::parse(Scheme::Http, authority).and_then(OriginRef::to_owned) else { return };
    let covers = |list: &str| NoProxy::parse(list).covers(&origin);
    let mut entries = list.split(|char: char| char == ',' || char.is_ascii_whitespace());
    assert_eq!(covers(list), entries.any(covers), "{text:?}");
    assert_eq!(covers(list), covers(&list.to_ascii_uppercase()), "{text:?}");
    assert!(covers(&format!("{list},*")), "{text:?}");
    // Its own host and port, unless the name has what a list is made of.
    if !origin.host().contains([',', '*']) {
        let own = format!("{}:{}", origin.host(), origin.port());
        assert!(covers(&format!("{own} {list}")), "{text:?}: {own}");
    }
}
