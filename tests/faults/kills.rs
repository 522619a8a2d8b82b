//! `make kill`: SIGKILL again and again in the middle of uploads, on both databases, also while the
//! disk fills and while PostgreSQL fails over to a synchronous standby. After each kill everything
//! that was acknowledged is found, whole, with its pictures, and nothing is kept twice. It takes
//! some minutes and prints what it counted; `SIAGA_KILLS=20 make kill` for fewer.
//!
//! A killed process leaves what it wrote in the kernel's memory, so this shows what is written
//! before the answer, and not that it was synced: no power fails here.

#![allow(clippy::print_stdout, reason = "what it counts is its product")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use data_encoding::HEXLOWER;
use reqwest::Client;
use serde_json::Value;
use sha2::{Digest, Sha256};
use siaga::domain::Random as _;
use siaga::store::Store;
use siaga::store::seal::MasterKeys;
use siaga::web::screenshots;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::harness::cluster::{Cluster, Proxy};
use crate::harness::processes::{
    HOME, SOON, Setup, Siaga, Site, picture, post_report, report_body,
};
use crate::harness::{SeededRandom, SmallDisk, eventually, folder, sqlite_address};
use crate::reports::desk::kept;

const KILLS: usize = 200;
const AT_MOST: Duration = Duration::from_secs(3600);
const SENDERS: usize = 6;
/// 32 bytes in hex.
const MASTER_KEY: &str = "0707070707070707070707070707070707070707070707070707070707070707";

/// A request under its key, with the hash of its picture.
#[derive(Clone)]
struct Sent {
    key: String,
    request: (String, Vec<u8>),
    sha256: String,
}

impl Sent {
    fn new(key: String) -> Sent {
        let mut screenshot = picture();
        // Each its own, so that none stands in for another.
        screenshot.extend(key.bytes().cycle().take(6_000));
        let request = report_body(&key, &screenshot);
        let sha256 = hash(&screenshot);
        Sent {
            key,
            request,
            sha256,
        }
    }

    /// Sends it until it is acknowledged; `None` where nobody answers any more.
    async fn until_acknowledged(
        &self,
        client: &Client,
        url: &str,
        refused: &AtomicUsize,
    ) -> Option<Value> {
        loop {
            let (status, body) = post_report(client, url, &self.key, &self.request).await?;
            if status == 201 {
                return Some(body);
            }
            assert_eq!(status, 503, "{body}");
            refused.fetch_add(1, Ordering::SeqCst);
            sleep(Duration::from_millis(50)).await;
        }
    }
}

type Acknowledged = Arc<Mutex<BTreeMap<String, (Sent, Value)>>>;

/// One database with what was done to it.
struct Trial {
    name: &'static str,
    setup: Setup,
    random: SeededRandom,
    acknowledged: Acknowledged,
    /// Sent, and not answered when the process was killed.
    open: Vec<Sent>,
    kills: usize,
    repeated: usize,
    /// Unanswered when the process was killed, and kept all the same.
    kept_unanswered: usize,
    refused: Arc<AtomicUsize>,
    /// Acknowledged with the word that the picture was not kept.
    without_pictures: Arc<AtomicUsize>,
}

impl Trial {
    fn new(name: &'static str, setup: Setup) -> Trial {
        let setup = setup
            .flows(&[HOME])
            .with("SIAGA_MASTER_KEY", &format!("k1:{MASTER_KEY}"))
            .keeping_free(0, 0)
            .and("[reports]\nper_address_hour = 1000000\n");
        Trial {
            name,
            setup,
            random: SeededRandom::new(name.len() as u64),
            acknowledged: Arc::default(),
            open: Vec::new(),
            kills: 0,
            repeated: 0,
            kept_unanswered: 0,
            refused: Arc::default(),
            without_pictures: Arc::default(),
        }
    }

    fn below(&self, limit: u64) -> u64 {
        let mut bytes = [0; 8];
        self.random.fill(&mut bytes);
        u64::from_le_bytes(bytes) % limit
    }

    fn count(&self) -> usize {
        self.acknowledged.lock().expect("a list").len()
    }

    async fn until_more(&self, more: usize, what: &str) {
        let enough = self.count() + more;
        eventually(what, SOON * 3, || async { self.count() >= enough }).await;
    }

    fn noted(&self, sent: Sent, body: Value) {
        note(&self.acknowledged, &self.without_pictures, sent, body);
    }

    /// How often somebody met a full disk.
    fn met_full(&self) -> usize {
        self.refused.load(Ordering::SeqCst) + self.without_pictures.load(Ordering::SeqCst)
    }

    /// Starts the service and repeats what was not answered.
    async fn start(&mut self) -> Siaga {
        let siaga = self.setup.run().await;
        for sent in std::mem::take(&mut self.open) {
            let repeating = timeout(
                SOON * 3,
                sent.until_acknowledged(&siaga.client, &siaga.url, &self.refused),
            )
            .await;
            let body = repeating.ok().flatten().expect("a repeat is acknowledged");
            self.noted(sent, body);
            self.repeated += 1;
        }
        siaga
    }

