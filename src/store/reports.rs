//! Reports of affected applicants, and their way through an office. Personal data goes in
//! and comes out sealed; opening it takes the master keys.

mod lists;
mod personal;

use std::collections::HashMap;
use std::time::Duration;

use jiff::civil::Date;
use sqlx::FromRow;

use super::conn::{statements, values};
use super::runs::component;
use super::seal::{DataKey, MasterKeys, SealError};
use super::{Conn, Error, Value, files, reevaluation};
use crate::domain::case::CaseState;
use crate::domain::disk::NoRoom;
use crate::domain::finding::Finding;
use crate::domain::report::{self, LeftOut, Report, Submitted};
use crate::domain::{ComponentId, Moment, Network, Random};
pub(super) use lists::STATEMENTS as LIST_STATEMENTS;
pub use lists::{Line, Open, of_networks_since, of_passport, open, others_of_passport};
pub use personal::Personal;
pub(super) use personal::{STATEMENTS as PERSONAL_STATEMENTS, Sealed, data_key_of};

/// The columns of [`Row`], in its order.
macro_rules! columns {
    () => {
        "id, reference, secret_hash, received_at, key_id, wrapped_key, role, office, \
         component, permit_type, permit_expires_on, arrived_on, first_tried_at, last_tried_at, \
         tries, checked_connection, checked_size, checked_device, submitted, state, finding, \
         outage_id, sealed_name, sealed_nationality, sealed_passport, sealed_email, \
         sealed_phone, sealed_message, sealed_billing, language, erased_at, network_hash, \
         pictures_left_out, pictures_left_out_for"
    };
}

statements! {
    INSERT = "INSERT INTO reports (id, reference, secret_hash, idempotency_key, request_hash,
            received_at, key_id, wrapped_key, role, office, component, permit_type,
            permit_expires_on, arrived_on, first_tried_at, last_tried_at, tries,
            checked_connection, checked_size, checked_device, submitted, state, finding,
            outage_id, passport_hash, email_hash, phone_hash, sealed_name, sealed_nationality,
            sealed_passport, sealed_email, sealed_phone, sealed_message, sealed_billing,
            language, erase_at, secret_key_id, reevaluate_at, network_hash, pictures_left_out,
            pictures_left_out_for)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
            $19, $20, $21, $22, $23, $24, $25, $26, $27, $28, $29, $30, $31, $32, $33, $34, $35,
            $36, $37, $38, $39, $40, $41)";
    INSERT_ATTEMPT = "INSERT INTO attempts (report_id, tried_at) VALUES ($1, $2)";
    INSERT_SCREENSHOT = "INSERT INTO screenshots
        (report_id, number, sha256, file, media_type, width, height, size)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
    BY_IDEMPOTENCY = "SELECT id, reference, secret_key_id, request_hash, received_at FROM reports
        WHERE idempotency_key = $1 AND secret_key_id IS NOT NULL";
    CONFIRM = "UPDATE reports SET idempotency_key = idempotency_key WHERE id = $1";
    BY_REFERENCE = concat!("SELECT ", columns!(), " FROM reports WHERE reference = $1");
    BY_IDS = concat!("SELECT ", columns!(), " FROM reports WHERE id IN ($1, $2, $3, $4, $5, $6,
        $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20)");
    QUEUE = concat!("SELECT ", columns!(), " FROM reports
        WHERE erased_at IS NULL AND ($1 = '' OR office = $1)
            AND (state = $2 OR state = $3)
        ORDER BY CASE WHEN permit_expires_on IS NULL THEN 1 ELSE 0 END,
            permit_expires_on, received_at, id
        LIMIT $4 OFFSET $5");
    COUNT = "SELECT COUNT(*) FROM reports
        WHERE erased_at IS NULL AND ($1 = '' OR office = $1) AND (state = $2 OR state = $3)";
    ATTEMPTS = "SELECT tried_at FROM attempts WHERE report_id = $1 ORDER BY tried_at";
    SCREENSHOTS = "SELECT number, sha256, file, media_type, width, height, size FROM screenshots
        WHERE report_id = $1 ORDER BY number";
    DUE_FOR_ERASURE = "SELECT id, erase_at FROM reports
        WHERE erased_at IS NULL AND erase_at <= $1 AND (erase_at > $2 OR (erase_at = $2 AND id > $3))
        ORDER BY erase_at, id LIMIT 50";
    ERASE = "UPDATE reports SET erased_at = $2, key_id = NULL, wrapped_key = NULL,
            passport_hash = $3, email_hash = NULL, phone_hash = NULL, permit_expires_on = NULL,
            arrived_on = NULL, sealed_name = NULL, sealed_nationality = NULL,
            sealed_passport = NULL, sealed_email = NULL, sealed_phone = NULL,
            sealed_message = NULL, sealed_billing = NULL, idempotency_key = NULL,
            request_hash = NULL, secret_key_id = NULL, reevaluate_at = NULL, network_hash = NULL
        WHERE id = $1";
    FORGET_SCREENSHOTS = "DELETE FROM screenshots WHERE report_id = $1";
    FORGET_REASONS = "UPDATE case_steps SET reason = NULL, sealed_reason = NULL
        WHERE report_id = $1";
    END_REPEATS = "UPDATE reports SET idempotency_key = NULL, request_hash = NULL,
            secret_key_id = NULL
        WHERE id IN (SELECT id FROM reports
            WHERE secret_key_id IS NOT NULL AND received_at < $1 ORDER BY received_at LIMIT $2)";
}

