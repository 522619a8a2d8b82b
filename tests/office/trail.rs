//! The audit trail: what is in it, and that nobody changes it unseen.

use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;

use siaga::app::audit_head::publish;
use siaga::domain::Moment;
use siaga::domain::case::Role;
use siaga::store::audit::{self, AuditWriter, Break, Entry, Verified};
use siaga::store::seal::MasterKeys;
use siaga::store::{Store, Value};
use siaga::system::SystemRandom;

use super::cases::report;
use super::staff::{add, officer, sign_in};
use crate::harness::{adopt, at, each_store, folder, on_sqlite, sqlite_address};
use crate::reports::desk::{Running, keys, start};

/// How many entries the trail has, all of which hold together.
pub(crate) async fn trail(desk: &Running) -> u64 {
    let verified = verify(&desk.store, &desk.keys).await;
    assert_eq!((verified.broken, verified.unopened), (None, 0));
    verified.entries
}

async fn verify(store: &Store, keys: &MasterKeys) -> Verified {
    audit::verify(store, keys, |_| {}).await.unwrap()
}

/// What the newest entries say: action, report, and the reports that a list showed.
pub(crate) async fn newest(
    store: &Store,
    count: i64,
) -> Vec<(String, Option<String>, Vec<String>)> {
    type Row = (String, Option<String>, Option<Vec<u8>>);
    let sql = "SELECT action, report_id, shown FROM audit ORDER BY id DESC LIMIT $1";
    let rows: Vec<Row> = store
        .read(move |mut conn| Box::pin(async move { conn.all(sql, vec![count.into()]).await }))
        .await
        .unwrap();
    let ids = |shown: Vec<u8>| {
        let ids = shown
            .chunks(16)
            .map(|id| uuid::Uuid::from_slice(id).unwrap());
        ids.map(|id| id.to_string()).collect()
    };
    rows.into_iter()
        .map(|(action, report, shown)| (action, report, shown.map(ids).unwrap_or_default()))
        .collect()
}

async fn id_of(desk: &Running, reference: &str) -> String {
    let reference = reference.to_owned();
    let sql = "SELECT id FROM reports WHERE reference = $1";
    let row: Option<(String,)> = desk
        .store
        .read(move |mut conn| {
            Box::pin(async move { conn.optional(sql, vec![reference.into()]).await })
        })
        .await
        .unwrap();
    row.unwrap().0
}

#[tokio::test]
async fn a_list_names_the_cases_that_it_showed() {
    each_store(|database| async move {
        let desk = start(&database.store).await;
        let soon = report(&desk, "Soon", "2026-08-09", "E12345678").await;
        let later = report(&desk, "Later", "2026-09-09", "E12345678").await;
        let (soon, later) = (id_of(&desk, &soon).await, id_of(&desk, &later).await);
        let made = officer(&desk, "made@imigrasi.example", "ngurah-rai").await;
        made.text("/office/").await;
        let entry = newest(&desk.store, 1).await.remove(0);
        assert_eq!(entry.0, "list open ngurah-rai page 1");
        assert_eq!(entry.2, [soon.clone(), later.clone()]);
        made.text("/office/?page=7").await;
        let entry = newest(&desk.store, 1).await.remove(0);
        assert_eq!(entry.0, "list open ngurah-rai page 1", "the last there is");
        assert_eq!(entry.2.len(), 2);
        let found = made.post("/office/search", &[("q", "E12345678")]).await;
        let entry = newest(&desk.store, 1).await.remove(0);
        assert_eq!(entry.0, "search by passport");
        assert_eq!(entry.2.len(), 0, "it shows none by itself");
        let list = found.headers()["location"].to_str().unwrap();
        made.text(list.trim_start_matches("/en")).await;
        let entry = newest(&desk.store, 1).await.remove(0);
        assert_eq!(entry.0, "list of a passport page 1");
        assert_eq!(entry.2.len(), 2);
        assert!(entry.2.contains(&soon) && entry.2.contains(&later));

        // Another office's officer is told where the cases are, which is in the trail too.
        let budi = officer(&desk, "budi@imigrasi.example", "jakarta-pusat").await;
        budi.post("/office/search", &[("q", "E12345678")]).await;
        let entries = newest(&desk.store, 2).await;
        assert_eq!(entries[0].0, "refused: another office");
        assert_eq!(entries[0].2.len(), 2);
        assert_eq!(entries[1].2.len(), 0, "what was shown");
        trail(&desk).await;
    })
    .await;
}

