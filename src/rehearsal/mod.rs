//! The rehearsal site: stands in for Indonesia's stay-permit site, with a post office
//! beside it and faults that can be switched on. Owns everything that it shows and
//! remembers, in memory and bounded; knows of Siaga nothing but `domain`.
//!
//! # Addresses, selectors and fields
//!
//! Every page has `.rehearsal` (the notice); signed-in pages have `meta[name=csrf]`, pages
//! of one application have `meta[name=draft]` (its id, the same from the draft on). Ids of
//! inputs are their names unless said otherwise. Every form carries its token as the hidden
//! field `csrf`. Indonesian unless `?lang=en` (kept in a cookie). A wrong token answers 403;
//! a form with mistakes answers 422 with `.refused`; success redirects with 303.
//!
//! | address | what is there |
//! |---|---|
//! | `/` `/front/info` `/front/requirements` `/robots.txt` | public pages |
//! | `/front/help` | public; `iframe#terms` shows `/front/terms` (`#terms-title`) |
//! | `/front/login` | `form#login`: `#email` `#password`; leads to `/web/applications`; `/front/login?expired=1` says "Sesi berakhir" in `.notice` |
//! | `/front/logout` | POST, `form#logout` on every signed-in page |
//! | `/web/applications` | "Daftar permohonan"; `#permits tr[data-register]` with `form.extend` in each row (the first is `form#extend`), which opens a draft; `#applications tr[data-id][data-status]`, the newest 20, each with `a.timeline` and `a.withdraw` |
//! | `/web/extension/{draft}/step_1` | `form#step_1`: radio `role` (`#role_holder` `#role_guarantor`), selects `#permit_type` (voa itk itas itap) `#duration` (30 60 180 365) `#province` `#office`, date `#arrived_on` (not in the future) |
//! | `/web/extension/{draft}/step_2` | `form#step_2`: `#full_name` `#passport_number` `#nationality` (select; filled in, as is `#contact_email`) `#birthplace` `#birth_date` `#phone` `#address` `#postcode` (5 digits) `#contact_email` `#contact_email_again` |
//! | `/web/extension/{draft}/step_3` | `form#step_3`: `#guarantor_name` `#guarantor_nik` (16 digits) `#guarantor_phone` `#guarantor_address` `#purpose` |
//! | | mistakes: `.field.wrong[data-field=NAME] .error` |
//! | `/web/extension/{draft}/documents` | `form#documents`, multipart, any subset at a time: `#passport` (JPEG or PNG) `#photo` (JPEG or PNG, at least 400 × 600) `#guarantee` (PDF), each at most 2 MB (2,097,152 bytes); `.uploaded[data-name=passport][data-size]`, `.refused[data-name=passport]`; when all three are there `a#to-review` |
//! | `/web/extension/{draft}/review` | `form#review`: checkbox `#declaration` (`yes`) |
//! | `/web/applications/{id}/submitted` | `#register-number` (`PIT` and 12 digits), `.status[data-status]`, `#billing-code` once verified; `a#to-timeline`, `a#print` (in a window of its own), `a#download`, `a.withdraw` |
//! | `/web/applications/{id}/timeline` | `#app`, drawn by script: `#app .events li[data-kind]`; has `data-ready` when it is done |
//! | `/web/applications/{id}/print` `…/application.txt` | the application to print, and as a download |
//! | `/web/applications/{id}/withdraw` | `form#withdraw`; or one visit with `?confirm=` and the token of `meta[name=csrf]`; leads to `/web/applications` with `.notice`. A draft disappears, what was handed in stays as `withdrawn` |
//! | `/track` | public; `form#track` (GET): `#register` `#passport`; `#result .status[data-status]` is `submitted`, `verified` or `withdrawn`; else `.refused` |
//!
//! # The front end
//!
//! One script, `/assets/app.{hash}.js`, adds what follows; without it everything but the
//! timeline works by plain pages. Forms are checked before they are sent (`.field.wrong
//! .error`). Each document's input is hidden in a drop zone, `#drop-passport`, `#drop-photo`,
//! `#drop-guarantee`; `form#documents` is sent by XMLHttpRequest with a `progress` bar, and
//! `main` is replaced by the answer's without leaving the page. What is clearly too large or
//! of the wrong kind is `.refused[data-name]` at once. `a.withdraw` asks with `confirm()`
//! instead of on its page. `help-box` in the footer has an open shadow root (`#toggle`,
//! `#panel`). The script reads `/web/extension/{draft}/documents.json` and `/web/applications/{id}/events.json`,
//! which answer 401 to whoever is not signed in. Where script runs, the page itself holds
//! `form#documents[data-held]` back until the front end has started.
//!
//! The payment notice goes to the account's address: subject `Kode billing {15 digits} untuk
//! permohonan {register number}`, both again in the text.
//!
//! # Behind the scenes
//!
//! The site and the control server both serve `/_rehearsal/` (buttons), `/_rehearsal/mailbox`
//! and `/_rehearsal/mails.json` (every mail that the post office took), and
//! `/_rehearsal/faults`: GET gives `{"faults": […], "script": […]}`; PUT or POST replaces the
//! former with one fault, an array, or `{"faults": […]}`; DELETE clears it. A mistake answers
//! 400 with `{"error": …}` and changes nothing. All of it answers only to its own address in
//! `Host`, or `localhost`, and to no `Origin` but its own. The control server also has
//! `/generate_204`.
//!
//! A fault is `{"kind": …}` with the kind's own keys ([`KINDS`]) and, except for `refuse`,
//! any of `path` (a pattern with `*`), `every` (k-th request) and `percent`. Requests are
//! counted among those that the fault could strike: `upload_refused` and `upload_hangs` only
//! strike uploads, `draft_lost` the review's submit, `session_lost` `/web/…`,
//! `endless_spinner` the data that the script reads, `mail_missing` notices (give it no
//! `path`), all others every request but the stylesheet and the script. `script`,
//! `missing_bundle`, `endless_spinner`, `endless_loop`, `alert`, `alert_loop` and
//! `window_loop` are met only where scripts run: under the first three the drop zones and
//! the timeline are dead, and everything else works.

