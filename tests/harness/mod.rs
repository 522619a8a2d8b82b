//! What several tests share: both databases, a clock and randomness that tests hold,
//! builders for runs and observations, and a folder that goes away.
#![allow(dead_code, reason = "a helper may wait for the test that needs it")]
#![allow(clippy::print_stderr, reason = "a failing test says on which database")]

pub(crate) mod browser;
pub(crate) mod cluster;
pub(crate) mod devtools;
pub(crate) mod probing;
pub(crate) mod processes;

use std::fs::Permissions;
use std::future::Future;
use std::hash::{Hash as _, Hasher as _};
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicI64, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::FutureExt;
use siaga::domain::run::{ErrorPage, EvidenceRef, Phases, Rung, StepReport};
use siaga::domain::{
    Clock, ComponentId, Engine, Fault, Moment, Observation, Outcome, Random, RunNumber, RunReport,
    Why,
};
use siaga::store::Store;
use siaga::store::seal::MasterKeys;
use sqlx::{AssertSqlSafe, Connection, PgConnection};

/// Thursday, 6 August 2026, 14.00 WIB: where tests begin.
pub(crate) const NOON: Moment =
    Moment(1_786_000_000_000 - 1_786_000_000_000 % 86_400_000 + 7 * 3_600_000);

// ---- databases ------------------------------------------------------------------------

/// A database of its own for one test.
#[derive(Clone)]
pub(crate) struct Database {
    /// `sqlite` or `postgres`.
    pub(crate) name: &'static str,
    /// What `Store::open` takes: opens the same database again.
    pub(crate) address: String,
    /// The database, open and up to date.
    pub(crate) store: Store,
    /// The file of the SQLite database.
    pub(crate) file: Option<PathBuf>,
}

impl Database {
    /// The same database opened once more, as after a restart.
    pub(crate) async fn open_again(&self) -> Store {
        Store::open(&self.address).await.expect("it opens again")
    }
}

/// Runs `body` on SQLite in a temporary file, then on a real PostgreSQL in a schema of its
/// own, which is dropped afterwards.
pub(crate) async fn each_store<F, Fut>(body: F)
where
    F: Fn(Database) -> Fut,
    Fut: Future<Output = ()>,
{
    on_sqlite(&body).await;
    on_postgres(&body).await;
}

/// Runs `body` on SQLite in a temporary file.
pub(crate) async fn on_sqlite<F, Fut>(body: F)
where
    F: Fn(Database) -> Fut,
    Fut: Future<Output = ()>,
{
    let folder = folder();
    let file = folder.path().join("siaga.db");
    let address = sqlite_address(&file);
    let store = Store::open(&address).await.expect("SQLite opens");
    let database = Database {
        name: "sqlite",
        address,
        store: store.clone(),
        file: Some(file),
    };
    let outcome = AssertUnwindSafe(body(database)).catch_unwind().await;
    store.close().await;
    if let Err(panic) = outcome {
        eprintln!("it failed on sqlite");
        resume_unwind(panic);
    }
}

/// Runs `body` on PostgreSQL in a schema of its own.
pub(crate) async fn on_postgres<F, Fut>(body: F)
where
    F: Fn(Database) -> Fut,
    Fut: Future<Output = ()>,
{
    let schema = Schema::create().await;
    let store = Store::open(&schema.address)
        .await
        .expect("PostgreSQL opens");
    let database = Database {
        name: "postgres",
        address: schema.address.clone(),
        store: store.clone(),
        file: None,
    };
    let outcome = AssertUnwindSafe(body(database)).catch_unwind().await;
    store.close().await;
    schema.drop().await;
    if let Err(panic) = outcome {
        eprintln!("it failed on postgres");
        resume_unwind(panic);
    }
}

/// The address of a SQLite database in `file`.
pub(crate) fn sqlite_address(file: &Path) -> String {
    format!("sqlite:{}", file.display())
}

/// A schema in the PostgreSQL server that the environment names.
pub(crate) struct Schema {
    name: String,
    /// An address whose connections live in this schema.
    pub(crate) address: String,
}

impl Schema {
    /// Creates an empty one.
    pub(crate) async fn create() -> Schema {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("t_{}_{count}", std::process::id());
        let mut conn = postgres_connection().await;
        let sql = format!("CREATE SCHEMA {name}");
        sqlx::query(AssertSqlSafe(sql))
            .execute(&mut conn)
            .await
            .expect("a schema is created");
        let address = format!("{}?options[search_path]={name}", postgres_address());
        Schema { name, address }
    }

