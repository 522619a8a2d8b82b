//! Where browsers have to run: under signals, beside other processes of Siaga, with little
//! shared memory, without privileges, on a full disk, on a clock that is set back.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use siaga::domain::{Clock, Fault, Moment, Outcome};
use siaga::probe::browser::{Browsers, Settings};
use siaga::probe::evidence::EvidenceStore;
use siaga::probe::runner::{Occasion, run_in_browser};
use siaga::system::{SystemClock, SystemRandom};

use super::{GONE, PASSES, STALLS, World, flow, folders, inhabitants, opens_nothing, ours, send};
use crate::harness::probing::{browsers_in, browsers_of};
use crate::harness::processes::SOON;
use crate::harness::{SmallDisk, eventually, folder, left_out};

/// A page that never comes, and nothing else for a minute.
pub(super) const WAITS: &str = r#"
[[step]]
name = "b"
component = "website"
visit = "/slow"
timeout = "60s"
"#;

/// `siaga check --engine browser` of a flow, as somebody runs it by hand.
pub(super) struct Check {
    pub(super) home: tempfile::TempDir,
    flow: PathBuf,
    config: PathBuf,
}

impl Check {
    pub(super) fn of(world: &World, steps: &str, browser: &str) -> Check {
        let home = folder();
        let at = |name: &str| home.path().join(name);
        let (flow, config) = (at("flow.toml"), at("siaga.toml"));
        let head = "name = \"F\"\nevery = { browser = \"1m\" }\n";
        std::fs::write(&flow, format!("{head}{steps}")).unwrap();
        let text = format!(
            "[site]\nname_id = \"a\"\nname_en = \"b\"\nurl = \"{}\"\n\
             [probe]\ncontact = \"https://siaga.example.org/about\"\n\
             [data]\nfolder = \"{}\"\n[browser]\n{browser}\n",
            world.target.site,
            at("data").display()
        );
        std::fs::write(&config, text).unwrap();
        Check { home, flow, config }
    }

    pub(super) fn browsers(&self) -> PathBuf {
        browsers_of(&self.home.path().join("data"), self.home.path())
    }

    pub(super) fn arguments(&self) -> Vec<&str> {
        vec![
            "check",
            self.flow.to_str().unwrap(),
            "--engine",
            "browser",
            "--config",
            self.config.to_str().unwrap(),
        ]
    }

    pub(super) fn spawn(&self, environment: &[(&str, &str)]) -> Child {
        Command::new(env!("CARGO_BIN_EXE_siaga"))
            .args(self.arguments())
            .env("TMPDIR", self.home.path())
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    }

    /// Behind other words on the command line, for as long as it takes. Gives the exit code
    /// and what was printed.
    pub(super) async fn behind(&self, words: &[&str]) -> (Option<i32>, String) {
        let (program, before) = words.split_first().unwrap();
        let mut command = Command::new(program);
        command
            .args(before)
            .args(self.arguments())
            .env("TMPDIR", self.home.path())
            .stdin(Stdio::null());
        let out = tokio::task::spawn_blocking(move || command.output()).await;
        told(&out.unwrap().unwrap())
    }
}

/// Waits until so many pages were asked for that never come.
pub(super) async fn asked(world: &World) {
    let asked = tokio::time::timeout(SOON, world.asked.notified()).await;
    asked.expect("the page is asked for");
}

fn told(out: &Output) -> (Option<i32>, String) {
    let text = [out.stdout.as_slice(), &out.stderr].concat();
    (
        out.status.code(),
        String::from_utf8_lossy(&text).into_owned(),
    )
}

pub(super) async fn end(child: Child) -> (Option<i32>, String) {
    let out = tokio::task::spawn_blocking(move || child.wait_with_output()).await;
    told(&out.unwrap().unwrap())
}

pub(super) async fn nobody_in(parent: &Path) {
    eventually("nobody is left", GONE, || async {
        inhabitants(parent).is_empty()
    })
    .await;
    assert_eq!(folders(parent), Vec::<String>::new());
}

// ---- signals ----------------------------------------------------------------------------------

