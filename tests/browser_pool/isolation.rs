//! What a driver and its browser get of ours: no environment, no files, no user; and a sandbox, or
//! a reason why there is no run.

use std::collections::BTreeSet;
use std::fs::Permissions;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use siaga::config::{Config, Environment, Sandbox, User};
use siaga::domain::{Outcome, Why};
use siaga::probe::browser::BrowserError;
use siaga::toml_reader::Source;

use super::places::{
    CONFINED, Check, NOBODY, WAITS, asked, end, for_nobody, is_forbidden, nobody_in,
};
use super::{Inhabitant, PASSES, World, inhabitants, opens_nothing, send};
use crate::harness::eventually;
use crate::harness::probing::{browsers_of, has_sandbox};
use crate::harness::processes::{HOME, Process, SOON, Setup, Siaga, Site, client};

/// Everything that an operator gives Siaga and that no page may learn.
const SECRETS: [(&str, &str); 6] = [
    (
        "SIAGA_MASTER_KEY",
        "1:bWFzdGVyLWtleS1vZi1hLXRlc3Qtb2YtMzItYnl0ZXM",
    ),
    (
        "SIAGA_DATABASE",
        "postgres://siaga:database-password@127.0.0.1/siaga",
    ),
    ("SIAGA_MAILBOX", "imap://user:mail-password@127.0.0.1:143/"),
    ("SMTP_PASSWORD", "smtp-password"),
    ("PROBE_PASSWORD", "probe-password"),
    ("HTTP_PROXY", "http://user:proxy-password@127.0.0.1:9/"),
];

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn environment(one: &Inhabitant) -> String {
    let bytes = std::fs::read(format!("/proc/{}/environ", one.id)).unwrap_or_default();
    String::from_utf8_lossy(&bytes).replace('\0', "\n")
}

#[tokio::test]
async fn driver_and_browser_get_nothing_of_our_environment_but_what_is_listed() {
    let world = World::new().await;
    let check = Check::of(&world, WAITS, "");
    let shown = [
        ("LANG", "C.UTF-8"),
        ("DISPLAY", ":7"),
        ("TZ", "Asia/Jayapura"),
    ];
    let child = check.spawn(&[&SECRETS[..], &shown].concat());
    asked(&world).await;
    let there = inhabitants(&check.browsers());
    let told: Vec<String> = there.iter().map(environment).collect();
    let driver = there.iter().position(Inhabitant::is_driver).unwrap();
    let browser = there.iter().position(Inhabitant::is_browser).unwrap();
    send("TERM", child.id());
    end(child).await;
    let names = told[driver].lines().filter_map(|line| line.split_once('='));
    let names: BTreeSet<&str> = names.map(|(name, _)| name).collect();
    assert_eq!(names, ["HOME", "LANG", "PATH", "TMPDIR", "TZ"].into());
    assert!(told[driver].contains("TZ=Asia/Jayapura"));
    assert!(told[browser].contains("HOME="), "{}", told[browser]);
    for (name, secret) in SECRETS {
        for environment in &told {
            assert!(!environment.contains(name), "{environment}");
            assert!(!environment.contains(secret), "{environment}");
        }
    }
    nobody_in(&check.browsers()).await;
}

/// The numbers of the user, the group, and the other groups of a process.
fn identity(one: &Inhabitant) -> (u32, u32, String) {
    let status = std::fs::read_to_string(format!("/proc/{}/status", one.id)).unwrap();
    let line = |key: &str| {
        let found = status.lines().find_map(|line| line.strip_prefix(key));
        found.unwrap().trim().to_owned()
    };
    let first = |key: &str| {
        let line = line(key);
        line.split_whitespace().next().unwrap().parse().unwrap()
    };
    (first("Uid:"), first("Gid:"), line("Groups:"))
}

