//! One connection to either database, behind one set of calls.
//!
//! Every statement is written once, with `$1` placeholders, and runs on both engines. The
//! values that cross are the few kinds that both keep alike: 64-bit integers, texts,
//! bytes, booleans.

use sqlx::postgres::{PgArguments, PgConnection, PgRow};
use sqlx::query::{Query, QueryAs};
use sqlx::sqlite::{SqliteArguments, SqliteConnection, SqliteRow};
use sqlx::{AssertSqlSafe, FromRow, Postgres, Sqlite};

use super::Error;

/// A value bound to a placeholder.
#[derive(Clone, Debug)]
pub enum Value {
    /// A 64-bit integer or NULL.
    Integer(Option<i64>),
    /// A text or NULL.
    Text(Option<String>),
    /// Bytes or NULL.
    Bytes(Option<Vec<u8>>),
    /// A boolean.
    Boolean(bool),
}

/// A text as both databases take it: PostgreSQL's have no NUL, and SQLite's tools end there. What
/// strangers send holds one at times.
fn text(text: String) -> String {
    match text.contains('\0') {
        true => text.replace('\0', "\u{fffd}"),
        false => text,
    }
}

macro_rules! value_from {
    ($($from:ty => |$v:ident| $to:expr;)*) => {
        $(impl From<$from> for Value { fn from($v: $from) -> Value { $to } })*
    };
}

value_from! {
    i64 => |v| Value::Integer(Some(v));
    Option<i64> => |v| Value::Integer(v);
    crate::domain::Moment => |v| Value::Integer(Some(v.0));
    Option<crate::domain::Moment> => |v| Value::Integer(v.map(|m| m.0));
    &str => |v| Value::Text(Some(text(v.to_owned())));
    Option<&str> => |v| Value::Text(v.map(|v| text(v.to_owned())));
    String => |v| Value::Text(Some(text(v)));
    &String => |v| Value::Text(Some(text(v.clone())));
    Option<String> => |v| Value::Text(v.map(text));
    &crate::domain::ComponentId => |v| Value::Text(Some(v.as_str().to_owned()));
    Vec<u8> => |v| Value::Bytes(Some(v));
    &[u8] => |v| Value::Bytes(Some(v.to_vec()));
    Option<Vec<u8>> => |v| Value::Bytes(v);
    bool => |v| Value::Boolean(v);
}

/// Builds the list of values of a statement.
macro_rules! values {
    ($($value:expr),* $(,)?) => { vec![$($crate::store::conn::Value::from($value)),*] };
}
pub(super) use values;

/// Declares SQL texts, and the list of them that a test prepares on both engines.
macro_rules! statements {
    ($($name:ident = $sql:expr;)*) => {
        $(const $name: &str = $sql;)*
        pub(in crate::store) const STATEMENTS: &[(&str, &str)] = &[$((stringify!($name), $sql)),*];
    };
}
pub(super) use statements;

/// A row type that reads from both engines; `#[derive(sqlx::FromRow)]` gives it.
pub trait Record:
    for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin
{
}
impl<T> Record for T where
    T: for<'r> FromRow<'r, SqliteRow> + for<'r> FromRow<'r, PgRow> + Send + Unpin
{
}