    /// Drops it with all that it holds.
    pub(crate) async fn drop(self) {
        let mut conn = postgres_connection().await;
        let sql = format!("DROP SCHEMA {} CASCADE", self.name);
        sqlx::query(AssertSqlSafe(sql))
            .execute(&mut conn)
            .await
            .expect("the schema is dropped");
    }
}

/// A connection to the server that the environment names, as its owner.
pub(crate) async fn postgres_connection() -> PgConnection {
    PgConnection::connect(&postgres_address())
        .await
        .expect("PostgreSQL answers")
}

/// The address that the environment names, as `pg_virtualenv` sets it.
pub(crate) fn postgres_address() -> String {
    let get = |name: &str| match std::env::var(name) {
        Ok(value) if !value.is_empty() => value,
        _ => panic!(
            "{name} is not set, so there is no PostgreSQL to test on: \
             run it with make test or under pg_virtualenv"
        ),
    };
    let escape = |text: String| {
        text.bytes().fold(String::new(), |mut out, byte| {
            if byte.is_ascii_alphanumeric() {
                out.push(char::from(byte));
            } else {
                out.push_str(&format!("%{byte:02X}"));
            }
            out
        })
    };
    format!(
        "postgres://{}:{}@{}:{}/{}",
        escape(get("PGUSER")),
        escape(get("PGPASSWORD")),
        escape(get("PGHOST")),
        get("PGPORT"),
        escape(get("PGDATABASE"))
    )
}

/// Tells the database of the master keys that are used on it, as a start of the service does.
/// Gives them with the current one in its place.
pub(crate) async fn adopt(store: &Store, keys: &MasterKeys) -> MasterKeys {
    let keys = keys.clone();
    let adopted = store
        .write(|mut conn| {
            Box::pin(async move { siaga::store::keys::adopt(&mut conn, keys, NOON).await })
        })
        .await;
    adopted
        .expect("the database answers")
        .expect("the keys fit the database")
}

// ---- folders, time, randomness ----------------------------------------------------------

/// A folder that goes away with the value. Others may go through it: as root, browsers run as a
/// user of their own.
pub(crate) fn folder() -> tempfile::TempDir {
    tempfile::Builder::new()
        .prefix("siaga-test-")
        .permissions(Permissions::from_mode(0o711))
        .tempdir()
        .expect("a temporary folder")
}

/// Says that something was not tried because this machine forbids it, and how often that has
/// happened in this run of the tests. Past the capture of what tests print, which hides the word
/// of those that pass.
pub(crate) fn left_out(what: &str) {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed) + 1;
    let mut err = std::io::stderr().lock();
    let _ = writeln!(
        err,
        "LEFT OUT ({count} so far), it is forbidden here: {what}"
    );
}

/// A small file system of its own.
pub(crate) struct SmallDisk(PathBuf);

