//! What a server presents beside its own certificate.

use super::{expect, invalid};
use skybridge_testkit::certs::{Ca, Cert};

/// A server below so many intermediates.
fn below(root: &Ca, intermediates: usize) -> Cert {
    if intermediates == 0 {
        return root.leaf(["a.test"]);
    }
    let mut ca = root.intermediate("1");
    for n in 2..=intermediates {
        ca = ca.intermediate(&n.to_string());
    }
    ca.leaf(["a.test"])
}

/// Of 8 certificates with the root; OkHttp takes 10.
#[tokio::test(start_paused = true)]
async fn a_chain_may_be_of_so_many_certificates() {
    let root = Ca::new("root");
    let why = invalid("the chain to a trusted root is too long: the most intermediates are 6");
    for (certificates, verdict) in [(2, Ok(())), (7, Ok(())), (8, Ok(()))] {
        expect(&format!("{certificates}"), &root, &below(&root, certificates - 2), verdict).await;
    }
    for certificates in 9..=12 {
        expect(&format!("{certificates}"), &root, &below(&root, certificates - 2), Err(&why)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn order_doubles_and_junk_beside_the_path_do_not_matter() {
    let (root, other) = (Ca::new("root"), Ca::new("other"));
    let cert = below(&root, 3);
    let [leaf, low, mid, up] = &cert.chain()[..] else { panic!() };
    let (junk, none) = (vec![0x30, 3, 2, 1, 0].into(), Vec::new().into());
    let presented = |others: &[&_]| {
        let chain = [leaf].into_iter().chain(others.iter().copied()).cloned().collect();
        Cert::new(chain, cert.key_pem())
    };
    let stranger = other.der();
    for (what, others) in [
        ("ordered", vec![low, mid, up]),
        ("with the root", vec![low, mid, up, &root.der()]),
        ("backwards", vec![up, mid, low]),
        ("twice", vec![low, low, mid, mid, up, up]),
        ("the leaf again", vec![leaf, low, mid, up, leaf]),
        ("a stranger between", vec![low, &stranger, mid, up]),
        ("junk behind", vec![low, mid, up, &junk]),
        ("nothing behind", vec![low, mid, up, &none]),
    ] {
        expect(what, &root, &presented(&others), Ok(())).await;
    }
    // A certificate that can't be read is in the way of what comes after it.
    let cut = presented(&[&low[..low.len() - 1].to_vec().into(), low, mid, up]);
    expect("cut off before", &root, &cut, Ok(())).await;
}

/// Loops and bushes of certificates of the same names: a bound holds, and it is soon reached.
#[tokio::test(start_paused = true)]
async fn certificates_that_lead_nowhere_are_not_tried_for_ever() {
    let root = Ca::new("root");
    let (one, two) = (Ca::new("one"), Ca::new("two"));
    let mut cert = one.leaf(["a.test"]).also(two.cross_sign(&one)).also(one.cross_sign(&two));
    let why = "the issuer `one` of the certificate of a.test is not trusted";
    expect("a loop", &root, &cert, Err(why)).await;
    // Each of these could be above each other, and none is signed by the root, whose name one has.
    for _ in 0..30 {
        let false_root = Ca::new("root");
        cert = cert.also(false_root.cross_sign(&one)).also(false_root.cross_sign(&two));
    }
    let refused = super::outcome("https://a.test", &crate::support::trusting(&root).build().unwrap(), &cert).await;
    let refused = refused.unwrap_err();
    assert!(
        refused.ends_with("doesn't match the issuer's key") || refused.ends_with("too many paths to try"),
        "{refused}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_server_without_a_certificate_is_refused() {
    let root = Ca::new("root");
    let nothing = Cert::new(Vec::new(), root.leaf(["a.test"]).key_pem());
    let world = crate::support::World::h1(&nothing);
    let error = world.connect(&crate::support::trusting(&root).build().unwrap(), "https://a.test").await.unwrap_err();
    let text = crate::support::message(&error);
    super::assert_is_a_sentence(&text);
    assert!(text.ends_with("the peer showed no certificate"), "{text}");
}
