//! The certificates of `crates/tls/tests/torture`, made by OpenSSL and shown by its `s_server`, which each test starts
//! itself: the same verdicts, in the same words. And how that server can be set to shake hands.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

use skybridge::TokioRuntime;
use skybridge_core::{ConnInfo, ConnectError, Connector, Link, Protocol, Route, Target, TlsInfo};
use skybridge_tls::{ConnectionSpec, Roots, TlsConfig, TlsConfigBuilder, TlsLayer};
use std::{
    env, fs,
    io::{BufRead, BufReader, Read},
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command, Stdio},
};
use tokio::net::TcpStream;
use tower::{Layer, service_fn};

/// A folder of certificates, in which each CA and server is a name.
struct Desk(PathBuf);

/// A server's certificate for a.test, below the CA `root`, from 2000 to 2126, unless something else is said.
struct Leaf<'a> {
    names: &'a str,
    more: &'a str,
    key: &'a [&'a str],
    digest: &'a str,
    dates: (&'a str, &'a str),
    subject: &'a str,
}

const EC: &[&str] = &["EC", "-pkeyopt", "ec_paramgen_curve:P-256"];
const P384: &[&str] = &["EC", "-pkeyopt", "ec_paramgen_curve:P-384"];
const P521: &[&str] = &["EC", "-pkeyopt", "ec_paramgen_curve:P-521"];
const RSA: &[&str] = &["RSA", "-pkeyopt", "rsa_keygen_bits:2048"];
const RSA_1024: &[&str] = &["RSA", "-pkeyopt", "rsa_keygen_bits:1024"];
const RSA_PSS: &[&str] = &["RSA-PSS", "-pkeyopt", "rsa_keygen_bits:2048"];
const ED25519: &[&str] = &["ED25519"];

const A_TEST: &str = "subjectAltName=DNS:a.test";
const SERVER: &str = "extendedKeyUsage=serverAuth";
const CA: &str = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign";
const DATES: (&str, &str) = ("20000101000000Z", "21260101000000Z");

const GOOD: Leaf<'_> = Leaf { names: A_TEST, more: SERVER, key: EC, digest: "sha256", dates: DATES, subject: "/CN=it" };