impl SmallDisk {
    /// One of this size, e.g. `12m`, in the place of this folder; `None`, with a word, where
    /// nothing may be mounted.
    pub(crate) fn mount(at: &Path, size: &str) -> Option<SmallDisk> {
        let mounted = Command::new("mount")
            .args([
                "-t",
                "tmpfs",
                "-o",
                &format!("size={size},mode=700"),
                "tmpfs",
            ])
            .arg(at)
            .stderr(std::process::Stdio::null())
            .status();
        if mounted.is_ok_and(|status| status.success()) {
            Some(SmallDisk(at.to_owned()))
        } else {
            left_out("a small disk of its own, which takes root to mount");
            None
        }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// Writes until nothing more fits.
    pub(crate) fn fill(&self) {
        let mut file = std::fs::File::create(self.0.join("filler")).expect("a file");
        for piece in [100_000, 1000, 1] {
            while file.write_all(&vec![0; piece]).is_ok() {}
        }
    }

    /// Writes until only so many bytes are free, in pages of the file system.
    pub(crate) fn fill_up_to(&self, free: u64) {
        let mut file = std::fs::File::create(self.0.join("filler")).expect("a file");
        let left = || {
            let told = rustix::fs::statvfs(&self.0).expect("it tells");
            told.f_bavail * told.f_frsize
        };
        while left() > free {
            file.write_all(&[0; 4096]).expect("room");
        }
    }

    /// Takes away what filled it.
    pub(crate) fn make_room(&self) {
        std::fs::remove_file(self.0.join("filler")).expect("room again");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

/// A program in whose place no file may grow beyond so many kilobytes: as if the disk were full
/// there. Needs no right. Arguments follow.
pub(crate) fn on_a_full_disk(kilobytes: u32, program: &Path) -> Command {
    let mut command = Command::new("sh");
    // In blocks of 512 bytes. The signal would end the program before it saw the error.
    let script = format!(
        "trap '' XFSZ; ulimit -f {}; exec \"$0\" \"$@\"",
        kilobytes * 2
    );
    command.arg("-c").arg(script).arg(program);
    command
}

/// A clock that stands still until the test moves it. Clones share the time.
#[derive(Clone, Debug)]
pub(crate) struct TestClock(Arc<(AtomicI64, AtomicU64)>);

impl TestClock {
    /// A clock that shows `now`.
    pub(crate) fn at(now: Moment) -> Self {
        TestClock(Arc::new((AtomicI64::new(now.0), AtomicU64::new(0))))
    }

    /// Time passes: the wall clock and the monotonic one go on together.
    pub(crate) fn advance(&self, span: Duration) {
        let milliseconds = u64::try_from(span.as_millis()).expect("a span of a test");
        self.0
            .0
            .fetch_add(milliseconds.cast_signed(), Ordering::SeqCst);
        self.0.1.fetch_add(milliseconds, Ordering::SeqCst);
    }

    /// Someone sets the wall clock, forward or back; the monotonic one does not notice.
    pub(crate) fn set(&self, now: Moment) {
        self.0.0.store(now.0, Ordering::SeqCst);
    }

    /// As the parameter that the program takes.
    pub(crate) fn shared(&self) -> Arc<dyn Clock> {
        Arc::new(self.clone())
    }
}

impl Clock for TestClock {
    fn now(&self) -> Moment {
        Moment(self.0.0.load(Ordering::SeqCst))
    }
    fn monotonic(&self) -> Duration {
        Duration::from_millis(self.0.1.load(Ordering::SeqCst))
    }
}

/// Randomness that is the same in every run (SplitMix64).
#[derive(Debug)]
pub(crate) struct SeededRandom(Mutex<u64>);

impl SeededRandom {
    /// The sequence of `seed`.
    pub(crate) fn new(seed: u64) -> Self {
        SeededRandom(Mutex::new(seed))
    }

    /// As the parameter that the program takes.
    pub(crate) fn shared(seed: u64) -> Arc<dyn Random> {
        Arc::new(SeededRandom::new(seed))
    }
}

impl Random for SeededRandom {
    fn fill(&self, bytes: &mut [u8]) {
        let mut state = self.0.lock().expect("no test panics in here");
        for chunk in bytes.chunks_mut(8) {
            *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut z = *state;
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            z ^= z >> 31;
            chunk.copy_from_slice(&z.to_le_bytes()[..chunk.len()]);
        }
    }
}

/// Polls `condition` until it holds; fails the test when it does not within `limit`.
pub(crate) async fn eventually<F, Fut>(what: &str, limit: Duration, mut condition: F)
where
    F: FnMut() -> Fut,
    Fut: Future<Output = bool>,
{
    let poll = async {
        while !condition().await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    if tokio::time::timeout(limit, poll).await.is_err() {
        panic!("within {limit:?} it did not come to this: {what}");
    }
}

// ---- builders -----------------------------------------------------------------------------

/// The component with this key.
pub(crate) fn component(key: &str) -> ComponentId {
    ComponentId::parse(key).expect("a component's key")
}

/// `seconds` after [`NOON`].
pub(crate) fn at(seconds: i64) -> Moment {
    Moment(NOON.0 + seconds * 1000)
}

/// A failure with a status code, the most usual one.
pub(crate) const FAILED: Outcome = Outcome::Failed(Fault::Status);
/// A run that says nothing because the monitor is cut off.
pub(crate) const CUT_OFF: Outcome = Outcome::Inconclusive(Why::CutOff);

/// One observation of `upload` by flow `extension` over HTTP from `jakarta`, whose run took
/// two seconds; change what is of interest.
pub(crate) fn observation(started_at: Moment, outcome: Outcome) -> Observation {
    Observation {
        component: component("upload"),
        flow: "extension".to_owned(),
        engine: Engine::Http,
        vantage: "jakarta".to_owned(),
        number: RunNumber(started_at.0),
        started_at,
        decided_at: started_at,
        ended_at: started_at + Duration::from_secs(2),
        outcome,
    }
}

/// A run under construction: flow `extension` over HTTP from `jakarta`, without steps.
#[derive(Clone, Debug)]
pub(crate) struct Run(RunReport);

/// A run that starts at `started_at`.
pub(crate) fn run(started_at: Moment) -> Run {
    Run(RunReport {
        flow: "extension".to_owned(),
        name: "Stay-permit extension".into(),
        engine: Engine::Http,
        vantage: "jakarta".to_owned(),
        number: RunNumber::default(),
        started_at,
        ended_at: started_at + Duration::from_secs(2),
        outcome: Outcome::Passed,
        steps: Vec::new(),
        rung: None,
        may_be_left: None,
    })
}

/// A run with the single step `Upload` of the component `upload`.
pub(crate) fn upload_run(started_at: Moment, outcome: Outcome) -> RunReport {
    run(started_at).step("Upload", "upload", outcome).done()
}

impl Run {
    /// By another flow.
    pub(crate) fn flow(mut self, flow: &str) -> Self {
        self.0.flow = flow.to_owned();
        self
    }
    /// On another engine.
    pub(crate) fn engine(mut self, engine: Engine) -> Self {
        self.0.engine = engine;
        self
    }
    /// From another vantage.
    pub(crate) fn vantage(mut self, vantage: &str) -> Self {
        self.0.vantage = vantage.to_owned();
        self
    }
    /// That took so long.
    pub(crate) fn took(mut self, span: Duration) -> Self {
        self.0.ended_at = self.0.started_at + span;
        self
    }
    /// With a rung of the ladder.
    pub(crate) fn rung(mut self, kind: &str, size: u64, accepted: bool, allowed: bool) -> Self {
        let step = self.0.steps.last().map_or("Upload", |step| step.name.key());
        self.0.rung = Some(Rung {
            step: step.to_owned(),
            kind: kind.to_owned(),
            size,
            accepted,
            allowed,
        });
        self
    }
    /// Whose last step began so long after the run.
    pub(crate) fn begun_after(mut self, span: Duration) -> Self {
        let started_at = self.0.started_at;
        self.last().started_at = started_at + span;
        self
    }
    /// With one step more; the run's outcome becomes the worst of its steps.
    pub(crate) fn step(mut self, name: &str, of: &str, outcome: Outcome) -> Self {
        let failed = matches!(outcome, Outcome::Failed(_));
        self.0.steps.push(StepReport {
            name: name.into(),
            component: component(of),
            outcome,
            message: failed.then(|| format!("{name}: expected status 200, got 503")),
            started_at: self.0.started_at,
            took_ms: 500,
            phases: Phases::default(),
            status: Some(if failed { 503 } else { 200 }),
            final_url: None,
            redirects: 0,
            certificate_expires_at: None,
            certificates: Vec::new(),
            error_page: None,
            front_end: None,
            evidence: Vec::new(),
            cleanup: false,
            proves_nothing: false,
            notes: Vec::new(),
        });
        let gravity = siaga::domain::run::gravity;
        if gravity(outcome) > gravity(self.0.outcome) {
            self.0.outcome = outcome;
        }
        self
    }
    /// Whose last step met this error page.
    pub(crate) fn error_page(mut self, pattern: &str, fingerprint: &str) -> Self {
        self.last().error_page = Some(ErrorPage {
            pattern: Some(pattern.to_owned()),
            fingerprint: fingerprint.to_owned(),
            title: "500 • KENDALA SERVER".to_owned(),
        });
        self
    }
    /// Whose last step left this evidence.
    pub(crate) fn evidence(mut self, kind: &str, sha256: &str) -> Self {
        self.last().evidence.push(EvidenceRef {
            kind: kind.to_owned(),
            sha256: sha256.to_owned(),
            media_type: "text/html".to_owned(),
            size: 1234,
        });
        self
    }
    /// Whose last step left this evidence, that a store of files has.
    pub(crate) fn kept(mut self, reference: EvidenceRef) -> Self {
        self.last().evidence.push(reference);
        self
    }
    /// Whose last step cleans up.
    pub(crate) fn cleanup(mut self) -> Self {
        self.last().cleanup = true;
        self
    }
    /// The report. Its number is as if each flow's runs began in their order.
    pub(crate) fn done(self) -> RunReport {
        let Run(mut report) = self;
        let mut hasher = std::hash::DefaultHasher::new();
        (&report.flow, report.engine).hash(&mut hasher);
        let of_the_flow = i64::try_from(hasher.finish() % 4096).expect("it is small");
        report.number = RunNumber(report.started_at.0 * 4096 + of_the_flow);
        report
    }
    fn last(&mut self) -> &mut StepReport {
        self.0.steps.last_mut().expect("add a step first")
    }
}
