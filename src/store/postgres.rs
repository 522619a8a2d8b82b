//! The connections to PostgreSQL, and what can be said of a write afterwards.
//!
//! Reads and writes have pools of their own, so that writes which wait for a standby do not
//! keep pages from being read. A connection goes back to its pool only after its work came to an
//! end in a way that leaves it in order; everything else closes it.
//!
//! The outcome of a write is one of three. Until COMMIT is sent, an error means that nothing was
//! kept. When COMMIT has succeeded without a warning, the write is durable, on a synchronous
//! standby too where there is one. In between nobody knows: [`Error::Unknown`].

use std::net::IpAddr;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::BoxFuture;
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::{Connection, Executor, PgConnection};
use tokio::time::timeout;

use super::pool::{Lent, Pool, greeted};
use super::{Conn, Error, migrations, warnings, without_password};

/// Connections that read, at most.
const MAX_READERS: u32 = 4;
/// Connections that write, at most.
const MAX_WRITERS: u32 = 8;
/// How long a whole reading, or a transaction up to its COMMIT, may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(15);
/// How long COMMIT may take, the wait for a synchronous standby included. After that the
/// outcome is unknown.
const COMMIT_TIMEOUT: Duration = Duration::from_secs(15);
/// How long undoing a transaction may take before its connection is given up.
const ROLLBACK_TIMEOUT: Duration = Duration::from_secs(2);
/// Backends of ours that may wait for a synchronous standby before further writes are refused.
/// The server keeps such a backend when its client has gone.
const MAX_STALLED: i64 = 8;

/// How long a reading may work on one statement, as PostgreSQL writes it.
const STATEMENT_TIMEOUT: &str = "10s";
/// The same for statements that write: within the transaction alone, and no longer than up to
/// its COMMIT, because a limit that ends the wait for a synchronous standby leaves a success
/// with a warning, and the standby without the write.
const BEGIN: &str = "BEGIN; SET LOCAL statement_timeout = '10s'";
/// In a transaction that has failed the first of the two is refused, so that COMMIT cannot
/// quietly become a ROLLBACK.
const COMMIT: &str = "SET LOCAL statement_timeout = 0; COMMIT";
const STALLED: &str = "SELECT COUNT(*) FROM pg_stat_activity
    WHERE usename = current_user AND wait_event = 'SyncRep'";

/// SQLSTATE of a transaction that a failed statement has broken.
const IN_FAILED_TRANSACTION: &str = "25P02";
/// SQLSTATE of a server that takes no writes.
const READ_ONLY: &str = "25006";

#[derive(Clone)]
pub(super) struct Postgres {
    readers: Pool,
    writers: Pool,
    /// Whether a COMMIT was not answered in time lately.
    is_stalled: Arc<AtomicBool>,
}

impl Postgres {
    pub(super) async fn open(address: &str) -> Result<Postgres, Error> {
        let options = PgConnectOptions::from_str(address)
            .map_err(|_| Error::Address(without_password(address)))?
            .application_name("siaga");
        if may_be_overheard(&options) {
            tracing::warn!(
                "what goes to the database may be overheard: demand TLS with \
                 `?sslmode=verify-full` in its address"
            );
        }
        let mut conn = greeted(&options).await?;
        migrations::postgres()
            .run_direct(None, &mut conn, false)
            .await?;
        conn.close().await?;
        let pool = |max, statement_timeout| {
            // A limit that the server's configuration sets for the role would hold for COMMIT
            // too, and a warning that is not sent would not be heard.
            let settings = [
                ("statement_timeout", statement_timeout),
                ("client_min_messages", "warning"),
            ];
            Pool::new(options.clone().options(settings), max)
        };
        Ok(Postgres {
            readers: pool(MAX_READERS, STATEMENT_TIMEOUT),
            writers: pool(MAX_WRITERS, "0"),
            is_stalled: Arc::default(),
        })
    }