#[tokio::test]
async fn the_first_signal_breaks_a_check_off_and_ends_its_browser() {
    let world = World::new().await;
    for signal in ["INT", "TERM"] {
        let check = Check::of(&world, WAITS, "");
        let child = check.spawn(&[]);
        asked(&world).await;
        assert!(inhabitants(&check.browsers()).len() > 3);
        send(signal, child.id());
        let (code, printed) = end(child).await;
        assert_eq!(code, Some(3), "{printed}");
        assert!(printed.contains("Stopping"), "{printed}");
        nobody_in(&check.browsers()).await;
    }
}

#[tokio::test]
async fn the_second_signal_aborts_a_check_and_the_next_start_clears_away() {
    let world = World::new().await;
    let rest = "[[step]]\nname = \"b\"\ncomponent = \"website\"\nwait = \"60s\"\n\
                [[cleanup]]\nname = \"c\"\nvisit = \"/slow\"\ntimeout = \"60s\"\n";
    let check = Check::of(&world, &format!("{PASSES}{rest}"), "");
    let mut child = check.spawn(&[]);
    // The first step is told as soon as it is done.
    let mut first = [0];
    let mut out = child.stdout.take().unwrap();
    let read = tokio::task::spawn_blocking(move || {
        std::io::Read::read_exact(&mut out, &mut first).map(|()| out)
    });
    child.stdout = Some(read.await.unwrap().unwrap());
    send("INT", child.id());
    asked(&world).await;
    send("INT", child.id());
    let (code, printed) = end(child).await;
    assert_eq!(code, Some(130), "{printed}");
    assert_eq!(folders(&check.browsers()).len(), 1);
    open(&check.browsers());
    nobody_in(&check.browsers()).await;
}

/// As the next start of a program does.
fn open(parent: &Path) {
    let settings = Settings {
        folder: parent.to_owned(),
        ..browsers_in(parent)
    };
    Browsers::open(settings, Arc::new(SystemRandom)).unwrap();
}

#[tokio::test]
async fn the_next_start_clears_away_what_a_killed_siaga_left_and_nothing_else() {
    let world = World::new().await;
    let check = Check::of(&world, WAITS, "");
    let mut killed = check.spawn(&[]);
    asked(&world).await;
    let of_killed = folders(&check.browsers());
    let living = check.spawn(&[]);
    asked(&world).await;
    killed.kill().unwrap();
    killed.wait().unwrap();
    let left = check.browsers().join(&of_killed[0]);
    assert!(inhabitants(&check.browsers()).len() > 6);
    open(&check.browsers());
    assert!(!left.exists());
    let lines = inhabitants(&check.browsers());
    assert!(lines.len() > 3, "those of the living: {lines:#?}");
    assert!(!lines.iter().any(|one| one.line.contains(&of_killed[0])));
    assert_eq!(folders(&check.browsers()).len(), 1);
    send("TERM", living.id());
    let (code, printed) = end(living).await;
    assert_eq!(code, Some(3), "{printed}");
    nobody_in(&check.browsers()).await;
}

// ---- machines ---------------------------------------------------------------------------------

pub(super) fn is_forbidden(what: &str, words: &[&str]) -> bool {
    let tried = Command::new(words[0]).args(&words[1..]).output();
    let is_forbidden = !tried.is_ok_and(|out| out.status.success());
    if is_forbidden {
        left_out(what);
    }
    is_forbidden
}

const SMALL: &str = "mount -t tmpfs -o size=64k tmpfs /dev/shm && exec \"$0\" \"$@\"";

#[tokio::test]
async fn it_runs_with_little_shared_memory() {
    if is_forbidden(
        "a small /dev/shm",
        &["unshare", "-m", "sh", "-c", SMALL, "true"],
    ) {
        return;
    }
    let world = World::new().await;
    let check = Check::of(&world, PASSES, "");
    let siaga = env!("CARGO_BIN_EXE_siaga");
    let (code, printed) = check
        .behind(&["unshare", "-m", "sh", "-c", SMALL, siaga])
        .await;
    assert_eq!(code, Some(0), "{printed}");
    nobody_in(&check.browsers()).await;
}

pub(super) const NOBODY: [&str; 4] = [
    "setpriv",
    "--reuid=65534",
    "--regid=65534",
    "--clear-groups",
];
/// As a user like any other, in a place where no further user namespaces may be made.
pub(super) const CONFINED: [&str; 7] = [
    "unshare",
    "--user",
    "--map-user=65534",
    "--keep-caps",
    "sh",
    "-c",
    "echo 0 > /proc/sys/user/max_user_namespaces && \
     exec setpriv --inh-caps=-all --ambient-caps=-all \"$0\" \"$@\"",
];

