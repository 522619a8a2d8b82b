//! Reports in the database: sealed, found again, worked on, erased; staff and their sessions. On
//! both databases.

mod erased;
mod killed;
mod permissions;
mod rotated;

use std::time::Duration;

use chacha20poly1305::aead::{Aead as _, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use hmac::{Hmac, KeyInit, Mac as _};
use proptest::prelude::*;
use sha2::Sha256;
use siaga::domain::case::{CaseState, Role};
use siaga::domain::finding;
use siaga::domain::report::{self, Fields, Report};
use siaga::domain::{Moment, Network, Random, random};
use siaga::store::reports::{self, Case, NewReport, Screenshot, Which};
use siaga::store::seal::{MasterKeys, SealError};
use siaga::store::{self, Error, Store, case_steps, files, staff};
use siaga::system::SystemRandom;

use crate::harness::{Database, SeededRandom, adopt, at, component, each_store, on_sqlite};

const NAME: &str = "Saoirse Ní Bhriain";
const PASSPORT: &str = "PX7654321";
const EMAIL: &str = "saoirse@example.ie";
const PHONE: &str = "+6281234567890";
const MESSAGE: &str = "Maaf, terjadi kendala di sisi kami";

pub(super) fn keys(ids: &[&str]) -> MasterKeys {
    let keys = ids
        .iter()
        .map(|id| {
            let mut key = [0; 32];
            SeededRandom::new(id.bytes().map(u64::from).sum()).fill(&mut key);
            ((*id).to_owned(), key)
        })
        .collect();
    MasterKeys::new(keys).unwrap()
}

/// A report as it comes in, with these fields instead of the usual ones.
fn parsed(changed: &[(&str, &str)]) -> Report {
    let mut fields: Fields = [
        ("role", "holder"),
        ("name", NAME),
        ("nationality", "IRL"),
        ("passport_number", PASSPORT),
        ("permit_type", "voa"),
        ("permit_expires_on", "2026-08-10"),
        ("office", "ngurah-rai"),
        ("email", EMAIL),
        ("phone", "081234567890"),
        ("component", "upload"),
        ("tried_at", "2026-08-06T06:00:00Z"),
        ("message", MESSAGE),
        ("billing_code", "820190812345678"),
        ("checked", "connection"),
        ("consent", "on"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into();
    for (name, value) in changed {
        fields.retain(|(field, _)| field != name);
        fields.push(((*name).to_owned(), (*value).to_owned()));
    }
    report::parse(&fields, &[component("upload")], at(0)).expect("a good report")
}

/// Writes a report; `number` makes its id and reference.
pub(super) async fn insert(
    store: &Store,
    keys: &MasterKeys,
    number: u32,
    changed: &[(&str, &str)],
) -> String {
    adopt(store, keys).await;
    let random = SeededRandom::new(u64::from(number));
    let received_at = at(i64::from(number));
    let id = random::id(received_at, &random);
    let report = parsed(changed);
    let (data_key, wrapped_key) = keys.new_data_key(&id, &random).unwrap();
    let new = NewReport {
        id: id.clone(),
        reference: format!("REF-{number}"),
        secret_hash: vec![7; 32],
        idempotency_key: Some(format!("client-{number}")),
        request_hash: Some(vec![9; 32]),
        received_at,
        finding: finding::judge(&[(at(-3600), false)], &[], &[], at(0)),
        report,
        language: "id".to_owned(),
        erase_at: received_at + Duration::from_secs(1000),
        screenshots: vec![Screenshot {
            number: 1,
            sha256: "aa".to_owned(),
            file: format!("{id}-1"),
            media_type: "image/png".to_owned(),
            width: 3,
            height: 4,
            size: 5,
        }],
        network: Network::around([203, 0, 113, 9].into()),
        left_out: None,
        key_id: keys.current().to_owned(),
        wrapped_key,
        secret_key_id: Some(keys.current().to_owned()),
    };
    let keys = keys.clone();
    store
        .write(move |mut conn| {
            Box::pin(
                async move { reports::insert(&mut conn, &new, &data_key, &keys, &random).await },
            )
        })
        .await
        .unwrap();
    id
}

pub(super) async fn by_reference(store: &Store, number: u32) -> Case {
    let reference = format!("REF-{number}");
    store
        .read(move |mut conn| {
            Box::pin(async move { reports::by_reference(&mut conn, &reference).await })
        })
        .await
        .unwrap()
        .expect("it is there")
}

pub(super) async fn by_passport(store: &Store, keys: &MasterKeys, number: &str) -> Vec<String> {
    let hashes = keys.lookups("passport", number);
    store
        .read(move |mut conn| {
            Box::pin(async move { reports::of_passport(&mut conn, hashes).await })
        })
        .await
        .unwrap()
        .into_iter()
        .map(|case| case.reference)
        .collect()
}

/// Makes the first of these keys the current one.
async fn make_current(store: &Store, keys: &MasterKeys) {
    let keys = keys.clone();
    store
        .write(|mut conn| {
            Box::pin(async move {
                let id = keys.current().to_owned();
                assert!(store::keys::announce(&mut conn, &keys, &id, at(0)).await?);
                store::keys::make_current(&mut conn, &id, at(0)).await
            })
        })
        .await
        .unwrap();
}

pub(super) async fn execute(store: &Store, sql: &'static str) -> Result<u64, Error> {
    store
        .write(move |mut conn| Box::pin(async move { conn.execute(sql, vec![]).await }))
        .await
}

// ---- sealing --------------------------------------------------------------------------------

#[tokio::test]
async fn a_report_comes_back_as_it_went_in() {
    each_store(|db| async move {
        let keys = keys(&["k1"]);
        let id = insert(&db.store, &keys, 1, &[]).await;
        let case = by_reference(&db.store, 1).await;
        assert_eq!(
            (case.id.as_str(), case.state),
            (id.as_str(), CaseState::Received)
        );
        assert_eq!((case.office.as_str(), case.tries), ("ngurah-rai", 1));
        assert!(case.checked_connection && !case.checked_size);
        assert_eq!(case.permit_expires_on, Some("2026-08-10".parse().unwrap()));
        let personal = case.open(&keys).unwrap().expect("it is not erased");
        assert_eq!(personal.name, NAME);
        assert_eq!(personal.passport_number, PASSPORT);
        assert_eq!(personal.nationality.as_deref(), Some("IRL"));
        assert_eq!(personal.email.as_deref(), Some(EMAIL));
        assert_eq!(personal.phone.as_deref(), Some(PHONE));
        assert_eq!(personal.message.as_deref(), Some(MESSAGE));
        assert_eq!(personal.billing_code.as_deref(), Some("820190812345678"));
        let (attempts, shots) = db
            .store
            .read(move |mut conn| {
                Box::pin(async move {
                    let attempts = reports::attempts(&mut conn, &id).await?;
                    Ok((attempts, reports::screenshots(&mut conn, &id).await?))
                })
            })
            .await
            .unwrap();
        assert_eq!(attempts, [at(-3600)]);
        assert_eq!((shots.len(), shots[0].size), (1, 5));
    })
    .await;
}

#[tokio::test]
async fn no_personal_data_stands_in_the_file_in_the_clear() {
    on_sqlite(|db| async move {
        let keys = keys(&["k1"]);
        insert(&db.store, &keys, 1, &[]).await;
        let wal = std::path::PathBuf::from(format!("{}-wal", file(&db).display()));
        let bytes = [
            std::fs::read(file(&db)).unwrap(),
            std::fs::read(wal).unwrap(),
        ]
        .concat();
        let digits = PHONE.trim_start_matches('+');
        for secret in [
            NAME,
            PASSPORT,
            EMAIL,
            PHONE,
            digits,
            MESSAGE,
            "820190812345678",
            "IRL",
        ] {
            assert!(
                !holds(&bytes, secret.as_bytes()),
                "{secret} stands in the file"
            );
        }
        assert!(holds(&bytes, b"REF-1"), "the file is the right one");
    })
    .await;
}

pub(super) fn file(db: &Database) -> &std::path::Path {
    db.file.as_deref().unwrap()
}

pub(super) fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

#[tokio::test]
async fn a_moved_or_changed_ciphertext_does_not_open() {
    each_store(|db| async move {
        let keys = keys(&["k1"]);
        for number in [1, 3, 4] {
            insert(&db.store, &keys, number, &[]).await;
        }
        insert(&db.store, &keys, 2, &[("name", "Someone Else")]).await;
        let opened = async |number: u32| by_reference(&db.store, number).await.open(&keys);
        for (number, sql) in [
            // Into another column, then into another row, then another report's key.
            (
                1,
                "UPDATE reports SET sealed_name = sealed_email WHERE reference = 'REF-1'",
            ),
            (
                3,
                "UPDATE reports SET sealed_name = (SELECT sealed_name FROM reports WHERE reference = 'REF-2')
                 WHERE reference = 'REF-3'",
            ),
            (
                4,
                "UPDATE reports SET wrapped_key = (SELECT wrapped_key FROM reports WHERE reference = 'REF-2')
                 WHERE reference = 'REF-4'",
            ),
        ] {
            assert!(opened(number).await.unwrap().unwrap().broken.is_empty());
            execute(&db.store, sql).await.unwrap();
            match opened(number).await {
                // One field: the others are still of use, and it is told as broken.
                Ok(personal) => {
                    let personal = personal.expect("it is not erased");
                    assert_eq!(personal.broken, ["name"], "after {sql}");
                    assert_eq!((&*personal.name, &*personal.passport_number), ("", PASSPORT));
                }
                Err(error) => {
                    assert_eq!(number, 4, "after {sql}");
                    assert!(error.to_string().contains("does not open"), "{error}");
                }
            }
        }
        let other = by_reference(&db.store, 2).await.open(&keys).unwrap().unwrap();
        assert_eq!(other.name, "Someone Else", "others are not touched");
    })
    .await;
}

#[test]
fn every_bit_of_a_sealed_value_counts() {
    let random = SeededRandom::new(3);
    let keys = keys(&["k1"]);
    let (key, wrapped) = keys.new_data_key("row", &random).unwrap();
    let sealed = key
        .seal("reports", "name", "row", b"secret", &random)
        .unwrap();
    assert_eq!(
        key.open("reports", "name", "row", &sealed).unwrap(),
        b"secret"
    );
    for byte in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[byte] ^= 1;
        assert!(
            key.open("reports", "name", "row", &changed).is_err(),
            "byte {byte}"
        );
    }
    for end in 0..sealed.len() {
        assert!(
            key.open("reports", "name", "row", &sealed[..end]).is_err(),
            "cut at {end}"
        );
    }
    for (table, column, row) in [
        ("x", "name", "row"),
        ("reports", "x", "row"),
        ("reports", "name", "x"),
    ] {
        assert!(key.open(table, column, row, &sealed).is_err());
    }
    // The same plain text twice is not the same cipher text.
    assert_ne!(
        sealed,
        key.seal("reports", "name", "row", b"secret", &random)
            .unwrap()
    );
    assert!(keys.unwrap(&wrapped, "k1", "another").is_err());
    let unknown = keys.unwrap(&wrapped, "k9", "row").expect_err("no such key");
    assert!(matches!(unknown, SealError::UnknownKey(_)));
    // What is logged gives nothing away.
    assert_eq!(format!("{key:?} {keys:?}"), "DataKey(…) [\"k1\"]");
    assert_ne!(keys.lookup("passport", "1"), keys.lookup("phone", "1"));
}

/// Opens, by another implementation of the cipher, what was sealed for a place.
fn opened_elsewhere(key: &[u8], place: &str, sealed: &[u8]) -> Option<Vec<u8>> {
    let (nonce, body) = sealed.split_first_chunk::<24>()?;
    let payload = Payload {
        msg: body,
        aad: place.as_bytes(),
    };
    let cipher = XChaCha20Poly1305::new_from_slice(key).ok()?;
    cipher.decrypt(&XNonce::from(*nonce), payload).ok()
}

proptest! {
    /// Whoever has the master key opens everything with any XChaCha20-Poly1305.
    #[test]
    fn what_is_sealed_is_xchacha20_poly1305(
        master: [u8; 32],
        plain in proptest::collection::vec(any::<u8>(), 0..3000),
        seed: u64,
    ) {
        let random = SeededRandom::new(seed);
        let keys = MasterKeys::new(vec![("k1".to_owned(), master)]).unwrap();
        let (key, wrapped) = keys.new_data_key("row", &random).unwrap();
        let sealed = key.seal("reports", "name", "row", &plain, &random).unwrap();
        let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(&master).unwrap();
        mac.update(b"siaga/wrap/1\0");
        let wrapping = mac.finalize().into_bytes();
        let data_key = opened_elsewhere(&wrapping, "reports/wrapped_key/row", &wrapped).unwrap();
        let opened = opened_elsewhere(&data_key, "reports/name/row", &sealed);
        prop_assert_eq!(opened, Some(plain.clone()));
        let opened = key.open("reports", "name", "row", &sealed).unwrap();
        prop_assert_eq!(opened, plain);
    }
}

#[tokio::test]
async fn after_a_rotation_old_reports_open_and_are_found() {
    each_store(|db| async move {
        let before = keys(&["k1"]);
        insert(&db.store, &before, 1, &[]).await;
        let after = keys(&["k2", "k1"]);
        make_current(&db.store, &after).await;
        insert(&db.store, &after, 2, &[]).await;
        for number in [1, 2] {
            let personal = by_reference(&db.store, number).await.open(&after).unwrap();
            assert_eq!(personal.unwrap().name, NAME);
        }
        assert_eq!(
            by_passport(&db.store, &after, PASSPORT).await,
            ["REF-1", "REF-2"]
        );
        // The old key alone opens the old report only.
        assert!(by_reference(&db.store, 1).await.open(&before).is_ok());
        assert!(by_reference(&db.store, 2).await.open(&before).is_err());
        let follow =
            |keys: &MasterKeys, key_id: &str| keys.follow_up_secret(key_id, "row").unwrap();
        assert_eq!(
            follow(&before, "k1"),
            follow(&after, "k1"),
            "links stay good"
        );
        assert_ne!(follow(&after, "k1"), follow(&after, "k2"));
    })
    .await;
}

#[tokio::test]
async fn what_is_erased_is_neither_readable_nor_findable() {
    each_store(|db| async move {
        let keys = keys(&["k1"]);
        let id = insert(&db.store, &keys, 1, &[]).await;
        insert(&db.store, &keys, 2, &[("passport_number", "AB1234567")]).await;
        let wrapped = wrapped_key(&db.store).await;
        let due = async |now: Moment| {
            db.store
                .read(move |mut conn| {
                    Box::pin(async move { reports::due_for_erasure(&mut conn, now, None).await })
                })
                .await
                .unwrap()
                .into_iter()
                .map(|due| due.id)
                .collect::<Vec<_>>()
        };
        assert!(due(at(1000)).await.is_empty());
        assert_eq!(due(at(1001)).await, std::slice::from_ref(&id));
        let erase = id.clone();
        let files = db
            .store
            .write(move |mut conn| {
                Box::pin(async move {
                    reports::erase(&mut conn, &erase, at(1001)).await?;
                    files::queued(&mut conn, files::Kind::Screenshot, 0).await
                })
            })
            .await
            .unwrap();
        assert_eq!(files.len(), 1);
        assert_eq!(files[0].name, format!("{id}-1"), "to be removed");
        let case = by_reference(&db.store, 1).await;
        assert_eq!(case.erased_at, Some(at(1001)));
        assert!(case.open(&keys).unwrap().is_none());
        assert!(by_passport(&db.store, &keys, PASSPORT).await.is_empty());
        assert_eq!(by_passport(&db.store, &keys, "AB1234567").await, ["REF-2"]);
        assert_eq!(due(at(1001)).await, [""; 0], "once");
        let again = db
            .store
            .read(|mut conn| {
                Box::pin(async move {
                    reports::by_idempotency_key(&mut conn, &["client-1".to_owned()]).await
                })
            })
            .await
            .unwrap();
        assert!(again.is_none());
        // Nor does its key lie about in free pages.
        if db.file.is_some() {
            db.store.close().await;
            let bytes = std::fs::read(file(&db)).unwrap();
            assert!(!holds(&bytes, &wrapped), "the wrapped key is overwritten");
        }
    })
    .await;
}

async fn wrapped_key(store: &Store) -> Vec<u8> {
    store
        .read(|mut conn| {
            Box::pin(async move {
                let sql = "SELECT wrapped_key FROM reports WHERE reference = 'REF-1'";
                let row: Option<(Vec<u8>,)> = conn.optional(sql, vec![]).await?;
                Ok(row.unwrap().0)
            })
        })
        .await
        .unwrap()
}

// ---- the office's work ----------------------------------------------------------------------

#[tokio::test]
async fn the_queue_is_ordered_by_deadline() {
    each_store(|db| async move {
        let keys = keys(&["k1"]);
        for (number, expires, office) in [
            (1, "2026-09-01", "ngurah-rai"),
            (2, "2026-08-07", "ngurah-rai"),
            (3, "", "ngurah-rai"),
            (4, "2026-08-07", "ngurah-rai"),
            (5, "2026-08-06", "denpasar"),
        ] {
            let changed = [("permit_expires_on", expires), ("office", office)];
            insert(&db.store, &keys, number, &changed).await;
        }
        let queue = async |office: Option<&'static str>, which: Which, offset: i64| {
            let store = &db.store;
            let (cases, count) = store
                .read(move |mut conn| {
                    Box::pin(async move {
                        let cases = reports::queue(&mut conn, office, which, 3, offset).await?;
                        Ok((cases, reports::count(&mut conn, office, which).await?))
                    })
                })
                .await
                .unwrap();
            let references: Vec<String> = cases.into_iter().map(|case| case.reference).collect();
            (references.join(" "), count)
        };
        let own = Some("ngurah-rai");
        assert_eq!(
            queue(own, Which::Open, 0).await,
            ("REF-2 REF-4 REF-1".to_owned(), 4)
        );
        assert_eq!(queue(own, Which::Open, 3).await, ("REF-3".to_owned(), 4));
        assert_eq!(
            queue(None, Which::Open, 0).await,
            ("REF-5 REF-2 REF-4".to_owned(), 5)
        );
        assert_eq!(queue(own, Which::Done, 0).await, (String::new(), 0));
    })
    .await;
}

#[tokio::test]
async fn a_case_goes_only_where_the_rules_allow_and_by_one_officer() {
    each_store(|db| async move {
        let keys = keys(&["k1"]);
        let id = insert(&db.store, &keys, 1, &[]).await;
        add_member(&db.store).await;
        let advance = async |from: CaseState, to: CaseState, reason: Option<&'static str>| {
            advance(&db.store, &keys, &id, (from, to), reason).await
        };
        use CaseState::{InReview, Processed, Received, Returned};
        let jump = advance(Received, Processed, None).await;
        assert!(matches!(jump, Err(Error::Refused(_))), "{jump:?}");
        advance(Received, InReview, None).await.unwrap();
        let late = advance(Received, InReview, None).await;
        assert!(
            matches!(late, Err(Error::Refused(_))),
            "someone was first: {late:?}"
        );
        advance(InReview, Returned, Some("the photograph is missing"))
            .await
            .unwrap();
        advance(Returned, InReview, None).await.unwrap();
        advance(InReview, Processed, None).await.unwrap();
        let steps = db
            .store
            .read({
                let id = id.clone();
                move |mut conn| Box::pin(async move { case_steps::steps(&mut conn, &id).await })
            })
            .await
            .unwrap();
        let states: Vec<&str> = steps.iter().map(|step| step.to_state.as_str()).collect();
        assert_eq!(states, ["in_review", "returned", "in_review", "processed"]);
        let key = by_reference(&db.store, 1).await.data_key(&keys);
        let reason = steps[1].reason(&key).unwrap();
        assert_eq!(reason.as_deref(), Some("the photograph is missing"));
        assert_eq!(steps[0].reason(&key).unwrap(), None);
        assert_eq!(steps[0].by_whom, "budi@example.go.id");
        // A reason may name the applicant: it goes with the report.
        let erase = id.clone();
        let steps = db
            .store
            .write(move |mut conn| {
                Box::pin(async move {
                    reports::erase(&mut conn, &erase, at(9)).await?;
                    case_steps::steps(&mut conn, &erase).await
                })
            })
            .await
            .unwrap();
        assert_eq!(steps.len(), 4);
        assert!(
            steps
                .iter()
                .all(|step| step.reason(&key).unwrap().is_none())
        );
    })
    .await;
}

