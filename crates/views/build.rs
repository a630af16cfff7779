//! Names the code that folds events, so that views which other code saved are never taken for this code's.

use std::path::{Path, PathBuf};

/// Everything that says what an event means, or how views are written.
const SOURCES: [&str; 3] = ["src", "../events/src", "../model/src"];

fn main() -> std::io::Result<()> {
    let mut files = Vec::new();
    for folder in SOURCES {
        println!("cargo::rerun-if-changed={folder}");
        collect(Path::new(folder), &mut files)?;
    }
    files.sort();
    let mut hasher = blake3::Hasher::new();
    for file in files {
        let bytes = std::fs::read(&file)?;
        hasher.update(file.to_string_lossy().as_bytes()).update(&(bytes.len() as u64).to_be_bytes()).update(&bytes);
    }
    println!("cargo::rustc-env=HOSTLER_FOLD={}", hasher.finalize().to_hex());
    Ok(())
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() { collect(&path, files)? } else { files.push(path) }
    }
    Ok(())
}
