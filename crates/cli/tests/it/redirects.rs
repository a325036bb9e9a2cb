use crate::ran::{fed, reports, skybridge};
use http::{Request, Response};
use http_body_util::BodyExt;
use skybridge_testkit::{
    origin::{Incoming, Origin},
    proxy::ProxyServer,
};

/// `/go/302/rest` leads to `rest`; all else says how it was asked.
async fn guide() -> Origin {
    let answer = |request: Request<Incoming>| async move {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
        if let Some((code, to)) = head.uri.path().strip_prefix("/go/").and_then(|path| path.split_once('/')) {
            let to = if to.contains(':') { to.to_owned() } else { format!("/{to}") };
            return Response::builder().status(code).header("location", to).body(String::new()).unwrap();
        }
        Response::new(format!("{} {}", head.method, String::from_utf8_lossy(&body)))
    };
    Origin::h1().handle(answer).start().await
}

#[tokio::test]
async fn a_redirect_is_followed_when_asked_and_is_a_call_of_its_own() {
    let origin = guide().await;
    let url = origin.url("/go/302/go/301/end?token=hunter2");
    let ran = skybridge([&url]).await;
    assert_eq!((ran.exit, ran.out.as_str(), origin.requests().len()), (0, "", 1), "{}", ran.err);

    let ran = skybridge(["-L", "--timeline", "--report", "-", &url, &url]).await;
    assert_eq!(ran.exit, 0, "{}", ran.err);
    let told = reports(&ran);
    let rows: Vec<_> = told.iter().map(|line| (line["call"].as_u64(), line["status"].as_u64())).collect();
    let rows: Vec<_> = rows.into_iter().map(|(call, status)| (call.unwrap(), status.unwrap())).collect();
    assert_eq!(rows, [(1, 302), (3, 301), (4, 200), (2, 302), (5, 301), (6, 200)]);
    assert_eq!(
        (&told[0]["url"], &told[2]["url"]),
        (&origin.url("/go/302/go/301/end?[hidden]").into(), &origin.url("/end").into())
    );
    assert_eq!((&told[1]["connection"]["exchange"], &told[1]["decision"]["reason"]), (&1.into(), &"was open".into()));
    assert!(ran.err.contains("call 3  GET") && ran.err.contains("call 6  GET"), "{}", ran.err);
}

#[tokio::test]
async fn what_is_written_out_is_of_the_url_as_a_whole() {
    let (here, there) = (guide().await, guide().await);
    let url = here.url(&format!("/go/302/{}", there.url("/end")));
    let format = "%{url} %{http_code} %{num_connects} %{size_download}\n";
    let ran = skybridge(["-L", "-i", "-w", format, &url]).await;
    assert_eq!(ran.exit, 0, "{}", ran.err);
    assert!(ran.out.starts_with("HTTP/1.1 302 Found\r\nlocation: "), "{}", ran.out);
    assert!(ran.out.contains("\r\n\r\nHTTP/1.1 200 OK\r\n"), "{}", ran.out);
    assert!(ran.out.ends_with(&format!("\r\n\r\nGET {url} 200 2 4\n")), "{}", ran.out);
}

#[tokio::test]
async fn method_and_body_go_along_as_the_status_says() {
    let rows: [(&[&str], u16, &str); 9] = [
        (&["-d", "a=b"], 301, "GET "),
        (&["-d", "a=b"], 302, "GET "),
        (&["-d", "a=b"], 303, "GET "),
        (&["-d", "a=b"], 307, "POST a=b"),
        (&["-d", "a=b"], 308, "POST a=b"),
        (&["-X", "PUT", "-d", "a=b"], 302, "PUT a=b"),
        (&["-X", "PUT", "-d", "a=b"], 303, "PUT "),
        (&["-X", "POST", "-d", "a=b"], 301, "POST "),
        (&["-X", "DELETE"], 301, "DELETE "),
    ];
    let origin = guide().await;
    for (flags, code, said) in rows {
        let url = origin.url(&format!("/go/{code}/end"));
        let ran = skybridge([flags, &["-L", &url]].concat()).await;
        assert_eq!((ran.exit, ran.out.as_str()), (0, said), "{flags:?} {code}: {}", ran.err);
        let has_type = origin.requests().last().unwrap().header("content-type").is_some();
        assert_eq!(has_type, said.ends_with("a=b"), "{flags:?} {code}");
    }
    let ran = skybridge(["-L", "-I", &origin.url("/go/303/end")]).await;
    assert_eq!((ran.exit, origin.requests().last().unwrap().method.as_str()), (0, "HEAD"), "{}", ran.err);
}

#[tokio::test]
async fn stdin_is_not_sent_twice() {
    let origin = guide().await;
    for (method, code) in [("POST", 307), ("POST", 308), ("PUT", 302)] {
        let url = origin.url(&format!("/go/{code}/end"));
        let ran = fed(["-L", "-X", method, "--data-binary", "@-", "--report", "-", &url], "streamed").await;
        let error = &reports(&ran)[0]["error"];
        assert_eq!(
            (ran.exit, &error["kind"], &error["processed"]),
            (65, &"request".into(), &"yes".into()),
            "{}",
            ran.err
        );
        assert!(ran.err.contains("stdin can be read only once"), "{}", ran.err);
    }
    let ran = fed(["-L", "--data-binary", "@-", &origin.url("/go/303/end")], "streamed").await;
    assert_eq!((ran.exit, ran.out.as_str()), (0, "GET "), "{}", ran.err);
}

