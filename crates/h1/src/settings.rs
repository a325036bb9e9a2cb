use skybridge_h1_codec::Limits;
use std::time::Duration;

/// How a connection behaves: the same for all that one [`H1`](crate::H1) makes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) limits: Limits,
    pub(crate) title_case: bool,
    pub(crate) keep_case: bool,
    pub(crate) ignore_invalid: bool,
    pub(crate) http1_0: bool,
    /// How many interim responses one request may get.
    pub(crate) interim: u32,
    /// How long a body waits for `100 Continue`.
    pub(crate) continue_delay: Duration,
    /// How much of a response that nobody reads is read to save the connection.
    pub(crate) drain_bytes: u64,
    /// How long that may take.
    pub(crate) drain_time: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            limits: Limits::default(),
            title_case: false,
            keep_case: false,
            ignore_invalid: false,
            http1_0: false,
            interim: 64,
            continue_delay: Duration::from_secs(1),
            drain_bytes: 64 * 1024,
            drain_time: Duration::from_millis(100),
        }
    }
}
