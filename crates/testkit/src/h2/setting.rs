//! Identifiers of settings, RFC 9113 section 6.5.2 and RFC 8441.

/// Bytes of the header compression table (default 4,096).
pub const HEADER_TABLE_SIZE: u16 = 0x1;
/// Whether the server may push (default 1).
pub const ENABLE_PUSH: u16 = 0x2;
/// How many streams the other side may have open (default: no limit).
pub const MAX_CONCURRENT_STREAMS: u16 = 0x3;
/// Bytes the other side may send on a new stream (default 65,535).
pub const INITIAL_WINDOW_SIZE: u16 = 0x4;
/// The largest payload of a frame, in bytes (default 16,384).
pub const MAX_FRAME_SIZE: u16 = 0x5;
/// The largest header list, in bytes (default: no limit).
pub const MAX_HEADER_LIST_SIZE: u16 = 0x6;
/// Whether extended CONNECT is understood (default 0).
pub const ENABLE_CONNECT_PROTOCOL: u16 = 0x8;
