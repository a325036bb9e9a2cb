//! Files that are written: where, under which name, and behind what.

use crate::{cleartext::by_hand, ran::skybridge};
use http::Response;
use skybridge_testkit::origin::{Incoming, Origin};
use std::fs;

/// Says this with `content-disposition`.
async fn naming(disposition: &'static str) -> Origin {
    let answer = move |_: http::Request<Incoming>| async move {
        Response::builder().header("content-disposition", disposition).body("hello".to_owned()).unwrap()
    };
    Origin::h1().handle(answer).start().await
}

/// Serves `0123456789`, and ranges of it if it can.
async fn digits(has_ranges: bool) -> Origin {
    let answer = move |request: http::Request<Incoming>| async move {
        let range = request.headers().get("range").and_then(|range| range.to_str().ok()).filter(|_| has_ranges);
        let from = range.and_then(|range| range.strip_prefix("bytes=")?.strip_suffix('-')?.parse::<usize>().ok());
        let response = Response::builder();
        match from {
            None => response.body("0123456789".to_owned()).unwrap(),
            Some(10..) => response.status(416).body("out of range".to_owned()).unwrap(),
            Some(from) => {
                let range = format!("bytes {from}-9/10");
                response.status(206).header("content-range", range).body("0123456789"[from..].to_owned()).unwrap()
            }
        }
    };
    Origin::h1().handle(answer).start().await
}

#[tokio::test]
async fn files_go_into_the_output_dir_which_is_created_if_so_said() {
    let origin = Origin::h1().start().await;
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("a/b");
    let (urls, dir) = ([origin.url("/x"), origin.url("/y")], dir.to_str().unwrap());
    let arguments = ["--output-dir", dir, "-o", "c/one", "-O", "-w", "%{filename_effective} ", &urls[0], &urls[1]];
    let ran = skybridge(arguments).await;
    assert_eq!(ran.exit, 23, "{}", ran.err);
    assert!(ran.err.contains("nearest: --create-dirs") && !folder.path().join("a").exists(), "{}", ran.err);
    let ran = skybridge(arguments.iter().chain(&["--create-dirs"])).await;
    assert_eq!((ran.exit, ran.out), (0, format!("{dir}/c/one {dir}/y ")), "{}", ran.err);
    for name in ["c/one", "y"] {
        assert_eq!(fs::read_to_string(folder.path().join("a/b").join(name)).unwrap(), "hello", "{name}");
    }
}

#[tokio::test]
async fn a_response_names_its_file_which_replaces_none_unless_told() {
    let origin = naming("attachment; filename=\"../up/named.txt\"").await;
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_str().unwrap();
    let path = folder.path().join("named.txt");
    let url = origin.url("/d/");
    let save = async |flags: &[&str]| {
        let arguments = ["--output-dir", dir, "-OJ", "-w", "%{filename_effective}", &url];
        skybridge(flags.iter().chain(&arguments)).await
    };
    let ran = save(&[]).await;
    assert_eq!((ran.exit, ran.out), (0, path.display().to_string()), "{}", ran.err);
    assert_eq!(fs::read_to_string(&path).unwrap(), "hello");
    fs::write(&path, "mine").unwrap();
    let ran = save(&[]).await;
    assert_eq!((ran.exit, &*fs::read_to_string(&path).unwrap()), (23, "mine"), "{}", ran.err);
    assert!(ran.err.contains("nearest: --clobber"), "{}", ran.err);
    let ran = save(&["--no-clobber"]).await;
    assert_eq!((ran.exit, ran.out), (0, format!("{}.1", path.display())), "{}", ran.err);
    assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
    assert_eq!((save(&["--clobber"]).await.exit, &*fs::read_to_string(&path).unwrap()), (0, "hello"));
    // What a peer may not name leaves the URL's name, if that has one.
    let origin = naming("attachment; filename=.bashrc").await;
    let save = async |path: &str| skybridge(["--output-dir", dir, "-OJ", &origin.url(path)]).await;
    assert_eq!((save("/plain").await.exit, save("/d/").await.exit), (0, 23));
    let mut names: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    assert_eq!(names, ["named.txt", "named.txt.1", "plain"]);
}

#[tokio::test]
async fn no_clobber_gives_a_number_to_what_the_command_line_names_too() {
    let origin = Origin::h1().start().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("f");
    fs::write(&file, "mine").unwrap();
    let ran = skybridge(["--no-clobber", "-o", file.to_str().unwrap(), &origin.url("/")]).await;
    let written = fs::read_to_string(folder.path().join("f.1")).unwrap();
    assert_eq!((ran.exit, &*fs::read_to_string(&file).unwrap(), &*written), (0, "mine", "hello"));
}

#[tokio::test]
async fn the_rest_of_a_file_is_fetched_behind_what_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("f");
    let path = file.to_str().unwrap();
    let (with, without) = (digits(true).await, digits(false).await);
    let rows: [(&Origin, &str, Option<&str>, i32, &str); 8] = [
        (&with, "-", None, 0, "0123456789"),
        (&with, "-", Some("0123"), 0, "0123456789"),
        (&with, "4", Some("0123"), 0, "0123456789"),
        (&with, "-", Some("0123456789"), 0, "0123456789"),
        (&without, "-", Some("0123456789"), 0, "0123456789"),
        (&without, "-", Some("0123"), 33, "0123"),
        (&without, "-", None, 0, "0123456789"),
        (&with, "0", Some("mine"), 0, "0123456789"),
    ];
    for (origin, at, before, exit, after) in rows {
        let _ = fs::remove_file(&file);
        if let Some(before) = before {
            fs::write(&file, before).unwrap();
        }
        let ran = skybridge(["-f", "-C", at, "-o", path, &origin.url("/")]).await;
        let told = format!("{at} {before:?} {}", ran.err);
        assert_eq!((ran.exit, &*fs::read_to_string(&file).unwrap()), (exit, after), "{told}");
    }
    let ran = skybridge(["-C", "7", &with.url("/")]).await;
    assert_eq!((ran.exit, &*ran.out), (0, "789"), "{}", ran.err);
    for flags in [
        &["-C", "5", "-r", "0-1"][..],
        &["-C", "5", "--retry", "1"],
        &["-C", "x"],
        &["-C", "3", "-d", "x"],
        &["-C", "-", "-T", path],
    ] {
        let ran = skybridge(flags.iter().chain(&["-o", path, &with.url("/")])).await;
        assert_eq!((ran.exit, &*fs::read_to_string(&file).unwrap()), (2, "0123456789"), "{flags:?} {}", ran.err);
    }
}

#[tokio::test]
async fn what_was_cut_off_goes_on_behind_what_came() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("f");
    let cut = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n0123";
    let (url, serving) = by_hand(&[cut]).await;
    let arguments = ["-C", "-", "-o", file.to_str().unwrap(), &url];
    assert_eq!((skybridge(arguments).await.exit, &*fs::read_to_string(&file).unwrap()), (18, "0123"));
    serving.abort();
    let rest = b"HTTP/1.1 206 Partial Content\r\ncontent-range: bytes 4-9/10\r\ncontent-length: 6\r\n\r\n456789";
    let (url, serving) = by_hand(&[rest]).await;
    let ran = skybridge(["-C", "-", "-o", file.to_str().unwrap(), &url]).await;
    serving.abort();
    assert_eq!((ran.exit, &*fs::read_to_string(&file).unwrap()), (0, "0123456789"), "{}", ran.err);
}
