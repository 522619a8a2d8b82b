//! From the configuration to what each part of the program is told.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;

use crate::config::{self, Config};
use crate::disk::Disk;
use crate::domain::outage::Rules;
use crate::domain::{Clock, Engine, Secret};
use crate::http_client::HttpClients;
use crate::notify::{self, Credentials, Smtp, Target, Tls};
use crate::probe::definition::Flow;
use crate::probe::mailbox::{AccessTokens, ImapMailbox, TOKEN_TIMEOUT, TokenSettings};
use crate::probe::runner;
use crate::web::Site;
use crate::web::format::Zone;
use crate::web::site::ComponentName;

pub(super) fn rules(config: &Config, flows: &[Arc<Flow>], pace: f64) -> Rules {
    let fresh = |flow: &Flow, engine, every: Option<Duration>, more| {
        let span = every?.mul_f64(pace).mul_f64(config.detector.stale_after);
        Some(((flow.key.clone(), engine), span + flow.timeout + more))
    };
    let fresh_for = flows
        .iter()
        .flat_map(|flow| {
            let every = flow.every;
            // A browser is waited for.
            let waiting = config.browser.patience;
            [
                fresh(flow, Engine::Http, every.http, Duration::ZERO),
                fresh(flow, Engine::Browser, every.browser, waiting),
            ]
        })
        .flatten()
        .collect();
    Rules {
        confirm: config.detector.confirm,
        recover: config.detector.recover,
        quorum: config.detector.quorum,
        fresh_for,
        flap_window: config.detector.flap_window,
        flap_failures: config.detector.flap_failures,
        flap_turns: config.detector.flap_turns,
        ..Rules::default()
    }
}

/// The disks that are written to, and what of them must stay free.
pub(super) fn disk(config: &Config) -> Disk {
    let data = &config.data;
    let database = data.database.reveal().strip_prefix("sqlite:");
    let database = database.map(|rest| {
        let path = rest.strip_prefix("//").unwrap_or(rest);
        let path = Path::new(path.split('?').next().unwrap_or(path));
        let folder = path.parent().filter(|folder| *folder != Path::new(""));
        folder.unwrap_or(Path::new("."))
    });
    Disk::new(&data.folder, database, data.disk.reserve)
}

/// The outbox's names of where alerts go.
pub(super) fn alert_targets(config: &Config) -> Vec<String> {
    let webhooks = config.alert.webhooks.iter();
    let webhooks = webhooks.map(|hook| format!("webhook:{}", hook.name));
    webhooks
        .chain(config.alert.mails.iter().map(|to| format!("mail:{to}")))
        .collect()
}

/// What the pages say of the watched site and of ourselves.
pub(super) fn site(config: &Config) -> anyhow::Result<Site> {
    let name = config.site.zone.iana_name().unwrap_or("Asia/Jakarta");
    let zone = [Zone::Wib, Zone::Wita, Zone::Wit]
        .into_iter()
        .find(|zone| zone.iana() == name)
        .with_context(|| format!("times are shown in WIB, WITA or WIT, not in {name}"))?;
    let without_slash = |url: &str| url.trim_end_matches('/').to_owned();
    Ok(Site {
        name_id: config.site.name_id.clone(),
        name_en: config.site.name_en.clone(),
        helpdesk: config.site.helpdesk.clone(),
        overstay_per_day_idr: config.overstay_per_day_idr,
        url: without_slash(config.site.url.as_str()),
        official_domains: config.site.official_domains.clone(),
        own_url: without_slash(&config.server.public_url),
        zone,
        rehearsal: config.rehearsal,
        contact: Some(config.probe.contact.clone()),
        components: config
            .components
            .iter()
            .map(|component| ComponentName {
                id: component.key.clone(),
                name_id: Some(component.name_id.clone()),
                name_en: Some(component.name_en.clone()),
            })
            .collect(),
    })
}

/// What flows run against.
pub(super) fn target(config: &Config, flows: &[Arc<Flow>]) -> anyhow::Result<runner::Target> {
    let mut secrets = BTreeMap::new();
    for name in flows.iter().flat_map(|flow| &flow.needs) {
        if let Some(secret) = config.secrets.get(name)? {
            secrets.insert(name.clone(), secret.reveal().to_owned());
        }
    }
    Ok(runner::Target {
        site: config.site.url.clone(),
        hosts: config.allowed_hosts(),
        private_networks: config.private_networks(),
        controls: config.controls.clone(),
        variables: config.variables.clone(),
        secrets,
        vantage: config.probe.vantage.clone(),
        time_zone: config.site.zone.clone(),
    })
}

