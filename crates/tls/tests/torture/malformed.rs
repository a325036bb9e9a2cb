//! Certificates that can't be read, or say what isn't known.

use super::{expect, invalid};
use skybridge_testkit::certs::{Ca, CertBuilder};

const BASIC_CONSTRAINTS: &[u64] = &[2, 5, 29, 19];
const SUBJECT_ALT_NAME: &[u64] = &[2, 5, 29, 17];
const EXTENDED_KEY_USAGE: &[u64] = &[2, 5, 29, 37];
const UNKNOWN: &[u64] = &[1, 2, 3, 4];

#[tokio::test(start_paused = true)]
async fn extensions_that_are_unknown_or_malformed() {
    let root = Ca::new("root");
    let leaf = || CertBuilder::server(["a.test"]);
    let bare = || CertBuilder::server([]).purposes(&[]);
    let rows = [
        ("unknown", leaf().extension(UNKNOWN, false, vec![5, 0]), None),
        (
            "unknown and critical",
            leaf().extension(UNKNOWN, true, vec![5, 0]),
            Some("it has an unknown critical extension"),
        ),
        (
            "basic constraints of junk",
            leaf().extension(BASIC_CONSTRAINTS, true, vec![1, 1]),
            Some("the certificate is malformed"),
        ),
        (
            "no purpose",
            bare().extension(EXTENDED_KEY_USAGE, false, vec![0x30, 0]),
            Some("its extended key usage, or an issuer's, is empty"),
        ),
        (
            "names of junk",
            bare().extension(SUBJECT_ALT_NAME, false, vec![0x30, 9, 1]),
            Some("the certificate is malformed"),
        ),
    ];
    for (what, cert, why) in rows {
        let why = why.map(invalid);
        expect(what, &root, &cert.by(&root), why.as_deref().map_or(Ok(()), Err)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_cut_off_or_has_something_behind_it() {
    let root = Ca::new("root");
    let cert = root.leaf(["a.test"]);
    let der = cert.chain()[0].to_vec();
    let malformed = invalid("the certificate is malformed");
    for (what, der) in [
        ("cut off", der[..der.len() - 1].to_vec()),
        ("one byte more", [&*der, &[0]].concat()),
        ("nothing", Vec::new()),
        ("text", b"-----BEGIN CERTIFICATE-----".to_vec()),
    ] {
        expect(what, &root, &cert.clone().presenting(der.into()), Err(&malformed)).await;
    }
}
