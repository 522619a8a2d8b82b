//! The two databases. Owns every SQL text and every table; knows rules and words of
//! `domain`, and nothing of who probes, sends or serves.
//!
//! Reads have connections of their own. On SQLite all writes go through one task (`writer`), which
//! commits what has gathered in one go; on PostgreSQL each has a transaction of its own.

mod conn;
mod readers;
mod writer;

pub mod case_steps;
pub mod migrations;
pub mod monitor;
pub mod outages;
pub mod outbox;
pub mod pieces;
pub mod reports;
pub mod retention;
pub mod runs;
pub mod seal;
pub mod staff;

use std::str::FromStr;
use std::time::Duration;

use futures_util::future::BoxFuture;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, PgPool};
use tokio::sync::watch;

pub use conn::{Conn, Record, Value};
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
    /// The database did not answer; whether the write was kept is not known.
    #[error("the database did not answer in time")]
    TimedOut,
    /// Too many writes are waiting.
    #[error("the database is overloaded")]
    Overloaded,
    /// The writer has ended.
    #[error("the database is shutting down")]
    Closed,
    /// A row that must be there is not.
    #[error("a row that must be in the database is not there")]
    Missing,
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

impl Error {
    /// Whether the same may succeed later: the database is away, busy or full, as opposed to
    /// refusing what it was given.
    pub fn is_passing(&self) -> bool {
        use sqlx::error::ErrorKind;
        match self {
            Error::Commit(_) | Error::Overloaded | Error::TimedOut => true,
            Error::Database(sqlx::Error::Database(error)) => {
                matches!(error.kind(), ErrorKind::Other)
            }
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

    /// Whether a unique index forbade it: the row is there already.
    pub fn is_duplicate(&self) -> bool {
        matches!(self, Error::Database(sqlx::Error::Database(error))
            if matches!(error.kind(), sqlx::error::ErrorKind::UniqueViolation))
    }
}

impl From<seal::SealError> for Error {
    fn from(error: seal::SealError) -> Self {
        Error::Unreadable(error.to_string())
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
        case_steps::STATEMENTS,
        monitor::STATEMENTS,
        outages::STATEMENTS,
        outbox::STATEMENTS,
        pieces::STATEMENTS,
        reports::STATEMENTS,
        retention::STATEMENTS,
        runs::STATEMENTS,
        staff::STATEMENTS,
    ]
    .concat()
}

/// The database. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    engine: Engine,
    /// Counts committed writes that public pages may show.
    changes: watch::Sender<u64>,
}

#[derive(Clone)]
enum Engine {
    Sqlite { readers: Readers, writer: Writer },
    Postgres(PgPool),
}

const ACQUIRE_WITHIN: Duration = Duration::from_secs(5);
/// How long PostgreSQL may work on one statement, in its own notation.
const STATEMENT_WITHIN: &str = "20s";
/// How long a whole reading or a whole transaction may take on PostgreSQL.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);

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
            let options = options.read_only(true).create_if_missing(false);
            let readers = Readers::open(options, ACQUIRE_WITHIN).await?;
            Engine::Sqlite { readers, writer }
        } else if address.starts_with("postgres:") || address.starts_with("postgresql:") {
            let options = PgConnectOptions::from_str(address)
                .map_err(|_| Error::Address(without_password(address)))?
                .application_name("siaga");
            let mut conn = options.connect().await?;
            migrations::postgres()
                .run_direct(None, &mut conn, false)
                .await?;
            conn.close().await?;
            let pool = PgPoolOptions::new()
                .max_connections(8)
                .acquire_timeout(ACQUIRE_WITHIN)
                .connect_with(options.options([("statement_timeout", STATEMENT_WITHIN)]))
                .await?;
            Engine::Postgres(pool)
        } else {
            return Err(Error::Address(without_password(address)));
        };
        Ok(Store {
            engine,
            changes: watch::Sender::new(0),
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
            Engine::Postgres(pool) => {
                in_time(async {
                    let mut conn = pool.acquire().await?;
                    work(Conn::Postgres(&mut conn)).await
                })
                .await
            }
        }
    }

    /// Runs `work` in a transaction. When this gives `Ok`, the write is on disk; when it
    /// gives an error, nothing of it is kept.
    pub async fn write<T, F>(&self, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(Conn<'c>) -> BoxFuture<'c, Result<T, Error>> + Send + 'static,
    {
        match &self.engine {
            Engine::Sqlite { writer, .. } => writer.run(work).await,
            Engine::Postgres(pool) => {
                in_time(async {
                    let mut transaction = pool.begin().await?;
                    let value = work(Conn::Postgres(&mut transaction)).await?;
                    transaction
                        .commit()
                        .await
                        .map_err(|e| Error::Commit(e.to_string()))?;
                    Ok(value)
                })
                .await
            }
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

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<(), Error> {
        self.read(|mut conn| Box::pin(async move { conn.number("SELECT 1 + $1", values(0)).await }))
            .await
            .map(|_| ())
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

    /// Commits what is waiting and closes all connections.
    pub async fn close(&self) {
        match &self.engine {
            Engine::Sqlite { readers, writer } => {
                readers.close().await;
                writer.close().await;
            }
            Engine::Postgres(pool) => pool.close().await,
        }
    }
}

/// A server that has gone without a word must not hold anyone for ever.
async fn in_time<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    tokio::time::timeout(ANSWER_WITHIN, work)
        .await
        .unwrap_or(Err(Error::TimedOut))
}

fn values(number: i64) -> Vec<Value> {
    vec![Value::from(number)]
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
