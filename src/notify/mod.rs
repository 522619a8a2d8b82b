//! Sending what waits in the outbox: webhooks and mails.
//!
//! Owns when something is sent and tried again, and what it says. Must not know who probes
//! and who serves pages: it reads the outbox, and what flows and steps are called.
//!
//! Every message is sent at least once. A process that dies between the sending and the
//! note of it leaves a claim that runs out, and the message is sent again, with the same id;
//! receivers drop what they have seen. Messages on one outage may overtake each other when
//! one had to wait; their `version` tells which is newer.

mod backoff;
mod mail;
mod notice;
mod target;
mod webhook;
mod words;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use lettre::message::Mailbox;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use url::Url;

use crate::domain::names::NameTable;
use crate::domain::{Clock, ComponentId, Random, Secret};
use crate::store::names;
use crate::store::outbox::{self, Message};
use crate::store::{self, Store};

use notice::{Notice, Payload};

pub use backoff::{Again, Failure, GIVE_UP_AFTER, LONGEST, SHORTEST, next_try, wait};
pub use target::{Credentials, Kind, Mistake, Smtp, Target, Tls, shown};
pub use webhook::{SIGNATURE, signature};
pub use words::{Subject, body as mail_text, headline, one_line};

/// Messages on their way at the same time.
const AT_ONCE: usize = 4;
/// For a connection to a receiver, greetings with a mail server included.
pub const CONNECT_WITHIN: Duration = Duration::from_secs(10);
/// For the whole of one try.
pub const SEND_WITHIN: Duration = Duration::from_secs(30);
/// How long a claim holds: longer than a try and the note of how it ended.
const CLAIM_FOR: Duration = Duration::from_secs(90);
/// Another process may put messages in without waking this one.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// How long messages on their way may take once the process is told to end.
const FINISH_WITHIN: Duration = Duration::from_secs(20);

/// What a component is called.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComponentName {
    /// In Indonesian.
    pub id: String,
    /// In English.
    pub en: String,
}

/// How one try ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attempt {
    /// The receiver has it.
    Sent,
    /// It will be tried again.
    Failed,
    /// It will not be tried again.
    GivenUp,
}

/// Told of every try: the kind of target (`webhook`, `mail`, `other`) and how it ended.
pub type Observer = Arc<dyn Fn(&'static str, Attempt) + Send + Sync>;

/// What the sender is told by the configuration.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where to.
    pub targets: Vec<Target>,
    /// What components are called; one that is missing is called by its key.
    pub names: BTreeMap<ComponentId, ComponentName>,
    /// Where the public pages are, for links: `https://siaga.example.org`.
    pub public_url: String,
    /// The mail server, where a target is a mail address.
    pub smtp: Option<Smtp>,
}

/// How many messages ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drained {
    /// Received.
    pub sent: usize,
    /// To be tried again.
    pub failed: usize,
    /// Given up.
    pub given_up: usize,
}

/// Sends what waits in the outbox. Cheap to clone.
#[derive(Clone)]
pub struct Sender(Arc<Inner>);

struct Inner {
    store: Store,
    routes: BTreeMap<String, Route>,
    names: BTreeMap<ComponentId, ComponentName>,
    public_url: String,
    mailer: Option<mail::Mailer>,
    http: reqwest::Client,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
    observer: Observer,
}

enum Route {
    Webhook { url: Url, secret: Option<Secret> },
    Mail { to: Mailbox },
}

impl Sender {
    /// A sender over `store`. `http` comes from `HttpClients::plain(SEND_WITHIN)`: it bounds
    /// the time and follows no redirects.
    ///
    /// # Errors
    /// All mistakes of the settings at once.
    pub fn new(
        store: Store,
        settings: Settings,
        http: reqwest::Client,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
        observer: Observer,
    ) -> Result<Sender, Vec<Mistake>> {
        let mut mistakes = Vec::new();
        let mut routes = BTreeMap::new();
        let mut keys = BTreeSet::new();
        for target in settings.targets {
            if !keys.insert(target.key.clone()) {
                mistakes.push(Mistake::Twice(target.key));
                continue;
            }
            match route(&target.key, target.kind, settings.smtp.is_some()) {
                Ok(route) => {
                    routes.insert(target.key, route);
                }
                Err(mistake) => mistakes.push(mistake),
            }
        }
        let mailer = match settings
            .smtp
            .map(|smtp| mail::Mailer::new(&smtp, CONNECT_WITHIN))
        {
            None => None,
            Some(Ok(mailer)) => Some(mailer),
            Some(Err(mistake)) => {
                mistakes.push(mistake);
                None
            }
        };
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        Ok(Sender(Arc::new(Inner {
            store,
            routes,
            names: settings.names,
            public_url: settings.public_url.trim_end_matches('/').to_owned(),
            mailer,
            http,
            clock,
            random,
            observer,
        })))
    }

