//! Browsers that signed in before. Such a browser has a cookie with a random token for each
//! account; the database holds only its hash. It says nothing of the account and opens nothing:
//! with it, tries at the account's password have a budget that strangers cannot spend.

use std::time::Duration;

use axum::http::HeaderMap;
use axum::http::header::{HeaderName, HeaderValue};
use data_encoding::BASE64URL_NOPAD;
use sha2::{Digest, Sha256};

use super::cookies;
use crate::domain::{Random, random};

const NAME: &str = "siaga-device";
/// Parts the tokens: no character of their encoding.
const BETWEEN: char = '.';
/// Accounts that one browser is known for: as many people may share a computer at a counter.
const MAX_TOKENS: usize = 16;
/// How long a browser stays known after its last sign-in to the account.
pub const LASTS: Duration = Duration::from_secs(180 * 86_400);

type Token = [u8; 16];

/// What a browser's device cookie holds. Whatever it says is a claim until its hash is found.
#[derive(Clone, Default)]
pub struct Devices {
    tokens: Vec<Token>,
}

impl Devices {
    /// Of a request; at most [`MAX_TOKENS`], and what is malformed is passed over.
    pub fn of(headers: &HeaderMap, https: bool) -> Self {
        let text = cookies::value(headers, NAME, https).unwrap_or_default();
        let tokens = text
            .split(BETWEEN)
            .take(MAX_TOKENS)
            .filter_map(|part| {
                BASE64URL_NOPAD
                    .decode(part.as_bytes())
                    .ok()?
                    .try_into()
                    .ok()
            })
            .collect();
        Devices { tokens }
    }

    /// Whether the browser claims no device at all.
    pub fn is_empty(&self) -> bool {
        self.tokens.is_empty()
    }

    /// The hash of the token that is among an account's `known` ones.
    pub fn known_among(&self, known: &[Vec<u8>]) -> Option<Vec<u8>> {
        let mut hashes = self.tokens.iter().map(hash);
        hashes.find(|hash| known.contains(hash))
    }

    /// The hash of a new token, which stands first in the cookie from now on.
    pub fn add(&mut self, random: &dyn Random) -> Vec<u8> {
        let token: Token = random::bytes(random);
        self.tokens.insert(0, token);
        self.tokens.truncate(MAX_TOKENS);
        hash(&token)
    }

    /// The header that sets the cookie.
    pub fn cookie(&self, https: bool) -> (HeaderName, HeaderValue) {
        let tokens: Vec<String> = self
            .tokens
            .iter()
            .map(|token| BASE64URL_NOPAD.encode(token))
            .collect();
        let value = tokens.join(&BETWEEN.to_string());
        cookies::set(NAME, &value, https, Some(LASTS))
    }
}

fn hash(token: &Token) -> Vec<u8> {
    Sha256::digest(token).to_vec()
}
