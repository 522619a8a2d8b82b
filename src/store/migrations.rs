//! The migrations of both databases, built into the program.

use std::borrow::Cow;

use sqlx::SqlSafeStr;
use sqlx::migrate::{Migration, MigrationType, Migrator};

macro_rules! migrations {
    ($engine:literal: $($number:literal $name:literal,)*) => {
        vec![$((
            $number,
            $name,
            include_str!(concat!("../../migrations/", $engine, "/000", $number, "_", $name, ".sql")),
        )),*]
    };
}

/// The files `000N_NAME.sql`. A file that has been released is never changed.
macro_rules! all_migrations {
    ($engine:literal) => {
        migrations! { $engine:
            1 "start",
            2 "keys",
            3 "staff",
            4 "kept",
            5 "networks",
            6 "decided",
            7 "names",
            8 "numbers",
            9 "maintenance",
        }
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
    migrator(all_migrations!("sqlite"))
}

/// Those of PostgreSQL.
pub fn postgres() -> Migrator {
    migrator(all_migrations!("postgres"))
}
