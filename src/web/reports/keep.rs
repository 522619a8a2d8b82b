//! Making a report durable: checked, judged, its screenshots and then its row on disk. Only
//! then is it acknowledged. A repeated request gets the answer of the first.

use std::sync::Arc;
use std::time::Duration;

use data_encoding::{BASE32_NOPAD, HEXLOWER};
use serde_json::json;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use tokio::task::spawn_blocking;

use super::ReportsState;
use super::intake::{Intake, Wrong};
use super::judge::judge;
use super::pictures::Pictures;
use crate::domain::finding::Finding;
use crate::domain::reference::Reference;
use crate::domain::report::{self, Fields, LeftOut, Report};
use crate::domain::{Moment, Network, random};
use crate::pictures::Unfit;
use crate::store;
use crate::store::reports::{self, Answered, NewReport};
use crate::store::seal::MasterKeys;
use crate::web::Lang;
use crate::web::client::Client;
use crate::web::screenshots::{self, Looked};

/// What the reporter is told.
#[derive(Clone, Debug)]
pub(super) struct Acknowledged {
    pub(super) reference: String,
    pub(super) secret: String,
    pub(super) received_at: Moment,
    pub(super) finding: Finding,
    /// How many of its pictures are kept.
    pub(super) pictures: usize,
    /// Those that are not.
    pub(super) left_out: Option<LeftOut>,
}

/// Why a report was not kept.
#[derive(Debug)]
pub(super) enum NotKept {
    /// Fields or screenshots are wrong.
    Wrong(Vec<Wrong>),
    /// The idempotency key was used for another report.
    KeyUsed,
    /// The database or the disk failed. Most often nothing is kept; where nobody can say, the
    /// same request with the same idempotency key finds out.
    Storage,
}

impl From<store::Error> for NotKept {
    fn from(error: store::Error) -> Self {
        tracing::error!(%error, "a report could not be kept");
        NotKept::Storage
    }
}

/// How long after a report came its row may be written, by the wall clock: a process that was
/// suspended in between must not list files that were taken for left over.
const MAX_SETTLING: Duration = Duration::from_secs(600);
/// Longest idempotency key taken.
pub(super) const LONGEST_KEY: usize = 200;
/// The form's field that does what the header does for programs: a double click sends one
/// report.
pub(super) const FORM_KEY: &str = "form_key";

/// Checks a report and keeps it. Runs on even where the client goes away meanwhile.
pub(super) async fn keep(
    state: &ReportsState,
    intake: &mut Intake,
    key: Option<String>,
    lang: Lang,
    client: Client,
) -> Result<Acknowledged, NotKept> {
    let now = state.desk.clock.now();
    let pictures = std::mem::take(&mut intake.pictures);
    let mut wrong = std::mem::take(&mut intake.wrong);
    let parsed = report::parse(&intake.fields, &state.desk.component_ids(), now);
    let report = match parsed {
        Ok(report) => Some(report),
        Err(mistakes) => {
            let mistakes = mistakes.iter().map(|mistake| Wrong {
                field: mistake.field.to_owned(),
                problem: mistake.problem.as_str(),
            });
            wrong.splice(0..0, mistakes);
            None
        }
    };
    let Some(report) = report.filter(|_| wrong.is_empty()) else {
        if let Err(unfit) = look(pictures).await? {
            wrong.extend(wrong_pictures(&unfit));
        }
        wrong.dedup();
        return Err(NotKept::Wrong(wrong));
    };
    // One set of master keys for the whole report, whatever a rotation does meanwhile.
    let master_keys = state.desk.keys.get();
    let repeatable = key.map(|key| Repeatable {
        keys: within_passport(&master_keys, &report, &key),
        fields: intake.fields.clone(),
    });
    let request = Request {
        report,
        pictures,
        repeatable,
        lang,
        network: Network::around(client.0),
        now,
    };
    let (state, memory) = (state.clone(), intake.memory.take());
    tokio::spawn(async move {
        let kept = settle(&state, master_keys, request).await;
        drop(memory);
        kept
    })
    .await
    .unwrap_or(Err(NotKept::Storage))
}

/// Looks at pictures where that holds up nobody.
async fn look(pictures: Vec<Vec<u8>>) -> Result<Result<Vec<Looked>, Vec<Unfit>>, NotKept> {
    spawn_blocking(move || screenshots::look_at_all(&pictures))
        .await
        .map_err(|_| NotKept::Storage)
}

fn wrong_pictures(unfit: &[Unfit]) -> Vec<Wrong> {
    let mut wrong: Vec<Wrong> = unfit
        .iter()
        .map(|unfit| Wrong {
            field: "screenshot".to_owned(),
            problem: unfit.as_str(),
        })
        .collect();
    wrong.dedup();
    wrong
}

