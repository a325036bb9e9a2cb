//! The certificates of badssl.com's list and beyond, one odd thing in each: the verdict, and the sentence that says
//! why. `tests/tests/interop_certificates.rs` has those that OpenSSL makes.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

#[path = "../support/mod.rs"]
mod support;

mod chains;
mod dates;
mod issuers;
mod keys;
mod malformed;
mod names;
mod purposes;

use skybridge_core::Phase;
use skybridge_testkit::certs::{Ca, Cert};
use skybridge_tls::TlsConfig;
use support::{World, message, tls_error, trusting};

/// Accepted, or refused in these words.
type Verdict<'a> = Result<(), &'a str>;

/// What comes before the words of the TLS layer.
const BEFORE: &str = "could not connect at 192.0.2.1:443: tls failed: ";

/// Expects that a server with this certificate, which is asked for as a.test, is taken or refused so.
async fn expect(what: &str, root: &Ca, cert: &Cert, verdict: Verdict<'_>) {
    expect_at("https://a.test", what, &trusting(root).build().unwrap(), cert, verdict).await;
}

/// The same of another URL, and of whom else is trusted.
async fn expect_at(url: &str, what: &str, config: &TlsConfig, cert: &Cert, verdict: Verdict<'_>) {
    let found = outcome(url, config, cert).await;
    assert_eq!(found.as_ref().copied().map_err(|text| &**text), verdict, "{what}");
}

async fn outcome(url: &str, config: &TlsConfig, cert: &Cert) -> Result<(), String> {
    let world = World::h1(cert);
    match world.connect(config, url).await {
        Ok(_) => Ok(()),
        Err(error) => {
            assert_eq!((error.phase(), error.is_fatal()), (Some(Phase::Tls), true), "{error:?}");
            assert!(tls_error(&error).is_certificate(), "{error:?}");
            let text = message(&error);
            assert_is_a_sentence(&text);
            assert_is_a_sentence(&format!("{error:?}"));
            Err(text.strip_prefix(BEFORE).unwrap_or_else(|| panic!("{text}")).to_owned())
        }
    }
}

/// No text of a program is in it, such as `InvalidCertificate(UnknownIssuer)` or `Some([6, 8])`.
fn assert_is_a_sentence(text: &str) {
    let is_name = |word: &str| {
        let humps =
            word.chars().zip(word.chars().skip(1)).filter(|(a, b)| a.is_ascii_lowercase() && b.is_ascii_uppercase());
        word.starts_with(|c: char| c.is_ascii_uppercase()) && humps.count() > 0
    };
    let opens = |open| text.split(open).rev().skip(1).any(|before| is_name(before.rsplit([' ', '(']).next().unwrap()));
    assert!(!opens('(') && !opens('{') && !text.contains(['{', '[']) && !text.contains("Some("), "{text}");
}

/// What an error that is said of a.test is made of.
fn invalid(why: &str) -> String {
    format!("the certificate of a.test is invalid: {why}")
}

#[test]
fn a_text_of_a_program_is_noticed() {
    for text in ["x: InvalidCertificate(UnknownIssuer)", "Expired { ago: 3 }", "[6, 8]", "Some(3)"] {
        assert!(std::panic::catch_unwind(|| assert_is_a_sentence(text)).is_err(), "{text}");
    }
    assert_is_a_sentence("the certificate is not valid for a.test, but for b.test (sha256/AAAA)");
}
