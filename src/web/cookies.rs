//! Reading and setting the cookies of staff. The public gets none.

use std::time::Duration;

use axum::http::HeaderMap;
use axum::http::header::{COOKIE, HeaderName, HeaderValue, SET_COOKIE};
use axum_extra::extract::cookie::{Cookie, SameSite};

/// The name as browsers know it. The prefix makes them refuse the cookie without HTTPS or from
/// another host, so it cannot be used where we are reached by plain HTTP.
fn full_name(name: &str, https: bool) -> String {
    let prefix = if https { "__Host-" } else { "" };
    format!("{prefix}{name}")
}

/// What the request's cookie `name` says.
pub(super) fn value(headers: &HeaderMap, name: &str, https: bool) -> Option<String> {
    let name = full_name(name, https);
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|line| line.to_str().ok())
        .flat_map(Cookie::split_parse)
        .filter_map(Result::ok)
        .find(|cookie| cookie.name() == name)
        .map(|cookie| cookie.value().to_owned())
}

/// The header that sets the cookie `name`. Without `max_age` it ends with the browser's session; zero
/// removes it.
pub(super) fn set(
    name: &str,
    value: &str,
    https: bool,
    max_age: Option<Duration>,
) -> (HeaderName, HeaderValue) {
    let mut cookie = Cookie::build((full_name(name, https), value))
        .http_only(true)
        .same_site(SameSite::Strict)
        .path("/")
        .secure(https)
        .build()
        .to_string();
    if let Some(age) = max_age {
        cookie.push_str(&format!("; Max-Age={}", age.as_secs()));
    }
    let value = HeaderValue::try_from(cookie).unwrap_or(HeaderValue::from_static(""));
    (SET_COOKIE, value)
}
