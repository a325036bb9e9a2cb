//! What servers staple to their certificates (OCSP, RFC 6960).
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use sha1::Digest as _;
use skybridge_core::Advice;
use skybridge_testkit::{
    certs::{Ca, Cert, CertBuilder, Purpose, SelfSigned, Staple},
    origin::Origin,
};
use skybridge_tls::{Roots, TlsConfig, TlsConfigBuilder, TlsError};
use support::{World, message, tls_error, trusting};

const REVOKED: &str = "the certificate of a.test was revoked on 2021-01-01";

/// What is said of a server with this staple, by TLS 1.2 and 1.3, where one is required and where it isn't.
async fn told(ca: &Ca, cert: &Cert, staple: Vec<u8>, required: bool) -> Option<String> {
    let cert = cert.clone().stapling(staple);
    let config = || trusting(ca).require_staple(required);
    let tls13 = outcome(Origin::h1().tls(&cert), config()).await;
    assert_eq!(outcome(Origin::h1().tls(&cert).tls12(), config()).await, tls13);
    tls13
}

async fn outcome(origin: skybridge_testkit::origin::Builder, config: TlsConfigBuilder) -> Option<String> {
    let world = World::new(origin);
    let error = world.connect(&config.build().unwrap(), "https://a.test").await.err()?;
    assert!(error.is_fatal() && tls_error(&error).is_certificate() && tls_error(&error).is_staple(), "{error:?}");
    let text = message(&error).split_once("tls failed: ").unwrap().1.to_owned();
    Some(text.replace("it can't be told whether the certificate of a.test was revoked: ", "unknown: "))
}

fn unknown(why: &str) -> Option<String> {
    Some(format!("unknown: what the server has stapled to it (OCSP) {why}"))
}

