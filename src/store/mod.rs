//! The two databases. Owns every SQL text and every table; knows rules and words of
//! `domain`, and nothing of who probes, sends or serves.
//!
//! Reads have connections of their own. On SQLite all writes go through one task (`writer`), which
//! commits what has gathered in one go; on PostgreSQL each has a transaction of its own
//! (`postgres`).

mod checks;
mod conn;
mod file;
mod pool;
mod postgres;
mod readers;
mod warnings;
mod writer;

pub mod audit;
pub mod case_steps;
pub mod devices;
pub mod files;
pub mod keys;
pub mod migrations;
pub mod monitor;
pub mod names;
pub mod outages;
pub mod outbox;
pub mod pieces;
pub mod reevaluation;
pub mod reports;
pub mod retention;
pub mod rewrap;
pub mod runs;
pub mod seal;
pub mod sign_ins;
pub mod staff;
pub mod vantages;

use std::str::FromStr;
use std::time::Duration;

use futures_util::future::BoxFuture;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use tokio::sync::watch;

use checks::Checks;
pub use conn::{Conn, Record, Value};
use postgres::Postgres;
use readers::Readers;
use writer::Writer;

/// What can go wrong with the database.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database refused or is not there.
    #[error("the database failed: {0}")]
    Database(#[from] sqlx::Error),
    /// A migration failed.
    #[error("the database could not be brought up to date: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// The transaction could not be committed, so nothing of it is kept.
    #[error("the database could not commit: {0}")]
    Commit(String),
    /// The write was to be committed, and what became of that is not known: it may be kept, be
    /// gone, or appear later.
    #[error("whether the database kept the write is not known: {0}")]
    Unknown(String),
    /// The database did not answer. Of a write, COMMIT had not been sent.
    #[error("the database did not answer in time")]
    TimedOut,
    /// The server of the database takes no writes: a standby, or one that is set to read only.
    #[error("the database takes no writes: its server is a standby, or set to read only")]
    ReadOnly,
    /// Too many writes are waiting.
    #[error("the database is overloaded")]
    Overloaded,
    /// The writer has ended.
    #[error("the database is shutting down")]
    Closed,
    /// A row that must be there is not.
    #[error("a row that must be in the database is not there")]
    Missing,
    /// Others may read the database's files, and it cannot be taken from them.
    #[error("the database's files cannot be kept from other users: {0}")]
    NotPrivate(std::io::Error),
    /// What is sealed does not open.
    #[error(transparent)]
    Sealed(#[from] seal::SealError),
    /// What stands in the database is not what this version writes.
    #[error("the database holds something unreadable: {0}")]
    Unreadable(String),
    /// The address of the database is not understood.
    #[error(
        "`{0}` is no database address; write `sqlite:FILE` or `postgres://USER:PASSWORD@HOST/NAME`"
    )]
    Address(String),
    /// A rule of the caller forbids the write; nothing of it is kept.
    #[error("{0}")]
    Refused(&'static str),
}

/// What PostgreSQL says that has nothing to do with what it was given, by the beginning of its code:
/// a connection that broke, a deadlock or a conflict, no room, an operator's doing, the system under
/// it, a lock that was not free, a server that only reads.
const PASSING_STATES: [&str; 7] = ["08", "40", "53", "57P", "58", "55P03", "25006"];
/// The same of SQLite, without what its extended codes add: `SQLITE_BUSY`, `SQLITE_LOCKED`,
/// `SQLITE_FULL`.
const PASSING_CODES: [u32; 3] = [5, 6, 13];

/// Whether the database may take the same later. What is on no list is final: a row that is refused
/// for ever must not stop those behind it.
fn may_pass(error: &dyn sqlx::error::DatabaseError) -> bool {
    let code = error.code().unwrap_or_default();
    match error.try_downcast_ref::<sqlx::sqlite::SqliteError>() {
        Some(_) => code
            .parse::<u32>()
            .is_ok_and(|code| PASSING_CODES.contains(&(code & 0xff))),
        None => PASSING_STATES.iter().any(|state| code.starts_with(state)),
    }
}

