//! Error codes, RFC 9113 section 7.

/// A graceful end, without an error.
pub const NO_ERROR: u32 = 0x0;
/// An unspecific protocol error.
pub const PROTOCOL_ERROR: u32 = 0x1;
/// An internal error of the sender.
pub const INTERNAL_ERROR: u32 = 0x2;
/// More data than the window allowed.
pub const FLOW_CONTROL_ERROR: u32 = 0x3;
/// SETTINGS were not acknowledged in time.
pub const SETTINGS_TIMEOUT: u32 = 0x4;
/// A frame for a half-closed stream.
pub const STREAM_CLOSED: u32 = 0x5;
/// A frame of a wrong size.
pub const FRAME_SIZE_ERROR: u32 = 0x6;
/// The stream was not processed: safe to retry.
pub const REFUSED_STREAM: u32 = 0x7;
/// The stream is no longer needed.
pub const CANCEL: u32 = 0x8;
/// The state of header compression is lost.
pub const COMPRESSION_ERROR: u32 = 0x9;
/// The connection of a CONNECT was reset.
pub const CONNECT_ERROR: u32 = 0xa;
/// The peer causes excessive load.
pub const ENHANCE_YOUR_CALM: u32 = 0xb;
/// The transport is not secure enough.
pub const INADEQUATE_SECURITY: u32 = 0xc;
/// HTTP/1.1 is required.
pub const HTTP_1_1_REQUIRED: u32 = 0xd;