/// A request that may come again, and all that it must then have in common with the first,
/// beside its pictures.
struct Repeatable {
    /// What its idempotency key is found by, see [`within_passport`].
    keys: Vec<String>,
    fields: Fields,
}

/// An idempotency key as it is stored: a keyed hash of it together with the passport number
/// that it came with, so that nobody's key can meet another person's report. The client's
/// address is no part of it, since a telephone changes its network while it tries again. One
/// for each master key, that of the current one last.
fn within_passport(keys: &MasterKeys, report: &Report, key: &str) -> Vec<String> {
    let text = format!("{} {key}", report.passport_number.as_str());
    let hashes = keys.lookups("idempotency", &text);
    hashes.iter().map(|hash| HEXLOWER.encode(hash)).collect()
}

/// A report that is right as far as its fields go.
struct Request {
    report: Report,
    pictures: Vec<Vec<u8>>,
    repeatable: Option<Repeatable>,
    lang: Lang,
    network: Network,
    now: Moment,
}

async fn settle(
    state: &ReportsState,
    master_keys: Arc<MasterKeys>,
    request: Request,
) -> Result<Acknowledged, NotKept> {
    let desk = &state.desk;
    let Request {
        report,
        pictures,
        repeatable,
        lang,
        network,
        now,
    } = request;
    if let Some(Repeatable { keys, fields }) = &repeatable
        && let Some(answered) = answered(state, keys).await?
    {
        let looked = look(pictures).await?;
        let looked = looked.map_err(|unfit| NotKept::Wrong(wrong_pictures(&unfit)))?;
        let content = canonical(fields, looked.iter().map(|one| one.sha256.as_str()));
        return repeat(state, &answered, &content).await;
    }
    let (component, tries) = (report.component.clone(), report.tried_at.clone());
    let upstream = desk.upstream(&component);
    let observed = state.lately.around(&desk.store, &tries, now).await?;
    let finding = judge(
        &desk.store,
        &observed,
        (component, &tries, None),
        &upstream,
        now,
    )
    .await?;
    let id = random::id(now, &*desk.random);
    let reference = Reference::draw(&*desk.random).to_string();
    let key_id = master_keys.current().to_owned();
    let secret = master_keys
        .follow_up_secret(&key_id, &id)
        .map_err(store::Error::from)?;
    let (data_key, wrapped_key) = master_keys
        .new_data_key(&id, &*desk.random)
        .map_err(store::Error::from)?;
    let pictures = if pictures.is_empty() {
        Pictures::default()
    } else {
        let (folder, random) = (Arc::clone(&state.screenshots), Arc::clone(&desk.random));
        let room = Arc::clone(&state.picture_room);
        let (id, key) = (id.clone(), data_key.clone());
        spawn_blocking(move || room.keep(&folder, &id, pictures, &key, network, &*random))
            .await
            .map_err(|_| NotKept::Storage)?
            .map_err(|error| match error {
                screenshots::Error::Unfit(unfit) => NotKept::Wrong(wrong_pictures(&unfit)),
                error => {
                    tracing::error!(%error, "a report's screenshots could not be kept");
                    NotKept::Storage
                }
            })?
    };
    let (keys, content) = match repeatable {
        None => (Vec::new(), None),
        Some(Repeatable { keys, fields }) => {
            let looked = pictures.looked.iter().map(|one| one.sha256.as_str());
            (keys, Some(canonical(&fields, looked)))
        }
    };
    let new = NewReport {
        id,
        reference,
        secret_hash: Sha256::digest(secret).to_vec(),
        idempotency_key: keys.last().cloned(),
        request_hash: (content.as_deref()).map(|text| master_keys.lookup("request", text)),
        received_at: now,
        report,
        finding,
        language: lang.tag().to_owned(),
        erase_at: now + state.settings.keep_for,
        screenshots: pictures.kept,
        network,
        left_out: pictures.left_out,
        secret_key_id: (!keys.is_empty()).then(|| key_id.clone()),
        key_id,
        wrapped_key,
    };
    let written = {
        let (new, random) = (new.clone(), Arc::clone(&desk.random));
        let (keys, master_keys) = (keys.clone(), Arc::clone(&master_keys));
        let clock = Arc::clone(&desk.clock);
        desk.store
            .write(move |mut conn| {
                Box::pin(async move {
                    // In the same transaction as the insert: on SQLite another with this
                    // key may stand before us in it.
                    let answered = reports::before_insert(&mut conn, &keys).await?;
                    if answered.is_some() {
                        return Ok(answered);
                    }
                    reports::insert(&mut conn, &new, &data_key, &master_keys, &*random).await?;
                    // Behind the insert: whoever sweeps files waits for it, or was before it.
                    if clock.now().since(now) > MAX_SETTLING {
                        return Err(store::Error::Refused("its files may have been swept away"));
                    }
                    Ok(None)
                })
            })
            .await
    };
    let other = match written {
        Ok(None) => {
            (state.on_kept)(new.left_out);
            return Ok(Acknowledged {
                reference: new.reference,
                secret: spell(&secret),
                received_at: now,
                finding: new.finding,
                pictures: new.screenshots.len(),
                left_out: new.left_out,
            });
        }
        Ok(Some(answered)) => Ok(Some(answered)),
        Err(error) if error.is_duplicate() => answered_or_none(state, &keys).await,
        Err(error) if error.is_surely_not_kept() => Err(error),
        // The row may be there, or appear later, so its files must be. They are swept away
        // where it does not.
        Err(error) => return Err(error.into()),
    };
    if !new.screenshots.is_empty() {
        let (folder, shots) = (Arc::clone(&desk.screenshots), new.screenshots);
        let _ = spawn_blocking(move || screenshots::remove(&folder, &shots)).await;
    }
    match other? {
        Some(answered) => repeat(state, &answered, content.as_deref().unwrap_or("")).await,
        None => Err(NotKept::Storage),
    }
}

