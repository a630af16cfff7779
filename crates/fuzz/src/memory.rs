//! How much memory something takes: a length in a few bytes must not make anybody reserve gigabytes.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

/// What reading may take beside a multiple of what came: a collection is reserved by its announced length, up to 1 MiB,
/// and one may lie in another.
const FREE_BYTES: usize = 8 * 1024 * 1024;
/// What reading may take for each byte that came.
const PER_BYTE: usize = 64;

thread_local! {
    static IN_USE: Cell<usize> = const { Cell::new(0) };
    static MOST: Cell<usize> = const { Cell::new(0) };
}

/// The system's allocator, counting for each thread. A program that checks memory makes it its own:
///
/// ```
/// #[global_allocator]
/// static METER: hostler_fuzz::Meter = hostler_fuzz::Meter;
/// # fn main() {}
/// ```
#[derive(Debug)]
pub struct Meter;

fn took(bytes: usize) {
    // Fails while a thread ends; nothing is measured then.
    let _ = IN_USE.try_with(|in_use| {
        let now = in_use.get().saturating_add(bytes);
        in_use.set(now);
        let _ = MOST.try_with(|most| most.set(most.get().max(now)));
    });
}

fn gave(bytes: usize) {
    let _ = IN_USE.try_with(|in_use| in_use.set(in_use.get().saturating_sub(bytes)));
}

// SAFETY: everything is the system allocator's doing; beside it only numbers are counted, without allocating.
unsafe impl GlobalAlloc for Meter {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        took(layout.size());
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        gave(layout.size());
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(at, layout) }
    }
}

/// Runs something that reads so many bytes, and panics where it takes too much memory. Without the [`Meter`] nothing is
/// measured.
pub(crate) fn bounded<T>(bytes: usize, read: impl FnOnce() -> T) -> T {
    let before = IN_USE.get();
    MOST.set(before);
    let result = read();
    let most = MOST.get().saturating_sub(before);
    let allowed = FREE_BYTES + PER_BYTE * bytes;
    assert!(most <= allowed, "reading {bytes} bytes took {most} bytes of memory, where {allowed} are allowed");
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[global_allocator]
    static METER: Meter = Meter;

    #[test]
    fn too_much_is_noticed() {
        let reserve = |bytes: usize| std::panic::catch_unwind(|| bounded(10, || drop(Vec::<u8>::with_capacity(bytes))));
        assert!(reserve(FREE_BYTES).is_ok());
        assert!(reserve(2 * FREE_BYTES).is_err());
        // What was there before does not count.
        let _held = Vec::<u8>::with_capacity(2 * FREE_BYTES);
        assert!(reserve(FREE_BYTES).is_ok());
    }
}
