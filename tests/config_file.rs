//! The configuration file, its documented example, secrets and keys, and `siaga validate`.

use std::fs;
use std::net::IpAddr;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use siaga::cli::validate::{Verdict, judge};
use siaga::config::{Config, Environment, MasterKeys, Quorum, SmtpTls};
use siaga::domain::{Network, Secret};
use siaga::probe::error_pages::ErrorPages;
use siaga::system::SystemRandom;
use siaga::toml_reader::{Problem, Source};

const EXAMPLE: &str = include_str!("../siaga.example.toml");
/// What has to be said; the rest has defaults.
const LEAST: &str = r#"
[site]
name = { id = "Izin Tinggal Online", en = "Stay Permit Online" }
url = "https://evisa.imigrasi.go.id/"
[probe]
contact = "https://siaga.example.org/about"
"#;

fn environment(pairs: &[(&str, &str)]) -> Environment {
    pairs.iter().copied().collect()
}

fn read(text: &str) -> Result<Config, Vec<Problem>> {
    read_in(text, &[])
}

fn read_in(text: &str, pairs: &[(&str, &str)]) -> Result<Config, Vec<Problem>> {
    Config::read(&Source::new("siaga.toml", text), &environment(pairs))
}

fn told(result: Result<Config, Vec<Problem>>) -> Vec<String> {
    let problems = result.err().unwrap_or_default();
    problems.iter().map(ToString::to_string).collect()
}

// ── The example ──────────────────────────────────────────────────────────────────────────

#[test]
fn the_example_says_what_holds_without_it() {
    let example = read(EXAMPLE).unwrap_or_else(|problems| panic!("{problems:#?}"));
    let least = format!(
        "{}official_domains = [\"imigrasi.go.id\"]\n[probe]{}[overstay]\nper_day_idr = 1000000\n",
        LEAST.split("[probe]").next().unwrap(),
        LEAST.split("[probe]").nth(1).unwrap()
    );
    assert_eq!(
        format!("{:#?}", read(&least).unwrap()),
        format!("{example:#?}")
    );
}

/// The example with everything switched on that is off in it.
fn in_full() -> String {
    let is_setting = |line: &str| {
        line.strip_prefix('#')
            .is_some_and(|rest| rest.starts_with(|c: char| c == '[' || c.is_ascii_alphabetic()))
    };
    EXAMPLE
        .lines()
        .map(|line| if is_setting(line) { &line[1..] } else { line }.to_owned() + "\n")
        .collect()
}

#[test]
fn every_key_of_the_example_is_known_and_has_an_effect() {
    let config = read(&in_full()).unwrap_or_else(|problems| panic!("{problems:#?}"));
    let smtp = config.smtp.clone().unwrap();
    assert_eq!(
        (smtp.server.as_str(), smtp.port, smtp.tls),
        ("mail.example.org", 587, SmtpTls::StartTls)
    );
    assert_eq!(config.alert.webhooks[0].name, "on-call");
    assert!(
        !format!("{config:?}").contains("hooks.example.org"),
        "an address can be a secret"
    );
    assert_eq!(config.alert.mails, ["duty@example.org"]);
    assert_eq!(config.server.operations_listen.unwrap().port(), 9090);
    assert_eq!(config.variables["PERMIT_KIND"], "ITK");
    assert!(config.site.helpdesk.is_some());
    assert_eq!(
        config.missing_secrets(),
        [
            "HOOK_SECRET",
            "SMTP_PASSWORD",
            "CLIENT_CERTIFICATE",
            "CLIENT_KEY",
            "MAIL_CLIENT_SECRET",
            "MAIL_REFRESH_TOKEN",
        ]
    );
    assert_eq!(config.probe.proxy, config.alert.proxy);
    assert!(config.probe.proxy.is_some());
    let tokens = config.mailbox.tokens.as_ref().unwrap();
    assert_eq!(tokens.client_id, "siaga");
    assert_eq!(config.detector.quorum, Quorum::Majority);
    assert!(config.audit.head_file.is_some());
}

#[test]
fn what_runs_tells_every_secret_that_is_not_set() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("siaga.toml");
    fs::write(&file, in_full()).unwrap();
    let run = std::process::Command::new(env!("CARGO_BIN_EXE_siaga"))
        .args(["run", "--config"])
        .arg(&file)
        .current_dir(folder.path())
        .env_clear()
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&run.stderr);
    assert_eq!(run.status.code(), Some(2), "{told}");
    assert!(
        told.contains("not set: HOOK_SECRET, SMTP_PASSWORD"),
        "{told}"
    );
    assert!(!folder.path().join("data").exists(), "nothing was started");
}

