//! The files of a SQLite database: readable by nobody else, and rid of what was erased.

use std::fs::{self, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection};

use super::Error;

/// Whoever may read the file may read what is not sealed in it.
const MODE: u32 = 0o600;

/// Takes the database, its log and its index of the log from everybody but their owner, whatever
/// made them. SQLite gives the other two the mode of the database.
pub(super) fn make_private(options: &SqliteConnectOptions) -> io::Result<()> {
    let database = options.get_filename();
    for suffix in ["", "-wal", "-shm"] {
        let mut name = database.as_os_str().to_owned();
        name.push(suffix);
        make_one_private(Path::new(&PathBuf::from(name)))?;
    }
    Ok(())
}

fn make_one_private(path: &Path) -> io::Result<()> {
    let mode = match fs::metadata(path) {
        Ok(metadata) => metadata.permissions().mode(),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if mode & 0o777 & !MODE == 0 {
        return Ok(());
    }
    fs::set_permissions(path, Permissions::from_mode(MODE))
}

/// Writes the whole log into the database and empties it, so that nothing that was overwritten in
/// the database is left there. `false` where a reading or a writing stands in the way: it is to
/// be tried again. Waits for nobody, so nobody waits for it longer than the writing takes.
pub(super) async fn truncate_log(options: &SqliteConnectOptions) -> Result<bool, Error> {
    let mut conn = options
        .clone()
        .busy_timeout(Duration::ZERO)
        .connect()
        .await?;
    let outcome = checkpoint(&mut conn).await;
    let _ = conn.close().await;
    match outcome {
        Err(sqlx::Error::Database(error)) if error.code().is_some_and(|code| is_busy(&code)) => {
            Ok(false)
        }
        outcome => Ok(outcome?),
    }
}

async fn checkpoint(conn: &mut SqliteConnection) -> Result<bool, sqlx::Error> {
    let (busy, _, _): (i64, i64, i64) = sqlx::query_as("PRAGMA wal_checkpoint(TRUNCATE)")
        .fetch_one(conn)
        .await?;
    Ok(busy == 0)
}

/// Whether any SQLITE_BUSY.
fn is_busy(code: &str) -> bool {
    const BUSY: i64 = 5;
    code.parse::<i64>().is_ok_and(|code| code & 0xff == BUSY)
}