/// A report on its way into the database.
#[derive(Clone, Debug)]
pub struct NewReport {
    /// UUIDv7.
    pub id: String,
    /// As people read it.
    pub reference: String,
    /// SHA-256 of the follow-up secret.
    pub secret_hash: Vec<u8>,
    /// The client's key for repeating the request.
    pub idempotency_key: Option<String>,
    /// Keyed hash of the whole request.
    pub request_hash: Option<Vec<u8>>,
    /// When it came.
    pub received_at: Moment,
    /// What it says.
    pub report: Report,
    /// What we found.
    pub finding: Finding,
    /// `id` or `en`.
    pub language: String,
    /// When its personal data is erased.
    pub erase_at: Moment,
    /// Its screenshots, whose files are on disk already.
    pub screenshots: Vec<Screenshot>,
    /// The network that it came from.
    pub network: Network,
    /// Pictures that came with it and were not kept.
    pub left_out: Option<LeftOut>,
    /// Id of the master key that wraps its data key and hashes what it is looked up by.
    pub key_id: String,
    /// Its data key, wrapped.
    pub wrapped_key: Vec<u8>,
    /// Id of the master key that its follow-up secret and request hash are made from; `None`
    /// where the request cannot be repeated.
    pub secret_key_id: Option<String>,
}

/// How long a repeated request gets the first answer. A phone that was without a network sends
/// again within hours; after a week nobody waits for an answer any more. Until then the master
/// key that the answer is made from cannot be dropped, so it is no longer than is of use.
pub const REPEATABLE: Duration = Duration::from_secs(7 * 86_400);

/// One screenshot: the file holds it sealed.
#[derive(Clone, Debug, FromRow)]
pub struct Screenshot {
    /// From 1.
    pub number: i64,
    /// Of the picture as it was sent.
    pub sha256: String,
    /// File name below the folder of screenshots.
    pub file: String,
    /// As sniffed.
    pub media_type: String,
    /// Pixels.
    pub width: i64,
    /// Pixels.
    pub height: i64,
    /// Bytes as it was sent.
    pub size: i64,
}

