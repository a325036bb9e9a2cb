//! Proxies of every kind, by script: each ends as a tunnel or as an error that says which proxy, what it answered and
//! what to do, within the limit, and leaves no socket.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test may panic")]

mod support;

use self::support::{World, all_of};
use http::{HeaderMap, HeaderValue};
use skybridge_core::{ConnectError, Phase, Proxy, ProxyAuth, ProxyRequest};
use skybridge_testkit::net::Conn;
use skybridge_tunnel::{SocksReply, TunnelError};
use std::{sync::Arc, time::Duration};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

const LIMIT: Duration = Duration::from_secs(10);
const HTTP: &str = "http://proxy.test:3128";
const SOCKS5: &str = "socks5h://proxy.test:1080";
const ALICE: &str = "socks5h://alice:secret@proxy.test:1080";
const SOCKS4: &str = "socks4a://proxy.test:1080";

/// What a proxy does next. At the end of its script it is silent until the client has gone.
#[derive(Clone)]
enum Step {
    /// Reads a request's head.
    Head,
    /// Reads so many bytes.
    Take(usize),
    Send(Vec<u8>),
    /// One byte each millisecond.
    Dribble(Vec<u8>),
    /// Again and again.
    Forever(Vec<u8>),
    Fin,
    Close,
    Reset,
}

#[derive(Clone, Debug, Eq, PartialEq)]
enum End {
    /// A tunnel in which the origin has said this.
    Tunnel(&'static str),
    Refused(u16),
    Challenged,
    NotHttp,
    Closed,
    Io,
    TimedOut,
    Socks(SocksReply),
    NotSocks(u8),
    CredentialsRequired,
    CredentialsRefused,
}

/// Answers each challenge.
struct Always;

impl ProxyAuth for Always {
    fn identity(&self) -> &[u8] {
        b"always"
    }

    fn authorize(&self, _: &ProxyRequest<'_>, challenge: Option<&HeaderMap>) -> Option<HeaderValue> {
        challenge.map(|_| HeaderValue::from_static("Answer"))
    }
}

async fn play(mut conn: Conn, script: Arc<[Step]>) {
    for step in script.iter() {
        let done = match step {
            Step::Head => {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    let Ok(byte) = conn.read_u8().await else { return };
                    head.push(byte);
                }
                Ok(())
            }
            Step::Take(length) => conn.read_exact(&mut vec![0; *length]).await.map(drop),
            Step::Send(bytes) => conn.write_all(bytes).await,
            Step::Dribble(bytes) => {
                for byte in bytes {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                    if conn.write_u8(*byte).await.is_err() {
                        return;
                    }
                }
                Ok(())
            }
            Step::Forever(bytes) => loop {
                tokio::task::yield_now().await;
                if conn.write_all(bytes).await.is_err() {
                    return;
                }
            },
            Step::Fin => conn.shutdown().await,
            Step::Close => return,
            Step::Reset => {
                tokio::time::sleep(Duration::from_millis(1)).await;
                return conn.reset();
            }
        };
        if done.is_err() {
            return;
        }
    }
    let _ = conn.read_to_end(&mut Vec::new()).await;
}

async fn ending(proxy: Proxy, script: Vec<Step>) -> End {
    let world = World::new();
    let mut route = world.route("https://a.test", &[]);
    let name = proxy.to_string();
    route.proxies = [proxy].into();
    let connecting = world.connect(route);
    let World { net, executor, recorder, listener, .. } = world;
    let (script, begun) = (Arc::from(script), executor.runtime().now());
    let serving = listener.serve(move |_, conn| play(conn, Arc::clone(&script)));
    let end = match connecting.await {
        Ok(mut link) => {
            let mut said = Vec::new();
            // What comes with the answer, or right after it.
            let reading = async { while link.io.read_buf(&mut said).await.is_ok_and(|length| length > 0) {} };
            _ = tokio::time::timeout(Duration::from_millis(100), reading).await;
            End::Tunnel(String::from_utf8(said).unwrap().leak())
        }
        Err(error) => told(&error, &name),
    };
    assert!(executor.runtime().now() - begun <= LIMIT + Duration::from_millis(100), "{end:?}");
    tokio::time::sleep(Duration::from_millis(10)).await;
    assert_eq!((net.live_sockets(), executor.tasks()), (0, 0), "{end:?}");
    recorder.assert_balanced();
    drop(serving);
    end
}

