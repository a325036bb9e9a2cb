//! Where the responses for one URL are written.

use crate::{
    jobs::Job,
    named_file::NamedFile,
    resumed,
    shared::Shared,
    sink::{Destination, Sink, blocking},
};
use bytes::Bytes;
use skybridge::types::sync::Mutex;
use std::{
    io,
    path::{Path, PathBuf},
};

pub(crate) struct ResponseOut {
    open: Mutex<Open>,
    /// From which byte on the rest is fetched (`-C`).
    continues_at: Option<u64>,
}

struct Open {
    place: Destination,
    /// Opened for the first byte; taken out while it is written to.
    sink: Option<Sink>,
}

impl ResponseOut {
    /// # Errors
    /// When there is no place for it.
    pub(crate) fn of(shared: &Shared, job: &Job) -> io::Result<Self> {
        let (place, continues_at) = place(shared, job)?;
        Ok(Self { open: Mutex::new(Open { place, sink: None }), continues_at })
    }

    pub(crate) fn continues_at(&self) -> Option<u64> {
        self.continues_at
    }

    pub(crate) fn place(&self) -> Destination {
        self.open.lock().place.clone()
    }

    /// From now on it is written there.
    pub(crate) fn set_place(&self, place: Destination) {
        self.open.lock().place = place;
    }

    pub(crate) async fn write(&self, bytes: Bytes) -> io::Result<()> {
        self.with_sink(move |sink| sink.write(&bytes)).await
    }

    /// Opens the sink if necessary, and flushes it.
    pub(crate) async fn flush(&self) -> io::Result<()> {
        self.with_sink(Sink::flush).await
    }

    async fn with_sink(&self, work: impl FnOnce(&mut Sink) -> io::Result<()> + Send + 'static) -> io::Result<()> {
        let (place, open) = {
            let mut open = self.open.lock();
            (open.place.clone(), open.sink.take())
        };
        if let Destination::Nowhere = place {
            return Ok(());
        }
        let worked = blocking(move || {
            let mut sink = open.map_or_else(|| place.open(), Ok)?;
            work(&mut sink)?;
            Ok(sink)
        });
        let sink = worked.await.and_then(|worked| worked)?;
        self.open.lock().sink = Some(sink);
        Ok(())
    }

    /// The file, by the name that it was opened by.
    pub(crate) fn path(&self) -> Option<PathBuf> {
        let open = self.open.lock();
        let opened = open.sink.as_ref().and_then(Sink::path);
        opened.or(open.place.file().map(NamedFile::path)).map(Path::to_owned)
    }
}

/// Where the body is written, and what is there already.
fn place(shared: &Shared, job: &Job) -> io::Result<(Destination, Option<u64>)> {
    let place = shared.place(job).map_err(io::Error::other)?;
    let Some(at) = shared.args.output.continue_at else { return Ok((place, None)) };
    Ok(match resumed::offset(at, place.file())? {
        0 => (place, None),
        offset => match place {
            Destination::File(file) => (Destination::File(file.continued()), Some(offset)),
            place => (place, Some(offset)),
        },
    })
}
