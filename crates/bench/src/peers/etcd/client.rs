//! The two calls of etcd's own protocol that are needed here, gRPC over HTTP/2: put, and a range that the asked server
//! answers by itself (etcd's rpc.proto). gRPC's frames and protocol buffers are a handful of bytes; a code generator
//! would not be less.

use anyhow::{Context, Result, bail, ensure};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use h2::client::SendRequest;
use http::Request;
use std::future::poll_fn;
use tokio::net::TcpStream;

/// What gRPC puts before a message: a flag and the length.
const FRAME_HEAD: usize = 5;
/// The longest answer, in bytes.
const ANSWER_BYTES: usize = 64 * 1_024;

/// A connection of its own.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    sender: SendRequest<Bytes>,
    authority: String,
}

impl Client {
    /// Connects.
    pub(crate) async fn connect(authority: &str) -> Result<Self> {
        let stream = TcpStream::connect(authority).await.with_context(|| format!("etcd at {authority}"))?;
        stream.set_nodelay(true)?;
        let (sender, connection) = h2::client::handshake(stream).await?;
        // It ends with the last sender; errors show at the requests.
        tokio::spawn(connection);
        Ok(Self { sender, authority: authority.to_owned() })
    }

    /// Puts a value; it is on a majority of the disks when this returns.
    pub(crate) async fn put(&self, key: &[u8], value: &[u8]) -> Result<()> {
        let mut message = BytesMut::new();
        field(&mut message, 1, key);
        field(&mut message, 2, value);
        self.call("Put", &message).await.map(|_| ())
    }

    /// Whether this server has this value there, without asking the others.
    pub(crate) async fn has(&self, key: &[u8], value: &[u8]) -> Result<bool> {
        let mut message = BytesMut::new();
        field(&mut message, 1, key);
        // serializable = true
        message.put_slice(&[7 << 3, 1]);
        let answer = self.call("Range", &message).await?;
        // The value stands in the answer as it was put.
        Ok(answer.windows(value.len()).any(|window| window == value))
    }

    async fn call(&self, what: &str, message: &[u8]) -> Result<Bytes> {
        let request = Request::post(format!("http://{}/etcdserverpb.KV/{what}", self.authority))
            .header("content-type", "application/grpc")
            .header("te", "trailers")
            .body(())?;
        let mut body = BytesMut::with_capacity(FRAME_HEAD + message.len());
        body.put_u8(0);
        body.put_u32(u32::try_from(message.len())?);
        body.put_slice(message);
        let mut sender = self.sender.clone().ready().await?;
        let (answer, mut stream) = sender.send_request(request, false)?;
        stream.send_data(body.freeze(), true)?;
        let mut answer = answer.await?;
        ensure!(answer.status() == 200, "etcd answers {}", answer.status());
        let (status, message) =
            (answer.headers().get("grpc-status").cloned(), answer.headers().get("grpc-message").cloned());
        ensure!(status.is_none_or(|status| status == "0"), "etcd refuses: {message:?}");
        let mut bytes = BytesMut::new();
        while let Some(data) = poll_fn(|cx| answer.body_mut().poll_data(cx)).await {
            let data = data?;
            answer.body_mut().flow_control().release_capacity(data.len())?;
            bytes.extend_from_slice(&data);
            ensure!(bytes.len() <= ANSWER_BYTES, "etcd's answer is too long");
        }
        let trailers = poll_fn(|cx| answer.body_mut().poll_trailers(cx)).await?;
        match trailers.as_ref().and_then(|t| t.get("grpc-status")) {
            Some(status) if status == "0" => {}
            other => bail!("etcd refuses {what}: {other:?}"),
        }
        ensure!(bytes.len() >= FRAME_HEAD, "etcd's answer is too short");
        bytes.advance(FRAME_HEAD);
        Ok(bytes.freeze())
    }
}

/// A field of bytes in a protocol buffer.
fn field(message: &mut BytesMut, number: u8, bytes: &[u8]) {
    message.put_u8(number << 3 | 2);
    let mut length = bytes.len();
    while length >= 0x80 {
        message.put_u8(length as u8 | 0x80);
        length >>= 7;
    }
    message.put_u8(length as u8);
    message.put_slice(bytes);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_have_lengths_of_seven_bits() {
        for (length, head) in [(3, &[0x0a, 3][..]), (300, &[0x0a, 0xac, 0x02])] {
            let mut message = BytesMut::new();
            field(&mut message, 1, &vec![7; length]);
            assert_eq!((&message[..head.len()], message.len()), (head, head.len() + length));
        }
    }
}
