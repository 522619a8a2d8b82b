//! What the rehearsal site remembers: sessions and applications, in memory and bounded.
//! Plain data behind one lock; knows nothing of HTTP, pages or mail.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use data_encoding::BASE64URL_NOPAD;

use super::language::Text;
use crate::domain::{Moment, Random, random};

const SESSIONS: usize = 5_000;
const APPLICATIONS: usize = 500;
/// A session that was not used for so long is over.
const IDLE: Duration = Duration::from_secs(30 * 60);

/// Where an application stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Draft,
    Submitted,
    Verified,
    Withdrawn,
}

impl Status {
    pub(super) fn key(self) -> &'static str {
        match self {
            Status::Draft => "draft",
            Status::Submitted => "submitted",
            Status::Verified => "verified",
            Status::Withdrawn => "withdrawn",
        }
    }

    pub(super) fn text(self) -> Text {
        match self {
            Status::Draft => Text::new("Draf", "Draft"),
            Status::Submitted => Text::new("Menunggu verifikasi petugas", "Awaiting an officer"),
            Status::Verified => Text::new(
                "Terverifikasi, menunggu pembayaran",
                "Verified, awaiting payment",
            ),
            Status::Withdrawn => Text::new("Dicabut", "Withdrawn"),
        }
    }
}

/// What became of an application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Happening {
    Begun,
    /// A document came in, by its field's name.
    Received(&'static str),
    HandedIn,
    Verified,
    Withdrawn,
}

/// A document that was taken in. Its bytes are not kept.
#[derive(Clone, Debug)]
pub(super) struct Document {
    pub(super) file_name: String,
    pub(super) size: usize,
}

/// An application to extend a stay permit, from its draft on.
#[derive(Clone, Debug)]
pub(super) struct Application {
    pub(super) id: String,
    pub(super) status: Status,
    pub(super) created_at: Moment,
    pub(super) submitted_at: Option<Moment>,
    /// The form's values by field name.
    pub(super) values: BTreeMap<String, String>,
    /// Documents taken in, by field name.
    pub(super) documents: BTreeMap<&'static str, Document>,
    pub(super) register: Option<String>,
    pub(super) billing: Option<String>,
    /// Oldest first.
    pub(super) history: Vec<(Moment, Happening)>,
}

impl Application {
    pub(super) fn value(&self, name: &str) -> &str {
        self.values.get(name).map_or("", String::as_str)
    }

    /// Notes what happened; a document that comes once more only moves to the end.
    pub(super) fn note(&mut self, now: Moment, happening: Happening) {
        self.history.retain(|(_, before)| *before != happening);
        self.history.push((now, happening));
    }
}

/// A visitor's session; signed in or not yet.
#[derive(Clone, Debug)]
pub(super) struct Session {
    pub(super) csrf: String,
    pub(super) signed_in: bool,
    used_at: Moment,
}

/// All that the site remembers.
#[derive(Default)]
pub(super) struct World {
    sessions: BTreeMap<String, Session>,
    session_order: VecDeque<String>,
    /// Oldest first.
    applications: VecDeque<Application>,
}

impl World {
    /// Begins a session and gives its key.
    pub(super) fn open_session(
        &mut self,
        now: Moment,
        random: &dyn Random,
        signed_in: bool,
    ) -> String {
        let key = token(random);
        let session = Session {
            csrf: token(random),
            signed_in,
            used_at: now,
        };
        self.sessions.insert(key.clone(), session);
        self.session_order.push_back(key.clone());
        while self.session_order.len() > SESSIONS {
            if let Some(oldest) = self.session_order.pop_front() {
                self.sessions.remove(&oldest);
            }
        }
        key
    }

    /// The session of this key, if it is not over; counts as use.
    pub(super) fn session(&mut self, key: &str, now: Moment) -> Option<Session> {
        let session = self.sessions.get_mut(key)?;
        if now.since(session.used_at) > IDLE {
            self.sessions.remove(key);
            return None;
        }
        session.used_at = now;
        Some(session.clone())
    }

