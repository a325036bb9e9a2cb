//! The header fields that flags ask for.

use crate::{
    args::{Args, Header},
    decode,
};
use http::{HeaderMap, HeaderValue, header};

/// Those of each request.
pub(crate) fn given_headers(args: &Args, content_type: Option<HeaderValue>) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.extend(args.request.who_asks().map(|agent| (header::USER_AGENT, agent)));
    headers.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
    let given = &args.request;
    if given.compressed {
        headers.insert(header::ACCEPT_ENCODING, decode::ACCEPTED);
    }
    if args.data.is_json() {
        let json = HeaderValue::from_static("application/json");
        headers.insert(header::ACCEPT, json.clone());
        headers.insert(header::CONTENT_TYPE, json);
    } else {
        headers.extend(content_type.map(|value| (header::CONTENT_TYPE, value)));
    }
    headers.extend(given.user.as_ref().and_then(|user| user.0.header()).map(|value| (header::AUTHORIZATION, value)));
    headers.extend(given.referer.clone().map(|value| (header::REFERER, value)));
    headers.extend(given.range.clone().map(|value| (header::RANGE, value)));
    headers.extend(args.cookies.given().map(|value| (header::COOKIE, value)));
    // Default headers are replaced by those on the command line.
    for given in &args.request.header {
        let (Header::Set(name, _) | Header::Without(name)) = given;
        headers.remove(name);
    }
    for given in &args.request.header {
        if let Header::Set(name, value) = given {
            headers.append(name, value.clone());
        }
    }
    headers
}
