use crate::folder;
use hostler_log::EventLog;
use hostler_log::conformance::{Harness, check};
use hostler_log_rocks::RocksLog;
use tempfile::TempDir;

struct OnDisk {
    /// `None` only while it is opened again.
    log: Option<RocksLog>,
    folder: TempDir,
}

impl Harness for OnDisk {
    fn log(&mut self) -> &mut dyn EventLog {
        self.log.as_mut().unwrap()
    }

    fn reopen(&mut self) {
        self.log = None;
        self.log = Some(RocksLog::open(self.folder.path()).unwrap());
    }
}

#[test]
fn conforms() {
    check(|| {
        let folder = folder();
        OnDisk { log: Some(RocksLog::open(folder.path()).unwrap()), folder }
    });
}
