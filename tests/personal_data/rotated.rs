//! Master keys are replaced while everything goes on.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use siaga::app::keys::{self as app_keys, KeyKeeper};
use siaga::app::rotation::{Progress, Rotated, Rotation, RotationError};
use siaga::config::{Config, Environment, MasterKeys as Configured};
use siaga::store::keys::{Instance, KeyState, KnownKey, Usage};
use siaga::store::reports::REPEATABLE;
use siaga::store::seal::{KeyRing, MasterKeys};
use siaga::store::{Store, keys};
use siaga::system::SystemRandom;
use siaga::toml_reader::Source;

use super::{by_passport, by_reference, execute, insert};
use crate::harness::{Database, TestClock, at, each_store, folder, on_sqlite};

const A: &str = "k1:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";
const B: &str = "k2:BBECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8";

/// A configuration with its data in this folder, and the keys given or in the file of keys.
pub(super) fn config(folder: &Path, given: Option<&str>) -> Config {
    let text = format!(
        "[data]\nfolder = \"{}\"\n[site]\nname_id = \"a\"\nname_en = \"a\"\nurl = \"https://a.example/\"\n\
         [probe]\ncontact = \"a@a.example\"\n",
        folder.display()
    );
    let environment: Environment = given
        .into_iter()
        .map(|keys| ("SIAGA_MASTER_KEY", keys))
        .collect();
    Config::read(&Source::new("siaga.toml", text), &environment).unwrap()
}

/// The keys of an installation: where they are, and what a service holds of them.
struct Keys {
    rotation: Rotation,
    ring: KeyRing,
    clock: TestClock,
    _folder: tempfile::TempDir,
}

impl Keys {
    async fn of(store: &Store, given: Option<&str>) -> Keys {
        let folder = folder();
        let config = config(folder.path(), given);
        let clock = TestClock::at(at(0));
        let ring = app_keys::open(&config, store, &clock, &SystemRandom)
            .await
            .unwrap();
        let rotation = Rotation {
            config,
            store: store.clone(),
            clock: clock.shared(),
            random: Arc::new(SystemRandom),
        };
        Keys {
            rotation,
            ring,
            clock,
            _folder: folder,
        }
    }

    fn keeper(&self) -> KeyKeeper {
        let Rotation { config, store, .. } = self.rotation.clone();
        KeyKeeper::new(
            config,
            store,
            self.ring.clone(),
            self.clock.shared(),
            &SystemRandom,
        )
    }

    async fn rotate(&self) -> Result<Rotated, RotationError> {
        self.rotation.rotate(None, &|_| {}).await
    }

    /// The keys that are there now, this one as the current.
    fn held(&self, current: &str) -> MasterKeys {
        let (read, _) = Configured::read(&self.rotation.config).unwrap();
        let keys = read.iter().map(|(id, key)| (id.to_owned(), *key)).collect();
        MasterKeys::new(keys)
            .unwrap()
            .with_current(current)
            .unwrap()
    }

    /// This key alone.
    fn only(&self, id: &str) -> MasterKeys {
        self.held(id).filtered(|_| false)
    }
}

async fn known(store: &Store) -> Vec<KnownKey> {
    store
        .read(|mut conn| Box::pin(async move { keys::all(&mut conn).await }))
        .await
        .unwrap()
}

pub(super) async fn states(store: &Store) -> String {
    let mut states: Vec<String> = known(store)
        .await
        .iter()
        .map(|key| format!("{} {}", key.id, key.state.as_str()))
        .collect();
    states.sort();
    states.join(", ")
}

async fn usage(store: &Store) -> Vec<(String, Usage)> {
    store
        .read(|mut conn| Box::pin(async move { keys::usage(&mut conn).await }))
        .await
        .unwrap()
}

/// Writes as many reports, with passports `P0000001` and so on.
pub(super) async fn fill(store: &Store, keys: &MasterKeys, from: u32, to: u32) {
    for number in from..=to {
        let passport = passport(number);
        insert(store, keys, number, &[("passport_number", &passport)]).await;
    }
}

pub(super) fn passport(number: u32) -> String {
    format!("P{number:07}")
}

pub(super) async fn all_there(store: &Store, keys: &MasterKeys, count: u32) {
    for number in 1..=count {
        let personal = by_reference(store, number).await.open(keys).unwrap();
        let personal = personal.expect("it is not erased");
        assert_eq!(
            (personal.passport_number, personal.broken.len()),
            (passport(number), 0)
        );
        let found = by_passport(store, keys, &passport(number)).await;
        assert_eq!(found, [format!("REF-{number}")]);
    }
}