impl Error {
    /// Whether the same may succeed later: the database is away, busy or full, as opposed to
    /// refusing what it was given.
    pub fn is_passing(&self) -> bool {
        match self {
            Error::Commit(_)
            | Error::Unknown(_)
            | Error::Overloaded
            | Error::TimedOut
            | Error::ReadOnly => true,
            Error::Database(sqlx::Error::Database(error)) => may_pass(&**error),
            Error::Database(error) => matches!(
                error,
                sqlx::Error::Io(_)
                    | sqlx::Error::Tls(_)
                    | sqlx::Error::Protocol(_)
                    | sqlx::Error::PoolTimedOut
                    | sqlx::Error::PoolClosed
                    | sqlx::Error::WorkerCrashed
                    | sqlx::Error::BeginFailed
            ),
            _ => false,
        }
    }

    /// Of an error that [`Store::write`] gave: whether nothing of the write is kept, for certain.
    /// Only then may be taken back what was done for it outside of the database.
    pub fn is_surely_not_kept(&self) -> bool {
        matches!(
            self,
            Error::Database(_)
                | Error::Commit(_)
                | Error::TimedOut
                | Error::ReadOnly
                | Error::Overloaded
                | Error::Closed
                | Error::Missing
                | Error::Unreadable(_)
                | Error::Refused(_)
        )
    }

    /// Whether a foreign key forbade it: another row refers to the one that was to go.
    pub fn is_still_referred_to(&self) -> bool {
        matches!(self, Error::Database(sqlx::Error::Database(error))
            if matches!(error.kind(), sqlx::error::ErrorKind::ForeignKeyViolation))
    }

    /// Whether a unique index forbade it: the row is there already.
    pub fn is_duplicate(&self) -> bool {
        matches!(self, Error::Database(sqlx::Error::Database(error))
            if matches!(error.kind(), sqlx::error::ErrorKind::UniqueViolation))
    }
}

impl From<serde_json::Error> for Error {
    fn from(error: serde_json::Error) -> Self {
        Error::Unreadable(error.to_string())
    }
}

/// Every SQL text with its name, for the test that prepares each on both engines.
pub fn statements() -> Vec<(&'static str, &'static str)> {
    [
        audit::STATEMENTS,
        case_steps::STATEMENTS,
        devices::STATEMENTS,
        files::STATEMENTS,
        keys::STATEMENTS,
        monitor::STATEMENTS,
        names::STATEMENTS,
        outages::STATEMENTS,
        outbox::STATEMENTS,
        pieces::STATEMENTS,
        reevaluation::STATEMENTS,
        reports::STATEMENTS,
        reports::LIST_STATEMENTS,
        reports::PERSONAL_STATEMENTS,
        retention::STATEMENTS,
        rewrap::STATEMENTS,
        runs::STATEMENTS,
        sign_ins::STATEMENTS,
        staff::STATEMENTS,
        vantages::STATEMENTS,
    ]
    .concat()
}

/// The database. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    engine: Engine,
    /// Counts committed writes that public pages may show.
    changes: watch::Sender<u64>,
    checks: Checks,
}

#[derive(Clone)]
enum Engine {
    Sqlite {
        readers: Readers,
        writer: Writer,
        options: Box<SqliteConnectOptions>,
    },
    Postgres(Postgres),
}

const ACQUIRE_WITHIN: Duration = Duration::from_secs(5);

