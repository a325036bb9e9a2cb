use std::{
    io::{Error, ErrorKind, Result},
    task::{Context, Poll},
};

/// Holds back an error of writing until everything available has been read: a peer may send a response and close the
/// connection before it has read the whole request, and that response must not be lost.
///
/// For the stream below a protocol that is driven by one task and reads before it writes. A `turn` is a number that
/// changes each time that task is polled. The error is returned in the first turn in which nothing is read, unless that
/// is waited for: what the peer has sent may be here, and the runtime has yet to notice it.
///
/// ```
/// use skybridge_core::WriteFailure;
/// use std::{io::{Error, ErrorKind}, task::{Context, Poll, Waker}};
///
/// let (mut failure, mut cx) = (WriteFailure::default(), Context::from_waker(Waker::noop()));
/// let broken = |_: &mut Context<'_>| Poll::Ready(Err::<usize, _>(Error::from(ErrorKind::ConnectionReset)));
/// assert!(failure.poll_write(&mut cx, 1, broken).is_pending());
/// let now = |_: &mut Context<'_>| Poll::Ready(());
/// assert!(matches!(failure.poll_read(&mut cx, 2, Poll::Ready(Ok(())), true, now), Poll::Ready(Ok(()))));
/// let Poll::Ready(Err(error)) = failure.poll_read(&mut cx, 2, Poll::Pending, false, now) else { unreachable!() };
/// assert_eq!(error.kind(), ErrorKind::ConnectionReset);
/// ```
#[derive(Debug, Default)]
pub struct WriteFailure(State);

#[derive(Debug, Default)]
enum State {
    #[default]
    None,
    /// Writing has failed. The number is the turn in which that happened, or in which something was last read.
    Held(Error, u32),
    Returned,
}

impl WriteFailure {
    /// Calls `write`, which writes or flushes, unless it has failed before.
    ///
    /// # Errors
    /// With the error of writing, when nothing was read in a whole turn since.
    #[inline]
    pub fn poll_write<T>(
        &mut self,
        cx: &mut Context<'_>,
        turn: u32,
        write: impl FnOnce(&mut Context<'_>) -> Poll<Result<T>>,
    ) -> Poll<Result<T>> {
        if let State::None = self.0 {
            match write(cx) {
                Poll::Ready(Err(error)) => {
                    self.0 = State::Held(error, turn);
                    cx.waker().wake_by_ref();
                }
                written => return written,
            }
        }
        match self.0 {
            State::Held(_, last) if last == turn => Poll::Pending,
            _ => Poll::Ready(Err(self.take())),
        }
    }

    /// Whether writing has failed. As long as it has not, neither writing nor reading needs this.
    #[inline]
    pub fn has_failed(&self) -> bool {
        !matches!(self.0, State::None)
    }

    /// Whether writing has failed, and that was not returned yet.
    pub fn is_held(&self) -> bool {
        matches!(self.0, State::Held(..))
    }

    /// Passes on the result of reading; `something` says whether any bytes were read. `patience` is polled when writing
    /// has failed and there is nothing to read so far: ready when that is not waited for any longer.
    ///
    /// # Errors
    /// With the error of writing, in place of the end, an error, or a wait, because nothing more will be read. An error
    /// of reading that has something behind its kind, as an alert of TLS, says more, and is passed on.
    #[inline]
    pub fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        turn: u32,
        read: Poll<Result<()>>,
        something: bool,
        patience: impl FnOnce(&mut Context<'_>) -> Poll<()>,
    ) -> Poll<Result<()>> {
        match &mut self.0 {
            State::None => read,
            State::Held(_, last) if something => {
                *last = turn;
                cx.waker().wake_by_ref();
                read
            }
            State::Held(_, last) if read.is_pending() && patience(cx).is_pending() => {
                *last = turn;
                Poll::Pending
            }
            State::Held(..) if says_why(&read) => {
                self.0 = State::Returned;
                read
            }
            State::Returned if read.is_ready() => read,
            _ => Poll::Ready(Err(self.take())),
        }
    }

    #[cold]
    fn take(&mut self) -> Error {
        match std::mem::replace(&mut self.0, State::Returned) {
            State::Held(error, _) => error,
            _ => ErrorKind::BrokenPipe.into(),
        }
    }
}

fn says_why(read: &Poll<Result<()>>) -> bool {
    matches!(read, Poll::Ready(Err(error)) if error.get_ref().is_some())
}
