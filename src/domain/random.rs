//! Randomness as a parameter, and the identifiers made from it.

use super::Moment;

/// Where random bytes come from: the system's source in production, a seeded one in tests.
pub trait Random: Send + Sync + 'static {
    /// Fills the whole buffer.
    fn fill(&self, bytes: &mut [u8]);
}

/// `N` random bytes.
pub fn bytes<const N: usize>(random: &dyn Random) -> [u8; N] {
    let mut out = [0; N];
    random.fill(&mut out);
    out
}

/// A number evenly drawn from `0.0 .. 1.0`.
pub fn fraction(random: &dyn Random) -> f64 {
    let draw = u64::from_le_bytes(bytes(random)) >> 11;
    draw as f64 / (1_u64 << 53) as f64
}

/// A UUIDv7 in its usual text form: ids made later sort later.
pub fn id(now: Moment, random: &dyn Random) -> String {
    let milliseconds = u64::try_from(now.0).unwrap_or(0);
    uuid::Builder::from_unix_timestamp_millis(milliseconds, &bytes(random))
        .into_uuid()
        .to_string()
}
