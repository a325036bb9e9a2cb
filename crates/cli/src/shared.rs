//! What all calls share.

use crate::{
    args::{Args, Data, Header},
    connect_to,
    exit::Exit,
    observer::CallObserver,
    proxies::Proxies,
    secrets::Secrets,
    sink::Destination,
    usage::Usage,
};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, Uri, header};
use skybridge::{Client, RequestBody, RequestOptions, types::CallId};
use std::{
    io::{self, IsTerminal},
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
};

pub(crate) struct Shared {
    pub(crate) args: Args,
    pub(crate) client: Client,
    pub(crate) observer: Arc<CallObserver>,
    pub(crate) secrets: Secrets,
    proxies: Proxies,
    /// The id of the next redirect's call.
    next: AtomicU64,
    headers: HeaderMap,
    body: Payload,
}

/// A URL to fetch.
pub(crate) struct Job {
    pub(crate) call: CallId,
    pub(crate) url: Arc<str>,
    /// Its index in the list of URLs.
    pub(crate) place: usize,
}

/// The body of every request.
enum Payload {
    None,
    Bytes(Bytes),
    /// Only the first request gets it.
    Stdin(AtomicBool),
}

impl Shared {
    /// # Errors
    /// When a file with data can't be read.
    pub(crate) fn new(
        args: Args,
        client: Client,
        proxies: Proxies,
        observer: Arc<CallObserver>,
    ) -> Result<Self, (Exit, String)> {
        let secrets = if args.diagnostics.show_secrets { Secrets::Shown } else { Secrets::Hidden };
        let body = payload(&args).map_err(|(path, error)| (Exit::READ_FILE, format!("{}: {error}", path.display())))?;
        let headers = headers(&args, !matches!(body, Payload::None));
        let listed = args.urls.len() as u64 * u64::from(args.request.repeat);
        Ok(Self { args, client, observer, secrets, proxies, next: AtomicU64::new(listed + 1), headers, body })
    }

    pub(crate) fn method(&self) -> Method {
        match &self.args.request.request {
            Some(method) => method.clone(),
            None if self.args.request.head => Method::HEAD,
            None if matches!(self.body, Payload::None) => Method::GET,
            None => Method::POST,
        }
    }

    /// The id of a call that isn't on the command line.
    pub(crate) fn next_call_id(&self) -> CallId {
        CallId(self.next.fetch_add(1, Relaxed))
    }

    /// The options for connecting to a URL.
    ///
    /// # Errors
    /// When `--connect-to` or `--unix-socket` can't be applied to it.
    pub(crate) fn options(&self, uri: &Uri) -> Result<RequestOptions, Usage> {
        let options = RequestOptions::new();
        if let Some(path) = &self.args.route.unix_socket {
            // The client dials it, whatever the rules for hosts say. A proxy can't.
            if self.proxies.are_for(uri) {
                let why = "not reached through a proxy; nearest: --noproxy '*'";
                return Err(Usage::of("--unix-socket", path.display(), why));
            }
            return Ok(options);
        }
        connect_to::apply(options, &self.args.route, uri, self.proxies.are_for(uri))
    }

    pub(crate) fn request(&self, uri: Uri) -> Request<RequestBody> {
        let body = match &self.body {
            Payload::None => RequestBody::empty(),
            Payload::Bytes(bytes) => bytes.clone().into(),
            Payload::Stdin(taken) if taken.swap(true, Relaxed) => RequestBody::empty(),
            Payload::Stdin(_) => RequestBody::wrap(crate::stdin::Stdin::new()),
        };
        let mut request = Request::new(body);
        *request.method_mut() = self.method();
        *request.uri_mut() = uri;
        *request.headers_mut() = self.headers.clone();
        request
    }

    /// Where the responses for the URL at this index are written.
    pub(crate) fn place(&self, at: usize) -> Destination {
        match self.args.request.output.get(at) {
            Some(path) if path.as_os_str() != "-" => Destination::File(path.clone()),
            _ if self.args.diagnostics.reports_to_stdout() => Destination::Nowhere,
            Some(_) => Destination::Stdout,
            None => Destination::stdout_for_text(),
        }
    }

    pub(crate) fn shows_progress(&self, place: &Destination) -> bool {
        let quiet = self.args.request.silent || self.args.request.verbose || self.args.diagnostics.events;
        !quiet && !self.args.request.parallel && io::stderr().is_terminal() && !place.is_terminal()
    }
}

fn payload(args: &Args) -> Result<Payload, (PathBuf, io::Error)> {
    let all: Vec<&Data> = args.request.data.iter().chain(&args.request.data_binary).collect();
    if let [only] = all[..]
        && only.is_stream()
    {
        return Ok(Payload::Stdin(AtomicBool::new(false)));
    }
    if all.is_empty() {
        return Ok(Payload::None);
    }
    let parts = all.into_iter().map(Data::read).collect::<Result<Vec<_>, _>>()?;
    Ok(Payload::Bytes(parts.join(&b'&').into()))
}

fn headers(args: &Args, has_body: bool) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.extend(args.request.who_asks().map(|agent| (header::USER_AGENT, agent)));
    headers.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
    if has_body {
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
    }
    // Default headers are replaced by those on the command line.
    for given in &args.request.header {
        let (Header::Set(name, _) | Header::Without(name)) = given;
        headers.remove(name);
    }
    for given in &args.request.header {
        if let Header::Set(name, value) = given {
            headers.append(name, value.clone());
        }
    }
    headers
}