#[tokio::test]
async fn what_is_refused_is_in_the_trail() {
    on_sqlite(|database| async move {
        let desk = start(&database.store).await;
        let reference = report(&desk, "Zhang Wei", "2026-08-09", "E12345678").await;
        let id = id_of(&desk, &reference).await;
        let case = format!("/office/cases/{reference}");
        let budi = officer(&desk, "budi@imigrasi.example", "jakarta-pusat").await;
        let last = async || newest(&desk.store, 1).await.remove(0);
        for refused in [
            budi.get(&case).await,
            budi.get(&format!("{case}/screenshots/1")).await,
            budi.step(&reference, "received", "in_review", "").await,
        ] {
            assert_eq!(refused.status(), 403);
        }
        for (action, report, _) in newest(&desk.store, 3).await {
            assert_eq!(action, "refused: another office");
            assert_eq!(report.as_ref(), Some(&id));
        }
        // A reference that no case has.
        let none = report(&desk, "Somebody", "2026-08-09", "E99999999").await;
        let gone = id_of(&desk, &none).await;
        let delete = "DELETE FROM reports WHERE id = $1";
        execute(&desk.store, delete, vec![gone.into()]).await;
        assert_eq!(
            budi.get(&format!("/office/cases/{none}")).await.status(),
            404
        );
        assert_eq!(last().await.0, format!("refused: no case {none}"));

        add(&desk, "ops@siaga.example", Role::Operator, None).await;
        let operator = sign_in(&desk, "ops@siaga.example").await;
        for (path, action, report) in [
            ("/office/".to_owned(), "refused: no right to the list", None),
            (case.clone(), "refused: no right to a case", Some(&id)),
            (
                format!("{case}/screenshots/1"),
                "refused: no right to a case",
                Some(&id),
            ),
            (
                "/office/cases/nonsense".to_owned(),
                "refused: no right to a case",
                None,
            ),
        ] {
            assert_eq!(operator.get(&path).await.status(), 403, "{path}");
            let entry = last().await;
            assert_eq!(
                (entry.0.as_str(), entry.1.as_ref()),
                (action, report),
                "{path}"
            );
        }
        let forged = operator.post("/office/search", &[("q", "E12345678")]).await;
        assert_eq!(forged.status(), 403);
        assert_eq!(last().await.0, "refused: no right to a search");
        let made = officer(&desk, "made@imigrasi.example", "ngurah-rai").await;
        let mut forged = made;
        forged.csrf = "guessed".to_owned();
        let answer = forged.step(&reference, "received", "in_review", "").await;
        assert_eq!(answer.status(), 403);
        assert_eq!(last().await.0, "refused: a form of another page or session");
        trail(&desk).await;
    })
    .await;
}

// ── The chain ────────────────────────────────────────────────────────────────────────────

fn writer(keys: &MasterKeys) -> AuditWriter {
    AuditWriter {
        keys: Arc::new(keys.clone()),
        random: Arc::new(SystemRandom),
    }
}

async fn note(store: &Store, keys: &MasterKeys, n: u32, shown: usize) {
    let (audit, ids) = (
        writer(keys),
        (0..shown).map(|_| uuid::Uuid::from_u128(7).to_string()),
    );
    let entry = Entry {
        staff: "s1".to_owned(),
        action: format!("opened {n}"),
        report: Some("r1".to_owned()),
        shown: ids.collect(),
    };
    store
        .write(move |mut conn| Box::pin(async move { audit.note(&mut conn, &entry, at(0)).await }))
        .await
        .unwrap();
}

