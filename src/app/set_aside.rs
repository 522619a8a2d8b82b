//! Runs that the database does not take: kept as files with the reason, so that nothing is lost and
//! nothing stops.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::domain::RunReport;
use crate::telemetry::Metrics;

/// The most that are kept: what comes beyond has the same reason, and is counted.
const MAX_KEPT: usize = 100;

/// A folder of them.
pub struct SetAside {
    folder: PathBuf,
    metrics: Metrics,
}

#[derive(Serialize)]
struct Record<'r> {
    reason: &'r str,
    run: &'r RunReport,
}

impl SetAside {
    /// In `folder`, which is made when it is needed.
    pub fn new(folder: PathBuf, metrics: Metrics) -> Self {
        SetAside { folder, metrics }
    }

    /// Keeps a run, logs it and counts it.
    pub fn put(&self, run: &RunReport, reason: &str) {
        self.metrics.observe_set_aside();
        let name = format!("run-{}.json", run.number.0);
        let path = self.folder.join(name);
        let (flow, engine) = (&run.flow, run.engine.as_str());
        match self.write(&path, &Record { reason, run }) {
            Ok(true) => tracing::error!(
                flow,
                engine,
                reason,
                file = %path.display(),
                "the database does not take a run; it is kept as a file"
            ),
            Ok(false) => tracing::error!(
                flow,
                engine,
                reason,
                "the database does not take a run; there are {MAX_KEPT} files of such runs already"
            ),
            Err(error) => tracing::error!(
                flow,
                engine,
                reason,
                %error,
                "the database does not take a run, and it cannot be kept as a file"
            ),
        }
    }

    fn write(&self, path: &Path, record: &Record<'_>) -> io::Result<bool> {
        fs::create_dir_all(&self.folder)?;
        if fs::read_dir(&self.folder)?.count() >= MAX_KEPT {
            return Ok(false);
        }
        let mut file = fs::File::create(path)?;
        file.write_all(&serde_json::to_vec_pretty(record)?)?;
        file.sync_all()?;
        Ok(true)
    }
}
