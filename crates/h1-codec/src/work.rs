//! How many bytes the parsers look at, counted in tests: a peer that sends a response byte by byte must not have all of
//! it looked at again for each.

#[cfg(test)]
thread_local! {
    static BYTES: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// So many bytes are looked at.
#[cfg(test)]
pub(crate) fn look_at(bytes: usize) {
    BYTES.set(BYTES.get() + bytes);
}

/// So many bytes are looked at.
#[cfg(not(test))]
#[inline(always)]
pub(crate) fn look_at(_: usize) {}

/// How many bytes were looked at on this thread meanwhile.
#[cfg(test)]
pub(crate) fn of(run: impl FnOnce()) -> usize {
    let before = BYTES.get();
    run();
    BYTES.get() - before
}
