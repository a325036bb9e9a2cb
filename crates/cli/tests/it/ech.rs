//! `--ech`: which names are encrypted, and what is reported of it.

use crate::ran::{Ran, reports, skybridge};
use base64::{Engine, engine::general_purpose::STANDARD};
use skybridge_testkit::{
    certs::Ca,
    dns::{DnsServer, Question, Reply, https},
    ech::EchKeys,
    origin::{Builder, Origin},
};
use tempfile::TempDir;

/// An authority, keys, and an origin that may have them.
struct Scene {
    keys: EchKeys,
    origin: Origin,
    folder: TempDir,
}

impl Scene {
    async fn new(ech: impl FnOnce(Builder, &Ca, &EchKeys) -> Builder) -> Self {
        let (root, keys, folder) = (Ca::new("a root"), EchKeys::new("public.test"), tempfile::tempdir().unwrap());
        std::fs::write(folder.path().join("ca.pem"), root.pem()).unwrap();
        let origin = ech(Origin::h2c().tls(&root.leaf(["a.test"])), &root, &keys).start().await;
        Self { keys, origin, folder }
    }

    async fn accepting() -> Self {
        Self::new(|origin, root, keys| origin.ech(keys, &root.leaf(["public.test"]))).await
    }

    /// The origin proves to be the public name, and to have no keys.
    async fn without_keys() -> Self {
        Self::new(|origin, root, _| {
            origin.ech(&EchKeys::new("public.test"), &root.leaf(["public.test"])).ech_retry_configs(&[])
        })
        .await
    }

    async fn run(&self, arguments: &[&str]) -> Ran {
        let cacert = format!("--cacert={}", self.folder.path().join("ca.pem").display());
        let url = format!("https://a.test:{}/", self.origin.addr().port());
        skybridge([&*cacert, "--report", "-"].iter().chain(arguments).copied().chain([&*url])).await
    }

    /// With the address of the origin.
    async fn run_there(&self, arguments: &[&str]) -> Ran {
        let resolve = format!("--resolve=a.test:{}:127.0.0.1", self.origin.addr().port());
        self.run(&[&[&*resolve], arguments].concat()).await
    }

    fn given(&self) -> String {
        format!("--ech=ecl:{}", STANDARD.encode(self.keys.list()))
    }

    fn shown(&self) -> Vec<String> {
        self.origin.outer_hellos().into_iter().filter_map(|hello| hello.sni).collect()
    }
}

fn ech(ran: &Ran) -> String {
    assert_eq!(ran.exit, 0, "{}", ran.err);
    reports(ran)[0]["connection"]["tls"]["ech"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn names_are_encrypted_by_the_keys_that_are_given() {
    let scene = Scene::accepting().await;
    let given = scene.given();
    let file = scene.folder.path().join("ech.b64");
    let (first, second) = given.strip_prefix("--ech=ecl:").unwrap().split_at(20);
    std::fs::write(&file, format!("{first}\n{second}\n")).unwrap();
    let in_file = format!("--ech=ecl:@{}", file.display());
    for (arguments, status) in [
        (&[&*given][..], "accepted"),
        (&[&*in_file], "accepted"),
        (&["--ech", "hard", &given], "accepted"),
        (&["--ech", "true-or-grease", &given], "accepted"),
        (&[&given, "--ech", "false"], "none"),
        (&["--ech", "grease"], "grease"),
        (&["--ech", "true-or-grease"], "grease"),
        (&["--ech", "true"], "none"),
        (&[], "none"),
    ] {
        assert_eq!(ech(&scene.run_there(arguments).await), status, "{arguments:?}");
    }
    assert_eq!(scene.shown(), [["public.test"; 4].as_slice(), &["a.test"; 5]].concat());
    let ran = scene.run_there(&[&*given, "--events"]).await;
    assert!(ran.err.contains(r#""sni":"a.test","resumed":false,"ech":"accepted""#), "{}", ran.err);
}

#[tokio::test]
async fn names_are_encrypted_by_the_keys_of_records() {
    let scene = Scene::accepting().await;
    let record = https(1, ".", &[(4, &[127, 0, 0, 1]), (5, &scene.keys.list())]);
    let server = by_record_alone(record).await;
    let servers = server.addr().to_string();
    for (mode, status) in
        [("true", "accepted"), ("true-or-grease", "accepted"), ("hard", "accepted"), ("false", "none")]
    {
        let ran = scene.run(&["--dns-servers", &servers, "--ech", mode]).await;
        assert_eq!(ech(&ran), status, "{mode}");
    }
    assert_eq!(scene.shown(), ["public.test", "public.test", "public.test", "a.test"]);
}

/// The addresses are known by the record alone, so it doesn't matter which answer is first.
async fn by_record_alone(record: Vec<u8>) -> DnsServer {
    let answer = move |question: &Question| match question.kind {
        65 => Reply::Records(vec![record.clone()], 60),
        _ => Reply::Silence,
    };
    DnsServer::start(answer).await
}

#[tokio::test]
async fn what_was_done_about_the_name_is_said_beside_it() {
    let (accepting, without) = (Scene::accepting().await, Scene::without_keys().await);
    let server = by_record_alone(https(1, ".", &[(4, &[127, 0, 0, 1]), (5, &without.keys.list())])).await;
    let servers = format!("--dns-servers={}", server.addr());
    let given = accepting.given();
    for (ran, says) in [
        (accepting.run_there(&["-v", &given]).await, ", as a.test encrypted (ECH)\n"),
        (accepting.run_there(&["-v", "--ech=grease"]).await, ", as a.test in the clear, beside a decoy (ECH)\n"),
        (
            without.run(&["-v", "--ech=true", &servers]).await,
            ", as a.test in the clear, as the server has no keys (ECH)\n",
        ),
        (accepting.run_there(&["-v"]).await, ", as a.test\n"),
    ] {
        assert_eq!(ran.exit, 0, "{}", ran.err);
        assert!(ran.err.contains(says), "{says}: {}", ran.err);
    }
}

#[tokio::test]
async fn a_name_that_can_not_be_encrypted_is_exit_101_where_it_must_be() {
    let scene = Scene::without_keys().await;
    for arguments in [&["--ech", "hard"][..], &[&scene.given()]] {
        let ran = scene.run_there(arguments).await;
        assert_eq!((ran.exit, &reports(&ran)[0]["error"]["kind"]), (101, &"tls".into()), "{}", ran.err);
    }
    assert_eq!(scene.shown(), ["public.test"]);
    assert!(scene.origin.requests().is_empty());
}

#[tokio::test]
async fn what_is_no_mode_and_no_keys_is_bad_usage() {
    for (value, says) in [
        ("maybe", "not true, hard, ecl:BASE64, ecl:@FILE, false, grease or true-or-grease"),
        ("ecl:@/nowhere/at/all", "/nowhere/at/all can't be read"),
        ("ecl:@/dev/null", "can't be used: they are malformed\n"),
        ("pn:public.test", "nearest: ecl:BASE64"),
        ("ecl:!", "not base64"),
        ("ecl:AAAA", "can't be used: they are malformed\n"),
    ] {
        let ran = skybridge(["--ech", value, "https://a.test/"]).await;
        assert_eq!(ran.exit, 2, "{value}: {}", ran.err);
        assert!(ran.err.contains(says), "{value}: {}", ran.err);
    }
}
