//! Who vouches for a certificate.

use super::{expect, expect_at, invalid};
use crate::support::trusting;
use skybridge_testkit::certs::{Ca, CertBuilder, SelfSigned};

#[tokio::test(start_paused = true)]
async fn who_is_not_trusted() {
    let (root, other) = (Ca::new("root"), Ca::new("other root"));
    let between = other.intermediate("between");
    let rows = [
        (
            "untrusted root",
            other.leaf(["a.test"]),
            "the issuer `other root` of the certificate of a.test is not trusted",
        ),
        (
            "untrusted root that is shown",
            other.leaf(["a.test"]).also(other.der()),
            "the issuer `other root` of the certificate of a.test is not trusted",
        ),
        (
            "untrusted root of an intermediate",
            between.leaf(["a.test"]),
            "the issuer `between` of the certificate of a.test is not trusted",
        ),
        (
            "incomplete chain",
            root.intermediate("missing").leaf(["a.test"]).without(1),
            "the issuer `missing` of the certificate of a.test is not trusted",
        ),
        (
            "a gap in the chain",
            root.intermediate("upper").intermediate("lower").leaf(["a.test"]).without(2),
            "the issuer `lower` of the certificate of a.test is not trusted",
        ),
        (
            "self-signed, CA:TRUE",
            SelfSigned::new(["a.test"]).make(),
            "the certificate of a.test is self-signed, and not trusted",
        ),
        (
            "self-signed, CA:FALSE",
            SelfSigned::new(["a.test"]).not_a_ca().make(),
            "the certificate of a.test is self-signed, and not trusted",
        ),
        (
            "self-signed, and says nothing",
            CertBuilder::server(["a.test"]).self_signed(),
            "the certificate of a.test is self-signed, and not trusted",
        ),
    ];
    for (what, cert, why) in rows {
        expect(what, &root, &cert, Err(why)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn whose_signature_is_wrong() {
    let (root, other) = (Ca::new("root"), Ca::new("root"));
    let why = invalid("its signature doesn't match the issuer's key");
    expect("another key of the same name", &root, &other.leaf(["a.test"]), Err(&why)).await;
    let cert = root.leaf(["a.test"]);
    let mut changed = cert.chain()[0].to_vec();
    *changed.last_mut().unwrap() ^= 1;
    expect("one bit of the signature", &root, &cert.presenting(changed.into()), Err(&why)).await;
}

#[tokio::test(start_paused = true)]
async fn who_is_no_ca_vouches_for_nobody() {
    let root = Ca::new("root");
    let is_none = invalid("the issuer `a server` is not a CA");
    for (what, signer) in [
        ("a leaf as CA", CertBuilder::server(["b.test"]).subject(Some("a server"))),
        ("the same with CA:FALSE", CertBuilder::server(["b.test"]).subject(Some("a server")).is_no_ca()),
    ] {
        expect(what, &root, &CertBuilder::server(["a.test"]).by(&signer.ca_by(&root)), Err(&is_none)).await;
    }
    // A CA as the server's certificate.
    let cert = CertBuilder::server(["a.test"]).is_ca(None).by(&root);
    expect("CA as leaf", &root, &cert, Err(&invalid("a CA certificate is used as the server's"))).await;
}

#[tokio::test(start_paused = true)]
async fn a_path_length_is_held_to() {
    let root = Ca::new("root");
    let long = invalid("the chain exceeds the path length that one of its issuers allows");
    for (length, below, verdict) in [(0, 0, Ok(())), (0, 1, Err(&*long)), (1, 1, Ok(())), (1, 2, Err(&*long))] {
        let mut ca = CertBuilder::ca("limited").is_ca(Some(length)).ca_by(&root);
        for n in 0..below {
            ca = ca.intermediate(&format!("below {n}"));
        }
        expect(&format!("{below} below {length}"), &root, &ca.leaf(["a.test"]), verdict).await;
    }
}

#[tokio::test(start_paused = true)]
async fn name_constraints_are_held_to() {
    let root = Ca::new("root");
    let why = invalid("a name constraint of the issuer excludes this name");
    type Names = &'static [&'static str];
    let rows: &[(Names, Names, Names, bool)] = &[
        (&["a.test"], &[], &["a.test"], true),
        (&["test"], &[], &["a.test"], true),
        (&["b.test"], &[], &["a.test"], false),
        (&[], &["a.test"], &["a.test"], false),
        (&[], &["b.test"], &["a.test"], true),
        (&["test"], &["a.test"], &["a.test"], false),
        // Of all its names.
        (&["a.test"], &[], &["a.test", "b.test"], false),
        (&["a.test"], &[], &["a.test", "192.0.2.1"], true),
        (&["192.0.2.1"], &[], &["a.test", "192.0.2.2"], false),
        (&[], &["192.0.2.2"], &["a.test", "192.0.2.2"], false),
        (&[], &["2001:db8::1"], &["a.test", "2001:db8::1"], false),
        (&[], &["2001:db8::1"], &["a.test", "2001:db8::2"], true),
        // A wildcard may stand for what is excluded.
        (&[], &["x.a.test"], &["a.test", "*.a.test"], false),
    ];
    for (permitted, excluded, names, fine) in rows {
        let ca = CertBuilder::ca("constrained").name_constraints(permitted, excluded).ca_by(&root);
        let cert = ca.leaf(names.iter().copied());
        let what = format!("{names:?} where {permitted:?} are permitted, and {excluded:?} not");
        expect(&what, &root, &cert, if *fine { Ok(()) } else { Err(&why) }).await;
    }
    // Those of a root, and those of who is above the issuer.
    let root = CertBuilder::ca("root").name_constraints(&["b.test"], &[]).root();
    expect("of a root", &root, &root.leaf(["a.test"]), Err(&why)).await;
    let below = root.intermediate("below").leaf(["a.test"]);
    expect_at("https://a.test", "from above", &trusting(&root).build().unwrap(), &below, Err(&why)).await;
}
