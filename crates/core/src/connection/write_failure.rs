use std::{
    io::{Error, ErrorKind, Result},
    task::{Context, Poll},
};

/// Holds back an error of writing until everything available has been read: a peer may send a response and close the
/// connection before it has read the whole request, and that response must not be lost.
///
/// For the stream below a protocol that is driven by one task and reads before it writes. A `turn` is a number that
/// changes each time that task is polled. The error is returned in the first turn in which nothing is read.
///
/// ```
/// use skybridge_core::WriteFailure;
/// use std::{io::{Error, ErrorKind}, task::{Context, Poll, Waker}};
///
/// let (mut failure, mut cx) = (WriteFailure::default(), Context::from_waker(Waker::noop()));
/// let broken = |_: &mut Context<'_>| Poll::Ready(Err::<usize, _>(Error::from(ErrorKind::ConnectionReset)));
/// assert!(failure.poll_write(&mut cx, 1, broken).is_pending());
/// assert!(matches!(failure.poll_read(&cx, 2, Poll::Ready(Ok(())), true), Poll::Ready(Ok(()))));
/// let Poll::Ready(Err(error)) = failure.poll_read(&cx, 2, Poll::Pending, false) else { unreachable!() };
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

    /// Passes on the result of reading; `something` says whether any bytes were read.
    ///
    /// # Errors
    /// With the error of writing, in place of the end, an error, or a wait, because nothing more will be read.
    #[inline]
    pub fn poll_read(
        &mut self,
        cx: &Context<'_>,
        turn: u32,
        read: Poll<Result<()>>,
        something: bool,
    ) -> Poll<Result<()>> {
        match &mut self.0 {
            State::None => read,
            State::Held(_, last) if something => {
                *last = turn;
                cx.waker().wake_by_ref();
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
