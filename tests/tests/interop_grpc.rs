//! grpcio's server, that of gRPC's C core: a generated client over ours, beside tonic's own channel. `cargo xtask
//! interop` says by `SKYBRIDGE_GRPCIO` which Python has it. The table is printed with `-- --nocapture`.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, its helpers too")]

use bytes::{Buf, BufMut, Bytes};
use http::uri::PathAndQuery;
use http_body::Body;
use skybridge::Client;
use skybridge_tests::{all, named};
use skybridge_tonic::Tonic;
use std::{
    collections::BTreeMap,
    error::Error as StdError,
    fmt::Write as _,
    io::Read,
    net::TcpListener,
    process::{Child, Command, Stdio},
    time::Duration,
};
use tokio::{sync::mpsc, time::Instant};
use tokio_stream::wrappers::ReceiverStream;
use tonic::{
    Code, IntoStreamingRequest, Request, Status, Streaming,
    client::{Grpc, GrpcService},
    codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder},
    transport::{Channel, Endpoint},
};

const SERVER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/grpc_server.py");
const CALLERS: usize = 50;

/// A server that runs while its value lives.
struct Server {
    child: Child,
    port: u16,
}

impl Server {
    fn start(port: u16, max_age: Option<Duration>) -> Self {
        let mut command = Command::new(named("SKYBRIDGE_GRPCIO"));
        command.arg(SERVER).arg(port.to_string()).args(max_age.map(|age| age.as_millis().to_string()));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let mut ready = [0; 6];
        child.stdout.as_mut().unwrap().read_exact(&mut ready).unwrap();
        assert_eq!(&ready, b"ready\n");
        Self { child, port }
    }