#[test]
fn every_key_that_is_read_is_in_the_example() {
    // Asking for a key that is not there reports those that are known.
    for section in [
        "server",
        "data",
        "site",
        "probe",
        "browser",
        "control",
        "mailbox",
        "detector",
        "retention",
        "smtp",
        "alert",
        "reports",
        "office",
        "audit",
        "rehearsal",
        "overstay",
    ] {
        let text = format!("[{section}]\nzzzzzzzzzz = 1\n");
        let told = told(read(&text)).join("\n");
        let known = told
            .split("unknown key `zzzzzzzzzz`; known here: ")
            .nth(1)
            .unwrap();
        let example = in_full();
        let table = example.split(&format!("[{section}]\n")).nth(1);
        let table = table.map_or("", |rest| rest.split("\n[").next().unwrap());
        for key in known.lines().next().unwrap().split(", ") {
            let key = key.trim_matches('`');
            let there = table
                .lines()
                .any(|line| line.starts_with(&format!("{key} =")))
                || example.contains(&format!("[[{section}.{key}]]"));
            assert!(there, "`{key}` of [{section}] is not in the example");
        }
    }
}

#[test]
fn a_name_in_two_languages_is_one_key_or_the_two_of_before() {
    let text = |names: &str| {
        let rest =
            "url = \"https://evisa.imigrasi.go.id/\"\n[probe]\ncontact = \"https://a.example/\"\n";
        Source::new("siaga.toml", format!("[site]\n{names}\n{rest}"))
    };
    let names = |config: &Config| (config.site.name_id.clone(), config.site.name_en.clone());
    let wanted = ("Situs".to_owned(), "Site".to_owned());
    for right in [
        "name = { id = \"Situs\", en = \"Site\" }",
        "name_id = \"Situs\"\nname_en = \"Site\"",
    ] {
        let config = Config::read(&text(right), &Environment::default()).unwrap();
        assert_eq!(names(&config), wanted, "{right}");
    }
    for (wrong, said) in [
        (
            "",
            "1:1: `name` is missing; add `name = { id = \"…\", en = \"…\" }` here",
        ),
        (
            "name = \"Situs\"",
            "2:8: `name` must be a text in both languages, { id = \"…\", en = \"…\" }, found the string \"Situs\"",
        ),
        (
            "name = { id = \"Situs\" }",
            "2:8: `en` is missing; add `en = …` here",
        ),
        (
            "name = { id = \"Situs\", en = \"Site\" }\nname_id = \"Situs\"",
            "3:1: `name` and `name_id` say the same; take `name_id` out",
        ),
    ] {
        let problems = Config::read(&text(wrong), &Environment::default()).unwrap_err();
        let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(told, [format!("siaga.toml:{said}")], "{wrong}");
    }
    let pages = |names: &str| {
        format!("[[page]]\nkey = \"a\"\nclass = \"gateway\"\ntext = [\"x\"]\n{names}\n")
    };
    let advised = |names: &str| {
        let read = ErrorPages::load_with_advice(&pages(names), "e.toml").unwrap();
        read.1.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(advised("name = { id = \"a\", en = \"b\" }"), [""; 0]);
    assert_eq!(
        advised("name_id = \"a\"\nname_en = \"b\""),
        [
            "e.toml:5:1: `name_id` and `name_en` are one key now; write `name = { id = \"…\", en = \"…\" }`"
        ]
    );
}

// ── Mistakes ─────────────────────────────────────────────────────────────────────────────

#[test]
fn every_mistake_is_told_at_its_place_with_a_hint() {
    let text = r#"
[server]
listen = "localhost:8080"
public_url = "https://siaga.example.org/status"
trusted_proxies = ["10.0.0.0/33"]
conections = 5

[data]
database = "mysql://x"

[site]
name_id = ""
url = "ftp://example.org"
hosts = ["https://a.example/", "b.example"]
zone = "Asia/Jakata"

[probe]
contact = "me"
retry_after = 2
host_rate = 0

[variables]
lower = "x"

[detector]
confirm = 0
quorum = 0
stale_after = 1

[[component]]
key = "upload"
name_id = "a"
name_en = "a"

[[component]]
key = "upload"
name_id = "a"
name_en = "a"

[retention]
runs_days = 0

[alert]
[[alert.webhook]]
url = "https://a.example/"
secret = "s3cr3t-value"
[[alert.mail]]
to = "nobody"

[overstay]
per_day_idr = 0

[office]
per_device = { burst = 0, every = "1ms" }
hashes = 1000
failed_rows_an_hour = 5
"#;
    let told = told(read(text));
    let expected = [
        ("3:10", "`listen` must be an IP address and a port"),
        ("4:14", "an address without a path"),
        ("5:20", "a network such as"),
        (
            "6:1",
            "unknown key `conections`; did you mean `connections`?",
        ),
        (
            "9:12",
            "`database` is neither an SQLite nor a PostgreSQL address",
        ),
        ("11:1", "`name_en` is missing"),
        ("12:11", "`name_id` must be a text of one line"),
        ("13:7", "begins with http:// or https://"),
        ("14:10", "`hosts` must be a host such as"),
        ("15:8", "must be a time zone"),
        ("18:1", "`contact` is neither"),
        ("19:15", "must be a duration"),
        ("20:1", "`host_rate` must be from"),
        ("23:9", "`lower` cannot be the name of a variable"),
        ("26:11", "`confirm` must be at least 1"),
        ("27:1", "a quorum of 0 makes no sense"),
        ("28:1", "`stale_after` must be from 1.5"),
        ("36:1", "the component `upload` is there twice"),
        ("41:13", "a number of days from 1"),
        ("46:10", "`secret` is not the name of a secret"),
        ("47:1", "a mail cannot be sent without a server"),
        ("48:6", "`to` must be an e-mail address"),
        ("51:1", "a charge of nothing"),
        ("54:24", "`burst` must be at least 1"),
        ("54:27", "`every` must be at least"),
        ("55:1", "`hashes` must be from 1 to 64"),
        ("56:1", "`failed_rows_an_hour` must be from 10"),
    ];
    for (place, message) in expected {
        let start = format!("siaga.toml:{place}: ");
        let found = told
            .iter()
            .any(|line| line.starts_with(&start) && line.contains(message));
        assert!(found, "{place} {message}\n{told:#?}");
    }
    assert_eq!(told.len(), expected.len(), "{told:#?}");
    assert!(!told.concat().contains("s3cr3t"), "{told:#?}");
}

#[test]
fn what_must_be_said_is_asked_for() {
    let told = told(read(""));
    assert_eq!(
        told,
        [
            "siaga.toml:1:1: `site` is missing; add `site = …` here",
            "siaga.toml:1:1: `probe` is missing; add `probe = …` here"
        ]
    );
}

#[test]
fn passwords_and_databases_that_forget_are_refused() {
    for (database, message) in [
        ("sqlite::memory:", "in memory"),
        ("sqlite:", "neither"),
        ("postgres://u@host", "names no database"),
        (
            "postgres://u:hunter2@host/db",
            "a password does not belong into this file",
        ),
    ] {
        let told = told(read(&format!("{LEAST}[data]\ndatabase = \"{database}\"\n"))).join("\n");
        assert!(
            told.contains(message) && !told.contains("hunter2"),
            "{told}"
        );
    }
    let smtp = "[smtp]\nserver = \"mail.example.org\"\nfrom = \"a@example.org\"\ntls = \"none\"\nuser = \"u\"\npassword = \"P\"\n";
    let told = told(read(&format!("{LEAST}{smtp}"))).join("\n");
    assert!(told.contains("in the clear"), "{told}");
}

#[test]
fn detection_is_by_the_rules_own_defaults_and_within_reason() {
    let detector = read(LEAST).unwrap().detector;
    let rules = siaga::domain::outage::Rules::default();
    assert_eq!(
        (detector.confirm, detector.recover),
        (rules.confirm, rules.recover)
    );
    assert_eq!(detector.quorum, rules.quorum);
    assert_eq!(detector.flap_window, rules.flap_window);
    let told = told(read(&format!("{LEAST}[detector]\nflap_window = 3\n"))).join("");
    assert!(told.contains("cannot be among so few"), "{told}");
}

// ── Environment and secrets ──────────────────────────────────────────────────────────────

#[test]
fn the_environment_goes_before_the_file_and_is_never_shown() {
    let config = read_in(
        &format!("{LEAST}[data]\ndatabase = \"sqlite:a.db\"\n"),
        &[
            ("SIAGA_DATABASE", "postgres://u:hunter2@host/db"),
            ("SIAGA_MAILBOX", "imaps://u:hunter2@host/"),
            ("SIAGA_MASTER_KEY", "hunter2"),
            ("PROBE_PASSWORD", "hunter2"),
        ],
    )
    .unwrap();
    assert_eq!(
        config.data.database.reveal(),
        "postgres://u:hunter2@host/db"
    );
    let shown = format!("{config:?} {config:#?} {}", config.data.database);
    assert!(!shown.contains("hunter2"), "{shown}");

    let told = told(read_in(
        LEAST,
        &[
            ("SIAGA_DATABASE", "hunter2"),
            ("SIAGA_MAILBOX", "pop3://u:hunter2@host/"),
        ],
    ))
    .join("\n");
    assert!(
        told.contains("SIAGA_DATABASE is neither") && told.contains("SIAGA_MAILBOX cannot be used"),
        "{told}"
    );
    assert!(!told.contains("hunter2"), "{told}");
}

#[test]
fn without_a_database_it_is_in_the_data_folder() {
    let config = read(&format!("{LEAST}[data]\nfolder = \"/var/lib/siaga\"\n")).unwrap();
    assert_eq!(
        config.data.database.reveal(),
        "sqlite:/var/lib/siaga/siaga.db"
    );
}

#[test]
fn secrets_are_looked_up_by_name_and_the_programs_own_are_out_of_reach() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("FROM_FILE"), "in file\r\n").unwrap();
    fs::write(folder.path().join("BOTH"), "in file\n").unwrap();
    fs::write(folder.path().join("LARGE"), vec![b'x'; 70_000]).unwrap();
    fs::write(folder.path().join("SIAGA_MASTER_KEY"), "k").unwrap();
    let text = format!("{LEAST}[data]\nsecrets_folder = {:?}\n", folder.path());
    let config = read_in(
        &text,
        &[
            ("PLAIN", "plain"),
            ("SIAGA_SECRET_PLAIN", "prefixed"),
            ("BOTH", "in environment"),
            ("EMPTY", ""),
            ("SIAGA_DATABASE", "sqlite:x.db"),
        ],
    )
    .unwrap();
    let get = |name| {
        config
            .secrets
            .get(name)
            .unwrap()
            .map(|s: Secret| s.reveal().to_owned())
    };
    assert_eq!(get("PLAIN").as_deref(), Some("prefixed"));
    assert_eq!(get("BOTH").as_deref(), Some("in environment"));
    assert_eq!(get("FROM_FILE").as_deref(), Some("in file"));
    for name in [
        "MISSING",
        "EMPTY",
        "SIAGA_DATABASE",
        "SIAGA_MASTER_KEY",
        "../FROM_FILE",
        "plain",
        "",
    ] {
        assert_eq!(get(name), None, "{name}");
    }
    assert!(config.secrets.get("LARGE").is_err());
}

