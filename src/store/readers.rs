//! The connections that read from SQLite. A pool of sqlx's would ask each connection whether
//! it lives before and after every reading, which costs as much as the reading; a file does
//! not go away as a server does.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::{Conn, Error};

/// Connections at most.
const MOST: u32 = 4;

#[derive(Clone)]
pub(super) struct Readers(Arc<Shared>);

struct Shared {
    options: SqliteConnectOptions,
    places: Semaphore,
    free: Mutex<Vec<SqliteConnection>>,
    within: Duration,
}

impl Readers {
    /// Opens the first connection, to see that it can be. Who finds none free within `within`
    /// gets an error.
    pub(super) async fn open(
        options: SqliteConnectOptions,
        within: Duration,
    ) -> Result<Self, Error> {
        let first = options.connect().await?;
        Ok(Readers(Arc::new(Shared {
            options,
            places: Semaphore::new(MOST as usize),
            free: Mutex::new(vec![first]),
            within,
        })))
    }

    pub(super) async fn read<T, F>(&self, work: F) -> Result<T, Error>
    where
        F: for<'c> FnOnce(Conn<'c>) -> BoxFuture<'c, Result<T, Error>>,
    {
        let place = timeout(self.0.within, self.0.places.acquire()).await;
        let _place = place
            .map_err(|_| sqlx::Error::PoolTimedOut)?
            .map_err(|_| sqlx::Error::PoolClosed)?;
        let free = self.free().pop();
        let mut conn = match free {
            Some(conn) => conn,
            None => self.0.options.connect().await?,
        };
        let outcome = work(Conn::Sqlite(&mut conn)).await;
        // Only what came to its end: a reading that was dropped takes its connection with it.
        self.free().push(conn);
        outcome
    }

    /// Waits for readings under way, and closes all connections.
    pub(super) async fn close(&self) {
        let _all = timeout(self.0.within, self.0.places.acquire_many(MOST)).await;
        self.0.places.close();
        let free = std::mem::take(&mut *self.free());
        for conn in free {
            let _ = conn.close().await;
        }
    }

    fn free(&self) -> MutexGuard<'_, Vec<SqliteConnection>> {
        self.0.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
