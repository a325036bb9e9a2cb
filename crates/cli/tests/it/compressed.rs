use crate::ran::skybridge;
use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use skybridge_testkit::origin::Origin;
use tokio::{io::AsyncReadExt, io::AsyncWriteExt, net::TcpListener};

const TEXT: &str = "hello hello hello";
const GZIP: &[u8] =
    &[31, 139, 8, 0, 0, 0, 0, 0, 2, 3, 203, 72, 205, 201, 201, 87, 200, 64, 144, 0, 128, 136, 249, 229, 17, 0, 0, 0];
const DEFLATE: &[u8] = &[120, 156, 203, 72, 205, 201, 201, 87, 200, 64, 144, 0, 58, 46, 6, 125];
const BR: &[u8] = &[27, 16, 0, 248, 141, 148, 110, 222, 68, 85, 134, 150, 108, 32, 111, 1, 79, 28, 96, 28];
#[cfg(feature = "zstd")]
const ZSTD: &[u8] =
    &[40, 181, 47, 253, 4, 88, 101, 0, 0, 48, 104, 101, 108, 108, 111, 32, 1, 0, 49, 74, 17, 162, 237, 30, 12];
const ACCEPTED: &str = if cfg!(feature = "zstd") { "gzip, deflate, br, zstd" } else { "gzip, deflate, br" };

async fn says(encoding: &'static str, body: &'static [u8]) -> Origin {
    let answer = move |_| async move {
        Response::builder().header("content-encoding", encoding).body(Full::new(Bytes::from_static(body))).unwrap()
    };
    Origin::h1().handle(answer).start().await
}

#[tokio::test]
async fn what_was_asked_for_is_decoded_and_what_arrived_is_counted() {
    for (encoding, body) in [
        ("gzip", GZIP),
        ("X-GZip", GZIP),
        ("deflate", DEFLATE),
        ("deflate", &DEFLATE[2..12]),
        ("identity", TEXT.as_bytes()),
        ("br", BR),
        #[cfg(feature = "zstd")]
        ("zstd", ZSTD),
    ] {
        let origin = says(encoding, body).await;
        let ran = skybridge(["--compressed", "-w", " %{size_download}", &origin.url("/")]).await;
        assert_eq!((ran.exit, ran.out), (0, format!("{TEXT} {}", body.len())), "{encoding}: {}", ran.err);
        assert_eq!(origin.requests()[0].header("accept-encoding"), Some(ACCEPTED));
        // The head is as it came.
        let ran = skybridge(["--compressed", "-I", &origin.url("/")]).await;
        assert!(ran.exit == 0 && ran.out.contains(&format!("content-encoding: {encoding}\r\n")), "{}", ran.err);
    }
    let origin = says("gzip", GZIP).await;
    skybridge(["--compressed", "-H", "accept-encoding: gzip", &origin.url("/")]).await;
    skybridge([&origin.url("/"), "-o", "/dev/null"]).await;
    let asked: Vec<_> =
        origin.requests().iter().map(|seen| seen.header("accept-encoding").map(str::to_owned)).collect();
    assert_eq!(asked, [Some("gzip".to_owned()), None]);
}

#[tokio::test]
async fn unasked_nothing_is_decoded() {
    let origin = says("gzip", TEXT.as_bytes()).await;
    let ran = skybridge([&origin.url("/")]).await;
    assert_eq!((ran.exit, ran.out.as_str()), (0, TEXT), "{}", ran.err);
}

#[tokio::test]
async fn what_cannot_be_decoded_is_exit_61_and_what_was_cut_18() {
    for (encoding, body) in
        [("gzip", TEXT.as_bytes()), ("gzip", &GZIP[..20]), ("deflate", TEXT.as_bytes()), ("br", &BR[..9]), ("xz", b"x")]
    {
        let origin = says(encoding, body).await;
        let ran = skybridge(["--compressed", &origin.url("/")]).await;
        assert_eq!(ran.exit, 61, "{encoding}: {} {}", ran.out, ran.err);
        assert_eq!(ran.err.contains("encoded by `xz`, and what is decoded is gzip, deflate"), encoding == "xz");
    }
    let origin = says("gzip", b"").await;
    let ran = skybridge(["--compressed", &origin.url("/")]).await;
    assert_eq!((ran.exit, ran.out.as_str()), (0, ""), "{}", ran.err);

    let origin = says("xz", b"x").await;
    let ran = skybridge(["--compressed", "-I", &origin.url("/")]).await;
    assert_eq!(ran.exit, 0, "there was nothing to decode: {}", ran.err);

    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let serving = tokio::spawn(async move {
        let mut peer = listener.accept().await.unwrap().0;
        let _ = peer.read(&mut [0; 1024]).await;
        let head = format!("HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {}\r\n\r\n", GZIP.len());
        peer.write_all(&[head.as_bytes(), &GZIP[..20]].concat()).await.unwrap();
    });
    let ran = skybridge(["--compressed", &url]).await;
    serving.await.unwrap();
    assert_eq!(ran.exit, 18, "{}", ran.err);
}
