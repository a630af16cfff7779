//! Finds and reads scenario files.

use crate::planted;
use crate::scenario::Scenario;
use std::path::{Path, PathBuf};

/// Folders within folders that are looked into.
const DEPTH: usize = 8;

/// A scenario and where it stands.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its file.
    pub path: PathBuf,
    /// What the file says.
    pub scenario: Scenario,
}

impl Entry {
    /// Its short name: that of the file.
    #[must_use]
    pub fn name(&self) -> String {
        self.path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
    }
}

/// Why scenarios can't be run.
#[derive(Debug, thiserror::Error)]
pub enum SuiteError {
    /// A file or a folder can't be read.
    #[error("{}: {error}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        error: std::io::Error,
    },
    /// A folder without scenarios.
    #[error("{}: there is no scenario in this folder: a file whose name ends in .toml", .0.display())]
    Empty(PathBuf),
    /// Files that are no scenarios, each with its reason.
    #[error("{}", .0.join("\n"))]
    Broken(Vec<String>),
    /// A planted fault in a program that can't plant any.
    #[error(
        "{} plants the fault {fault:?} in the program, and this one can't plant faults, as no program that is shipped \
         can. Build one that can: cargo run --package hostler-cli --features planted-faults -- simulate …",
        path.display()
    )]
    CannotPlant {
        /// Which scenario.
        path: PathBuf,
        /// Which fault.
        fault: String,
    },
    /// The machines refuse what the scenario says of the farm.
    #[error("{}: {what}", path.display())]
    Farm {
        /// Which scenario.
        path: PathBuf,
        /// Why.
        what: String,
    },
    /// The plan of a failure can't be written.
    #[error("the plan {} can't be written: {what}; name another folder with --plans", path.display())]
    Write {
        /// Which file.
        path: PathBuf,
        /// Why.
        what: String,
    },
}

/// All scenarios of these files and folders, each folder's in the order of their names.
///
/// # Errors
/// Where one can't be read, is no scenario, or plants a fault that can't be planted.
pub fn load(paths: &[PathBuf]) -> Result<Vec<Entry>, SuiteError> {
    let mut files = Vec::new();
    for path in paths {
        let before = files.len();
        collect(path, DEPTH, &mut files)?;
        if files.len() == before {
            return Err(SuiteError::Empty(path.clone()));
        }
    }
    let mut entries = Vec::new();
    let mut broken = Vec::new();
    for path in files {
        let text = std::fs::read_to_string(&path).map_err(|error| SuiteError::Read { path: path.clone(), error })?;
        match read(&text) {
            Ok(scenario) => entries.push(Entry { path, scenario }),
            Err(what) => broken.push(format!("{}: {}", path.display(), what.trim_end())),
        }
    }
    if !broken.is_empty() {
        return Err(SuiteError::Broken(broken));
    }
    let cannot = entries.iter().find(|entry| entry.scenario.expect.planted.is_some());
    match cannot {
        Some(Entry { path, scenario }) if !planted::CAN_PLANT => Err(SuiteError::CannotPlant {
            path: path.clone(),
            fault: scenario.expect.planted.clone().unwrap_or_default(),
        }),
        _ => Ok(entries),
    }
}

fn read(text: &str) -> Result<Scenario, String> {
    let scenario = Scenario::parse(text).map_err(|error| error.to_string())?;
    match &scenario.expect.planted {
        Some(fault) if !planted::NAMES.contains(&fault.as_str()) => {
            Err(format!("there is no fault {fault:?} to plant; there are: {}", planted::NAMES.join(", ")))
        }
        _ => Ok(scenario),
    }
}

/// A file as it is, of a folder all files below it whose names end in .toml.
fn collect(path: &Path, depth: usize, files: &mut Vec<PathBuf>) -> Result<(), SuiteError> {
    let failed = |error| SuiteError::Read { path: path.to_path_buf(), error };
    if !std::fs::metadata(path).map_err(failed)?.is_dir() {
        files.push(path.to_path_buf());
        return Ok(());
    }
    let found: Result<Vec<PathBuf>, _> =
        std::fs::read_dir(path).map_err(failed)?.map(|e| e.map(|e| e.path())).collect();
    let mut found = found.map_err(failed)?;
    found.sort();
    for path in found {
        if path.extension().is_some_and(|e| e == "toml") || (depth > 0 && path.is_dir()) {
            collect(&path, depth.saturating_sub(1), files)?;
        }
    }
    Ok(())
}