impl Desk {
    fn new(name: &str) -> Self {
        let folder = env::temp_dir().join(format!("skybridge-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let config = "[ca]\ndefault_ca=it\n[it]\ndatabase=database\nserial=serial\nnew_certs_dir=.\npolicy=any\n\
                      unique_subject=no\ndefault_md=sha256\ncrlnumber=crlnumber\ncrl_extensions=crl\n[crl]\n\
                      authorityKeyIdentifier=keyid\n[any]\ncommonName=optional\n";
        for (file, text) in [("config", config), ("database", ""), ("crlnumber", "01\n")] {
            fs::write(folder.join(file), text).unwrap();
        }
        let desk = Self(folder);
        desk.ca("root", None, CA);
        desk
    }

    fn openssl(&self, arguments: &[&str]) -> String {
        let ran = Command::new("openssl").args(arguments).current_dir(&self.0).output().unwrap();
        let said = String::from_utf8_lossy(&ran.stderr).into_owned();
        assert!(ran.status.success(), "openssl {arguments:?}: {said}");
        String::from_utf8_lossy(&ran.stdout).into_owned()
    }

    /// A CA below another, or a root.
    fn ca(&self, name: &str, above: Option<&str>, extensions: &str) {
        let leaf = Leaf { names: extensions, more: "", subject: &format!("/CN={name}"), ..GOOD };
        self.leaf(name, above, &leaf);
    }

    fn leaf(&self, name: &str, ca: Option<&str>, leaf: &Leaf<'_>) {
        let file = |kind: &str| format!("{name}.{kind}");
        let key = file("key");
        self.openssl(&[&["genpkey", "-out", &key, "-algorithm"], leaf.key].concat());
        self.openssl(&["req", "-new", "-key", &key, "-subj", leaf.subject, "-out", &file("csr"), "-config", "config"]);
        fs::write(self.0.join(file("ext")), format!("{}\n{}\n", leaf.names, leaf.more)).unwrap();
        let (from, to) = leaf.dates;
        let (request, extensions, made) = (file("csr"), file("ext"), file("pem"));
        let mut arguments = vec!["ca", "-batch", "-notext", "-config", "config", "-rand_serial", "-md", leaf.digest];
        arguments.extend(["-startdate", from, "-enddate", to, "-in", &request, "-extfile", &extensions, "-out", &made]);
        let (issuer, issuer_key) = (format!("{}.pem", ca.unwrap_or(name)), format!("{}.key", ca.unwrap_or(name)));
        arguments.extend(["-keyfile", &issuer_key]);
        match ca {
            Some(_) => arguments.extend(["-cert", &issuer]),
            None => arguments.push("-selfsign"),
        }
        self.openssl(&arguments);
    }

    fn pem(&self, name: &str) -> Vec<u8> {
        fs::read(self.0.join(format!("{name}.pem"))).unwrap()
    }

    fn trusting(&self, root: &str) -> TlsConfigBuilder {
        TlsConfig::builder().roots(Roots::Given(vec![])).add_root_pem(&self.pem(root))
    }

    /// Starts a server with this certificate, and these others beside it.
    fn serve(&self, name: &str, others: &[&str]) -> Server {
        self.serve_with(name, others, &[])
    }

    fn serve_with(&self, name: &str, others: &[&str], more: &[&str]) -> Server {
        self.serve_times(1, name, others, more)
    }

    /// For so many connections.
    fn serve_times(&self, times: u32, name: &str, others: &[&str], more: &[&str]) -> Server {
        let (cert, key, chain) = (format!("{name}.pem"), format!("{name}.key"), format!("{name}.chain"));
        let mut command = Command::new("openssl");
        command.args([
            "s_server",
            "-accept",
            "127.0.0.1:0",
            "-cert",
            &cert,
            "-key",
            &key,
            "-naccept",
            &times.to_string(),
        ]);
        // It refuses to show what is weak otherwise.
        command.args(["-cipher", "DEFAULT:@SECLEVEL=0"]).args(more);
        if !others.is_empty() {
            fs::write(self.0.join(&chain), others.iter().flat_map(|other| self.pem(other)).collect::<Vec<_>>())
                .unwrap();
            command.args(["-cert_chain", &chain]);
        }
        command.current_dir(&self.0).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Server::start(command.spawn().unwrap())
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        let _left = fs::remove_dir_all(&self.0);
    }
}

/// An `openssl s_server`.
struct Server {
    child: Child,
    addr: SocketAddr,
}

impl Server {
    fn start(mut child: Child) -> Self {
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let accepts = lines.find_map(|line| line.unwrap().strip_prefix("ACCEPT ").map(str::to_owned));
        let Some(addr) = accepts else {
            let mut said = String::new();
            child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
            panic!("no server: {said}");
        };
        // What else it says must have somewhere to go.
        std::thread::spawn(move || lines.for_each(drop));
        let mut stderr = child.stderr.take().unwrap();
        std::thread::spawn(move || stderr.read_to_end(&mut Vec::new()));
        Self { child, addr: addr.parse().unwrap() }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ended = self.child.kill();
        let _status = self.child.wait();
    }
}

/// The handshake's outcome: nothing, or what is said of the peer.
async fn outcome(server: &Server, config: TlsConfigBuilder, url: &str) -> Result<(), String> {
    connect(server, config, url).await.map(drop)
}

/// The same, with the facts.
async fn connect(server: &Server, config: TlsConfigBuilder, url: &str) -> Result<TlsInfo, String> {
    connect_by(server, config.build().unwrap(), url).await
}

async fn connect_by(server: &Server, config: TlsConfig, url: &str) -> Result<TlsInfo, String> {
    let addr = server.addr;
    let below = service_fn(move |route: Route| async move {
        let stream = TcpStream::connect(addr).await?;
        let attempt = route.attempt(addr.into());
        Ok::<_, ConnectError>(Link::new(stream, ConnInfo::new(&attempt, None, addr.into())))
    });
    let target = Target::of(&url.parse().unwrap(), TokioRuntime::ctx()).unwrap();
    let mut connector = TlsLayer::new(config).layer(below);
    let connected = connector.connect(Route::to(target, [addr])).await;
    connected.map(|link| link.info.tls.clone().unwrap()).map_err(|error| {
        let first: &(dyn std::error::Error + 'static) = &error;
        let all = std::iter::successors(Some(first), |error| error.source()).map(ToString::to_string);
        all.skip(1).collect::<Vec<_>>().join(": ")
    })
}

fn invalid(why: &str) -> String {
    format!("the certificate of a.test is invalid: {why}")
}

fn without_days(text: &str) -> String {
    let Some((before, after)) = text.split_once(" days") else { return text.to_owned() };
    let stem = before.trim_end_matches(|c: char| c.is_ascii_digit());
    format!("{stem}DAYS days{after}")
}

async fn expect(desk: &Desk, leaf: &str, others: &[&str], verdict: Result<(), &str>) {
    let found = outcome(&desk.serve(leaf, others), desk.trusting("root"), "https://a.test").await;
    let found = found.map_err(|text| without_days(&text));
    assert_eq!(found.as_ref().copied().map_err(|text| &**text), verdict, "{leaf}");
}

#[tokio::test]
async fn dates_names_and_purposes() {
    let desk = Desk::new("dates");
    let client = invalid("its extended key usage is clientAuth, which doesn't allow server authentication");
    let thousand = (1..1000).map(|n| format!(",DNS:{n}.test")).collect::<String>();
    let thousand = format!("{A_TEST}{thousand}");
    let rows: &[(&str, Leaf<'_>, Result<(), &str>)] = &[
        ("good", GOOD, Ok(())),
        ("no_subject", Leaf { subject: "/", names: "subjectAltName=critical,DNS:a.test", ..GOOD }, Ok(())),
        ("a_dot", Leaf { names: "subjectAltName=DNS:a.test.", ..GOOD }, Ok(())),
        ("thousand", Leaf { names: &thousand, ..GOOD }, Ok(())),
        (
            "expired",
            Leaf { dates: ("20000101000000Z", "20010203000000Z"), ..GOOD },
            Err("the certificate of a.test expired DAYS days ago, on 2001-02-03"),
        ),
        (
            "not_yet",
            Leaf { dates: ("21000101000000Z", "21260101000000Z"), ..GOOD },
            Err("the certificate of a.test is not valid for another DAYS days, until 2100-01-01"),
        ),
        ("client", Leaf { more: "extendedKeyUsage=clientAuth", ..GOOD }, Err(&client)),
    ];
    for (name, leaf, verdict) in rows {
        desk.leaf(name, Some("root"), leaf);
        expect(&desk, name, &[], *verdict).await;
    }
}

#[tokio::test]
async fn wildcards_addresses_and_wrong_names() {
    let desk = Desk::new("names");
    let rows = [
        ("DNS:*.a.test", "b.a.test", None),
        ("DNS:*.a.test", "a.test", Some("a.test, but for *.a.test")),
        ("DNS:f*.a.test", "foo.a.test", Some("foo.a.test, but for f*.a.test")),
        ("DNS:*", "a.test", Some("a.test, but for *")),
        ("IP:192.0.2.1", "192.0.2.1", None),
        ("IP:192.0.2.1", "[::ffff:192.0.2.1]", None),
        ("IP:2001:db8::1", "[2001:DB8::1]", None),
        ("DNS:192.0.2.1", "192.0.2.1", Some("192.0.2.1, but for 192.0.2.1")),
        ("DNS:b.test,IP:192.0.2.1", "a.test", Some("a.test, but for b.test, 192.0.2.1")),
        ("email:a.test@a.test", "a.test", Some("a.test, but for no name (a common name doesn't count)")),
    ];
    for (number, (names, host, told)) in rows.into_iter().enumerate() {
        let name = format!("row{number}");
        // Its common name is what is asked for, and counts for nothing.
        let (names, subject) = (format!("subjectAltName={names}"), "/CN=a.test");
        desk.leaf(&name, Some("root"), &Leaf { names: &names, subject, ..GOOD });
        let found = outcome(&desk.serve(&name, &[]), desk.trusting("root"), &format!("https://{host}")).await;
        match (found, told) {
            (Ok(()), None) => {}
            (Err(text), Some(told)) => {
                let told = format!("the certificate is not valid for {told} (sha256/");
                assert!(text.starts_with(&told), "{names} {host}: {text}");
            }
            (found, told) => panic!("{names} {host}: {found:?} rather than {told:?}"),
        }
    }
}

#[tokio::test]
async fn issuers() {
    let desk = Desk::new("issuers");
    desk.ca("stranger", None, CA);
    desk.ca("between", Some("root"), CA);
    desk.ca("narrow", Some("root"), "basicConstraints=critical,CA:TRUE,pathlen:0");
    desk.ca("below", Some("narrow"), CA);
    desk.ca("constrained", Some("root"), &format!("{CA}\nnameConstraints=critical,permitted;DNS:b.test"));
    desk.leaf("no_ca", Some("root"), &Leaf { subject: "/CN=no ca", ..GOOD });
    for (leaf, ca) in [
        ("of_stranger", "stranger"),
        ("of_between", "between"),
        ("of_below", "below"),
        ("of_constrained", "constrained"),
        ("of_no_ca", "no_ca"),
    ] {
        desk.leaf(leaf, Some(ca), &GOOD);
    }
    desk.leaf("own", None, &Leaf { more: "basicConstraints=CA:TRUE", ..GOOD });
    desk.leaf("own_no_ca", None, &Leaf { more: "basicConstraints=CA:FALSE", ..GOOD });
    desk.leaf("a_ca", Some("root"), &Leaf { more: CA, ..GOOD });
    let self_signed = "the certificate of a.test is self-signed, and not trusted";
    let rows: &[(&str, &[&str], Result<(), String>)] = &[
        ("of_between", &["between"], Ok(())),
        ("of_between", &["between", "root"], Ok(())),
        ("of_between", &["stranger", "root", "between", "between"], Ok(())),
        ("of_between", &[], Err("the issuer `between` of the certificate of a.test is not trusted".into())),
        ("of_stranger", &[], Err("the issuer `stranger` of the certificate of a.test is not trusted".into())),
        ("of_stranger", &["stranger"], Err("the issuer `stranger` of the certificate of a.test is not trusted".into())),
        ("own", &[], Err(self_signed.into())),
        ("own_no_ca", &[], Err(self_signed.into())),
        ("a_ca", &[], Err(invalid("a CA certificate is used as the server's"))),
        ("of_no_ca", &["no_ca"], Err(invalid("the issuer `no ca` is not a CA"))),
        (
            "of_below",
            &["below", "narrow"],
            Err(invalid("the chain exceeds the path length that one of its issuers allows")),
        ),
        ("of_constrained", &["constrained"], Err(invalid("a name constraint of the issuer excludes this name"))),
    ];
    for (leaf, others, verdict) in rows {
        expect(&desk, leaf, others, verdict.as_ref().copied().map_err(|text| &**text)).await;
    }
    // What is its own root, where it is trusted.
    for own in ["own", "own_no_ca"] {
        outcome(&desk.serve(own, &[]), desk.trusting(own), "https://a.test").await.unwrap();
    }
}

#[tokio::test]
async fn long_chains() {
    let desk = Desk::new("chains");
    let names: Vec<String> = (1..=7).map(|n| format!("ca{n}")).collect();
    let mut above = "root";
    for name in &names {
        desk.ca(name, Some(above), CA);
        above = name;
    }
    desk.leaf("below6", Some("ca6"), &GOOD);
    desk.leaf("below7", Some("ca7"), &GOOD);
    let chain = |most: usize| names[..most].iter().rev().map(String::as_str).collect::<Vec<_>>();
    expect(&desk, "below6", &chain(6), Ok(())).await;
    expect(
        &desk,
        "below7",
        &chain(7),
        Err(&invalid("the chain to a trusted root is too long: the most intermediates are 6")),
    )
    .await;
    expect(&desk, "below6", &chain(6).into_iter().rev().collect::<Vec<_>>(), Ok(())).await;
}

#[tokio::test]
async fn keys_and_signatures() {
    let desk = Desk::new("keys");
    desk.leaf("rsa_root", None, &Leaf { names: CA, more: "", key: RSA, subject: "/CN=rsa", ..GOOD });
    let rows: &[(&str, Leaf<'_>, Result<(), &str>)] = &[
        ("p384", Leaf { key: P384, ..GOOD }, Ok(())),
        ("p521", Leaf { key: P521, ..GOOD }, Ok(())),
        ("ed25519", Leaf { key: ED25519, ..GOOD }, Ok(())),
        ("rsa", Leaf { key: RSA, ..GOOD }, Ok(())),
        ("sha512", Leaf { digest: "sha512", ..GOOD }, Ok(())),
        ("sha1", Leaf { digest: "sha1", ..GOOD }, Err("its signature is sha1WithRSAEncryption, which is broken")),
        ("rsa1024", Leaf { key: RSA_1024, ..GOOD }, Err("its RSA key has 1024 bits, and 2048 are the least")),
    ];
    for (name, leaf, verdict) in rows {
        desk.leaf(name, Some("rsa_root"), leaf);
        let found = outcome(&desk.serve(name, &[]), desk.trusting("rsa_root"), "https://a.test").await;
        assert_eq!(found, verdict.map_err(invalid), "{name}");
    }
    // rustls offers no signature by such a key, so the certificate isn't even shown.
    desk.leaf("pss", Some("rsa_root"), &Leaf { key: RSA_PSS, ..GOOD });
    let refused = outcome(&desk.serve("pss", &[]), desk.trusting("rsa_root"), "https://a.test").await.unwrap_err();
    assert!(refused.ends_with("(alert handshake_failure)"), "{refused}");
}

#[tokio::test]
async fn lists_of_revoked_certificates() {
    let desk = Desk::new("crl");
    desk.leaf("bad", Some("root"), &GOOD);
    desk.leaf("good", Some("root"), &GOOD);
    let of_root = ["-config", "config", "-keyfile", "root.key", "-cert", "root.pem"];
    desk.openssl(&[&["ca", "-revoke", "bad.pem"], &of_root[..]].concat());
    desk.openssl(&[&["ca", "-gencrl", "-crldays", "9999", "-out", "root.crl"], &of_root[..]].concat());
    let crl = fs::read(desk.0.join("root.crl")).unwrap();
    let config = || desk.trusting("root").crl_pem(&crl).crl_required(true);
    outcome(&desk.serve("good", &[]), config(), "https://a.test").await.unwrap();
    let told = outcome(&desk.serve("bad", &[]), config(), "https://a.test").await.unwrap_err();
    assert!(told.starts_with("the certificate of a.test was revoked on 20"), "{told}");
}

#[tokio::test]
async fn staples() {
    let desk = Desk::new("ocsp");
    desk.ca("between", Some("root"), CA);
    desk.leaf("responder", Some("root"), &Leaf { names: "", more: "extendedKeyUsage=OCSPSigning", ..GOOD });
    desk.leaf("bad", Some("root"), &GOOD);
    desk.leaf("good", Some("root"), &GOOD);
    desk.openssl(&["ca", "-revoke", "bad.pem", "-config", "config", "-keyfile", "root.key", "-cert", "root.pem"]);
    let hasnt = "the issuer hasn't signed what the server has stapled to it (OCSP)";
    let rows = [
        ("good", "root", "9999", None),
        ("good", "responder", "9999", None),
        ("bad", "root", "9999", Some("the certificate of a.test was revoked on 20")),
        ("good", "between", "9999", Some(hasnt)),
    ];
    for (leaf, signer, days, told) in rows {
        let (cert, signer, key) = (format!("{leaf}.pem"), format!("{signer}.pem"), format!("{signer}.key"));
        let mut ask = vec!["ocsp", "-index", "database", "-CA", "root.pem", "-issuer", "root.pem", "-cert", &cert];
        ask.extend(["-rsigner", &signer, "-rkey", &key, "-ndays", days, "-noverify", "-respout", "staple.der"]);
        desk.openssl(&ask);
        let server = desk.serve_with(leaf, &[], &["-status_file", "staple.der"]);
        let found = outcome(&server, desk.trusting("root").require_staple(true), "https://a.test").await;
        match (found, told) {
            (Ok(()), None) => {}
            (Err(text), Some(told)) if text.contains(told) => {}
            (found, told) => panic!("{leaf} {signer}: {found:?} rather than {told:?}"),
        }
    }
    let missing = outcome(&desk.serve("good", &[]), desk.trusting("root").require_staple(true), "https://a.test").await;
    assert!(missing.unwrap_err().ends_with("the server has stapled nothing to it (OCSP) that says so"));
    // RFC 7633: this certificate requires it itself.
    desk.leaf("must", Some("root"), &Leaf { more: "tlsfeature=status_request", ..GOOD });
    let ask = ["ocsp", "-index", "database", "-CA", "root.pem", "-issuer", "root.pem", "-cert", "must.pem"];
    let sign = ["-rsigner", "root.pem", "-rkey", "root.key", "-ndays", "9999", "-noverify", "-respout", "staple.der"];
    desk.openssl(&[&ask[..], &sign].concat());
    let stapling = desk.serve_with("must", &[], &["-status_file", "staple.der"]);
    outcome(&stapling, desk.trusting("root"), "https://a.test").await.unwrap();
    let missing = outcome(&desk.serve("must", &[]), desk.trusting("root"), "https://a.test").await.unwrap_err();
    assert!(missing.contains("must be stapled (OCSP), as it says itself"), "{missing}");
}

#[tokio::test]
async fn versions_protocols_and_specs() {
    let desk = Desk::new("versions");
    desk.leaf("it", Some("root"), &GOOD);
    let rows: [(&[&str], _, _); 4] = [
        (&["-tls1_2"], "1.2", None),
        (&["-tls1_3"], "1.3", None),
        (&["-alpn", "h2"], "1.3", Some(Protocol::Http2)),
        (&["-tls1_2", "-alpn", "http/1.1"], "1.2", Some(Protocol::Http1)),
    ];
    for (flags, version, alpn) in rows {
        let tls = connect(&desk.serve_with("it", &[], flags), desk.trusting("root"), "https://a.test").await.unwrap();
        assert_eq!((tls.version, tls.alpn, tls.client_auth), (Some(version), alpn, false), "{flags:?}");
    }
    let specs = || desk.trusting("root").specs([ConnectionSpec::RESTRICTED, ConnectionSpec::MODERN]);
    let tls = connect(&desk.serve_times(2, "it", &[], &["-tls1_2"]), specs(), "https://a.test").await.unwrap();
    assert_eq!((tls.spec(), tls.version), (Some("modern"), Some("1.2")));
    let other = desk.serve_with("it", &[], &["-tls1_2", "-cipher", "AES128-SHA"]);
    let told = outcome(&other, desk.trusting("root"), "https://a.test").await.unwrap_err();
    assert!(told.contains("alert handshake_failure") || told.contains("kind of signature"), "{told}");
}

#[tokio::test]
async fn a_session_is_resumed() {
    let desk = Desk::new("resumed");
    desk.leaf("it", Some("root"), &GOOD);
    // A ticket of TLS 1.2 is in the handshake; those of 1.3 come behind it, and nothing is read there.
    let server = desk.serve_times(2, "it", &[], &["-tls1_2"]);
    let config = desk.trusting("root").build().unwrap();
    let mut resumed = Vec::new();
    for _ in 0..2 {
        resumed.push(connect_by(&server, config.clone(), "https://a.test").await.unwrap().resumed);
    }
    assert_eq!(resumed, [false, true]);
}

#[tokio::test]
async fn certificates_of_clients() {
    let desk = Desk::new("clients");
    desk.leaf("it", Some("root"), &GOOD);
    desk.leaf("me", Some("root"), &Leaf { names: "", more: "extendedKeyUsage=clientAuth", ..GOOD });
    let key = fs::read(desk.0.join("me.key")).unwrap();
    let (with, without) = (|| desk.trusting("root").client_auth_pem(&desk.pem("me"), &key), || desk.trusting("root"));
    for version in ["-tls1_2", "-tls1_3"] {
        for (asks, config, shown) in
            [("-verify", with(), true), ("-verify", without(), false), ("-Verify", with(), true)]
        {
            let flags = [version, asks, "1", "-CAfile", "root.pem", "-verify_return_error"];
            let tls = connect(&desk.serve_with("it", &[], &flags), config, "https://a.test").await.unwrap();
            assert_eq!(tls.client_auth, shown, "{flags:?}");
        }
    }
    // OpenSSL's alert has no better word for it in TLS 1.2. That of TLS 1.3 comes behind the handshake: see
    // `interop_endings`.
    let flags = ["-tls1_2", "-Verify", "1", "-CAfile", "root.pem", "-verify_return_error"];
    let told = outcome(&desk.serve_with("it", &[], &flags), without(), "https://a.test").await.unwrap_err();
    let asked = "the peer asked for a certificate of the client, and got none (alert handshake_failure)";
    assert!(told.contains(asked), "{told}");
}
