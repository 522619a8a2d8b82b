//! References of reports: twelve Crockford base-32 characters and a check character,
//! written `7K3M-9QXR-2TWA-5`. A reference names a report; it opens nothing.

use std::fmt;
use std::str::FromStr;

use super::{Random, random};

const DIGITS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
const CHECKS: &[u8; 37] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ*~$=U";

/// A reference with a right check character.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference(u64);

/// Why a text is not a reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReferenceError {
    /// Not twelve characters and a check character.
    #[error("a reference has twelve characters and a check character")]
    Length,
    /// A character that references do not use.
    #[error("a reference has only digits and letters")]
    Character,
    /// The check character does not fit: mistyped.
    #[error("the check character does not fit: one character is mistyped")]
    Check,
}

impl Reference {
    /// A new one, drawn at random; its check character is a digit or a letter that
    /// references use elsewhere too, so that it can be said on the telephone.
    pub fn draw(random: &dyn Random) -> Self {
        let value = u64::from_le_bytes(random::bytes(random)) >> 4;
        let sayable = value % 37 < DIGITS.len() as u64;
        Reference(if sayable { value } else { value - 5 })
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for place in 0..12_u32 {
            let digit = (self.0 >> (5 * (11 - place))) & 31;
            let character = DIGITS.get(digit as usize).copied().unwrap_or(b'0');
            write!(f, "{}", char::from(character))?;
            if place % 4 == 3 {
                f.write_str("-")?;
            }
        }
        let check = CHECKS.get((self.0 % 37) as usize).copied().unwrap_or(b'0');
        write!(f, "{}", char::from(check))
    }
}

impl fmt::Debug for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Reads what people type: any case, with or without hyphens and spaces, `O` for 0, `I`
/// and `L` for 1.
impl FromStr for Reference {
    type Err = ReferenceError;
    fn from_str(text: &str) -> Result<Self, ReferenceError> {
        let typed: Vec<char> = text
            .chars()
            .filter(|c| *c != '-' && !c.is_whitespace())
            .map(|c| c.to_ascii_uppercase())
            .collect();
        let [body @ .., check] = typed.as_slice() else {
            return Err(ReferenceError::Length);
        };
        if body.len() != 12 {
            return Err(ReferenceError::Length);
        }
        let mut value = 0_u64;
        for character in body {
            let read = match character {
                'O' => '0',
                'I' | 'L' => '1',
                other => *other,
            };
            let digit = DIGITS
                .iter()
                .position(|d| char::from(*d) == read)
                .ok_or(ReferenceError::Character)?;
            value = value << 5 | digit as u64;
        }
        let check = match check {
            'O' => '0',
            'I' | 'L' => '1',
            other => *other,
        };
        if CHECKS.get((value % 37) as usize).copied().map(char::from) == Some(check) {
            Ok(Reference(value))
        } else {
            Err(ReferenceError::Check)
        }
    }
}