/// A connection, most often inside a transaction.
pub enum Conn<'c> {
    /// To SQLite.
    Sqlite(&'c mut SqliteConnection),
    /// To PostgreSQL.
    Postgres(&'c mut PgConnection),
}

macro_rules! bind {
    ($query:expr, $values:expr) => {{
        let mut query = $query;
        for value in $values {
            query = match value {
                Value::Integer(v) => query.bind(v),
                Value::Text(v) => query.bind(v),
                Value::Bytes(v) => query.bind(v),
                Value::Boolean(v) => query.bind(v),
            };
        }
        query
    }};
}

impl Conn<'_> {
    /// Runs a statement; gives the number of rows that it touched.
    pub async fn execute(&mut self, sql: &'static str, values: Vec<Value>) -> Result<u64, Error> {
        Ok(match self {
            Conn::Sqlite(conn) => {
                let query: Query<'_, Sqlite, SqliteArguments> = bind!(sqlx::query(sql), values);
                query.execute(&mut **conn).await?.rows_affected()
            }
            Conn::Postgres(conn) => {
                let query: Query<'_, Postgres, PgArguments> = bind!(sqlx::query(sql), values);
                query.execute(&mut **conn).await?.rows_affected()
            }
        })
    }

    /// Runs statements in their order. On SQLite in one trip to the connection's thread, which
    /// costs more than a small insert.
    pub async fn execute_all(
        &mut self,
        statements: Vec<(&'static str, Vec<Value>)>,
    ) -> Result<(), Error> {
        let Conn::Sqlite(conn) = self else {
            for (sql, values) in statements {
                self.execute(sql, values).await?;
            }
            return Ok(());
        };
        let (mut text, mut all) = (String::new(), Vec::new());
        for (sql, values) in statements {
            if !text.is_empty() {
                text.push(';');
            }
            renumber(sql, all.len(), &mut text);
            all.extend(values);
        }
        if text.is_empty() {
            return Ok(());
        }
        // Made of constants alone.
        let query: Query<'_, Sqlite, SqliteArguments> =
            bind!(sqlx::query(AssertSqlSafe(text)), all);
        query.execute(&mut **conn).await?;
        Ok(())
    }

    /// Waits for transactions that have written to `table`, also where their COMMIT waits for a
    /// standby, and keeps others from writing to it until this transaction ends. On SQLite there
    /// is one writer, so that it is alone already.
    ///
    /// # Errors
    /// When those transactions do not end at once.
    pub(super) async fn keep_writers_out_of(&mut self, table: &'static str) -> Result<(), Error> {
        let Conn::Postgres(conn) = self else {
            return Ok(());
        };
        // Whoever comes behind this lock waits as long as it does.
        let lock = format!("SET LOCAL lock_timeout = '250ms'; LOCK TABLE {table} IN SHARE MODE");
        sqlx::raw_sql(AssertSqlSafe(lock))
            .execute(&mut **conn)
            .await?;
        Ok(())
    }

    /// Waits for transactions that named one of these, and lets others that do wait until this one
    /// ends. On SQLite there is one writer, so that it is alone already.
    pub(super) async fn take_turns(&mut self, names: &[String]) -> Result<(), Error> {
        let Conn::Postgres(conn) = self else {
            return Ok(());
        };
        // In one order, so that no two wait for each other.
        let mut names: Vec<&String> = names.iter().collect();
        names.sort_unstable();
        for name in names {
            sqlx::query("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))")
                .bind(name)
                .execute(&mut **conn)
                .await?;
        }
        Ok(())
    }

    /// All rows of a query. The statement itself bounds their number.
    pub async fn all<T: Record>(
        &mut self,
        sql: &'static str,
        values: Vec<Value>,
    ) -> Result<Vec<T>, Error> {
        Ok(match self {
            Conn::Sqlite(conn) => {
                let query: QueryAs<'_, Sqlite, T, SqliteArguments> =
                    bind!(sqlx::query_as(sql), values);
                query.fetch_all(&mut **conn).await?
            }
            Conn::Postgres(conn) => {
                let query: QueryAs<'_, Postgres, T, PgArguments> =
                    bind!(sqlx::query_as(sql), values);
                query.fetch_all(&mut **conn).await?
            }
        })
    }

    /// The first row of a query, if there is one.
    pub async fn optional<T: Record>(
        &mut self,
        sql: &'static str,
        values: Vec<Value>,
    ) -> Result<Option<T>, Error> {
        Ok(self.all(sql, values).await?.into_iter().next())
    }

    /// The number in the first column of the first row.
    pub async fn number(&mut self, sql: &'static str, values: Vec<Value>) -> Result<i64, Error> {
        let row: Option<(i64,)> = self.optional(sql, values).await?;
        row.map(|(number,)| number).ok_or(Error::Missing)
    }
}

/// Writes a statement to `out`, its placeholders counted from behind `before` others.
fn renumber(sql: &str, before: usize, out: &mut String) {
    let mut parts = sql.split('$');
    out.push_str(parts.next().unwrap_or_default());
    for part in parts {
        let digits = part.bytes().take_while(u8::is_ascii_digit).count();
        let (number, rest) = part.split_at(digits);
        let number = number.parse().map_or(0, |number: usize| number + before);
        out.push('$');
        out.push_str(&number.to_string());
        out.push_str(rest);
    }
}
