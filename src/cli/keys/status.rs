//! What `siaga keys status` says: the keys, what needs each, and what is to be done.

use std::time::Duration;

use jiff::tz::TimeZone;

use super::super::table::{table, time};
use crate::app::keys::next_id;
use crate::app::rotation::Rotation;
use crate::config::{KeySource, MasterKeys};
use crate::domain::Moment;
use crate::store::keys::{self, Instance, KeyState, KnownKey, Usage};
use crate::store::reports::REPEATABLE;
use crate::store::seal;

/// A service says every 20 seconds that it lives.
const SILENT_AFTER: Duration = Duration::from_secs(60);

/// All that there is to know of the keys.
pub(super) struct Facts {
    source: KeySource,
    held: seal::MasterKeys,
    known: Vec<KnownKey>,
    usage: Vec<(String, Usage)>,
    instances: Vec<Instance>,
    now: Moment,
}

impl Facts {
    pub(super) async fn gather(rotation: &Rotation) -> anyhow::Result<Facts> {
        let (read, source) = MasterKeys::read(&rotation.config)?;
        let (known, usage, instances) = rotation
            .store
            .read(|mut c| {
                Box::pin(async move {
                    let known = keys::all(&mut c).await?;
                    let usage = keys::usage(&mut c).await?;
                    Ok((known, usage, keys::instances(&mut c).await?))
                })
            })
            .await?;
        Ok(Facts {
            source,
            held: crate::app::keys::sealing(&read)?,
            known,
            usage,
            instances,
            now: rotation.clock.now(),
        })
    }

    fn usage(&self, id: &str) -> Usage {
        let of = self.usage.iter().find(|(of, _)| of == id);
        of.map(|(_, usage)| usage.clone()).unwrap_or_default()
    }

    /// Whether the key is here, and the right one.
    fn is_here(&self, key: &KnownKey) -> Option<bool> {
        let hash = self.held.check_hash(&key.id).ok()?;
        Some(key.check_hash.as_ref().is_none_or(|known| *known == hash))
    }

    /// The id that a next key would get.
    pub(super) fn next_id(&self) -> String {
        next_id(&self.known, self.held.ids())
    }

    /// Whether every key that something needs is here.
    pub(super) fn is_whole(&self) -> bool {
        self.known.iter().all(|key| {
            key.state == KeyState::Dropped
                || self.usage(&key.id).is_none()
                || self.is_here(key) == Some(true)
        })
    }

    pub(super) fn text(&self, zone: &TimeZone) -> String {
        let mut rows: Vec<[String; 8]> = Vec::new();
        for key in &self.known {
            let is_gone = key.state == KeyState::Dropped && !self.held.holds(&key.id);
            if is_gone {
                continue;
            }
            let usage = self.usage(&key.id);
            rows.push([
                key.id.clone(),
                key.state.as_str().to_owned(),
                match key.since.0 {
                    0 => "-".to_owned(),
                    _ => time(key.since, zone),
                },
                match self.is_here(key) {
                    Some(true) => "yes",
                    Some(false) => "another",
                    None => "no",
                }
                .to_owned(),
                usage.data_keys.to_string(),
                usage.hashes.to_string(),
                usage.secrets.to_string(),
                usage.service_keys.to_string(),
            ]);
        }
        for id in self.new_ids() {
            let nothing = || "0".to_owned();
            let mut row = [id, "new", "-", "yes"].map(str::to_owned).to_vec();
            row.extend([nothing(), nothing(), nothing(), nothing()]);
            rows.extend(<[String; 8]>::try_from(row));
        }
        let mut out = format!("Master keys in {}\n\n", self.source);
        out.push_str(&table(
            [
                "KEY", "STATE", "SINCE", "HERE", "REPORTS", "HASHES", "SECRETS", "SERVICE",
            ],
            &rows,
        ));
        out.push_str(
            "\nREPORTS: data keys of reports that it wraps. HASHES: by which reports are found. SECRETS:\n\
             follow-up secrets of requests that may be repeated. SERVICE: keys of the service itself.\n\n",
        );
        if self.instances.is_empty() {
            out.push_str("No service is running on this database.\n");
        }
        for one in &self.instances {
            let silence = self.now.since(one.seen_at);
            let how = match silence > SILENT_AFTER {
                true => "Silent (it ended without a word, or does not reach the database)",
                false => "Running",
            };
            out.push_str(&format!(
                "{how}: {}. It holds {}, seals with {}, and said so {} s ago.\n",
                one.name,
                one.key_ids.join(" and "),
                one.current_key_id,
                silence.as_secs()
            ));
        }
        out.push('\n');
        let advice = self.advice(zone);
        if advice.is_empty() {
            out.push_str("Nothing is to be done.\n");
        }
        for line in advice {
            out.push_str(&line);
            out.push('\n');
        }
        out
    }

