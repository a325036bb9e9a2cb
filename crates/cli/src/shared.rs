//! What all calls share.

use crate::{
    args::{Args, ContinueAt, Header, OutputTo},
    client::{self, Connects},
    connect_to,
    cookies::Jar,
    dump::Dump,
    exit::Exit,
    fault::Fault,
    given_headers::given_headers,
    glob, job_url,
    jobs::{Job, ListedUrl, urls},
    named_file::NamedFile,
    observer::CallObserver,
    payload::{self, Payload},
    progress::{Meters, Transfer},
    proxies::Proxies,
    remote_name,
    running::RunningCalls,
    secrets::Secrets,
    sink::Destination,
    start_error::StartError,
    usage::Usage,
    verbose,
    write_out::Format,
};
use http::{HeaderMap, Method, Request, Uri, header};
use skybridge::{
    Client, Error, RequestBody, RequestOptions,
    types::{BasicAuth, CallId, Origin},
};
use std::{
    io,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::SystemTime,
};

pub(crate) struct Shared {
    pub(crate) args: Args,
    pub(crate) client: Client,
    pub(crate) observer: Arc<CallObserver>,
    pub(crate) secrets: Secrets,
    /// Of `-w`.
    pub(crate) format: Option<Format>,
    proxies: Proxies,
    meters: Option<Meters>,
    /// The id of the next redirect's call, in all parts.
    next: Arc<AtomicU64>,
    /// Where cookies are kept, if any are.
    pub(crate) jar: Option<Arc<Jar>>,
    urls: Vec<ListedUrl>,
    headers: HeaderMap,
    /// Of `-d` and its relatives.
    data: Payload,
    /// Of each `-T`, those with globs for several.
    uploads: Vec<Upload>,
    /// Of `-G`, for the query of URLs.
    query: Option<String>,
    /// Of `-D`.
    dump: Option<Arc<Dump>>,
    pub(crate) running: RunningCalls,
}

/// What `-T` sends.
struct Upload {
    file: PathBuf,
    payload: Payload,
}

impl Shared {
    /// # Errors
    /// When a glob or format isn't valid, or a file with it or with data can't be read.
    pub(crate) fn new(
        args: Args,
        connects: Connects,
        meters: Option<Meters>,
        next: &Arc<AtomicU64>,
        jar: &Arc<Jar>,
    ) -> Result<Self, StartError> {
        let secrets = Secrets::of(&args);
        let unread = |(path, error): (PathBuf, io::Error)| {
            let (exit, path) = (Exit::READ_FILE, path.display());
            StartError(exit, format!("({exit}) {path}, which is to be sent: {error}"))
        };
        let format = args.diagnostics.write_out.as_deref().map(Format::read).transpose()?;
        let data = Payload::of(&args.data).map_err(unread)?;
        let query = payload::query(&args.data).map_err(unread)?;
        let mut headers = given_headers(&args, data.content_type());
        if let Payload::Form(form) = &data {
            form.bound(&mut headers);
        }
        let (urls, files) = urls(&args)?;
        let upload = |file: PathBuf| Ok(Upload { payload: Payload::upload(&file)?, file });
        let uploads = files.into_iter().map(upload).collect::<Result<_, _>>().map_err(unread)?;
        if let (Some(ContinueAt::Offset(offset)), 1..) = (args.output.continue_at, args.retry.retry) {
            let why = "with --retry, what was written before would be there twice; nearest: --continue-at -";
            return Err(Usage::of("--continue-at", offset, why).into());
        }
        if args.output.continue_at.is_some() && !data.is_none() {
            return Err(Usage::of(
                "--continue-at",
                "with data",
                "a POST is sent as a whole; nearest: -G, or without data",
            )
            .into());
        }
        if args.cookies.keeps() {
            load(jar, &args, connects.observer.runtime.wall_now()).map_err(unread)?;
        }
        let heads = args.output.dump_header.clone().map(|path| NamedFile::of_heads(&args.output, path));
        let dump = heads.map(|file| Arc::new(Dump::new(file)));
        let Connects { client, proxies, observer } = connects;
        let next = Arc::clone(next);
        let jar = args.cookies.keeps().then(|| Arc::clone(jar));
        Ok(Self {
            args,
            client,
            observer,
            secrets,
            format,
            proxies,
            meters,
            next,
            jar,
            urls,
            headers,
            data,
            uploads,
            query,
            dump,
            running: RunningCalls::default(),
        })
    }