impl Store {
    /// Opens the database at `address` (`sqlite:FILE` or `postgres://…`), creates it where it
    /// is a missing SQLite file, and brings its tables up to date.
    pub async fn open(address: &str) -> Result<Store, Error> {
        let engine = if address.starts_with("sqlite:") {
            let options = SqliteConnectOptions::from_str(address)
                .map_err(|_| Error::Address(address.to_owned()))?
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Full)
                .foreign_keys(true)
                // What is erased is overwritten, not only unlinked.
                .pragma("secure_delete", "ON")
                .busy_timeout(ACQUIRE_WITHIN);
            let writer = Writer::start(&options).await?;
            file::make_private(&options).map_err(Error::NotPrivate)?;
            let read_only = options.clone().read_only(true).create_if_missing(false);
            let readers = Readers::open(read_only, ACQUIRE_WITHIN).await?;
            Engine::Sqlite {
                readers,
                writer,
                options: Box::new(options),
            }
        } else if address.starts_with("postgres:") || address.starts_with("postgresql:") {
            Engine::Postgres(Postgres::open(address).await?)
        } else {
            return Err(Error::Address(without_password(address)));
        };
        Ok(Store {
            engine,
            changes: watch::Sender::new(0),
            checks: Checks::default(),
        })
    }

    /// Runs `work` on a connection, outside of any transaction, for reading.
    pub async fn read<T, F>(&self, work: F) -> Result<T, Error>
    where
        T: Send,
        F: for<'c> FnOnce(Conn<'c>) -> BoxFuture<'c, Result<T, Error>> + Send,
    {
        match &self.engine {
            Engine::Sqlite { readers, .. } => readers.read(work).await,
            Engine::Postgres(postgres) => postgres.read(work).await,
        }
    }

    /// Runs `work` in a transaction. When this gives `Ok`, the write is on disk, and on the
    /// synchronous standby of PostgreSQL, where there is one. When it gives an error,
    /// [`Error::is_surely_not_kept`] tells whether nothing of it is kept. Who stops waiting in
    /// the middle does not know either.
    pub async fn write<T, F>(&self, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(Conn<'c>) -> BoxFuture<'c, Result<T, Error>> + Send + 'static,
    {
        match &self.engine {
            Engine::Sqlite { writer, .. } => writer.run(work).await,
            Engine::Postgres(postgres) => postgres.write(work).await,
        }
    }

    /// Says that something which public pages show has changed.
    pub fn announce_change(&self) {
        self.changes.send_modify(|count| *count += 1);
    }

    /// Wakes whoever renders pages when something changed.
    pub fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Whether the database takes writes: a small one is committed, at most one at a time and
    /// one in two seconds, however many ask.
    pub async fn takes_writes(&self) -> bool {
        let mut outcome = self.checks.outcome(|| {
            let store = self.clone();
            async move {
                let name = "checked";
                let write = store.write(move |mut conn| {
                    Box::pin(async move { monitor::set(&mut conn, name, "").await })
                });
                let outcome = write.await;
                if let Err(error) = &outcome {
                    tracing::warn!(%error, "the database takes no writes");
                }
                outcome.is_ok()
            }
        });
        let outcome = outcome.wait_for(Option::is_some).await;
        outcome.is_ok_and(|outcome| *outcome == Some(true))
    }

    /// Asks the engine whether it understands a statement.
    pub async fn prepare(&self, sql: &'static str) -> Result<(), Error> {
        use sqlx::{Executor, SqlSafeStr};
        self.read(|conn| {
            Box::pin(async move {
                match conn {
                    Conn::Sqlite(conn) => conn.prepare(sql.into_sql_str()).await.map(|_| ()),
                    Conn::Postgres(conn) => conn.prepare(sql.into_sql_str()).await.map(|_| ()),
                }?;
                Ok(())
            })
        })
        .await
    }

    /// Waits for the fatal error of the writer: a commit that failed in a way after which
    /// nobody can say what is on disk. It never resolves while all is well.
    pub async fn failed(&self) -> String {
        match &self.engine {
            Engine::Sqlite { writer, .. } => writer.failed().await,
            Engine::Postgres(_) => std::future::pending().await,
        }
    }

    /// Leaves nothing of what was erased in the log of a SQLite database. `false` where a reading
    /// stands in the way: it is to be tried again. PostgreSQL keeps its own log, and what it
    /// keeps of it is not ours to say; there it is always `true`.
    pub async fn truncate_log(&self) -> Result<bool, Error> {
        match &self.engine {
            Engine::Sqlite { options, .. } => file::truncate_log(options).await,
            Engine::Postgres(_) => Ok(true),
        }
    }

    /// Commits what is waiting and closes all connections.
    pub async fn close(&self) {
        match &self.engine {
            Engine::Sqlite {
                readers, writer, ..
            } => {
                readers.close().await;
                writer.close().await;
            }
            Engine::Postgres(postgres) => postgres.close().await,
        }
    }
}

/// The address as it may be shown: everything between `//` and `@` left out.
fn without_password(address: &str) -> String {
    match (address.find("//"), address.rfind('@')) {
        (Some(start), Some(end)) if start < end => {
            format!("{}//…{}", &address[..start], &address[end..])
        }
        _ => address.to_owned(),
    }
}