#[tokio::test(start_paused = true)]
async fn a_staple_is_checked_where_there_is_one() {
    let root = Ca::new("root");
    let (cert, other) = (root.leaf(["a.test"]), root.leaf(["a.test"]));
    let good = || Staple::new(&root, &cert);
    let mut cut = good().make();
    cut.pop();
    let mut changed = good().make();
    *changed.last_mut().unwrap() ^= 1;
    for required in [false, true] {
        for (staple, expected) in [
            (good().make(), None),
            (good().years(2020, None).make(), unknown("has expired")),
            (good().revoked(2021).make(), Some(REVOKED.to_owned())),
            // Also where it has expired: it won't become good again.
            (good().revoked(2021).years(2020, Some(2022)).make(), Some(REVOKED.to_owned())),
            (good().unknown().make(), unknown("says that its issuer doesn't know it")),
            (good().years(2020, Some(2021)).make(), unknown("has expired")),
            (good().years(3000, Some(4000)).make(), unknown("is not valid yet")),
            (Staple::new(&root, &other).make(), unknown("is about another certificate")),
            (cut.clone(), unknown("is malformed")),
            (vec![0x30], unknown("is malformed")),
            (
                changed.clone(),
                Some("unknown: the issuer hasn't signed what the server has stapled to it (OCSP)".to_owned()),
            ),
        ] {
            assert_eq!(told(&root, &cert, staple, required).await, expected);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn without_one_a_server_passes_unless_it_is_required() {
    let root = Ca::new("root");
    let cert = root.leaf(["a.test"]);
    let missing = "unknown: the server has stapled nothing to it (OCSP) that says so".to_owned();
    // The responder has said that it is to be asked later.
    for nothing in [Vec::new(), vec![0x30, 3, 10, 1, 3]] {
        assert_eq!(told(&root, &cert, nothing.clone(), false).await, None);
        assert_eq!(told(&root, &cert, nothing, true).await, Some(missing.clone()));
    }
}

#[tokio::test(start_paused = true)]
async fn who_signs_in_the_issuers_place_must_have_its_leave() {
    let (root, stranger) = (Ca::new("root"), Ca::new("root"));
    let cert = root.leaf(["a.test"]);
    let responder = || CertBuilder::server([]).subject(Some("responder")).purposes(&[Purpose::Ocsp]);
    let not_signed = Some("unknown: the issuer hasn't signed what the server has stapled to it (OCSP)".to_owned());
    for (what, signer, expected) in [
        ("its responder", responder().by(&root), None),
        ("expired", responder().years(1990, 2001).by(&root), not_signed.clone()),
        ("of another issuer", responder().by(&stranger), not_signed.clone()),
        ("by itself", responder().self_signed(), not_signed.clone()),
        ("a server", CertBuilder::server([]).by(&root), not_signed.clone()),
        ("anything", CertBuilder::server([]).purposes(&[Purpose::Any]).by(&root), not_signed.clone()),
        // The server itself: its own key says that it is good.
        ("itself", cert.clone(), not_signed.clone()),
    ] {
        let staple = Staple::new(&root, &cert).by(&signer).make();
        assert_eq!(told(&root, &cert, staple, false).await, expected, "{what}");
    }
    let signer = responder().by(&root);
    let hidden = Staple::new(&root, &cert).by(&signer).without_certificate().make();
    assert_eq!(told(&root, &cert, hidden, false).await, not_signed);
}

#[tokio::test(start_paused = true)]
async fn the_issuer_is_that_of_the_path_which_was_verified() {
    let root = Ca::new("root");
    let between = root.intermediate("between");
    let cert = between.leaf(["a.test"]);
    assert_eq!(told(&root, &cert, Staple::new(&between, &cert).make(), true).await, None);
    assert_eq!(
        told(&root, &cert, Staple::new(&between, &cert).revoked(2021).make(), true).await.as_deref(),
        Some(REVOKED)
    );
    let of_root = told(&root, &cert, Staple::new(&root, &cert).make(), true).await;
    assert!(of_root.unwrap().contains("hasn't signed"));
}

/// A number is one certificate's of each issuer, and a responder may answer for several.
#[tokio::test(start_paused = true)]
async fn what_is_said_of_the_same_number_of_another_issuer_is_about_another_certificate() {
    let (root, other) = (Ca::new("root"), Ca::new("other"));
    let cert = root.leaf(["a.test"]);
    for (name, key) in [(&other, &root), (&root, &other), (&other, &other)] {
        let staple = Staple::new(&root, &cert).of_issuer(name, key).make();
        assert_eq!(told(&root, &cert, staple, true).await, unknown("is about another certificate"));
    }
}

/// As most responders have it, OpenSSL's among them.
#[tokio::test(start_paused = true)]
async fn the_issuer_may_be_named_by_sha_1_and_other_certificates_be_answered_for_before() {
    const SHA_1: &[u8] = &[0x30, 7, 6, 5, 0x2b, 14, 3, 2, 26];
    const MD5: &[u8] = &[0x30, 10, 6, 8, 0x2a, 0x86, 0x48, 0x86, 0xf7, 13, 2, 5];
    let root = Ca::new("root");
    let (cert, other) = (root.leaf(["a.test"]), root.leaf(["a.test"]));
    let sha_1 = |bytes: &[u8]| sha1::Sha1::digest(bytes).to_vec();
    let good = || Staple::new(&root, &cert);
    for (staple, expected) in [
        (good().hashed_by(SHA_1, sha_1), None),
        (good().hashed_by(SHA_1, sha_1).revoked(2021), Some(REVOKED.to_owned())),
        (good().hashed_by(MD5, |_| vec![0; 16]), unknown("is about another certificate")),
        (good().behind(&other), None),
        (good().behind(&other).revoked(2021), Some(REVOKED.to_owned())),
        (Staple::new(&root, &other).behind(&other), unknown("is about another certificate")),
    ] {
        assert_eq!(told(&root, &cert, staple.make(), true).await, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_revoked_certificate_is_told_with_its_date() {
    let root = Ca::new("root");
    let cert = root.leaf(["a.test"]);
    let cert = cert.clone().stapling(Staple::new(&root, &cert).revoked(2021).make());
    let error = World::h1(&cert).refused(&trusting(&root).build().unwrap(), "https://a.test").await;
    assert!(matches!(tls_error(&error), TlsError::Revoked { since: Some(_), stapled: true, .. }), "{error:?}");
}

/// Whoever trusts a certificate itself has its issuer neither among the roots nor, maybe, presented.
#[tokio::test(start_paused = true)]
async fn a_certificate_that_is_trusted_itself_is_judged_by_its_issuers_word_where_the_issuer_is_shown() {
    let root = Ca::new("root");
    let cert = root.leaf(["a.test"]);
    let good = || Staple::new(&root, &cert);
    let trusting = |required| {
        let roots = Roots::Given(vec![cert.chain().swap_remove(0)]);
        TlsConfig::builder().roots(roots).require_staple(required)
    };
    let not_signed = || Some("unknown: the issuer hasn't signed what the server has stapled to it (OCSP)".to_owned());
    let usurper = Ca::new("root");
    for (issuer, staple, required, expected) in [
        (Some(&root), good().make(), true, None),
        (Some(&root), good().revoked(2021).make(), false, Some(REVOKED.to_owned())),
        (Some(&root), good().years(2020, Some(2021)).make(), false, unknown("has expired")),
        (Some(&root), Staple::new(&usurper, &cert).make(), false, not_signed()),
        // Nobody knows whose word it is.
        (None, good().make(), false, None),
        (None, good().make(), true, not_signed()),
        // One that has the issuer's name, and hasn't signed the certificate.
        (Some(&usurper), Staple::new(&usurper, &cert).make(), true, not_signed()),
    ] {
        let mut shown = cert.clone();
        if let Some(issuer) = issuer {
            shown = shown.also(issuer.der());
        }
        let origin = Origin::h1().tls(&shown.stapling(staple));
        assert_eq!(outcome(origin, trusting(required)).await, expected, "{required}");
    }
    let own = SelfSigned::new(["a.test"]).make();
    let roots = Roots::Given(vec![own.chain().swap_remove(0)]);
    let config = TlsConfig::builder().roots(roots).require_staple(true);
    let missing = outcome(Origin::h1().tls(&own), config).await.unwrap();
    assert!(missing.contains("has stapled nothing"), "{missing}");
}

/// What the extension of RFC 7633 has in it: `status_request`, which is a staple, is 5.
const MUST_STAPLE: &[u8] = &[0x30, 3, 2, 1, 5];

fn with_features(content: &[u8]) -> CertBuilder {
    CertBuilder::server(["a.test"]).extension(&[1, 3, 6, 1, 5, 5, 7, 1, 24], false, content.to_vec())
}

const MUST: &str =
    "the certificate of a.test must be stapled (OCSP), as it says itself, and the server has stapled nothing to it";

#[tokio::test(start_paused = true)]
async fn a_certificate_that_must_be_stapled_is_refused_without_a_good_staple() {
    let root = Ca::new("root");
    let cert = with_features(MUST_STAPLE).by(&root);
    let good = || Staple::new(&root, &cert);
    for required in [false, true] {
        for (staple, expected) in [
            (good().make(), None),
            (Vec::new(), Some(MUST.to_owned())),
            // The responder has said that it is to be asked later.
            (vec![0x30, 3, 10, 1, 3], Some(MUST.to_owned())),
            (good().years(2020, Some(2021)).make(), unknown("has expired")),
            (good().revoked(2021).make(), Some(REVOKED.to_owned())),
        ] {
            assert_eq!(told(&root, &cert, staple, required).await, expected, "{required}");
        }
    }
    let error = World::h1(&cert).refused(&trusting(&root).build().unwrap(), "https://a.test").await;
    assert!(matches!(tls_error(&error), TlsError::MustStaple { .. }), "{error:?}");
    assert_eq!(error.advice(), Some(Advice::MustStaple));
    assert_eq!(
        error.reason(),
        Some("certificate must be stapled (OCSP), as it says itself, and the server has stapled nothing to it")
    );
}

#[tokio::test(start_paused = true)]
async fn what_else_a_certificate_says_of_tls_needs_no_staple_and_what_cant_be_read_does() {
    let root = Ca::new("root");
    for (content, needed) in [
        // Nothing, and `status_request_v2`, which nobody has asked for.
        (&[0x30, 0][..], false),
        (&[0x30, 3, 2, 1, 17], false),
        (&[0x30, 6, 2, 1, 17, 2, 1, 5], true),
        (&[0x30, 3, 2, 1], true),
        (&[2, 1, 17], true),
    ] {
        let cert = with_features(content).by(&root);
        assert_eq!(told(&root, &cert, Vec::new(), false).await.is_some(), needed, "{content:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_certificate_that_is_trusted_itself_must_be_stapled_too_where_it_says_so() {
    let root = Ca::new("root");
    let cert = with_features(MUST_STAPLE).by(&root);
    let config = || TlsConfig::builder().roots(Roots::Given(vec![cert.chain().swap_remove(0)]));
    let shown = || cert.clone().also(root.der());
    assert_eq!(outcome(Origin::h1().tls(&shown()), config()).await.as_deref(), Some(MUST));
    let stapled = shown().stapling(Staple::new(&root, &cert).make());
    assert_eq!(outcome(Origin::h1().tls(&stapled), config()).await, None);
}

#[tokio::test(start_paused = true)]
async fn where_nothing_is_verified_no_staple_is_needed() {
    let root = Ca::new("root");
    let cert = with_features(MUST_STAPLE).by(&root);
    for config in [trusting(&root).insecure(), trusting(&root).insecure_for("a.test")] {
        assert_eq!(outcome(Origin::h1().tls(&cert), config).await, None);
    }
}
