//! The program that is copied: which machines it runs on, and its hash.

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// Where the machine's number stands in an ELF file, in bytes (ELF specification, e_machine).
const MACHINE_AT: usize = 18;

/// Why a file can't be the program.
#[derive(Debug, thiserror::Error)]
pub enum ProgramError {
    /// It can't be read.
    #[error("can't read the program {path}: {error}")]
    Read {
        /// Which file.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// It is something else.
    #[error("{path} is no program for Linux on x86_64 or aarch64")]
    NotAProgram {
        /// Which file.
        path: PathBuf,
    },
}

/// The program that is copied.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Program {
    /// Where it is on this machine.
    pub path: PathBuf,
    /// Its SHA-256, which every machine can compute (`sha256sum`).
    pub sha256: String,
    /// What `uname -m` says where it runs.
    pub architecture: &'static str,
    /// Its size, in bytes.
    pub bytes: u64,
}

impl Program {
    /// The program that runs now.
    ///
    /// # Errors
    /// [`ProgramError`]
    pub fn this() -> Result<(Self, Vec<u8>), ProgramError> {
        // By this name it can be read also after another was put in its place.
        Self::read(Path::new("/proc/self/exe"))
    }

    /// The program in a file, and its bytes.
    ///
    /// # Errors
    /// [`ProgramError`]
    pub fn read(path: &Path) -> Result<(Self, Vec<u8>), ProgramError> {
        let failed = |error| ProgramError::Read { path: path.to_path_buf(), error };
        let bytes = std::fs::read(path).map_err(failed)?;
        let shown = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
        let architecture =
            architecture(&bytes).ok_or_else(|| ProgramError::NotAProgram { path: path.to_path_buf() })?;
        let sha256 = HEXLOWER.encode(&Sha256::digest(&bytes));
        Ok((Self { path: shown, sha256, architecture, bytes: bytes.len() as u64 }, bytes))
    }
}

fn architecture(bytes: &[u8]) -> Option<&'static str> {
    if !bytes.starts_with(b"\x7fELF") {
        return None;
    }
    match bytes.get(MACHINE_AT..MACHINE_AT + 2)? {
        [62, 0] => Some("x86_64"),
        [183, 0] => Some("aarch64"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_one() {
        let (program, bytes) = Program::this().unwrap();
        assert_eq!((program.architecture, program.bytes), (std::env::consts::ARCH, bytes.len() as u64));
        assert_eq!(program.path, std::env::current_exe().unwrap());
    }

    #[test]
    fn others_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("p");
        std::fs::write(&path, "#!/bin/sh\n").unwrap();
        let error = Program::read(&path).unwrap_err().to_string();
        assert_eq!(error, format!("{} is no program for Linux on x86_64 or aarch64", path.display()));
        assert_eq!(HEXLOWER.encode(&Sha256::digest(b"")).get(..8), Some("e3b0c442"));
    }
}
