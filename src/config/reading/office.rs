//! Owns: what the file says of the office and of who may try to sign in how often.

use std::path::PathBuf;
use std::time::Duration;

use super::section;
use super::values::OneOrMore;
use crate::config::Audit;
use crate::toml_reader::{Line, Reader};
use crate::web::office::Settings;
use crate::web::throttle::Rate;

/// More places than this would take over a gigabyte while passwords are hashed.
const MAX_HASHES: usize = 64;

pub(super) fn office(root: &mut Reader<'_>) -> Settings {
    section(root, "office", |table| {
        let default = Settings::default();
        let OneOrMore(hashes) = table.or("hashes", OneOrMore(default.hashes));
        if hashes > MAX_HASHES {
            table.place_of("hashes").problem_with_hint(
                "`hashes` must be from 1 to 64",
                "hashing a password takes 19 MB and a processor core",
            );
        }
        let rows = table.or("failed_rows_an_hour", default.failed_rows_an_hour);
        if !(10..=10_000).contains(&rows) {
            table
                .place_of("failed_rows_an_hour")
                .problem("`failed_rows_an_hour` must be from 10 to 10000");
        }
        Settings {
            failed_rows_an_hour: rows,
            per_network: rate(table, "per_network", default.per_network),
            per_network_and_account: rate(
                table,
                "per_network_and_account",
                default.per_network_and_account,
            ),
            per_account: rate(table, "per_account", default.per_account),
            per_device: rate(table, "per_device", default.per_device),
            hashes,
        }
    })
    .unwrap_or_default()
}

pub(super) fn audit(root: &mut Reader<'_>) -> Audit {
    section(root, "audit", |table| Audit {
        head_file: table
            .optional("head_file")
            .map(|Line(path)| PathBuf::from(path)),
    })
    .unwrap_or_default()
}

fn rate(table: &mut Reader<'_>, key: &'static str, default: Rate) -> Rate {
    section(table, key, |table| {
        let OneOrMore(burst) = table.or("burst", OneOrMore(default.burst));
        let every: Duration = table.or("every", default.every);
        if every < Duration::from_millis(100) {
            table
                .place_of("every")
                .problem("`every` must be at least \"100ms\"");
        }
        Rate { burst, every }
    })
    .unwrap_or(default)
}