/// An entry as the first version wrote it.
async fn note_unkeyed(store: &Store, previous: &str, n: u32) -> String {
    use sha2::Digest as _;
    let action = format!("old {n}");
    let text = serde_json::json!([NOON_MS, "s1", action, "r1", previous]).to_string();
    let hash = data_encoding::HEXLOWER.encode(&sha2::Sha256::digest(text.as_bytes()));
    let values: Vec<Value> = vec![
        NOON_MS.into(),
        action.into(),
        previous.to_owned().into(),
        hash.clone().into(),
    ];
    execute(
        store,
        "INSERT INTO audit (at, staff_id, action, report_id, previous, hash)
         VALUES ($1, 's1', $2, 'r1', $3, $4)",
        values,
    )
    .await;
    hash
}

const NOON_MS: i64 = crate::harness::NOON.0;

async fn execute(store: &Store, sql: &'static str, values: Vec<Value>) {
    store
        .write(move |mut conn| Box::pin(async move { conn.execute(sql, values).await }))
        .await
        .unwrap();
}

/// Where the trail is broken: the number of the entry from 1, and how.
fn broken(verified: &Verified) -> Option<(u64, Break)> {
    verified.broken.map(|(_, how)| (verified.entries + 1, how))
}

#[tokio::test]
async fn the_trail_shows_every_kind_of_tampering() {
    each_store(|database| async move {
        let keys = adopt(&database.store, &keys()).await;
        let store = &database.store;
        assert_eq!(verify(store, &keys).await, Verified::default());
        for n in 0..6 {
            note(store, &keys, n, usize::from(n == 2) * 3).await;
        }
        let whole = verify(store, &keys).await;
        assert_eq!((whole.entries, broken(&whole)), (6, None));
        assert_eq!(
            whole.first_keyed.unwrap().entry,
            whole.head.unwrap().place.entry - 5
        );
        for tamper in [
            "UPDATE audit SET action = 'nothing' WHERE id = 3",
            "UPDATE audit SET staff_id = 's2' WHERE id = 3",
            "UPDATE audit SET report_id = NULL WHERE id = 3",
            "UPDATE audit SET at = at + 1 WHERE id = 3",
            "UPDATE audit SET shown = NULL WHERE id = 3",
            "UPDATE audit SET hash = 'x' WHERE id = 3",
            "UPDATE audit SET previous = 'x' WHERE id = 3",
            "UPDATE audit SET id = 300 WHERE id = 3",
            "DELETE FROM audit WHERE id = 3",
        ] {
            if tamper.contains("SET id") && database.name == "postgres" {
                continue; // it refuses to
            }
            let found = tampered(store, &keys, tamper).await;
            let expected = match tamper {
                t if t.contains("previous = ") || t.contains("DELETE") || t.contains("300") => {
                    Break::Order
                }
                _ => Break::Changed,
            };
            assert_eq!(broken(&found), Some((3, expected)), "{tamper}");
        }
    })
    .await;
}

#[tokio::test]
async fn whoever_computes_every_hash_anew_is_seen_without_the_key() {
    each_store(|database| async move {
        let keys = adopt(&database.store, &keys()).await;
        let store = &database.store;
        for n in 0..6 {
            note(store, &keys, n, usize::from(n == 4)).await;
        }
        execute(
            store,
            "UPDATE audit SET staff_id = 's2' WHERE id = 3",
            vec![],
        )
        .await;
        rewrite(store, true).await;
        assert_eq!(
            broken(&verify(store, &keys).await),
            Some((1, Break::Changed))
        );
        // As if there had never been a key: it holds together, and is said to prove nothing.
        execute(
            store,
            "UPDATE audit SET key_id = NULL, shown = NULL",
            vec![],
        )
        .await;
        rewrite(store, false).await;
        let verified = verify(store, &keys).await;
        assert_eq!((verified.entries, verified.unkeyed), (6, 6));
        assert_eq!((broken(&verified), verified.first_keyed), (None, None));
    })
    .await;
}