    /// Sends until `stop` turns true, then finishes what is on its way. Woken by the store's
    /// changes and by the clock; a database that is away is asked again, ever less often.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut changes = self.0.store.changes();
        let mut sending = JoinSet::new();
        let mut failures = 0_i64;
        while !*stop.borrow() {
            changes.borrow_and_update();
            let pause = match self.claim_what_is_due(&mut sending).await {
                Ok(pause) => {
                    failures = 0;
                    pause
                }
                Err(store::Error::Closed) => break,
                Err(error) => {
                    failures += 1;
                    let pause = wait(failures, Again::Soon, &*self.0.random).min(LOOK_EVERY);
                    tracing::warn!(%error, "the outbox cannot be read; alerts wait");
                    pause
                }
            };
            let has_room = sending.len() < AT_ONCE && failures == 0;
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => break,
                Some(ended) = sending.join_next() => { note(ended); }
                _ = changes.changed(), if has_room => {}
                () = sleep(pause) => {}
            }
        }
        let finish = async {
            while let Some(ended) = sending.join_next().await {
                note(ended);
            }
        };
        if timeout(FINISH_WITHIN, finish).await.is_err() {
            tracing::warn!("alerts on their way were broken off; they will be sent again");
        }
    }

    /// Sends everything that is due now, and waits until it is sent or put off.
    ///
    /// # Errors
    /// Where the outbox cannot be read.
    pub async fn drain_once(&self) -> Result<Drained, store::Error> {
        let mut drained = Drained::default();
        let mut sending = JoinSet::new();
        loop {
            let pause = self.claim_what_is_due(&mut sending).await?;
            match sending.join_next().await.and_then(note) {
                Some(Attempt::Sent) => drained.sent += 1,
                Some(Attempt::Failed) => drained.failed += 1,
                Some(Attempt::GivenUp) => drained.given_up += 1,
                None if pause == CONTENDED => sleep(pause).await,
                None => return Ok(drained),
            }
        }
    }

    /// Claims and starts as many due messages as there is room for. Gives how long there is
    /// nothing to do if nothing changes.
    async fn claim_what_is_due(
        &self,
        sending: &mut JoinSet<Attempt>,
    ) -> Result<Duration, store::Error> {
        while sending.len() < AT_ONCE {
            let now = self.0.clock.now();
            let due = self
                .0
                .store
                .read(|mut conn| Box::pin(async move { outbox::next_due(&mut conn, now).await }));
            match due.await? {
                Some(due) if due <= now => {}
                Some(due) => return Ok(due.since(now).min(LOOK_EVERY)),
                None => return Ok(LOOK_EVERY),
            }
            let claim = self.0.store.write(move |mut conn| {
                Box::pin(async move { outbox::claim(&mut conn, now, CLAIM_FOR).await })
            });
            let Some(message) = claim.await? else {
                return Ok(CONTENDED);
            };
            let inner = Arc::clone(&self.0);
            sending.spawn(async move { inner.deliver(message).await });
        }
        Ok(LOOK_EVERY)
    }
}

/// Another sender was quicker; there may be more.
const CONTENDED: Duration = Duration::from_millis(20);

fn note(ended: Result<Attempt, tokio::task::JoinError>) -> Option<Attempt> {
    ended
        .inspect_err(|error| tracing::error!(%error, "the sending of an alert crashed"))
        .ok()
}

fn route(key: &str, kind: Kind, has_server: bool) -> Result<Route, Mistake> {
    match kind {
        Kind::Webhook { url, secret } => {
            if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() {
                return Err(Mistake::Scheme(key.to_owned()));
            }
            Ok(Route::Webhook { url, secret })
        }
        Kind::Mail { to } => {
            let to = mail::mailbox(&to)?;
            if !has_server {
                return Err(Mistake::NoServer(key.to_owned()));
            }
            Ok(Route::Mail { to })
        }
    }
}

fn kind_of(target: &str) -> &'static str {
    match target.split_once(':') {
        Some(("webhook", _)) => "webhook",
        Some(("mail", _)) => "mail",
        _ => "other",
    }
}