#[test]
fn networks_hold_addresses() {
    let network = |text: &str| text.parse::<Network>().unwrap();
    let ip = |text: &str| text.parse::<IpAddr>().unwrap();
    assert!(network("10.0.0.0/8").contains(ip("10.255.1.2")));
    assert!(network("10.0.0.0/8").contains(ip("::ffff:10.1.1.1")));
    assert!(!network("10.0.0.0/8").contains(ip("11.0.0.0")));
    assert!(network("0.0.0.0/0").contains(ip("200.1.1.1")));
    assert!(!network("0.0.0.0/0").contains(ip("::1")));
    assert!(network("2001:db8::/32").contains(ip("2001:db8:1::1")));
    assert!(network("::/0").contains(ip("::1")));
    assert!(network("127.0.0.1").contains(ip("127.0.0.1")));
    assert!(!network("127.0.0.1").contains(ip("127.0.0.2")));
    for wrong in [
        "",
        "10.0.0.0/33",
        "::/129",
        "a/8",
        "10.0.0.0/-1",
        "10.0.0.0/",
    ] {
        assert!(wrong.parse::<Network>().is_err(), "{wrong}");
    }
}

// ── Master keys ──────────────────────────────────────────────────────────────────────────

#[test]
fn master_keys_are_read_and_wrong_ones_refused_without_being_shown() {
    let hex = "0f".repeat(32);
    let base64 = "Dw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8PDw8=";
    let keys = MasterKeys::parse(&format!("2026:{hex},\n old:{base64}"), "here").unwrap();
    assert_eq!(keys.current(), ("2026", &[15; 32]));
    assert_eq!(keys.get("old"), Some(&[15; 32]));
    assert_eq!(keys.get("1"), None);
    assert_eq!(MasterKeys::parse(&hex, "here").unwrap().current().0, "1");
    assert_eq!(format!("{keys:?}"), r#"["2026", "old"]"#);
    for wrong in [
        "",
        " ,",
        "a:0f0f",
        "a b:c",
        &format!("x:{hex} x:{hex}"),
        &format!("ü:{hex}"),
        &hex[1..],
    ] {
        let error = MasterKeys::parse(wrong, "SIAGA_MASTER_KEY")
            .unwrap_err()
            .to_string();
        assert!(
            error.contains("SIAGA_MASTER_KEY is wrong") && !error.contains("0f0f"),
            "{error}"
        );
    }
}

#[test]
fn a_missing_master_key_is_made_once_for_this_user_alone() {
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().join("data");
    let text = format!("{LEAST}[data]\nfolder = {data:?}\n");
    let config = read(&text).unwrap();
    let (first, made) = MasterKeys::load(&config, "1", &SystemRandom).unwrap();
    assert!(made);
    let (second, made) = MasterKeys::load(&config, "1", &SystemRandom).unwrap();
    assert!(!made);
    assert_eq!(first, second);
    let mode = fs::metadata(config.key_file())
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    assert_eq!(fs::read_dir(&data).unwrap().count(), 1);

    // One that is there and broken is never replaced: what it sealed would be lost.
    fs::write(config.key_file(), "").unwrap();
    assert!(MasterKeys::load(&config, "1", &SystemRandom).is_err());
    assert_eq!(fs::read_to_string(config.key_file()).unwrap(), "");
    let of_environment = read_in(&text, &[("SIAGA_MASTER_KEY", &"0f".repeat(32))]).unwrap();
    assert!(MasterKeys::load(&of_environment, "1", &SystemRandom).is_ok());
}

// ── siaga validate ───────────────────────────────────────────────────────────────────────

fn printed(verdict: &Verdict, folder: &Path) -> String {
    let mut out = Vec::new();
    verdict.print(&mut out).unwrap();
    String::from_utf8(out)
        .unwrap()
        .replace(&format!("{}/", folder.display()), "")
}

const FLOW: &str = "name = \"Pages\"\nevery = { http = \"1m\" }\n\n[[step]]\nname = \"Front page\"\n\
                    component = \"website\"\nvisit = \"/\"\nexpect = { status = 200 }\n";

#[test]
fn validate_looks_at_everything_and_tells_everything() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("probes")).unwrap();
    fs::write(at("siaga.toml"), LEAST).unwrap();
    fs::write(at("probes/pages.toml"), FLOW).unwrap();
    fs::write(
        at("probes/error-pages.toml"),
        include_str!("../probes/error-pages.toml"),
    )
    .unwrap();
    let none = Environment::default();
    let verdict = judge(&[], folder.path(), &none);
    assert_eq!(
        printed(&verdict, folder.path()),
        "3 files checked, no problems\n"
    );

    fs::write(at("siaga.toml"), LEAST.replace("contact", "contakt")).unwrap();
    fs::write(at("probes/pages.toml"), FLOW.replace("expect =", "expct =")).unwrap();
    fs::write(at("probes/error-pages.toml"), "[[page]]\nkey = 1\n").unwrap();
    let text = printed(&judge(&[], folder.path(), &none), folder.path());
    for line in [
        "siaga.toml:6:1: unknown key `contakt`\n    did you mean `contact`?\n",
        "probes/pages.toml:8:1: unknown key `expct`\n    did you mean `expect`?\n",
        "probes/error-pages.toml:2:7: `key` must be a string, found the integer 1\n",
    ] {
        assert!(text.contains(line), "{line}\n{text}");
    }
    assert!(
        text.ends_with(" found\n") && text.contains("3 files looked at, "),
        "{text}"
    );

    // A flow alone is held against the configuration beside it, were that in order.
    fs::write(at("siaga.toml"), LEAST).unwrap();
    fs::write(
        at("probes/pages.toml"),
        FLOW.replace("\"website\"", "\"websit\""),
    )
    .unwrap();
    let verdict = judge(&[at("probes/pages.toml")], folder.path(), &none);
    assert_eq!(
        printed(&verdict, folder.path()),
        "probes/pages.toml:1:1: the configuration has no component `websit`\n    \
         did you mean `website`?\n1 file looked at, 1 problem found\n"
    );
    let verdict = judge(&[at("nowhere.toml")], folder.path(), &none);
    assert!(printed(&verdict, folder.path()).contains("nowhere.toml:1:1: cannot be read"));
}

#[test]
fn the_projects_own_files_are_in_order() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut files: Vec<_> = fs::read_dir(root.join("probes"))
        .unwrap()
        .map(|file| file.unwrap().path())
        .collect();
    files.push(root.join("siaga.example.toml"));
    let verdict = judge(&files, root, &Environment::default());
    assert_eq!(verdict.problems, []);
    assert_eq!(verdict.files, files.len());
}
