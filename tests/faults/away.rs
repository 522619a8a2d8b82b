//! A database that goes away and comes back.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::json;

use crate::harness::processes::{HOME, SOON, Setup, Site, free_port, picture, report_body};
use crate::harness::{eventually, folder};

/// A PostgreSQL server of its own, which ends with the value.
struct Cluster {
    folder: tempfile::TempDir,
    programs: PathBuf,
    port: u16,
}

impl Cluster {
    fn create() -> Cluster {
        let cluster = Cluster {
            folder: folder(),
            programs: programs(),
            port: free_port(),
        };
        // PostgreSQL refuses to run as root.
        if is_root() {
            let owner = Command::new("chown")
                .arg("postgres")
                .arg(cluster.folder.path())
                .status();
            assert!(
                owner.is_ok_and(|status| status.success()),
                "there is a user postgres"
            );
        }
        cluster.run("initdb", &["--auth=trust", "--username=siaga", "--no-sync"]);
        cluster.start();
        cluster
    }

    fn run(&self, program: &str, arguments: &[&str]) {
        let mut command = if is_root() {
            let mut command = Command::new("runuser");
            command
                .args(["-u", "postgres", "--"])
                .arg(self.programs.join(program));
            command
        } else {
            Command::new(self.programs.join(program))
        };
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(self.folder.path().join("commands.log"))
            .expect("a log");
        let status = command
            .arg("--pgdata")
            .arg(self.folder.path().join("data"))
            .args(arguments)
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("the log"))
            .stderr(log)
            .status()
            .expect("PostgreSQL is installed");
        let log = fs::read_to_string(self.folder.path().join("commands.log"));
        assert!(status.success(), "{program}: {}", log.unwrap_or_default());
    }

    fn start(&self) {
        let folder = self.folder.path().display();
        let options = format!(
            "-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off",
            self.port
        );
        let log = self.folder.path().join("server.log");
        let log = log.to_str().expect("a path");
        self.run("pg_ctl", &["-w", "-l", log, "-o", &options, "start"]);
    }

    fn stop(&self) {
        self.run("pg_ctl", &["-w", "-m", "immediate", "stop"]);
    }

    /// Stops every process in its tracks, or lets them go on: a server that has not gone,
    /// but says nothing any more.
    fn signal_all(&self, signal: &str) {
        let pid = fs::read_to_string(self.folder.path().join("data/postmaster.pid"));
        let pid = pid.expect("it runs");
        let parent = pid.lines().next().expect("its id");
        let all = Command::new("pgrep").args(["-P", parent]).output();
        let all = String::from_utf8(all.expect("its children").stdout).expect("numbers");
        let pids = all.split_whitespace().chain([parent]);
        let status = Command::new("kill")
            .arg(format!("-{signal}"))
            .args(pids)
            .status();
        assert!(status.is_ok_and(|status| status.success()), "{signal} sent");
    }

    fn address(&self) -> String {
        format!("postgres://siaga@127.0.0.1:{}/postgres", self.port)
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let data = self.folder.path().join("data");
        let pid = fs::read_to_string(data.join("postmaster.pid"));
        if let Some(pid) = pid.ok().as_deref().and_then(|text| text.lines().next()) {
            let group = format!("-{pid}");
            let _ = Command::new("kill").args(["-QUIT", pid]).status();
            let _ = Command::new("kill").args(["-CONT", "--", &group]).status();
        }
    }
}

fn is_root() -> bool {
    let id = Command::new("id").arg("-u").output();
    id.is_ok_and(|output| output.stdout == b"0\n")
}

/// The folder of the newest PostgreSQL's programs.
fn programs() -> PathBuf {
    let all = fs::read_dir("/usr/lib/postgresql").expect("PostgreSQL is installed");
    let newest = all
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok())
        .max()
        .expect("PostgreSQL is installed");
    Path::new("/usr/lib/postgresql")
        .join(newest.to_string())
        .join("bin")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_goes_away_and_comes_back_costs_nothing_but_time() {
    let cluster = Cluster::create();
    let site = Site::start().await;
    let setup = Setup::of(&site).flows(&[HOME]).database(&cluster.address());
    let mut siaga = setup.run().await;
    siaga.until("website", "operational", SOON).await;

    cluster.stop();
    // Reports are refused, and told when to come again; nothing internal is shown.
    let (kind, body) = report_body("E12345678", &picture());
    let report = async || {
        siaga
            .client
            .post(format!("{}/api/v1/reports", siaga.url))
            .header("content-type", &kind)
            .header("idempotency-key", "the same")
            .body(body.clone())
            .send()
            .await
            .expect("an answer")
    };
    let refused = report().await;
    assert_eq!(refused.status(), 503);
    assert!(refused.headers().contains_key("retry-after"));
    let text = refused.text().await.expect("a text").to_lowercase();
    assert!(
        !text.contains("sql") && !text.contains("connection"),
        "{text}"
    );
    // An outage of the site begins and ends while nobody can write it down.
    site.faults(json!([{ "kind": "error", "status": 500 }]))
        .await;
    siaga.until("website", "unknown: ourselves", SOON).await;
    for path in [
        "/en/",
        "/id/outages",
        "/en/report",
        "/api/v2/summary.json",
        "/healthz",
    ] {
        siaga.page(path).await;
    }
    assert_ne!(siaga.get("/readyz").await.status(), 200);
    site.heal().await;

    cluster.start();
    siaga.until("website", "operational", SOON).await;
    eventually("reports are taken again", SOON, || async {
        report().await.status() == 201
    })
    .await;
    let outages = siaga.outages("website").await;
    assert_eq!(
        outages.len(),
        1,
        "it was seen and not forgotten: {outages:?}"
    );
    assert!(outages[0]["ended_at"].is_string(), "{}", outages[0]);
    assert!(siaga.process.ended().is_none());
    siaga.process.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_database_that_falls_silent_is_waited_for() {
    let cluster = Cluster::create();
    let site = Site::start().await;
    let setup = Setup::of(&site).flows(&[HOME]).database(&cluster.address());
    let mut siaga = setup.run().await;
    siaga.until("website", "operational", SOON).await;

    cluster.signal_all("STOP");
    site.faults(json!([{ "kind": "error", "status": 500 }]))
        .await;
    siaga.until("website", "unknown: ourselves", SOON).await;
    eventually("runs wait", SOON, || async {
        siaga.process.log().contains("runs wait for the database")
    })
    .await;
    site.heal().await;
    siaga.page("/en/").await;

    cluster.signal_all("CONT");
    siaga.until("website", "operational", SOON * 2).await;
    let outages = siaga.outages("website").await;
    assert_eq!(
        outages.len(),
        1,
        "it was seen and not forgotten: {outages:?}"
    );
    siaga.process.stop().await;
}
