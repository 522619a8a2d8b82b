//! `make kill`: SIGKILL again and again in the middle of uploads, on both databases, also while the
//! disk fills and while PostgreSQL fails over to a synchronous standby. After each kill everything
//! that was acknowledged is found, whole, with its pictures, and nothing is kept twice. It takes a
//! quarter of an hour and prints what it counted; `SIAGA_KILLS=20 make kill` for fewer.

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
use siaga::store::seal::MasterKeys;
use siaga::store::{Store, reports};
use siaga::web::screenshots;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::harness::cluster::{Cluster, Proxy};
use crate::harness::processes::{HOME, SOON, Setup, Siaga, Site, picture, report_body};
use crate::harness::{SeededRandom, SmallDisk, eventually, folder, sqlite_address};

const KILLS: usize = 200;
const AT_MOST: Duration = Duration::from_secs(3600);
const SENDERS: usize = 6;
/// 32 bytes in hex.
const MASTER_KEY: &str = "0707070707070707070707070707070707070707070707070707070707070707";

/// A request under its key, with the hash of its picture.
#[derive(Clone)]
struct Sent {
    key: String,
    kind: String,
    body: Vec<u8>,
    sha256: String,
}

impl Sent {
    fn new(key: String) -> Sent {
        let mut screenshot = picture();
        // Each its own, so that none stands in for another.
        screenshot.extend(key.bytes().cycle().take(6_000));
        let (kind, body) = report_body(&key, &screenshot);
        let sha256 = HEXLOWER.encode(&Sha256::digest(&screenshot));
        Sent {
            key,
            kind,
            body,
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
            let asked = client
                .post(format!("{url}/api/v1/reports"))
                .header("accept", "application/json")
                .header("content-type", &self.kind)
                .header("idempotency-key", &self.key)
                .body(self.body.clone());
            let answer = asked.send().await.ok()?;
            let status = answer.status();
            let body: Value = answer.json().await.ok()?;
            if status == 201 {
                return Some(body);
            }
            assert_eq!(status, 503, "{body}");
            refused.fetch_add(1, Ordering::Relaxed);
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
    refused: Arc<AtomicUsize>,
    without_pictures: usize,
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
            refused: Arc::default(),
            without_pictures: 0,
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
            let mut all = self.acknowledged.lock().expect("a list");
            all.insert(sent.key.clone(), (sent, body));
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
                tokio::spawn(async move {
                    for number in 0.. {
                        let sent = Sent::new(format!("K{kill:04}S{sender}N{number:05}"));
                        let Some(body) = sent.until_acknowledged(&client, &url, &refused).await
                        else {
                            return sent;
                        };
                        let mut all = all.lock().expect("a list");
                        all.insert(sent.key.clone(), (sent, body));
                    }
                    unreachable!("it is killed before")
                })
            })
            .collect()
    }

    async fn kill(&mut self, mut siaga: Siaga, senders: Vec<JoinHandle<Sent>>) {
        sleep(Duration::from_millis(self.below(300))).await;
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
            let reference = body["reference"].as_str().expect("a reference").to_owned();
            let told = body["screenshots"]["kept"].as_u64().expect("a number");
            self.without_pictures += usize::from(told == 0);
            let read = store.read(move |mut conn| {
                Box::pin(async move {
                    let case = reports::by_reference(&mut conn, &reference).await?;
                    let case = case.expect("what was acknowledged is found");
                    let shots = reports::screenshots(&mut conn, &case.id).await?;
                    Ok((case, shots))
                })
            });
            let (case, shots) = read.await.expect("it is read");
            let personal = case.open(&keys).expect("it opens").expect("not erased");
            assert_eq!(personal.passport_number, *key);
            assert_eq!(shots.len() as u64, told, "{key}");
            let data_key = case.data_key(&keys).expect("a key").expect("not erased");
            for shot in &shots {
                assert_eq!(shot.sha256, sent.sha256, "{key}");
                let shown = screenshots::open(&screenshots, &case.id, shot, &data_key);
                shown.unwrap_or_else(|error| panic!("{key}: {error}"));
            }
        }
        let read = store.read(|mut conn| {
            Box::pin(async move { conn.number("SELECT COUNT(*) FROM reports", vec![]).await })
        });
        let rows = usize::try_from(read.await.expect("counted")).expect("a count");
        let most = all.len() + self.open.len();
        assert!((all.len()..=most).contains(&rows), "{rows} of {most}");
        store.close().await;
    }

    fn known(&self) -> BTreeMap<String, ()> {
        let all = self.acknowledged.lock().expect("a list");
        all.keys().map(|key| (key.clone(), ())).collect()
    }

    /// Starts it once more, and looks for everything.
    async fn finish(mut self, database: &str) -> usize {
        let mut siaga = self.start().await;
        siaga.process.stop().await;
        self.without_pictures = 0;
        self.verify(database, &BTreeMap::new()).await;
        println!(
            "{}: {} kills, {} acknowledged and found whole ({} of them told to have no picture), \
             {} unanswered and repeated, {} times told to come again",
            self.name,
            self.kills,
            self.count(),
            self.without_pictures,
            self.repeated,
            self.refused.load(Ordering::Relaxed)
        );
        self.kills
    }
}

