//! A DNS server on loopback that answers as a test says, and what one over HTTPS needs: [`query_in`] a request's URI,
//! and the [`Reply::message`] to it.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use http::Uri;
use std::{
    io::{Error, ErrorKind, Result},
    net::{IpAddr, SocketAddr},
    sync::{Arc, Mutex, PoisonError},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream, UdpSocket},
    task::JoinSet,
};

/// What is asked.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Question {
    /// Without a trailing dot.
    pub name: String,
    /// The type of record: 1 for A, 28 for AAAA, 65 for HTTPS.
    pub kind: u16,
    /// Whether it came over TCP.
    pub tcp: bool,
    /// How often the same was asked before.
    pub before: usize,
}

/// What the server says.
#[derive(Clone, Debug)]
pub enum Reply {
    /// Those of these addresses that are of the type asked for, and their time to live in seconds; none is no error.
    Addresses(Vec<IpAddr>, u32),
    /// That the name is an alias, with a time to live, and the addresses of its target with theirs.
    Alias(&'static str, u32, Vec<IpAddr>, u32),
    /// Records of the type asked for, with their time to live, whose data are these: see [`https`].
    Records(Vec<Vec<u8>>, u32),
    /// That the name doesn't exist (NXDOMAIN).
    NotFound,
    /// That the server can't tell (SERVFAIL).
    Fail,
    /// That the answer is too long for UDP.
    Truncated,
    /// Nothing.
    Silence,
    /// This, when [`DnsServer::release`] is called. Over UDP only.
    Held(Box<Reply>),
}

/// A running server. Dropped, it ends.
#[derive(Debug)]
pub struct DnsServer {
    addr: SocketAddr,
    state: Arc<State>,
    _tasks: JoinSet<()>,
}

#[derive(Debug)]
struct State {
    socket: UdpSocket,
    asked: Mutex<Vec<Question>>,
    held: Mutex<Vec<(Vec<u8>, SocketAddr)>>,
}

// === impl DnsServer ===

impl DnsServer {
    /// Starts it, over UDP and TCP, on a free port.
    ///
    /// # Panics
    /// When there is no port that is free for both.
    #[expect(clippy::expect_used, reason = "for tests")]
    pub async fn start(reply: impl Fn(&Question) -> Reply + Clone + Send + Sync + 'static) -> Self {
        let (socket, listener) = bind().await.expect("a free port for both");
        let addr = socket.local_addr().expect("it is bound");
        let state = Arc::new(State { socket, asked: Mutex::default(), held: Mutex::default() });
        let mut tasks = JoinSet::new();
        tasks.spawn(udp(Arc::clone(&state), reply.clone()));
        tasks.spawn(tcp(listener, Arc::clone(&state), reply));
        Self { addr, state, _tasks: tasks }
    }

    /// Where it is.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// What has been asked, in order: `a.test A`, and `a.test A tcp`.
    pub fn asked(&self) -> Vec<String> {
        lock(&self.state.asked).iter().map(Question::to_string).collect()
    }

