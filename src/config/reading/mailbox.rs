//! Owns: the table of the mailbox, and what is said about mistakes in it.

use std::time::Duration;

use url::{Host, Url};

use super::values::SecretName;
use super::{own_secret, section};
use crate::config::{MailTokens, Mailbox, Secrets};
use crate::http_client::is_localhost;
use crate::probe::mailbox::ImapMailbox;
use crate::toml_reader::{Line, Reader};

/// How often the mailbox is looked at, where nothing else is said.
const LOOK_EVERY: Duration = Duration::from_secs(3);

pub(super) fn mailbox(root: &mut Reader<'_>, secrets: &Secrets) -> Mailbox {
    let (look_every, tokens) = section(root, "mailbox", |table| {
        let every = table.or("look_every", LOOK_EVERY);
        if every < Duration::from_millis(100) {
            table
                .place_of("look_every")
                .problem("`look_every` must be at least \"100ms\"");
        }
        (every, tokens(table))
    })
    .unwrap_or((LOOK_EVERY, None));
    let url = own_secret(root, secrets, "SIAGA_MAILBOX");
    if let Some(url) = &url
        && let Err(error) = match tokens {
            None => ImapMailbox::parse(url.reveal()),
            Some(_) => ImapMailbox::parse_without_password(url.reveal()),
        }
    {
        let hint = match tokens {
            None => {
                "write imaps://user:password@host/INBOX, with `%40` for an `@` in the user's name"
            }
            Some(_) => "write imaps://user@host/INBOX, with `%40` for an `@` in the user's name",
        };
        root.place()
            .problem_with_hint(format!("SIAGA_MAILBOX cannot be used: {error}"), hint);
    }
    Mailbox {
        url,
        look_every,
        tokens,
    }
}

fn tokens(table: &mut Reader<'_>) -> Option<MailTokens> {
    let url = table.optional::<Url>("token_url");
    let client_id = table.optional::<Line>("client_id");
    let client_secret = table.optional::<SecretName>("client_secret");
    let refresh_token = table.optional::<SecretName>("refresh_token");
    let is_any = client_id.is_some() || client_secret.is_some() || refresh_token.is_some();
    let has_all = url.is_some() && client_id.is_some() && refresh_token.is_some();
    if (is_any || url.is_some()) && !has_all && !table.failed() {
        table.place().problem_with_hint(
            "`token_url`, `client_id` and `refresh_token` go together",
            "`refresh_token` is the name of a secret, e.g. \"MAIL_REFRESH_TOKEN\"",
        );
    }
    let url = url?;
    let is_local = match url.host() {
        Some(Host::Domain(name)) => is_localhost(name),
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        None => false,
    };
    if url.scheme() != "https" && !(url.scheme() == "http" && is_local) {
        table
            .place_of("token_url")
            .problem("`token_url` must begin with https:// (or http:// to this machine)");
    }
    Some(MailTokens {
        url,
        client_id: client_id?.0,
        client_secret: client_secret.map(|SecretName(name)| name),
        refresh_token: refresh_token?.0,
    })
}
