//! Globs in URLs.

use crate::{cleartext::echo, ran::skybridge};

#[tokio::test]
async fn a_url_with_globs_is_several_and_each_has_its_file() {
    let origin = echo().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("#2-#1.txt");
    let (url, plain) = (origin.url("/{a,b}[08-09]"), origin.url("/last"));
    let arguments = ["-o", file.to_str().unwrap(), "-w", "%{urlnum}", &url, &plain];
    for flags in [&[][..], &["-Z", "--parallel-max", "2"]] {
        let seen = origin.requests().len();
        let ran = skybridge(flags.iter().chain(&arguments)).await;
        assert_eq!((ran.exit, ran.out.len()), (0, 5), "{}", ran.err);
        let mut paths: Vec<_> = origin.requests()[seen..].iter().map(|seen| seen.uri.path().to_owned()).collect();
        if !flags.is_empty() {
            paths.sort();
        }
        assert_eq!(paths, ["/a08", "/a09", "/b08", "/b09", "/last"], "{flags:?}");
        let names = ["08-a.txt", "09-a.txt", "08-b.txt", "09-b.txt"].map(|name| folder.path().join(name));
        assert!(names.iter().all(|name| std::fs::remove_file(name).is_ok()), "{flags:?}");
    }
    let ran = skybridge([&*url, "-w", "%{urlnum}"]).await;
    assert_eq!(ran.out, "0000", "they have the number of the URL that they come from");
}

/// Each file goes to each URL that its URL stands for.
#[tokio::test]
async fn a_file_to_upload_with_globs_is_several() {
    let origin = echo().await;
    let folder = tempfile::tempdir().unwrap();
    for name in ["a.txt", "b.txt", "[1].txt"] {
        std::fs::write(folder.path().join(name), name).unwrap();
    }
    let upload = |name: &str| format!("{}/{name}", folder.path().display());
    let (url, plain) = (origin.url("/{x,y}/"), origin.url("/plain"));
    let ran = skybridge(["-T", &upload("{a,b}.txt"), &url, "-T", &upload("a.txt"), &plain, &origin.url("/get")]).await;
    assert_eq!((ran.exit, &*ran.out), (0, "a.txta.txtb.txtb.txta.txt"), "{}", ran.err);
    let seen: Vec<_> = origin.requests().iter().map(|seen| format!("{} {}", seen.method, seen.uri.path())).collect();
    assert_eq!(seen, ["PUT /x/a.txt", "PUT /y/a.txt", "PUT /x/b.txt", "PUT /y/b.txt", "PUT /plain", "GET /get"]);
    for (flags, name, exit) in
        [(&["-g"][..], "[1].txt", 0), (&[], "\\[1\\].txt", 0), (&[], "{a,c}.txt", 26), (&[], "[5-1].txt", 3)]
    {
        let before = origin.requests().len();
        let ran = skybridge(flags.iter().copied().chain(["-T", &upload(name), &plain])).await;
        assert_eq!((ran.exit, origin.requests().len() - before), (exit, usize::from(exit == 0)), "{name} {}", ran.err);
    }
    let ran = skybridge(["-T", &upload("{a,b}.txt"), &origin.url("/[1-100000]")]).await;
    assert_eq!(ran.exit, 3, "{}", ran.err);
}

#[tokio::test]
async fn a_bad_glob_is_exit_3_before_anything_is_sent_and_globoff_takes_it_as_it_is() {
    let origin = echo().await;
    let (good, bad) = (origin.url("/"), origin.url("/?hunter2=[5-1]"));
    for url in [&bad, &origin.url("/[1-100001]"), &origin.url("/{hunter2")] {
        let ran = skybridge([&*good, url]).await;
        assert_eq!((ran.exit, origin.requests().len()), (3, 0), "{}", ran.err);
        assert!(!ran.err.contains("hunter2") && ran.err.lines().count() == 1, "{}", ran.err);
    }
    let ran = skybridge([&*bad]).await;
    let position = bad.find('[').unwrap() + 1;
    assert!(ran.err.contains(&format!("bad range in URL position {position}; nearest: ")), "{}", ran.err);
    for url in [&*bad, &origin.url("/{a,b}")] {
        let ran = skybridge(["-g", url]).await;
        assert_eq!(ran.exit, 0, "{}", ran.err);
        let seen = origin.requests().pop().unwrap();
        assert!(url.ends_with(&seen.uri.to_string()), "{} {url}", seen.uri);
    }
}
