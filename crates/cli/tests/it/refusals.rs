use crate::ran::skybridge;

#[tokio::test]
async fn bad_usage_is_one_line_on_stderr_and_exit_2() {
    let rows: [(&[&str], &str); 6] = [
        (&[], "there is no URL"),
        (&["--limit-rate", "5k", "http://a.test/"], "--limit-rate 5k is a flag of curl that is not here"),
        (&["--max-time", "soon", "http://a.test/"], "--max-time \"soon\""),
        (&["-w", "%{cert}", "http://a.test/"], "%{cert}"),
        (
            &["--preproxy", "http://me:hunter2@p.test", "http://a.test/"],
            "--preproxy (not shown): not a SOCKS proxy; nearest: socks5h://proxy.test:1080",
        ),
        (&["-x", "ftp://me:hunter2@p.test", "http://a.test/"], "--proxy (not shown)"),
    ];
    for (arguments, told) in rows {
        let ran = skybridge(arguments).await;
        assert_eq!((ran.exit, ran.err.lines().count(), ran.out.as_str()), (2, 1, ""), "{arguments:?}: {}", ran.err);
        assert!(ran.err.starts_with("skybridge: ") && ran.err.contains(told), "{}", ran.err);
        assert!(!ran.err.contains("hunter2"));
    }
}

#[tokio::test]
async fn what_is_no_url_is_exit_3_and_what_cannot_be_read_26() {
    for url in ["http://", "http://me:hunter2/x@a.test/", "http://a b/", "http://a.test:x/"] {
        let ran = skybridge([url]).await;
        assert_eq!(ran.exit, 3, "{url}: {}", ran.err);
        assert!(!ran.err.contains("hunter2"), "{}", ran.err);
    }
    let ran = skybridge(["--data-binary", "@/no/such/file", "http://a.test/"]).await;
    assert_eq!(ran.exit, 26, "{}", ran.err);
    assert!(ran.err.contains("/no/such/file"), "{}", ran.err);
}

#[tokio::test]
async fn help_and_version_are_no_errors() {
    let ran = skybridge(["--help"]).await;
    assert!(ran.exit == 0 && ran.out.contains("--report") && ran.out.contains("skybridge tour"));
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let ran = skybridge(["--completions", shell]).await;
        assert!(ran.exit == 0 && ran.out.contains("data-urlencode"), "{shell}: {}", ran.err);
    }
    let ran = skybridge(["--man"]).await;
    assert!(
        ran.exit == 0 && ran.out.contains(".TH skybridge 1") && ran.out.contains("data\\-urlencode"),
        "{}",
        ran.out
    );
    assert_eq!(skybridge(["--man", "http://a.test/"]).await.exit, 2);
    let ran = skybridge(["-V"]).await;
    assert_eq!((ran.exit, ran.out.as_str()), (0, concat!("skybridge ", env!("CARGO_PKG_VERSION"), "\n")));
}