async fn answered(state: &ReportsState, keys: &[String]) -> Result<Option<Answered>, NotKept> {
    Ok(answered_or_none(state, keys).await?)
}

async fn answered_or_none(
    state: &ReportsState,
    keys: &[String],
) -> Result<Option<Answered>, store::Error> {
    let keys = keys.to_vec();
    state
        .desk
        .store
        .read(|mut conn| {
            Box::pin(async move { reports::by_idempotency_key(&mut conn, &keys).await })
        })
        .await
}

/// The answer that the first request with this key got.
async fn repeat(
    state: &ReportsState,
    answered: &Answered,
    content: &str,
) -> Result<Acknowledged, NotKept> {
    let desk = &state.desk;
    // With the key that it was answered with, whichever is current now: the same secret.
    let (keys, key_id) = (desk.keys.get(), &answered.secret_key_id);
    let hash = keys
        .lookup_under(key_id, "request", content)
        .map_err(store::Error::from)?;
    let before = answered.request_hash.as_deref().unwrap_or_default();
    if !bool::from(hash.as_slice().ct_eq(before)) {
        return Err(NotKept::KeyUsed);
    }
    let (id, reference) = (answered.id.clone(), answered.reference.clone());
    // By a write, so that this answer says no more than the first would have: where the first
    // commit was broken off, the row may stand in the primary database and not in its standby.
    let (case, pictures) = desk
        .store
        .write(|mut conn| {
            Box::pin(async move {
                reports::confirm(&mut conn, &id).await?;
                let case = reports::by_reference(&mut conn, &reference).await?;
                let pictures = reports::screenshots(&mut conn, &id).await?.len();
                Ok(case.map(|case| (case, pictures)))
            })
        })
        .await?
        .ok_or(NotKept::Storage)?;
    let secret = keys
        .follow_up_secret(key_id, &answered.id)
        .map_err(store::Error::from)?;
    Ok(Acknowledged {
        reference: answered.reference.clone(),
        secret: spell(&secret),
        received_at: answered.received_at,
        finding: case.finding,
        pictures,
        left_out: case.left_out,
    })
}

/// A secret as links carry it: 26 letters and digits.
fn spell(secret: &[u8; 16]) -> String {
    BASE32_NOPAD.encode(secret).to_ascii_lowercase()
}

/// SHA-256 of a secret as typed or linked; of nothing where it is not one.
pub(super) fn secret_hash(text: &str) -> Vec<u8> {
    let bytes = BASE32_NOPAD
        .decode(text.trim().to_ascii_uppercase().as_bytes())
        .unwrap_or_default();
    Sha256::digest(bytes).to_vec()
}

/// The same text for the same request, in whatever order and spacing its fields came.
fn canonical<'a>(fields: &Fields, pictures: impl Iterator<Item = &'a str>) -> String {
    let mut fields: Vec<(&str, String)> = fields
        .iter()
        .filter(|(name, _)| name != FORM_KEY)
        .map(|(name, value)| (name.as_str(), report::clean(value)))
        .filter(|(_, value)| !value.is_empty())
        .collect();
    // Stable: what repeats keeps its order.
    fields.sort_by_key(|(name, _)| *name);
    let pictures: Vec<&str> = pictures.collect();
    json!([fields, pictures]).to_string()
}
