//! The settings of TLS that a layer has had, one after the other, and the connections that are of each.

use skybridge_core::{
    CertificateScope, CloseReason, ConnectError, ConnectionStatus, Origin, StatusListener, sync::Mutex,
};
use std::{
    fmt, io,
    sync::{
        Arc, Weak,
        atomic::{
            AtomicBool,
            Ordering::{Acquire, Release},
        },
    },
    task::{Context, Waker},
};

/// What becomes of the connections that were made by settings that are replaced.
#[derive(Clone, Copy, Debug, Default, Eq, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum OlderConnections {
    /// They are used on, for the origins that they were opened for.
    Keep,
    /// They take no new requests. Idle ones are closed, others when what is on them is over. The default.
    #[default]
    Drain,
    /// They are closed at once, with what is on them.
    Close,
}

/// Which connections were made by one configuration of a layer whose configuration can be replaced.
#[derive(Debug)]
pub(crate) struct Generation {
    /// From 1.
    pub(crate) number: u64,
    is_superseded: AtomicBool,
    connections: Mutex<Connections>,
}

/// Those that are gone are removed before the lists grow.
#[derive(Default)]
struct Connections {
    listeners: Vec<Weak<dyn StatusListener>>,
    cuts: Vec<Weak<Cut>>,
    /// What becomes of them, once they are superseded.
    fate: Option<OlderConnections>,
}

/// Ends a stream from outside.
#[derive(Default)]
pub(crate) struct Cut {
    is_cut: AtomicBool,
    /// Who waits to read, and to write.
    wakers: Mutex<(Option<Waker>, Option<Waker>)>,
}

#[derive(Clone, Copy)]
pub(crate) enum Waits {
    ToRead,
    ToWrite,
}

// === impl Generation ===

impl Generation {
    pub(crate) fn new(number: u64) -> Self {
        Self { number, is_superseded: AtomicBool::new(false), connections: Mutex::default() }
    }

    pub(crate) fn is_superseded(&self) -> bool {
        self.is_superseded.load(Acquire)
    }

    /// There are newer settings. Those that were kept before may be drained now, and those that drain closed.
    pub(crate) fn supersede(&self, older: OlderConnections) {
        self.is_superseded.store(true, Release);
        let (listeners, cuts) = {
            let mut connections = self.connections.lock();
            connections.fate = connections.fate.max(Some(older));
            let drains = older >= OlderConnections::Drain;
            let listeners = if drains { std::mem::take(&mut connections.listeners) } else { Vec::new() };
            let closes = older == OlderConnections::Close;
            (listeners, if closes { std::mem::take(&mut connections.cuts) } else { Vec::new() })
        };
        // Outside the lock. Why they end before that they do: the first reason that a connection is given counts.
        listeners.iter().for_each(drain);
        cuts.iter().filter_map(Weak::upgrade).for_each(|cut| cut.cut());
    }

    /// A pool has a connection, which may have been superseded before.
    pub(crate) fn subscribe(&self, listener: Weak<dyn StatusListener>) {
        let mut connections = self.connections.lock();
        if connections.fate >= Some(OlderConnections::Drain) {
            drop(connections);
            return drain(&listener);
        }
        add(&mut connections.listeners, listener);
    }

    /// For a stream that can be ended from here. Where its handshake has ended after that: one of an origin is refused
    /// by whoever [subscribes](Self::subscribe) to it, and its request sent by another; nobody does to that of a proxy.
    pub(crate) fn cut(&self, of_origin: bool) -> Arc<Cut> {
        let mut connections = self.connections.lock();
        let is_cut = AtomicBool::new(!of_origin && connections.fate == Some(OlderConnections::Close));
        let cut = Arc::new(Cut { is_cut, wakers: Mutex::default() });
        add(&mut connections.cuts, Arc::downgrade(&cut));
        cut
    }
}

/// For what has come to no connection.
impl CertificateScope for Generation {
    fn covers(&self, _: &Origin) -> bool {
        false
    }

    fn is_current(&self) -> bool {
        !self.is_superseded()
    }
}

/// The error of a handshake that was by this generation.
pub(crate) fn tried_by(error: ConnectError, generation: Option<&Arc<Generation>>) -> ConnectError {
    let Some(generation) = generation else { return error };
    let settings: Arc<dyn CertificateScope> = Arc::<Generation>::clone(generation);
    error.by_settings(&settings)
}

fn drain(listener: &Weak<dyn StatusListener>) {
    if let Some(listener) = listener.upgrade() {
        listener.notify(ConnectionStatus::Draining(CloseReason::TlsReplaced));
    }
}

/// Of those that are listed at most half are gone, but for a few.
fn add<T: ?Sized>(list: &mut Vec<Weak<T>>, one: Weak<T>) {
    if list.len() == list.capacity() {
        list.retain(|one| one.strong_count() > 0);
        list.reserve(list.len().max(4));
    }
    list.push(one);
}

// === impl Cut ===

impl Cut {
    fn cut(&self) {
        self.is_cut.store(true, Release);
        let (read, write) = std::mem::take(&mut *self.wakers.lock());
        read.into_iter().chain(write).for_each(Waker::wake);
    }

    /// # Errors
    /// When it is cut.
    pub(crate) fn check(&self) -> io::Result<()> {
        let error = || io::Error::new(io::ErrorKind::ConnectionAborted, "its TLS settings were replaced");
        if self.is_cut.load(Acquire) { Err(error()) } else { Ok(()) }
    }

    /// This task is to be woken when it is cut.
    ///
    /// # Errors
    /// When it is cut already.
    pub(crate) fn wait(&self, waits: Waits, cx: &Context<'_>) -> io::Result<()> {
        {
            let mut wakers = self.wakers.lock();
            let waker = match waits {
                Waits::ToRead => &mut wakers.0,
                Waits::ToWrite => &mut wakers.1,
            };
            match waker {
                Some(waker) => waker.clone_from(cx.waker()),
                None => *waker = Some(cx.waker().clone()),
            }
        }
        // It may have been cut before that.
        self.check()
    }
}

impl fmt::Debug for Connections {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Connections").field("fate", &self.fate).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Told(Mutex<Vec<ConnectionStatus>>);

    impl StatusListener for Told {
        fn notify(&self, status: ConnectionStatus) {
            self.0.lock().push(status);
        }
    }

    impl Told {
        fn subscribed_to(generation: &Generation) -> Arc<Self> {
            let told = Arc::new(Self::default());
            let weak = Arc::downgrade(&told);
            generation.subscribe(weak);
            told
        }
    }

    #[test]
    fn what_was_drained_or_closed_is_not_kept_by_a_later_replacement() {
        use OlderConnections::{Close, Drain, Keep};
        for (fates, drains, cuts) in [
            (&[Keep][..], false, false),
            (&[Keep, Keep], false, false),
            (&[Keep, Drain], true, false),
            (&[Drain, Keep], true, false),
            (&[Drain, Close], true, true),
            (&[Close, Keep], true, true),
            (&[Close, Drain], true, true),
        ] {
            let generation = Generation::new(1);
            let (before, cut) = (Told::subscribed_to(&generation), generation.cut(true));
            fates.iter().for_each(|fate| generation.supersede(*fate));
            // Also of one that comes after all of them.
            let (after, of_proxy) = (Told::subscribed_to(&generation), generation.cut(false));
            let told = [before, after].map(|told| !told.0.lock().is_empty());
            assert_eq!((told, generation.is_superseded()), ([drains; 2], true), "{fates:?}");
            assert_eq!([cut, of_proxy].map(|cut| cut.check().is_err()), [cuts; 2], "{fates:?}");
        }
    }
}