/// Computes every hash anew from the first entry on, as anybody can who can write to the
/// database: in the form of today's entries, or in that of the first version.
async fn rewrite(store: &Store, today: bool) {
    use sha2::Digest as _;
    type Row = (
        i64,
        i64,
        String,
        String,
        Option<String>,
        Option<Vec<u8>>,
        Option<String>,
    );
    let sql = "SELECT id, at, staff_id, action, report_id, shown, key_id FROM audit ORDER BY id";
    let rows: Vec<Row> = store
        .read(move |mut conn| Box::pin(async move { conn.all(sql, vec![]).await }))
        .await
        .unwrap();
    // The hashes before are unique: they make room first.
    execute(
        store,
        "UPDATE audit SET previous = 'was ' || previous",
        vec![],
    )
    .await;
    let mut previous = String::new();
    for (id, at, staff, action, report, shown, key_id) in rows {
        let shown = shown.map(|ids| data_encoding::HEXLOWER.encode(&ids));
        let text = match today {
            true => serde_json::json!([at, staff, action, report, shown, key_id, previous]),
            false => serde_json::json!([at, staff, action, report, previous]),
        };
        let hash = sha2::Sha256::digest(text.to_string().as_bytes());
        let hash = data_encoding::HEXLOWER.encode(&hash);
        let values = vec![id.into(), previous.into(), hash.clone().into()];
        let sql = "UPDATE audit SET previous = $2, hash = $3 WHERE id = $1";
        execute(store, sql, values).await;
        previous = hash;
    }
}

/// The trail after a change that is undone again.
async fn tampered(store: &Store, keys: &MasterKeys, tamper: &'static str) -> Verified {
    for keep in ["CREATE TABLE kept AS SELECT * FROM audit", tamper] {
        execute(store, keep, vec![]).await;
    }
    let found = verify(store, keys).await;
    for restore in [
        "DELETE FROM audit",
        "INSERT INTO audit (id, at, staff_id, action, report_id, previous, hash, key_id, shown)
         OVERRIDING SYSTEM VALUE
         SELECT id, at, staff_id, action, report_id, previous, hash, key_id, shown FROM kept",
        "DROP TABLE kept",
    ] {
        let sqlite = "INSERT INTO audit SELECT * FROM kept";
        let tried = store
            .write(move |mut conn| Box::pin(async move { conn.execute(restore, vec![]).await }))
            .await;
        if tried.is_err() {
            execute(store, sqlite, vec![]).await;
        }
    }
    assert_eq!(broken(&verify(store, keys).await), None);
    found
}

#[tokio::test]
async fn the_first_keyed_entry_fixes_what_was_written_without_a_key() {
    each_store(|database| async move {
        let keys = adopt(&database.store, &keys()).await;
        let store = &database.store;
        let first = note_unkeyed(store, "", 1).await;
        let second = note_unkeyed(store, &first, 2).await;
        let verified = verify(store, &keys).await;
        assert_eq!((verified.entries, verified.unkeyed), (2, 2));
        assert_eq!(verified.first_keyed, None, "it proves nothing yet");
        note(store, &keys, 3, 0).await;
        let verified = verify(store, &keys).await;
        assert_eq!((verified.entries, verified.unkeyed), (3, 2));
        assert!(verified.first_keyed.is_some());
        // Written anew without a key, with every hash right: the keyed entry does not follow.
        execute(
            store,
            "DELETE FROM audit WHERE hash = $1",
            vec![second.into()],
        )
        .await;
        let found = verify(store, &keys).await;
        assert_eq!(broken(&found), Some((2, Break::Order)));
    })
    .await;
}

