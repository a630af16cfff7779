//! How many files this process may open: a connection takes two, and running out of them would stop the links to the
//! brokers as well.

use std::io;

/// Files that are not connections: listeners, sockets of the links, pipes, logs.
const OTHER_FILES: u64 = 256;
const FILES_PER_CONNECTION: u64 = 2;

/// Raises this process's limit as far as it may, and says how many connections fit.
pub(crate) fn room_for_connections() -> io::Result<usize> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: `limit` is where the two numbers go.
    if unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &mut limit) } < 0 {
        return Err(io::Error::last_os_error());
    }
    if limit.rlim_cur < limit.rlim_max {
        let raised = libc::rlimit { rlim_cur: limit.rlim_max, ..limit };
        // SAFETY: `raised` is read only.
        if unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raised) } == 0 {
            limit = raised;
        }
    }
    Ok(connections_within(limit.rlim_cur))
}

fn connections_within(files: u64) -> usize {
    usize::try_from(files.saturating_sub(OTHER_FILES) / FILES_PER_CONNECTION).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room() {
        for (files, connections) in [(0, 0), (256, 0), (1_024, 384), (20_256, 10_000), (u64::MAX, usize::MAX / 2 - 128)]
        {
            assert_eq!(connections_within(files), connections, "{files}");
        }
        assert!(room_for_connections().unwrap() > 0);
    }
}
