//! Siaga and the rehearsal site as processes of their own, as users run them, and a client
//! for both. Whatever is started here ends with its value, also when the test fails.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Write as _;
use std::net::TcpListener;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reqwest::{Client, Response};
use serde_json::{Value, json};
use siaga::http_client::HttpClients;

use super::{eventually, folder, postgres_connection};

/// How long a thing may take that should come at once; the machine may be busy.
pub(crate) const SOON: Duration = Duration::from_secs(30);

/// A flow that asks for the home page every second: its name and its text.
pub(crate) const HOME: (&str, &str) = (
    "home",
    r#"
name = "Home page"
every = { http = "1s" }
timeout = "2s"
[[step]]
name = "Home page"
component = "website"
visit = "/"
expect = { status = 200, text = "Perpanjang izin tinggal" }
"#,
);

// ---- processes ------------------------------------------------------------------------------

/// A process that ends with the value.
pub(crate) struct Process {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `siaga` with these arguments and environment; what it prints goes to a file in
    /// `folder`, behind what an earlier process of this name printed.
    pub(crate) fn siaga(
        name: &'static str,
        folder: &Path,
        arguments: &[&str],
        environment: &BTreeMap<String, String>,
    ) -> Process {
        Process::command(
            name,
            folder,
            env!("CARGO_BIN_EXE_siaga"),
            arguments,
            environment,
        )
    }

    /// Starts any program like that.
    pub(crate) fn command(
        name: &'static str,
        folder: &Path,
        program: &str,
        arguments: &[&str],
        environment: &BTreeMap<String, String>,
    ) -> Process {
        let log = folder.join(format!("{name}.log"));
        let out = File::options()
            .create(true)
            .append(true)
            .open(&log)
            .expect("a log");
        let child = Command::new(program)
            .args(arguments)
            .env_remove("SIAGA_DATABASE")
            .env_remove("SIAGA_MAILBOX")
            .env_remove("PROBE_EMAIL")
            .env_remove("PROBE_PASSWORD")
            .envs(environment)
            .current_dir(folder)
            .stdin(Stdio::null())
            .stdout(out.try_clone().expect("the log again"))
            .stderr(out)
            .spawn()
            .expect("siaga starts");
        Process { name, child, log }
    }

    /// Sends a signal, by its name without SIG.
    pub(crate) fn signal(&self, signal: &str) {
        let sent = Command::new("kill")
            .args([format!("-{signal}"), self.child.id().to_string()])
            .status();
        assert!(sent.is_ok_and(|status| status.success()), "{signal} sent");
    }

    /// Whether it has ended, and how.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("its state is known")
    }

    /// Waits for its end.
    pub(crate) async fn end(&mut self, within: Duration) -> ExitStatus {
        let mut status = None;
        eventually(&format!("{} ends", self.name), within, || {
            status = self.child.try_wait().expect("its state is known");
            let ended = status.is_some();
            async move { ended }
        })
        .await;
        status.expect("it ended")
    }

    /// Sends SIGTERM and waits for an orderly end.
    pub(crate) async fn stop(&mut self) {
        self.signal("TERM");
        let status = self.end(SOON).await;
        assert!(status.success(), "{status}: {}", self.log());
    }

    /// Kills it: nothing is finished.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Everything that it printed.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// What the system says of it in this file below `/proc`.
    pub(crate) fn proc(&self, file: &str) -> String {
        let read = fs::read_to_string(format!("/proc/{}/{file}", self.child.id()));
        read.expect("it runs")
    }

    /// The most memory that it ever held, in KiB.
    pub(crate) fn peak_memory(&self) -> u64 {
        self.proc("status")
            .lines()
            .find_map(|line| line.strip_prefix("VmHWM:"))
            .and_then(|rest| rest.split_whitespace().next()?.parse().ok())
            .expect("VmHWM in kB")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let log = self.log();
            let from = log.len().saturating_sub(6000);
            let tail = log.get(from..).unwrap_or(&log);
            let _ = writeln!(
                std::io::stderr().lock(),
                "---- {} printed ----\n{tail}",
                self.name
            );
        }
    }
}

/// A process with a group of its own, which is killed whole with the value.
pub(crate) struct Group(Option<Child>);

impl Group {
    /// Starts it.
    pub(crate) fn start(command: &mut Command) -> Group {
        let spawned = command.process_group(0).spawn();
        Group(Some(
            spawned.unwrap_or_else(|error| panic!("{command:?}: {error}")),
        ))
    }