/// Where alerts go, and how.
pub(super) fn alerts(config: &Config) -> anyhow::Result<notify::Settings> {
    let secret = |name: &Option<String>| -> anyhow::Result<Option<Secret>> {
        let Some(name) = name else { return Ok(None) };
        let secret = config.secrets.get(name)?;
        secret
            .map(Some)
            .with_context(|| format!("{name} is not set"))
    };
    let mut targets = Vec::new();
    let keys = alert_targets(config);
    let mut keys = keys.into_iter();
    for (webhook, key) in config.alert.webhooks.iter().zip(&mut keys) {
        let kind = notify::Kind::Webhook {
            url: webhook.url.clone(),
            secret: secret(&webhook.secret)?,
        };
        targets.push(Target { key, kind });
    }
    for (to, key) in config.alert.mails.iter().zip(keys) {
        targets.push(Target {
            key,
            kind: notify::Kind::Mail { to: to.clone() },
        });
    }
    let smtp = match &config.smtp {
        None => None,
        Some(smtp) => Some(Smtp {
            server: smtp.server.clone(),
            port: smtp.port,
            tls: match smtp.tls {
                config::SmtpTls::None => Tls::None,
                config::SmtpTls::StartTls => Tls::Starttls,
                config::SmtpTls::Implicit => Tls::Implicit,
            },
            credentials: match (&smtp.user, secret(&smtp.password)?) {
                (Some(user), Some(password)) => Some(Credentials {
                    user: user.clone(),
                    password,
                }),
                _ => None,
            },
            from: smtp.from.clone(),
            extra_roots: extra_roots(config)?,
        }),
    };
    let names = config
        .components
        .iter()
        .map(|component| {
            let name = notify::ComponentName {
                id: component.name_id.clone(),
                en: component.name_en.clone(),
            };
            (component.key.clone(), name)
        })
        .collect();
    let public_url = site(config)?.own_url;
    Ok(notify::Settings {
        targets,
        names,
        public_url,
        smtp,
    })
}

/// The clients of runs as the configuration has them: by its resolvers, through its proxy, with its
/// certificate.
///
/// # Errors
/// If the certificate's secrets are missing, or are none.
pub(crate) fn equipped(config: &Config, clients: HttpClients) -> anyhow::Result<HttpClients> {
    let probe = &config.probe;
    let clients = clients
        .resolving_by(&probe.resolver)
        .through(probe.proxy.clone());
    let Some((chain, key)) = &probe.client_certificate else {
        return Ok(clients);
    };
    let secret = |name: &str| {
        let secret = config.secrets.get(name)?;
        secret.with_context(|| format!("{name} is not set"))
    };
    let (chain, key) = (secret(chain)?, secret(key)?);
    clients
        .showing(chain.reveal().as_bytes(), key.reveal().as_bytes())
        .context("`client_certificate` and `client_key` cannot be used")
}

/// The mailbox that flows wait for mail in; `None` where there is none.
///
/// # Errors
/// If its address or its secrets cannot be used.
pub(crate) fn mailbox(
    config: &Config,
    clients: &HttpClients,
    clock: Arc<dyn Clock>,
) -> anyhow::Result<Option<Arc<ImapMailbox>>> {
    let Some(url) = &config.mailbox.url else {
        return Ok(None);
    };
    let mailbox = match &config.mailbox.tokens {
        None => ImapMailbox::parse(url.reveal())?,
        Some(tokens) => {
            let secret = |name: &String| {
                let secret = config.secrets.get(name)?;
                secret.with_context(|| format!("{name} is not set"))
            };
            let settings = TokenSettings {
                url: tokens.url.clone(),
                client_id: tokens.client_id.clone(),
                client_secret: tokens.client_secret.as_ref().map(secret).transpose()?,
                refresh_token: secret(&tokens.refresh_token)?,
            };
            let http = clients.plain(TOKEN_TIMEOUT)?;
            let tokens = AccessTokens::new(settings, http, clock);
            ImapMailbox::parse_without_password(url.reveal())?.with_tokens(Arc::new(tokens))
        }
    };
    let mailbox = mailbox.looking_every(config.mailbox.look_every);
    Ok(Some(Arc::new(mailbox)))
}

/// The certificates that are trusted besides the public ones.
pub(super) fn extra_roots(config: &Config) -> anyhow::Result<Vec<Vec<u8>>> {
    config
        .probe
        .certificates
        .iter()
        .map(|path| std::fs::read(path).with_context(|| format!("cannot read {}", path.display())))
        .collect()
}
