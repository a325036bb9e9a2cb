//! The whole stack over the network in memory, on virtual time: real HTTP/1.1 and HTTP/2 on both sides, by
//! [`skybridge::Client`] and by hand.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panicking, its helpers too")]

mod backoff;
mod backup;
mod by_hand;
mod challenged;
mod cleartext;
mod connects;
mod descriptors;
mod doh;
mod draining;
mod egress;
mod event_sequences;
mod events;
mod expectations;
mod explain;
mod goaway;
mod hidden_names;
mod http2_codes;
mod interim;
mod last_byte;
mod late_refusal;
mod limits;
mod no_room;
mod own_limits;
mod race;
mod redirects;
mod refusing;
mod request_options;
mod rotation;
mod routes;
mod silent;
mod slept;
mod stale;
mod stalling;
mod stillborn;
mod trips;
mod unread;
mod upgrade;
mod uploads;
