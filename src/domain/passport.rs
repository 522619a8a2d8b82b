//! Passport numbers as people type them, and the machine-readable zone of a passport
//! (ICAO Doc 9303, part 4, size TD3: two lines of 44).

use std::fmt;

/// Why a text is not a passport number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PassportNumberError {
    /// Nothing is left once separators are taken out.
    #[error("the passport number is missing")]
    Missing,
    /// Fewer than [`PassportNumber::SHORTEST`] letters and digits.
    #[error("a passport number has at least 3 letters or digits")]
    TooShort,
    /// More than [`PassportNumber::LONGEST`] letters and digits.
    #[error("a passport number has at most 20 letters or digits")]
    TooLong,
    /// Something that no passport has in its number.
    #[error("a passport number has only the letters A to Z and digits; {0:?} is neither")]
    Unexpected(char),
}

/// A passport number in the one form in which it is compared: the capitals A to Z and
/// digits, 3 to 20 of them. `Debug` and `Display` show it masked.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PassportNumber(String);

impl PassportNumber {
    /// The fewest characters taken.
    pub const SHORTEST: usize = 3;
    /// The most characters taken: more than any state uses, so that nobody is turned away.
    pub const LONGEST: usize = 20;

    /// Reads what a person typed or pasted: separators, blanks, control and invisible
    /// characters and the filler `<` are dropped, small letters made capitals, full-width
    /// letters and digits and Arabic digits made plain.
    pub fn parse(text: &str) -> Result<Self, PassportNumberError> {
        let mut number = String::with_capacity(Self::LONGEST);
        for c in text.chars().filter(|&c| !is_separator(c)) {
            let plain = plain(c);
            if !plain.is_ascii_alphanumeric() {
                return Err(PassportNumberError::Unexpected(c));
            }
            if number.len() == Self::LONGEST {
                return Err(PassportNumberError::TooLong);
            }
            number.push(plain.to_ascii_uppercase());
        }
        match number.len() {
            0 => Err(PassportNumberError::Missing),
            n if n < Self::SHORTEST => Err(PassportNumberError::TooShort),
            _ => Ok(PassportNumber(number)),
        }
    }

    /// The whole number. It is personal data: for looking up and for encrypting.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// What may be shown: the first character and the last two (`A•••••21`), and only the
    /// first of a number so short that these would give it away.
    pub fn masked(&self) -> String {
        let shown_at_end = if self.0.len() < 6 { 0 } else { 2 };
        let hidden = 1..self.0.len() - shown_at_end;
        self.0
            .chars()
            .enumerate()
            .map(|(i, c)| if hidden.contains(&i) { '•' } else { c })
            .collect()
    }
}

impl fmt::Display for PassportNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

impl fmt::Debug for PassportNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

fn is_separator(c: char) -> bool {
    c.is_whitespace()
        || c.is_control()
        || matches!(c, '<' | '-' | '.' | ',' | '/' | '\\' | '_' | ':' | ';' | '#' | '·' | '\'' | '"' | '(' | ')')
        // Dashes, invisible spaces and marks of direction that come along when pasting.
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2010}'..='\u{2015}'
            | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{2212}' | '\u{feff}' | '\u{ff0d}')
}

fn plain(c: char) -> char {
    let shifted = match c {
        '\u{ff10}'..='\u{ff19}' | '\u{ff21}'..='\u{ff3a}' | '\u{ff41}'..='\u{ff5a}' => {
            u32::from(c) - 0xfee0
        }
        '\u{660}'..='\u{669}' => u32::from(c) - 0x660 + 0x30,
        '\u{6f0}'..='\u{6f9}' => u32::from(c) - 0x6f0 + 0x30,
        _ => return c,
    };
    char::from_u32(shifted).unwrap_or(c)
}

/// The check digit of ICAO 9303 over `text`: weights 7, 3, 1; digits count as themselves,
/// A to Z as 10 to 35, `<` as 0. `None` where another character occurs.
pub fn check_digit(text: &str) -> Option<char> {
    let mut sum = 0;
    for (byte, weight) in text.bytes().zip([7, 3, 1].into_iter().cycle()) {
        let value = match byte {
            b'0'..=b'9' => byte - b'0',
            b'A'..=b'Z' => byte - b'A' + 10,
            b'<' => 0,
            _ => return None,
        };
        sum = (sum + u32::from(value) * weight) % 10;
    }
    char::from_digit(sum, 10)
}

