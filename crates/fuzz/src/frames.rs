//! Streams of frames.

use crate::memory::bounded;
use bytes::{Bytes, BytesMut};
use hostler_wire::frame::{FrameDecoder, FrameError, encode};

/// The first byte says in what pieces the rest arrives. However that is: the same frames come out, with the same fault
/// at the end, and the frames written anew are the bytes that came.
pub fn frames(data: &[u8]) {
    let Some((piece, stream)) = data.split_first() else { return };
    let (whole, fault) = bounded(stream.len(), || decode(stream, stream.len().max(1)));
    assert_eq!((&whole, &fault), (&decode(stream, usize::from(*piece).max(1)).0, &fault));
    let mut written = BytesMut::new();
    for frame in &whole {
        encode(frame, &mut written).unwrap_or_else(|e| panic!("what was read can't be written: {e}"));
    }
    assert!(stream.starts_with(&written), "the frames are not what came");
    match fault {
        None => assert_eq!(written.len(), stream.len(), "bytes got lost"),
        Some(FrameError::CutOff { .. } | FrameError::TooLong { .. }) => assert!(written.len() < stream.len()),
    }
}

fn decode(stream: &[u8], piece: usize) -> (Vec<Bytes>, Option<FrameError>) {
    let (mut decoder, mut frames) = (FrameDecoder::default(), Vec::new());
    for bytes in stream.chunks(piece) {
        decoder.push(bytes);
        loop {
            match decoder.next_frame() {
                Ok(Some(frame)) => frames.push(frame),
                Ok(None) => break,
                Err(error) => return (frames, Some(error)),
            }
        }
    }
    (frames, decoder.end().err())
}