    fn send(&self, siaga: &Siaga) -> Vec<JoinHandle<Sent>> {
        (0..SENDERS)
            .map(|sender| {
                let (client, url) = (siaga.client.clone(), siaga.url.clone());
                let (kill, all) = (self.kills, Arc::clone(&self.acknowledged));
                let refused = Arc::clone(&self.refused);
                let without_pictures = Arc::clone(&self.without_pictures);
                tokio::spawn(async move {
                    for number in 0.. {
                        let sent = Sent::new(format!("K{kill:04}S{sender}N{number:05}"));
                        let Some(body) = sent.until_acknowledged(&client, &url, &refused).await
                        else {
                            return sent;
                        };
                        note(&all, &without_pictures, sent, body);
                    }
                    unreachable!("it is killed before")
                })
            })
            .collect()
    }

    async fn kill(&mut self, mut siaga: Siaga, senders: Vec<JoinHandle<Sent>>) {
        sleep(Duration::from_millis(self.below(300))).await;
        let ended = siaga.process.ended();
        assert_eq!(ended, None, "it ended by itself: {}", siaga.process.log());
        siaga.process.kill();
        self.kills += 1;
        for sender in senders {
            let sent = timeout(SOON * 2, sender).await.expect("it ends");
            self.open.push(sent.expect("it ends well"));
        }
    }

    /// Looks for what was acknowledged since `known` were, while the service is down; for all where
    /// that is zero.
    async fn verify(&mut self, database: &str, known: &BTreeMap<String, ()>) {
        let store = Store::open(database).await.expect("it opens");
        let key = HEXLOWER.decode(MASTER_KEY.as_bytes()).expect("hex");
        let keys = vec![("k1".to_owned(), key.try_into().expect("32 bytes"))];
        let keys = MasterKeys::new(keys).expect("a key");
        let all = self.acknowledged.lock().expect("a list").clone();
        let screenshots = self.setup.data.join("screenshots");
        for (key, (sent, body)) in all.iter().filter(|(key, _)| !known.contains_key(*key)) {
            let told = pictures(body);
            let (case, shots) = kept(&store, body).await;
            let personal = case.open(&keys).expect("it opens").expect("not erased");
            assert_eq!(personal.passport_number, *key);
            assert_eq!(shots.len() as u64, told, "{key}");
            let data_key = case.data_key(&keys).expect("a key").expect("not erased");
            for shot in &shots {
                let opened = screenshots::open(&screenshots, &case.id, shot, &data_key);
                let plain = opened.unwrap_or_else(|error| panic!("{key}: {error}"));
                assert_eq!(hash(&plain), sent.sha256, "{key}");
            }
        }
        let read = store.read(|mut conn| {
            Box::pin(async move { conn.number("SELECT COUNT(*) FROM reports", vec![]).await })
        });
        let rows = usize::try_from(read.await.expect("counted")).expect("a count");
        let most = all.len() + self.open.len();
        assert!((all.len()..=most).contains(&rows), "{rows} of {most}");
        self.kept_unanswered += rows - all.len();
        store.close().await;
    }

    fn known(&self) -> BTreeMap<String, ()> {
        let all = self.acknowledged.lock().expect("a list");
        all.keys().map(|key| (key.clone(), ())).collect()
    }

    /// Starts it once more, and looks for everything. Gives how many were told that their picture
    /// was not kept.
    async fn finish(&mut self, database: &str) -> usize {
        let mut siaga = self.start().await;
        siaga.process.stop().await;
        self.verify(database, &BTreeMap::new()).await;
        let without_pictures = self.without_pictures.load(Ordering::SeqCst);
        println!(
            "{}: {} kills, {} acknowledged and found whole ({without_pictures} of them told to have \
             no picture), {} unanswered and repeated ({} of them were kept), {} times told to come \
             again",
            self.name,
            self.kills,
            self.count(),
            self.repeated,
            self.kept_unanswered,
            self.refused.load(Ordering::SeqCst)
        );
        without_pictures
    }
}

fn note(all: &Acknowledged, without_pictures: &AtomicUsize, sent: Sent, body: Value) {
    without_pictures.fetch_add(usize::from(pictures(&body) == 0), Ordering::SeqCst);
    let mut all = all.lock().expect("a list");
    all.insert(sent.key.clone(), (sent, body));
}

/// How many pictures the answer says are kept.
fn pictures(body: &Value) -> u64 {
    body["screenshots"]["kept"].as_u64().expect("a number")
}

fn hash(bytes: &[u8]) -> String {
    HEXLOWER.encode(&Sha256::digest(bytes))
}

/// The same setup on this database, where one is given, and the database's address.
fn stored(setup: Setup, cluster: Option<&Cluster>) -> (Setup, String) {
    match cluster {
        Some(cluster) => (setup.database(&cluster.address()), cluster.address()),
        None => {
            let file = setup.data.join("siaga.db");
            (setup, sqlite_address(&file))
        }
    }
}