#[tokio::test]
async fn as_root_the_browser_runs_as_a_user_of_its_own_in_its_sandbox() {
    if is_forbidden("root", &["sh", "-c", "test $(id -u) = 0"]) {
        return;
    }
    let world = World::new().await;
    for (key, user) in [("", 65533), ("user = \"60999:60998\"", 60999)] {
        let check = Check::of(&world, WAITS, key);
        let child = check.spawn(&[]);
        asked(&world).await;
        let there = inhabitants(&check.browsers());
        let data = check.home.path().join("data");
        for one in &there {
            let (uid, gid, groups) = identity(one);
            assert_eq!((uid, gid <= uid), (user, true), "{one:?}");
            assert_eq!(groups, "");
            assert!(
                !one.line.contains("--no-sandbox") || !has_sandbox(),
                "{one:?}"
            );
        }
        assert!(there.iter().any(Inhabitant::is_browser));
        // What is ours is closed to it, and what it is given it cannot change.
        let to_it = |path: &Path, wanted: &str| {
            let tried = Command::new("test")
                .args([wanted, path.to_str().unwrap()])
                .uid(user)
                .gid(user)
                .status();
            tried.unwrap().success()
        };
        assert!(!data.exists() || !to_it(&data, "-r"));
        let of_run = std::fs::read_dir(check.browsers()).unwrap().flatten();
        let of_run = of_run
            .map(|entry| entry.path())
            .find(|path| path.is_dir())
            .unwrap();
        assert_eq!(std::fs::metadata(&of_run).unwrap().uid(), 0);
        assert!(!to_it(&of_run, "-w") && !to_it(&of_run.join("uploads"), "-w"));
        send("TERM", child.id());
        let (code, printed) = end(child).await;
        assert_eq!(code, Some(3), "{printed}");
        nobody_in(&check.browsers()).await;
    }
}

/// As in containers, where root may not look into the processes of others.
#[tokio::test]
async fn root_without_the_right_to_trace_others_leaves_no_browser_behind() {
    let words = ["setpriv", "--bounding-set=-sys_ptrace"];
    if is_forbidden("fewer capabilities", &[&words[..], &["true"]].concat()) {
        return;
    }
    let world = World::new().await;
    let check = Check::of(&world, PASSES, "");
    let siaga = env!("CARGO_BIN_EXE_siaga");
    let (code, printed) = check.behind(&[&words[..], &[siaga]].concat()).await;
    assert_eq!(code, Some(0), "{printed}");
    nobody_in(&check.browsers()).await;
}

#[tokio::test]
async fn root_that_keeps_its_browser_to_itself_is_told_that_root_has_no_sandbox() {
    if is_forbidden("root", &["sh", "-c", "test $(id -u) = 0"]) {
        return;
    }
    let world = World::with(|settings| {
        settings.user = None;
        settings.sandbox = Sandbox::Required;
    })
    .await;
    let report = world.run(PASSES).await;
    assert_eq!(report.outcome, Outcome::Inconclusive(Why::NotConfigured));
    let message = report.steps[0].message.as_deref().unwrap();
    assert!(message.contains("root can have none"), "{message}");
    assert!(message.contains("`user`"), "{message}");
    world.is_clean(&[]).await;
    opens_nothing(vec![report]).await;
}

#[tokio::test]
async fn a_user_that_cannot_be_had_is_told() {
    if is_forbidden("another user", &[&NOBODY[..], &["true"]].concat()) {
        return;
    }
    let world = World::new().await;
    let check = Check::of(&world, PASSES, "user = \"65532\"");
    let siaga = for_nobody(&check);
    let (code, printed) = check.behind(&[&NOBODY[..], &[&siaga]].concat()).await;
    assert_eq!(code, Some(3), "{printed}");
    assert!(printed.contains("not_configured"), "{printed}");
    assert!(printed.contains("`user` in `[browser]`"), "{printed}");
}

#[test]
fn a_folder_that_the_browsers_user_cannot_reach_is_told() {
    if is_forbidden("root", &["sh", "-c", "test $(id -u) = 0"]) {
        return;
    }
    let closed = tempfile::Builder::new()
        .permissions(Permissions::from_mode(0o700))
        .tempdir()
        .unwrap();
    let mut settings = crate::harness::probing::browsers_in(closed.path());
    settings.user = Some(User {
        uid: 65533,
        gid: 65533,
    });
    let opened = siaga::probe::browser::Browsers::open(
        settings,
        std::sync::Arc::new(siaga::system::SystemRandom),
    );
    let Err(error @ BrowserError::Folder(..)) = opened else {
        panic!("it opens");
    };
    let message = error.to_string();
    assert!(message.contains("cannot go through"), "{message}");
    assert!(
        message.contains(closed.path().to_str().unwrap()),
        "{message}"
    );
}

#[tokio::test]
async fn where_there_can_be_no_sandbox_a_check_of_this_machine_does_without_unless_told() {
    if is_forbidden(
        "a place without namespaces",
        &[&CONFINED[..], &["true"]].concat(),
    ) {
        return;
    }
    let world = World::new().await;
    for (key, exit, says) in [
        ("", 0, "passed"),
        (
            "sandbox = true",
            3,
            "write `sandbox = false` in `[browser]`",
        ),
        ("sandbox = true", 3, "not_configured"),
        ("sandbox = false", 0, "passed"),
    ] {
        let check = Check::of(&world, PASSES, key);
        let siaga = for_nobody(&check);
        let (code, printed) = check.behind(&[&CONFINED[..], &[&siaga]].concat()).await;
        assert_eq!(code, Some(exit), "{printed}");
        assert!(printed.contains(says), "{printed}");
        nobody_in(&check.browsers()).await;
    }
}

