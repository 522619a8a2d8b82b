//! Sessions of staff: the cookie, its token, and the checks that a form comes from our own
//! page. The token is 256 random bits; the database holds only its hash.

use std::time::Duration;

use axum::http::header::{HOST, HeaderName, HeaderValue, ORIGIN};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use data_encoding::BASE64URL_NOPAD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::cookies;
use super::desk::Desk;
use super::devices::{self, Devices};
use super::lang::Lang;
use super::layout;
use crate::domain::case::Role;
use crate::domain::{Moment, office, random};
use crate::store::audit::Entry;
use crate::store::staff::{self, Member};
use crate::store::{self, Conn};

/// How long a session lasts at most, used or not: a long working day.
pub const LASTS: Duration = Duration::from_secs(12 * 3600);
/// A session's last use is written down at most this often.
const SEEN_EVERY: Duration = Duration::from_secs(60);

/// Someone who is signed in.
#[derive(Clone)]
pub struct SignedIn {
    /// Who.
    pub member: Member,
    /// What forms of this session carry.
    pub csrf: String,
    token_hash: Vec<u8>,
}

/// Which cases someone may see.
#[derive(Clone, Copy, Debug)]
pub enum Scope {
    /// Of every office.
    All,
    /// Of this office only.
    Office(&'static office::Office),
    /// None: an operator, or an officer whose office does not exist (any more).
    None,
}

impl SignedIn {
    /// Which cases they may see.
    pub fn scope(&self) -> Scope {
        match self.member.role {
            Role::Supervisor => Scope::All,
            Role::Officer => {
                let office = self.member.office.as_deref().and_then(office::by_code);
                office.map_or(Scope::None, Scope::Office)
            }
            Role::Operator => Scope::None,
        }
    }

    /// Whether a form came with this session's token.
    pub fn sent(&self, csrf: &str) -> bool {
        self.csrf.as_bytes().ct_eq(csrf.as_bytes()).into()
    }
}

impl Scope {
    /// Whether cases of this office may be seen.
    pub fn covers(&self, code: &str) -> bool {
        match self {
            Scope::All => true,
            Scope::Office(own) => own.code == code,
            Scope::None => false,
        }
    }
}

const COOKIE: &str = "siaga";

/// The hash of the session token that a request brings, of a session that is open or not.
fn token_hash_of(desk: &Desk, headers: &HeaderMap) -> Option<Vec<u8>> {
    let text = cookies::value(headers, COOKIE, desk.site.is_https())?;
    let token = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
    (token.len() == 32).then(|| Sha256::digest(token).to_vec())
}

/// A header that sets or removes a cookie.
pub type SetCookie = (HeaderName, HeaderValue);

/// A session before it is written.
#[derive(Clone)]
struct NewSession {
    token: [u8; 32],
    csrf: String,
}

impl NewSession {
    fn draw(desk: &Desk) -> Self {
        NewSession {
            token: random::bytes(&*desk.random),
            csrf: BASE64URL_NOPAD.encode(&random::bytes::<32>(&*desk.random)),
        }
    }

    async fn open(
        &self,
        conn: &mut Conn<'_>,
        staff: &str,
        now: Moment,
    ) -> Result<(), store::Error> {
        let hash = Sha256::digest(self.token).to_vec();
        staff::open_session(conn, hash, staff, &self.csrf, now, LASTS).await
    }

