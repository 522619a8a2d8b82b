//! Owns: from TOML and environment to a [`Config`], and what is said about every mistake.

mod disk;
mod mailbox;
mod office;
mod values;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use self::values::{
    Days, Driver, Host, Mail, NameServers, OneOrMore, Origin, SecretName, positive, unique,
};
use super::{
    Alert, Browser, Component, Config, Data, Detector, Environment, Probe, Quorum, Reports,
    Retention, Sandbox, Secrets, Server, Site, Smtp, SmtpTls, Webhook, default_components,
    default_controls,
};
use crate::domain::Secret;
use crate::probe::template::is_given_name;
use crate::toml_reader::{Item, Line, Reader, Size};
use crate::web::reports::MAX_BODY_RANGE;

/// The address that a listener is reached at from the same machine, without a slash behind.
pub(super) fn origin(listen: SocketAddr) -> String {
    match listen.ip() {
        ip if ip.is_unspecified() => format!("http://localhost:{}", listen.port()),
        _ => format!("http://{listen}"),
    }
}

pub(super) fn config(root: &mut Reader<'_>, environment: &Environment) -> Option<Config> {
    let server = server(root);
    let (data, secrets) = data(root, environment);
    let site = site(root);
    let probe = probe(root);
    let browser = browser(root);
    let controls = controls(root);
    let variables = variables(root);
    let mailbox = mailbox::mailbox(root, &secrets);
    let detector = detector(root);
    let components = components(root);
    let retention = retention(root);
    let smtp = smtp(root);
    let alert = alert(root, smtp.is_some());
    let reports = reports(root);
    let office = office::office(root);
    let audit = office::audit(root);
    let rehearsal = section(root, "rehearsal", |table| table.or("marked", false));
    let overstay_per_day_idr = section(root, "overstay", |table| {
        let place = table.place_of("per_day_idr");
        let charge = table.optional::<u64>("per_day_idr");
        if charge == Some(0) {
            place.problem_with_hint(
                "a charge of nothing would be told to the public",
                "leave `per_day_idr` out where the charge is not known",
            );
        }
        charge
    });
    Some(Config {
        server,
        data,
        site: site?,
        probe: probe?,
        browser,
        controls,
        variables,
        secrets,
        mailbox,
        detector,
        components,
        retention,
        smtp: smtp.flatten(),
        alert,
        reports,
        office,
        audit,
        rehearsal: rehearsal.unwrap_or_default(),
        overstay_per_day_idr: overstay_per_day_idr.flatten(),
    })
}