/// The home page, over HTTP and in a browser.
fn both() -> String {
    HOME.1
        .replace("http = \"1s\"", "http = \"1s\", browser = \"1s\"")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn where_there_can_be_no_sandbox_the_service_runs_no_browser_unless_told() {
    if is_forbidden(
        "a place without namespaces",
        &[&CONFINED[..], &["true"]].concat(),
    ) {
        return;
    }
    let site = Site::start().await;
    for (key, outcome, warns) in [
        ("sandbox = true", "inconclusive", 0),
        ("sandbox = false", "passed", 1),
    ] {
        let more = format!("[browser]\n{key}\n");
        let setup = Setup::of(&site).flows(&[("home", &both())]).and(&more);
        let config = setup.config();
        let home = config.parent().unwrap();
        let mut arguments = CONFINED[1..].to_vec();
        arguments.extend([env!("CARGO_BIN_EXE_siaga"), "run", "--config"]);
        arguments.push(config.to_str().unwrap());
        let environment = setup.environment().clone();
        let process = Process::command("siaga", home, CONFINED[0], &arguments, &environment);
        let mut siaga: Siaga = Setup::at(process, setup.url());
        eventually(
            &format!("a browser's run is {outcome}"),
            2 * SOON,
            || async {
                let asked = client()
                    .get(format!("{}/metrics", setup.url()))
                    .send()
                    .await;
                let Ok(answer) = asked else { return false };
                let text = answer.text().await.unwrap();
                text.lines().any(|line| {
                    line.starts_with("siaga_runs_total")
                        && line.contains("engine=\"browser\"")
                        && line.contains(outcome)
                })
            },
        )
        .await;
        siaga.process.stop().await;
        let log = siaga.process.log();
        assert_eq!(
            log.matches("can read the master key").count(),
            warns,
            "{log}"
        );
    }
}

#[tokio::test]
async fn another_process_of_our_user_can_read_neither_our_environment_nor_our_memory() {
    let world = World::new().await;
    let check = Check::of(&world, WAITS, "");
    let siaga = for_nobody(&check);
    let mut command = Command::new(&siaga);
    command
        .args(check.arguments())
        .env("TMPDIR", check.home.path())
        .env("SIAGA_MASTER_KEY", SECRETS[0].1)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let as_us = |program: &str| {
        let mut command = Command::new(program);
        if is_root() {
            command.uid(65534).gid(65534);
        }
        command
    };
    if is_root() {
        command.uid(65534).gid(65534);
    }
    let child = command.spawn().unwrap();
    asked(&world).await;
    for file in ["environ", "mem", "maps"] {
        let path = format!("/proc/{}/{file}", child.id());
        let read = as_us("head").args(["-c", "1", &path]).output().unwrap();
        assert!(!read.status.success(), "{path} can be read");
    }
    // That of others can, so that it is no other rule that forbids it.
    let other = as_us("sh")
        .args(["-c", "head -c 1 /proc/$$/environ"])
        .output();
    assert!(other.unwrap().status.success());
    send("TERM", child.id());
    end(child).await;
    nobody_in(&browsers_of(
        &check.home.path().join("data"),
        check.home.path(),
    ))
    .await;
}

#[test]
fn users_are_named_by_name_or_number() {
    let read = |user: &str| {
        let text = format!(
            "[site]\nname_id = \"a\"\nname_en = \"b\"\nurl = \"https://a.example/\"\n\
             [probe]\ncontact = \"a@b.example\"\n[browser]\nuser = \"{user}\"\n"
        );
        let none: [(&str, &str); 0] = [];
        let environment = none.into_iter().collect::<Environment>();
        let config = Config::read(&Source::new("siaga.toml", text), &environment);
        config.map(|config| config.browser.user.unwrap())
    };
    assert_eq!(read("root"), Ok(User { uid: 0, gid: 0 }));
    assert_eq!(read("997"), Ok(User { uid: 997, gid: 997 }));
    assert_eq!(read("997:998"), Ok(User { uid: 997, gid: 998 }));
    for wrong in ["", "no-such-user", "997:x", "-1", ":1"] {
        let told = read(wrong).unwrap_err();
        assert_eq!(told[0].line, 8);
        assert!(
            told[0].message.contains("this machine has no user"),
            "{told:?}"
        );
    }
}