async fn plain(name: &'static str, site: &Site, postgres: Option<&Cluster>, kills: usize) -> usize {
    let mut setup = Setup::of(site);
    let mut database = sqlite_address(&setup.data.join("siaga.db"));
    if let Some(cluster) = postgres {
        database = cluster.address();
        setup = setup.database(&database);
    }
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
    trial.finish(&database).await
}

/// The database, where it is SQLite, and the pictures on a disk that fills.
async fn full(
    name: &'static str,
    site: &Site,
    postgres: Option<&Cluster>,
    kills: usize,
) -> Option<usize> {
    let place = folder();
    let disk = SmallDisk::mount(place.path(), "160m")?;
    let data = place.path().join("data");
    let mut setup = Setup::of(site).data(&data);
    let mut database = sqlite_address(&data.join("siaga.db"));
    if let Some(cluster) = postgres {
        database = cluster.address();
        setup = setup.database(&database);
    }
    let mut trial = Trial::new(name, setup);
    for _ in 0..kills {
        let known = trial.known();
        let siaga = trial.start().await;
        let senders = trial.send(&siaga);
        let enough = usize::try_from(trial.below(6)).expect("small");
        trial.until_more(enough, "reports are taken").await;
        // Some kilobytes are left, which the next reports fill.
        fill(disk.path(), trial.below(16_000)).await;
        sleep(Duration::from_millis(trial.below(700))).await;
        trial.kill(siaga, senders).await;
        disk.make_room();
        trial.verify(&database, &known).await;
    }
    Some(trial.finish(&database).await)
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
    for round in 0..kills {
        let known = trial.known();
        let siaga = trial.start().await;
        let senders = trial.send(&siaga);
        let enough = usize::try_from(1 + trial.below(8)).expect("small");
        trial.until_more(enough, "reports are taken").await;
        match round % 4 {
            0 | 2 => primary.read_only().await,
            1 => primary.stop(),
            // Nobody stops the old one: its commits wait for a standby that has left it.
            _ => {}
        }
        standby.promote().await;
        proxy.lead_to(&standby);
        if round % 2 == 0 {
            trial.until_more(1, "reports are taken again").await;
        }
        trial.kill(siaga, senders).await;
        trial.verify(&standby.address(), &known).await;
        // The new primary gets a standby in the place of the old one.
        primary = standby;
        standby = primary.standby("second");
        primary.wait_for_standby("second").await;
    }
    trial.finish(&primary.address()).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes a quarter of an hour: make kill"]
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
        if let Some(kills) = full("SQLite, disk filling", &site, None, part(15)).await {
            done += kills;
        }
        let cluster = Cluster::create();
        let on_disk = full("PostgreSQL, disk filling", &site, Some(&cluster), part(10)).await;
        done += on_disk.unwrap_or_default();
        drop(cluster);
        done += failing_over(&site, kills - part(75)).await;
        done
    };
    let done = timeout(AT_MOST, all).await.expect("it ends in time");
    println!("{done} of {kills} kills: acknowledged = found, whole, with its pictures");
}