#[tokio::test]
async fn nothing_can_be_written_to_a_case_after_its_erasure() {
    each_store(|db| async move {
        let keys = keys(&["k1"]);
        let id = insert(&db.store, &keys, 1, &[]).await;
        add_member(&db.store).await;
        use CaseState::{InReview, Received, Returned};
        let step = (Received, InReview);
        advance(&db.store, &keys, &id, step, None).await.unwrap();
        erase(&db.store, &id, at(9)).await;
        let step = (InReview, Returned);
        let late = advance(&db.store, &keys, &id, step, Some("Saoirse came again")).await;
        assert!(
            matches!(late, Err(Error::Refused("the report is erased"))),
            "{late:?}"
        );
        let steps = db
            .store
            .read(move |mut conn| Box::pin(async move { case_steps::steps(&mut conn, &id).await }))
            .await
            .unwrap();
        assert_eq!(steps.len(), 1);
        let case = by_reference(&db.store, 1).await;
        assert_eq!((case.permit_expires_on, case.arrived_on), (None, None));
    })
    .await;
}

/// Erases a report.
pub(super) async fn erase(store: &Store, id: &str, now: Moment) {
    let id = id.to_owned();
    store
        .write(move |mut conn| Box::pin(async move { reports::erase(&mut conn, &id, now).await }))
        .await
        .unwrap();
}

