//! Hosts: one that sends back whatever it gets, and those that are of no use.

use hostler_model::{Address, HostId, SeatId};
use hostler_wire::messages::gateway::Route;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

/// Listens until the test ends.
pub(crate) async fn echo(number: u8) -> Route {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = stream.split();
                let _ = tokio::io::copy(&mut from, &mut to).await;
            });
        }
    });
    route(number, at.to_string().parse().unwrap())
}

/// Takes connections and ends them when the first bytes have come: in order, or, with `resets`, by leaving them unread.
pub(crate) async fn mute(number: u8, resets: bool) -> Route {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let _ = if resets { stream.peek(&mut [0]).await } else { stream.read(&mut [0; 1_024]).await };
        }
    });
    route(number, at.to_string().parse().unwrap())
}

/// Nothing listens there.
pub(crate) async fn gone(number: u8) -> Route {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    route(number, listener.local_addr().unwrap().to_string().parse().unwrap())
}

fn route(number: u8, address: Address) -> Route {
    Route { host: HostId([number; 16]), address, seat: SeatId([number; 16]), user: None }
}
