//! What a key may be used for.

use super::{expect, invalid};
use skybridge_testkit::certs::{Ca, CertBuilder, Purpose};

#[tokio::test(start_paused = true)]
async fn which_purpose_a_certificate_is_for_is_said_where_it_is_another() {
    use Purpose::{Any, Client, Code, Server};
    let root = Ca::new("root");
    let rows: &[(&[Purpose], Option<&str>)] = &[
        (&[], None),
        (&[Server], None),
        (&[Client, Server], None),
        (&[Client], Some("its extended key usage is clientAuth, which doesn't allow server authentication")),
        (
            &[Code, Client],
            Some("its extended key usage is codeSigning, clientAuth, which doesn't allow server authentication"),
        ),
        // RFC 5280 leaves it to who verifies; browsers say the same.
        (&[Any], Some("its extended key usage is anyExtendedKeyUsage, which doesn't allow server authentication")),
    ];
    for (purposes, why) in rows {
        let cert = CertBuilder::server(["a.test"]).purposes(purposes).by(&root);
        let why = why.map(invalid);
        expect(&format!("{purposes:?}"), &root, &cert, why.as_deref().map_or(Ok(()), Err)).await;
    }
    let clients = CertBuilder::ca("for clients").purposes(&[Client]).ca_by(&root);
    let why =
        "the extended key usage of the issuer `for clients` is clientAuth, which doesn't allow server authentication";
    expect("an issuer's", &root, &clients.leaf(["a.test"]), Err(&invalid(why))).await;
}
