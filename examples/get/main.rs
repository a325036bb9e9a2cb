//! Gets a URL, and tells what happened to the connection. Without a URL it starts origins of its own and walks through
//! what a pool does.
//!
//! ```sh
//! cargo run --example get                        # the walk; exits with 1 if a step isn't as it should be
//! cargo run --example get http://example.com/    # the body to stdout, the facts to stderr
//! ```

mod diary;
mod tell;
mod walk;

use diary::Diary;
use http::Request;
use skybridge::{Client, IntoUri, RequestBody, RequestOptions};
use std::{
    io::{self, Write},
    process::ExitCode,
    sync::Arc,
};

#[tokio::main]
async fn main() -> ExitCode {
    let done = match std::env::args().nth(1) {
        Some(url) => get(&url).await,
        None => walk::all().await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}", tell::chain(&*error));
            ExitCode::FAILURE
        }
    }
}

/// Anything that ends an example.
type Failure = Box<dyn std::error::Error + Send + Sync>;

async fn get(url: &str) -> Result<(), Failure> {
    let client = Client::new();
    let diary = Arc::new(Diary::default());
    let body = match watched(&client, url, &diary).await {
        Ok((head, body)) => {
            eprintln!("{} {}", head.status, tell::headers(&head.headers));
            body
        }
        Err(error) => {
            eprint!("{}", diary.tell());
            return Err(error);
        }
    };
    eprint!("{}", diary.tell());
    Ok(io::stdout().write_all(&body)?)
}

/// One request, and in the diary all that became of it.
async fn watched(
    client: &Client,
    url: &str,
    diary: &Arc<Diary>,
) -> Result<(http::response::Parts, bytes::Bytes), Failure> {
    // Only so that a bad URL is refused by the client, in its words.
    let uri = url.into_uri().map_err(skybridge::Error::from)?;
    let mut request = Request::new(RequestBody::empty());
    *request.uri_mut() = uri;
    request.extensions_mut().insert(RequestOptions::new().observer(diary.clone()));

    let (head, body) = client.request(request).await?.into_parts();
    diary.came_by(body.connection());
    Ok((head, body.bytes().await?))
}
