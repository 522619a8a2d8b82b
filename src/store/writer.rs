//! The one task that writes to SQLite. It takes what has gathered, runs each in a
//! savepoint of one transaction, commits once, and only then answers: many writers share
//! the cost of one fsync.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use futures_util::future::BoxFuture;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{ConnectOptions, Connection};
use tokio::sync::{mpsc, oneshot, watch};

use super::{Conn, Error, migrations};

/// Writes that may wait; more are refused at once.
const WAITING: usize = 1024;
/// Writes that share one commit.
const TOGETHER: usize = 256;

/// How a write is answered, once it is known whether the commit held.
type Answer = Box<dyn FnOnce(Result<(), &Failure>) + Send>;

/// A commit that failed.
struct Failure {
    cause: String,
    /// Whether it is certain that nothing of it is kept.
    is_undone: bool,
}

impl From<&Failure> for Error {
    fn from(failure: &Failure) -> Self {
        let cause = failure.cause.clone();
        if failure.is_undone {
            Error::Commit(cause)
        } else {
            Error::Unknown(cause)
        }
    }
}

enum Done {
    Keep(Answer),
    /// With what the write failed of, for its neighbours where they fail of it too.
    Undo(Answer, String),
}

/// A write; given an error instead of a connection, it answers with that.
type Job = Box<dyn for<'c> FnOnce(Result<Conn<'c>, Error>) -> BoxFuture<'c, Done> + Send>;

enum Message {
    Write(Job),
    Close,
}

#[derive(Clone)]
pub(super) struct Writer {
    messages: mpsc::Sender<Message>,
    closing: Arc<AtomicBool>,
    /// The fatal error, or the word that all is committed and closed.
    ended: watch::Receiver<Option<End>>,
}

#[derive(Clone, Debug)]
enum End {
    Closed,
    Failed(String),
}

impl Writer {
    pub(super) async fn start(options: &SqliteConnectOptions) -> Result<Writer, Error> {
        let mut conn = options.connect().await?;
        migrations::sqlite()
            .run_direct(None, &mut conn, false)
            .await?;
        let (messages, waiting) = mpsc::channel(WAITING);
        let (tell, ended) = watch::channel(None);
        tokio::spawn(async move {
            let end = match serve(&mut conn, waiting).await {
                Ok(()) => End::Closed,
                Err(cause) => End::Failed(cause),
            };
            let _ = conn.close().await;
            let _ = tell.send(Some(end));
        });
        Ok(Writer {
            messages,
            closing: Arc::new(AtomicBool::new(false)),
            ended,
        })
    }

    pub(super) async fn run<T, F>(&self, work: F) -> Result<T, Error>
    where
        T: Send + 'static,
        F: for<'c> FnOnce(Conn<'c>) -> BoxFuture<'c, Result<T, Error>> + Send + 'static,
    {
        if self.closing.load(Ordering::Relaxed) {
            return Err(Error::Closed);
        }
        let (answer, answered) = oneshot::channel::<Result<T, Error>>();
        let job: Job = Box::new(move |conn| {
            Box::pin(async move {
                let outcome = match conn {
                    Ok(conn) => work(conn).await,
                    Err(error) => Err(error),
                };
                match outcome {
                    Ok(value) => Done::Keep(Box::new(move |committed| {
                        let _ = answer.send(committed.map(|()| value).map_err(Error::from));
                    })),
                    Err(error) => {
                        let cause = error.to_string();
                        let answer = Box::new(move |_: Result<(), &Failure>| {
                            let _ = answer.send(Err(error));
                        });
                        Done::Undo(answer, cause)
                    }
                }
            })
        });
        self.messages
            .try_send(Message::Write(job))
            .map_err(|refused| match refused {
                mpsc::error::TrySendError::Full(_) => Error::Overloaded,
                mpsc::error::TrySendError::Closed(_) => Error::Closed,
            })?;
        answered
            .await
            .unwrap_or_else(|_| Err(Error::Unknown("the write was dropped".to_owned())))
    }

    pub(super) async fn failed(&self) -> String {
        let mut ended = self.ended.clone();
        loop {
            if let Some(End::Failed(cause)) = &*ended.borrow_and_update() {
                return cause.clone();
            }
            if ended.changed().await.is_err() {
                if ended.borrow().is_none() {
                    return "the task that writes to the database has crashed".to_owned();
                }
                std::future::pending::<()>().await;
            }
        }
    }

    pub(super) async fn close(&self) {
        self.closing.store(true, Ordering::Relaxed);
        let _ = self.messages.send(Message::Close).await;
        let mut ended = self.ended.clone();
        let _ = ended.wait_for(Option::is_some).await;
    }
}