async fn plain(name: &'static str, site: &Site, postgres: Option<&Cluster>, kills: usize) -> usize {
    let (setup, database) = stored(Setup::of(site), postgres);
    let mut trial = Trial::new(name, setup);
    for _ in 0..kills {
        let known = trial.known();
        let siaga = trial.start().await;
        let senders = trial.send(&siaga);
        let enough = usize::try_from(trial.below(12)).expect("small");
        trial.until_more(enough, "reports are taken").await;
        trial.kill(siaga, senders).await;
        trial.verify(&database, &known).await;
    }
    assert_eq!(trial.finish(&database).await, 0);
    trial.kills
}

/// The pictures and the database on a disk that fills; no kill where none can be mounted.
async fn full(name: &'static str, site: &Site, on_postgres: bool, kills: usize) -> usize {
    let place = folder();
    let Some(disk) = SmallDisk::mount(place.path(), "160m") else {
        return 0;
    };
    let cluster = on_postgres.then(|| Cluster::create_in(disk.path()));
    let setup = Setup::of(site).data(&place.path().join("data"));
    let (setup, database) = stored(setup, cluster.as_ref());
    let mut trial = Trial::new(name, setup);
    for _ in 0..kills {
        let known = trial.known();
        let siaga = trial.start().await;
        let senders = trial.send(&siaga);
        let enough = usize::try_from(trial.below(6)).expect("small");
        trial.until_more(enough, "reports are taken").await;
        // Some kilobytes are left, which the next reports fill.
        let before = trial.met_full();
        fill(disk.path(), trial.below(16_000)).await;
        eventually("the disk is full", SOON, || async {
            trial.met_full() > before
        })
        .await;
        sleep(Duration::from_millis(trial.below(400))).await;
        trial.kill(siaga, senders).await;
        disk.make_room();
        if let Some(cluster) = &cluster {
            cluster.start_again().await;
        }
        trial.verify(&database, &known).await;
    }
    trial.finish(&database).await;
    trial.kills
}

async fn fill(path: &Path, left: u64) {
    let path = path.to_owned();
    let filling = tokio::task::spawn_blocking(move || {
        let mut file = std::fs::File::create(path.join("filler")).expect("a file");
        for piece in [1 << 20, 4096] {
            let free = || {
                let told = rustix::fs::statvfs(&path).expect("it tells");
                told.f_bavail * told.f_frsize
            };
            while free() > left + piece {
                let bytes = vec![0; usize::try_from(piece).expect("small")];
                if std::io::Write::write_all(&mut file, &bytes).is_err() {
                    break;
                }
            }
        }
    });
    filling.await.expect("it fills");
}

async fn failing_over(site: &Site, kills: usize) -> usize {
    let mut primary = Cluster::create();
    let mut standby = primary.standby("second");
    primary.wait_for_standby("second").await;
    let proxy = Proxy::to(&primary).await;
    let setup = Setup::of(site).database(&proxy.address());
    let mut trial = Trial::new("PostgreSQL, failing over", setup);
    let mut goes_on = 0;
    for round in 0..kills {
        let known = trial.known();
        let siaga = trial.start().await;
        let senders = trial.send(&siaga);
        let enough = usize::try_from(1 + trial.below(8)).expect("small");
        trial.until_more(enough, "reports are taken").await;
        match round % 3 {
            0 => primary.read_only().await,
            1 => primary.stop(),
            // Nobody stops the old one: its commits wait for a standby that has left it.
            _ => {}
        }
        standby.promote().await;
        proxy.lead_to(&standby);
        if round % 2 == 0 {
            // More than were on their way: some were kept by the new primary alone.
            trial
                .until_more(SENDERS + 1, "reports are taken again")
                .await;
            goes_on += 1;
        }
        trial.kill(siaga, senders).await;
        trial.verify(&standby.address(), &known).await;
        // Each promotion begins a timeline.
        let timeline = "SELECT substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8)";
        assert_eq!(standby.ask(timeline).await, [format!("{:08X}", round + 2)]);
        // The new primary gets a standby in the place of the old one.
        primary = standby;
        standby = primary.standby("second");
        primary.wait_for_standby("second").await;
    }
    assert_eq!(trial.finish(&primary.address()).await, 0);
    println!(
        "  of its fail-overs {goes_on} were outlived by the process, which went on taking reports"
    );
    trial.kills
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes some minutes: make kill"]
async fn killed_again_and_again_it_keeps_what_it_acknowledged() {
    let kills = std::env::var("SIAGA_KILLS").ok();
    let kills = kills.map_or(KILLS, |kills| {
        kills.parse().expect("SIAGA_KILLS is a number")
    });
    let part = |percent: usize| kills * percent / 100;
    let all = async {
        let site = Site::start().await;
        let mut done = plain("SQLite", &site, None, part(25)).await;
        let cluster = Cluster::create();
        done += plain("PostgreSQL", &site, Some(&cluster), part(25)).await;
        drop(cluster);
        done += full("SQLite, disk filling", &site, false, part(15)).await;
        done += full("PostgreSQL, disk filling", &site, true, part(10)).await;
        done += failing_over(&site, kills - part(75)).await;
        done
    };
    let done = timeout(AT_MOST, all).await.expect("it ends in time");
    println!("{done} of {kills} kills: acknowledged = found, whole, with its pictures");
}
