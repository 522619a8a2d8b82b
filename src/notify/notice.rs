//! What a message is about, whichever way it is sent.

use serde::Deserialize;

use super::words::{self, Subject, blocked, disk};
use crate::domain::blocked::BlockedAlert;
use crate::domain::disk::DiskAlert;
use crate::domain::history::Alert;
use crate::domain::{BilingualName, Moment};

/// A message as it stands in the outbox.
#[derive(Deserialize)]
#[serde(untagged)]
pub(super) enum Payload {
    /// Of an outage.
    Outage(Box<Alert>),
    /// Of our own disk.
    Disk(DiskAlert),
    /// Of a flow that is kept out.
    Blocked(BlockedAlert),
}

/// A message as it is sent.
pub(super) enum Notice {
    /// Of an outage.
    Outage(Box<Subject>),
    /// Of our own disk.
    Disk {
        /// The message's own id, the same at every try.
        once_key: String,
        /// What happened.
        alert: DiskAlert,
    },
    /// Of a flow that is kept out.
    Blocked {
        /// The message's own id, the same at every try.
        once_key: String,
        /// What the flow is called.
        name: BilingualName,
        /// What happened.
        alert: BlockedAlert,
    },
}

impl Notice {
    /// The message's own id, the same at every try.
    pub(super) fn once_key(&self) -> &str {
        match self {
            Notice::Outage(subject) => &subject.once_key,
            Notice::Disk { once_key, .. } | Notice::Blocked { once_key, .. } => once_key,
        }
    }

    /// What several messages have in common.
    pub(super) fn thread(&self) -> (&'static str, &str) {
        match self {
            Notice::Outage(subject) => ("outage", &subject.alert.outage.id),
            Notice::Disk { alert, .. } => ("disk", &alert.vantage),
            Notice::Blocked { alert, .. } => ("blocked", &alert.flow),
        }
    }

    /// The subject line of a mail.
    pub(super) fn headline(&self) -> String {
        match self {
            Notice::Outage(subject) => words::headline(subject),
            Notice::Disk { alert, .. } => disk::headline(alert),
            Notice::Blocked { alert, name, .. } => blocked::headline(alert, name),
        }
    }

    /// The text of a mail that is sent at `now`.
    pub(super) fn text(&self, now: Moment) -> String {
        match self {
            Notice::Outage(subject) => words::body(subject, now),
            Notice::Disk { alert, .. } => disk::text(alert),
            Notice::Blocked { alert, name, .. } => blocked::text(alert, name),
        }
    }
}