    /// Keys that are here and that the database does not know.
    fn new_ids(&self) -> impl Iterator<Item = &str> {
        let is_new = |id: &&str| !self.known.iter().any(|key| key.id == *id);
        self.held.ids().filter(is_new)
    }

    /// What is to be done, a sentence each.
    pub(super) fn advice(&self, zone: &TimeZone) -> Vec<String> {
        let mut advice: Vec<String> = self
            .known
            .iter()
            .filter_map(|key| self.advice_on(key, zone))
            .collect();
        advice.extend(self.new_ids().map(|id| {
            format!(
                "`{id}` is in {} and not used yet: `siaga keys rotate` rotates to it.",
                self.source
            )
        }));
        advice
    }

    fn advice_on(&self, key: &KnownKey, zone: &TimeZone) -> Option<String> {
        let (id, source, usage) = (&key.id, &self.source, self.usage(&key.id));
        if key.state == KeyState::Dropped {
            return self.held.holds(id).then(|| match source {
                KeySource::File(_) => format!(
                    "`{id}` was dropped, and is in {source} still: `siaga keys drop {id}` takes it out."
                ),
                KeySource::Given => format!("`{id}` was dropped: take it out of {source}."),
            });
        }
        let is_current = key.state == KeyState::Current;
        match self.is_here(key) {
            Some(true) => {}
            _ if usage.is_none() && !is_current => {
                return Some(format!(
                    "`{id}` is not in {source}, and nothing needs it: `siaga keys drop {id}` forgets it."
                ));
            }
            here => {
                let what = match here {
                    None => format!("`{id}` is missing in {source}"),
                    Some(_) => {
                        format!("`{id}` in {source} is another key than the one that was used")
                    }
                };
                let needs = needs(&usage, zone);
                let lost = match is_current {
                    true => format!(
                        " Siaga does not start without it. If it is lost for good, `siaga keys rotate \
                         --without {id}` goes on with another."
                    ),
                    false => String::new(),
                };
                return Some(format!(
                    "{what}, and is needed {needs}. Put it back from your copy.{lost}"
                ));
            }
        }
        match key.state {
            KeyState::Announced => Some(format!(
                "A rotation to `{id}` is under way, or was broken off: `siaga keys rotate` goes on."
            )),
            KeyState::Current if key.completed_at.is_none() => Some(format!(
                "Not everything was moved to `{id}` yet: `siaga keys rotate` goes on."
            )),
            KeyState::Retiring if usage.is_none() => Some(format!(
                "Nothing needs `{id}` any more: `siaga keys drop {id}` removes it."
            )),
            KeyState::Retiring => {
                let then = match usage.data_keys + usage.service_keys {
                    0 => format!("Then `siaga keys drop {id}` removes it."),
                    _ => "`siaga keys rotate` moves what opens.".to_owned(),
                };
                Some(format!("`{id}` is needed {}. {then}", needs(&usage, zone)))
            }
            _ => None,
        }
    }
}

/// What needs a key, for people.
pub(super) fn needs(usage: &Usage, zone: &TimeZone) -> String {
    let mut needs = Vec::new();
    let mut of = |count: i64, one: &str, many: &str| match count {
        0 => {}
        1 => needs.push(format!("1 {one}")),
        _ => needs.push(format!("{count} {many}")),
    };
    of(usage.data_keys, "report", "reports");
    of(
        usage.service_keys,
        "key of the service",
        "keys of the service",
    );
    of(usage.secrets, "follow-up secret", "follow-up secrets");
    let mut needs = match needs.is_empty() {
        true => "by all that is new".to_owned(),
        false => format!("by {}", needs.join(", ")),
    };
    if let Some(newest) = usage.newest_secret {
        needs.push_str(&format!(
            " (the request of the last may be repeated until {})",
            time(newest + REPEATABLE, zone)
        ));
    }
    needs
}