/// The program where everybody may run it, and a home that is nobody's.
pub(super) fn for_nobody(check: &Check) -> String {
    let siaga = check.home.path().join("siaga");
    std::fs::copy(env!("CARGO_BIN_EXE_siaga"), &siaga).unwrap();
    std::fs::create_dir(check.home.path().join("data")).unwrap();
    for (path, mode) in [("", 0o755), ("data", 0o777), ("siaga", 0o755)] {
        let mode = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(check.home.path().join(path), mode).unwrap();
    }
    siaga.to_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_user_like_any_other_has_the_sandbox() {
    if is_forbidden(
        "another user",
        &[&NOBODY[..], &["unshare", "-U", "true"]].concat(),
    ) {
        return;
    }
    let world = World::new().await;
    let check = Check::of(&world, PASSES, "sandbox = true");
    let siaga = for_nobody(&check);
    let (code, printed) = check.behind(&[&NOBODY[..], &[&siaga]].concat()).await;
    assert_eq!(code, Some(0), "{printed}");
    nobody_in(&check.browsers()).await;
}

// ---- disk and clock ---------------------------------------------------------------------------

#[tokio::test]
async fn a_full_disk_costs_runs_and_says_nothing_false() {
    let place = folder();
    let Some(disk) = SmallDisk::mount(place.path(), "12m") else {
        return;
    };
    // Browsers that run as another user must be able to go through it.
    std::fs::set_permissions(place.path(), std::fs::Permissions::from_mode(0o711)).unwrap();
    let mut world = World::with(|settings| settings.folder = place.path().join("browsers")).await;
    let evidence = EvidenceStore::open(place.path().join("evidence")).unwrap();
    world.tools.evidence = Some(evidence);
    disk.fill();
    let report = world.run(PASSES).await;
    match report.outcome {
        // Where the browser needs no disk for it, all the better.
        Outcome::Passed => {}
        _ => _ = ours(&report),
    }
    world.is_clean(&[]).await;
    opens_nothing(vec![report]).await;
    // Of a failure there is then no evidence, or it was no failure of the site's.
    let wrong = PASSES.replace("Beranda", "Something else");
    let report = world.run(&wrong).await;
    match report.outcome {
        Outcome::Failed(fault) => assert_eq!(fault, Fault::Content),
        _ => _ = ours(&report),
    }
    world.is_clean(&[]).await;
    disk.make_room();
    world.recovers(&[]).await;
}

/// The system's clock, until somebody sets it.
#[derive(Debug, Default)]
struct SetBack(AtomicI64);

impl Clock for SetBack {
    fn now(&self) -> Moment {
        Moment(SystemClock.now().0 - self.0.load(Ordering::SeqCst))
    }
    fn monotonic(&self) -> Duration {
        SystemClock.monotonic()
    }
}

#[tokio::test]
async fn a_clock_that_is_set_back_an_hour_changes_nothing() {
    let mut world = World::new().await;
    let clock = Arc::new(SetBack::default());
    world.tools.clock = Arc::clone(&clock) as Arc<dyn Clock>;
    let before = world.run(PASSES).await;
    let two = format!("{PASSES}{}", PASSES.replace("\"a\"", "\"b\""));
    let occasion = Occasion {
        turn: 0,
        stop: None,
        on_step: &mut |_| clock.0.store(3_600_000, Ordering::SeqCst),
    };
    let during = run_in_browser(&flow(&two), &world.target, &world.tools, occasion).await;
    let after = world.run(PASSES).await;
    for report in [&before, &during, &after] {
        assert_eq!(report.outcome, Outcome::Passed, "{report:#?}");
        assert!(
            report.steps.iter().all(|step| step.took_ms < 30_000),
            "{report:#?}"
        );
    }
    let lasted = during.ended_at.0 - during.started_at.0;
    assert!((0..120_000).contains(&lasted), "{during:#?}");
    let stalled = world.run(STALLS).await;
    assert_eq!(stalled.outcome, Outcome::Failed(Fault::Timeout));
    opens_nothing(vec![before, during, after]).await;
    world.browsers.rest(SOON).await;
    world.is_clean(&[]).await;
}
