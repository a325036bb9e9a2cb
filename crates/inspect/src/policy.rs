//! What a browser may do with the page: nothing but show it.

use base64::{Engine, prelude::BASE64_STANDARD};
use sha2::{Digest, Sha256};
use skybridge_trace::Timelines;

pub(crate) const STYLE: &str = include_str!("style.css");

/// No script, nothing from elsewhere, no frame around it; the two styles that are known, by their hashes.
pub(crate) fn content_security_policy() -> String {
    let hash = |style: &str| BASE64_STANDARD.encode(Sha256::digest(style));
    format!(
        "default-src 'none'; style-src 'sha256-{}' 'sha256-{}'; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'",
        hash(STYLE),
        hash(Timelines::SVG_STYLE)
    )
}
