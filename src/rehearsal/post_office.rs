//! The post office's mailbox: every mail that was handed in, parsed once, the newest 500.
//! One mailbox for everyone, so that the site's notices and Siaga's own mails lie side by
//! side. Knows neither SMTP nor IMAP.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use mail_parser::{Address, MessageParser};

use crate::domain::Moment;

const MAILS: usize = 500;
/// Most bytes that all mails together may take.
const BYTES: usize = 64 * 1024 * 1024;
/// What the mailbox page and its JSON show of a mail's text, in characters.
const TEXT: usize = 20_000;

/// One mail.
pub(super) struct Mail {
    pub(super) uid: u32,
    pub(super) received_at: Moment,
    /// The envelope's sender and recipients.
    pub(super) sender: String,
    pub(super) recipients: Vec<String>,
    /// As it was sent, lines ending in CR LF.
    pub(super) raw: Vec<u8>,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) subject: String,
    pub(super) text: String,
}

/// A mail and what IMAP clients said of it.
#[derive(Clone)]
pub(super) struct Kept {
    pub(super) mail: Arc<Mail>,
    pub(super) seen: bool,
    pub(super) deleted: bool,
    /// Gone for IMAP clients; people can still read it on the mailbox page.
    pub(super) expunged: bool,
}

#[derive(Default)]
struct Shelf {
    mails: VecDeque<Kept>,
    bytes: usize,
    last_uid: u32,
}

/// The mailbox.
pub(super) struct PostOffice {
    shelf: Mutex<Shelf>,
    /// Says that numbers of mails mean the same as before: never the same after a restart, which
    /// begins to count anew.
    pub(super) uid_validity: u32,
}

impl PostOffice {
    pub(super) fn new(now: Moment) -> Self {
        let seconds = now.0 / 1000;
        PostOffice {
            shelf: Mutex::default(),
            uid_validity: u32::try_from(seconds).unwrap_or(u32::MAX).max(1),
        }
    }

    fn shelf(&self) -> std::sync::MutexGuard<'_, Shelf> {
        self.shelf.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn deliver(
        &self,
        now: Moment,
        sender: String,
        recipients: Vec<String>,
        raw: Vec<u8>,
    ) {
        let mut mail = Mail {
            uid: 0,
            received_at: now,
            from: sender.clone(),
            to: recipients.join(", "),
            sender,
            recipients,
            subject: String::new(),
            text: String::new(),
            raw: Vec::new(),
        };
        if let Some(message) = MessageParser::default().parse(&raw) {
            mail.from = message.from().map_or(mail.from, shown);
            mail.to = message.to().map_or(mail.to, shown);
            mail.subject = message.subject().unwrap_or_default().to_owned();
            let text = message.body_text(0).unwrap_or_default();
            mail.text = text.chars().take(TEXT).collect();
        }
        mail.raw = raw;
        let mut shelf = self.shelf();
        shelf.last_uid += 1;
        mail.uid = shelf.last_uid;
        shelf.bytes += mail.raw.len();
        let mail = Arc::new(mail);
        shelf.mails.push_back(Kept {
            mail,
            seen: false,
            deleted: false,
            expunged: false,
        });
        while shelf.mails.len() > MAILS || shelf.bytes > BYTES {
            let Some(oldest) = shelf.mails.pop_front() else {
                break;
            };
            shelf.bytes -= oldest.mail.raw.len();
        }
    }

    /// Every mail still kept, oldest first.
    pub(super) fn all(&self) -> Vec<Kept> {
        self.shelf().mails.iter().cloned().collect()
    }

    /// What IMAP clients see, oldest first.
    pub(super) fn inbox(&self) -> Vec<Kept> {
        self.shelf()
            .mails
            .iter()
            .filter(|kept| !kept.expunged)
            .cloned()
            .collect()
    }

    pub(super) fn next_uid(&self) -> u32 {
        self.shelf().last_uid + 1
    }

    /// Changes what is said of one mail; gives its new state.
    pub(super) fn mark(&self, uid: u32, change: impl FnOnce(&mut Kept)) -> Option<Kept> {
        let mut shelf = self.shelf();
        let kept = shelf
            .mails
            .iter_mut()
            .find(|k| k.mail.uid == uid && !k.expunged)?;
        change(kept);
        Some(kept.clone())
    }

    /// Takes the mails marked as deleted out of the inbox.
    pub(super) fn expunge(&self) {
        for kept in &mut self.shelf().mails {
            kept.expunged |= kept.deleted;
        }
    }
}

fn shown(address: &Address<'_>) -> String {
    let one = |mailbox: &mail_parser::Addr<'_>| {
        let address = mailbox.address().unwrap_or_default();
        match mailbox.name() {
            Some(name) => format!("{name} <{address}>"),
            None => address.to_owned(),
        }
    };
    address.iter().map(one).collect::<Vec<_>>().join(", ")
}