/// The error says which proxy it was.
fn told(error: &ConnectError, proxy: &str) -> End {
    assert_eq!((error.phase(), error.endpoint().is_some()), (Some(Phase::Tunnel), true));
    if error.timed_out().is_some() {
        return End::TimedOut;
    }
    let text = all_of(error);
    assert!(text.contains(proxy), "{text}");
    match error.source_as::<TunnelError>() {
        Some(TunnelError::Refused { status, .. }) => {
            assert!(text.contains(status.as_str()), "{text}");
            End::Refused(status.as_u16())
        }
        Some(TunnelError::Challenged(_)) => End::Challenged,
        Some(TunnelError::NotHttp(_)) => End::NotHttp,
        Some(TunnelError::Closed) => End::Closed,
        Some(TunnelError::Io(_)) => End::Io,
        Some(TunnelError::Socks(reply)) => End::Socks(*reply),
        Some(TunnelError::NotSocks(byte)) => End::NotSocks(*byte),
        Some(TunnelError::CredentialsRequired) => End::CredentialsRequired,
        Some(TunnelError::CredentialsRefused) => End::CredentialsRefused,
        other => panic!("{other:?} in {text}"),
    }
}

fn send(text: &str) -> Step {
    Step::Send(text.into())
}

/// After the request, this.
fn says(text: impl AsRef<[u8]>) -> Vec<Step> {
    vec![Step::Head, Step::Send(text.as_ref().to_vec())]
}

fn then(mut script: Vec<Step>, more: impl IntoIterator<Item = Step>) -> Vec<Step> {
    script.extend(more);
    script
}

