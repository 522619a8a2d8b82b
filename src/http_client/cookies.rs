//! Cookies that can be forgotten.

use std::sync::{PoisonError, RwLock};

use reqwest::cookie::{CookieStore, Jar};
use reqwest::header::HeaderValue;
use url::Url;

/// The cookies of one client.
#[derive(Default)]
pub struct Cookies(RwLock<Jar>);

impl Cookies {
    /// Adds one, as a `Set-Cookie` header from `url` would.
    pub fn add(&self, cookie: &str, url: &Url) {
        self.with(|jar| jar.add_cookie_str(cookie, url));
    }

    /// Forgets all of them.
    pub(super) fn forget(&self) {
        *self.0.write().unwrap_or_else(PoisonError::into_inner) = Jar::default();
    }

    fn with<T>(&self, act: impl FnOnce(&Jar) -> T) -> T {
        act(&self.0.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl CookieStore for Cookies {
    fn set_cookies(&self, set: &mut dyn Iterator<Item = &HeaderValue>, url: &Url) {
        self.with(|jar| jar.set_cookies(set, url));
    }

    fn cookies(&self, url: &Url) -> Option<HeaderValue> {
        self.with(|jar| jar.cookies(url))
    }
}
