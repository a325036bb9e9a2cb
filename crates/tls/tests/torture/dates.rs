//! When certificates are valid.

use super::expect;
use crate::support::{World, tls_error, trusting};
use skybridge_testkit::certs::{Ca, CertBuilder};
use skybridge_tls::TlsError;
use std::time::{Duration, SystemTime};

const SAYS: [&str; 4] = [
    "the certificate of a.test expired DAYS days ago, on 2001-01-01",
    "the certificate of a.test is not valid for another DAYS days, until 4000-01-01",
    "the certificate of the issuer `between` of a.test expired DAYS days ago, on 2002-01-01",
    "the certificate of the issuer `between` of a.test is not valid for another DAYS days, until 3000-01-01",
];

/// The sentence for a certificate with such dates, of which today's distance is left out.
async fn said(root: &Ca, leaf: CertBuilder, between: Option<CertBuilder>) -> String {
    let cert = match between {
        Some(between) => leaf.by(&between.ca_by(root)),
        None => leaf.by(root),
    };
    let text = super::outcome("https://a.test", &trusting(root).build().unwrap(), &cert).await.unwrap_err();
    let is_number = |word: &&str| word.bytes().all(|byte| byte.is_ascii_digit());
    text.split(' ').map(|word| if is_number(&word) { "DAYS" } else { word }).collect::<Vec<_>>().join(" ")
}

#[tokio::test(start_paused = true)]
async fn which_certificate_has_expired_or_is_not_valid_yet_is_said_with_the_day() {
    let root = Ca::new("root");
    let leaf = || CertBuilder::server(["a.test"]);
    let between = || CertBuilder::ca("between");
    assert_eq!(said(&root, leaf().years(1990, 2001), None).await, SAYS[0]);
    assert_eq!(said(&root, leaf().years(4000, 4001), None).await, SAYS[1]);
    assert_eq!(said(&root, leaf(), Some(between().years(1990, 2002))).await, SAYS[2]);
    assert_eq!(said(&root, leaf(), Some(between().years(3000, 3001))).await, SAYS[3]);
    // Where both have, that of the server comes first.
    assert_eq!(said(&root, leaf().years(1990, 2001), Some(between().years(1990, 2002))).await, SAYS[0]);
}

#[tokio::test(start_paused = true)]
async fn the_dates_are_fields_of_the_error() {
    let root = Ca::new("root");
    let cert = CertBuilder::server(["a.test"]).years(1990, 2001).by(&root);
    let error = World::h1(&cert).refused(&trusting(&root).build().unwrap(), "https://a.test").await;
    let TlsError::Expired { not_after, issuer: None, .. } = tls_error(&error) else { panic!("{error:?}") };
    assert_eq!(*not_after, SystemTime::UNIX_EPOCH + Duration::from_secs(978_307_200));
}

#[tokio::test(start_paused = true)]
async fn a_root_that_has_expired_is_trusted_all_the_same() {
    // Who trusts it has its key. rustls, Go and browsers are of one mind here; OpenSSL isn't.
    let root = CertBuilder::ca("root").years(1990, 2001).root();
    expect("expired root", &root, &root.leaf(["a.test"]), Ok(())).await;
}

#[tokio::test(start_paused = true)]
async fn a_validity_that_ends_before_it_begins() {
    let root = Ca::new("root");
    let cert = CertBuilder::server(["a.test"]).years(2030, 2001).by(&root);
    let why = super::invalid("its validity ends before it begins");
    expect("backwards", &root, &cert, Err(&why)).await;
}
