use std::{
    io::{Error, ErrorKind, Result},
    task::{Context, Poll},
};

/// A failure to write, kept back until what there is to read was read: a peer that answers before it has taken all, and
/// hangs up, has answered.
///
/// For the stream below a protocol that is driven by one task and reads before it writes. A `turn` is a number that
/// changes each time that task is polled. The failure is told in the first turn in which nothing is read.
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
    /// Writing failed, or something was read since, in this turn.
    Untold(Error, u32),
    Told,
}

impl WriteFailure {
    /// Writes, or flushes, unless that has failed before.
    ///
    /// # Errors
    /// Those of writing, when nothing was read in a whole turn since.
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
                    self.0 = State::Untold(error, turn);
                    cx.waker().wake_by_ref();
                }
                written => return written,
            }
        }
        match self.0 {
            State::Untold(_, last) if last == turn => Poll::Pending,
            _ => Poll::Ready(Err(self.tell())),
        }
    }

    /// What came of reading, and whether that was something.
    ///
    /// # Errors
    /// Those of writing, in place of an end, an error, or a wait: nothing more will come.
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
            State::Untold(_, last) if something => {
                *last = turn;
                cx.waker().wake_by_ref();
                read
            }
            State::Told if read.is_ready() => read,
            _ => Poll::Ready(Err(self.tell())),
        }
    }

    #[cold]
    fn tell(&mut self) -> Error {
        match std::mem::replace(&mut self.0, State::Told) {
            State::Untold(error, _) => error,
            _ => ErrorKind::BrokenPipe.into(),
        }
    }
}
