//! The system's allocator, counting: what a thread asks for ([`Counting`]), or what the whole process holds
//! ([`Holding`]).
//!
//! The one place of the workspace where `unsafe` may be. A program takes one of them as its `#[global_allocator]`.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    future::Future,
    pin::Pin,
    sync::atomic::{AtomicUsize, Ordering},
    task::{Context, Poll},
};

/// Counts on a thread from [`count`] on, except while the peer is polled.
#[derive(Debug)]
pub struct Counting;

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
    static BYTES: Cell<u64> = const { Cell::new(0) };
    static FREED: Cell<u64> = const { Cell::new(0) };
    static PAUSED: Cell<bool> = const { Cell::new(true) };
}

/// A thread that is ending has nobody who counts.
fn is_paused() -> bool {
    PAUSED.try_with(Cell::get).unwrap_or(true)
}

fn asked(bytes: usize) {
    if !is_paused() {
        let _ = COUNT.try_with(|count| count.set(count.get() + 1));
        let _ = BYTES.try_with(|sum| sum.set(sum.get() + bytes as u64));
    }
}

fn freed(bytes: usize) {
    if !is_paused() {
        let _ = FREED.try_with(|sum| sum.set(sum.get() + bytes as u64));
    }
}

/// Begins to count on this thread.
pub fn count() {
    PAUSED.set(false);
}

#[expect(unsafe_code, reason = "`GlobalAlloc` is an unsafe trait")]
// SAFETY: every call is passed on unchanged to the system's allocator.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        asked(layout.size());
        // SAFETY: the caller's obligations are the system allocator's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        freed(layout.size());
        // SAFETY: as above.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        asked(size);
        freed(layout.size());
        // SAFETY: as above.
        unsafe { System.realloc(at, layout, size) }
    }
}

/// Allocations of this thread so far.
pub fn allocations() -> u64 {
    COUNT.get()
}

/// Bytes that this thread has asked for so far.
pub fn allocated() -> u64 {
    BYTES.get()
}

/// Bytes that this thread has asked for and not freed. What another thread frees, or the peer, still counts.
pub fn kept() -> i64 {
    BYTES.get() as i64 - FREED.get() as i64
}

/// Does something whose allocations are somebody else's.
pub fn uncounted<T>(work: impl FnOnce() -> T) -> T {
    let before = PAUSED.replace(true);
    let done = work();
    PAUSED.set(before);
    done
}

/// A future whose allocations are somebody else's.
#[derive(Debug)]
pub struct Uncounted<F>(pub Pin<Box<F>>);

impl<F: Future> Future for Uncounted<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        uncounted(|| self.0.as_mut().poll(cx))
    }
}

/// Counts what has been allocated and not freed, on all threads.
#[derive(Debug)]
pub struct Holding;

static HELD: AtomicUsize = AtomicUsize::new(0);

#[expect(unsafe_code, reason = "`GlobalAlloc` is an unsafe trait")]
// SAFETY: every call is passed on unchanged to the system's allocator.
unsafe impl GlobalAlloc for Holding {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's obligations are the system allocator's.
        let at = unsafe { System.alloc(layout) };
        if !at.is_null() {
            HELD.fetch_add(layout.size(), Ordering::Relaxed);
        }
        at
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as above.
        unsafe { System.dealloc(at, layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: as above.
        let new = unsafe { System.realloc(at, layout, size) };
        if !new.is_null() {
            HELD.fetch_add(size, Ordering::Relaxed);
            HELD.fetch_sub(layout.size(), Ordering::Relaxed);
        }
        new
    }
}

/// Bytes that the process holds, if its allocator is [`Holding`].
pub fn held() -> usize {
    HELD.load(Ordering::Relaxed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[global_allocator]
    static ALLOCATOR: Holding = Holding;

    #[test]
    fn what_is_freed_is_no_longer_held() {
        // Large enough that whatever the test harness does beside it doesn't matter.
        const SIZE: usize = 64 << 20;
        let before = held();
        let mut bytes = Vec::<u8>::with_capacity(SIZE);
        assert!(held() >= before + SIZE / 2);
        bytes.reserve_exact(2 * SIZE);
        assert!(held() >= before + SIZE * 3 / 2);
        drop(bytes);
        assert!(held() < before + SIZE / 2);
    }
}