    /// What it reads and what it prints, where they were piped.
    pub(crate) fn pipes(&mut self) -> Option<(ChildStdin, ChildStdout)> {
        let child = self.0.as_mut()?;
        child.stdin.take().zip(child.stdout.take())
    }

    /// Kills it, and every process that it started, also where it has ended by itself.
    pub(crate) fn kill(&mut self) {
        if let Some(mut child) = self.0.take() {
            let group = format!("-{}", child.id());
            let _ = Command::new("kill").args(["-KILL", "--", &group]).status();
            let _ = child.wait();
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A port that nobody listens on, nor on the one after it, and that the system gives to nobody by itself.
pub(crate) fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let seed = u16::try_from(std::process::id() % 1000).expect("below 1000") * 20;
    for _ in 0..5000 {
        let port = 10_000 + (seed + NEXT.fetch_add(2, Ordering::Relaxed)) % 20_000;
        let is_free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
        if is_free(port) && is_free(port + 1) {
            return port;
        }
    }
    panic!("no port is free")
}

/// A client without cookies that follows no redirects.
pub(crate) fn client() -> Client {
    HttpClients::new(None, &[])
        .expect("clients")
        .plain(Duration::from_secs(60))
        .expect("a client")
}

// ---- the watched site -------------------------------------------------------------------------

/// The rehearsal site as a process.
pub(crate) struct Site {
    pub(crate) process: Process,
    folder: Arc<tempfile::TempDir>,
    ports: [u16; 4],
    client: Client,
}

impl Site {
    /// Starts one on free ports.
    pub(crate) async fn start() -> Site {
        let ports = [free_port(), free_port(), free_port(), free_port()];
        Site::start_on(Arc::new(folder()), ports).await
    }

    async fn start_on(folder: Arc<tempfile::TempDir>, ports: [u16; 4]) -> Site {
        let addresses = ports.map(|port| format!("127.0.0.1:{port}"));
        let [site, control, smtp, imap] = addresses.each_ref().map(String::as_str);
        let arguments = [
            "rehearse",
            "--listen",
            site,
            "--control",
            control,
            "--smtp",
            smtp,
            "--imap",
            imap,
            "--verify-after",
            "0",
        ];
        let process = Process::siaga("rehearsal", folder.path(), &arguments, &BTreeMap::new());
        let site = Site {
            process,
            folder,
            ports,
            client: client(),
        };
        let address = format!("{}/generate_204", site.control());
        eventually("the rehearsal site is up", SOON, || async {
            let answer = site.client.get(&address).send().await;
            answer.is_ok_and(|answer| answer.status() == 204)
        })
        .await;
        site
    }

    /// Starts it again where it was.
    pub(crate) async fn start_again(mut self) -> Site {
        self.process.kill();
        Site::start_on(Arc::clone(&self.folder), self.ports).await
    }

    /// Where the site is.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports[0])
    }

    /// Where the server is that no fault touches.
    pub(crate) fn control(&self) -> String {
        format!("http://127.0.0.1:{}", self.ports[1])
    }

    /// Puts these faults in force in place of all others.
    pub(crate) async fn faults(&self, faults: Value) {
        let answer = self
            .client
            .put(format!("{}/_rehearsal/faults", self.control()))
            .body(faults.to_string())
            .send()
            .await
            .expect("the control server answers");
        let status = answer.status();
        assert_eq!(status, 200, "{}", answer.text().await.unwrap_or_default());
    }

    /// No faults any more.
    pub(crate) async fn heal(&self) {
        self.faults(json!([])).await;
    }

    /// The mails to this address, the newest first.
    pub(crate) async fn mails_to(&self, address: &str) -> Vec<Value> {
        let answer = self
            .client
            .get(format!("{}/_rehearsal/mails.json", self.control()))
            .send()
            .await
            .expect("the control server answers");
        let all: Value = answer.json().await.expect("JSON");
        let all = all["mails"].as_array().expect("mails");
        all.iter()
            .filter(|mail| mail["recipients"].to_string().contains(address))
            .cloned()
            .collect()
    }
}

// ---- webhooks -----------------------------------------------------------------------------------

/// Someone who takes webhooks.
#[derive(Clone)]
pub(crate) struct Hook {
    pub(crate) url: String,
    taken: Arc<Mutex<Vec<Value>>>,
}

impl Hook {
    /// Listens until the test ends.
    pub(crate) async fn start() -> Hook {
        let taken: Arc<Mutex<Vec<Value>>> = Arc::default();
        let keep = Arc::clone(&taken);
        let router = axum::Router::new().route(
            "/hook",
            axum::routing::post(move |axum::Json(body): axum::Json<Value>| async move {
                keep.lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(body);
            }),
        );
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a port");
        let url = format!("http://{}/hook", listener.local_addr().expect("an address"));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Hook { url, taken }
    }

