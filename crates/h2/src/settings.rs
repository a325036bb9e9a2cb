use crate::stream_limit::UNANNOUNCED;
use h2::client::Builder;

pub(crate) const MAX_WINDOW: u32 = (1 << 31) - 1;
/// How many streams that we reset are remembered, for a second, so that frames the peer had already sent for them are
/// ignored.
const REMEMBERED_RESETS: usize = 4096;
/// How many stream errors a connection survives in its lifetime. A frame for a reset stream that was forgotten counts
/// as one.
const SURVIVED_FAULTS: usize = 1 << 16;
pub(crate) const FRAME_SIZES: (u32, u32) = (1 << 14, (1 << 24) - 1);

/// The SETTINGS that a connection announces, and how much it buffers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) stream_window: u32,
    pub(crate) connection_window: u32,
    pub(crate) max_frame_size: u32,
    pub(crate) max_header_list_size: u32,
    pub(crate) send_buffer: u32,
    pub(crate) initial_max_send_streams: Option<u32>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            stream_window: 2 << 20,
            connection_window: 5 << 20,
            max_frame_size: FRAME_SIZES.0,
            max_header_list_size: 256 << 10,
            send_buffer: 1 << 20,
            initial_max_send_streams: None,
        }
    }
}

impl Settings {
    pub(crate) fn builder(&self) -> Builder {
        let mut builder = Builder::new();
        builder
            .enable_push(false)
            .initial_max_send_streams(UNANNOUNCED)
            .initial_window_size(self.stream_window)
            .initial_connection_window_size(self.connection_window)
            .max_frame_size(self.max_frame_size)
            .max_header_list_size(self.max_header_list_size)
            .max_send_buffer_size(self.send_buffer as usize)
            .max_concurrent_reset_streams(REMEMBERED_RESETS)
            .max_local_error_reset_streams(Some(SURVIVED_FAULTS));
        builder
    }
}