impl Inner {
    async fn deliver(&self, message: Message) -> Attempt {
        let tried = timeout(SEND_WITHIN, self.send(&message)).await;
        let outcome = tried.unwrap_or_else(|_| Err(Failure::soon("no answer in time")));
        let now = self.clock.now();
        let target = shown(&message.target);
        let (id, attempts) = (message.id, message.attempts);
        let attempt = match outcome {
            Ok(()) => {
                tracing::info!(id, target, attempts, "an alert was sent");
                self.settle(message, Ending::Sent).await;
                Attempt::Sent
            }
            Err(failure) => {
                let reason = failure.reason;
                let wait = wait(attempts, failure.again, &*self.random);
                match next_try(message.created_at, now, wait) {
                    Some(due) => {
                        tracing::warn!(id, target, attempts, reason, next_try = %due, "an alert was not sent");
                        self.settle(message, Ending::Later(due, reason)).await;
                        Attempt::Failed
                    }
                    None => {
                        tracing::error!(id, target, attempts, reason, "an alert was given up");
                        self.settle(message, Ending::GivenUp(reason)).await;
                        Attempt::GivenUp
                    }
                }
            }
        };
        (self.observer)(kind_of(&target), attempt);
        attempt
    }

    async fn send(&self, message: &Message) -> Result<(), Failure> {
        // A target that was taken out of the configuration may come back within the day.
        let Some(route) = self.routes.get(&message.target) else {
            return Err(Failure::late("no such target is configured"));
        };
        let notice = self.notice(message).await?;
        match route {
            Route::Webhook { url, secret } => {
                webhook::send(&self.http, url, secret.as_ref(), &notice, &*self.clock).await
            }
            Route::Mail { to } => {
                let Some(mailer) = &self.mailer else {
                    return Err(Failure::late("no mail server is configured"));
                };
                mailer.send(to, &notice, self.clock.now()).await
            }
        }
    }

    /// What a message is about, with the names that people know.
    async fn notice(&self, message: &Message) -> Result<Notice, Failure> {
        let payload = serde_json::from_str(&message.payload)
            .map_err(|_| Failure::late("this version cannot read the message"))?;
        let once_key = message.once_key.clone();
        let alert = match payload {
            Payload::Outage(alert) => *alert,
            Payload::Disk(alert) => return Ok(Notice::Disk { once_key, alert }),
            Payload::Blocked(alert) => {
                let known = self.names_of_flows().await?.flow(&alert.flow).cloned();
                return Ok(Notice::Blocked {
                    once_key,
                    name: known.unwrap_or_else(|| alert.blocked_flow.as_str().into()),
                    alert,
                });
            }
        };
        let name = self.names.get(&alert.outage.component).cloned();
        Ok(Notice::Outage(Box::new(Subject {
            once_key,
            created_at: message.created_at,
            url: format!("{}/outages/{}", self.public_url, alert.outage.id),
            name: name.unwrap_or_else(|| {
                let key = alert.outage.component.as_str().to_owned();
                ComponentName {
                    id: key.clone(),
                    en: key,
                }
            }),
            names: self.names_of_flows().await?,
            alert,
        })))
    }

    async fn names_of_flows(&self) -> Result<NameTable, Failure> {
        let read = self
            .store
            .read(|mut conn| Box::pin(async move { names::all(&mut conn).await }));
        read.await.map_err(|error| Failure::soon(error.to_string()))
    }

    /// Notes how a try ended. Without the note the message is sent twice, so a database that
    /// is away for a moment is asked again while the claim holds.
    async fn settle(&self, message: Message, ending: Ending) {
        let write = Arc::new((message, ending, self.clock.now()));
        for seconds in [1, 2, 4, 8, 0] {
            let write = Arc::clone(&write);
            let written = self.store.write(move |mut conn| {
                Box::pin(async move {
                    let (message, ending, now) = &*write;
                    match ending {
                        Ending::Sent => outbox::sent(&mut conn, message, *now).await,
                        Ending::Later(due, reason) => {
                            outbox::later(&mut conn, message, *due, reason).await
                        }
                        Ending::GivenUp(reason) => {
                            outbox::give_up(&mut conn, message, *now, reason).await
                        }
                    }
                })
            });
            match written.await {
                Ok(()) => return,
                Err(store::Error::Closed) => break,
                Err(error) => tracing::warn!(%error, "the end of a try could not be noted"),
            }
            sleep(Duration::from_secs(seconds)).await;
        }
        tracing::error!("the end of a try was not noted; the message will be sent again");
    }
}

enum Ending {
    Sent,
    Later(crate::domain::Moment, String),
    GivenUp(String),
}