mod applications;
mod assets;
mod control;
mod copies;
mod documents;
mod extension;
mod extension_form;
mod fault_board;
mod faults;
mod faulty;
mod faulty_pages;
mod front;
mod hostile;
mod imap;
mod imap_fetch;
mod imap_search;
mod imap_words;
mod language;
mod lines;
mod officer;
mod post_office;
mod server;
mod site;
mod smtp;
mod timeline;
mod wire;
mod world;

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

pub use fault_board::FaultBoard;
pub use faults::{Fault, KINDS, Kind, ScriptedFault};

use crate::domain::{Clock, Random};
use post_office::PostOffice;
use server::Place;
use site::Site;

/// Clients that the post office talks to at once, at each of its doors.
const POST_OFFICE_CLIENTS: usize = 128;
/// How long one client of the post office may stay at all.
const POST_OFFICE_VISIT: Duration = Duration::from_secs(30 * 60);

/// How the rehearsal is set up.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where the site listens.
    pub listen: SocketAddr,
    /// Where the control server listens; `None` for no control server.
    pub control_listen: Option<SocketAddr>,
    /// Where the post office takes mail by SMTP.
    pub smtp_listen: SocketAddr,
    /// Where the post office hands mail out by IMAP.
    pub imap_listen: SocketAddr,
    /// An officer verifies an application so long after it was handed in.
    pub verify_after: Duration,
    /// Faults on a timetable, counted from the start.
    pub script: Vec<ScriptedFault>,
    /// The server that the site hands its notices to; `None` for its own post office.
    pub smtp_server: Option<SocketAddr>,
    /// The one account: e-mail address and password, of the site and of the mailbox.
    pub account: (String, String),
}

impl Default for Settings {
    fn default() -> Self {
        let local = |port| SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        Settings {
            listen: local(8090),
            control_listen: Some(local(8091)),
            smtp_listen: local(8025),
            imap_listen: local(8143),
            verify_after: Duration::from_secs(3),
            script: Vec::new(),
            smtp_server: None,
            account: (
                "probe@siaga.example".to_owned(),
                "rehearsal-only".to_owned(),
            ),
        }
    }
}

/// Why the rehearsal could not start, or why it ended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// An address is taken or not this machine's.
    #[error("the rehearsal cannot listen on {address} ({what})")]
    Listen {
        /// What was to listen there.
        what: &'static str,
        /// Where.
        address: SocketAddr,
        /// The system's reason.
        source: io::Error,
    },
    /// A part of the rehearsal ended though nobody stopped it.
    #[error("the rehearsal's {what} ended: {cause}")]
    Ended {
        /// Which part.
        what: &'static str,
        /// Why.
        cause: String,
    },
}

