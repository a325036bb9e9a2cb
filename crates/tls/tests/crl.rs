//! Lists of revoked certificates (RFC 5280, section 5).
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod support;

use skybridge_core::ConnectError;
use skybridge_testkit::{
    certs::{Ca, Cert},
    origin::Origin,
};
use skybridge_tls::{
    Roots, TlsConfig, TlsConfigBuilder, TlsConfigError, TlsError,
    rustls::pki_types::{CertificateRevocationListDer, pem::PemObject},
};
use std::time::{Duration, SystemTime};
use support::{World, message, tls_error, trusting};

const NOW: (i32, i32) = (2020, 4000);

async fn tried(cert: &Cert, config: TlsConfigBuilder) -> Result<(), ConnectError> {
    World::h1(cert).connect(&config.build().unwrap(), "https://a.test").await.map(drop)
}

async fn refused(cert: &Cert, config: TlsConfigBuilder) -> String {
    let error = World::h1(cert).refused(&config.build().unwrap(), "https://a.test").await;
    assert!(tls_error(&error).is_certificate(), "{error:?}");
    message(&error).split_once("tls failed: ").unwrap().1.to_owned()
}

#[tokio::test(start_paused = true)]
async fn what_is_on_a_list_is_refused_and_since_when_is_said() {
    let root = Ca::new("root");
    let (bad, good) = (root.leaf(["a.test"]), root.leaf(["a.test"]));
    let list = root.crl([&bad, &root.leaf(["b.test"])], NOW);
    let with = || trusting(&root).crl_pem(list.as_bytes());
    assert_eq!(refused(&bad, with()).await, "the certificate of a.test was revoked on 2020-01-02");
    tried(&good, with()).await.unwrap();
    // Without the list it is like any other.
    tried(&bad, trusting(&root)).await.unwrap();
    let error = World::h1(&bad).refused(&with().build().unwrap(), "https://a.test").await;
    let TlsError::Revoked { since: Some(since), issuer: None, .. } = tls_error(&error) else { panic!("{error:?}") };
    assert_eq!(*since, SystemTime::UNIX_EPOCH + Duration::from_secs(1_577_923_200));
}

