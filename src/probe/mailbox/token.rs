//! Access tokens for a mailbox that takes no password (XOAUTH2): fetched with a refresh token, kept
//! until shortly before they expire.
//!
//! Owns the exchange with the token endpoint (RFC 6749, 6). Whatever fails there is ours, and no
//! message repeats a token.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use reqwest::Url;
use serde::Deserialize;
use tokio::sync::Mutex;

use super::MailError;
use crate::domain::{Clock, Secret};

/// How long the token endpoint may take; of the client that [`AccessTokens::new`] is given.
pub const TOKEN_TIMEOUT: Duration = Duration::from_secs(10);
/// So long before a token expires a new one is fetched; of short-lived ones, at half their time.
const EXPIRY_MARGIN: Duration = Duration::from_secs(60);
/// How long a token holds of which the endpoint does not say it.
const USUAL_LIFETIME: Duration = Duration::from_secs(300);
/// The longest that a token is taken to hold.
const MAX_LIFETIME: Duration = Duration::from_secs(24 * 3600);
/// The most bytes of an answer.
const MAX_ANSWER: usize = 64 * 1024;
/// The most characters of the endpoint's own word for what is wrong.
const MAX_ERROR: usize = 40;

/// Where tokens come from, and what they are asked for with. `Debug` shows no secret.
#[derive(Clone, Debug)]
pub struct TokenSettings {
    /// The token endpoint.
    pub url: Url,
    /// Who we are to it.
    pub client_id: String,
    /// What proves that, where it asks for it.
    pub client_secret: Option<Secret>,
    /// What the mailbox's owner gave us.
    pub refresh_token: Secret,
}

/// Fetches and keeps access tokens.
pub struct AccessTokens {
    settings: TokenSettings,
    http: reqwest::Client,
    clock: Arc<dyn Clock>,
    known: Mutex<Known>,
}

#[derive(Default)]
struct Known {
    /// The newest token, and until when it is used on the monotonic clock.
    access: Option<(Secret, Duration)>,
    /// The newest refresh token, where the endpoint gave another one.
    refresh: Option<Secret>,
}

impl fmt::Debug for AccessTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccessTokens({})", self.settings.url)
    }
}

#[derive(Deserialize)]
struct Granted {
    access_token: String,
    expires_in: Option<u64>,
    refresh_token: Option<String>,
}

#[derive(Deserialize)]
struct Denied {
    error: String,
}

impl AccessTokens {
    /// Tokens by these settings. `http` bounds the time and follows no redirects.
    pub fn new(settings: TokenSettings, http: reqwest::Client, clock: Arc<dyn Clock>) -> Self {
        AccessTokens {
            settings,
            http,
            clock,
            known: Mutex::default(),
        }
    }

    /// A token that holds for a while.
    pub(super) async fn current(self: &Arc<Self>) -> Result<Secret, MailError> {
        let now = self.clock.monotonic();
        self.known_or_fetched(move |_, until| now < until).await
    }

    /// Another token than this one, which was refused.
    pub(super) async fn renewed(self: &Arc<Self>, refused: &Secret) -> Result<Secret, MailError> {
        let refused = refused.clone();
        let is_another = move |token: &Secret, _| token.reveal() != refused.reveal();
        self.known_or_fetched(is_another).await
    }

    /// The known token, where it serves. An exchange goes on when nobody waits for it any more: the
    /// endpoint may have taken the old refresh token for a new one, which must not be lost.
    async fn known_or_fetched(
        self: &Arc<Self>,
        serves: impl FnOnce(&Secret, Duration) -> bool + Send + 'static,
    ) -> Result<Secret, MailError> {
        let tokens = Arc::clone(self);
        let getting = tokio::spawn(async move {
            let mut known = tokens.known.lock().await;
            match &known.access {
                Some((token, until)) if serves(token, *until) => Ok(token.clone()),
                _ => tokens.fetch(&mut known).await,
            }
        });
        let gone = |error: tokio::task::JoinError| MailError::Unreachable(error.to_string());
        getting.await.map_err(gone)?
    }

    async fn fetch(&self, known: &mut Known) -> Result<Secret, MailError> {
        known.access = None;
        let TokenSettings {
            url,
            client_id,
            client_secret,
            refresh_token,
        } = &self.settings;
        let refresh_token = known.refresh.as_ref().unwrap_or(refresh_token);
        let mut form = vec![
            ("grant_type", "refresh_token"),
            ("refresh_token", refresh_token.reveal()),
            ("client_id", client_id),
        ];
        form.extend(
            client_secret
                .iter()
                .map(|secret| ("client_secret", secret.reveal())),
        );
        let asked_at = self.clock.monotonic();
        let unreachable = |error: reqwest::Error| {
            let why = match error.is_timeout() {
                true => "does not answer in time",
                false => "cannot be reached",
            };
            MailError::Unreachable(format!("the token endpoint {why}"))
        };
        let asked = self.http.post(url.clone()).form(&form).send().await;
        let mut answer = asked.map_err(unreachable)?;
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(unreachable)? {
            if body.len() + chunk.len() > MAX_ANSWER {
                let message = "the token endpoint's answer is too long".to_owned();
                return Err(MailError::Unreachable(message));
            }
            body.extend_from_slice(&chunk);
        }
        let status = answer.status();
        if !status.is_success() {
            return Err(denied(status.as_u16(), &body));
        }
        let granted: Granted = serde_json::from_slice(&body).map_err(|_| {
            MailError::Unreachable("the token endpoint's answer holds no token".to_owned())
        })?;
        let lifetime = granted
            .expires_in
            .map_or(USUAL_LIFETIME, Duration::from_secs);
        let lifetime = lifetime.min(MAX_LIFETIME);
        let used_for = lifetime.saturating_sub(EXPIRY_MARGIN).max(lifetime / 2);
        let token = Secret::new(granted.access_token);
        known.access = Some((token.clone(), asked_at + used_for));
        if let Some(newer) = granted.refresh_token.filter(|token| !token.is_empty()) {
            known.refresh = Some(Secret::new(newer));
        }
        Ok(token)
    }
}

/// What is said of an endpoint that gives no token: in its own word, where that is one. One that
/// denies for good is not asked again and again.
fn denied(status: u16, body: &[u8]) -> MailError {
    let denied = serde_json::from_slice::<Denied>(body).ok();
    let word = denied.map(|denied| denied.error).filter(|word| {
        word.len() <= MAX_ERROR && word.chars().all(|c| c.is_ascii_lowercase() || c == '_')
    });
    match word {
        Some(word) if (400..500).contains(&status) => {
            MailError::Refused(format!("the token endpoint says {word}"))
        }
        _ => MailError::Unreachable(format!("the token endpoint answers with status {status}")),
    }
}
