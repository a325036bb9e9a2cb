//! Text that names an origin or a proxy.

use http::Uri;
use skybridge_core::{OriginRef, Proxy, Reference, Scheme};

/// Whatever is understood is understood again when it is printed, and as the same.
pub fn names(input: &[u8]) {
    let text = &*String::from_utf8_lossy(input);
    for reference in [Reference::parse(text), Reference::typed(text)] {
        let shown = format!("{reference} {reference:?}");
        assert!(!shown.contains(char::is_control), "{shown:?}");
    }
    if let Ok(proxy) = Proxy::parse(text) {
        let shown = proxy.to_string();
        let again = Proxy::parse(&shown).unwrap_or_else(|error| panic!("{text:?} is {shown:?}, which is {error}"));
        assert_eq!((again.kind, &again.host, again.port), (proxy.kind, &proxy.host, proxy.port), "{text:?}, {shown:?}");
    }
    for scheme in [Scheme::Http, Scheme::Https] {
        let Ok(origin) = OriginRef::parse(scheme, text).and_then(OriginRef::to_owned) else { continue };
        let authority = origin.authority();
        let again = OriginRef::parse(scheme, &authority).and_then(OriginRef::to_owned);
        assert_eq!(again.as_ref(), Ok(&origin), "{text:?}, {authority:?}");
        let uri = format!("{}://{authority}/", scheme.as_str());
        let uri: Uri = uri.parse().unwrap_or_else(|error| panic!("{text:?} gives {uri:?}, which is {error}"));
        assert_eq!(OriginRef::of(&uri).and_then(OriginRef::to_owned).as_ref(), Ok(&origin), "{text:?}, {uri}");
    }
    if let Ok(uri) = text.parse::<Uri>()
        && let Ok(origin) = OriginRef::of(&uri).and_then(OriginRef::to_owned)
    {
        assert_eq!(OriginRef::parse(origin.scheme(), &origin.authority()).and_then(OriginRef::to_owned), Ok(origin));
    }
}