    /// Sends what was held back.
    ///
    /// # Panics
    /// When the socket takes nothing.
    #[expect(clippy::expect_used, reason = "for tests")]
    pub fn release(&self) {
        for (message, to) in lock(&self.state.held).drain(..) {
            self.state.socket.try_send_to(&message, to).expect("an empty socket");
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn bind() -> Result<(UdpSocket, TcpListener)> {
    for _ in 0..100 {
        let socket = UdpSocket::bind("127.0.0.1:0").await?;
        if let Ok(listener) = TcpListener::bind(socket.local_addr()?).await {
            return Ok((socket, listener));
        }
    }
    Err(ErrorKind::AddrInUse.into())
}

async fn udp(state: Arc<State>, reply: impl Fn(&Question) -> Reply) {
    let mut buffer = [0; 2048];
    while let Ok((len, from)) = state.socket.recv_from(&mut buffer).await {
        let Some((question, reply)) = state.note(&buffer[..len], false, &reply) else { continue };
        if let Reply::Held(reply) = &reply {
            let message = message(&buffer[..len], &question, reply);
            lock(&state.held).extend(message.map(|message| (message, from)));
        } else if let Some(message) = message(&buffer[..len], &question, &reply) {
            let _ = state.socket.send_to(&message, from).await;
        }
    }
}

async fn tcp(listener: TcpListener, state: Arc<State>, reply: impl Fn(&Question) -> Reply) {
    // One connection at a time is enough for a test.
    while let Ok((mut stream, _)) = listener.accept().await {
        while answer(&mut stream, &state, &reply).await.is_ok() {}
    }
}

async fn answer(stream: &mut TcpStream, state: &State, reply: impl Fn(&Question) -> Reply) -> Result<()> {
    let mut query = vec![0; stream.read_u16().await?.into()];
    stream.read_exact(&mut query).await?;
    let asked = state.note(&query, true, reply);
    let Some(message) = asked.and_then(|(question, reply)| message(&query, &question, &reply)) else { return Ok(()) };
    stream.write_u16(u16::try_from(message.len()).map_err(Error::other)?).await?;
    stream.write_all(&message).await
}

// === impl State ===

impl State {
    fn note(&self, query: &[u8], tcp: bool, reply: impl Fn(&Question) -> Reply) -> Option<(Question, Reply)> {
        let (name, kind, _) = question(query)?;
        let mut asked = lock(&self.asked);
        let before = asked.iter().filter(|other| other.name == name && other.kind == kind).count();
        let question = Question { name, kind, tcp, before };
        asked.push(question.clone());
        let reply = reply(&question);
        Some((question, reply))
    }
}

/// The query in the URI of a request over HTTPS (RFC 8484, section 4.1).
pub fn query_in(uri: &Uri) -> Option<Vec<u8>> {
    let dns = uri.query()?.split('&').find_map(|pair| pair.strip_prefix("dns="))?;
    URL_SAFE_NO_PAD.decode(dns).ok()
}

// === impl Question ===

impl Question {
    /// What a query asks, as if over TCP and for the first time.
    pub fn read(query: &[u8]) -> Option<Self> {
        let (name, kind, _) = question(query)?;
        Some(Self { name, kind, tcp: true, before: 0 })
    }
}

// === impl Reply ===

impl Reply {
    /// The answer to a query; `None` for a query that is none, and where nothing is said at once.
    pub fn message(&self, query: &[u8]) -> Option<Vec<u8>> {
        message(query, &Question::read(query)?, self)
    }
}

impl std::fmt::Display for Question {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { name, kind, tcp, .. } = self;
        match kind {
            1 => write!(f, "{name} A"),
            28 => write!(f, "{name} AAAA"),
            65 => write!(f, "{name} HTTPS"),
            other => write!(f, "{name} {other}"),
        }?;
        f.write_str(if *tcp { " tcp" } else { "" })
    }
}

/// The name and type asked for, and where the question ends (RFC 1035, section 4.1).
fn question(query: &[u8]) -> Option<(String, u16, usize)> {
    let (mut at, mut labels) = (12, Vec::new());
    loop {
        let len = usize::from(*query.get(at)?);
        at += 1;
        if len == 0 {
            break;
        }
        labels.push(String::from_utf8_lossy(query.get(at..at + len)?).into_owned());
        at += len;
    }
    let kind = u16::from_be_bytes(query.get(at..at + 2)?.try_into().ok()?);
    Some((labels.join("."), kind, at + 4))
}

/// The answer to a query; `None` when there is none.
fn message(query: &[u8], question: &Question, reply: &Reply) -> Option<Vec<u8>> {
    let end = self::question(query)?.2;
    // A response, with recursion; and the code.
    let (flags, records) = match reply {
        Reply::Addresses(addrs, ttl) => (0x8180, addresses(&[0xc0, 12], question.kind, addrs, *ttl)),
        Reply::Alias(target, alias_ttl, addrs, ttl) => {
            let target = wire_name(target);
            let mut records = vec![record(&[0xc0, 12], 5, *alias_ttl, &target)];
            records.extend(addresses(&target, question.kind, addrs, *ttl));
            (0x8180, records)
        }
        Reply::Records(data, ttl) => {
            (0x8180, data.iter().map(|data| record(&[0xc0, 12], question.kind, *ttl, data)).collect())
        }
        Reply::NotFound => (0x8183, Vec::new()),
        Reply::Fail => (0x8182, Vec::new()),
        Reply::Truncated => (0x8380, Vec::new()),
        Reply::Silence | Reply::Held(_) => return None,
    };
    let mut message = query.get(..2)?.to_vec();
    for field in [flags, 1, u16::try_from(records.len()).ok()?, 0, 0] {
        message.extend(field.to_be_bytes());
    }
    message.extend(query.get(12..end)?);
    records.iter().for_each(|record| message.extend(record));
    Some(message)
}

/// The data of an HTTPS record (RFC 9460, section 2.2): of priority 0 it is an alias. The target `.` is the name
/// itself; parameters are a key and its value, such as 3 and a port.
pub fn https(priority: u16, target: &str, parameters: &[(u16, &[u8])]) -> Vec<u8> {
    let mut data = priority.to_be_bytes().to_vec();
    data.extend(if target == "." { vec![0] } else { wire_name(target) });
    for (key, value) in parameters {
        data.extend(key.to_be_bytes());
        data.extend((value.len() as u16).to_be_bytes());
        data.extend(*value);
    }
    data
}

fn wire_name(name: &str) -> Vec<u8> {
    let labels = name.split('.').flat_map(|label| std::iter::once(label.len() as u8).chain(label.bytes()));
    labels.chain([0]).collect()
}

fn addresses(name: &[u8], kind: u16, addrs: &[IpAddr], ttl: u32) -> Vec<Vec<u8>> {
    let of_kind = addrs.iter().filter_map(|addr| match (addr, kind) {
        (IpAddr::V4(addr), 1) => Some(record(name, 1, ttl, &addr.octets())),
        (IpAddr::V6(addr), 28) => Some(record(name, 28, ttl, &addr.octets())),
        _ => None,
    });
    of_kind.collect()
}

fn record(name: &[u8], kind: u16, ttl: u32, data: &[u8]) -> Vec<u8> {
    let mut record = name.to_vec();
    record.extend(kind.to_be_bytes());
    record.extend([0, 1]);
    record.extend(ttl.to_be_bytes());
    record.extend((data.len() as u16).to_be_bytes());
    record.extend(data);
    record
}