#[tokio::test(start_paused = true)]
async fn a_revoked_intermediate_vouches_for_nobody() {
    let root = Ca::new("root");
    let between = root.intermediate("between");
    let cert = between.leaf(["a.test"]);
    let list = root.crl([&between.cert()], NOW);
    let told = refused(&cert, trusting(&root).crl_pem(list.as_bytes())).await;
    assert_eq!(told, "the certificate of the issuer `between` of a.test was revoked on 2020-01-02");
    // Another path than the revoked one is taken.
    let other = Ca::new("other root");
    let crossed = cert.also(other.cross_sign(&between));
    let both = trusting(&root).add_root_pem(other.pem().as_bytes()).crl_pem(list.as_bytes());
    tried(&crossed, both).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_no_list_is_about_passes_unless_lists_are_required() {
    let root = Ca::new("root");
    let between = root.intermediate("between");
    let cert = between.leaf(["a.test"]);
    let (of_root, of_between) = (root.crl([], NOW), between.crl([], NOW));
    let one = || trusting(&root).crl_pem(of_root.as_bytes());
    tried(&cert, one()).await.unwrap();
    let unknown = "it can't be told whether the certificate of a.test was revoked: no list says whether it was revoked";
    assert_eq!(refused(&cert, one().crl_required(true)).await, unknown);
    // Of the whole chain, as curl has it.
    tried(&cert, one().crl_pem(of_between.as_bytes()).crl_required(true)).await.unwrap();
    let both = of_root.clone() + &of_between;
    tried(&cert, trusting(&root).crl_pem(both.as_bytes()).crl_required(true)).await.unwrap();
    let der = CertificateRevocationListDer::from_pem_slice(of_between.as_bytes()).unwrap();
    tried(&cert, one().add_crl(&der).crl_required(true)).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_list_that_has_expired_says_nothing_unless_it_may() {
    let root = Ca::new("root");
    let (bad, good) = (root.leaf(["a.test"]), root.leaf(["a.test"]));
    let list = root.crl([&bad], (2020, 2021));
    let with = || trusting(&root).crl_pem(list.as_bytes());
    let expired =
        "it can't be told whether the certificate of a.test was revoked: the list of revoked certificates has expired";
    assert_eq!(refused(&good, with()).await, expired);
    tried(&good, with().crl_may_be_expired(true)).await.unwrap();
    assert!(refused(&bad, with().crl_may_be_expired(true)).await.contains("was revoked on 2020-01-02"));
}

/// Whoever could sign a list for another could hide that a certificate was revoked.
#[tokio::test(start_paused = true)]
async fn a_list_that_the_issuer_has_not_signed_is_none() {
    let (root, forger) = (Ca::new("root"), Ca::new("root"));
    let cert = root.leaf(["a.test"]);
    let told = refused(&cert, trusting(&root).crl_pem(forger.crl([], NOW).as_bytes())).await;
    assert!(told.ends_with("the issuer hasn't signed the list of revoked certificates"), "{told}");
}

/// It says so of its own certificate with that number.
#[tokio::test(start_paused = true)]
async fn a_list_of_another_issuer_revokes_nothing() {
    let (root, other) = (Ca::new("root"), Ca::new("other"));
    let cert = root.leaf(["a.test"]);
    let list = other.crl([&cert], NOW);
    tried(&cert, trusting(&root).crl_pem(list.as_bytes())).await.unwrap();
    let itself = TlsConfig::builder().roots(Roots::Given(vec![cert.chain().swap_remove(0)]));
    tried(&cert, itself.crl_pem(list.as_bytes())).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn of_two_lists_of_an_issuer_the_newer_one_counts() {
    let root = Ca::new("root");
    let cert = root.leaf(["a.test"]);
    let (old, new) = (root.crl([], (2020, 4000)), root.crl([&cert], (2021, 4000)));
    for both in [old.clone() + &new, new + &old] {
        assert!(refused(&cert, trusting(&root).crl_pem(both.as_bytes())).await.contains("was revoked"));
    }
}

#[tokio::test(start_paused = true)]
async fn lists_of_origins_count_for_proxies_that_have_no_configuration_of_their_own() {
    use skybridge_core::TlsConnect as _;
    use skybridge_tls::TlsLayer;
    let root = Ca::new("root");
    let cert = root.leaf(["proxy.test"]);
    let list = root.crl([&cert], NOW);
    for insecure in [false, true] {
        let mut config = trusting(&root).crl_pem(list.as_bytes());
        if insecure {
            config = config.insecure();
        }
        let world = World::new(Origin::h1().tls(&cert));
        let connector = TlsLayer::new(config.build().unwrap()).proxy_connector();
        let route = world.route("https://a.test");
        let mut below = world.net.connector();
        let link = skybridge_core::Connector::connect(&mut below, route.clone()).await.unwrap();
        let error = connector.tls_connect(link, "proxy.test", route.ctx()).await.unwrap_err();
        assert!(matches!(tls_error(&error), TlsError::Revoked { .. }), "{error:?}");
    }
}

#[test]
fn what_is_no_list_is_an_error_of_the_configuration() {
    let root = Ca::new("root");
    let build = |pem: &str| trusting(&root).crl_pem(pem.as_bytes()).build().map(drop);
    let Err(error) = build("") else { panic!() };
    assert_eq!(error.to_string(), "there is no list of revoked certificates in the PEM");
    let Err(error) = build("-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n") else { panic!() };
    assert_eq!(error.to_string(), "list 1 of revoked certificates can't be used: it is malformed");
    let Err(error) = trusting(&root).crl_required(true).build() else { panic!() };
    assert!(matches!(error, TlsConfigError::NoCrls), "{error:?}");
    assert_eq!(error.to_string(), "there is no list of revoked certificates, and one of each issuer is required");
    assert!(TlsConfig::builder().add_crl(&[0x30]).build().is_err());
}

/// As of those that have a path.
#[tokio::test(start_paused = true)]
async fn of_a_certificate_that_is_trusted_itself_the_newer_list_counts_as_well_and_of_parts_each() {
    let root = Ca::new("root");
    let cert = root.leaf(["a.test"]);
    let whole = |revoked: &[&Cert], from| root.crl(revoked.iter().copied(), (from, 4000));
    let part = |uri: &str, revoked: &[&Cert], from| root.crl_part(uri, revoked.iter().copied(), (from, 4000));
    let (one, other) = ("http://crl.test/1", "http://crl.test/2");
    let itself: &[&Cert] = &[&cert];
    for (lists, passes) in [
        ([whole(itself, 2020), whole(&[], 2021)], true),
        ([whole(&[], 2020), whole(itself, 2021)], false),
        ([part(one, itself, 2020), part(one, &[], 2021)], true),
        ([part(one, &[], 2020), part(one, itself, 2021)], false),
        // Another part says nothing of the first, however new it is.
        ([part(one, itself, 2020), part(other, &[], 2021)], false),
        ([part(one, &[], 2020), part(other, itself, 2021)], false),
        // A whole one does.
        ([part(one, itself, 2020), whole(&[], 2021)], true),
        ([whole(&[], 2020), part(one, itself, 2021)], false),
        ([whole(itself, 2020), part(one, &[], 2021)], false),
    ] {
        let [first, second] = &lists;
        for both in [first.clone() + second, second.clone() + first] {
            let config = TlsConfig::builder().roots(Roots::Given(vec![cert.chain().swap_remove(0)]));
            assert_eq!(tried(&cert, config.crl_pem(both.as_bytes())).await.is_ok(), passes, "{both}");
        }
    }
}

/// Its issuer may be unknown: who has signed a list about it can't be told.
#[tokio::test(start_paused = true)]
async fn of_a_certificate_that_is_trusted_itself_lists_say_only_that_it_is_revoked() {
    let (root, forger) = (Ca::new("root"), Ca::new("root"));
    let cert = root.leaf(["a.test"]);
    let with = |list: String| {
        TlsConfig::builder().roots(Roots::Given(vec![cert.chain().swap_remove(0)])).crl_pem(list.as_bytes())
    };
    tried(&cert, with(Ca::new("other").crl([], NOW)).crl_required(true)).await.unwrap();
    tried(&cert, with(root.crl([], (2020, 2021)))).await.unwrap();
    for list in [root.crl([&cert], (2020, 2021)), forger.crl([&cert], NOW)] {
        assert!(refused(&cert, with(list)).await.contains("was revoked"));
    }
}

/// It has no issuer among the roots, or not on its path: but who has revoked it is known by the list.
#[tokio::test(start_paused = true)]
async fn a_certificate_that_is_trusted_itself_is_refused_where_a_list_says_that_it_is_revoked() {
    let root = Ca::new("root");
    let (bad, good) = (root.leaf(["a.test"]), root.leaf(["a.test"]));
    let list = root.crl([&bad], NOW);
    for more in [None, Some(root.der())] {
        let with = |cert: &Cert| {
            let roots = cert.chain().into_iter().take(1).chain(more.clone()).collect();
            TlsConfig::builder().roots(Roots::Given(roots)).crl_pem(list.as_bytes())
        };
        assert_eq!(refused(&bad, with(&bad)).await, "the certificate of a.test was revoked on 2020-01-02");
        tried(&good, with(&good)).await.unwrap();
    }
}