/// What is wrong with a machine-readable zone, or with what one should be made of.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MrzError {
    /// Not two lines of 44.
    #[error("a machine-readable zone has two lines of 44 characters")]
    Shape,
    /// A character other than A to Z, 0 to 9 and `<`.
    #[error("{0:?} does not occur in a machine-readable zone")]
    Character(char),
    /// A check digit that does not fit its field.
    #[error("the check digit of the {0} does not fit")]
    CheckDigit(&'static str),
    /// A field that is too long, missing, or has characters that it may not have.
    #[error("the {0} does not fit a machine-readable zone")]
    Field(&'static str),
}

/// The sex as a machine-readable zone gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sex {
    /// `F`.
    Female,
    /// `M`.
    Male,
    /// `<`: not given.
    Unspecified,
}

/// What the machine-readable zone of a passport says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Td3 {
    /// Three letters, e.g. `UTO`; `D` alone for Germany.
    pub issuing_state: String,
    /// Capitals A to Z, words parted by single blanks.
    pub surname: String,
    /// As the surname; may be empty.
    pub given_names: String,
    /// Capitals and digits, at most 9.
    pub number: String,
    /// As the issuing state.
    pub nationality: String,
    /// `YYMMDD`.
    pub born_on: String,
    /// The sex.
    pub sex: Sex,
    /// `YYMMDD`.
    pub expires_on: String,
    /// Capitals and digits, at most 14; may be empty.
    pub personal_number: String,
}

const LINE: usize = 44;
const NAMES: usize = 39;

impl Td3 {
    /// The two lines. Names too long for their 39 places are cut at the end, the surname
    /// first where both would not be seen.
    pub fn lines(&self) -> Result<[String; 2], MrzError> {
        let state = |text: &str, field| letters(text, 3, field);
        let upper = format!(
            "P<{}{}",
            state(&self.issuing_state, "issuing state")?,
            self.names()?
        );

        let number = checked(&self.number, 9, "passport number")?;
        let born = checked(date(&self.born_on, "date of birth")?, 6, "date of birth")?;
        let expires = checked(
            date(&self.expires_on, "date of expiry")?,
            6,
            "date of expiry",
        )?;
        let mut personal = padded(&self.personal_number, 14, "personal number")?;
        personal.push(personal_check(&personal));
        let whole = check_digit(&format!("{number}{born}{expires}{personal}"))
            .ok_or(MrzError::Field("personal number"))?;
        let nationality = state(&self.nationality, "nationality")?;
        let sex = match self.sex {
            Sex::Female => 'F',
            Sex::Male => 'M',
            Sex::Unspecified => '<',
        };
        Ok([
            upper,
            format!("{number}{nationality}{born}{sex}{expires}{personal}{whole}"),
        ])
    }

    fn names(&self) -> Result<String, MrzError> {
        let surname = name(&self.surname, "surname")?;
        let given = name(&self.given_names, "given names")?;
        if surname.is_empty() {
            return Err(MrzError::Field("surname"));
        }
        if given.is_empty() {
            return Ok(fill(surname.get(..NAMES).unwrap_or(&surname), NAMES));
        }
        let surname = surname.get(..NAMES - 3).unwrap_or(&surname);
        let whole = format!("{surname}<<{given}");
        Ok(fill(whole.get(..NAMES).unwrap_or(&whole), NAMES))
    }

