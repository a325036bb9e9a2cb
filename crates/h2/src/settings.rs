use crate::stream_limit::UNANNOUNCED;
use h2::client::Builder;
use std::time::Duration;

pub(crate) const MAX_WINDOW: u32 = (1 << 31) - 1;
/// How many streams that we reset are remembered, for a second, so that frames the peer had already sent for them are
/// ignored.
const REMEMBERED_RESETS: usize = 4096;
/// How many stream errors a connection survives in its lifetime. A frame for a reset stream that was forgotten counts
/// as one.
const SURVIVED_FAULTS: usize = 1 << 16;
/// So many DATA frames of one byte may be unread on a connection, or as many more of larger ones below 256 bytes as
/// they lack less. Each takes some 250 bytes of the h2 crate's queue, which doubles as it grows, and up to 265 that
/// came with it: together less than 1 MiB.
pub(crate) const SMALL_FRAMES: usize = 1800;
/// What one of them counts for: a frame counts for what it lacks to 256 bytes.
const SMALL_FRAME: usize = 255;
pub(crate) const FRAME_SIZES: (u32, u32) = (1 << 14, (1 << 24) - 1);

/// The SETTINGS that a connection announces, and how much it buffers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    pub(crate) stream_window: u32,
    pub(crate) connection_window: u32,
    pub(crate) adaptive_window: bool,
    pub(crate) max_frame_size: u32,
    pub(crate) max_header_list_size: u32,
    pub(crate) send_buffer: u32,
    pub(crate) initial_max_send_streams: Option<u32>,
    pub(crate) max_informational: u32,
    pub(crate) settings_timeout: Duration,
    pub(crate) keep_alive_interval: Duration,
    pub(crate) keep_alive_timeout: Duration,
    pub(crate) keep_alive_while_idle: bool,
    #[cfg(test)]
    pub(crate) first_stream: Option<u32>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            stream_window: 16 << 20,
            connection_window: 64 << 20,
            adaptive_window: true,
            max_frame_size: FRAME_SIZES.0,
            max_header_list_size: 256 << 10,
            send_buffer: 1 << 20,
            initial_max_send_streams: None,
            max_informational: 64,
            settings_timeout: Duration::from_secs(10),
            keep_alive_interval: Duration::MAX,
            keep_alive_timeout: Duration::from_secs(5),
            keep_alive_while_idle: false,
            #[cfg(test)]
            first_stream: None,
        }
    }
}

impl Settings {
    /// How many streams a connection has ids for: odd ones of 31 bits (RFC 9113, section 5.1.1).
    pub(crate) fn stream_ids(&self) -> usize {
        #[cfg(test)]
        if let Some(first) = self.first_stream {
            return (MAX_WINDOW - first) as usize / 2 + 1;
        }
        1 << 30
    }

    /// How many CONTINUATION frames of one head the h2 crate takes: a quarter more than the head needs.
    pub(crate) fn max_continuations(&self) -> usize {
        let needed = (self.max_header_list_size / self.max_frame_size).max(1) as usize;
        (needed + needed / 4).max(5)
    }

    /// How many bytes of fields the h2 crate reads on to, so that a head that is too large costs its stream alone.
    pub(crate) fn max_header_list_read(&self) -> usize {
        (self.max_header_list_size as usize).saturating_mul(4)
    }

    pub(crate) fn builder(&self) -> Builder {
        let mut builder = Builder::new();
        builder
            .enable_push(false)
            .initial_max_send_streams(UNANNOUNCED)
            .initial_window_size(self.stream_window)
            .initial_connection_window_size(self.connection_window)
            .data_frame_budget(SMALL_FRAMES * SMALL_FRAME)
            .max_frame_size(self.max_frame_size)
            .max_header_list_size(self.max_header_list_size)
            .max_send_buffer_size(self.send_buffer as usize)
            .max_concurrent_reset_streams(REMEMBERED_RESETS)
            .max_local_error_reset_streams(Some(SURVIVED_FAULTS));
        #[cfg(test)]
        if let Some(id) = self.first_stream {
            builder.initial_stream_id(id);
        }
        builder
    }
}