    /// What came for this component: event and outage's id, in the order they came.
    pub(crate) fn of(&self, component: &str) -> Vec<(String, String)> {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken
            .iter()
            .filter(|one| one["outage"]["component"] == component)
            .map(|one| {
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                (text(&one["event"]), text(&one["outage"]["id"]))
            })
            .collect()
    }

    /// Everything that came.
    pub(crate) fn all(&self) -> Vec<Value> {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        taken.clone()
    }
}

// ---- Siaga ----------------------------------------------------------------------------------------

/// How a Siaga is set up, as an operator writes it down.
pub(crate) struct Setup {
    folder: Arc<tempfile::TempDir>,
    port: u16,
    probes: PathBuf,
    /// The data folder.
    pub(crate) data: PathBuf,
    environment: BTreeMap<String, String>,
    site: String,
    controls: Vec<String>,
    smtp: u16,
    disk: String,
    more: String,
    client: Client,
}

impl Setup {
    /// For this site, on SQLite, with the project's own flows at a quick pace.
    pub(crate) fn of(site: &Site) -> Setup {
        let folder = Arc::new(folder());
        let probes = folder.path().join("probes");
        fs::create_dir(&probes).expect("a folder");
        for entry in fs::read_dir(super::probing::probes()).expect("the project's flows") {
            let path = entry.expect("a flow").path();
            let text = fs::read_to_string(&path).expect("a text");
            let text = text.replace("http = \"1m\"", "http = \"1s\"");
            fs::write(probes.join(path.file_name().expect("a name")), text).expect("written");
        }
        let data = folder.path().join("data");
        let (email, password) = siaga::rehearsal::Settings::default().account;
        let mailbox = format!(
            "imap://{}:{password}@127.0.0.1:{}",
            email.replace('@', "%40"),
            site.ports[3]
        );
        let environment = [
            ("PROBE_EMAIL", email),
            ("PROBE_PASSWORD", password),
            ("SIAGA_MAILBOX", mailbox),
            ("NO_COLOR", "1".to_owned()),
            ("TMPDIR", folder.path().display().to_string()),
        ];
        Setup {
            port: free_port(),
            probes,
            data,
            environment: environment
                .map(|(name, value)| (name.to_owned(), value))
                .into(),
            site: site.url(),
            controls: vec![format!("{}/generate_204", site.control())],
            smtp: site.ports[2],
            // Whatever else fills the machine's disk meanwhile.
            disk: "free_for_files = \"2MB\"\nfree_for_database = \"1MB\"".to_owned(),
            more: String::new(),
            client: client(),
            folder,
        }
    }

    /// With only these flows, by name and text, beside the controls and the error pages.
    pub(crate) fn flows(self, flows: &[(&str, &str)]) -> Setup {
        for entry in fs::read_dir(&self.probes).expect("flows") {
            let path = entry.expect("a flow").path();
            let name = path.file_stem().and_then(|name| name.to_str());
            if !matches!(name, Some("controls" | "error-pages")) {
                fs::remove_file(path).expect("removed");
            }
        }
        for (name, text) in flows {
            fs::write(self.probes.join(format!("{name}.toml")), text).expect("written");
        }
        self
    }

    /// For the site at this address instead.
    pub(crate) fn site(mut self, url: &str) -> Setup {
        url.trim_end_matches('/').clone_into(&mut self.site);
        self
    }

    /// With this database in place of SQLite.
    pub(crate) fn database(mut self, address: &str) -> Setup {
        self.environment
            .insert("SIAGA_DATABASE".to_owned(), address.to_owned());
        self
    }

    /// With the data in this folder.
    pub(crate) fn data(mut self, folder: &Path) -> Setup {
        self.data = folder.to_owned();
        self
    }

