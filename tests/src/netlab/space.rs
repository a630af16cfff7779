//! A network namespace with one address, and how to get into it.

use std::fs::File;
use std::io;
use std::net::Ipv4Addr;
use std::os::fd::AsRawFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::thread;

use anyhow::{Context, Result, anyhow};

use super::run_name::NAMESPACES;

/// A member's network. A clone is the same one.
#[derive(Clone, Debug)]
pub struct Space {
    name: String,
    ip: Ipv4Addr,
    namespace: Arc<File>,
}

impl Space {
    /// The namespace of this name, which `ip netns` has made.
    pub(super) fn open(name: &str, ip: Ipv4Addr) -> Result<Self> {
        let namespace = File::open(Path::new(NAMESPACES).join(name)).with_context(|| format!("can't open {name}"))?;
        Ok(Self { name: name.to_owned(), ip, namespace: Arc::new(namespace) })
    }

    /// The namespace's name, for `ip netns exec`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its address.
    pub fn ip(&self) -> Ipv4Addr {
        self.ip
    }

    /// Makes a command start inside.
    pub fn inside(&self, command: &mut Command) {
        let space = self.clone();
        // SAFETY: enter is one plain system call, which is allowed between fork and exec; the file is kept open by the
        // closure.
        unsafe { command.pre_exec(move || space.enter()) };
    }

    /// Moves this thread inside, with all threads that it starts from now on.
    pub(super) fn enter(&self) -> io::Result<()> {
        // SAFETY: setns takes two integers, and changes what new sockets of this thread belong to.
        match unsafe { libc::setns(self.namespace.as_raw_fd(), libc::CLONE_NEWNET) } {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    }

    /// Does something inside: on a thread of its own, so that the caller stays where it is.
    pub fn run<T: Send>(&self, what: impl FnOnce() -> Result<T> + Send) -> Result<T> {
        thread::scope(|scope| {
            let inside = scope.spawn(|| {
                self.enter().with_context(|| format!("can't enter {}", self.name))?;
                what()
            });
            inside.join().map_err(|_| anyhow!("a thread in {} has panicked", self.name))?
        })
    }
}
