//! The migrations of both databases, built into the program.

use std::borrow::Cow;

use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};

macro_rules! migrations {
    ($engine:literal) => {
        vec![
            (
                1,
                "start",
                include_str!(concat!("../../migrations/", $engine, "/0001_start.sql")),
            ),
            (
                3,
                "staff",
                include_str!(concat!("../../migrations/", $engine, "/0003_staff.sql")),
            ),
        ]
    };
}

fn migrator(list: Vec<(i64, &'static str, &'static str)>) -> Migrator {
    Migrator::with_migrations(
        list.into_iter()
            .map(|(version, name, sql)| {
                Migration::new(
                    version,
                    Cow::Borrowed(name),
                    MigrationType::Simple,
                    sql.into_sql_str(),
                    false,
                )
            })
            .collect(),
    )
}

/// Those of SQLite.
pub fn sqlite() -> Migrator {
    migrator(migrations!("sqlite"))
}

/// Those of PostgreSQL.
pub fn postgres() -> Migrator {
    migrator(migrations!("postgres"))
}
