//! PostgreSQL servers of a test's own, and standbys of them.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};

use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Row as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

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
        Cluster::empty(folder()).initialized()
    }

    /// The same, with its files below this folder.
    pub(crate) fn create_in(parent: &Path) -> Cluster {
        let permissions = fs::Permissions::from_mode(0o711);
        fs::set_permissions(parent, permissions).expect("others may go through it");
        let folder = tempfile::tempdir_in(parent).expect("a folder");
        Cluster::empty(folder).initialized()
    }

    fn initialized(self) -> Cluster {
        self.run("initdb", &["--auth=trust", "--username=siaga", "--no-sync"]);
        self.start();
        self
    }

    /// A standby of this server, called `name`, that runs and follows it.
    pub(crate) fn standby(&self, name: &str) -> Cluster {
        let standby = Cluster::empty(folder());
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

    fn empty(folder: tempfile::TempDir) -> Cluster {
        let cluster = Cluster {
            folder,
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

    /// Makes a standby the primary server, which waits for no standby of its own.
    pub(crate) async fn promote(&self) {
        self.run("pg_ctl", &["-w", "promote"]);
        self.wait_for_standby("").await;
    }

    /// Lets a server that was the primary take no writes, as whoever moves an address away from
    /// it does first.
    pub(crate) async fn read_only(&self) {
        self.sql("ALTER SYSTEM SET default_transaction_read_only = on")
            .await;
        self.sql("SELECT pg_reload_conf()").await;
        eventually("it is read only", SOON, || async {
            self.ask("SHOW default_transaction_read_only").await == ["on"]
        })
        .await;
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

    /// Speaks TLS from now on, with a certificate for loopback that it has signed itself. Gives the
    /// certificate's file.
    pub(crate) fn speak_tls(&self) -> PathBuf {
        let data = self.folder.path().join("data");
        let (key, certificate) = (data.join("server.key"), data.join("server.crt"));
        let made = Command::new("openssl")
            .args([
                "req",
                "-x509",
                "-newkey",
                "ec",
                "-pkeyopt",
                "ec_paramgen_curve:P-256",
            ])
            .args(["-nodes", "-days", "2", "-subj", "/CN=localhost", "-addext"])
            .args(["subjectAltName=DNS:localhost,IP:127.0.0.1"])
            .args(["-addext", "basicConstraints=critical,CA:FALSE", "-keyout"])
            .arg(&key)
            .arg("-out")
            .arg(&certificate)
            .stderr(Stdio::null())
            .status();
        assert!(made.is_ok_and(|status| status.success()), "openssl");
        if is_root() {
            let owner = Command::new("chown").arg("postgres").arg(&key).status();
            assert!(owner.is_ok_and(|status| status.success()));
        }
        let settings = data.join("postgresql.auto.conf");
        fs::write(settings, "ssl = on\n").expect("written");
        self.run("pg_ctl", &["-w", "-m", "fast", "restart"]);
        certificate
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

    /// Waits until it serves; where it gave itself up, as on a full disk, it is started first.
    pub(crate) async fn start_again(&self) {
        eventually("PostgreSQL serves", SOON, || async {
            let serves = PgConnection::connect(&self.address()).await.is_ok();
            let pid = fs::read_to_string(self.folder.path().join("data/postmaster.pid"));
            if !serves && pid.is_err() {
                self.start();
            }
            serves
        })
        .await;
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

/// An address that leads to one server at a time, as the service's address of a pair of servers
/// does. Moving it leaves open connections where they lead.
pub(crate) struct Proxy {
    port: u16,
    target: Arc<AtomicU16>,
    task: JoinHandle<()>,
}

impl Proxy {
    /// One that leads to this cluster.
    pub(crate) async fn to(cluster: &Cluster) -> Proxy {
        let port = free_port();
        let listener = TcpListener::bind(("127.0.0.1", port))
            .await
            .expect("a port");
        let target = Arc::new(AtomicU16::new(cluster.port));
        let to = Arc::clone(&target);
        let task = tokio::spawn(async move {
            while let Ok((mut from, _)) = listener.accept().await {
                let port = to.load(Ordering::SeqCst);
                tokio::spawn(async move {
                    let Ok(mut server) = TcpStream::connect(("127.0.0.1", port)).await else {
                        return;
                    };
                    let _ = tokio::io::copy_bidirectional(&mut from, &mut server).await;
                });
            }
        });
        Proxy { port, target, task }
    }

    /// From now on new connections lead to this one.
    pub(crate) fn lead_to(&self, cluster: &Cluster) {
        self.target.store(cluster.port, Ordering::SeqCst);
    }

    /// As an address for `Store::open`.
    pub(crate) fn address(&self) -> String {
        format!("postgres://siaga@127.0.0.1:{}/postgres", self.port)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
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