#[tokio::test]
async fn an_entry_without_a_key_after_one_with_a_key_is_no_entry() {
    each_store(|database| async move {
        let keys = adopt(&database.store, &keys()).await;
        let store = &database.store;
        note(store, &keys, 1, 0).await;
        let head = verify(store, &keys).await.head.unwrap().hash;
        note_unkeyed(store, &head, 2).await;
        let found = verify(store, &keys).await;
        assert_eq!(broken(&found), Some((2, Break::Unkeyed)));
    })
    .await;
}

#[tokio::test]
async fn without_its_key_a_trail_is_neither_whole_nor_broken() {
    each_store(|database| async move {
        let keys = adopt(&database.store, &keys()).await;
        note(&database.store, &keys, 1, 300).await;
        let other = MasterKeys::new(vec![("k9".to_owned(), [9; 32])]).unwrap();
        let verified = verify(&database.store, &other).await;
        assert_eq!(
            (verified.entries, verified.unopened),
            (2, 2),
            "300 cases take two entries"
        );
        assert_eq!(broken(&verified), None);
        let verified = verify(&database.store, &keys).await;
        assert_eq!((verified.entries, verified.unopened), (2, 0));
        // With another master key the trail goes on under a next key.
        super::unreadable::make_current(&database.store, &other).await;
        note(&database.store, &other, 2, 0).await;
        let verified = verify(&database.store, &other).await;
        assert_eq!((verified.entries, verified.unopened), (3, 2));
        assert_eq!(broken(&verified), None);
        let both = vec![("k9".to_owned(), [9; 32]), ("k1".to_owned(), [7; 32])];
        let verified = verify(&database.store, &MasterKeys::new(both).unwrap()).await;
        assert_eq!(
            (verified.entries, verified.unopened),
            (3, 0),
            "both are there again"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_looks_at_once_make_one_chain_and_verifying_goes_on_meanwhile() {
    each_store(|database| async move {
        let keys = adopt(&database.store, &keys()).await;
        let tasks: Vec<_> = (0..24)
            .map(|n| {
                let (store, keys) = (database.store.clone(), keys.clone());
                tokio::spawn(async move {
                    let entry = Entry {
                        staff: "s1".to_owned(),
                        action: format!("opened {n}"),
                        ..Entry::default()
                    };
                    siaga::web::sessions::again_if_raced(|| {
                        let (audit, entry) = (writer(&keys), entry.clone());
                        store.write(move |mut conn| {
                            Box::pin(async move { audit.note(&mut conn, &entry, at(0)).await })
                        })
                    })
                    .await
                })
            })
            .collect();
        for task in tasks {
            assert_eq!(broken(&verify(&database.store, &keys).await), None);
            task.await.unwrap().expect("no look is refused");
        }
        assert_eq!(verify(&database.store, &keys).await.entries, 24);
    })
    .await;
}

// ── The head ─────────────────────────────────────────────────────────────────────────────

#[tokio::test]
async fn the_head_is_appended_where_the_operator_says() {
    on_sqlite(|database| async move {
        let keys = adopt(&database.store, &keys()).await;
        let folder = folder();
        let file = folder.path().join("heads");
        let store = &database.store;
        let day = |n: i64| Moment(NOON_MS + n * 86_400_000);
        assert_eq!(publish(store, Some(&file), day(0)).await.unwrap(), None);
        note(store, &keys, 1, 0).await;
        let first = publish(store, Some(&file), day(0)).await.unwrap().unwrap();
        publish(store, Some(&file), day(1)).await.unwrap();
        let text = std::fs::read_to_string(&file).unwrap();
        assert_eq!(text, format!("{} 1 {}\n", day(0), first.hash), "once");
        // What a full disk broke off stays a line of its own.
        std::fs::write(&file, format!("{text}2026-08-0")).unwrap();
        note(store, &keys, 2, 0).await;
        let second = publish(store, Some(&file), day(2)).await.unwrap().unwrap();
        let text = std::fs::read_to_string(&file).unwrap();
        let last = text.lines().last().unwrap();
        assert_eq!(last, format!("{} 2 {}", day(2), second.hash));
        let nowhere = publish(store, Some(Path::new("/nowhere/heads")), day(3)).await;
        assert!(nowhere.is_err_and(|error| error.to_string().contains("/nowhere/heads")));
    })
    .await;
}

/// A folder with a configuration and a database whose master key is that of [`keys`].
struct Installed(tempfile::TempDir);

impl Installed {
    async fn new() -> (Installed, Store, MasterKeys) {
        let folder = folder();
        let data = folder.path().join("data");
        std::fs::create_dir(&data).unwrap();
        private(&data);
        let config = "[site]\nname_id = \"a\"\nname_en = \"a\"\nurl = \"https://a.example/\"\n\
            [probe]\ncontact = \"a@a.example\"\n[audit]\nhead_file = \"heads\"\n";
        std::fs::write(folder.path().join("siaga.toml"), config).unwrap();
        let store = Store::open(&sqlite_address(&data.join("siaga.db")))
            .await
            .unwrap();
        let keys = adopt(&store, &keys()).await;
        (Installed(folder), store, keys)
    }

    fn verify(&self, more: &[&str]) -> (Option<i32>, String) {
        let key = format!("k1:{}", data_encoding::HEXLOWER.encode(&[7; 32]));
        let output: Output = Command::new(env!("CARGO_BIN_EXE_siaga"))
            .args(["audit", "verify"])
            .args(more)
            .current_dir(self.0.path())
            .env_clear()
            .env("SIAGA_MASTER_KEY", key)
            .output()
            .unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let error = String::from_utf8(output.stderr).unwrap();
        (output.status.code(), text + &error)
    }
}

fn private(folder: &Path) {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700)).unwrap();
}

#[tokio::test]
async fn the_command_says_what_is_proved_and_where_it_breaks() {
    let (installed, store, keys) = Installed::new().await;
    let (code, text) = installed.verify(&[]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("no entry yet"), "{text}");
    for n in 0..4 {
        note(&store, &keys, n, 0).await;
    }
    let head = verify(&store, &keys).await.head.unwrap().hash;
    let (code, text) = installed.verify(&[]);
    assert_eq!(code, Some(0), "{text}");
    for words in [
        "4 entries hold together",
        "From entry 1 of 2026-08-06",
        &head,
    ] {
        assert!(text.contains(words), "{words} is not in {text}");
    }
    let (code, text) = installed.verify(&["--head", &head]);
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("Heads that were noted before: 1"), "{text}");
    assert_eq!(installed.verify(&["--head", "abc"]).0, Some(2));

    // The end is cut off: only a head that was noted before shows it.
    let file = installed.0.path().join("heads");
    publish(&store, Some(&file), at(0)).await.unwrap();
    assert_eq!(installed.verify(&[]).0, Some(0));
    execute(&store, "DELETE FROM audit WHERE id = 4", vec![]).await;
    let (code, text) = installed.verify(&[]);
    assert_eq!(code, Some(1), "the file has it: {text}");
    assert!(text.contains("Its end was cut off"));
    std::fs::remove_file(&file).unwrap();
    assert_eq!(installed.verify(&[]).0, Some(0), "nobody noted it");
    let (code, text) = installed.verify(&["--head", &head]);
    assert_eq!(code, Some(1), "{text}");

    execute(
        &store,
        "UPDATE audit SET staff_id = 's2' WHERE id = 2",
        vec![],
    )
    .await;
    let (code, text) = installed.verify(&[]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("BROKEN at entry 2 of 2026-08-06"), "{text}");
    rewrite(&store, true).await;
    let (code, text) = installed.verify(&[]);
    assert_eq!(
        code,
        Some(1),
        "every hash follows, none has the key: {text}"
    );
    assert!(
        text.contains("it was changed after it was written"),
        "{text}"
    );
    execute(&store, "UPDATE audit SET key_id = NULL", vec![]).await;
    rewrite(&store, false).await;
    let (code, text) = installed.verify(&[]);
    assert_eq!(code, Some(3), "{text}");
    assert!(text.contains("None of them has a key"), "{text}");
    store.close().await;
}