    fn cookie(&self, https: bool) -> SetCookie {
        cookies::set(COOKIE, &BASE64URL_NOPAD.encode(&self.token), https, None)
    }
}

/// Opens a session for `member`, whose password was found right, and makes the browser known;
/// `known` is the hash of its device where it was known before. The session that this browser
/// had before ends. Gives the cookies to set, or `None` where the account was changed
/// meanwhile.
pub async fn open(
    desk: &Desk,
    member: &Member,
    headers: &HeaderMap,
    known: Option<Vec<u8>>,
) -> Result<Option<[SetCookie; 2]>, store::Error> {
    let https = desk.site.is_https();
    let new = NewSession::draw(desk);
    let before = token_hash_of(desk, headers);
    let mut devices = Devices::of(headers, https);
    let added = known.is_none().then(|| devices.add(&*desk.random));
    let now = desk.clock.now();
    let opened = again_if_raced(|| {
        let (member, new, before) = (member.clone(), new.clone(), before.clone());
        let (known, added) = (known.clone(), added.clone());
        let audit = desk.audit();
        desk.store.write(move |mut conn| {
            Box::pin(async move {
                let id = &member.id;
                if !staff::signed_in(&mut conn, id, &member.password_hash, now).await? {
                    return Ok(false);
                }
                if let Some(before) = before {
                    staff::close_session(&mut conn, before).await?;
                }
                staff::close_expired(&mut conn, now).await?;
                store::devices::forget_old(&mut conn, now - devices::LASTS).await?;
                new.open(&mut conn, id, now).await?;
                if let Some(known) = known {
                    store::devices::seen(&mut conn, known, now).await?;
                }
                if let Some(added) = added {
                    store::devices::add(&mut conn, added, id, now).await?;
                }
                audit
                    .note(&mut conn, &of_account(id, "sign-in"), now)
                    .await?;
                Ok(true)
            })
        })
    })
    .await?;
    Ok(opened.then(|| [new.cookie(https), devices.cookie(https)]))
}

/// Gives whoever is signed in another password, of this hash: all their sessions end and their
/// browsers are unknown, and this browser gets a new session and is known. Gives the cookies to
/// set, or `None` where the account was changed meanwhile.
pub async fn change_password(
    desk: &Desk,
    who: &SignedIn,
    headers: &HeaderMap,
    hash: &str,
) -> Result<Option<[SetCookie; 2]>, store::Error> {
    let https = desk.site.is_https();
    let new = NewSession::draw(desk);
    let mut devices = Devices::of(headers, https);
    let device = devices.add(&*desk.random);
    let now = desk.clock.now();
    let changed = again_if_raced(|| {
        let (member, hash) = (who.member.clone(), hash.to_owned());
        let (new, device, audit) = (new.clone(), device.clone(), desk.audit());
        desk.store.write(move |mut conn| {
            Box::pin(async move {
                let (id, before) = (&member.id, &member.password_hash);
                if !staff::change_password(&mut conn, id, before, &hash).await? {
                    return Ok(false);
                }
                new.open(&mut conn, id, now).await?;
                store::devices::add(&mut conn, device, id, now).await?;
                let entry = of_account(id, "own password changed");
                audit.note(&mut conn, &entry, now).await?;
                Ok(true)
            })
        })
    })
    .await?;
    Ok(changed.then(|| [new.cookie(https), devices.cookie(https)]))
}

/// Ends the session. Gives the cookie that removes it from the browser.
pub async fn close(desk: &Desk, who: &SignedIn) -> Result<SetCookie, store::Error> {
    let now = desk.clock.now();
    again_if_raced(|| {
        let (hash, id) = (who.token_hash.clone(), who.member.id.clone());
        let audit = desk.audit();
        desk.store.write(move |mut conn| {
            Box::pin(async move {
                staff::close_session(&mut conn, hash).await?;
                audit
                    .note(&mut conn, &of_account(&id, "sign-out"), now)
                    .await
            })
        })
    })
    .await?;
    let https = desk.site.is_https();
    Ok(cookies::set(COOKIE, "", https, Some(Duration::ZERO)))
}

/// Who sent this request, if they are signed in.
pub async fn who(desk: &Desk, headers: &HeaderMap) -> Result<Option<SignedIn>, store::Error> {
    let Some(token_hash) = token_hash_of(desk, headers) else {
        return Ok(None);
    };
    let now = desk.clock.now();
    let hash = token_hash.clone();
    let session = desk
        .store
        .read(|mut conn| Box::pin(async move { staff::session(&mut conn, hash, now).await }))
        .await?;
    let Some(session) = session else {
        return Ok(None);
    };
    if now.since(session.seen_at) >= SEEN_EVERY {
        let hash = token_hash.clone();
        desk.store
            .write(move |mut conn| Box::pin(async move { staff::seen(&mut conn, hash, now).await }))
            .await?;
    }
    Ok(Some(SignedIn {
        member: session.member,
        csrf: session.csrf,
        token_hash,
    }))
}

/// The same, or the way to the sign-in page, or the word that the database fails.
pub async fn required(desk: &Desk, headers: &HeaderMap, lang: Lang) -> Result<SignedIn, Response> {
    match who(desk, headers).await {
        Ok(Some(who)) => Ok(who),
        Ok(None) => Err(Redirect::to(&layout::address(lang, "/office/sign-in")).into_response()),
        Err(error) => {
            tracing::error!(%error, "a session could not be read");
            Err(StatusCode::SERVICE_UNAVAILABLE.into_response())
        }
    }
}

/// Whether a browser says that a form was sent from a page of ours. Programs say nothing
/// and pass; the session's token in the form stops what is left.
pub fn from_our_own_page(headers: &HeaderMap, own_url: &str) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        return site == "same-origin" || site == "none";
    }
    let Some(origin) = text(ORIGIN.as_str()) else {
        return true;
    };
    let Some((_, authority)) = origin.split_once("://") else {
        return false;
    };
    let own = own_url.split_once("://").map(|(_, rest)| rest);
    text(HOST.as_str()) == Some(authority)
        || own.map(|own| own.trim_end_matches('/')) == Some(authority)
}

/// Writes that add to the audit trail may meet another's entry on PostgreSQL; then they are
/// run again, on top of it.
pub async fn again_if_raced<T, F>(mut write: impl FnMut() -> F) -> Result<T, store::Error>
where
    F: Future<Output = Result<T, store::Error>>,
{
    const TIMES: usize = 25;
    for _ in 1..TIMES {
        match write().await {
            Err(error) if error.is_duplicate() => {}
            other => return other,
        }
    }
    write().await
}

/// Adds to the audit trail that someone looked at something, or was refused it: before it is
/// shown.
pub async fn note(
    desk: &Desk,
    who: &SignedIn,
    action: &str,
    report: Option<&str>,
) -> Result<(), store::Error> {
    add_to_trail(desk, who, action, report, Vec::new()).await
}

/// The same of a list, by the ids of the reports that it shows.
pub async fn note_list(
    desk: &Desk,
    who: &SignedIn,
    action: &str,
    shown: Vec<String>,
) -> Result<(), store::Error> {
    add_to_trail(desk, who, action, None, shown).await
}

async fn add_to_trail(
    desk: &Desk,
    who: &SignedIn,
    action: &str,
    report: Option<&str>,
    shown: Vec<String>,
) -> Result<(), store::Error> {
    let now = desk.clock.now();
    let entry = Entry {
        staff: who.member.id.clone(),
        action: action.to_owned(),
        report: report.map(str::to_owned),
        shown,
    };
    again_if_raced(|| {
        let (audit, entry) = (desk.audit(), entry.clone());
        desk.store.write(move |mut conn| {
            Box::pin(async move { audit.note(&mut conn, &entry, now).await })
        })
    })
    .await
}

/// An entry of the trail about an account and nothing else.
fn of_account(staff: &str, action: &str) -> Entry {
    Entry {
        staff: staff.to_owned(),
        action: action.to_owned(),
        ..Entry::default()
    }
}