    /// What there is to fetch, in order. Their calls have the next ids.
    pub(crate) fn jobs(&self) -> Vec<Job> {
        let all = (0..self.args.request.repeat).flat_map(|_| &self.urls);
        all.map(|ListedUrl { url, place, globs, upload }| Job {
            call: self.next_call_id(),
            url: Arc::clone(url),
            place: *place,
            globs: Arc::clone(globs),
            upload: *upload,
        })
        .collect()
    }

    /// `-w` asks how many bytes were sent.
    pub(crate) fn counts_uploads(&self) -> bool {
        self.format.as_ref().is_some_and(Format::counts_uploads)
    }

    fn upload(&self, job: &Job) -> Option<&Upload> {
        self.uploads.get(job.upload?)
    }

    /// What a request carries.
    fn payload(&self, job: &Job) -> &Payload {
        self.upload(job).map_or(&self.data, |upload| &upload.payload)
    }

    /// Whether another request can carry the same.
    pub(crate) fn can_send_again(&self, job: &Job) -> bool {
        self.payload(job).is_lasting()
    }

    /// The URI of a job, with what `-G` and `-T` add to it, and the credentials in the URL.
    ///
    /// # Errors
    /// When it is no URL.
    pub(crate) fn uri(&self, job: &Job) -> Result<(Uri, Option<BasicAuth>), Fault> {
        let uri = self.read_uri(job);
        uri.map_err(|error| Fault::of(&error, None).of_url(&self.args.which(job.place)))
    }

    fn read_uri(&self, job: &Job) -> Result<(Uri, Option<BasicAuth>), Error> {
        let (mut uri, credentials) = job_url::parse(&job.url)?;
        if let Some(Upload { file, .. }) = self.upload(job).filter(|upload| !payload::is_stdin(&upload.file)) {
            uri = job_url::with_file_name(&uri, file)?;
        }
        if let Some(query) = &self.query {
            uri = job_url::with_query(&uri, query)?;
        }
        if let Some(target) = &self.args.request.request_target {
            uri = job_url::with_target(&uri, target)?;
        }
        Ok((uri, credentials))
    }

    /// What `--proto` says of `http` is the client's to refuse, wherever such a URL comes from.
    ///
    /// # Errors
    /// When it doesn't permit an `https` one.
    pub(crate) fn check_https(&self, uri: &Uri) -> Result<(), Fault> {
        let scheme = uri.scheme_str().filter(|scheme| *scheme != "http").unwrap_or_default();
        let to = || self.secrets.url(&uri.to_string());
        self.args.protocol.protos.check(scheme).map_err(|by| Fault::forbidden(to(), scheme, by))
    }

    /// Where heads are written besides.
    pub(crate) fn dump(&self) -> Option<&Arc<Dump>> {
        self.dump.as_ref()
    }

    pub(crate) fn method(&self, job: &Job) -> Method {
        match &self.args.request.request {
            Some(method) => method.clone(),
            None if self.args.request.head => Method::HEAD,
            None if self.upload(job).is_some() => Method::PUT,
            None if self.data.is_none() => Method::GET,
            None => Method::POST,
        }
    }

    /// The id of a call that isn't on the command line.
    pub(crate) fn next_call_id(&self) -> CallId {
        CallId(self.next.fetch_add(1, Relaxed))
    }

    /// Who has chosen the proxies of an origin, in words.
    pub(crate) fn who_chose(&self, origin: &Origin) -> String {
        self.proxies.chosen_by(origin, &self.args)
    }

    /// The proxies of each way to an origin, by name; `None` where the environment names none that is valid.
    pub(crate) fn ways(&self, origin: &Origin) -> Option<Vec<Vec<String>>> {
        let chains = self.proxies.chains(origin).ok()?;
        Some(chains.iter().map(|chain| chain.iter().map(ToString::to_string).collect()).collect())
    }

