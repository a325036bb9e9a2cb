use crate::ran::{Ran, fed_in, reports, skybridge};
use base64::{Engine, engine::general_purpose::STANDARD};
use skybridge_testkit::{
    certs::{Ca, Cert, CertBuilder, Staple},
    origin::{Builder, Origin},
    proxy::ProxyServer,
};
use std::{fs, path::PathBuf};
use tempfile::TempDir;

/// An authority, and the files that the flags name.
pub(crate) struct Desk {
    pub(crate) ca: Ca,
    folder: TempDir,
}

impl Desk {
    pub(crate) fn new() -> Self {
        let desk = Self { ca: Ca::new("a root"), folder: tempfile::tempdir().unwrap() };
        desk.file("ca.pem", &desk.ca.pem());
        desk
    }

    pub(crate) fn file(&self, name: &str, text: &(impl AsRef<[u8]> + ?Sized)) -> PathBuf {
        let path = self.folder.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    pub(crate) async fn run(&self, origin: &Origin, host: &str, arguments: &[&str]) -> Ran {
        self.run_as(&[], origin, host, arguments).await
    }

    pub(crate) async fn explain(&self, origin: &Origin, host: &str, arguments: &[&str]) -> Ran {
        self.run_as(&["explain"], origin, host, arguments).await
    }

    /// The server is named without a scheme.
    pub(crate) async fn pins(&self, origin: &Origin, host: &str, arguments: &[&str]) -> Ran {
        let port = origin.addr().port();
        let resolve = format!("--resolve={host}:{port}:127.0.0.1");
        let trust = format!("--cacert={}", self.folder.path().join("ca.pem").display());
        let host = format!("{host}:{port}");
        skybridge(["pins", &resolve, &trust].iter().chain(arguments).copied().chain([host.as_str()])).await
    }

    async fn run_as(&self, verb: &[&str], origin: &Origin, host: &str, arguments: &[&str]) -> Ran {
        let port = origin.addr().port();
        let resolve = ["a.test", "b.test"].map(|name| format!("--resolve={name}:{port}:127.0.0.1"));
        let trust = format!("--cacert={}", self.folder.path().join("ca.pem").display());
        let url = format!("https://{host}:{port}/");
        let first = [resolve[0].as_str(), &resolve[1], &trust, "--report", "-"];
        skybridge(verb.iter().chain(&first).chain(arguments).copied().chain([url.as_str()])).await
    }
}

pub(crate) fn h2(cert: &Cert) -> Builder {
    Origin::h2c().tls(cert)
}

/// As curl writes a pin.
fn curls(pin: &str) -> String {
    pin.replace("sha256/", "sha256//")
}

#[tokio::test]
async fn the_report_tells_of_tls() {
    let desk = Desk::new();
    let cert = desk.ca.leaf(["a.test"]);
    let origin = h2(&cert).start().await;
    let ran = desk.run(&origin, "a.test", &["--repeat", "3"]).await;
    assert_eq!(ran.exit, 0, "{}", ran.err);
    let reports = reports(&ran);
    let tls = &reports[0]["connection"]["tls"];
    assert_eq!((&tls["version"], &tls["alpn"], &tls["sni"]), (&"1.3".into(), &"h2".into(), &"a.test".into()));
    assert_eq!((&tls["resumed"], &tls["ech"]), (&false.into(), &"none".into()));
    assert!(tls["cipher"].as_str().unwrap().starts_with("TLS13_"));
    assert_eq!((&tls["group"], &tls["stapled"]), (&"X25519MLKEM768".into(), &false.into()));
    assert_eq!(tls["not_after"], "4096-01-01T00:00:00.000Z");
    assert_eq!(tls["pins"], serde_json::json!([cert.pin(), desk.ca.pin()]));
    assert!(reports[0]["timings_us"]["tls"].as_u64().unwrap() > 0 && reports[1]["timings_us"]["tls"].is_null());
    assert!(reports.iter().all(|report| report["http_version"] == "2"));
    assert_eq!(origin.exchanges(), ["c0e0", "c0e1", "c0e2"]);
}

#[tokio::test]
async fn fifty_at_once_from_a_cold_start_share_one_connection() {
    let desk = Desk::new();
    let origin = h2(&desk.ca.leaf(["a.test"])).start().await;
    let ran = desk.run(&origin, "a.test", &["--parallel", "--repeat", "50"]).await;
    assert_eq!((ran.exit, reports(&ran).len()), (0, 50), "{}", ran.err);
    assert_eq!((origin.connections(), origin.requests().len()), (1, 50));
}

#[tokio::test]
async fn another_host_is_coalesced_unless_forbidden_or_pinned_otherwise() {
    let desk = Desk::new();
    let both = desk.ca.leaf(["a.test", "b.test"]);
    let second = |origin: &Origin| format!("https://b.test:{}/", origin.addr().port());

    let origin = h2(&both).start().await;
    let ran = desk.run(&origin, "a.test", &["-v", &second(&origin)]).await;
    // The URL of the argument comes first.
    let told = reports(&ran);
    assert_eq!((ran.exit, origin.connections()), (0, 1), "{}", ran.err);
    assert_eq!(
        (&told[1]["decision"]["kind"], &told[1]["connection"]["coalesced"]),
        (&"coalesced".into(), &true.into())
    );
    assert_eq!(told[1]["connection"]["exchange"], 1);

    let origin = h2(&both).start().await;
    let ran = desk.run(&origin, "a.test", &["--no-coalesce", &second(&origin)]).await;
    assert_eq!((ran.exit, origin.connections()), (0, 2), "{}", ran.err);

    let origin = h2(&both).start().await;
    let pin = format!("a.test={}", Ca::new("somebody else").pin());
    let ran = desk.run(&origin, "a.test", &["--pin", &pin, &second(&origin)]).await;
    let told = reports(&ran);
    assert_eq!((ran.exit, told[1]["error"]["kind"].as_str(), &told[0]["status"]), (90, Some("pin"), &200.into()));
    assert_eq!(origin.requests().len(), 1, "no request went where the pin doesn't match");
}

#[tokio::test]
async fn pins_of_leaf_intermediate_and_root_each_pass_and_others_are_exit_90() {
    let desk = Desk::new();
    let between = desk.ca.intermediate("between");
    let cert = between.leaf(["a.test"]);
    let origin = h2(&cert).start().await;
    for pin in [cert.pin(), between.pin(), desk.ca.pin()] {
        let ran = desk.run(&origin, "a.test", &["--pin", &format!("**.a.test={pin}")]).await;
        assert_eq!(ran.exit, 0, "{}", ran.err);
    }
    // Curl's form is of the leaf alone.
    let ran = desk.run(&origin, "a.test", &["--pinnedpubkey", &curls(&cert.pin())]).await;
    assert_eq!(ran.exit, 0, "{}", ran.err);
    // Any of several, wherever it stands.
    for several in [
        format!("{0};{1}", curls(&desk.ca.pin()), curls(&cert.pin())),
        format!("{1}; {0}", curls(&desk.ca.pin()), curls(&cert.pin())),
    ] {
        let ran = desk.run(&origin, "a.test", &["--pinnedpubkey", &several]).await;
        assert_eq!(ran.exit, 0, "{several}: {}", ran.err);
    }
    let served = origin.requests().len();
    let several = format!("{};{}", curls(&desk.ca.pin()), curls(&between.pin()));
    for wrong in [["--pin", &format!("a.test={}", Ca::new("other").pin())], ["--pinnedpubkey", &several]] {
        let ran = desk.run(&origin, "a.test", &wrong).await;
        let error = &reports(&ran)[0]["error"];
        assert_eq!((ran.exit, &error["kind"], &error["phase"]), (90, &"pin".into(), &"tls".into()), "{}", ran.err);
        assert_eq!(error["processed"], "no");
    }
    assert_eq!(origin.requests().len(), served, "no request was sent");
}

/// Redirected there, typed without a scheme, by another name, by address, with a pattern that is met: no list of hosts
/// knows them all.
#[tokio::test]
async fn a_pinned_key_holds_for_every_host_that_a_command_leads_to() {
    let desk = Desk::new();
    let cert = desk.ca.leaf(["a.test", "b.test", "localhost", "127.0.0.1"]);
    let origin = h2(&cert).start().await;
    let port = origin.addr().port();
    let guide = async |to: String| {
        let answer = move |_| {
            let to = to.clone();
            async move { http::Response::builder().status(301).header("location", to).body(String::new()).unwrap() }
        };
        Origin::h1().handle(answer).start().await
    };
    let mut urls = vec![origin.url("/"), format!("https://b.test:{port}/"), format!("https://A.TEST.:{port}/")];
    let mut guides = Vec::new();
    for host in ["a.test", "b.test", "localhost", "127.0.0.1"] {
        let guide = guide(format!("https://{host}:{port}/")).await;
        // By name, by address, and without a scheme.
        let at = guide.addr().port();
        urls.extend([format!("http://a.test:{at}/"), format!("127.0.0.1:{at}/x"), format!("a.test:{at}")]);
        guides.push((guide, at));
    }
    let resolve = |(host, port): (&str, u16)| format!("--resolve={host}:{port}:127.0.0.1");
    let mut flags: Vec<_> = guides.iter().map(|(_, at)| resolve(("a.test", *at))).collect();
    flags.extend(["a.test", "b.test", "a.test.", "localhost"].map(|host| resolve((host, port))));
    flags.push(format!("--cacert={}", desk.folder.path().join("ca.pem").display()));
    let met = format!("--pin=a.test={}", cert.pin());
    for url in &urls {
        for (pin, exit) in [(desk.ca.pin(), 90), (cert.pin(), 0)] {
            let pinned = format!("--pinnedpubkey={}", curls(&pin));
            let more = ["-L", &pinned, &met, url];
            let ran = skybridge(flags.iter().map(String::as_str).chain(more)).await;
            assert_eq!((ran.exit, ran.out.contains("hello")), (exit, exit == 0), "{url} {}: {}", ran.out, ran.err);
        }
    }
    assert_eq!(origin.requests().len(), urls.len(), "no request was sent to a host without the key");
}

#[tokio::test]
async fn a_wrong_authority_name_or_date_is_exit_60_unless_told_to_be_insecure() {
    let desk = Desk::new();
    let strange = Ca::new("a stranger");
    for cert in [
        strange.leaf(["a.test"]),
        desk.ca.leaf(["b.test"]),
        desk.ca.expired(["a.test"]),
        desk.ca.not_yet_valid(["a.test"]),
    ] {
        let origin = h2(&cert).start().await;
        let ran = desk.run(&origin, "a.test", &[]).await;
        let error = &reports(&ran)[0]["error"];
        assert_eq!(
            (ran.exit, &error["kind"], &error["phase"]),
            (60, &"certificate".into(), &"tls".into()),
            "{}",
            ran.err
        );
        assert!(origin.requests().is_empty());
        let ran = desk.run(&origin, "a.test", &["-k", "-w", "%{ssl_verify_result}"]).await;
        assert!(ran.exit == 0 && ran.out.starts_with('1'), "{} {}", ran.out, ran.err);
    }
}

#[tokio::test]
async fn a_second_connection_is_resumed() {
    let desk = Desk::new();
    let cert = desk.ca.leaf(["a.test"]);
    let origin = h2(&cert).start().await;
    let pin = format!("a.test={}", cert.pin());
    let ran = desk.run(&origin, "a.test", &["--no-reuse", "--repeat", "2", "--pin", &pin]).await;
    let told = reports(&ran);
    assert_eq!((ran.exit, origin.connections()), (0, 2), "{}", ran.err);
    assert_eq!(told[1]["connection"]["tls"]["resumed"], true);
    assert_eq!(told[1]["connection"]["tls"]["pins"], told[0]["connection"]["tls"]["pins"]);
}

#[tokio::test]
async fn versions_are_as_asked_and_exit_35_when_they_do_not_meet() {
    let desk = Desk::new();
    let origin = h2(&desk.ca.leaf(["a.test"])).start().await;
    let ran = desk.run(&origin, "a.test", &["--tls-max", "1.2"]).await;
    assert_eq!(reports(&ran)[0]["connection"]["tls"]["version"], "1.2", "{}", ran.err);
    let old = Origin::h1().tls(&desk.ca.leaf(["a.test"])).tls12().start().await;
    let ran = desk.run(&old, "a.test", &["--tlsv1.3"]).await;
    assert_eq!((ran.exit, reports(&ran)[0]["error"]["kind"].as_str()), (35, Some("tls")), "{}", ran.err);
    let ran = skybridge(["--tlsv1.3", "--tls-max", "1.2", "https://a.test/"]).await;
    assert_eq!(ran.exit, 2, "{}", ran.err);
}

#[tokio::test]
async fn the_version_of_http_is_as_asked() {
    let desk = Desk::new();
    let origin = h2(&desk.ca.leaf(["a.test"])).start().await;
    for (flags, version) in [(&["--http1.1"][..], "1.1"), (&["--http2"], "2"), (&[], "2")] {
        let ran = desk.run(&origin, "a.test", flags).await;
        assert_eq!(reports(&ran)[0]["http_version"], version, "{}", ran.err);
    }
}

const OF_EC: &str = include_str!("../../../tls/tests/identities/ec.v1.pem");
const PKCS8: &str = include_str!("../../../tls/tests/identities/ec.pkcs8.pem");
const SEC1: &str = include_str!("../../../tls/tests/identities/ec.sec1.pem");
const OF_RSA: &str = include_str!("../../../tls/tests/identities/rsa.v1.pem");
const PKCS1: &str = include_str!("../../../tls/tests/identities/rsa.pkcs1.pem");
const ENCRYPTED: &str = include_str!("../../../tls/tests/identities/ec.encrypted.pkcs8.pem");

/// The last thing in a PEM, in DER: before the key of SEC1 may stand its curve.
fn unarmoured(pem: &str) -> Vec<u8> {
    let inside = pem.rsplit("-----BEGIN ").next().unwrap().split("-----").nth(1).unwrap();
    STANDARD.decode(inside.split_whitespace().collect::<String>()).unwrap()
}

#[tokio::test]
async fn a_client_shows_its_certificate() {
    let desk = Desk::new();
    let origin = h2(&desk.ca.leaf(["a.test"])).require_client_cert(&desk.ca).start().await;
    let me = desk.ca.client("me");
    let (cert, key) = (desk.file("me.pem", &me.chain_pem()), desk.file("me.key", &me.key_pem()));
    let both = desk.file("both.pem", &(me.chain_pem() + &me.key_pem()));
    let (cert, key, both) = (cert.to_str().unwrap(), key.to_str().unwrap(), both.to_str().unwrap());
    for flags in [&["-E", cert, "--key", key][..], &["-E", both]] {
        let ran = desk.run(&origin, "a.test", flags).await;
        assert_eq!(ran.exit, 0, "{}", ran.err);
    }
    let der = |name: &str, der: &[u8]| {
        let path = desk.folder.path().join(name);
        fs::write(&path, der).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (cert_der, key_der) = (der("me.cer", &me.chain()[0]), der("me.key.der", me.key().secret_der()));
    for flags in [
        &["-E", &cert_der, "--cert-type", "DER", "--key", &key_der, "--key-type", "der"][..],
        &["-E", &cert_der, "--cert-type", "der", "--key", key],
        &["-E", cert, "--cert-type", "PEM", "--key", &key_der, "--key-type", "DER"],
    ] {
        let ran = desk.run(&origin, "a.test", flags).await;
        assert_eq!(ran.exit, 0, "{flags:?}: {}", ran.err);
    }
    // Of each kind. Whoever asks for no certificate takes them all.
    let indifferent = h2(&desk.ca.leaf(["a.test"])).start().await;
    for (name, chain, key) in [("ec", OF_EC, PKCS8), ("ec", OF_EC, SEC1), ("rsa", OF_RSA, PKCS1)] {
        let (chain, key) = (der(&format!("{name}.cer"), &unarmoured(chain)), der("a.key.der", &unarmoured(key)));
        let flags = ["-E", &chain, "--cert-type", "DER", "--key", &key, "--key-type", "DER"];
        let ran = desk.run(&indifferent, "a.test", &flags).await;
        assert_eq!(ran.exit, 0, "{name}: {}", ran.err);
    }
    let sealed = der("sealed.key.der", &unarmoured(ENCRYPTED));
    let ran = desk.run(&origin, "a.test", &["-E", cert, "--key", &sealed, "--key-type", "DER"]).await;
    assert!(ran.exit == 58 && ran.err.contains("the client's private key is encrypted"), "{}", ran.err);
    let ran = desk.run(&origin, "a.test", &["-E", cert, "--cert-type", "P12"]).await;
    assert!(ran.exit == 2 && ran.err.contains("nearest: PEM or DER"), "{}", ran.err);
    assert_ne!(desk.run(&origin, "a.test", &[]).await.exit, 0);
    // Without a key, a strange key, a key in the certificate's place, no file: the file that is wrong is named.
    let strange = desk.file("strange.key", &desk.ca.client("you").key_pem());
    let strange = strange.to_str().unwrap();
    let odd = desk.file("odd.key", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n");
    let odd = odd.to_str().unwrap();
    let sealed = desk.file("sealed.key", ENCRYPTED);
    let sealed = sealed.to_str().unwrap();
    let ran = desk.run(&origin, "a.test", &["-E", cert, "--key", sealed]).await;
    assert!(
        ran.err.contains("the client's private key is encrypted, and its password is not asked for"),
        "{}",
        ran.err
    );
    let rows = [
        (&["-E", cert, "--key", sealed][..], sealed),
        (&["-E", &cert_der, "--key", key], &cert_der),
        (&["-E", cert, "--key", &key_der], &key_der),
        (&["-E", cert, "--cert-type", "DER", "--key", key], cert),
        (&["-E", cert, "--key", key, "--key-type", "DER"], key),
        (&["-E", cert][..], cert),
        (&["-E", cert, "--key", strange], cert),
        (&["-E", key, "--key", key], key),
        (&["-E", cert, "--key", cert], cert),
        (&["-E", cert, "--key", odd], odd),
        (&["-E", "/no/such/file"], "/no/such/file"),
    ];
    for (flags, file) in rows {
        let ran = desk.run(&origin, "a.test", flags).await;
        assert_eq!((ran.exit, ran.err.lines().count()), (58, 1), "{}", ran.err);
        assert!(ran.err.contains(file), "{}", ran.err);
    }
}

/// What is said of one is not said of the other: who we are, and what it must prove.
#[tokio::test]
async fn a_proxy_and_an_origin_are_each_shown_what_their_own_flags_name() {
    let desk = Desk::new();
    let [me, other] = ["me", "other"].map(|name| desk.ca.client(name));
    let file = |name: &str, bytes: &[u8]| desk.file(name, bytes).display().to_string();
    let both = |name: &str, who: &Cert| file(name, (who.chain_pem() + &who.key_pem()).as_bytes());
    let (mine, others) = (both("me.pem", &me), both("other.pem", &other));
    let (cert, key) = (file("me.cer", &me.chain()[0]), file("me.der", me.key().secret_der()));
    let in_der = ["--proxy-cert", &cert, "--proxy-cert-type", "DER", "--proxy-key", &key, "--proxy-key-type", "DER"];
    let asking = || Origin::h1().tls(&desk.ca.leaf(["127.0.0.1"])).request_client_cert(&desk.ca);
    let ca = desk.folder.path().join("ca.pem").display().to_string();
    for (flags, to_proxy, to_origin) in [
        (&["-E", &mine][..], None, Some(&me)),
        (&["--proxy-cert", &mine], Some(&me), None),
        (&["-E", &others, "--proxy-cert", &mine], Some(&me), Some(&other)),
        (&in_der, Some(&me), None),
    ] {
        // It answers what it should forward.
        let (proxy, origin) = (asking().start().await, asking().start().await);
        let trust = ["--cacert", &ca, "--proxy-cacert", &ca];
        let forwarded = ["-x", &*proxy.url(""), "http://a.test/"];
        for (more, server, shown) in [(&forwarded[..], &proxy, to_proxy), (&[&*origin.url("/")], &origin, to_origin)] {
            let ran = skybridge([&trust, flags, more].concat()).await;
            assert_eq!((ran.exit, &*ran.out), (0, "hello"), "{flags:?}: {}", ran.err);
            let shown = shown.map(Cert::chain).unwrap_or_default();
            assert_eq!(server.handshakes()[0].client, shown, "{flags:?} {more:?}");
        }
    }
    // Neither a staple nor a list is wanted of a proxy, nor a key by another's flag.
    let proxy = asking().start().await;
    let list = file("list.crl", Ca::new("other").crl([], (2020, 4000)).as_bytes());
    let pins = curls(&desk.ca.pin());
    for flags in [&["--cert-status"][..], &["--crlfile", &list], &["--pinnedpubkey", &pins]] {
        let fixed = ["--proxy-cacert", &ca, "-x", &*proxy.url(""), "http://a.test/"];
        let ran = skybridge([flags, &fixed].concat()).await;
        assert_eq!((ran.exit, &*ran.out), (0, "hello"), "{flags:?}: {}", ran.err);
    }
}

#[tokio::test]
async fn roots_that_cannot_be_read_are_exit_77() {
    let desk = Desk::new();
    let junk = desk.file("junk.pem", "junk");
    for file in [junk.to_str().unwrap(), "/no/such/file"] {
        let ran = skybridge(["--cacert", file, "https://a.test/"]).await;
        assert_eq!((ran.exit, ran.err.lines().count()), (77, 1), "{}", ran.err);
        assert!(ran.err.contains(file), "{}", ran.err);
    }
    let cut = desk.file("cut.pem", format!("{0}{0}", desk.ca.pem()).trim_end_matches("E-----\n"));
    let ran = skybridge(["--cacert", cut.to_str().unwrap(), "https://a.test/"]).await;
    let told = format!(
        "skybridge: (77) --cacert {}: root certificate 2 in the PEM can't be read: its END line is missing\n",
        cut.display()
    );
    assert_eq!((ran.exit, ran.err), (77, told));
    fs::remove_file(&junk).unwrap();
    fs::remove_file(&cut).unwrap();
    let origin = h2(&desk.ca.leaf(["127.0.0.1"])).start().await;
    let url = format!("https://{}/", origin.addr());
    let ran = skybridge(["--capath", desk.folder.path().to_str().unwrap(), &url]).await;
    assert_eq!((ran.exit, ran.out.as_str()), (0, "hello"), "{}", ran.err);
}

#[tokio::test]
async fn of_a_folder_of_roots_what_cannot_be_used_is_named_and_the_rest_is_used() {
    let desk = Desk::new();
    let origin = h2(&desk.ca.leaf(["127.0.0.1"])).start().await;
    let (url, folder) = (format!("https://{}/", origin.addr()), desk.folder.path().to_str().unwrap().to_owned());
    let cut = desk.file("cut.pem", &desk.ca.pem()[..300]);
    let none = desk.file("none.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    let dangling = desk.folder.path().join("dangling.pem");
    #[cfg(unix)]
    std::os::unix::fs::symlink("gone.pem", &dangling).unwrap();
    for (flag, is_told) in [("-i", true), ("-s", false), ("-sS", true)] {
        let ran = skybridge([flag, "--capath", &folder, &url]).await;
        assert!(ran.exit == 0 && ran.out.ends_with("hello"), "{}", ran.err);
        for file in [&cut, &none, &dangling].into_iter().take(if cfg!(unix) { 3 } else { 2 }) {
            let told = format!("skybridge: {} isn't used: ", file.display());
            assert_eq!(ran.err.lines().any(|line| line.starts_with(&told)), is_told, "{flag}: {}", ran.err);
        }
    }
    let marked = desk.file("ca.pem", &format!("\u{feff}{}", desk.ca.pem()));
    for flags in [["--cacert", marked.to_str().unwrap()], ["--capath", &folder]] {
        assert_eq!(skybridge(flags.into_iter().chain([&*url])).await.exit, 0, "{flags:?}");
    }
    fs::remove_file(&marked).unwrap();
    let empty = desk.folder.path().join("empty");
    fs::create_dir(&empty).unwrap();
    for folder in [&*folder, empty.to_str().unwrap()] {
        let ran = skybridge(["--capath", folder, &url]).await;
        let told = format!("skybridge: (77) --capath {folder}: no file in it has a certificate that can be used\n");
        assert!(ran.exit == 77 && ran.err.ends_with(&told), "{}", ran.err);
    }
}

/// As with curl: a list of each issuer is required, and what can't be read is its own exit.
#[tokio::test]
async fn what_a_list_says_is_revoked_is_refused() {
    let desk = Desk::new();
    let (bad, good) = (desk.ca.leaf(["a.test"]), desk.ca.leaf(["a.test"]));
    let now = (2020, 4000);
    let list = format!("--crlfile={}", desk.file("list.crl", &desk.ca.crl([&bad], now)).display());
    let other = format!("--crlfile={}", desk.file("other.crl", &Ca::new("other").crl([], now)).display());
    let old = format!("--crlfile={}", desk.file("old.crl", &desk.ca.crl([], (2020, 2021))).display());
    let unknown = "it can't be told whether the certificate was revoked: ";
    for (cert, flags, told) in [
        (&good, &[&*list][..], None),
        (&bad, &[&*list][..], Some("certificate was revoked on 2020-01-02 (nothing was sent)".to_owned())),
        (&bad, &[&*list, "-k"][..], None),
        (&good, &[&*other][..], Some(format!("{unknown}no list says whether it was revoked"))),
        (&good, &[&*old][..], Some(format!("{unknown}the list of revoked certificates has expired"))),
    ] {
        let origin = h2(cert).start().await;
        let ran = desk.run(&origin, "a.test", flags).await;
        assert_eq!(ran.exit, if told.is_none() { 0 } else { 60 }, "{flags:?}: {}", ran.err);
        assert!(told.is_none_or(|told| ran.err.contains(&told)), "{flags:?}: {}", ran.err);
    }
    let junk = desk.file("junk.crl", "junk");
    for file in [junk.to_str().unwrap(), "/no/such/file"] {
        for flag in ["--crlfile", "--proxy-crlfile"] {
            let ran = skybridge([flag, file, "-x", "https://127.0.0.1:1", "https://a.test/"]).await;
            assert_eq!((ran.exit, ran.err.lines().count()), (82, 1), "{}", ran.err);
            assert!(ran.err.contains(file), "{}", ran.err);
        }
    }
}

/// As with curl, also for its exit.
#[tokio::test]
async fn what_a_server_staples_is_checked_and_may_be_required() {
    let desk = Desk::new();
    let cert = desk.ca.leaf(["a.test"]);
    let good = || Staple::new(&desk.ca, &cert);
    for (staple, flags, told) in [
        (Vec::new(), &[][..], None),
        (Vec::new(), &["--cert-status"][..], Some("the server has stapled nothing to it (OCSP) that says so")),
        (good().make(), &["--cert-status"][..], None),
        (good().revoked(2021).make(), &[][..], Some("certificate was revoked on 2021-01-01")),
        (good().revoked(2021).make(), &["-k"][..], None),
    ] {
        let origin = h2(&cert.clone().stapling(staple)).start().await;
        let ran = desk.run(&origin, "a.test", flags).await;
        assert_eq!(ran.exit, if told.is_none() { 0 } else { 91 }, "{flags:?}: {}", ran.err);
        assert!(told.is_none_or(|told| ran.err.contains(told)), "{flags:?}: {}", ran.err);
    }
    // It says itself that it is stapled (RFC 7633).
    let must = CertBuilder::server(["a.test"]).extension(&[1, 3, 6, 1, 5, 5, 7, 1, 24], false, vec![0x30, 3, 2, 1, 5]);
    let ran = desk.run(&h2(&must.by(&desk.ca)).start().await, "a.test", &[]).await;
    assert_eq!(ran.exit, 91, "{}", ran.err);
    assert!(ran.err.contains("certificate must be stapled (OCSP), as it says itself"), "{}", ran.err);
}

#[tokio::test]
async fn each_kind_of_proxy_leads_to_the_origin_on_one_connection() {
    let desk = Desk::new();
    let cert = desk.ca.leaf(["a.test"]);
    let trust = desk.folder.path().join("ca.pem");
    let sealed = ProxyServer::http().tls(&desk.ca.leaf(["127.0.0.1"]));
    for proxy in [ProxyServer::http(), sealed, ProxyServer::socks5(), ProxyServer::socks4()] {
        let origin = h2(&cert).start().await;
        let proxy = proxy.user("me", "hunter2").host("a.test", origin.addr()).start().await;
        let trust = format!("--proxy-cacert={}", trust.display());
        let through =
            ["-x", &proxy.url(), "-U", "me:hunter2", &trust, "-v", "--events", "--timeline", "-Z", "--repeat", "50"];
        let ran = desk.run(&origin, "a.test", &through).await;
        assert_eq!(ran.exit, 0, "{}: {}", proxy.url(), ran.err);
        let told = reports(&ran);
        assert!(told.iter().all(|report| report["connection"]["proxy"] == proxy.url()), "{}", ran.out);
        assert_eq!((origin.connections(), origin.requests().len(), proxy.requests().len()), (1, 50, 1));
        let new = told.iter().find(|report| report["decision"]["kind"] == "new").unwrap_or(&told[0]);
        assert!(new["timings_us"]["tunnel"].is_u64() || new["decision"]["kind"] != "new");
        assert!(!ran.err.contains("hunter2") && !ran.out.contains("hunter2"), "the password is told");
    }
}

#[tokio::test]
async fn a_proxy_that_is_not_trusted_is_exit_60_and_pins_hold_for_it() {
    let desk = Desk::new();
    let origin = h2(&desk.ca.leaf(["a.test"])).start().await;
    let cert = desk.ca.leaf(["127.0.0.1"]);
    let proxy = ProxyServer::http().tls(&cert).host("a.test", origin.addr()).start().await;
    let trust = format!("--proxy-cacert={}", desk.folder.path().join("ca.pem").display());
    let run = async |flags: &[&str]| desk.run(&origin, "a.test", &[&["-x", &*proxy.url()], flags].concat()).await;
    // As with curl, neither --cacert nor -k is for proxies.
    for flags in [&[][..], &["-k"]] {
        assert_eq!(run(flags).await.exit, 60);
    }
    assert_eq!(run(&["--proxy-insecure"]).await.exit, 0);
    // Which of the two was accepted, or refused.
    for (flags, verified) in [
        (&[][..], "0 1 "),
        (&["--proxy-insecure"], "0 1 "),
        (&["--proxy-insecure", "-k"], "1 1 "),
        (&[&trust], "0 0 "),
        (&[&trust, "-k"], "1 0 "),
    ] {
        let told = run(&[flags, &["-w", "%{ssl_verify_result} %{proxy_ssl_verify_result} "]].concat()).await.out;
        assert!(told.starts_with(verified), "{flags:?}: {told}");
    }
    assert_eq!(run(&[&trust, "--proxy-pinnedpubkey", &curls(&cert.pin())]).await.exit, 0);
    let ran = run(&[&trust, "--proxy-pinnedpubkey", &curls(&desk.ca.pin())]).await;
    assert_eq!(ran.exit, 90, "{}", ran.err);
    // What is only reported is said of origins.
    let ran = run(&[&trust, "--proxy-pinnedpubkey", &curls(&desk.ca.pin()), "--pin-report-only"]).await;
    assert_eq!(ran.exit, 90, "{}", ran.err);
    let log = desk.folder.path().join("keys");
    let ran = run(&["--proxy-insecure", "--sslkeylogfile", log.to_str().unwrap()]).await;
    assert_eq!(ran.exit, 0, "{}", ran.err);
    let secrets = fs::read_to_string(&log).unwrap().matches("CLIENT_TRAFFIC_SECRET_0 ").count();
    assert_eq!(secrets, 2, "the proxy's, and the origin's");
}

#[tokio::test]
async fn pins_hold_for_a_proxy_of_the_environment_too() {
    let desk = Desk::new();
    let origin = h2(&desk.ca.leaf(["a.test"])).start().await;
    let cert = desk.ca.leaf(["127.0.0.1"]);
    let proxy = ProxyServer::http().tls(&cert).host("a.test", origin.addr()).start().await;
    let ca = desk.folder.path().join("ca.pem").display().to_string();
    let url = origin.url("/").replace("127.0.0.1", "a.test");
    for variable in ["https_proxy", "ALL_PROXY"] {
        for (pin, exit) in [(cert.pin(), 0), (desk.ca.pin(), 90)] {
            let flags = ["--cacert", &ca, "--proxy-cacert", &ca, "--proxy-pinnedpubkey", &curls(&pin), &url];
            let ran = fed_in(&[(variable, &proxy.url())], flags, "").await;
            assert_eq!(ran.exit, exit, "{variable}: {}", ran.err);
        }
    }
}

#[tokio::test]
async fn plain_http_is_forwarded_with_the_password_and_without_it_refused() {
    let origin = Origin::h1().start().await;
    let proxy = ProxyServer::http().user("me", "hunter2").start().await;
    let ran = skybridge(["-x", &proxy.url(), "-U", "me:hunter2", "--repeat", "2", &origin.url("/")]).await;
    assert_eq!((ran.exit, ran.out.as_str()), (0, "hellohello"), "{}", ran.err);
    assert_eq!(proxy.requests()[0].line, format!("GET {} HTTP/1.1", origin.url("/")));
    let ran = skybridge(["-x", &proxy.url(), "-U", "me:wrong", "https://a.test/"]).await;
    assert_eq!(ran.exit, 97, "{}", ran.err);
}

#[tokio::test]
async fn a_timeline_is_drawn_for_each_call() {
    let desk = Desk::new();
    let origin = h2(&desk.ca.leaf(["a.test"])).start().await;
    let ran = desk.run(&origin, "a.test", &["--timeline", "--repeat", "2"]).await;
    for told in ["call 1  GET https://a.test:", "call 2  GET https://a.test:", "tls", "reused connection 1"] {
        assert!(ran.err.contains(told), "{told}: {}", ran.err);
    }
    assert!(!ran.err.contains('\u{1b}'), "no colours but in a terminal");
}

#[tokio::test]
async fn the_next_spec_is_tried_where_that_is_asked_for_and_loudly() {
    let desk = Desk::new();
    let old = Origin::h1().tls(&desk.ca.leaf(["a.test"])).tls12().start().await;
    let ran = desk.run(&old, "a.test", &["-v", "--tls-fallback", "restricted,compatible"]).await;
    let tls = &reports(&ran)[0]["connection"]["tls"];
    assert_eq!(
        (&tls["version"], &tls["spec"], old.connections()),
        (&"1.2".into(), &"compatible".into(), 2),
        "{}",
        ran.err
    );
    let told = "* TLS FALLBACK from restricted to compatible, on another connection: the peer refused the handshake";
    assert!(ran.err.contains(told) && ran.err.contains(", by the spec compatible"), "{}", ran.err);
    let ran = desk.run(&old, "a.test", &["--tls-fallback", "restricted"]).await;
    assert_eq!((ran.exit, old.connections()), (35, 3), "{}", ran.err);
    let ran = desk.run(&old, "a.test", &[]).await;
    assert_eq!((ran.exit, &reports(&ran)[0]["connection"]["tls"]["spec"]), (0, &"modern".into()), "{}", ran.err);
}

#[tokio::test]
async fn suites_and_groups_are_those_of_the_flags() {
    let desk = Desk::new();
    let origin = h2(&desk.ca.leaf(["a.test"])).start().await;
    let rows = [
        (&["--tls13-ciphers", "TLS_CHACHA20_POLY1305_SHA256"][..], "TLS13_CHACHA20_POLY1305_SHA256"),
        (&["--ciphers", "ECDHE-ECDSA-CHACHA20-POLY1305"], "TLS13_AES_256_GCM_SHA384"),
        (
            &["--tls-max", "1.2", "--ciphers", "ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-AES128-GCM-SHA256"],
            "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        ),
        (&["--curves", "P-256"], "TLS13_AES_256_GCM_SHA384"),
    ];
    for (flags, cipher) in rows {
        let ran = desk.run(&origin, "a.test", flags).await;
        assert_eq!(reports(&ran)[0]["connection"]["tls"]["cipher"], cipher, "{flags:?} {}", ran.err);
    }
    // Nothing of it is about http.
    let plain = Origin::h1().start().await;
    let ran = skybridge(["--curves", "P-256", &plain.url("/")]).await;
    assert_eq!((ran.exit, ran.out.as_str()), (0, "hello"), "{}", ran.err);
    for (flags, named) in [
        (["--ciphers", "HIGH:!aNULL"], "`HIGH` is no cipher suite that is spoken here"),
        (["--tls13-ciphers", "TLS_AES_128_CCM_SHA256"], "`TLS_AES_128_CCM_SHA256` is no cipher suite"),
        (["--curves", "brainpoolP256r1"], "`brainpoolP256r1` is no key exchange group"),
        (["--proxy-ciphers", "AES128-SHA"], "`AES128-SHA` is no cipher suite"),
        (["--tls-fallback", "modern,sslv3"], "not a list of restricted, modern and compatible"),
    ] {
        let ran = desk.run(&origin, "a.test", &flags).await;
        assert!(ran.exit == 2 && ran.err.contains(named), "{flags:?} {} {}", ran.exit, ran.err);
    }
}