/// Reads a table, if it is there, and reports the keys in it that nobody asked for.
fn section<T>(
    root: &mut Reader<'_>,
    key: &'static str,
    read: impl FnOnce(&mut Reader<'_>) -> T,
) -> Option<T> {
    let mut table = root.table(key)?;
    let value = read(&mut table);
    table.finish();
    Some(value)
}

fn server(root: &mut Reader<'_>) -> Server {
    section(root, "server", |table| {
        let default = Server::default();
        let listen = table.or("listen", default.listen);
        let operations_listen: Option<SocketAddr> = table.optional("operations_listen");
        if operations_listen == Some(listen) && listen.port() != 0 {
            table.place_of("operations_listen").problem_with_hint(
                "`operations_listen` is the same as `listen`",
                "give it a port of its own, or leave it out",
            );
        }
        let public_url = table.optional("public_url").map(|Origin(origin)| origin);
        Server {
            listen,
            operations_listen,
            public_url: public_url.unwrap_or_else(|| origin(listen)),
            trusted_proxies: table.or("trusted_proxies", default.trusted_proxies),
            connections: positive(table, "connections", default.connections),
            requests: positive(table, "requests", default.requests),
        }
    })
    .unwrap_or_default()
}

fn data(root: &mut Reader<'_>, environment: &Environment) -> (Data, Secrets) {
    let (folder, written, secrets_folder, disk) = section(root, "data", |table| {
        let folder = table.optional::<String>("folder");
        let database = table.item("database");
        let secrets_folder = table.optional::<String>("secrets_folder");
        let written = database.and_then(|item| {
            let text = item.read::<String>()?;
            check_database(&text, &item);
            Some(text)
        });
        (folder, written, secrets_folder, disk::limits(table))
    })
    .unwrap_or_default();
    let folder = PathBuf::from(folder.unwrap_or_else(|| "data".to_owned()));
    let secrets = Secrets::new(environment.clone(), secrets_folder.map(PathBuf::from));
    let of_environment = own_secret(root, &secrets, "SIAGA_DATABASE");
    if let Some(url) = &of_environment
        && let Some((wrong, hint)) = database_mistake(url.reveal())
    {
        root.place()
            .problem_with_hint(format!("SIAGA_DATABASE {wrong}"), hint);
    }
    let default = || format!("sqlite:{}", folder.join("siaga.db").display());
    let database = of_environment.unwrap_or_else(|| Secret::new(written.unwrap_or_else(default)));
    let data = Data {
        folder,
        database,
        disk,
    };
    (data, secrets)
}

fn check_database(text: &str, item: &Item<'_>) {
    if let Some((wrong, hint)) = database_mistake(text) {
        item.place()
            .problem_with_hint(format!("`database` {wrong}"), hint);
    }
    let password = Url::parse(text)
        .ok()
        .and_then(|url| url.password().map(str::len));
    if password.is_some() {
        item.place().problem_with_hint(
            "a password does not belong into this file",
            "give the whole address in the environment variable SIAGA_DATABASE",
        );
    }
}

/// What is wrong with the address of a database, and what to do. Never repeats it.
fn database_mistake(text: &str) -> Option<(&'static str, &'static str)> {
    const HINT: &str = "write `sqlite:data/siaga.db` or `postgres://user@host/name`";
    match text.split_once(':') {
        Some(("sqlite", rest)) if rest.contains(":memory:") || rest.contains("mode=memory") => {
            Some((
                "is a database in memory, which forgets every report when the program ends",
                "write `sqlite:` and the path of a file",
            ))
        }
        Some(("sqlite", rest)) if !rest.trim_start_matches('/').is_empty() => None,
        Some(("postgres" | "postgresql", _)) => match Url::parse(text) {
            Ok(url) if url.path().len() > 1 => None,
            Ok(_) => Some(("names no database", HINT)),
            Err(_) => Some(("is not an address", HINT)),
        },
        _ => Some(("is neither an SQLite nor a PostgreSQL address", HINT)),
    }
}

fn own_secret(root: &Reader<'_>, secrets: &Secrets, name: &str) -> Option<Secret> {
    match secrets.own(name) {
        Ok(secret) => secret,
        Err(error) => {
            root.place().problem(error.to_string());
            None
        }
    }
}

fn site(root: &mut Reader<'_>) -> Option<Site> {
    let site = section(root, "site", |table| {
        let name = table.in_both::<Line>("name", ["name_id", "name_en"]);
        let url = table.required::<Url>("url");
        let hosts: Vec<Host> = table.or("hosts", Vec::new());
        let official: Vec<Host> = table.or("official_domains", Vec::new());
        let zone = table.optional("zone");
        let probes = table.optional::<String>("probes");
        let helpdesk = table.optional::<Line>("helpdesk");
        let hosts: Vec<String> = hosts.into_iter().map(|Host(host)| host).collect();
        let official_domains: Vec<String> = official.into_iter().map(|Host(host)| host).collect();
        unique(table, "hosts", &hosts);
        unique(table, "official_domains", &official_domains);
        let (Line(name_id), Line(name_en)) = name?;
        Some(Site {
            name_id,
            name_en,
            url: url?,
            hosts,
            probes: probes.unwrap_or_else(|| "probes".to_owned()).into(),
            // Jakarta has had the same offset since 1964; it is the zone where no other is said.
            zone: zone.unwrap_or_else(|| {
                jiff::tz::TimeZone::get("Asia/Jakarta")
                    .unwrap_or_else(|_| jiff::tz::TimeZone::fixed(jiff::tz::offset(7)))
            }),
            official_domains,
            helpdesk: helpdesk.map(|Line(text)| text),
        })
    });
    if site.is_none() && !root.has("site") {
        root.missing("site");
    }
    site.flatten()
}

fn probe(root: &mut Reader<'_>) -> Option<Probe> {
    let probe = section(root, "probe", |table| {
        let vantage = table.optional::<Line>("vantage");
        let contact = table.required::<Line>("contact");
        if let Some(Line(text)) = &contact
            && !(text.contains("://") || text.contains('@'))
        {
            table.place_of("contact").problem_with_hint(
                "`contact` is neither a web address nor an e-mail address",
                "it tells the site's owner, in our User-Agent, whom to ask",
            );
        }
        let rate: f64 = table.or("host_rate", 2.0);
        if !(0.01..=1000.0).contains(&rate) {
            table
                .place_of("host_rate")
                .problem("`host_rate` must be from 0.01 to 1000 requests a second");
        }
        let certificates: Vec<String> = table.or("certificates", Vec::new());
        let chain = table.optional("client_certificate");
        let key = table.optional("client_key");
        if chain.is_some() != key.is_some() {
            table.place().problem_with_hint(
                "`client_certificate` and `client_key` go together",
                "both are names of secrets, e.g. \"CLIENT_CERTIFICATE\" and \"CLIENT_KEY\"",
            );
        }
        let name = |SecretName(name)| name;
        let client_certificate = chain.map(name).zip(key.map(name));
        Some(Probe {
            vantage: vantage.map_or_else(|| "main".to_owned(), |Line(text)| text),
            retry_after: table.or("retry_after", Duration::from_secs(2)),
            host_rate: rate,
            host_concurrency: positive(table, "host_concurrency", 2),
            concurrency: positive(table, "concurrency", 16),
            certificates: certificates.into_iter().map(PathBuf::from).collect(),
            resolver: table.or("resolver", NameServers::default()).0,
            proxy: table.optional("proxy"),
            client_certificate,
            allow_private_networks: table.or("allow_private_networks", Vec::new()),
            contact: contact?.0,
        })
    });
    if probe.is_none() && !root.has("probe") {
        root.missing("probe");
    }
    probe.flatten()
}

fn browser(root: &mut Reader<'_>) -> Browser {
    section(root, "browser", |table| {
        let default = Browser::default();
        let Driver(webdriver) = table.or("webdriver", Driver(default.webdriver));
        let slots = positive(table, "slots", default.slots);
        if slots > 64 {
            table.place_of("slots").problem_with_hint(
                "`slots` must be from 1 to 64",
                "a browser takes about one processor core and 300 MB while it runs",
            );
        }
        let Size(free_memory) = table.or("free_memory", Size(default.free_memory));
        let patience = table.or("patience", default.patience);
        if patience < Duration::from_secs(1) {
            table
                .place_of("patience")
                .problem("`patience` must be at least \"1s\"");
        }
        Browser {
            webdriver,
            slots,
            free_memory,
            patience,
            sandbox: table.optional("sandbox").map(|is_on| match is_on {
                true => Sandbox::Required,
                false => Sandbox::Disabled,
            }),
            user: table.optional("user"),
        }
    })
    .unwrap_or_default()
}

fn controls(root: &mut Reader<'_>) -> Vec<Url> {
    section(root, "control", |table| {
        let urls: Option<Vec<Url>> = table.optional("urls");
        unique(table, "urls", urls.as_deref().unwrap_or_default());
        urls
    })
    .flatten()
    .unwrap_or_else(default_controls)
}

fn variables(root: &mut Reader<'_>) -> BTreeMap<String, String> {
    let mut variables = BTreeMap::new();
    for item in root.entries("variables") {
        if !is_given_name(item.key()) {
            item.place().problem_with_hint(
                format!("`{}` cannot be the name of a variable", item.key()),
                "capitals, digits and underscores, beginning with a letter",
            );
        }
        if let Some(value) = item.read::<String>() {
            variables.insert(item.key().to_owned(), value);
        }
    }
    variables
}

fn detector(root: &mut Reader<'_>) -> Detector {
    section(root, "detector", |table| {
        let default = Detector::default();
        let quorum = table.or("quorum", default.quorum);
        if let Quorum::AtLeast(n) = quorum
            && !(1..=100).contains(&n)
        {
            table.place_of("quorum").problem_with_hint(
                format!("a quorum of {n} makes no sense"),
                "write \"majority\", or a number from 1 to 100",
            );
        }
        let stale_after: f64 = table.or("stale_after", default.stale_after);
        if !(1.5..=100.0).contains(&stale_after) {
            table.place_of("stale_after").problem_with_hint(
                "`stale_after` must be from 1.5 to 100 intervals",
                "below 1.5 a single late run would make a component unknown",
            );
        }
        let flap_window = positive(table, "flap_window", default.flap_window);
        let flap_failures = positive(table, "flap_failures", default.flap_failures);
        let flap_turns = positive(table, "flap_turns", default.flap_turns);
        if flap_window > 1000 || flap_failures.max(flap_turns) >= flap_window {
            table.place_of("flap_window").problem_with_hint(
                "so many failures or turns cannot be among so few observations",
                "`flap_window` must be greater than both, and at most 1000",
            );
        }
        Detector {
            confirm: positive(table, "confirm", default.confirm),
            recover: positive(table, "recover", default.recover),
            quorum,
            stale_after,
            flap_window,
            flap_failures,
            flap_turns,
            blocked_alert_after: table.or("blocked_alert_after", default.blocked_alert_after),
        }
    })
    .unwrap_or_default()
}

fn components(root: &mut Reader<'_>) -> Vec<Component> {
    let mut components: Vec<Component> = Vec::new();
    let written = root.has("component");
    for mut table in root.tables("component") {
        let key = table.required("key");
        let name = table.in_both::<Line>("name", ["name_id", "name_en"]);
        if let Some(key) = &key
            && components.iter().any(|component| component.key == *key)
        {
            table
                .place_of("key")
                .problem(format!("the component `{key}` is there twice"));
        }
        table.finish();
        if let (Some(key), Some((Line(name_id), Line(name_en)))) = (key, name) {
            components.push(Component {
                key,
                name_id,
                name_en,
            });
        }
    }
    if written {
        components
    } else {
        default_components()
    }
}

fn retention(root: &mut Reader<'_>) -> Retention {
    section(root, "retention", |table| {
        let default = Retention::default();
        let mut days = |key, default| table.or(key, Days(default)).0;
        Retention {
            runs_days: days("runs_days", default.runs_days),
            evidence_days: days("evidence_days", default.evidence_days),
            reports_days: days("reports_days", default.reports_days),
            messages_days: days("messages_days", default.messages_days),
            hours_days: days("hours_days", default.hours_days),
            sign_ins_days: days("sign_ins_days", default.sign_ins_days),
        }
    })
    .unwrap_or_default()
}

/// Outer `None`: there is no such table. Inner: it is wrong, which was reported.
fn smtp(root: &mut Reader<'_>) -> Option<Option<Smtp>> {
    section(root, "smtp", |table| {
        let server = table.required::<Host>("server");
        let from = table.required::<Mail>("from");
        let tls = table.or("tls", SmtpTls::StartTls);
        let usual = match tls {
            SmtpTls::Implicit => 465,
            SmtpTls::StartTls => 587,
            SmtpTls::None => 25,
        };
        let port = positive(table, "port", usual);
        let user = table.optional::<String>("user");
        let password = table.optional("password").map(|SecretName(name)| name);
        if user.is_some() != password.is_some() {
            table.place().problem_with_hint(
                "`user` and `password` go together",
                "`password` is the name of a secret, e.g. \"SMTP_PASSWORD\"",
            );
        }
        let Host(server) = server?;
        let local =
            server == "localhost" || server.parse().is_ok_and(|ip: IpAddr| ip.is_loopback());
        if tls == SmtpTls::None && user.is_some() && !local {
            table
                .place_of("tls")
                .problem("without `tls` the password would go over the network in the clear");
        }
        Some(Smtp {
            server,
            port,
            tls,
            from: from?.0,
            user,
            password,
        })
    })
}

fn alert(root: &mut Reader<'_>, has_smtp: bool) -> Alert {
    section(root, "alert", |table| {
        let mut webhooks: Vec<Webhook> = Vec::new();
        for mut hook in table.tables("webhook") {
            let url = hook.required::<Url>("url");
            let secret = hook.optional("secret").map(|SecretName(name)| name);
            let name = hook.optional("name").map(|Line(name)| name);
            let host = url.as_ref().and_then(|url| url.host_str());
            let name = name.or_else(|| host.map(str::to_owned)).unwrap_or_default();
            if webhooks.iter().any(|other| other.name == name) {
                hook.place().problem_with_hint(
                    format!("there is another webhook called `{name}`"),
                    "give each a `name` of its own",
                );
            }
            hook.finish();
            webhooks.extend(url.map(|url| Webhook { name, url, secret }));
        }
        let mut mails: Vec<String> = Vec::new();
        for mut mail in table.tables("mail") {
            let to = mail.required::<Mail>("to");
            if let Some(Mail(to)) = &to
                && mails.contains(to)
            {
                mail.place_of("to").problem("this address is there twice");
            }
            if !has_smtp {
                mail.place().problem_with_hint(
                    "a mail cannot be sent without a server",
                    "add `[smtp]` with `server` and `from`",
                );
            }
            mail.finish();
            mails.extend(to.map(|Mail(to)| to));
        }
        Alert {
            webhooks,
            mails,
            proxy: table.optional("proxy"),
        }
    })
    .unwrap_or_default()
}

fn reports(root: &mut Reader<'_>) -> Reports {
    section(root, "reports", |table| {
        let default = Reports::default();
        let Size(max_body) = table.or("max_body", Size(default.max_body));
        if !MAX_BODY_RANGE.contains(&max_body) {
            table.place_of("max_body").problem_with_hint(
                "`max_body` must be from \"2MB\" to \"50MB\"",
                "a screenshot may be a quarter of it; larger reports would not arrive in time, \
                 and the memory kept for reports on their way is five times as much",
            );
        }
        let OneOrMore(per_address_hour) =
            table.or("per_address_hour", OneOrMore(default.per_address_hour));
        Reports {
            max_body,
            per_address_hour,
        }
    })
    .unwrap_or_default()
}
