use hickory_resolver::net::NetError;
use skybridge_core::ConnectError;
use std::{
    io::{Error, ErrorKind},
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

/// Why the last server that failed couldn't be asked, unless one could since: hickory only says that there is none.
#[derive(Clone, Default)]
pub(super) struct Failure(Arc<Mutex<Option<ConnectError>>>);

impl Failure {
    /// How making a connection ended.
    pub(super) fn set(&self, failure: Option<ConnectError>) {
        *self.lock() = failure;
    }

    /// That there is no server at this address; and the error again.
    pub(super) fn note(&self, server: SocketAddr, error: Error) -> Error {
        let copy = Error::new(error.kind(), error.to_string());
        self.set(Some(ConnectError::from(copy).at(server.into())));
        error
    }

    /// The error of a query, with the reason why there is no connection.
    pub(super) fn explain(&self, error: NetError) -> NetError {
        match self.lock().clone() {
            Some(failure) if matches!(error, NetError::NoConnections) => {
                let kind = failure.source_as::<Error>().map_or(ErrorKind::Other, Error::kind);
                Error::new(kind, failure).into()
            }
            _ => error,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<ConnectError>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
