//! One thread that starts all children.
//!
//! The kernel sends a child its death signal when the *thread* that started it ends. A thread that lives as long as the
//! program makes that the program's end, so that tests may start processes from helper threads.

use std::process::{Child, Command};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Mutex, OnceLock};
use std::{io, thread};

type Order = (Command, Sender<io::Result<Child>>);

static SPAWNER: OnceLock<Mutex<Sender<Order>>> = OnceLock::new();

/// Starts a command as a child that dies with this program.
pub(super) fn spawn(command: Command) -> io::Result<Child> {
    let spawner = SPAWNER.get_or_init(|| {
        let (orders, inbox) = channel::<Order>();
        thread::spawn(move || {
            for (mut command, reply) in inbox {
                // Whoever asked may have panicked meanwhile; then the child is dropped and runs on until the end.
                let _ = reply.send(command.spawn());
            }
        });
        Mutex::new(orders)
    });
    let gone = |_| io::Error::other("the thread that starts processes is gone");
    let (reply, answer) = channel();
    spawner
        .lock()
        .map_err(|_| io::Error::other("a thread panicked while it started a process"))?
        .send((command, reply))
        .map_err(|_| io::Error::other("the thread that starts processes is gone"))?;
    answer.recv().map_err(gone)?
}