#[tokio::test(start_paused = true)]
async fn connect_ends_in_a_tunnel_or_in_an_error_that_tells() {
    use End::{Challenged, Closed, Io, NotHttp, Refused, TimedOut, Tunnel};
    let kib = "x".repeat(1024);
    let no = "HTTP/1.1 403 No\r\ncontent-length: 0\r\n\r\n";
    let ok = "HTTP/1.1 200 OK\r\n\r\n";
    let rows: Vec<(&str, Vec<Step>, End)> = vec![
        // Tunnels.
        ("200", says(ok), Tunnel("")),
        ("200 without a reason", says("HTTP/1.1 200\r\n\r\n"), Tunnel("")),
        ("200 of HTTP/1.0", says("HTTP/1.0 200 Connection established\r\n\r\n"), Tunnel("")),
        ("200 with lines that end in LF", says("HTTP/1.1 200 OK\nvia: x\n\n"), Tunnel("")),
        ("200 after an empty line", says("\r\nHTTP/1.1 200 OK\r\n\r\n"), Tunnel("")),
        ("200 with a length", says("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n"), Tunnel("")),
        ("200 with a length of 0", says("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"), Tunnel("")),
        (
            "200 with a length and early bytes",
            says("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nearly"),
            Tunnel("early"),
        ),
        ("200 in chunks", says("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"), Tunnel("")),
        (
            "200 in chunks with early bytes",
            says("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nearly"),
            Tunnel("early"),
        ),
        ("200 with close", says("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n"), Tunnel("")),
        ("200 with proxy-connection", says("HTTP/1.1 200 OK\r\nproxy-connection: keep-alive\r\n\r\n"), Tunnel("")),
        ("200 with early bytes", says("HTTP/1.1 200 OK\r\n\r\nearly"), Tunnel("early")),
        ("200 with later bytes", then(says(ok), [Step::Dribble(b"later".to_vec())]), Tunnel("later")),
        ("200 and FIN", then(says(ok), [Step::Fin]), Tunnel("")),
        ("200, early bytes and FIN", then(says("HTTP/1.1 200 OK\r\n\r\nearly"), [Step::Fin]), Tunnel("early")),
        (
            "200 byte by byte",
            vec![Step::Head, Step::Dribble(b"HTTP/1.1 200 OK\r\nvia: x\r\n\r\nearly".to_vec())],
            Tunnel("early"),
        ),
        ("200 before the request", vec![send(ok), Step::Head], Tunnel("")),
        ("201", says("HTTP/1.1 201 Created\r\n\r\n"), Tunnel("")),
        ("204", says("HTTP/1.1 204 No Content\r\n\r\n"), Tunnel("")),
        ("206", says("HTTP/1.1 206 Partial\r\ncontent-range: bytes 0-1/2\r\n\r\n"), Tunnel("")),
        ("299", says("HTTP/1.1 299 Fine\r\n\r\n"), Tunnel("")),
        ("100 first", says("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"), Tunnel("")),
        ("103 first", says("HTTP/1.1 103 Early\r\nlink: <x>\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"), Tunnel("")),
        ("103 much earlier", then(says("HTTP/1.1 103 Early\r\n\r\n"), [Step::Dribble(ok.into())]), Tunnel("")),
        ("64 of 1xx first", says("HTTP/1.1 102 Wait\r\n\r\n".repeat(64) + ok), Tunnel("")),
        ("32 KiB of head", says(format!("HTTP/1.1 200 OK\r\n{}\r\n", format!("x: {kib}\r\n").repeat(31))), Tunnel("")),
        // Refusals.
        ("101 without being asked", says("HTTP/1.1 101 S\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"), Refused(101)),
        ("103 and 403", says(format!("HTTP/1.1 103 Early\r\n\r\n{no}")), Refused(403)),
        ("300", says("HTTP/1.1 300 Many\r\ncontent-length: 0\r\n\r\n"), Refused(300)),
        (
            "302 with a location",
            says("HTTP/1.1 302 Go\r\nlocation: http://b.test/\r\ncontent-length: 0\r\n\r\n"),
            Refused(302),
        ),
        ("304", says("HTTP/1.1 304 Same\r\n\r\n"), Refused(304)),
        ("400", says("HTTP/1.1 400 Bad\r\ncontent-length: 3\r\n\r\nbad"), Refused(400)),
        ("401", says("HTTP/1.1 401 Who\r\nwww-authenticate: Basic\r\ncontent-length: 0\r\n\r\n"), Refused(401)),
        ("403 with a length", says(no), Refused(403)),
        (
            "403 in chunks",
            says("HTTP/1.1 403 No\r\ntransfer-encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n"),
            Refused(403),
        ),
        (
            "403 in chunks with a mistake",
            says("HTTP/1.1 403 No\r\ntransfer-encoding: chunked\r\n\r\nZ\r\nno\r\n"),
            Refused(403),
        ),
        ("403 until the end", then(says("HTTP/1.1 403 No\r\n\r\nno"), [Step::Close]), Refused(403)),
        (
            "403 that breaks off",
            then(says("HTTP/1.1 403 No\r\ncontent-length: 9\r\n\r\nno"), [Step::Close]),
            Refused(403),
        ),
        (
            "403 that is reset",
            then(says("HTTP/1.1 403 No\r\ncontent-length: 9\r\n\r\nno"), [Step::Reset]),
            Refused(403),
        ),
        ("403 whose body stalls", says("HTTP/1.1 403 No\r\ncontent-length: 9\r\n\r\nno"), Refused(403)),
        (
            "403 with a body without end",
            vec![Step::Head, send("HTTP/1.1 403 No\r\n\r\n"), Step::Forever(kib.clone().into())],
            Refused(403),
        ),
        (
            "403 in chunks without end",
            vec![
                Step::Head,
                send("HTTP/1.1 403 No\r\ntransfer-encoding: chunked\r\n\r\n"),
                Step::Forever(b"1\r\nx\r\n".to_vec()),
            ],
            Refused(403),
        ),
        ("403 before the request, and FIN", vec![send(no), Step::Fin], Refused(403)),
        ("405", says("HTTP/1.1 405 No\r\nallow: GET\r\ncontent-length: 0\r\n\r\n"), Refused(405)),
        ("407", says("HTTP/1.1 407 Who\r\ncontent-length: 0\r\n\r\n"), Refused(407)),
        ("407 and close", then(says("HTTP/1.1 407 Who\r\nconnection: close\r\n\r\n"), [Step::Close]), Refused(407)),
        ("429", says("HTTP/1.1 429 Slow\r\nretry-after: 9\r\ncontent-length: 0\r\n\r\n"), Refused(429)),
        ("500 of HTTP/1.0", then(says("HTTP/1.0 500 Oh\r\n\r\noh"), [Step::Close]), Refused(500)),
        ("501", says("HTTP/1.1 501 No\r\ncontent-length: 0\r\n\r\n"), Refused(501)),
        ("502", says("HTTP/1.1 502 Bad\r\ncontent-length: 0\r\n\r\n"), Refused(502)),
        ("503", says("HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n"), Refused(503)),
        ("504", says("HTTP/1.1 504 Late\r\ncontent-length: 0\r\n\r\n"), Refused(504)),
        ("599", says("HTTP/1.1 599 Odd\r\ncontent-length: 0\r\n\r\n"), Refused(599)),
        // No HTTP.
        ("garbage", says("\x00\x01\x02\x03garbage\r\n\r\n"), NotHttp),
        ("SSH", says("SSH-2.0-OpenSSH_9.9\r\n"), NotHttp),
        ("SOCKS5", says([5, 0, 13, 10, 13, 10]), NotHttp),
        ("an alert of TLS", says([21, 3, 1, 0, 2, 2, 40]), NotHttp),
        ("HTTP/2", says([0, 0, 0, 4, 0, 0, 0, 0, 0]), NotHttp),
        ("HTTP/3.0", says("HTTP/3.0 200 OK\r\n\r\n"), NotHttp),
        ("HTTP/0.9", then(says("<html>hello</html>"), [Step::Close]), NotHttp),
        ("a status of two digits", says("HTTP/1.1 20 OK\r\n\r\n"), NotHttp),
        ("a status below 100", says("HTTP/1.1 099 OK\r\n\r\n"), NotHttp),
        ("a space in a field's name", says("HTTP/1.1 403 No\r\na b: c\r\n\r\n"), NotHttp),
        ("NUL in a field", says("HTTP/1.1 403 No\r\na: \0\r\n\r\n"), NotHttp),
        ("1 MiB of head in one field", says(format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", kib.repeat(1024))), NotHttp),
        (
            "1 MiB of head in many fields",
            says(format!("HTTP/1.1 200 OK\r\n{}\r\n", format!("x: {kib}\r\n").repeat(1024))),
            NotHttp,
        ),
        ("a head without end", vec![Step::Head, send("HTTP/1.1 200 OK\r\nx: "), Step::Forever(kib.into())], NotHttp),
        ("a status line without end", vec![Step::Head, send("HTTP/1.1 200 "), Step::Forever(b"OK ".to_vec())], NotHttp),
        ("empty lines without end", vec![Step::Head, Step::Forever(b"\r\n".to_vec())], NotHttp),
        ("1xx without end", vec![Step::Head, Step::Forever(b"HTTP/1.1 103 Early\r\n\r\n".to_vec())], NotHttp),
        // No answer.
        ("silence", vec![Step::Head], TimedOut),
        ("silence after 100", says("HTTP/1.1 100 Continue\r\n\r\n"), TimedOut),
        ("half a head", says("HTTP/1.1 200 OK\r\nvia"), TimedOut),
        (
            "a head slower than the limit",
            vec![Step::Head, Step::Dribble(format!("HTTP/1.1 200 OK\r\nx: {}", "x".repeat(20_000)).into())],
            TimedOut,
        ),
        ("close at once, with the request unread", vec![Step::Close], Io),
        ("close after the request", vec![Step::Head, Step::Close], Closed),
        ("FIN after the request", vec![Step::Head, Step::Fin], Closed),
        ("close within the head", then(says("HTTP/1.1 200 OK\r\nvi"), [Step::Close]), Closed),
        ("close after 103", then(says("HTTP/1.1 103 Early\r\n\r\n"), [Step::Close]), Closed),
        ("reset after the request", vec![Step::Head, Step::Reset], Io),
        ("reset within the head", then(says("HTTP/1.1 200 OK\r\nvi"), [Step::Reset]), Io),
    ];
    assert!(rows.len() >= 73, "{}", rows.len());
    let mut wrong = Vec::new();
    for (name, script, expected) in rows {
        let end = ending(Proxy::parse(HTTP).unwrap(), script).await;
        if end != expected {
            wrong.push(format!("{name}: {end:?} instead of {expected:?}"));
        }
    }
    // Challenges, to somebody who answers each.
    let who = |more: &str| says(format!("HTTP/1.1 407 Who\r\nproxy-authenticate: X\r\n{more}"));
    let empty = "content-length: 0\r\n\r\n";
    let times = |times: usize, script: Vec<Step>| vec![script; times].concat();
    let again = |more: &str| times(30, who(more));
    let rows: Vec<(&str, Vec<Step>, End)> = vec![
        ("endless, kept", again(empty), Challenged),
        ("endless, in chunks", again("transfer-encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n"), Challenged),
        ("endless, closed", then(who("connection: close\r\ncontent-length: 0\r\n\r\n"), [Step::Close]), Challenged),
        ("endless, until the end", then(who("\r\nno"), [Step::Close]), Challenged),
        ("endless, closed without a word", then(who(empty), [Step::Close]), Challenged),
        ("endless, reset", then(who(empty), [Step::Reset]), Challenged),
        ("endless, HTTP/1.0", then(says("HTTP/1.0 407 Who\r\n\r\n"), [Step::Close]), Challenged),
        ("once, then a tunnel", then(who(empty), says("HTTP/1.1 200 OK\r\n\r\nearly")), Tunnel("early")),
        ("20 times, then a tunnel", then(times(20, who(empty)), says(ok)), Tunnel("")),
        ("once, then 403", then(who(empty), says(no)), Refused(403)),
        ("once, then silence", then(who(empty), [Step::Head]), TimedOut),
        ("with a body that stalls", who("content-length: 9\r\n\r\nno"), Refused(407)),
    ];
    for (name, script, expected) in rows {
        let end = ending(Proxy::parse(HTTP).unwrap().auth(Always), script).await;
        if end != expected {
            wrong.push(format!("challenge, {name}: {end:?} instead of {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(start_paused = true)]
async fn every_status_is_a_tunnel_a_refusal_or_skipped() {
    for status in 100..=999 {
        let end =
            ending(Proxy::parse(HTTP).unwrap(), says(format!("HTTP/1.1 {status} Status\r\ncontent-length: 0\r\n\r\n")));
        let expected = match status {
            // Without the fields that say what to switch to it is skipped, or refused.
            101 => continue,
            100..=199 => End::TimedOut,
            200..=299 => End::Tunnel(""),
            _ => End::Refused(status),
        };
        assert_eq!(end.await, expected, "{status}");
    }
}

#[tokio::test(start_paused = true)]
async fn socks_ends_in_a_tunnel_or_in_an_error_that_tells() {
    use End::{Closed, CredentialsRefused, CredentialsRequired, Io, NotSocks, TimedOut, Tunnel};
    use SocksReply::{
        AddressNotSupported, CommandNotSupported, ConnectionRefused, Failed, HostUnreachable, NetworkUnreachable,
        NotAllowed, NotIdentified, Other, TtlExpired,
    };
    let granted = |bytes: &[u8]| vec![Step::Take(3), send("\x05\0"), Step::Take(13), Step::Send(bytes.to_vec())];
    let v4 = [5, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    let reply = |code: u8| granted(&[5, code, 0, 1, 0, 0, 0, 0, 0, 0]);
    let login = |bytes: &[u8]| vec![Step::Take(4), send("\x05\x02"), Step::Take(14), Step::Send(bytes.to_vec())];
    let four = |bytes: &[u8]| vec![Step::Take(16), Step::Send(bytes.to_vec())];
    let four_code = |code: u8| four(&[0, code, 0, 0, 0, 0, 0, 0]);
    let rows: Vec<(&str, &str, Vec<Step>, End)> = vec![
        ("granted, IPv4", SOCKS5, granted(&v4), Tunnel("")),
        ("granted, IPv6", SOCKS5, granted(&[&[5, 0, 0, 4][..], &[0; 18]].concat()), Tunnel("")),
        ("granted, a name", SOCKS5, granted(&[&[5, 0, 0, 3, 4][..], b"host\0\0"].concat()), Tunnel("")),
        ("granted, a name of no bytes", SOCKS5, granted(&[5, 0, 0, 3, 0, 0, 0]), Tunnel("")),
        ("granted, a name of 255 bytes", SOCKS5, granted(&[&[5, 0, 0, 3, 255][..], &[b'x'; 257]].concat()), Tunnel("")),
        ("granted, early bytes", SOCKS5, granted(&[&v4[..], b"early"].concat()), Tunnel("early")),
        (
            "granted, byte by byte",
            SOCKS5,
            vec![Step::Take(3), Step::Dribble(vec![5, 0]), Step::Take(13), Step::Dribble(v4.into())],
            Tunnel(""),
        ),
        ("granted and FIN", SOCKS5, then(granted(&v4), [Step::Fin]), Tunnel("")),
        (
            "granted, not asked who",
            ALICE,
            vec![Step::Take(4), send("\x05\0"), Step::Take(13), Step::Send(v4.into())],
            Tunnel(""),
        ),
        ("granted, asked who", ALICE, then(login(&[1, 0]), [Step::Take(13), Step::Send(v4.into())]), Tunnel("")),
        (
            "granted, asked who, version 5",
            ALICE,
            then(login(&[5, 0]), [Step::Take(13), Step::Send(v4.into())]),
            Tunnel(""),
        ),
        ("reply 1", SOCKS5, reply(1), End::Socks(Failed)),
        ("reply 2", SOCKS5, reply(2), End::Socks(NotAllowed)),
        ("reply 3", SOCKS5, reply(3), End::Socks(NetworkUnreachable)),
        ("reply 4", SOCKS5, reply(4), End::Socks(HostUnreachable)),
        ("reply 5", SOCKS5, reply(5), End::Socks(ConnectionRefused)),
        ("reply 6", SOCKS5, reply(6), End::Socks(TtlExpired)),
        ("reply 7", SOCKS5, reply(7), End::Socks(CommandNotSupported)),
        ("reply 8", SOCKS5, reply(8), End::Socks(AddressNotSupported)),
        ("reply 9", SOCKS5, reply(9), End::Socks(Other(9))),
        ("reply 255", SOCKS5, reply(255), End::Socks(Other(255))),
        ("a refusal cut short", SOCKS5, then(granted(&[5, 1, 0]), [Step::Close]), End::Socks(Failed)),
        (
            "an unknown type of address",
            SOCKS5,
            granted(&[5, 0, 0, 9, 0, 0, 0, 0, 0, 0]),
            End::Socks(AddressNotSupported),
        ),
        ("no acceptable method", SOCKS5, vec![Step::Take(3), send("\x05\u{7f}")], CredentialsRequired),
        ("credentials wanted", SOCKS5, vec![Step::Take(3), send("\x05\x02")], CredentialsRequired),
        ("GSSAPI wanted", ALICE, vec![Step::Take(4), send("\x05\x01")], CredentialsRefused),
        ("no method for alice", ALICE, vec![Step::Take(4), Step::Send(vec![5, 255])], CredentialsRefused),
        ("alice refused", ALICE, login(&[1, 1]), CredentialsRefused),
        ("alice refused and closed", ALICE, then(login(&[1, 255]), [Step::Close]), CredentialsRefused),
        ("silence", SOCKS5, vec![], TimedOut),
        ("silence after the method", SOCKS5, vec![Step::Take(3), send("\x05\0")], TimedOut),
        ("silence after the password", ALICE, login(&[]), TimedOut),
        ("silence within the reply", SOCKS5, granted(&v4[..7]), TimedOut),
        ("close at once, with the greeting unread", SOCKS5, vec![Step::Close], Io),
        ("close after the method", SOCKS5, vec![Step::Take(3), send("\x05\0"), Step::Close], Closed),
        ("close within the reply", SOCKS5, then(granted(&v4[..5]), [Step::Close]), Closed),
        ("close after the password", ALICE, then(login(&[]), [Step::Close]), Closed),
        ("reset", SOCKS5, vec![Step::Take(3), Step::Reset], Io),
        ("HTTP instead", SOCKS5, vec![Step::Take(3), send("HTTP/1.1 400 Bad\r\n\r\n")], NotSocks(b'H')),
        ("TLS instead", SOCKS5, vec![Step::Take(3), Step::Send(vec![21, 3, 1])], NotSocks(21)),
        ("SOCKS4 instead", SOCKS5, vec![Step::Take(3), Step::Send(vec![0, 91])], NotSocks(0)),
        ("SOCKS4 in the reply", SOCKS5, granted(&[0, 90, 0, 0, 0, 0, 0, 0]), NotSocks(0)),
        ("4: granted", SOCKS4, four_code(90), Tunnel("")),
        ("4: granted, early bytes", SOCKS4, four(b"\0\x5a\0\0\0\0\0\0early"), Tunnel("early")),
        ("4: granted, version 4", SOCKS4, four(&[4, 90, 0, 0, 0, 0, 0, 0]), Tunnel("")),
        (
            "4: granted, byte by byte",
            SOCKS4,
            vec![Step::Take(16), Step::Dribble(vec![0, 90, 0, 0, 0, 0, 0, 0])],
            Tunnel(""),
        ),
        ("4: refused", SOCKS4, four_code(91), End::Socks(Failed)),
        ("4: no identd", SOCKS4, four_code(92), End::Socks(NotIdentified)),
        ("4: another user", SOCKS4, four_code(93), End::Socks(NotIdentified)),
        ("4: reply 0", SOCKS4, four_code(0), End::Socks(Other(0))),
        ("4: silence", SOCKS4, vec![Step::Take(16)], TimedOut),
        ("4: close within the reply", SOCKS4, then(four(&[0, 90, 0]), [Step::Close]), Closed),
        ("4: SOCKS5 instead", SOCKS4, four(&[5, 255]), NotSocks(5)),
        ("4: HTTP instead", SOCKS4, four(b"HTTP/1.1 400 Bad\r\n\r\n"), NotSocks(b'H')),
    ];
    assert!(rows.len() >= 44, "{}", rows.len());
    let mut wrong = Vec::new();
    for (name, proxy, script, expected) in rows {
        let end = ending(Proxy::parse(proxy).unwrap(), script).await;
        if end != expected {
            wrong.push(format!("{name}: {end:?} instead of {expected:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn an_error_says_what_to_do() {
    let refused = |status: u16, authorized| TunnelError::Refused {
        status: http::StatusCode::from_u16(status).unwrap(),
        headers: Box::default(),
        body: bytes::Bytes::new(),
        authorized,
        allowed: "",
    };
    let asked = |authorized, offer: &'static str, allowed| {
        let offer = http::HeaderValue::from_static(offer);
        let headers = Box::new(http::HeaderMap::from_iter([(http::header::PROXY_AUTHENTICATE, offer)]));
        let (status, body) = (http::StatusCode::PROXY_AUTHENTICATION_REQUIRED, bytes::Bytes::new());
        TunnelError::Refused { status, headers, body, authorized, allowed }
    };
    let rows = [
        (refused(407, false), "it wants credentials"),
        (refused(407, true), "user or password is wrong, or it wants another scheme"),
        (asked(false, "Basic realm=x", ""), "it wants credentials by Basic"),
        (
            asked(false, "Basic realm=x, NTLM", "Digest"),
            "it wants credentials by Basic or NTLM, and they may be shown by Digest alone",
        ),
        (
            asked(true, "Negotiate", "Basic"),
            "user or password is wrong, or it wants another scheme: it offers Negotiate",
        ),
        (refused(403, false), "its rules don't allow it"),
        (refused(302, false), "redirects of proxies aren't followed"),
        (refused(405, false), "it gives no tunnels to this port, or none at all"),
        (refused(501, false), "it gives no tunnels to this port, or none at all"),
        (refused(502, false), "it can't reach what it was asked for"),
        (refused(504, false), "it can't reach what it was asked for"),
        (refused(503, false), "it is overloaded, or can't reach what it was asked for"),
        (TunnelError::NotHttp("x".into()), "it may be one of SOCKS, or want TLS (`https://`)"),
        (TunnelError::NotSocks(b'H'), "it may be one of HTTP (`http://`)"),
        (TunnelError::NotSocks(0), "it may speak another version"),
        (TunnelError::CredentialsRequired, "give it user and password"),
    ];
    for (error, advice) in rows {
        assert!(error.to_string().ends_with(&format!("; {advice}")), "{error}");
    }
}
