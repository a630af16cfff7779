//! Kernel pipes for `splice(2)`, and the pool that lends them.

use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

/// How much a pipe may hold, in bytes, the first that the kernel allows; it refuses large ones when an unprivileged
/// user has many (`/proc/sys/fs/pipe-user-pages-soft`). If it refuses both, a pipe stays as it was made.
const PIPE_BYTES: [i32; 2] = [1024 * 1024, 256 * 1024];

/// Empty pipes that the pool keeps; more are closed when they are given back. Half of what the kernel allows an
/// unprivileged user by default.
pub(super) const KEPT_PIPES: usize = 32;

/// Lends pipes to whoever has something to carry right now. One is enough for a process.
#[derive(Debug, Default)]
pub struct PipePool {
    kept: Mutex<Vec<Pipe>>,
    open: AtomicUsize,
    no_splice: AtomicBool,
}

impl PipePool {
    /// An empty pool; pipes are made when they are needed.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many pipes there are, lent ones included.
    #[must_use]
    pub fn open_pipes(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// An empty pipe; `None` where none can be made (out of file descriptors, say) or splicing doesn't work here.
    pub(super) fn take(&self) -> Option<Borrowed<'_>> {
        if self.no_splice.load(Ordering::Relaxed) {
            return None;
        }
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let pipe = match kept {
            Some(pipe) => pipe,
            None => {
                let pipe = Pipe::new().ok()?;
                self.open.fetch_add(1, Ordering::Relaxed);
                pipe
            }
        };
        Some(Borrowed { pool: self, pipe: Some(pipe) })
    }

    /// From now on no pipes are lent.
    pub(super) fn stop_splicing(&self) {
        if !self.no_splice.swap(true, Ordering::Relaxed) {
            tracing::warn!("splice(2) doesn't work on this system's sockets; connections are copied, at a higher cost");
        }
    }

    fn give_back(&self, pipe: Pipe) {
        // One with something in it would hand a connection's bytes to another connection.
        if pipe.held_bytes == 0 {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            if kept.len() < KEPT_PIPES {
                kept.push(pipe);
                return;
            }
        }
        drop(pipe);
        self.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A pipe that goes back to its pool when it is dropped.
#[derive(Debug)]
pub(super) struct Borrowed<'a> {
    pool: &'a PipePool,
    pipe: Option<Pipe>,
}

impl Borrowed<'_> {
    /// Moves into the pipe what the socket has. 0: the sender has ended.
    pub(super) fn fill(&mut self, from: BorrowedFd<'_>) -> io::Result<usize> {
        self.pipe.as_mut().ok_or(io::ErrorKind::BrokenPipe)?.fill(from)
    }

    /// Moves out of the pipe what the socket takes.
    pub(super) fn drain(&mut self, to: BorrowedFd<'_>) -> io::Result<usize> {
        self.pipe.as_mut().ok_or(io::ErrorKind::BrokenPipe)?.drain(to)
    }

    /// What is in the pipe.
    pub(super) fn held_bytes(&self) -> usize {
        self.pipe.as_ref().map_or(0, |p| p.held_bytes)
    }
}

impl Drop for Borrowed<'_> {
    fn drop(&mut self) {
        if let Some(pipe) = self.pipe.take() {
            self.pool.give_back(pipe);
        }
    }
}

#[derive(Debug)]
struct Pipe {
    read_end: OwnedFd,
    write_end: OwnedFd,
    capacity_bytes: usize,
    held_bytes: usize,
}

impl Pipe {
    fn new() -> io::Result<Self> {
        let mut ends = [0; 2];
        // SAFETY: `ends` has room for the two descriptors.
        check(unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_NONBLOCK | libc::O_CLOEXEC) } as isize)?;
        // SAFETY: pipe2 succeeded, so both are open and nobody else's.
        let (read_end, write_end) = unsafe { (OwnedFd::from_raw_fd(ends[0]), OwnedFd::from_raw_fd(ends[1])) };
        let capacity_bytes = enlarge(write_end.as_fd(), &PIPE_BYTES)?;
        Ok(Self { read_end, write_end, capacity_bytes, held_bytes: 0 })
    }

    fn fill(&mut self, from: BorrowedFd<'_>) -> io::Result<usize> {
        let n = splice(from, self.write_end.as_fd(), self.capacity_bytes)?;
        self.held_bytes += n;
        Ok(n)
    }

    fn drain(&mut self, to: BorrowedFd<'_>) -> io::Result<usize> {
        match splice(self.read_end.as_fd(), to, self.held_bytes)? {
            0 => Err(io::ErrorKind::WriteZero.into()),
            n => {
                self.held_bytes = self.held_bytes.saturating_sub(n);
                Ok(n)
            }
        }
    }
}

/// Whether this error of [`Borrowed::fill`] means that the kernel, or a sandbox around it, can't splice sockets.
pub(super) fn says_no_splice(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EINVAL | libc::ENOSYS | libc::EOPNOTSUPP | libc::EPERM))
}

/// Gives the pipe the first size that the kernel allows, and says how much it holds now.
fn enlarge(pipe: BorrowedFd<'_>, sizes_bytes: &[i32]) -> io::Result<usize> {
    for size in sizes_bytes {
        // SAFETY: plain integers, and a descriptor that is open.
        let set = unsafe { libc::fcntl(pipe.as_raw_fd(), libc::F_SETPIPE_SZ, *size) };
        if let Ok(now) = check(set as isize) {
            return Ok(now);
        }
    }
    // SAFETY: as above.
    check(unsafe { libc::fcntl(pipe.as_raw_fd(), libc::F_GETPIPE_SZ) } as isize)
}

fn splice(from: BorrowedFd<'_>, to: BorrowedFd<'_>, bytes: usize) -> io::Result<usize> {
    let flags = libc::SPLICE_F_MOVE | libc::SPLICE_F_NONBLOCK;
    let (none, from, to) = (std::ptr::null_mut(), from.as_raw_fd(), to.as_raw_fd());
    loop {
        // SAFETY: both descriptors are open, and no offsets are given.
        match check(unsafe { libc::splice(from, none, to, none, bytes, flags) }) {
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}

fn check(result: isize) -> io::Result<usize> {
    usize::try_from(result).map_err(|_| io::Error::last_os_error())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_size_is_passed_over() {
        let pipe = Pipe::new().unwrap();
        let default_bytes = 128 * 1024;
        for (sizes, want) in
            [(&[i32::MAX, default_bytes][..], 128 * 1024), (&[i32::MAX], 128 * 1024), (&[4096, i32::MAX], 4096)]
        {
            assert_eq!(enlarge(pipe.write_end.as_fd(), sizes).unwrap(), want, "{sizes:?}");
        }
    }

    #[test]
    fn the_pool_keeps_few_pipes_and_only_empty_ones() {
        let pool = PipePool::new();
        let borrowed: Vec<_> = (0..KEPT_PIPES + 5).map(|_| pool.take().unwrap()).collect();
        assert_eq!(pool.open_pipes(), KEPT_PIPES + 5);
        drop(borrowed);
        assert_eq!(pool.open_pipes(), KEPT_PIPES);
        let mut full = pool.take().unwrap();
        full.pipe.as_mut().unwrap().held_bytes = 1;
        drop(full);
        assert_eq!(pool.open_pipes(), KEPT_PIPES - 1);
        pool.stop_splicing();
        assert!(pool.take().is_none());
    }
}
