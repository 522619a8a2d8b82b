//! One-time codes for signing in: RFC 6238, with the SHA-1, six digits and thirty seconds that
//! authenticator apps use.

use data_encoding::BASE32_NOPAD;
use ring::hmac;

use crate::domain::Moment;

/// How long a code holds, in seconds.
const STEP: i64 = 30;
/// The digits of a code.
const DIGITS: u32 = 6;

/// The code at a time; `None` where the secret is not written in base32.
pub fn code(secret: &str, at: Moment) -> Option<String> {
    // People copy them in groups, with padding, and in either case.
    let letters = secret
        .chars()
        .filter(|c| !c.is_whitespace() && !matches!(c, '-' | '='));
    let letters = letters.collect::<String>().to_ascii_uppercase();
    let mut spelling = BASE32_NOPAD.specification();
    spelling.check_trailing_bits = false;
    let key = spelling.encoding().ok()?.decode(letters.as_bytes()).ok()?;
    if key.is_empty() {
        return None;
    }
    let counter = u64::try_from(at.timestamp().as_second() / STEP).ok()?;
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &key);
    let tag = hmac::sign(&key, &counter.to_be_bytes());
    let tag = tag.as_ref();
    let from = usize::from(tag.last()? & 0x0f);
    let word: [u8; 4] = tag.get(from..from + 4)?.try_into().ok()?;
    let number = (u32::from_be_bytes(word) & 0x7fff_ffff) % 10_u32.pow(DIGITS);
    Some(format!("{number:06}"))
}