#[tokio::test]
async fn what_is_meant_for_one_origin_goes_to_no_other() {
    let (home, away) = (guide().await, guide().await);
    // Away, and further from there, and back.
    let back = format!("/go/302/{}", home.url("/end"));
    let url = home.url(&format!("/go/302/{}", away.url(&format!("/go/302/{}", &away.url(&back)))));
    let names = ["authorization", "cookie", "proxy-authorization", "x-api-key", "private-token"]
        .map(|name| format!("{name}: s"));
    let secrets: Vec<_> =
        names.iter().map(String::as_str).chain(["host: h.test"]).flat_map(|header| ["-H", header]).collect();
    let ran = skybridge([&secrets[..], &["-L", "-H", "x: y", &url]].concat()).await;
    assert_eq!((ran.exit, ran.out.as_str()), (0, "GET "), "{}", ran.err);
    let named = |header: &str| -> (Vec<bool>, Vec<bool>) {
        let of = |origin: &Origin| origin.requests().iter().map(|seen| seen.header(header).is_some()).collect();
        (of(&home), of(&away))
    };
    for header in ["authorization", "cookie", "x-api-key", "private-token"] {
        assert_eq!(named(header), (vec![true; 2], vec![false; 2]), "{header}");
    }
    assert_eq!(named("x"), (vec![true; 2], vec![true; 2]));
    assert_eq!(home.requests()[1].header("host"), Some("h.test"));
    let own = away.addr().to_string();
    assert!(
        away.requests()
            .iter()
            .all(|seen| seen.header("host") == Some(&own) && seen.header("proxy-authorization").is_none())
    );
}

#[tokio::test]
async fn redirects_have_a_limit_of_number_and_of_time() {
    let origin = guide().await;
    let url = origin.url("/go/302/go/302/end");
    for (most, exit) in [("-1", 0), ("2", 0), ("1", 47), ("0", 47)] {
        let ran = skybridge(["-L", "--max-redirs", most, &url]).await;
        assert_eq!((ran.exit, ran.out.is_empty()), (exit, exit != 0), "{most}: {}", ran.err);
    }
    let ran = skybridge(["-L", "--max-redirs", "1", &url]).await;
    let stopped = format!("more than 1 redirect (--max-redirs), at {}", origin.url("/go/302/end"));
    assert!(ran.err.contains(&stopped), "{stopped}: {}", ran.err);
    let ran = skybridge(["-L", "--max-redirs", "1", "--report", "-", &url]).await;
    assert_eq!((&reports(&ran)[1]["status"], &reports(&ran)[1]["error"]["exit_code"]), (&302.into(), &47.into()));
    assert_eq!(skybridge(["--max-redirs", "0", &url]).await.exit, 0, "nothing is followed");

    // Around and around: no single call takes long.
    let round = |_| async { Response::builder().status(302).header("location", "/").body(String::new()).unwrap() };
    let origin = Origin::h1().handle(round).start().await;
    let ran = skybridge(["-L", &origin.url("/")]).await;
    assert_eq!((ran.exit, origin.requests().len()), (47, 51), "{}", ran.err);
    let ran = skybridge(["-L", "--max-redirs", "20000", "--max-time", "0.3", &origin.url("/")]).await;
    assert_eq!(ran.exit, 28, "{}", ran.err);
}

#[tokio::test]
async fn each_is_reached_in_its_own_way() {
    let origin = guide().await;
    let proxy = ProxyServer::http().host("a.test", origin.addr()).start().await;
    let direct = origin.url("/end");
    let url = format!("http://a.test:{}/go/302/{direct}", origin.addr().port());
    let ran = skybridge(["-L", "-x", &proxy.url(), "--noproxy", "127.0.0.1", "--report", "-", &url]).await;
    let told = reports(&ran);
    assert_eq!((ran.exit, proxy.requests().len(), origin.requests().len()), (0, 1, 2), "{}", ran.err);
    assert_eq!((&told[0]["connection"]["proxy"], &told[1]["connection"]["proxy"]), (&proxy.url().into(), &().into()));
}

#[tokio::test]
async fn what_leads_nowhere_is_an_error_that_names_no_secret() {
    let origin = guide().await;
    for to in ["http://a.test:x/?hunter2", "http://me:hunter2@a.test/"] {
        let answer = move |_| async move {
            Response::builder().status(302).header("location", to).body("old".to_owned()).unwrap()
        };
        let lost = Origin::h1().handle(answer).start().await;
        let ran = skybridge(["-L", &lost.url("/")]).await;
        assert_eq!((ran.exit, ran.out.as_str()), (3, ""), "{to}: {}", ran.err);
        assert!(!ran.err.contains("hunter2"), "{}", ran.err);
    }
    // A redirect without a place is an answer like any other, and -f is about the last of them.
    let ran = skybridge(["-L", "-f", &origin.url("/go/404/end")]).await;
    assert_eq!(ran.exit, 22, "{}", ran.err);
    let ran = skybridge(["-L", "-f", &origin.url("/go/302/go/404/end")]).await;
    assert_eq!(ran.exit, 22, "{}", ran.err);
    let still = Origin::h1()
        .handle(|_| async { Response::builder().status(300).body("choose".to_owned()).unwrap() })
        .start()
        .await;
    let ran = skybridge(["-L", &still.url("/")]).await;
    assert_eq!((ran.exit, ran.out.as_str()), (0, "choose"), "{}", ran.err);
}
