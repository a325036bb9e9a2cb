use super::{
    AddrBehavior, Conn, Listener,
    addr_behavior::Spot,
    names::Record,
    wire::{Line, Side, Wire},
};
use skybridge_core::sync::Mutex;
use std::{
    collections::HashMap,
    fmt, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    sync::{Arc, MutexGuard},
};

const FIRST_CLIENT_PORT: usize = 49_152;

/// Of names that are given one: what networks are measured with (RFC 2544).
const FIRST_ADDRESS: Ipv4Addr = Ipv4Addr::new(198, 18, 0, 1);

/// Hosts, listeners and the connections between them. Clones are the same network.
#[derive(Clone, Default)]
pub struct Network {
    shared: Arc<Mutex<Shared>>,
}

/// `EMFILE`, the same on every Unix.
const OUT_OF_DESCRIPTORS: i32 = 24;

#[derive(Default)]
struct Shared {
    /// No limit unless it is set.
    max_sockets: Option<usize>,
    spots: HashMap<SocketAddr, Arc<Spot>>,
    zone: HashMap<String, Record>,
    lines: Vec<Arc<Line>>,
}

// === impl Network ===

impl Network {
    /// An empty network: no names, and every address refuses.
    pub fn new() -> Self {
        Self::default()
    }

    /// Opens a server's port.
    ///
    /// # Panics
    /// When it is already listened to.
    pub fn listen(&self, addr: SocketAddr) -> Listener {
        Listener::new(self.spot(addr))
    }

    /// Opens a port of a name, at its first address. A name that has none is given one.
    ///
    /// # Panics
    /// When it is already listened to.
    pub fn listen_at(&self, name: &str, port: u16) -> Listener {
        let known = self.lookup(name).and_then(|addrs| addrs.first().copied());
        let ip = known.unwrap_or_else(|| {
            let next = u32::try_from(self.shared().zone.len()).unwrap_or(u32::MAX);
            let ip = Ipv4Addr::from(u32::from(FIRST_ADDRESS).wrapping_add(next)).into();
            self.host(name, [ip]);
            ip
        });
        self.listen(SocketAddr::new(ip, port))
    }

    /// The behaviour of an address.
    pub fn at(&self, addr: SocketAddr) -> AddrBehavior {
        AddrBehavior { spot: self.spot(addr) }
    }

    /// How many sockets a client program may hold (default: no limit). One more fails at once, as for want of a file
    /// descriptor.
    pub fn max_sockets(&self, sockets: usize) -> &Self {
        self.shared().max_sockets = Some(sockets);
        self
    }

    /// Opens a connection. Dropping the future before it is done leaves nothing behind.
    ///
    /// # Errors
    /// `ConnectionRefused` without a listener, the error of [`AddrBehavior::fail`], or `EMFILE` beyond
    /// [`max_sockets`](Self::max_sockets).
    pub async fn connect(&self, addr: SocketAddr) -> io::Result<Conn> {
        let spot = self.spot(addr);
        let socket = spot.socket();
        let max = self.shared().max_sockets;
        if max.is_some_and(|max| self.live_sockets() > max) {
            return Err(io::Error::from_raw_os_error(OUT_OF_DESCRIPTORS));
        }
        spot.knock().await?;
        let line = self.open_line(&spot);
        let client = Conn::new(Arc::clone(&line), Side::Client, Some(socket));
        spot.state().queue.push_back(Conn::new(line, Side::Server, None));
        spot.arrived.notify_one();
        Ok(client)
    }

    /// Client ends that are connecting or not yet dropped: the sockets a client program holds.
    pub fn live_sockets(&self) -> usize {
        self.shared().spots.values().map(|spot| spot.live()).sum()
    }

    /// [`live_sockets`](Self::live_sockets) to one address.
    pub fn live_sockets_to(&self, addr: SocketAddr) -> usize {
        self.spot(addr).live()
    }

    /// The connects to an address that were started, whatever their outcome.
    pub fn connects_to(&self, addr: SocketAddr) -> usize {
        self.spot(addr).state().connects
    }

    /// Connections ever opened.
    pub fn opened(&self) -> usize {
        self.shared().lines.len()
    }

    /// The server's end of the `index`th connection opened.
    ///
    /// # Panics
    /// When fewer were opened.
    pub fn wire(&self, index: usize) -> Wire {
        let shared = self.shared();
        let opened = shared.lines.len();
        let line = shared.lines.get(index).unwrap_or_else(|| panic!("no connection {index}: {opened} were opened"));
        Wire { line: Arc::clone(line), side: Side::Server }
    }

    pub(super) fn record(&self, name: &str) -> Option<Record> {
        self.shared().zone.get(name).cloned()
    }

    pub(super) fn change_record(&self, name: &str, change: impl FnOnce(&mut Record)) {
        change(self.shared().zone.entry(name.to_owned()).or_default());
    }

    fn open_line(&self, spot: &Spot) -> Arc<Line> {
        let mut shared = self.shared();
        let client = client_addr(spot.addr, shared.lines.len());
        let state = spot.state();
        let line = Arc::new(Line::new(client, spot.addr, || state.flow()));
        shared.lines.push(Arc::clone(&line));
        line
    }

    fn spot(&self, addr: SocketAddr) -> Arc<Spot> {
        Arc::clone(self.shared().spots.entry(addr).or_insert_with(|| Arc::new(Spot::new(addr))))
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock()
    }
}

impl fmt::Debug for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Network").field("opened", &self.opened()).field("live", &self.live_sockets()).finish()
    }
}

/// A client's address of the server's family; ports in the order of opening.
fn client_addr(server: SocketAddr, index: usize) -> SocketAddr {
    let span = usize::from(u16::MAX) - FIRST_CLIENT_PORT;
    let port = u16::try_from(FIRST_CLIENT_PORT + index % span).unwrap_or(u16::MAX);
    let ip = if server.is_ipv4() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { IpAddr::V6(Ipv6Addr::LOCALHOST) };
    SocketAddr::new(ip, port)
}
