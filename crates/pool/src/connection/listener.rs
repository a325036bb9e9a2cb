use crate::connection::PooledConnection;
use skybridge_core::{ConnectionStatus, StatusListener};
use std::sync::{Arc, Weak};

/// For what only drains it, and isn't its driver: the connection itself, which is kept weakly.
impl<C: Send + 'static> StatusListener for PooledConnection<C> {
    fn notify(&self, status: ConnectionStatus) {
        if let ConnectionStatus::Draining(reason) = status {
            self.drain(reason);
        }
    }
}

impl<C: Send + 'static> PooledConnection<C> {
    /// It is drained when the settings of TLS that it was made by are replaced, or at once if they were before. So this
    /// comes before its origin has it, which looks whether it drains.
    pub(crate) fn subscribe_to_settings(self: &Arc<Self>) {
        let weak: Weak<Self> = Arc::downgrade(self);
        let weak: Weak<dyn StatusListener> = weak;
        self.info.proxy_settings.subscribe(&weak);
        if let Some(tls) = &self.info.tls {
            tls.covers.subscribe(weak);
        }
    }
}

/// What a connection's driver reports to. It must not keep the connection, whose master handle keeps the driver.
pub(crate) struct Listener<C: Send + 'static> {
    connection: Weak<PooledConnection<C>>,
    max_streams: u32,
}

impl<C: Send + 'static> Listener<C> {
    pub(crate) fn new(connection: &Arc<PooledConnection<C>>, max_streams: u32) -> Arc<Self> {
        Arc::new(Self { connection: Arc::downgrade(connection), max_streams })
    }
}

impl<C: Send + 'static> StatusListener for Listener<C> {
    fn notify(&self, status: ConnectionStatus) {
        let Some(connection) = self.connection.upgrade() else { return };
        match status {
            ConnectionStatus::Capacity(capacity) => connection.set_capacity(capacity.min(self.max_streams)),
            ConnectionStatus::Suspect => connection.set_suspect(true),
            ConnectionStatus::Healthy => connection.set_suspect(false),
            ConnectionStatus::Draining(reason) => connection.drain(reason),
            ConnectionStatus::Closed(reason) => connection.close(reason),
            _ => {}
        }
    }
}