/// A rehearsal under way. Dropping it ends it at once; [`stop`](Self::stop) ends it in order.
pub struct Rehearsal {
    site: SocketAddr,
    control: Option<SocketAddr>,
    smtp: SocketAddr,
    imap: SocketAddr,
    board: Arc<FaultBoard>,
    parts: JoinSet<(&'static str, io::Result<()>)>,
    stopping: watch::Sender<bool>,
}

/// Binds every address and starts all parts. Port 0 takes any free port.
///
/// # Errors
/// When an address cannot be listened on.
pub async fn start(
    settings: Settings,
    clock: Arc<dyn Clock>,
    random: Arc<dyn Random>,
) -> Result<Rehearsal, Error> {
    let (site_place, site_listener) = listen("the site", settings.listen)?;
    let control = match settings.control_listen {
        Some(address) => Some(listen("the control server", address)?),
        None => None,
    };
    let (smtp_place, smtp_listener) = listen("the post office, SMTP", settings.smtp_listen)?;
    let (imap_place, imap_listener) = listen("the post office, IMAP", settings.imap_listen)?;
    let (smtp, imap) = (smtp_place.address(), imap_place.address());
    let notices_to = settings.smtp_server.unwrap_or(smtp);
    let account = settings.account.clone();

    let script = settings.script.clone();
    let board = Arc::new(FaultBoard::new(
        script,
        Arc::clone(&clock),
        Arc::clone(&random),
    ));
    let post_office = Arc::new(PostOffice::new(clock.now()));
    let site = Arc::new(Site::new(
        settings,
        Arc::clone(&board),
        Arc::clone(&post_office),
        Arc::clone(&clock),
        random,
    ));

    let (stopping, stop) = watch::channel(false);
    let mut parts = JoinSet::new();
    let mut rehearsal_control = None;
    if let Some((place, listener)) = control {
        rehearsal_control = Some(place.address());
        let router = control::control_router(Arc::clone(&site), place.address().ip());
        let never: server::Refusing = Arc::new(|| false);
        let serving = server::serve(place, listener, router, never, stop.clone());
        parts.spawn(async move { ("control server", serving.await) });
    }
    let site_address = site_place.address();
    let refusing: server::Refusing = {
        let board = Arc::clone(&board);
        Arc::new(move || board.refuses())
    };
    let router = site::router(Arc::clone(&site), site_address.ip());
    let serving = server::serve(site_place, site_listener, router, refusing, stop.clone());
    parts.spawn(async move { ("site", serving.await) });

    let kept = Arc::clone(&post_office);
    let taking = converse_with_all(smtp_listener, stop.clone(), move |stream| {
        smtp::converse(stream, Arc::clone(&kept), Arc::clone(&clock))
    });
    parts.spawn(async move { ("post office (SMTP)", taking.await) });
    let handing_out = converse_with_all(imap_listener, stop.clone(), move |stream| {
        imap::converse(stream, Arc::clone(&post_office), account.clone())
    });
    parts.spawn(async move { ("post office (IMAP)", handing_out.await) });

    let mut stop = stop;
    parts.spawn(async move {
        tokio::select! {
            () = officer::work(site, notices_to) => {}
            () = server::stopped(&mut stop) => {}
        }
        ("officer", Ok(()))
    });
    Ok(Rehearsal {
        site: site_address,
        control: rehearsal_control,
        smtp,
        imap,
        board,
        parts,
        stopping,
    })
}

fn listen(what: &'static str, address: SocketAddr) -> Result<(Place, TcpListener), Error> {
    let listening = Place::take(address).and_then(|place| {
        let listener = place.listen()?;
        Ok((place, listener))
    });
    listening.map_err(|source| Error::Listen {
        what,
        address,
        source,
    })
}

/// One conversation a client, until stopped.
async fn converse_with_all<F>(
    listener: TcpListener,
    mut stopping: watch::Receiver<bool>,
    converse: impl Fn(TcpStream) -> F,
) -> io::Result<()>
where
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    let mut clients = JoinSet::new();
    loop {
        tokio::select! {
            () = server::stopped(&mut stopping) => return Ok(()),
            Some(_) = clients.join_next() => {}
            accepted = listener.accept(), if clients.len() < POST_OFFICE_CLIENTS => {
                match accepted {
                    Ok((stream, _)) => {
                        let talk = tokio::time::timeout(POST_OFFICE_VISIT, converse(stream));
                        clients.spawn(async move {
                            if let Ok(Err(error)) = talk.await {
                                tracing::debug!(%error, "a client of the post office broke off");
                            }
                        });
                    }
                    Err(error) => {
                        tracing::warn!(%error, "a connection could not be accepted");
                        tokio::time::sleep(Duration::from_millis(50)).await;
                    }
                }
            }
        }
    }
}

impl Rehearsal {
    /// Where the site listens.
    pub fn site(&self) -> SocketAddr {
        self.site
    }

    /// Where the control server listens, if there is one.
    pub fn control(&self) -> Option<SocketAddr> {
        self.control
    }

    /// Where the post office takes mail by SMTP.
    pub fn smtp(&self) -> SocketAddr {
        self.smtp
    }

    /// Where the post office hands mail out by IMAP.
    pub fn imap(&self) -> SocketAddr {
        self.imap
    }

    /// The faults in force, to switch them.
    pub fn faults(&self) -> &FaultBoard {
        &self.board
    }

    /// Waits until a part ends though nobody stopped it; may be for ever.
    pub async fn failed(&mut self) -> Error {
        match self.parts.join_next().await {
            Some(Ok((what, ended))) => Error::Ended {
                what,
                cause: ended
                    .err()
                    .map_or("of itself".to_owned(), |error| error.to_string()),
            },
            Some(Err(error)) => Error::Ended {
                what: "task",
                cause: error.to_string(),
            },
            None => std::future::pending().await,
        }
    }

    /// Stops listening, lets answers under way finish for two seconds, and ends.
    pub async fn stop(mut self) {
        self.stopping.send_replace(true);
        while self.parts.join_next().await.is_some() {}
    }
}