    /// The options for connecting to a URL.
    ///
    /// # Errors
    /// When `--connect-to` or `--unix-socket` can't be applied to it.
    pub(crate) fn options(&self, uri: &Uri) -> Result<RequestOptions, Usage> {
        let mut options = RequestOptions::new();
        options.connect_options = client::connect_options(&self.args);
        if let Some(path) = &self.args.route.unix_socket {
            // It is dialled whatever the rules for hosts say. A proxy can't.
            if self.proxies.are_for(uri) {
                let why = "not reached through a proxy; nearest: --noproxy '*'";
                return Err(Usage::of("--unix-socket", path.display(), why));
            }
            return Ok(options);
        }
        connect_to::apply(options, &self.args.route, uri, self.proxies.are_for(uri))
    }

    /// Whether a request for this URL stays within this machine, by what the flags say. No proxy is known to be here.
    pub(crate) fn stays_here(&self, uri: &Uri) -> bool {
        connect_to::stays_here(&self.args.route, uri) && !self.proxies.are_for(uri)
    }

    /// The request of a job. Credentials of the URL count where the flags give none.
    pub(crate) fn request(&self, uri: Uri, job: &Job, credentials: Option<BasicAuth>) -> Request<RequestBody> {
        let mut request = Request::new(self.payload(job).body());
        *request.method_mut() = self.method(job);
        *request.uri_mut() = uri;
        *request.headers_mut() = self.headers.clone();
        let says_who = |given: &Header| matches!(given, Header::Set(name, _) | Header::Without(name) if *name == header::AUTHORIZATION);
        if let Some(value) = credentials.and_then(|credentials| credentials.header())
            && self.args.request.user.is_none()
            && !self.args.request.header.iter().any(says_who)
        {
            request.headers_mut().insert(header::AUTHORIZATION, value);
        }
        request
    }

    /// Where the responses for the URL at this index are written.
    ///
    /// # Errors
    /// When `-O` finds no name in the URL, and no response may name it.
    pub(crate) fn place(&self, job: &Job) -> Result<Destination, String> {
        Ok(match self.args.output.of(job.place) {
            Some(OutputTo::RemoteName) => match remote_name::of(&job.url) {
                Ok(name) => Destination::File(NamedFile::of(&self.args.output, name)),
                Err(_) if self.args.output.remote_header_name => Destination::Unnamed,
                Err(why) => return Err(why),
            },
            Some(OutputTo::File(path)) if path.as_os_str() != "-" => {
                Destination::File(NamedFile::of(&self.args.output, glob::filled(path, &job.globs)))
            }
            _ if self.args.diagnostics.reports_to_stdout() => Destination::Nowhere,
            Some(_) => Destination::Stdout,
            None => Destination::stdout_for_text(),
        })
    }

    /// `-J`: where a response says that it is written.
    pub(crate) fn place_by_header(&self, job_place: usize, headers: &HeaderMap) -> Option<Destination> {
        let is_asked = self.args.output.remote_header_name;
        let is_remote = is_asked && self.args.output.of(job_place) == Some(OutputTo::RemoteName);
        let name =
            headers.get(header::CONTENT_DISPOSITION).filter(|_| is_remote).and_then(remote_name::of_disposition)?;
        Some(Destination::File(NamedFile::of_peer(&self.args.output, name)))
    }

    /// The bar for a URL whose body goes there.
    pub(crate) fn transfer(&self, url: &str, place: &Destination) -> Option<Arc<Transfer>> {
        let meters = self.meters.as_ref().filter(|_| !place.is_terminal())?;
        Some(Arc::new(meters.transfer(&self.secrets.url(url))))
    }
}

/// The cookies of files.
fn load(jar: &Jar, args: &Args, now: SystemTime) -> Result<(), (PathBuf, io::Error)> {
    for path in args.cookies.files() {
        let loaded = jar.load(path, args.cookies.junk_session_cookies, now);
        let loaded = loaded.map_err(|error| (path.to_owned(), error))?;
        if args.request.verbose > 0 {
            verbose::loaded(path, &loaded);
        }
    }
    Ok(())
}
