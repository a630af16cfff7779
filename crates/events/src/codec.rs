//! The one place that names the binary codec: bincode 2.0.1, `standard()` (little endian, variable-length integers),
//! through serde, always with a limit. A test reads the same bytes with another library, so the log outlives this one.

use hostler_model::limits;
use serde::{Serialize, de::DeserializeOwned};

/// Why bytes could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// The value does not fit the limit or can't be written.
    #[error("can't encode: {0}")]
    Encode(bincode::error::EncodeError),
    /// Not the bytes of such a value.
    #[error("can't decode: {0}")]
    Decode(bincode::error::DecodeError),
    /// Bytes were left over.
    #[error("can't decode: {0} bytes are left over")]
    Trailing(usize),
}

/// Encodes a value.
///
/// # Errors
/// Where the value's own serialisation fails.
pub fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, CodecError> {
    bincode::serde::encode_to_vec(value, bincode::config::standard()).map_err(CodecError::Encode)
}

/// Decodes a value that takes all the bytes, of which there may be [`limits::FRAME_BYTES`].
///
/// # Errors
/// Where the bytes are not those of such a value, or more than it needs.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    let (value, used) = decode_prefix(bytes)?;
    if used == bytes.len() { Ok(value) } else { Err(CodecError::Trailing(bytes.len() - used)) }
}

/// Decodes a value that takes all the bytes, of which there may be `LIMIT`: for what this program stored for itself and
/// is larger than what others may send.
///
/// # Errors
/// Where the bytes are not those of such a value, or more than it needs.
pub fn decode_within<const LIMIT: usize, T: DeserializeOwned>(bytes: &[u8]) -> Result<T, CodecError> {
    let config = bincode::config::standard().with_limit::<LIMIT>();
    let (value, used) = bincode::serde::decode_from_slice(bytes, config).map_err(CodecError::Decode)?;
    if used == bytes.len() { Ok(value) } else { Err(CodecError::Trailing(bytes.len() - used)) }
}

/// Decodes a value at the beginning of the bytes and says how many it took.
///
/// # Errors
/// Where the bytes don't begin with such a value.
pub fn decode_prefix<T: DeserializeOwned>(bytes: &[u8]) -> Result<(T, usize), CodecError> {
    // Without a limit a hostile length would make the decoder reserve that much.
    let config = bincode::config::standard().with_limit::<{ limits::FRAME_BYTES }>();
    bincode::serde::decode_from_slice(bytes, config).map_err(CodecError::Decode)
}
