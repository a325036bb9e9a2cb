use skybridge_h1::H1;
use skybridge_h2::H2;
use skybridge_pool::PoolConfig;
use std::time::Duration;

/// What is set of HTTP/1.1.
#[derive(Clone, Debug, Default)]
pub(crate) struct Http1Settings {
    pub(crate) title_case: bool,
    pub(crate) ignore_invalid: bool,
    pub(crate) max_headers: Option<usize>,
}

/// What is set of HTTP/2.
#[derive(Clone, Debug)]
pub(crate) struct Http2Settings {
    pub(crate) stream_window: Option<u32>,
    pub(crate) connection_window: Option<u32>,
    pub(crate) adaptive_window: Option<bool>,
    pub(crate) initial_max_send_streams: Option<usize>,
    pub(crate) max_frame_size: Option<u32>,
    pub(crate) max_header_list_size: Option<u32>,
    pub(crate) send_buffer: Option<u32>,
    pub(crate) keep_alive_interval: Option<Duration>,
    pub(crate) keep_alive_timeout: Duration,
    pub(crate) keep_alive_while_idle: bool,
}

impl Default for Http2Settings {
    fn default() -> Self {
        Self {
            stream_window: None,
            connection_window: None,
            adaptive_window: None,
            initial_max_send_streams: None,
            max_frame_size: None,
            max_header_list_size: None,
            send_buffer: None,
            keep_alive_interval: None,
            keep_alive_timeout: Duration::from_secs(20),
            keep_alive_while_idle: false,
        }
    }
}

/// The layer's own setting where none is made.
fn with<S, T>(layer: S, value: Option<T>, set: impl FnOnce(S, T) -> S) -> S {
    match value {
        Some(value) => set(layer, value),
        None => layer,
    }
}

impl Http1Settings {
    pub(crate) fn handshake<B>(&self) -> H1<B> {
        let h1 = with(H1::new(), self.max_headers, H1::max_headers);
        let h1 = if self.title_case { h1.title_case() } else { h1 };
        if self.ignore_invalid { h1.ignore_invalid_headers() } else { h1 }
    }
}

impl Http2Settings {
    pub(crate) fn handshake<B>(&self) -> H2<B> {
        let sized = self.stream_window.or(self.connection_window).is_some();
        let h2 = with(H2::new(), self.stream_window, H2::stream_window);
        let h2 = with(h2, self.connection_window, H2::connection_window);
        let h2 = h2.adaptive_window(self.adaptive_window.unwrap_or(!sized));
        let h2 = with(h2, self.streams(), H2::initial_max_send_streams);
        let h2 = with(h2, self.max_frame_size, H2::max_frame_size);
        let h2 = with(h2, self.max_header_list_size, H2::max_header_list_size);
        let h2 = with(h2, self.send_buffer, H2::send_buffer);
        let h2 = with(h2, self.keep_alive_interval, H2::keep_alive_interval);
        h2.keep_alive_timeout(self.keep_alive_timeout).keep_alive_while_idle(self.keep_alive_while_idle)
    }

    /// The pool has a setting of its own for how many streams it puts on a new connection.
    pub(crate) fn of_pool(&self, pool: &mut PoolConfig) {
        if let Some(streams) = self.streams() {
            pool.streams_before_settings = streams.max(1);
        }
    }

    fn streams(&self) -> Option<u32> {
        self.initial_max_send_streams.map(|streams| u32::try_from(streams).unwrap_or(u32::MAX))
    }
}
