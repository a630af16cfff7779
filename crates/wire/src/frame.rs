//! Frames: a length (four bytes, the highest first), then as many bytes. Pure: bytes in, frames out.

use bytes::{Buf, BufMut, Bytes, BytesMut};
use hostler_model::limits;

const LENGTH_BYTES: usize = 4;

/// What is wrong with a stream of frames.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FrameError {
    /// It announces more than is allowed.
    #[error("a frame of {bytes} bytes, where {limit} are allowed", limit = limits::FRAME_BYTES)]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// The stream ended within it.
    #[error("a frame was cut off after {got} bytes of {}", of.map_or("its length".into(), |n| n.to_string()))]
    CutOff {
        /// Bytes that came, the length's included while that is not complete.
        got: usize,
        /// Its length, where that came.
        of: Option<usize>,
    },
}

/// Puts a frame at the end of `out`.
///
/// # Errors
/// Where it is longer than [`limits::FRAME_BYTES`]; nothing is written then.
pub fn encode(body: &[u8], out: &mut BytesMut) -> Result<(), FrameError> {
    check(body.len())?;
    out.reserve(LENGTH_BYTES + body.len());
    // The limit is far below 4 GiB, so nothing is lost.
    out.put_u32(body.len() as u32);
    out.put_slice(body);
    Ok(())
}

pub(crate) fn check(bytes: usize) -> Result<(), FrameError> {
    if bytes > limits::FRAME_BYTES { Err(FrameError::TooLong { bytes }) } else { Ok(()) }
}

/// Cuts a stream of bytes into frames. It never holds more than one frame and what came with its end.
#[derive(Debug, Default)]
pub struct FrameDecoder {
    waiting: BytesMut,
}

impl FrameDecoder {
    /// Takes what came. Call [`FrameDecoder::next_frame`] until it gives none before the next call.
    pub fn push(&mut self, bytes: &[u8]) {
        self.waiting.extend_from_slice(bytes);
    }

    /// The next whole frame.
    ///
    /// # Errors
    /// Where a frame announces too much. The stream is of no use any more then.
    pub fn next_frame(&mut self) -> Result<Option<Bytes>, FrameError> {
        let Some(length) = self.announced() else { return Ok(None) };
        check(length)?;
        if self.waiting.len() < LENGTH_BYTES + length {
            return Ok(None);
        }
        self.waiting.advance(LENGTH_BYTES);
        Ok(Some(self.waiting.split_to(length).freeze()))
    }

    /// To be asked when the stream has ended.
    ///
    /// # Errors
    /// Where it ended within a frame.
    pub fn end(&self) -> Result<(), FrameError> {
        match (self.waiting.len(), self.announced()) {
            (0, _) => Ok(()),
            (got, None) => Err(FrameError::CutOff { got, of: None }),
            (got, Some(length)) => Err(FrameError::CutOff { got: got - LENGTH_BYTES, of: Some(length) }),
        }
    }

    fn announced(&self) -> Option<usize> {
        let length: [u8; LENGTH_BYTES] = self.waiting.get(..LENGTH_BYTES)?.try_into().ok()?;
        Some(u32::from_be_bytes(length) as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decode(stream: &[u8], pieces: usize) -> (Vec<Bytes>, Result<(), FrameError>) {
        let mut decoder = FrameDecoder::default();
        let mut frames = Vec::new();
        for piece in stream.chunks(pieces) {
            decoder.push(piece);
            loop {
                match decoder.next_frame() {
                    Ok(Some(frame)) => frames.push(frame),
                    Ok(None) => break,
                    Err(e) => return (frames, Err(e)),
                }
            }
        }
        (frames, decoder.end())
    }

    #[test]
    fn frames_and_their_faults() {
        let one = Bytes::from_static(b"one");
        for (stream, frames, end) in [
            (&b""[..], vec![], Ok(())),
            (b"\0\0\0\x03one", vec![one.clone()], Ok(())),
            (b"\0\0\0\0\0\0\0\x03one", vec![Bytes::new(), one.clone()], Ok(())),
            (b"\0\0\0\x03one\0\0", vec![one.clone()], Err(FrameError::CutOff { got: 2, of: None })),
            (b"\0\0\0\x03on", vec![], Err(FrameError::CutOff { got: 2, of: Some(3) })),
            (b"\0\0\0\x03one\0\x10\0\x01", vec![one], Err(FrameError::TooLong { bytes: 1_048_577 })),
            (b"HTTP/1.1", vec![], Err(FrameError::TooLong { bytes: 0x4854_5450 })),
        ] {
            for pieces in 1..=stream.len().max(1) {
                assert_eq!(decode(stream, pieces), (frames.clone(), end), "{stream:?} in pieces of {pieces}");
            }
        }
        assert_eq!(
            FrameError::CutOff { got: 2, of: None }.to_string(),
            "a frame was cut off after 2 bytes of its length"
        );
        let long = vec![0; limits::FRAME_BYTES + 1];
        let mut out = BytesMut::new();
        assert_eq!(encode(&long, &mut out), Err(FrameError::TooLong { bytes: long.len() }));
        assert_eq!((out.len(), encode(&long[1..], &mut out)), (0, Ok(())));
    }

    proptest! {
        #[test]
        fn any_bytes_are_cut_without_a_panic(stream in proptest::collection::vec(any::<u8>(), 0..200), pieces in 1usize..50) {
            let _ = decode(&stream, pieces);
        }

        #[test]
        fn what_was_encoded_comes_back(
            bodies in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..100), 0..8),
            pieces in 1usize..50,
        ) {
            let mut stream = BytesMut::new();
            for body in &bodies {
                encode(body, &mut stream).unwrap();
            }
            let (frames, end) = decode(&stream, pieces);
            prop_assert_eq!(end, Ok(()));
            prop_assert_eq!(frames.iter().map(|f| f.to_vec()).collect::<Vec<_>>(), bodies);
        }
    }
}
