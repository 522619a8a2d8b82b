//! Every key of the configuration has an effect: where the program reads what it was set to.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::floors::code_of;

const EXAMPLE: &str = include_str!("../siaga.example.toml");

/// Each key of the example; the file below `src` that acts on its value, never the one that
/// parses it; and the words there that read it.
const EFFECTS: &[(&str, &str, &str)] = &[
    (
        "server.listen",
        "app/service.rs",
        "listen(self.config.server.listen)",
    ),
    (
        "server.operations_listen",
        "app/service.rs",
        "self.config.server.operations_listen",
    ),
    (
        "server.public_url",
        "app/settings.rs",
        "config.server.public_url",
    ),
    (
        "server.trusted_proxies",
        "app/service.rs",
        "self.config.server.trusted_proxies",
    ),
    (
        "server.connections",
        "app/descriptors.rs",
        "config.server.connections",
    ),
    (
        "server.requests",
        "app/service.rs",
        "self.config.server.requests",
    ),
    ("data.folder", "app/service.rs", "config.data.folder.join"),
    (
        "data.database",
        "app/service.rs",
        "Store::open(config.data.database.reveal())",
    ),
    ("data.secrets_folder", "config/secrets.rs", "self.folder"),
    ("data.free_for_files", "disk.rs", "self.reserve.files"),
    (
        "data.free_for_database",
        "web/operations.rs",
        "disk.reserve().database",
    ),
    (
        "data.pictures_a_day",
        "app/service.rs",
        "self.config.data.disk.pictures_a_day",
    ),
    (
        "data.evidence_a_day",
        "app/service.rs",
        "config.data.disk.evidence_a_day",
    ),
    ("site.name", "app/settings.rs", "config.site.name_id"),
    ("site.name", "app/settings.rs", "config.site.name_en"),
    (
        "site.url",
        "app/settings.rs",
        "site: config.site.url.clone()",
    ),
    (
        "site.hosts",
        "app/settings.rs",
        "hosts: config.allowed_hosts()",
    ),
    ("site.probes", "app/flows.rs", "config.site.probes"),
    (
        "site.zone",
        "app/settings.rs",
        "time_zone: config.site.zone.clone()",
    ),
    (
        "site.official_domains",
        "app/settings.rs",
        "config.site.official_domains",
    ),
    ("site.helpdesk", "app/settings.rs", "config.site.helpdesk"),
    (
        "probe.vantage",
        "app/settings.rs",
        "vantage: config.probe.vantage.clone()",
    ),
    (
        "probe.contact",
        "app/service.rs",
        "HttpClients::new(Some(&config.probe.contact)",
    ),
    (
        "probe.retry_after",
        "app/service.rs",
        "self.config.probe.retry_after",
    ),
    ("probe.host_rate", "app/service.rs", "probe.host_rate"),
    (
        "probe.host_concurrency",
        "app/service.rs",
        "probe.host_concurrency",
    ),
    (
        "probe.concurrency",
        "app/service.rs",
        "at_once: self.config.probe.concurrency",
    ),
    (
        "probe.certificates",
        "app/settings.rs",
        "config.probe.certificates",
    ),
    ("probe.resolver", "app/settings.rs", "&probe.resolver"),
    ("probe.proxy", "app/settings.rs", "probe.proxy.clone()"),
    (
        "probe.client_certificate",
        "app/settings.rs",
        "probe.client_certificate",
    ),
    ("probe.client_key", "app/settings.rs", "secret(key)"),
    (
        "probe.allow_private_networks",
        "app/service.rs",
        "config.probe.allow_private_networks",
    ),
    ("browser.webdriver", "config.rs", "self.webdriver.as_ref()"),
    ("browser.slots", "config.rs", "slots: self.slots"),
    (
        "browser.free_memory",
        "config.rs",
        "free_memory: self.free_memory",
    ),
    ("browser.patience", "config.rs", "patience: self.patience"),
    ("browser.sandbox", "config.rs", "sandbox: self.sandbox"),
    ("browser.user", "config.rs", "match self.user"),
    (
        "control.urls",
        "app/settings.rs",
        "controls: config.controls.clone()",
    ),
    (
        "variables.PERMIT_KIND",
        "app/settings.rs",
        "variables: config.variables.clone()",
    ),
    (
        "mailbox.look_every",
        "app/settings.rs",
        "looking_every(config.mailbox.look_every)",
    ),
    ("mailbox.token_url", "app/settings.rs", "tokens.url.clone()"),
    (
        "mailbox.client_id",
        "app/settings.rs",
        "tokens.client_id.clone()",
    ),
    (
        "mailbox.client_secret",
        "app/settings.rs",
        "tokens.client_secret",
    ),
    (
        "mailbox.refresh_token",
        "app/settings.rs",
        "&tokens.refresh_token",
    ),
    (
        "detector.confirm",
        "app/settings.rs",
        "config.detector.confirm",
    ),
    (
        "detector.recover",
        "app/settings.rs",
        "config.detector.recover",
    ),
    (
        "detector.quorum",
        "app/settings.rs",
        "config.detector.quorum",
    ),
    (
        "detector.stale_after",
        "app/settings.rs",
        "config.detector.stale_after",
    ),
    (
        "detector.flap_window",
        "app/settings.rs",
        "config.detector.flap_window",
    ),
    (
        "detector.flap_failures",
        "app/settings.rs",
        "config.detector.flap_failures",
    ),
    (
        "detector.flap_turns",
        "app/settings.rs",
        "config.detector.flap_turns",
    ),
    (
        "detector.blocked_alert_after",
        "app/service.rs",
        "config.detector.blocked_alert_after",
    ),
    ("component.key", "app/settings.rs", "component.key"),
    ("component.name", "app/settings.rs", "component.name_id"),
    ("component.name", "app/settings.rs", "component.name_en"),
    (
        "retention.runs_days",
        "app/service.rs",
        "self.config.retention.runs_days",
    ),
    (
        "retention.evidence_days",
        "app/service.rs",
        "self.config.retention.evidence_days",
    ),
    (
        "retention.reports_days",
        "app/service.rs",
        "self.config.retention.reports_days",
    ),
    (
        "retention.messages_days",
        "app/service.rs",
        "self.config.retention.messages_days",
    ),
    (
        "retention.hours_days",
        "app/service.rs",
        "self.config.retention.hours_days",
    ),
    (
        "retention.sign_ins_days",
        "app/service.rs",
        "self.config.retention.sign_ins_days",
    ),
    ("smtp.server", "app/settings.rs", "smtp.server"),
    ("smtp.from", "app/settings.rs", "smtp.from"),
    ("smtp.tls", "app/settings.rs", "match smtp.tls"),
    ("smtp.port", "app/settings.rs", "smtp.port"),
    ("smtp.user", "app/settings.rs", "&smtp.user"),
    ("smtp.password", "app/settings.rs", "secret(&smtp.password)"),
    ("alert.webhook.name", "app/settings.rs", "hook.name"),
    ("alert.webhook.url", "app/settings.rs", "webhook.url"),
    (
        "alert.webhook.secret",
        "app/settings.rs",
        "secret(&webhook.secret)",
    ),
    ("alert.proxy", "app/service.rs", "self.config.alert.proxy"),
    ("alert.mail.to", "app/settings.rs", "config.alert.mails"),
    (
        "reports.max_body",
        "app/service.rs",
        "self.config.reports.max_body",
    ),
    (
        "reports.per_address_hour",
        "app/service.rs",
        "self.config.reports.per_address_hour",
    ),
    (
        "office.per_network",
        "web/office/mod.rs",
        "Throttle::new(settings.per_network,",
    ),
    (
        "office.per_network_and_account",
        "web/office/mod.rs",
        "settings.per_network_and_account",
    ),
    (
        "office.per_account",
        "web/office/mod.rs",
        "Throttle::new(settings.per_account,",
    ),
    (
        "office.per_device",
        "web/office/mod.rs",
        "Throttle::new(settings.per_device,",
    ),
    (
        "office.hashes",
        "web/office/mod.rs",
        "HashingPlaces::new(settings.hashes)",
    ),
    (
        "office.failed_rows_an_hour",
        "web/office/mod.rs",
        "settings.failed_rows_an_hour",
    ),
    (
        "audit.head_file",
        "app/service.rs",
        "self.config.audit.head_file",
    ),
    (
        "rehearsal.marked",
        "app/settings.rs",
        "rehearsal: config.rehearsal",
    ),
    (
        "overstay.per_day_idr",
        "app/settings.rs",
        "config.overstay_per_day_idr",
    ),
];