    pub(super) async fn read<T, F>(&self, work: F) -> Result<T, Error>
    where
        F: for<'c> FnOnce(Conn<'c>) -> BoxFuture<'c, Result<T, Error>>,
    {
        in_time(async {
            let mut lent = self.readers.lend().await?;
            let outcome = work(Conn::Postgres(&mut lent.conn)).await;
            if outcome.as_ref().err().is_none_or(leaves_order) {
                lent.give_back();
            }
            outcome
        })
        .await
    }

    pub(super) async fn write<T, F>(&self, work: F) -> Result<T, Error>
    where
        F: for<'c> FnOnce(Conn<'c>) -> BoxFuture<'c, Result<T, Error>>,
    {
        let (lent, value) = in_time(async {
            let mut lent = self.writers.lend().await?;
            match self.work_in_transaction(&mut lent.conn, work).await {
                Ok(value) => Ok((lent, value)),
                Err(error) => {
                    if leaves_order(&error) {
                        let undoing = lent.conn.execute("ROLLBACK");
                        if let Ok(Ok(_)) = timeout(ROLLBACK_TIMEOUT, undoing).await {
                            lent.give_back();
                        }
                    }
                    Err(error)
                }
            }
        })
        .await?;
        self.commit(lent).await?;
        Ok(value)
    }

    async fn work_in_transaction<T, F>(&self, conn: &mut PgConnection, work: F) -> Result<T, Error>
    where
        F: for<'c> FnOnce(Conn<'c>) -> BoxFuture<'c, Result<T, Error>>,
    {
        conn.execute(BEGIN).await?;
        if self.is_stalled.load(Ordering::Relaxed) {
            let stalled: i64 = sqlx::query_scalar(STALLED).fetch_one(&mut *conn).await?;
            if stalled >= MAX_STALLED {
                return Err(Error::Overloaded);
            }
            self.is_stalled.store(stalled > 0, Ordering::Relaxed);
        }
        work(Conn::Postgres(conn)).await
    }

    /// Commits. Who stops waiting in the middle leaves a closed connection behind.
    async fn commit(&self, mut lent: Lent) -> Result<(), Error> {
        // Set before, for who is dropped while it waits.
        let stall = Stall(&self.is_stalled);
        let committing = warnings::heard_during(lent.conn.execute(COMMIT));
        let Ok((outcome, warning)) = timeout(COMMIT_TIMEOUT, committing).await else {
            let cause = format!("COMMIT was not answered within {COMMIT_TIMEOUT:?}");
            return Err(Error::Unknown(cause));
        };
        stall.has_ended();
        if let Err(error) = outcome {
            let code = error.as_database_error().and_then(|error| error.code());
            return Err(if code.is_some_and(|code| code == IN_FAILED_TRANSACTION) {
                Error::Commit(error.to_string())
            } else {
                Error::Unknown(error.to_string())
            });
        }
        lent.give_back();
        match warning {
            // Somebody cancelled the wait for the standby, say.
            Some(warning) => Err(Error::Unknown(warning)),
            None => Ok(()),
        }
    }

    pub(super) async fn close(&self) {
        self.readers.close().await;
        self.writers.close().await;
    }
}

/// Whether the server is elsewhere and TLS is not demanded.
fn may_be_overheard(options: &PgConnectOptions) -> bool {
    let host = options.get_host();
    let is_here = host == "localhost"
        || host.starts_with('/')
        || host.parse().is_ok_and(|host: IpAddr| host.is_loopback());
    let demanded = matches!(
        options.get_ssl_mode(),
        PgSslMode::Require | PgSslMode::VerifyCa | PgSslMode::VerifyFull
    );
    !demanded && !is_here && options.get_socket().is_none()
}

/// Notes that a COMMIT stalls, unless it is told that it does not.
struct Stall<'a>(&'a AtomicBool);

impl Stall<'_> {
    fn has_ended(self) {
        std::mem::forget(self);
    }
}

impl Drop for Stall<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Whether the connection can serve others after an error: not when it broke, nor when the
/// server shuts down or takes no writes.
fn leaves_order(error: &Error) -> bool {
    match error {
        Error::Database(sqlx::Error::Database(error)) => {
            let code = error.code().unwrap_or_default();
            code != READ_ONLY && !["08", "57P"].iter().any(|class| code.starts_with(class))
        }
        Error::Database(error) => !matches!(
            error,
            sqlx::Error::Io(_)
                | sqlx::Error::Tls(_)
                | sqlx::Error::Protocol(_)
                | sqlx::Error::WorkerCrashed
        ),
        _ => true,
    }
}

/// A server that has gone without a word must not hold anyone for ever.
async fn in_time<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    timeout(ANSWER_WITHIN, work)
        .await
        .unwrap_or(Err(Error::TimedOut))
}