#[tokio::test]
async fn a_rotation_moves_everything_and_the_old_key_is_dropped_when_nothing_needs_it() {
    each_store(|db| async move {
        let keys = Keys::of(&db.store, None).await;
        fill(&db.store, &keys.ring.get(), 1, 120).await;
        // One without anything but what must be there.
        let least = [("phone", ""), ("passport_number", "P0000121")];
        insert(&db.store, &keys.ring.get(), 121, &least).await;
        let service = db
            .store
            .write({
                let held = keys.ring.get();
                move |mut conn| {
                    Box::pin(async move {
                        let random = SystemRandom;
                        keys::newest_service_key(&mut conn, &held, "audit", &random, at(0)).await
                    })
                }
            })
            .await
            .unwrap();
        assert_eq!(service.0, "audit/1");
        let network = async |number: u32| by_reference(&db.store, number).await.network_hash;
        let before = network(1).await;
        let rotated = keys.rotate().await.unwrap();
        assert_eq!(
            (rotated.current.as_str(), rotated.is_new, rotated.moved),
            ("2", true, 121)
        );
        // What came from one network still stands together, under another hash.
        let after = network(1).await;
        assert!(after.is_some() && after != before && after == network(2).await);
        assert_eq!(states(&db.store).await, "1 retiring, 2 current");
        // Opened and found without the old key.
        all_there(&db.store, &keys.only("2"), 121).await;
        let only = keys.only("2");
        let (old, new) = db
            .store
            .write(move |mut conn| {
                Box::pin(async move {
                    let old = keys::service_key(&mut conn, &only, "audit/1").await?;
                    let new =
                        keys::newest_service_key(&mut conn, &only, "audit", &SystemRandom, at(0));
                    Ok((old, new.await?))
                })
            })
            .await
            .unwrap();
        assert_eq!(
            old.mac("x", b"y"),
            service.1.mac("x", b"y"),
            "the same, wrapped anew"
        );
        assert_eq!(new.0, "audit/2", "and another for what is new");
        let of = usage(&db.store).await;
        assert_eq!(of.len(), 2);
        assert_eq!(
            (of[0].1.data_keys, of[0].1.hashes, of[0].1.secrets),
            (0, 0, 121)
        );
        assert_eq!(
            (of[1].1.data_keys, of[1].1.hashes, of[1].1.service_keys),
            (121, 483, 2)
        );

        // Its follow-up secrets need the old key for as long as a request may be repeated.
        let needed = keys.rotation.drop_key("1").await;
        assert!(
            matches!(needed, Err(RotationError::Needed(_, _))),
            "{needed:?}"
        );
        keys.clock.advance(REPEATABLE + Duration::from_secs(3600));
        keys.rotation.drop_key("1").await.unwrap();
        assert_eq!(states(&db.store).await, "1 dropped, 2 current");
        assert_eq!(keys.held("2").ids().collect::<Vec<_>>(), ["2"]);
        for (id, why) in [
            ("1", "was dropped before"),
            ("2", "is the current one"),
            ("9", "is not known"),
        ] {
            let refused = keys
                .rotation
                .drop_key(id)
                .await
                .expect_err("refused")
                .to_string();
            assert!(refused.contains(why), "{refused}");
        }
        // An id is never used again.
        assert_eq!(keys.rotate().await.unwrap().current, "3");
        all_there(&db.store, &keys.only("3"), 121).await;
    })
    .await;
}

