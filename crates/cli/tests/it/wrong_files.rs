//! Files that are not what a flag is about: what they seem to be is said, and what would do.

use crate::{ran::skybridge, tls::Desk};

#[tokio::test]
async fn a_file_that_is_der_is_told_as_such() {
    let desk = Desk::new();
    let cert = desk.ca.leaf(["a.test"]);
    let root = desk.file("root.der", &*desk.ca.der()).display().to_string();
    let key = desk.file("key.der", cert.key().secret_der()).display().to_string();
    let chain = desk.file("chain.pem", &cert.chain_pem()).display().to_string();
    let leaf = desk.file("leaf.der", &*cert.chain()[0]).display().to_string();
    let rows: [(&[&str], i32, &str, &str); 4] = [
        (&["--cacert", &root], 77, &format!("--cacert {root}"), "PEM, by `openssl x509 -inform DER`"),
        (&["--crlfile", &root], 82, &format!("--crlfile {root}"), "PEM, by `openssl crl -inform DER`"),
        (&["--cert", &leaf, "--key", &key], 58, &format!("--cert {leaf}"), "--cert-type DER"),
        (&["--cert", &chain, "--key", &key], 58, &format!("--key {key}"), "--key-type DER"),
    ];
    for (flags, exit, file, nearest) in rows {
        let ran = skybridge([flags, &["https://a.test/"]].concat()).await;
        assert_eq!((ran.exit, ran.err.lines().count()), (exit, 1), "{}", ran.err);
        assert!(ran.err.starts_with(&format!("skybridge: ({exit}) {file}: ")), "{}", ran.err);
        assert!(ran.err.ends_with(&format!("in the PEM; it looks like DER; nearest: {nearest}\n")), "{}", ran.err);
    }
    // One that is neither gets no such advice.
    let junk = desk.file("junk.pem", "0 junk").display().to_string();
    let ran = skybridge(["--cacert", &junk, "https://a.test/"]).await;
    assert!(ran.exit == 77 && ran.err.ends_with("in the PEM\n"), "{}", ran.err);
}

/// Several flags may name the same file, and several files not be there.
#[tokio::test]
async fn a_file_that_is_not_there_is_told_with_its_flag() {
    let rows: [(&[&str], i32, &str); 10] = [
        (&["--cacert", "none"], 77, "--cacert none"),
        (&["--capath", "none"], 77, "--capath none"),
        (&["--crlfile", "none"], 82, "--crlfile none"),
        (&["--cert", "none"], 58, "--cert none"),
        (&["--proxy-cacert", "none", "-x", "https://127.0.0.1:1"], 77, "--proxy-cacert none"),
        (&["--proxy-cert", "none", "-x", "https://127.0.0.1:1"], 58, "--proxy-cert none"),
        (&["-d", "@none"], 26, "none, which is to be sent"),
        (&["-F", "a=@none"], 26, "none, which is to be sent"),
        (&["-T", "none"], 26, "none, which is to be sent"),
        (&["-G", "-d", "@none"], 26, "none, which is to be sent"),
    ];
    for (flags, exit, what) in rows {
        let ran = skybridge([flags, &["https://a.test/"]].concat()).await;
        assert_eq!((ran.exit, ran.err.lines().count()), (exit, 1), "{}", ran.err);
        assert!(ran.err.starts_with(&format!("skybridge: ({exit}) {what}: ")), "{}", ran.err);
    }
}

#[tokio::test]
async fn a_flag_that_needs_another_one_names_it() {
    for (flags, missing) in [
        (["--key", "k.pem"], "--cert <FILE>"),
        (["--proxy-key", "k.pem"], "--proxy-cert <FILE>"),
        (["--cert-type", "DER"], "--cert <FILE>"),
    ] {
        let ran = skybridge(flags.into_iter().chain(["https://a.test/"])).await;
        let told = format!("skybridge: {missing} is missing, which another flag needs");
        assert!(ran.exit == 2 && ran.err.starts_with(&told), "{}", ran.err);
    }
    let ran = skybridge(["--pinnedpubkey", "sha256//x", "https://a.test/"]).await;
    assert!(ran.exit == 2 && ran.err.starts_with("skybridge: --pinnedpubkey \"sha256//x\": "), "{}", ran.err);
}
