//! Sessions of staff: the cookie, its token, and the checks that a form comes from our own
//! page. The token is 256 random bits; the database holds only its hash.

use std::time::Duration;

use axum::http::header::{COOKIE, HOST, HeaderValue, ORIGIN, SET_COOKIE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Redirect, Response};
use axum_extra::extract::cookie::{Cookie, SameSite};
use data_encoding::BASE64URL_NOPAD;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::desk::Desk;
use super::lang::Lang;
use super::layout;
use crate::domain::case::Role;
use crate::domain::{office, random};
use crate::store::staff::{self, Member};
use crate::store::{self};

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

fn cookie_name(https: bool) -> &'static str {
    // The prefix makes browsers refuse it without HTTPS or from another host.
    if https { "__Host-siaga" } else { "siaga" }
}

fn token_of(headers: &HeaderMap, https: bool) -> Option<Vec<u8>> {
    let text = headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(Cookie::split_parse)
        .filter_map(Result::ok)
        .find(|cookie| cookie.name() == cookie_name(https))?
        .value()
        .to_owned();
    let token = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
    (token.len() == 32).then_some(token)
}

fn set_cookie(https: bool, token: &str, max_age: Option<u32>) -> HeaderValue {
    let mut cookie = Cookie::build((cookie_name(https), token))
        .http_only(true)
        .same_site(SameSite::Strict)
        .path("/")
        .secure(https)
        .build()
        .to_string();
    if let Some(seconds) = max_age {
        cookie.push_str(&format!("; Max-Age={seconds}"));
    }
    HeaderValue::try_from(cookie).unwrap_or(HeaderValue::from_static(""))
}

/// Opens a session for `member`. Gives the cookie to set.
pub async fn open(
    desk: &Desk,
    member: &Member,
) -> Result<(axum::http::HeaderName, HeaderValue), store::Error> {
    let token: [u8; 32] = random::bytes(&*desk.random);
    let csrf = BASE64URL_NOPAD.encode(&random::bytes::<32>(&*desk.random));
    let hash = Sha256::digest(token).to_vec();
    let (now, id) = (desk.clock.now(), member.id.clone());
    again_if_raced(|| {
        let (hash, csrf, id) = (hash.clone(), csrf.clone(), id.clone());
        desk.store.write(move |mut conn| {
            Box::pin(async move {
                staff::close_expired(&mut conn, now).await?;
                staff::open_session(&mut conn, hash, &id, &csrf, now, LASTS).await?;
                staff::note(&mut conn, &id, "sign-in", None, now).await
            })
        })
    })
    .await?;
    let cookie = set_cookie(desk.site.is_https(), &BASE64URL_NOPAD.encode(&token), None);
    Ok((SET_COOKIE, cookie))
}

/// Ends the session. Gives the cookie that removes it from the browser.
pub async fn close(
    desk: &Desk,
    who: &SignedIn,
) -> Result<(axum::http::HeaderName, HeaderValue), store::Error> {
    let now = desk.clock.now();
    again_if_raced(|| {
        let (hash, id) = (who.token_hash.clone(), who.member.id.clone());
        desk.store.write(move |mut conn| {
            Box::pin(async move {
                staff::close_session(&mut conn, hash).await?;
                staff::note(&mut conn, &id, "sign-out", None, now).await
            })
        })
    })
    .await?;
    Ok((SET_COOKIE, set_cookie(desk.site.is_https(), "", Some(0))))
}

/// Who sent this request, if they are signed in.
pub async fn who(desk: &Desk, headers: &HeaderMap) -> Result<Option<SignedIn>, store::Error> {
    let Some(token) = token_of(headers, desk.site.is_https()) else {
        return Ok(None);
    };
    let token_hash = Sha256::digest(token).to_vec();
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

/// Adds to the audit trail that someone looked at something: before it is shown.
pub async fn note(
    desk: &Desk,
    who: &SignedIn,
    action: &str,
    report: Option<&str>,
) -> Result<(), store::Error> {
    let now = desk.clock.now();
    again_if_raced(|| {
        let (id, action) = (who.member.id.clone(), action.to_owned());
        let report = report.map(str::to_owned);
        desk.store.write(move |mut conn| {
            Box::pin(
                async move { staff::note(&mut conn, &id, &action, report.as_deref(), now).await },
            )
        })
    })
    .await
}