#[tokio::test]
async fn the_database_refuses_to_lose_a_key_that_a_row_needs() {
    each_store(|db| async move {
        let keys = Keys::of(&db.store, None).await;
        fill(&db.store, &keys.ring.get(), 1, 1).await;
        let error = execute(&db.store, "DELETE FROM master_keys").await;
        assert!(error.expect_err("it is needed").is_still_referred_to());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_report_is_found_and_opens_while_it_is_moved() {
    each_store(|db| async move {
        const COUNT: u32 = 150;
        let keys = Arc::new(Keys::of(&db.store, None).await);
        fill(&db.store, &keys.ring.get(), 1, COUNT).await;
        let (running, looked) = (Arc::new(AtomicBool::new(true)), Arc::new(Mutex::new(0)));
        let service = {
            let (keys, running) = (Arc::clone(&keys), Arc::clone(&running));
            tokio::spawn(async move {
                let mut keeper = keys.keeper();
                while running.load(Ordering::SeqCst) {
                    keeper.look().await.unwrap();
                    keys.clock.advance(Duration::from_millis(10));
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            })
        };
        let reader = {
            let (keys, store) = (Arc::clone(&keys), db.store.clone());
            let (running, looked) = (Arc::clone(&running), Arc::clone(&looked));
            tokio::spawn(async move {
                for number in (1..=COUNT).cycle() {
                    if !running.load(Ordering::SeqCst) {
                        return;
                    }
                    let found = by_passport(&store, &keys.ring.get(), &passport(number)).await;
                    assert_eq!(found, [format!("REF-{number}")], "found once, at any time");
                    let case = by_reference(&store, number).await;
                    let personal = case.open(&keys.ring.get()).unwrap().unwrap();
                    assert!(personal.broken.is_empty());
                    *looked.lock().unwrap() += 1;
                }
            })
        };
        // A first connection takes longer than the whole rotation here, by this test's clock.
        while *looked.lock().unwrap() == 0 && !reader.is_finished() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let steps = Mutex::new(Vec::new());
        let rotated = keys
            .rotation
            .rotate(None, &|step| steps.lock().unwrap().push(step))
            .await;
        running.store(false, Ordering::SeqCst);
        let (served, read) = tokio::join!(service, reader);
        read.unwrap();
        served.unwrap();
        assert_eq!(rotated.unwrap().moved, u64::from(COUNT));
        assert!(*looked.lock().unwrap() > 20);
        assert_eq!(
            keys.ring.get().current(),
            "2",
            "the service took it without a restart"
        );
        let steps = steps.into_inner().unwrap();
        let place = |of: fn(&Progress) -> bool| steps.iter().position(of);
        let made = place(|step| matches!(step, Progress::Made(_)));
        let current = place(|step| matches!(step, Progress::Current(_)));
        let moved = place(|step| matches!(step, Progress::Moved(_, _)));
        assert!(made < current && current < moved, "{steps:?}");
    })
    .await;
}

/// A process that serves, as the database knows it.
async fn say(store: &Store, keys: &str, current: &str, seen: i64) {
    let instance = Instance {
        id: "other".to_owned(),
        name: "jakarta on host, process 7".to_owned(),
        key_ids: keys.split(' ').map(str::to_owned).collect(),
        current_key_id: current.to_owned(),
        seen_at: at(seen),
    };
    store
        .write(move |mut conn| Box::pin(async move { keys::beat(&mut conn, &instance).await }))
        .await
        .unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_sealed_with_a_key_before_every_living_process_holds_it() {
    each_store(|db| async move {
        let keys = Arc::new(Keys::of(&db.store, None).await);
        fill(&db.store, &keys.ring.get(), 1, 3).await;
        // One that lives, and does not load the key.
        say(&db.store, "1", "1", 0).await;
        let alive = {
            let (keys, store) = (Arc::clone(&keys), db.store.clone());
            tokio::spawn(async move {
                for second in 1.. {
                    say(&store, "1", "1", second).await;
                    keys.clock.advance(Duration::from_secs(3));
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            })
        };
        let error = keys.rotate().await.expect_err("it is waited for");
        alive.abort();
        let _ = alive.await;
        let said = error.to_string();
        assert!(
            said.contains("`2`") && said.contains("jakarta on host, process 7"),
            "{said}"
        );
        assert_eq!(states(&db.store).await, "1 current, 2 announced");
        assert_eq!(
            usage(&db.store).await[0].1.data_keys,
            3,
            "on the old key, all of it"
        );
        // It dies: whoever says nothing any more is not waited for.
        let time = {
            let keys = Arc::clone(&keys);
            tokio::spawn(async move {
                loop {
                    keys.clock.advance(Duration::from_secs(3));
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
            })
        };
        let rotated = keys.rotate().await.unwrap();
        time.abort();
        assert_eq!(
            (rotated.current.as_str(), rotated.moved),
            ("2", 3),
            "the key made before"
        );
        all_there(&db.store, &keys.only("2"), 3).await;
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_that_rotate_at_once_move_everything_once() {
    each_store(|db| async move {
        let both = format!("{B},{A}");
        let first = Keys::of(&db.store, Some(A)).await;
        fill(&db.store, &first.ring.get(), 1, 130).await;
        // From two machines: no file keeps them apart.
        let (one, other) = (
            Keys::of(&db.store, Some(&both)).await,
            Keys::of(&db.store, Some(&both)).await,
        );
        assert_eq!(
            one.ring.get().current(),
            "k1",
            "a restart alone changes nothing"
        );
        let (a, b) = tokio::join!(one.rotate(), other.rotate());
        let (a, b) = (a.unwrap(), b.unwrap());
        assert_eq!((a.current.as_str(), b.current.as_str()), ("k2", "k2"));
        assert_eq!(a.moved + b.moved, 130, "{a:?} {b:?}");
        all_there(&db.store, &one.only("k2"), 130).await;
        assert_eq!(states(&db.store).await, "k1 retiring, k2 current");
        // And then there is nothing to rotate to.
        let rotated = one.rotate().await.unwrap();
        assert!(!rotated.is_new && rotated.current == "k2");
    })
    .await;
}

#[tokio::test]
async fn only_one_command_writes_to_the_file_of_keys() {
    on_sqlite(|db| async move {
        let keys = Keys::of(&db.store, None).await;
        let (one, other) = tokio::join!(keys.rotate(), keys.rotate());
        let refused = match (one, other) {
            (Ok(_), Err(refused)) | (Err(refused), Ok(_)) => refused.to_string(),
            outcome => panic!("{outcome:?}"),
        };
        assert!(
            refused.contains("another `siaga keys` is at work"),
            "{refused}"
        );
    })
    .await;
}

#[tokio::test]
async fn a_key_that_is_gone_or_another_stops_a_start_and_says_what_to_do() {
    each_store(|db| async move {
        let keys = Keys::of(&db.store, None).await;
        let file = keys.rotation.config.key_file();
        let again = async || {
            app_keys::open(&keys.rotation.config, &db.store, &keys.clock, &SystemRandom).await
        };
        // Before anything hangs on it, another is made.
        std::fs::remove_file(&file).unwrap();
        assert_eq!(again().await.unwrap().get().current(), "2");
        keys.ring
            .replace(again().await.unwrap().get().as_ref().clone());
        fill(&db.store, &keys.ring.get(), 1, 2).await;
        let kept = std::fs::read(&file).unwrap();
        std::fs::write(&file, "2:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\n").unwrap();
        let said = again().await.expect_err("another key").to_string();
        assert!(said.contains("`2` is not the one"), "{said}");
        std::fs::remove_file(&file).unwrap();
        let said = again().await.expect_err("no key").to_string();
        assert!(
            said.contains("`2` is missing") && said.contains("2 reports"),
            "{said}"
        );
        assert!(!file.exists(), "none is made in its place");
        assert!(keys.rotate().await.is_err());
        // Put back, all is well.
        std::fs::write(&file, &kept).unwrap();
        let refused = keys
            .rotation
            .rotate(Some("2"), &|_| {})
            .await
            .expect_err("not lost");
        assert!(refused.to_string().contains("is not lost"), "{refused}");
        assert_eq!(again().await.unwrap().get().current(), "2");
        // Lost for good: what is new goes on, what is old stays as it is.
        std::fs::remove_file(&file).unwrap();
        let rotated = keys.rotation.rotate(Some("2"), &|_| {}).await.unwrap();
        assert_eq!(
            (rotated.current.as_str(), rotated.unreadable_count),
            ("3", 2)
        );
        assert!(
            rotated.unreadable[0].why.contains("`2` is not configured"),
            "{rotated:?}"
        );
        let ring = again().await.unwrap();
        fill(&db.store, &ring.get(), 3, 3).await;
        assert!(by_reference(&db.store, 3).await.open(&ring.get()).is_ok());
        assert!(by_reference(&db.store, 1).await.open(&ring.get()).is_err());
        assert!(matches!(
            keys.rotation.drop_key("2").await,
            Err(RotationError::Needed(_, _))
        ));
    })
    .await;
}

#[tokio::test]
async fn what_does_not_open_is_named_and_stays() {
    each_store(|db| async move {
        let keys = Keys::of(&db.store, None).await;
        fill(&db.store, &keys.ring.get(), 1, 3).await;
        let sql = "UPDATE reports SET sealed_passport = sealed_email WHERE reference = 'REF-2'";
        execute(&db.store, sql).await.unwrap();
        let rotated = keys.rotate().await.unwrap();
        assert_eq!((rotated.moved, rotated.unreadable_count), (2, 1));
        assert_eq!(rotated.unreadable[0].reference, "REF-2");
        // The next rotation is a new one, and tries again.
        let rotated = keys.rotate().await.unwrap();
        assert_eq!(
            (
                rotated.current.as_str(),
                rotated.moved,
                rotated.unreadable_count
            ),
            ("3", 2, 1)
        );
    })
    .await;
}

#[tokio::test]
async fn keys_that_others_write_are_rotated_by_adding_one() {
    each_store(|db: Database| async move {
        let keys = Keys::of(&db.store, Some(A)).await;
        fill(&db.store, &keys.ring.get(), 1, 2).await;
        let rotated = keys.rotate().await.unwrap();
        assert_eq!((rotated.current.as_str(), rotated.is_new), ("k1", false));
        assert_eq!(known(&db.store).await[0].state, KeyState::Current);
        let both = Keys::of(&db.store, Some(&format!("{B} {A}"))).await;
        let rotated = both.rotate().await.unwrap();
        assert_eq!(
            (rotated.current.as_str(), rotated.is_new, rotated.moved),
            ("k2", true, 2)
        );
    })
    .await;
}