    fn anywhere(max_age: Option<Duration>) -> Self {
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        Self::start(port, max_age)
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// As a server does that is deployed anew: what is under way ends, new calls are refused.
    fn restart(mut self) -> Self {
        drop(self.child.stdin.take());
        self.child.wait().unwrap();
        Self::start(self.port, None)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Messages are bytes.
struct Raw;

impl Codec for Raw {
    type Encode = String;
    type Decode = String;
    type Encoder = Self;
    type Decoder = Self;
    fn encoder(&mut self) -> Self {
        Self
    }
    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = String;
    type Error = Status;
    fn encode(&mut self, item: String, buf: &mut EncodeBuf<'_>) -> Result<(), Status> {
        buf.put_slice(item.as_bytes());
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = String;
    type Error = Status;
    fn decode(&mut self, buf: &mut DecodeBuf<'_>) -> Result<Option<String>, Status> {
        let bytes = buf.copy_to_bytes(buf.remaining());
        Ok(Some(String::from_utf8_lossy(&bytes).into_owned()))
    }
}

/// What a generated client asks of what is below it.
trait Below: GrpcService<tonic::body::Body, ResponseBody: Answer, Error: Into<BoxError>> + Clone {}

impl<T> Below for T where T: GrpcService<tonic::body::Body, ResponseBody: Answer, Error: Into<BoxError>> + Clone {}

trait Answer: Body<Data = Bytes, Error: Into<BoxError> + Send> + Send + 'static {}

impl<T> Answer for T where T: Body<Data = Bytes, Error: Into<BoxError> + Send> + Send + 'static {}

type BoxError = Box<dyn StdError + Send + Sync>;

/// As tonic's build script writes it.
#[derive(Clone)]
struct EchoClient<T>(Grpc<T>);

impl<T: Below> EchoClient<T> {
    async fn ready(&mut self) -> Result<(), Status> {
        self.0.ready().await.map_err(|error| Status::from_error(error.into()))
    }

    async fn unary(&mut self, request: Request<String>) -> Result<String, Status> {
        self.ready().await?;
        let path = PathAndQuery::from_static("/test.Echo/Unary");
        self.0.unary(request, path, Raw).await.map(tonic::Response::into_inner)
    }

    async fn server_stream(&mut self, request: Request<String>) -> Result<Streaming<String>, Status> {
        self.ready().await?;
        let path = PathAndQuery::from_static("/test.Echo/ServerStream");
        self.0.server_streaming(request, path, Raw).await.map(tonic::Response::into_inner)
    }

    async fn client_stream(&mut self, messages: impl IntoStreamingRequest<Message = String>) -> Result<String, Status> {
        self.ready().await?;
        let path = PathAndQuery::from_static("/test.Echo/ClientStream");
        let request = messages.into_streaming_request();
        self.0.client_streaming(request, path, Raw).await.map(tonic::Response::into_inner)
    }

    async fn bidi(
        &mut self,
        messages: impl IntoStreamingRequest<Message = String>,
    ) -> Result<Streaming<String>, Status> {
        self.ready().await?;
        let path = PathAndQuery::from_static("/test.Echo/Bidi");
        self.0.streaming(messages.into_streaming_request(), path, Raw).await.map(tonic::Response::into_inner)
    }
}

fn ours(server: &Server) -> EchoClient<Tonic<Client>> {
    EchoClient(Grpc::new(Tonic::new(Client::new(), server.url()).unwrap()))
}

fn channel(server: &Server) -> EchoClient<Channel> {
    EchoClient(Grpc::new(Endpoint::from_shared(server.url()).unwrap().connect_lazy()))
}

fn say(what: &str) -> Request<String> {
    Request::new(what.to_owned())
}

fn within(what: &str, limit: Duration) -> Request<String> {
    let mut request = say(what);
    request.set_timeout(limit);
    request
}

/// The four kinds, a status, a deadline, and a call that is dropped in mid-stream: whether each went as it should.
async fn kinds<T: Below>(mut echo: EchoClient<T>) -> Vec<(&'static str, bool)> {
    let unary = echo.unary(say("hello")).await.is_ok_and(|answer| answer == "hello");

    let mut words = echo.server_stream(say("one two")).await.unwrap();
    let mut said = vec![];
    while let Some(word) = words.message().await.unwrap() {
        said.push(word);
    }

    let letters = ["a", "b", "c"].map(str::to_owned);
    let joined = echo.client_stream(tokio_stream::iter(letters)).await.unwrap();

    let (questions, asked) = mpsc::channel(1);
    questions.send("0".to_owned()).await.unwrap();
    let mut answers = echo.bidi(ReceiverStream::new(asked)).await.unwrap();
    let mut bidi = true;
    for question in ["1", "2", "3"] {
        bidi &= answers.message().await.unwrap().is_some();
        questions.send(question.to_owned()).await.unwrap();
    }
    drop(questions);
    bidi &= answers.message().await.unwrap().as_deref() == Some("3") && answers.message().await.unwrap().is_none();

    let failed = echo.unary(say("fail")).await.unwrap_err();
    let status = failed.code() == Code::DataLoss
        && failed.message() == "as you wish"
        && failed.metadata().get("x-more").is_some_and(|value| value == "more");

    let late = echo.unary(within("slow", Duration::from_millis(100))).await.unwrap_err();
    let mut forever = echo.server_stream(within("forever", Duration::from_millis(200))).await.unwrap();
    let late_stream = loop {
        if let Err(status) = forever.message().await {
            break status;
        }
    };

    let mut forever = echo.server_stream(say("forever")).await.unwrap();
    let begun = forever.message().await.unwrap().is_some();
    drop(forever);
    // The server is asked until it has learned of it.
    let given_up = Instant::now();
    let mut cancelled = false;
    while begun && !cancelled && given_up.elapsed() < Duration::from_secs(10) {
        cancelled = echo.unary(say("active")).await.unwrap() == "0";
    }
    vec![
        ("unary", unary),
        ("server stream", said == ["one", "two"]),
        ("client stream", joined == "abc"),
        ("bidirectional", bidi),
        ("status with metadata", status),
        ("deadline is DEADLINE_EXCEEDED", late.code() == Code::DeadlineExceeded),
        ("deadline in mid-stream", late_stream.code() == Code::DeadlineExceeded),
        ("cancelled in mid-stream", cancelled),
    ]
}

/// Calls of 50 callers for a while, beside something that happens to the server: how many, and what they failed with.
async fn calls<T>(echo: EchoClient<T>, time: Duration) -> (usize, BTreeMap<String, usize>)
where
    T: Below + Send + 'static,
    T::Future: Send,
{
    let callers = (0..CALLERS).map(|_| echo.clone()).map(|mut echo| async move {
        let (began, mut done, mut failed) = (Instant::now(), 0, vec![]);
        while began.elapsed() < time {
            done += 1;
            if let Err(status) = echo.unary(say("hello")).await {
                failed.push(format!("{:?}", status.code()));
                // As who has failed would wait before they try again.
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        (done, failed)
    });
    let (mut done, mut failed) = (0, BTreeMap::new());
    for (calls, codes) in all(callers).await {
        done += calls;
        codes.into_iter().for_each(|code| *failed.entry(code).or_default() += 1);
    }
    (done, failed)
}

fn row(table: &mut String, what: &str, ours: impl std::fmt::Display, theirs: impl std::fmt::Display) {
    writeln!(table, "| {what} | {ours} | {theirs} |").unwrap();
}

fn outcome((calls, failed): &(usize, BTreeMap<String, usize>)) -> String {
    let codes = failed.iter().map(|(code, times)| format!(", {times} {code}")).collect::<String>();
    format!("{} of {calls} failed{codes}", failed.values().sum::<usize>())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_of_ours_does_what_tonics_channel_does_and_fails_less() {
    let mut table = "| | skybridge-tonic | tonic's Channel |\n|---|---|---|\n".to_owned();
    let server = Server::anywhere(None);
    let (kinds_ours, kinds_theirs) = (kinds(ours(&server)).await, kinds(channel(&server)).await);
    let said = |right: bool| if right { "yes" } else { "no" };
    for ((what, ours), (_, theirs)) in kinds_ours.iter().zip(&kinds_theirs) {
        row(&mut table, what, said(*ours), said(*theirs));
    }

    // Connections end every 200 ms or so, while calls are under way on them.
    let aged = Server::anywhere(Some(Duration::from_millis(200)));
    let time = Duration::from_secs(3);
    let (aged_ours, aged_theirs) = (calls(ours(&aged), time).await, calls(channel(&aged), time).await);
    row(&mut table, "max_connection_age of 200 ms, 50 callers", outcome(&aged_ours), outcome(&aged_theirs));

    let mut restarted = vec![];
    let mut server = server;
    for is_ours in [true, false] {
        let echo = (ours(&server), channel(&server));
        let calling = async { if is_ours { calls(echo.0, time).await } else { calls(echo.1, time).await } };
        let restarting = async {
            tokio::time::sleep(time / 3).await;
            tokio::task::spawn_blocking(|| server.restart()).await.unwrap()
        };
        let (called, again) = tokio::join!(calling, restarting);
        server = again;
        restarted.push(called);
    }
    row(&mut table, "the server restarts, 50 callers", outcome(&restarted[0]), outcome(&restarted[1]));
    println!("{table}");

    assert!(kinds_ours.iter().all(|(_, right)| *right), "{table}");
    assert!(aged_ours.1.is_empty() && aged_ours.0 > CALLERS, "{table}");
    // The server cancels what it is about when it stops, and while there is none connecting fails; nothing else does.
    assert!(restarted[0].1.keys().all(|code| code == "Unavailable" || code == "Cancelled"), "{table}");
    assert!(calls(ours(&server), Duration::from_millis(100)).await.1.is_empty());
}