/// Serves until told to close. An error is fatal: after a failed fsync nobody can say
/// what is on disk, so the process must end and start from what it finds there.
async fn serve(
    conn: &mut SqliteConnection,
    mut waiting: mpsc::Receiver<Message>,
) -> Result<(), String> {
    while let Some(Message::Write(first)) = waiting.recv().await {
        if let Err(error) = run(conn, "BEGIN IMMEDIATE; SAVEPOINT one").await {
            tracing::error!(%error, "a transaction could not begin; its write was refused");
            let _ = run(conn, "ROLLBACK").await;
            if let Done::Undo(answer, _) = first(Err(error.into())).await {
                answer(Ok(()));
            }
            continue;
        }
        let mut answers = Vec::new();
        let mut next = Some(first);
        let mut closing = false;
        let mut broken = None;
        while let Some(job) = next.take() {
            match together(conn, job).await {
                Ok(answer) => answers.extend(answer),
                Err(cause) => {
                    broken = Some(cause);
                    break;
                }
            }
            if answers.len() < TOGETHER {
                match waiting.try_recv() {
                    Ok(Message::Write(job)) => next = Some(job),
                    Ok(Message::Close) => closing = true,
                    Err(_) => {}
                }
            }
            // Both in one trip to the connection's thread: a trip costs more than either.
            if next.is_some()
                && let Err(error) = run(conn, "RELEASE one; SAVEPOINT one").await
            {
                broken = Some(error.to_string());
                break;
            }
        }
        let outcome = match broken {
            // Nothing was to be committed yet.
            Some(cause) => Err((cause, false)),
            None => run(conn, "COMMIT")
                .await
                .map_err(|e| (e.to_string(), is_fatal(&e))),
        };
        match outcome {
            Ok(()) => answers.into_iter().for_each(|answer| answer(Ok(()))),
            Err((cause, fatal)) => {
                // A full disk makes SQLite undo the transaction by itself.
                let _ = run(conn, "ROLLBACK").await;
                let failure = Failure {
                    cause,
                    is_undone: !fatal,
                };
                let answer_all = |answer: Answer| answer(Err(&failure));
                answers.into_iter().for_each(answer_all);
                if fatal {
                    return Err(failure.cause);
                }
            }
        }
        if closing {
            break;
        }
    }
    Ok(())
}

/// One write in the savepoint that was made for it. Gives what is to be answered after the
/// commit, or the error after which the whole transaction is gone.
async fn together(conn: &mut SqliteConnection, job: Job) -> Result<Option<Answer>, String> {
    match job(Ok(Conn::Sqlite(conn))).await {
        Done::Keep(answer) => Ok(Some(answer)),
        Done::Undo(answer, cause) => {
            answer(Ok(()));
            // A full disk makes SQLite undo the whole transaction: the savepoint is gone then.
            run(conn, "ROLLBACK TO one").await.map_err(|_| cause)?;
            Ok(None)
        }
    }
}

async fn run(conn: &mut SqliteConnection, sql: &'static str) -> Result<(), sqlx::Error> {
    sqlx::query(sql).execute(conn).await.map(|_| ())
}

/// Whether the disk itself failed (any SQLITE_IOERR), as opposed to being full or locked.
fn is_fatal(error: &sqlx::Error) -> bool {
    const IOERR: i64 = 10;
    error
        .as_database_error()
        .and_then(|error| error.code())
        .and_then(|code| code.parse::<i64>().ok())
        .is_some_and(|code| code & 0xff == IOERR)
}