    /// With this in the environment.
    pub(crate) fn with(mut self, name: &str, value: &str) -> Setup {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Without this name in the environment.
    pub(crate) fn without(mut self, name: &str) -> Setup {
        self.environment.remove(name);
        self
    }

    /// With alerts to this hook and this mail address, the latter through the rehearsal
    /// site's post office.
    pub(crate) fn alerts(mut self, hook: &Hook, mail: &str) -> Setup {
        self.more.push_str(&format!(
            "[smtp]\nserver = \"127.0.0.1\"\nport = {}\ntls = \"none\"\n\
             from = \"Siaga <siaga@example.org>\"\n\
             [[alert.webhook]]\nname = \"hook\"\nurl = \"{}\"\n[[alert.mail]]\nto = \"{mail}\"\n",
            self.smtp, hook.url
        ));
        self
    }

    /// With so many bytes of the disk kept free for files and for the database.
    pub(crate) fn keeping_free(mut self, files: u64, database: u64) -> Setup {
        self.disk = format!("free_for_files = {files}\nfree_for_database = {database}");
        self
    }

    /// With more of the configuration.
    pub(crate) fn and(mut self, toml: &str) -> Setup {
        self.more.push_str(toml);
        self
    }

    /// Where its configuration lies, written anew.
    pub(crate) fn config(&self) -> PathBuf {
        let path = self.folder.path().join("siaga.toml");
        let controls: Vec<String> = self.controls.iter().map(|url| format!("{url:?}")).collect();
        let text = format!(
            r#"
[server]
listen = "127.0.0.1:{port}"
public_url = "{url}"
[data]
folder = "{data}"
database = "sqlite:{data}/siaga.db"
{disk}
[site]
name_id = "Izin Tinggal Online"
name_en = "Stay Permit Online"
url = "{site}/"
probes = "{probes}"
[probe]
contact = "https://siaga.example.org/about"
retry_after = "200ms"
[control]
urls = [{controls}]
[mailbox]
look_every = "200ms"
{components}
{more}"#,
            port = self.port,
            url = self.url(),
            data = self.data.display(),
            disk = self.disk,
            site = self.site,
            probes = self.probes.display(),
            controls = controls.join(", "),
            components = components(),
            more = with_browsers(&self.more),
        );
        fs::write(&path, text).expect("the configuration is written");
        path
    }

    /// What it finds in its environment.
    pub(crate) fn environment(&self) -> &BTreeMap<String, String> {
        &self.environment
    }

    /// Where its browsers have their folders.
    pub(crate) fn browsers(&self) -> PathBuf {
        super::probing::browsers_of(&self.data, self.folder.path())
    }

    /// Where it serves.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Runs another command of Siaga with this configuration to its end, with `typed` on
    /// its standard input. Gives the exit code and what it printed.
    pub(crate) fn command(&self, arguments: &[&str], typed: &str) -> (Option<i32>, String) {
        let config = self.config();
        let mut child = Command::new(env!("CARGO_BIN_EXE_siaga"))
            .args(arguments)
            .arg("--config")
            .arg(config)
            .envs(&self.environment)
            .current_dir(self.folder.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("siaga starts");
        let mut stdin = child.stdin.take().expect("its input");
        stdin.write_all(typed.as_bytes()).expect("typed");
        drop(stdin);
        let out = child.wait_with_output().expect("it ends");
        let text = [out.stdout, out.stderr].concat();
        (
            out.status.code(),
            String::from_utf8_lossy(&text).into_owned(),
        )
    }

    /// Starts another command of Siaga with this configuration, and waits for nothing.
    pub(crate) fn spawn_command(&self, arguments: &[&str]) -> Process {
        let config = self.config();
        let config = ["--config", config.to_str().expect("a path")];
        let arguments = [arguments, &config].concat();
        Process::siaga("command", self.folder.path(), &arguments, &self.environment)
    }

    /// Starts the process, and waits for nothing.
    pub(crate) fn spawn(&self) -> Process {
        let config = self.config();
        let arguments = ["run", "--config", config.to_str().expect("a path")];
        Process::siaga("siaga", self.folder.path(), &arguments, &self.environment)
    }

    /// The same, but no file that it writes may grow beyond `kilobytes`: as if the disk
    /// broke there.
    pub(crate) fn spawn_on_broken_disk(&self, kilobytes: u32) -> Process {
        self.spawn_after(&format!("trap '' XFSZ; ulimit -f {}", kilobytes * 2))
    }

    /// Starts it from a shell that did this before.
    pub(crate) fn spawn_after(&self, before: &str) -> Process {
        let config = self.config();
        let script = format!("{before}; exec \"$0\" run --config \"$1\"");
        let arguments = [
            "-c",
            &script,
            env!("CARGO_BIN_EXE_siaga"),
            config.to_str().expect("a path"),
        ];
        let folder = self.folder.path();
        Process::command("siaga", folder, "sh", &arguments, &self.environment)
    }

    /// A running Siaga at this address.
    pub(crate) fn at(process: Process, url: String) -> Siaga {
        Siaga {
            process,
            url,
            client: client(),
        }
    }

    /// Starts it and waits until it serves.
    pub(crate) async fn run(&self) -> Siaga {
        self.serving(self.spawn()).await
    }

    /// Waits until this one serves.
    pub(crate) async fn serving(&self, mut process: Process) -> Siaga {
        let url = self.url();
        let address = format!("{url}/healthz");
        eventually("Siaga serves", SOON, || {
            assert!(
                process.ended().is_none(),
                "it ended instead: {}",
                process.log()
            );
            let asked = self.client.get(&address).send();
            async { asked.await.is_ok() }
        })
        .await;
        Siaga {
            process,
            url,
            client: self.client.clone(),
        }
    }

    /// Pretends that the last sign of life is `minutes` older than it is.
    pub(crate) async fn age_sign_of_life(&self, minutes: i64) {
        let sql = "UPDATE settings SET value = CAST(CAST(value AS BIGINT) - $1 AS TEXT) WHERE name = 'alive:main'";
        let ms = minutes * 60_000;
        let changed = match self.environment.get("SIAGA_DATABASE") {
            Some(address) => {
                use sqlx::Connection as _;
                let mut conn = sqlx::PgConnection::connect(address).await.expect("open");
                let done = sqlx::query(sql).bind(ms).execute(&mut conn).await;
                done.expect("changed").rows_affected()
            }
            None => {
                use sqlx::Connection as _;
                let file = super::sqlite_address(&self.data.join("siaga.db"));
                let mut conn = sqlx::SqliteConnection::connect(&file).await.expect("open");
                let done = sqlx::query(sql).bind(ms).execute(&mut conn).await;
                let done = done.expect("changed").rows_affected();
                conn.close().await.expect("closed");
                done
            }
        };
        assert_eq!(changed, 1, "there was a sign of life");
    }
}

/// The same configuration, in which browsers do without a sandbox where there can be none.
fn with_browsers(more: &str) -> String {
    const SECTION: &str = "[browser]\n";
    if more.contains("sandbox") || super::probing::has_sandbox() {
        more.to_owned()
    } else if more.contains(SECTION) {
        more.replace(SECTION, &format!("{SECTION}sandbox = false\n"))
    } else {
        format!("{more}\n{SECTION}sandbox = false\n")
    }
}

/// The components of the example, as TOML.
fn components() -> String {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("siaga.example.toml");
    let text = fs::read_to_string(example).expect("the example");
    let from = text.find("[[component]]").expect("components");
    let to = text.find("[retention]").expect("what follows them");
    text[from..to].to_owned()
}

/// A running Siaga.
pub(crate) struct Siaga {
    pub(crate) process: Process,
    pub(crate) url: String,
    pub(crate) client: Client,
}

impl Siaga {
    /// Asks for a page.
    pub(crate) async fn get(&self, path: &str) -> Response {
        let asked = self.client.get(format!("{}{path}", self.url)).send().await;
        asked.expect("Siaga answers")
    }

    /// A page's text, which must be there.
    pub(crate) async fn page(&self, path: &str) -> String {
        let answer = self.get(path).await;
        let status = answer.status();
        let text = answer.text().await.expect("a text");
        assert_eq!(status, 200, "{path}: {text}");
        text
    }

    /// A JSON document, which must be there.
    pub(crate) async fn json(&self, path: &str) -> Value {
        serde_json::from_str(&self.page(path).await).expect("JSON")
    }

    /// The state of a component, with the reason where it is unknown: `unknown: no_data`;
    /// `not shown` before the first pages are made.
    pub(crate) async fn state(&self, component: &str) -> String {
        let status = self.json("/api/v1/status").await;
        let all = status["components"].as_array().expect("components");
        let found = all.iter().find(|one| one["id"] == component);
        let Some(found) = found else {
            assert!(all.is_empty(), "{component} in {status}");
            return "not shown".to_owned();
        };
        let state = found["state"].as_str().expect("a state").to_owned();
        match found["reason"].as_str() {
            Some(reason) => format!("{state}: {reason}"),
            None => state,
        }
    }

    /// Waits until a component is in this state.
    pub(crate) async fn until(&self, component: &str, state: &str, within: Duration) {
        let seen = Mutex::new(String::new());
        let reached = async {
            loop {
                let now = self.state(component).await;
                if now == state {
                    return;
                }
                *seen.lock().unwrap_or_else(PoisonError::into_inner) = now;
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        if tokio::time::timeout(within, reached).await.is_err() {
            let seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            panic!("within {within:?} {component} is not {state} but {seen}");
        }
    }

    /// The outages of a component, the newest first.
    pub(crate) async fn outages(&self, component: &str) -> Vec<Value> {
        let all = self.json("/api/v1/outages").await;
        let all = all["outages"].as_array().expect("outages");
        all.iter()
            .filter(|one| one["component"] == component)
            .cloned()
            .collect()
    }
}

/// On each database: SQLite in the data folder (`None`), and a schema of its own in the
/// PostgreSQL server of the environment. Panics are told with the database's name.
pub(crate) async fn postgres_address_of_its_own() -> super::Schema {
    // Fails with the way to mend it where there is no server.
    drop(postgres_connection().await);
    super::Schema::create().await
}

// ---- reports ------------------------------------------------------------------------------------

/// A report that is right, by a person with this passport, of trouble right now with the
/// sign-in.
pub(crate) fn report_fields(passport: &str) -> Vec<(&'static str, String)> {
    use siaga::domain::Clock as _;
    let now = siaga::system::SystemClock.now();
    let expires = (now + Duration::from_secs(5 * 86_400)).to_string();
    [
        ("role", "holder"),
        ("name", "Zhang Wei"),
        ("nationality", "China"),
        ("passport_number", passport),
        ("permit_type", "itas"),
        ("permit_expires_on", &expires[..10]),
        ("office", "ngurah-rai"),
        ("email", "zhang@example.org"),
        ("component", "sign-in"),
        ("tried_at", &now.to_string()),
        ("tries", "3"),
        ("message", "500 • KENDALA SERVER"),
        ("checked", "connection"),
        ("submitted", "no"),
        ("consent", "yes"),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .into()
}

/// A small picture, as PNG.
pub(crate) fn picture() -> Vec<u8> {
    let mut out = std::io::Cursor::new(Vec::new());
    image::RgbImage::new(64, 48)
        .write_to(&mut out, image::ImageFormat::Png)
        .expect("a PNG");
    out.into_inner()
}

/// Sends a report under an idempotency key. Gives the status and what was answered; `None` where
/// nobody answers any more.
pub(crate) async fn post_report(
    client: &Client,
    url: &str,
    key: &str,
    (kind, body): &(String, Vec<u8>),
) -> Option<(u16, Value)> {
    let answer = client
        .post(format!("{url}/api/v1/reports"))
        .header("accept", "application/json")
        .header("content-type", kind)
        .header("idempotency-key", key)
        .body(body.clone())
        .send()
        .await
        .ok()?;
    let status = answer.status().as_u16();
    Some((status, answer.json().await.ok()?))
}

/// The same of a report that must be acknowledged, where anybody answers.
pub(crate) async fn post_acknowledged(
    client: &Client,
    url: &str,
    key: &str,
    report: &(String, Vec<u8>),
) -> Option<Value> {
    let (status, body) = post_report(client, url, key, report).await?;
    assert_eq!(status, 201, "{body}");
    Some(body)
}

/// The same report as a body of a request: its type and its bytes.
pub(crate) fn report_body(passport: &str, screenshot: &[u8]) -> (String, Vec<u8>) {
    let mut body = Vec::new();
    for (name, value) in report_fields(passport) {
        body.extend_from_slice(
            format!(
                "--parts\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
            )
            .as_bytes(),
        );
    }
    body.extend_from_slice(
        b"--parts\r\nContent-Disposition: form-data; name=\"screenshot\"; filename=\"a.png\"\r\n\r\n",
    );
    body.extend_from_slice(screenshot);
    body.extend_from_slice(b"\r\n--parts--\r\n");
    ("multipart/form-data; boundary=parts".to_owned(), body)
}
