//! Gets a URL, and prints what happened to its connection. Without a URL it starts origins in this process and shows
//! what a pool does.
//!
//! ```sh
//! cargo run --example get                        # the steps; exits with 1 if a step isn't as it should be
//! cargo run --example get http://example.com/    # the body to stdout, the facts to stderr
//! ```

mod call_log;
mod describe;
mod steps;

use call_log::CallLog;
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
        None => steps::all().await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{}", describe::report(&*error));
            ExitCode::FAILURE
        }
    }
}

/// Anything that ends an example.
type Failure = Box<dyn std::error::Error + Send + Sync>;

async fn get(url: &str) -> Result<(), Failure> {
    let client = Client::new();
    let call_log = Arc::new(CallLog::default());
    let body = match fetch(&client, url, &call_log).await {
        Ok((head, body)) => {
            eprintln!("{} {}", head.status, describe::headers(&head.headers));
            body
        }
        Err(error) => {
            eprint!("{}", call_log.describe());
            return Err(error);
        }
    };
    eprint!("{}", call_log.describe());
    Ok(io::stdout().write_all(&body)?)
}

/// Sends one request, and records it in the call log.
async fn fetch(
    client: &Client,
    url: &str,
    call_log: &Arc<CallLog>,
) -> Result<(http::response::Parts, bytes::Bytes), Failure> {
    // So that an invalid URL is the client's error.
    let uri = url.into_uri().map_err(skybridge::Error::from)?;
    let mut request = Request::new(RequestBody::empty());
    *request.uri_mut() = uri;
    request.extensions_mut().insert(RequestOptions::new().observer(call_log.clone()));

    let (head, body) = client.request(request).await?.into_parts();
    call_log.set_connection(body.connection());
    Ok((head, body.bytes().await?))
}
