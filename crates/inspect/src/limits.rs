//! The limits of a pool, by the names of [`PoolConfig`].

use skybridge_pool::{AtConnectionLimit, AtStreamLimit, PoolConfig};
use std::time::Duration;

/// The value of a setting.
pub(crate) enum Limit {
    /// `None`: there is no limit.
    Number(Option<u64>),
    /// `None`: there is no limit.
    Time(Option<Duration>),
    Does(bool),
    Word(&'static str),
}

/// All of them, in the order of their documentation.
pub(crate) fn limits(config: &PoolConfig) -> Vec<(&'static str, Limit)> {
    let time = |limit: Duration| Limit::Time((limit != Duration::MAX).then_some(limit));
    let size = |limit: usize| Limit::Number(u64::try_from(limit).ok().filter(|_| limit != usize::MAX));
    let streams = |limit: u32| Limit::Number((limit != u32::MAX).then_some(limit.into()));
    vec![
        ("max_idle", size(config.max_idle)),
        ("max_idle_per_origin", size(config.max_idle_per_origin)),
        ("idle_timeout", time(config.idle_timeout)),
        ("max_per_origin", size(config.max_per_origin)),
        ("max_connecting_per_origin", size(config.max_connecting_per_origin)),
        ("max_total", size(config.max_total)),
        ("max_overtaking", size(config.max_overtaking)),
        ("max_waiting_per_origin", size(config.max_waiting_per_origin)),
        ("max_age", time(config.max_age)),
        ("max_requests", Limit::Number((config.max_requests != u64::MAX).then_some(config.max_requests))),
        ("max_streams", streams(config.max_streams)),
        ("streams_before_settings", streams(config.streams_before_settings)),
        ("connect_timeout", time(config.connect_timeout)),
        ("connect_backoff", time(config.connect_backoff)),
        ("max_connect_backoff", time(config.max_connect_backoff)),
        ("backup_connect", time(config.backup_connect)),
        ("upload_grace", time(config.upload_grace)),
        ("unread_grace", time(config.unread_grace)),
        ("at_stream_limit", Limit::Word(at_stream_limit(config.at_stream_limit))),
        ("at_connection_limit", Limit::Word(at_connection_limit(config.at_connection_limit))),
        ("coalesce", Limit::Does(config.coalesce)),
        ("drain_expired_certificates", Limit::Does(config.drain_expired_certificates)),
        ("drain_moved", Limit::Does(config.drain_moved)),
    ]
}

fn at_stream_limit(policy: AtStreamLimit) -> &'static str {
    match policy {
        AtStreamLimit::Open => "open another",
        AtStreamLimit::Wait => "wait",
        AtStreamLimit::Refuse => "refuse",
        _ => "other",
    }
}

fn at_connection_limit(policy: AtConnectionLimit) -> &'static str {
    match policy {
        AtConnectionLimit::Wait => "wait",
        AtConnectionLimit::Refuse => "refuse",
        _ => "other",
    }
}
