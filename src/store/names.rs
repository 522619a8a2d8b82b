//! What flows and steps are called now, and which step rows mean that were written before it had
//! its key.

use std::collections::{BTreeMap, BTreeSet};

use sqlx::FromRow;

use super::conn::{statements, values};
use super::{Conn, Error};
use crate::domain::names::{FlowNames, NameTable};
use crate::domain::{BilingualName, StepName};

statements! {
    NAMES = "SELECT flow, known_as, step_key, name_id, name_en FROM names
        ORDER BY flow, known_as LIMIT 20000";
    NAMES_OF = "SELECT flow, known_as, step_key, name_id, name_en FROM names WHERE flow = $1";
    SET_NAME = "INSERT INTO names (flow, known_as, step_key, name_id, name_en)
        VALUES ($1, $2, $3, $4, $5)
        ON CONFLICT (flow, known_as) DO UPDATE SET step_key = excluded.step_key,
            name_id = excluded.name_id, name_en = excluded.name_en";
}

/// The most names that are kept of one flow: a file on another machine that names its steps anew
/// at each run fills no disk. Steps beyond them are called by their keys.
pub const MAX_NAMES: usize = 500;

/// What a flow's own name is known as.
const FLOW_ITSELF: &str = "";

#[derive(FromRow)]
struct Row {
    flow: String,
    known_as: String,
    step_key: String,
    name_id: String,
    name_en: String,
}

/// The names of all flows and steps.
pub async fn all(conn: &mut Conn<'_>) -> Result<NameTable, Error> {
    let rows: Vec<Row> = conn.all(NAMES, values![]).await?;
    let mut table = NameTable::default();
    let by_key: BTreeMap<(&str, &str), &Row> = rows
        .iter()
        .map(|row| ((row.flow.as_str(), row.known_as.as_str()), row))
        .collect();
    for row in &rows {
        if row.known_as == FLOW_ITSELF {
            let name = BilingualName::new(&row.name_id, &row.name_en);
            table.set_flow(&row.flow, name);
            continue;
        }
        // Of a step that was renamed since, only the row of its key has the newest name.
        let newest = by_key.get(&(row.flow.as_str(), row.step_key.as_str()));
        let newest = newest.copied().unwrap_or(row);
        let name = BilingualName::new(&newest.name_id, &newest.name_en);
        let step = StepName::new(&row.step_key, name);
        table.set_step(&row.flow, &row.known_as, step);
    }
    Ok(table)
}

/// Notes what flows and their steps are called. Where nothing has changed, nothing is written.
pub async fn remember<'f>(
    conn: &mut Conn<'_>,
    flows: impl IntoIterator<Item = &'f FlowNames>,
) -> Result<(), Error> {
    // In one order, so that two who write the same rows do not wait for each other in a circle.
    let mut by_flow: BTreeMap<&str, Vec<&FlowNames>> = BTreeMap::new();
    for names in flows {
        by_flow.entry(&names.flow).or_default().push(names);
    }
    for (flow, names) in by_flow {
        let kept: Vec<Row> = conn.all(NAMES_OF, values![flow]).await?;
        let mut wanted = BTreeMap::new();
        for names in names {
            let known = names.known_as();
            let steps = known
                .into_iter()
                .map(|(known_as, step)| (known_as, (step.key(), step.name())));
            let itself = Some((FLOW_ITSELF, (FLOW_ITSELF, &names.name)));
            wanted.extend(steps.chain(itself.filter(|_| !names.name.is_empty())));
        }
        let is_kept = |known_as: &str, key: &str, name: &BilingualName| {
            kept.iter().any(|row| {
                row.known_as == known_as
                    && row.step_key == key
                    && row.name_id == name.id()
                    && row.name_en == name.en()
            })
        };
        let known: BTreeSet<&str> = kept.iter().map(|row| row.known_as.as_str()).collect();
        let mut room = MAX_NAMES.saturating_sub(known.len());
        for (known_as, (key, name)) in wanted {
            if is_kept(known_as, key, name) {
                continue;
            }
            if !known.contains(known_as) {
                if room == 0 {
                    continue;
                }
                room -= 1;
            }
            conn.execute(SET_NAME, values![flow, known_as, key, name.id(), name.en()])
                .await?;
        }
    }
    Ok(())
}
