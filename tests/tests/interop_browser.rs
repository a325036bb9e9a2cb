//! A real browser, named by `cargo xtask interop`: what the inspector shows is there to be seen, and nothing of it is
//! refused by its own policy.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use skybridge::{Client, inspect};
use skybridge_testkit::origin::Origin;
use skybridge_tests::named;
use std::{
    path::PathBuf,
    process::{Command, Output},
};
use tokio::net::TcpListener;

/// Chromium without a window, with a profile of its own that goes away.
struct Browser(PathBuf);

impl Browser {
    fn new() -> Self {
        let folder = std::env::temp_dir().join(format!("skybridge-browser-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        Self(folder)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(named("SKYBRIDGE_CHROMIUM"));
        command.args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--enable-logging=stderr",
            "--window-size=800,900",
        ]);
        command.arg(format!("--user-data-dir={}", self.0.join("profile").display())).args(arguments);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        output
    }

    /// The document as the browser has understood it.
    fn document(&self, url: &str) -> String {
        let output = self.run(&["--dump-dom", url]);
        let log = String::from_utf8_lossy(&output.stderr);
        let complaints: Vec<_> = log.lines().filter(|line| line.contains("CONSOLE")).collect();
        assert!(complaints.is_empty(), "{complaints:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// How large a picture of it is: of a blank one by far less.
    fn picture(&self, url: &str) -> usize {
        let file = self.0.join("picture.png");
        self.run(&[&format!("--screenshot={}", file.display()), url]);
        std::fs::read(file).unwrap().len()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chromium_shows_the_inspector_and_a_waterfall_and_refuses_nothing() {
    let origin = Origin::h1().start().await;
    let client = Client::builder().keep_calls().build();
    client.get(origin.url("/seen")).await.unwrap().into_body().text().await.unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let base = format!("http://{}/inspect", listener.local_addr().unwrap());
    let app = axum::Router::new().nest_service("/inspect", inspect(&client));
    let mut server = tokio::task::JoinSet::new();
    server.spawn(async move { axum::serve(listener, app).await });

    let browser = Browser::new();
    let page = browser.document(&format!("{base}?call=1"));
    for expected in ["The latest 1 of 1 calls", "/seen</td>", "idle for", "<svg", "href=\"?call=1\""] {
        assert!(page.contains(expected), "{expected}: {page}");
    }
    let picture = browser.document(&format!("{base}/calls/1.svg"));
    assert!(picture.contains("<svg") && picture.contains("/seen"), "{picture}");
    let blank = browser.picture("about:blank");
    for url in [format!("{base}?call=1"), format!("{base}/calls/1.svg")] {
        let size = browser.picture(&url);
        assert!(size > 4 * blank, "{url}: {size} bytes, a blank one {blank}");
    }
}