/// Moves a case on.
pub(super) async fn advance(
    store: &Store,
    keys: &MasterKeys,
    report: &str,
    (from, to): (CaseState, CaseState),
    reason: Option<&str>,
) -> Result<(), Error> {
    let step = case_steps::NewStep {
        report: report.to_owned(),
        from,
        to,
        staff: "s1".to_owned(),
        reason: reason.map(str::to_owned),
        at: at(5),
    };
    let keys = keys.clone();
    store
        .write(move |mut conn| {
            Box::pin(
                async move { case_steps::advance(&mut conn, &step, &keys, &SystemRandom).await },
            )
        })
        .await
}

// ---- staff ----------------------------------------------------------------------------------

fn member() -> staff::Member {
    staff::Member {
        id: "s1".to_owned(),
        email: "budi@example.go.id".to_owned(),
        password_hash: "$argon2id$…".to_owned(),
        role: Role::Officer,
        office: Some("ngurah-rai".to_owned()),
    }
}

pub(super) async fn add_member(store: &Store) {
    store
        .write(|mut conn| Box::pin(async move { staff::add(&mut conn, &member(), at(0)).await }))
        .await
        .unwrap();
}

#[tokio::test]
async fn sessions_end_when_idle_when_old_and_when_the_password_changes() {
    each_store(|db| async move {
        add_member(&db.store).await;
        let twice = db
            .store
            .write(|mut conn| {
                Box::pin(async move { staff::add(&mut conn, &member(), at(0)).await })
            })
            .await
            .expect_err("the address is taken");
        assert!(twice.is_duplicate(), "{twice}");
        let token = vec![1; 32];
        let open = async |at_second: i64| {
            let token = token.clone();
            db.store
                .write(move |mut conn| {
                    Box::pin(async move {
                        let lasts = Duration::from_secs(8 * 3600);
                        staff::open_session(&mut conn, token, "s1", "csrf", at(at_second), lasts)
                            .await
                    })
                })
                .await
                .unwrap();
        };
        let alive = async |second: i64| {
            let token = token.clone();
            let session = db
                .store
                .read(move |mut conn| {
                    Box::pin(async move { staff::session(&mut conn, token, at(second)).await })
                })
                .await
                .unwrap();
            session.is_some_and(|s| s.csrf == "csrf" && s.member.email == "budi@example.go.id")
        };
        let seen = async |second: i64| {
            let token = token.clone();
            db.store
                .write(move |mut conn| {
                    Box::pin(async move { staff::seen(&mut conn, token, at(second)).await })
                })
                .await
                .unwrap();
        };
        open(0).await;
        let idle = i64::try_from(staff::IDLE.as_secs()).unwrap();
        assert!(alive(idle - 1).await);
        assert!(!alive(idle).await, "idle");
        for used in (0..8 * 3600).step_by(1000) {
            seen(used).await;
        }
        assert!(alive(8 * 3600 - 1).await, "in use");
        assert!(!alive(8 * 3600).await, "old, although in use");
        db.store
            .write(|mut conn| {
                Box::pin(async move { staff::close_expired(&mut conn, at(8 * 3600)).await })
            })
            .await
            .unwrap();
        open(0).await;
        assert!(alive(1).await, "the row was removed, the token free");
        let changed = staff::Member {
            password_hash: "$argon2id$new".to_owned(),
            ..member()
        };
        let known = db
            .store
            .write(move |mut conn| {
                Box::pin(async move { staff::replace(&mut conn, &changed).await })
            })
            .await
            .unwrap();
        assert!(
            known && !alive(1).await,
            "a new password ends every session"
        );
    })
    .await;
}
