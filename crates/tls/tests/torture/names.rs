//! For which hosts a certificate is valid (RFC 9525, and OkHttp's table).

use super::{expect_at, outcome};
use crate::support::trusting;
use skybridge_testkit::certs::{Ca, Cert, CertBuilder, RawName};

const DNS: u8 = 2;
const IP: u8 = 7;
const EMAIL: u8 = 1;
const URI: u8 = 6;

fn with(root: &Ca, names: &[RawName<'_>]) -> Cert {
    CertBuilder::server([]).raw_names(names).by(root)
}

#[tokio::test(start_paused = true)]
async fn the_table_of_names() {
    let root = Ca::new("root");
    let config = trusting(&root).build().unwrap();
    let rows: &[(RawName<'_>, &str, bool)] = &[
        ((DNS, b"a.test"), "a.test", true),
        ((DNS, b"A.TEST"), "a.test", true),
        ((DNS, b"a.test"), "A.test", true),
        // A dot at the end says that nothing follows, on either side.
        ((DNS, b"a.test"), "a.test.", true),
        ((DNS, b"a.test."), "a.test", true),
        ((DNS, b"a.test."), "a.test.", true),
        ((DNS, b"A.Test."), "a.test", true),
        ((DNS, b"a.test.."), "a.test", false),
        ((DNS, b"*.a.test."), "b.a.test", true),
        ((DNS, b"*.a.test."), "a.test", false),
        ((DNS, b"*.test."), "a.test", false),
        ((DNS, b"."), "a.test", false),
        ((DNS, b""), "a.test", false),
        ((DNS, b".a.test"), "a.test", false),
        ((DNS, b".a.test"), "b.a.test", false),
        ((DNS, b"a..test"), "a.test", false),
        // A star is the whole of the first label, and stands for one.
        ((DNS, b"*.a.test"), "www.a.test", true),
        ((DNS, b"*.A.test"), "WWW.a.test", true),
        ((DNS, b"*.a.test"), "a.test", false),
        ((DNS, b"*.a.test"), "c.b.a.test", false),
        ((DNS, b"*.a.test"), "www.b.test", false),
        ((DNS, b"*.co.jp"), "foo.co.jp", true),
        ((DNS, b"*"), "a.test", false),
        ((DNS, b"*"), "test", false),
        ((DNS, b"*."), "a.test", false),
        ((DNS, b"f*.a.test"), "foo.a.test", false),
        ((DNS, b"*f.a.test"), "off.a.test", false),
        ((DNS, b"f*o.a.test"), "foo.a.test", false),
        ((DNS, b"a.*.test"), "a.b.test", false),
        ((DNS, b"a.b.*"), "a.b.test", false),
        ((DNS, b"*.*.test"), "a.b.test", false),
        ((DNS, b"**.a.test"), "b.a.test", false),
        ((DNS, b"*a.test"), "a.test", false),
        ((DNS, b"xn--*.a.test"), "xn--bcher-kva.a.test", false),
        // As curl, Go and browsers: two labels behind the star at least. OkHttp takes it.
        ((DNS, b"*.test"), "a.test", false),
        // Nothing that only looks like it: the Kelvin sign is no k, and a NUL ends nothing.
        ((DNS, "\u{212a}.test".as_bytes()), "k.test", false),
        ((DNS, "\u{17f}.test".as_bytes()), "s.test", false),
        ((DNS, b"a.test\0.b.test"), "a.test", false),
        ((DNS, b" a.test"), "a.test", false),
        ((DNS, b"a.test "), "a.test", false),
        // An address is none of a name, and a name none of an address.
        ((DNS, b"192.0.2.1"), "192.0.2.1", false),
        ((DNS, b"2001:db8::1"), "[2001:db8::1]", false),
        ((DNS, b"*.0.2.1"), "192.0.2.1", false),
        ((IP, &[192, 0, 2, 1]), "192.0.2.1", true),
        ((IP, &[192, 0, 2, 1]), "192.0.2.2", false),
        ((IP, &[192, 0, 2, 1]), "[::ffff:192.0.2.1]", true),
        ((IP, &[192, 0, 2, 1]), "[::ffff:c000:201]", true),
        ((IP, &[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]), "[2001:DB8:0:0::1]", true),
        ((IP, &[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]), "[2001:db8::2]", false),
        ((IP, &[192, 0, 2, 1]), "a.test", false),
        ((IP, &[192, 0, 2]), "192.0.2.1", false),
        ((IP, &[192, 0, 2, 1, 255, 255, 255, 255]), "192.0.2.1", false),
        // Other kinds don't count.
        ((EMAIL, b"a.test"), "a.test", false),
        ((EMAIL, b"root@a.test"), "a.test", false),
        ((URI, b"https://a.test"), "a.test", false),
    ];
    for (name, host, fine) in rows {
        let what = format!("{} for {host}", String::from_utf8_lossy(name.1).escape_debug());
        let found = outcome(&format!("https://{host}"), &config, &with(&root, &[*name])).await;
        assert_eq!(found.is_ok(), *fine, "{what}: {found:?}");
        // For its name, and nothing else.
        let is_told = |text: &String| text.starts_with("the certificate is not valid for ");
        assert!(found.as_ref().err().is_none_or(is_told), "{what}: {found:?}");
        // It is in the way of no other.
        let other = with(&root, &[*name, (DNS, b"other.test")]);
        let found = outcome("https://other.test", &config, &other).await;
        assert!(found.is_ok(), "other.test beside {what}: {found:?}");
    }
}

/// The common name is what servers were known by until 2000, and it counts for nothing.
#[tokio::test(start_paused = true)]
async fn a_common_name_alone_is_no_name() {
    let root = Ca::new("root");
    let config = trusting(&root).build().unwrap();
    let named = |names: &[&'static str]| CertBuilder::server(names.iter().copied()).subject(Some("a.test")).by(&root);
    for (names, but_for) in
        [(&[][..], "no name (a common name doesn't count)"), (&["b.test"], "b.test"), (&["192.0.2.1"], "192.0.2.1")]
    {
        let cert = named(names);
        let why = format!("the certificate is not valid for a.test, but for {but_for} ({})", cert.pin());
        expect_at("https://a.test", "common name", &config, &cert, Err(&why)).await;
    }
    // Nor is it missed.
    let cert = CertBuilder::server(["a.test"]).subject(None).by(&root);
    expect_at("https://a.test", "no subject", &config, &cert, Ok(())).await;
}

#[tokio::test(start_paused = true)]
async fn a_certificate_may_have_thousands_of_names() {
    let root = Ca::new("root");
    let config = trusting(&root).build().unwrap();
    for count in [1000, 5000] {
        let names: Vec<String> = (1..count).map(|n| format!("{n}.test")).chain(["last.test".to_owned()]).collect();
        let cert = root.leaf(names.iter().map(String::as_str));
        expect_at("https://last.test", "the last", &config, &cert, Ok(())).await;
        let why = format!(
            "the certificate is not valid for a.test, but for 1.test, 2.test, 3.test, 4.test and {} more ({})",
            count - 4,
            cert.pin()
        );
        expect_at("https://a.test", "none of them", &config, &cert, Err(&why)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn certificates_that_are_too_large_to_be_read_are_called_that() {
    let root = Ca::new("root");
    let names: Vec<String> = (0..5000).map(|n| format!("{n}.a-name-of-some-length.test")).collect();
    let world = crate::support::World::h1(&root.leaf(names.iter().map(String::as_str)));
    let error = world.connect(&trusting(&root).build().unwrap(), "https://a.test").await.unwrap_err();
    let why = "the peer sent a TLS message of 64 KiB or more, such as certificates with very many names, and those \
               aren't read";
    assert!(crate::support::message(&error).ends_with(why), "{error:?}");
}

/// The names that a certificate has are the peer's words.
#[tokio::test(start_paused = true)]
async fn names_that_are_hostile_are_escaped() {
    let root = Ca::new("root");
    let cert = with(&root, &[(DNS, b"\x1b[2Jb.test"), (DNS, b"c.test")]);
    let why = format!("the certificate is not valid for a.test, but for \\1b[2Jb.test, c.test ({})", cert.pin());
    let world = crate::support::World::h1(&cert);
    let error = world.connect(&trusting(&root).build().unwrap(), "https://a.test").await.unwrap_err();
    assert!(crate::support::message(&error).ends_with(&why), "{error:?}");
}