    pub(super) fn close_session(&mut self, key: &str) {
        self.sessions.remove(key);
    }

    /// Begins a draft and gives its id.
    pub(super) fn open_draft(
        &mut self,
        now: Moment,
        random: &dyn Random,
        values: BTreeMap<String, String>,
    ) -> String {
        let id = data_encoding::HEXLOWER.encode(&random::bytes::<8>(random));
        self.applications.push_back(Application {
            id: id.clone(),
            status: Status::Draft,
            created_at: now,
            submitted_at: None,
            values,
            documents: BTreeMap::new(),
            register: None,
            billing: None,
            history: vec![(now, Happening::Begun)],
        });
        while self.applications.len() > APPLICATIONS {
            self.applications.pop_front();
        }
        id
    }

    pub(super) fn application(&self, id: &str) -> Option<&Application> {
        self.applications.iter().rev().find(|a| a.id == id)
    }

    pub(super) fn application_mut(&mut self, id: &str) -> Option<&mut Application> {
        self.applications.iter_mut().rev().find(|a| a.id == id)
    }

    /// The draft of this id; `None` also where it was submitted or withdrawn.
    pub(super) fn draft_mut(&mut self, id: &str) -> Option<&mut Application> {
        self.application_mut(id)
            .filter(|a| a.status == Status::Draft)
    }

    pub(super) fn remove(&mut self, id: &str) {
        self.applications.retain(|a| a.id != id);
    }

    /// The newest applications, newest first.
    pub(super) fn newest(&self, count: usize) -> Vec<Application> {
        self.applications
            .iter()
            .rev()
            .take(count)
            .cloned()
            .collect()
    }

    pub(super) fn by_register(&self, register: &str, passport: &str) -> Option<&Application> {
        self.applications.iter().rev().find(|a| {
            a.register
                .as_deref()
                .is_some_and(|r| r.eq_ignore_ascii_case(register))
                && a.value("passport_number").eq_ignore_ascii_case(passport)
        })
    }

    /// Hands a draft in: it gets a register number that no other application has.
    pub(super) fn submit(&mut self, id: &str, now: Moment, random: &dyn Random) -> Option<String> {
        let day = now.timestamp().strftime("%y%m%d").to_string();
        let draw = u32::from_le_bytes(random::bytes(random)) % 1_000_000;
        let register = (0..1_000_000)
            .map(|step| format!("PIT{day}{:06}", (draw + step) % 1_000_000))
            .find(|number| {
                self.applications
                    .iter()
                    .all(|a| a.register.as_ref() != Some(number))
            })?;
        let draft = self.draft_mut(id)?;
        draft.status = Status::Submitted;
        draft.submitted_at = Some(now);
        draft.register = Some(register.clone());
        draft.note(now, Happening::HandedIn);
        Some(register)
    }

    /// Verifies what was submitted so long before, and gives what was verified.
    pub(super) fn verify(
        &mut self,
        now: Moment,
        after: Duration,
        random: &dyn Random,
    ) -> Vec<Application> {
        let until = now - after;
        let due = |a: &&mut Application| {
            a.status == Status::Submitted && a.submitted_at.is_some_and(|at| at <= until)
        };
        self.applications
            .iter_mut()
            .filter(due)
            .map(|application| {
                application.status = Status::Verified;
                application.billing = Some(billing_code(random));
                application.note(now, Happening::Verified);
                application.clone()
            })
            .collect()
    }
}

/// Fifteen digits that begin with 8, as SIMPONI's do.
fn billing_code(random: &dyn Random) -> String {
    let draw = u64::from_le_bytes(random::bytes(random)) % 100_000_000_000_000;
    format!("8{draw:014}")
}

fn token(random: &dyn Random) -> String {
    BASE64URL_NOPAD.encode(&random::bytes::<24>(random))
}
