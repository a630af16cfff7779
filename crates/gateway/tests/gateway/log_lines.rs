//! What the gateway logs about one client.

use std::io::{self, Write};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock};

#[derive(Clone, Default)]
struct Book(Arc<Mutex<Vec<u8>>>);

impl Write for Book {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

static BOOK: OnceLock<Book> = OnceLock::new();

/// Begins to write down what is logged in this process.
pub(crate) fn begin() {
    BOOK.get_or_init(|| {
        let book = Book::default();
        let writer = book.clone();
        tracing_subscriber::fmt().with_ansi(false).with_writer(move || writer.clone()).init();
        book
    });
}

/// The lines about the connection between these two. Other gateways in this process may have a client with this port.
pub(crate) fn about((client, gateway): (SocketAddr, SocketAddr)) -> Vec<String> {
    let text = String::from_utf8(BOOK.get().unwrap().0.lock().unwrap().clone()).unwrap();
    let mark = format!("client={client} at={gateway} ");
    text.lines().filter(|line| line.contains(&mark)).map(str::to_string).collect()
}
