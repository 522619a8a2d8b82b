//! Connections to PostgreSQL that are lent and given back.
//!
//! An address may lead to another server from one moment to the next, when a standby takes over.
//! So each time a connection is lent, new or used before, its server is asked whether it takes
//! writes; one that does not is given up, and so is one that breaks or does not answer.
//!
//! The pool of sqlx asks a connection that comes back whether it lives, without a limit of time: a
//! server that falls silent in that moment keeps the place for ever.

use std::io::ErrorKind;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use sqlx::postgres::PgConnectOptions;
use sqlx::{ConnectOptions, Connection, Executor, PgConnection, Row};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};

use super::{ACQUIRE_WITHIN, Error};

/// How long a server may take to say whether it takes writes.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);
/// How long is waited before a server is asked again that refuses: at first, and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(20);
const LAST_PAUSE: Duration = Duration::from_millis(500);
/// How often a connection is lent before it is closed: what its server remembers for it is
/// forgotten then.
const MAX_USES: u32 = 10_000;

/// On a standby, and where the server or the role is set to read only.
const IS_READ_ONLY: &str = "SHOW transaction_read_only";
/// What was acknowledged outlasts a crash of the server, whatever its configuration says.
const DURABLE: &str = "SELECT set_config('synchronous_commit', 'on', false)
    WHERE current_setting('synchronous_commit') = 'off'";
/// SQLSTATE of a server that starts or shuts down, and of one with too many connections.
const PASSING: [&str; 2] = ["57P03", "53300"];

#[derive(Clone)]
pub(super) struct Pool(Arc<Shared>);

struct Shared {
    options: PgConnectOptions,
    max: u32,
    places: Arc<Semaphore>,
    free: Mutex<Vec<(PgConnection, u32)>>,
}

/// A connection in use. It is closed when it is dropped, also where whoever uses it is dropped in
/// the middle, unless it is given back before.
pub(super) struct Lent {
    pub(super) conn: PgConnection,
    uses: u32,
    pool: Arc<Shared>,
    place: OwnedSemaphorePermit,
}

impl Lent {
    /// Gives back a connection that is in order.
    pub(super) fn give_back(self) {
        if self.uses < MAX_USES {
            self.pool.free().push((self.conn, self.uses));
        }
        drop(self.place);
    }
}

impl Pool {
    /// Opens no connection yet; `max` at most are lent at one time.
    pub(super) fn new(options: PgConnectOptions, max: u32) -> Pool {
        Pool(Arc::new(Shared {
            options,
            max,
            places: Arc::new(Semaphore::new(max as usize)),
            free: Mutex::default(),
        }))
    }

    /// A connection to a server that takes writes. A server that is not there or takes none is
    /// asked again for five seconds; then this gives what was wrong last.
    pub(super) async fn lend(&self) -> Result<Lent, Error> {
        let mut wrong = Error::Database(sqlx::Error::PoolTimedOut);
        let lending = timeout(ACQUIRE_WITHIN, self.try_to_lend(&mut wrong)).await;
        lending.unwrap_or(Err(wrong))
    }

    async fn try_to_lend(&self, wrong: &mut Error) -> Result<Lent, Error> {
        let place = Arc::clone(&self.0.places).acquire_owned().await;
        let place = place.map_err(|_| sqlx::Error::PoolClosed)?;
        let free = self.0.free().pop();
        let lent = |conn, uses| Lent {
            conn,
            uses,
            pool: Arc::clone(&self.0),
            place,
        };
        if let Some((mut conn, uses)) = free {
            if matches!(is_read_only(&mut conn).await, Ok(false)) {
                return Ok(lent(conn, uses + 1));
            }
            // The others lead to the same server.
            self.0.free().clear();
        }
        Ok(lent(self.connect(wrong).await?, 1))
    }

    async fn connect(&self, wrong: &mut Error) -> Result<PgConnection, Error> {
        let mut pause = FIRST_PAUSE;
        loop {
            match greeted(&self.0.options).await {
                Ok(conn) => return Ok(conn),
                Err(error) if may_pass(&error) => *wrong = error,
                Err(error) => return Err(error),
            }
            sleep(pause).await;
            pause = (pause * 2).min(LAST_PAUSE);
        }
    }

    /// Waits for what is lent, and closes all connections.
    pub(super) async fn close(&self) {
        let all = self.0.places.acquire_many(self.0.max);
        let _all = timeout(ACQUIRE_WITHIN, all).await;
        self.0.places.close();
        let free = std::mem::take(&mut *self.0.free());
        let closing = free.into_iter().map(|(conn, _)| conn.close());
        let _ = timeout(CHECK_TIMEOUT, join_all(closing)).await;
    }
}

/// A new connection to a server that takes writes.
pub(super) async fn greeted(options: &PgConnectOptions) -> Result<PgConnection, Error> {
    let mut conn = options.connect().await?;
    if is_read_only(&mut conn).await? {
        return Err(Error::ReadOnly);
    }
    conn.execute(DURABLE).await?;
    Ok(conn)
}

async fn is_read_only(conn: &mut PgConnection) -> Result<bool, sqlx::Error> {
    let asked = conn.fetch_one(IS_READ_ONLY);
    let row = timeout(CHECK_TIMEOUT, asked)
        .await
        .map_err(|_| sqlx::Error::Io(ErrorKind::TimedOut.into()))??;
    row.try_get_unchecked::<String, _>(0)
        .map(|answer| answer == "on")
}

/// Whether connecting may succeed in a moment.
fn may_pass(error: &Error) -> bool {
    match error {
        Error::ReadOnly | Error::Database(sqlx::Error::Io(_)) => true,
        Error::Database(sqlx::Error::Database(error)) => error
            .code()
            .is_some_and(|code| PASSING.contains(&code.as_ref())),
        _ => false,
    }
}

impl Shared {
    fn free(&self) -> MutexGuard<'_, Vec<(PgConnection, u32)>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