/// Writes a report with its attempts and screenshots.
pub async fn insert(
    conn: &mut Conn<'_>,
    new: &NewReport,
    data_key: &DataKey,
    keys: &MasterKeys,
    random: &dyn Random,
) -> Result<(), Error> {
    let r = &new.report;
    let seal = |column: &str, plain: Option<&str>| {
        plain
            .map(|text| data_key.seal("reports", column, &new.id, text.as_bytes(), random))
            .transpose()
            .map_err(Error::from)
    };
    let first = r.tried_at.first().copied().unwrap_or(new.received_at);
    let last = r.tried_at.last().copied().unwrap_or(new.received_at);
    let mut statements = vec![(
        INSERT,
        values![
            &new.id,
            &new.reference,
            new.secret_hash.clone(),
            new.idempotency_key.clone(),
            new.request_hash.clone(),
            new.received_at,
            &new.key_id,
            new.wrapped_key.clone(),
            r.role.as_str(),
            &r.office,
            &r.component,
            &r.permit_type,
            r.permit_expires_on.map(|d| d.to_string()),
            r.arrived_on.map(|d| d.to_string()),
            first,
            last,
            i64::from(r.tries),
            r.checked_connection,
            r.checked_size,
            r.checked_device,
            r.submitted.as_str(),
            CaseState::Received.as_str(),
            serde_json::to_string(&new.finding)?,
            new.finding.outage.clone(),
            keys.lookup("passport", r.passport_number.as_str()),
            r.email.as_deref().map(|v| keys.lookup("email", v)),
            r.phone.as_deref().map(|v| keys.lookup("phone", v)),
            seal("name", Some(&r.name))?,
            seal("nationality", r.nationality.as_deref())?,
            seal("passport", Some(r.passport_number.as_str()))?,
            seal("email", r.email.as_deref())?,
            seal("phone", r.phone.as_deref())?,
            seal("message", r.message.as_deref())?,
            seal("billing", r.billing_code.as_deref())?,
            &new.language,
            new.erase_at,
            new.secret_key_id.clone(),
            new.received_at + reevaluation::FIRST_LOOK_AFTER,
            keys.lookup("network", &new.network.to_string()),
            new.left_out.map_or(0, |left_out| i64::from(left_out.count)),
            new.left_out.map(|left_out| left_out.why.as_str())
        ],
    )];
    for at in &r.tried_at {
        statements.push((INSERT_ATTEMPT, values![&new.id, *at]));
    }
    for shot in &new.screenshots {
        statements.push((
            INSERT_SCREENSHOT,
            values![
                &new.id,
                shot.number,
                &shot.sha256,
                &shot.file,
                &shot.media_type,
                shot.width,
                shot.height,
                shot.size
            ],
        ));
    }
    conn.execute_all(statements).await
}

/// What was answered to a request with this idempotency key.
#[derive(Clone, Debug, FromRow)]
pub struct Answered {
    /// The report's id.
    pub id: String,
    /// Its reference.
    pub reference: String,
    /// Id of the master key that its secret and its request hash are made from.
    pub secret_key_id: String,
    /// Keyed hash of the request.
    pub request_hash: Option<Vec<u8>>,
    /// When it came.
    #[sqlx(try_from = "i64")]
    pub received_at: Moment,
}

/// The report that came with an idempotency key, which stands here hashed with each master key.
pub async fn by_idempotency_key(
    conn: &mut Conn<'_>,
    hashes: &[String],
) -> Result<Option<Answered>, Error> {
    for hash in hashes {
        let answered = conn.optional(BY_IDEMPOTENCY, values![hash]).await?;
        if answered.is_some() {
            return Ok(answered);
        }
    }
    Ok(None)
}

/// The same before a report with that key is inserted, in the transaction of that. Of one hash the
/// unique index sees to it that there is one report; where there are several, another instance may
/// be inserting it under another of them.
pub async fn before_insert(
    conn: &mut Conn<'_>,
    hashes: &[String],
) -> Result<Option<Answered>, Error> {
    if hashes.len() > 1 {
        conn.take_turns(hashes).await?;
    }
    by_idempotency_key(conn, hashes).await
}

/// Writes a report's row as it stands: when this is committed, all that was committed before
/// is as durable as it.
pub async fn confirm(conn: &mut Conn<'_>, id: &str) -> Result<(), Error> {
    conn.execute(CONFIRM, values![id]).await?;
    Ok(())
}

#[derive(FromRow)]
struct Row {
    id: String,
    reference: String,
    secret_hash: Vec<u8>,
    received_at: i64,
    key_id: Option<String>,
    wrapped_key: Option<Vec<u8>>,
    role: String,
    office: String,
    component: String,
    permit_type: String,
    permit_expires_on: Option<String>,
    arrived_on: Option<String>,
    first_tried_at: i64,
    last_tried_at: i64,
    tries: i64,
    checked_connection: bool,
    checked_size: bool,
    checked_device: bool,
    submitted: String,
    state: String,
    finding: String,
    outage_id: Option<String>,
    sealed_name: Option<Vec<u8>>,
    sealed_nationality: Option<Vec<u8>>,
    sealed_passport: Option<Vec<u8>>,
    sealed_email: Option<Vec<u8>>,
    sealed_phone: Option<Vec<u8>>,
    sealed_message: Option<Vec<u8>>,
    sealed_billing: Option<Vec<u8>>,
    language: String,
    erased_at: Option<i64>,
    network_hash: Option<Vec<u8>>,
    pictures_left_out: i64,
    pictures_left_out_for: Option<String>,
}