    /// Reads two lines (blanks around them are let pass) and tests every check digit.
    pub fn parse(text: &str) -> Result<Td3, MrzError> {
        let lines: Vec<&str> = text
            .lines()
            .map(str::trim)
            .filter(|line| !line.is_empty())
            .collect();
        let [upper, lower] = lines[..] else {
            return Err(MrzError::Shape);
        };
        if let Some(c) = text.chars().find(|&c| {
            !(c.is_ascii_uppercase() || c.is_ascii_digit() || c == '<' || c.is_whitespace())
        }) {
            return Err(MrzError::Character(c));
        }
        if upper.len() != LINE || lower.len() != LINE || !upper.starts_with('P') {
            return Err(MrzError::Shape);
        }

        verify(&lower[..10], "passport number")?;
        verify(&lower[13..20], "date of birth")?;
        verify(&lower[21..28], "date of expiry")?;
        let (personal, digit) = (&lower[28..42], &lower[42..43]);
        // An empty field may carry `<` in place of its check digit.
        if !(digit == "<" && personal.bytes().all(|b| b == b'<')) {
            verify(&lower[28..43], "personal number")?;
        }
        let composite = format!(
            "{}{}{}{}",
            &lower[..10],
            &lower[13..20],
            &lower[21..43],
            &lower[43..]
        );
        verify(&composite, "second line")?;

        let names = upper[5..].trim_end_matches('<');
        let (surname, given) = names.split_once("<<").unwrap_or((names, ""));
        Ok(Td3 {
            issuing_state: unfilled(&upper[2..5]),
            surname: unfilled(surname),
            given_names: unfilled(given),
            number: unfilled(&lower[..9]),
            nationality: unfilled(&lower[10..13]),
            born_on: lower[13..19].to_owned(),
            sex: match &lower[20..21] {
                "F" => Sex::Female,
                "M" => Sex::Male,
                "<" => Sex::Unspecified,
                _ => return Err(MrzError::Field("sex")),
            },
            expires_on: lower[21..27].to_owned(),
            personal_number: unfilled(personal),
        })
    }
}

fn verify(field_and_digit: &str, field: &'static str) -> Result<(), MrzError> {
    let (text, digit) = field_and_digit.split_at(field_and_digit.len() - 1);
    if check_digit(text).is_some_and(|right| digit.starts_with(right)) {
        Ok(())
    } else {
        Err(MrzError::CheckDigit(field))
    }
}

fn fill(text: &str, width: usize) -> String {
    format!("{text:<<width$}")
}

fn unfilled(text: &str) -> String {
    text.trim_end_matches('<').replace('<', " ")
}

fn padded(text: &str, width: usize, field: &'static str) -> Result<String, MrzError> {
    let fits = text.len() <= width
        && text
            .bytes()
            .all(|b| b.is_ascii_uppercase() || b.is_ascii_digit());
    fits.then(|| fill(text, width))
        .ok_or(MrzError::Field(field))
}

fn checked(text: &str, width: usize, field: &'static str) -> Result<String, MrzError> {
    let mut out = padded(text, width, field)?;
    if text.is_empty() {
        return Err(MrzError::Field(field));
    }
    out.push(check_digit(&out).ok_or(MrzError::Field(field))?);
    Ok(out)
}

fn personal_check(padded: &str) -> char {
    if padded.bytes().all(|b| b == b'<') {
        '<'
    } else {
        check_digit(padded).unwrap_or('<')
    }
}

fn letters(text: &str, width: usize, field: &'static str) -> Result<String, MrzError> {
    let fits = (1..=width).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_uppercase());
    fits.then(|| fill(text, width))
        .ok_or(MrzError::Field(field))
}

fn date<'a>(text: &'a str, field: &'static str) -> Result<&'a str, MrzError> {
    let fits = text.len() == 6 && text.bytes().all(|b| b.is_ascii_digit());
    fits.then_some(text).ok_or(MrzError::Field(field))
}

/// A name in the zone's letters: blanks and hyphens become `<`, apostrophes go.
fn name(text: &str, field: &'static str) -> Result<String, MrzError> {
    let mut words = Vec::new();
    for word in text.split([' ', '-']).filter(|word| !word.is_empty()) {
        let word: String = word.chars().filter(|&c| c != '\'' && c != '’').collect();
        if !word.bytes().all(|b| b.is_ascii_uppercase()) {
            return Err(MrzError::Field(field));
        }
        words.push(word);
    }
    words.retain(|word| !word.is_empty());
    Ok(words.join("<"))
}
