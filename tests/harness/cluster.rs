//! PostgreSQL servers of a test's own, and standbys of them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row as _};

use super::processes::{SOON, free_port};
use super::{eventually, folder};

/// A PostgreSQL server of its own, which ends with the value.
pub(crate) struct Cluster {
    folder: tempfile::TempDir,
    programs: PathBuf,
    port: u16,
}

impl Cluster {
    /// A server that runs, with the user `siaga` who may do everything.
    pub(crate) fn create() -> Cluster {
        let cluster = Cluster::empty();
        cluster.run("initdb", &["--auth=trust", "--username=siaga", "--no-sync"]);
        cluster.start();
        cluster
    }

    /// A standby of this server, called `name`, that runs and follows it.
    pub(crate) fn standby(&self, name: &str) -> Cluster {
        let standby = Cluster::empty();
        let primary = format!(
            "host=127.0.0.1 port={} user=siaga application_name={name}",
            self.port
        );
        let from = ["--write-recovery-conf", "--checkpoint=fast", "--no-sync"];
        let arguments = [&from[..], &["--dbname", &primary]].concat();
        standby.run("pg_basebackup", &arguments);
        standby.start();
        standby
    }

    fn empty() -> Cluster {
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
        cluster
    }

    /// From now on each COMMIT waits for the standby of this name; for none where it is empty.
    pub(crate) async fn wait_for_standby(&self, name: &str) {
        let names = format!("ALTER SYSTEM SET synchronous_standby_names = '{name}'");
        self.sql(&names).await;
        self.sql("SELECT pg_reload_conf()").await;
        eventually("the setting is in force", SOON, || async {
            let shown = self.ask("SHOW synchronous_standby_names").await;
            shown == [name]
        })
        .await;
    }

    /// Makes a standby the primary server.
    pub(crate) fn promote(&self) {
        self.run("pg_ctl", &["-w", "promote"]);
    }

    /// Runs a statement.
    pub(crate) async fn sql(&self, sql: &str) {
        self.ask(sql).await;
    }

    /// The first column of what a query gives, as texts.
    pub(crate) async fn ask(&self, sql: &str) -> Vec<String> {
        let mut conn = PgConnection::connect(&self.address())
            .await
            .expect("it answers");
        let rows = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()))
            .fetch_all(&mut conn)
            .await
            .expect(sql);
        let first = |row: &PgRow| row.try_get_unchecked(0).unwrap_or_default();
        rows.iter().map(first).collect()
    }

    /// Waits until so many of the program's COMMITs wait for a standby.
    pub(crate) async fn until_waiting(&self, count: usize) {
        let waiting = "SELECT pid::text FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
        eventually("commits wait for a standby", SOON, || async {
            self.ask(waiting).await.len() == count
        })
        .await;
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

    /// Starts it where it was.
    pub(crate) fn start(&self) {
        let folder = self.folder.path().display();
        let options = format!(
            "-p {} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off",
            self.port
        );
        let log = self.folder.path().join("server.log");
        let log = log.to_str().expect("a path");
        self.run("pg_ctl", &["-w", "-l", log, "-o", &options, "start"]);
    }

    /// Ends it at once.
    pub(crate) fn stop(&self) {
        self.run("pg_ctl", &["-w", "-m", "immediate", "stop"]);
    }

    /// Stops every process in its tracks, or lets them go on: a server that has not gone,
    /// but says nothing any more.
    pub(crate) fn signal_all(&self, signal: &str) {
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

    /// The port that it listens on, on loopback.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Its address for `Store::open`.
    pub(crate) fn address(&self) -> String {
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