/// A report as an office sees it, its personal data still sealed.
#[derive(Clone)]
pub struct Case {
    /// UUIDv7.
    pub id: String,
    /// As people read it.
    pub reference: String,
    /// SHA-256 of the follow-up secret.
    pub secret_hash: Vec<u8>,
    /// When it came.
    pub received_at: Moment,
    /// Who reported.
    pub role: report::Role,
    /// Code of the office.
    pub office: String,
    /// Where it failed.
    pub component: ComponentId,
    /// One of the kinds of stay permit.
    pub permit_type: String,
    /// Last day of the permit.
    pub permit_expires_on: Option<Date>,
    /// Day of arrival.
    pub arrived_on: Option<Date>,
    /// First try.
    pub first_tried_at: Moment,
    /// Last try.
    pub last_tried_at: Moment,
    /// How often.
    pub tries: i64,
    /// The connection was checked.
    pub checked_connection: bool,
    /// The documents' sizes were checked.
    pub checked_size: bool,
    /// Another device was tried.
    pub checked_device: bool,
    /// How far the application came.
    pub submitted: Submitted,
    /// Where the case stands.
    pub state: CaseState,
    /// What we found.
    pub finding: Finding,
    /// The matching outage.
    pub outage_id: Option<String>,
    /// `id` or `en`.
    pub language: String,
    /// When its personal data was erased.
    pub erased_at: Option<Moment>,
    /// Keyed hash of the network that it came from; `None` where that is not known or erased.
    pub network_hash: Option<Vec<u8>>,
    /// Pictures that came with it and were not kept.
    pub left_out: Option<LeftOut>,
    sealed: Sealed<7>,
}

impl Case {
    /// Opens the personal data; `None` once it is erased. An error where the report's key does
    /// not open; of single fields [`Personal::broken`] tells.
    pub fn open(&self, keys: &MasterKeys) -> Result<Option<Personal>, SealError> {
        self.sealed.open(keys)
    }

    /// The key of this report, for its screenshots and reasons; `None` once it is erased.
    pub fn data_key(&self, keys: &MasterKeys) -> Result<Option<DataKey>, SealError> {
        self.sealed.data_key(keys)
    }
}

impl TryFrom<Row> for Case {
    type Error = Error;
    fn try_from(row: Row) -> Result<Case, Error> {
        let word = |kind: &str, text: &str| Error::Unreadable(format!("{kind} `{text}`"));
        let date = |text: Option<String>| {
            text.map(|t| t.parse::<Date>().map_err(|_| word("date", &t)))
                .transpose()
        };
        Ok(Case {
            received_at: Moment(row.received_at),
            role: report::Role::parse(&row.role).ok_or_else(|| word("role", &row.role))?,
            component: component(&row.component)?,
            permit_expires_on: date(row.permit_expires_on)?,
            arrived_on: date(row.arrived_on)?,
            first_tried_at: Moment(row.first_tried_at),
            last_tried_at: Moment(row.last_tried_at),
            submitted: Submitted::parse(&row.submitted)
                .ok_or_else(|| word("submitted", &row.submitted))?,
            state: CaseState::parse(&row.state).ok_or_else(|| word("state", &row.state))?,
            finding: serde_json::from_str(&row.finding)?,
            sealed: Sealed {
                id: row.id.clone(),
                key_id: row.key_id,
                wrapped_key: row.wrapped_key,
                columns: [
                    ("name", row.sealed_name),
                    ("nationality", row.sealed_nationality),
                    ("passport", row.sealed_passport),
                    ("email", row.sealed_email),
                    ("phone", row.sealed_phone),
                    ("message", row.sealed_message),
                    ("billing", row.sealed_billing),
                ],
            },
            id: row.id,
            reference: row.reference,
            secret_hash: row.secret_hash,
            office: row.office,
            permit_type: row.permit_type,
            tries: row.tries,
            checked_connection: row.checked_connection,
            checked_size: row.checked_size,
            checked_device: row.checked_device,
            outage_id: row.outage_id,
            language: row.language,
            erased_at: row.erased_at.map(Moment),
            network_hash: row.network_hash,
            left_out: left_out(row.pictures_left_out, row.pictures_left_out_for.as_deref()),
        })
    }
}

fn left_out(count: i64, why: Option<&str>) -> Option<LeftOut> {
    let count = u32::try_from(count).ok().filter(|count| *count > 0)?;
    let why = NoRoom::parse(why?)?;
    Some(LeftOut { count, why })
}