/// Every key of the example, also those that are off in it, with its table.
fn keys() -> BTreeSet<String> {
    let mut table = String::new();
    let mut keys = BTreeSet::new();
    for line in EXAMPLE.lines() {
        let line = line.strip_prefix('#').unwrap_or(line);
        if let Some(name) = line.strip_prefix('[') {
            table = name.trim_matches(['[', ']']).to_owned();
        } else if let Some((key, _)) = line.split_once(" = ")
            && key.chars().all(|c| c.is_ascii_alphabetic() || c == '_')
        {
            keys.insert(format!("{table}.{key}"));
        }
    }
    keys
}

#[test]
fn what_every_key_is_set_to_is_read_by_what_acts_on_it() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let without_blanks = |text: &str| text.split_whitespace().collect::<String>();
    let mut wrong = Vec::new();
    for (key, file, words) in EFFECTS {
        assert!(!file.starts_with("config/reading"), "{file} only parses");
        let text = fs::read_to_string(source.join(file)).unwrap_or_default();
        if !without_blanks(&code_of(&text)).contains(&without_blanks(words)) {
            wrong.push(format!("`{key}`: nothing in {file} reads `{words}`"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let listed: BTreeSet<String> = EFFECTS.iter().map(|(key, ..)| (*key).to_owned()).collect();
    assert_eq!(listed, keys(), "each key stands in the table, and no other");
}