/// The case with this reference.
pub async fn by_reference(conn: &mut Conn<'_>, reference: &str) -> Result<Option<Case>, Error> {
    let row: Option<Row> = conn.optional(BY_REFERENCE, values![reference]).await?;
    row.map(Case::try_from).transpose()
}

/// The cases with these ids, in their order; those that are gone are left out.
pub async fn by_ids(conn: &mut Conn<'_>, ids: &[String]) -> Result<Vec<Case>, Error> {
    /// Parameters of the statement.
    const AT_ONCE: usize = 20;
    let mut found: HashMap<String, Case> = HashMap::with_capacity(ids.len());
    for some in ids.chunks(AT_ONCE) {
        // No case has an empty id.
        let mut values: Vec<Value> = some.iter().map(Value::from).collect();
        values.resize_with(AT_ONCE, || Value::from(""));
        for row in conn.all::<Row>(BY_IDS, values).await? {
            found.insert(row.id.clone(), Case::try_from(row)?);
        }
    }
    Ok(ids.iter().filter_map(|id| found.remove(id)).collect())
}

/// Which cases a list shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Which {
    /// Received or in review.
    Open,
    /// Processed or returned.
    Done,
}

impl Which {
    fn states(self) -> (&'static str, &'static str) {
        match self {
            Which::Open => (CaseState::Received.as_str(), CaseState::InReview.as_str()),
            Which::Done => (CaseState::Processed.as_str(), CaseState::Returned.as_str()),
        }
    }
}

/// Cases of an office (`None`: of all), by the permit's last day, `limit` of them after
/// `offset`.
pub async fn queue(
    conn: &mut Conn<'_>,
    office: Option<&str>,
    which: Which,
    limit: i64,
    offset: i64,
) -> Result<Vec<Case>, Error> {
    let (one, other) = which.states();
    let rows: Vec<Row> = conn
        .all(
            QUEUE,
            values![office.unwrap_or(""), one, other, limit, offset],
        )
        .await?;
    rows.into_iter().map(Case::try_from).collect()
}

/// How many cases [`queue`] has in all.
pub async fn count(conn: &mut Conn<'_>, office: Option<&str>, which: Which) -> Result<i64, Error> {
    let (one, other) = which.states();
    conn.number(COUNT, values![office.unwrap_or(""), one, other])
        .await
}

/// When a report's tries were, oldest first.
pub async fn attempts(conn: &mut Conn<'_>, id: &str) -> Result<Vec<Moment>, Error> {
    let rows: Vec<(i64,)> = conn.all(ATTEMPTS, values![id]).await?;
    Ok(rows.into_iter().map(|(at,)| Moment(at)).collect())
}

/// A report's screenshots.
pub async fn screenshots(conn: &mut Conn<'_>, id: &str) -> Result<Vec<Screenshot>, Error> {
    conn.all(SCREENSHOTS, values![id]).await
}

/// A report whose retention has ended.
#[derive(Clone, Debug, PartialEq, Eq, FromRow)]
pub struct Due {
    /// Its id.
    pub id: String,
    /// When it is to be erased.
    #[sqlx(try_from = "i64")]
    pub erase_at: Moment,
}

/// Reports whose retention has ended, the longest due first, behind `after`; at most 50.
pub async fn due_for_erasure(
    conn: &mut Conn<'_>,
    now: Moment,
    after: Option<&Due>,
) -> Result<Vec<Due>, Error> {
    let (at, id) = after.map_or((i64::MIN, ""), |due| (due.erase_at.0, due.id.as_str()));
    conn.all(DUE_FOR_ERASURE, values![now, at, id]).await
}

/// Forgets a report's key and its personal data, and puts its files on the list of what is to be
/// removed.
pub async fn erase(conn: &mut Conn<'_>, id: &str, now: Moment) -> Result<(), Error> {
    conn.execute(ERASE, values![id, now, Vec::<u8>::new()])
        .await?;
    files::queue_screenshots(conn, id).await?;
    conn.execute(FORGET_SCREENSHOTS, values![id]).await?;
    // Officers write freely: a reason may name the applicant.
    conn.execute(FORGET_REASONS, values![id]).await?;
    Ok(())
}

/// Forgets the idempotency key and what goes with it of at most `limit` requests that came
/// before `before`: the same request is a new report from then on. Gives how many.
pub async fn end_repeats(conn: &mut Conn<'_>, before: Moment, limit: i64) -> Result<u64, Error> {
    conn.execute(END_REPEATS, values![before, limit]).await
}
