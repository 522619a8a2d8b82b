//! What an affected applicant reports: read from untrusted fields into a value that holds
//! only what is well formed. Every mistake is said at once, by field.

use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::disk::NoRoom;
use super::office::Office;
use super::passport::PassportNumber;
use super::{ComponentId, Moment, office};

/// Who reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The foreigner who holds the permit.
    Holder,
    /// The guarantor (penjamin).
    Guarantor,
    /// An agent with power of attorney.
    Agent,
}

/// How far the application came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Submitted {
    /// It could not be submitted.
    No,
    /// It was submitted: the applicant need not come.
    Yes,
    /// It was paid, yet the site does not show it.
    Paid,
    /// The applicant cannot tell.
    Unsure,
}

macro_rules! words {
    ($type:ident { $($variant:ident = $word:literal),* $(,)? }) => {
        impl $type {
            /// Every value.
            pub const ALL: &'static [$type] = &[$($type::$variant),*];
            /// The word used in forms, JSON and databases.
            pub fn as_str(self) -> &'static str {
                match self { $($type::$variant => $word),* }
            }
            /// The inverse of `as_str`.
            pub fn parse(text: &str) -> Option<Self> {
                match text { $($word => Some($type::$variant),)* _ => None }
            }
        }
    };
}
words!(Role { Holder = "holder", Guarantor = "guarantor", Agent = "agent" });
words!(Submitted { No = "no", Yes = "yes", Paid = "paid", Unsure = "unsure" });

/// The kinds of stay permit offered in the form.
pub const PERMIT_TYPES: &[&str] = &["voa", "itk", "itas", "itap", "other"];

/// A well-formed report.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// Who reports.
    pub role: Role,
    /// Name of the holder, as in the passport.
    pub name: String,
    /// Nationality as written; may be empty.
    pub nationality: Option<String>,
    /// Normalised.
    pub passport_number: PassportNumber,
    /// One of [`PERMIT_TYPES`].
    pub permit_type: String,
    /// Last day of the permit.
    pub permit_expires_on: Option<Date>,
    /// Day of arrival, for those who were abroad.
    pub arrived_on: Option<Date>,
    /// Code of the office.
    pub office: String,
    /// Lower-case.
    pub email: Option<String>,
    /// `+62…` or another country's `+…`.
    pub phone: Option<String>,
    /// Where it failed.
    pub component: ComponentId,
    /// When it was tried, oldest first, at least one.
    pub tried_at: Vec<Moment>,
    /// How often, at least the number of times given.
    pub tries: u32,
    /// What the page said.
    pub message: Option<String>,
    /// The connection was checked.
    pub checked_connection: bool,
    /// The documents' sizes were checked.
    pub checked_size: bool,
    /// Another device was tried.
    pub checked_device: bool,
    /// How far the application came.
    pub submitted: Submitted,
    /// SIMPONI billing code.
    pub billing_code: Option<String>,
}

/// A field as it came in: a form or JSON gives several values for one name.
pub type Fields = Vec<(String, String)>;

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Mistake {
    /// The field's name.
    pub field: &'static str,
    /// Key of the text that says what is wrong and what to do.
    pub problem: Problem,
}

/// What is wrong with a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Problem {
    /// It must be given.
    Missing,
    /// It is longer than allowed.
    TooLong,
    /// It is not one of the choices.
    NotAChoice,
    /// It is not a date.
    NotADate,
    /// It is not a date and time.
    NotATime,
    /// It lies in the future.
    InFuture,
    /// It lies too far back.
    TooLongAgo,
    /// It is not a number in the allowed range.
    NotANumber,
    /// It is not an e-mail address.
    NotAnEmail,
    /// It is not a telephone number.
    NotAPhone,
    /// It is not a passport number.
    NotAPassport,
    /// It is not a billing code.
    NotABillingCode,
    /// Neither an e-mail address nor a telephone number is given.
    NoContact,
    /// Consent is needed to keep personal data.
    NoConsent,
    /// More values than allowed.
    TooMany,
}

impl Problem {
    /// The name used in JSON and as a key of texts.
    pub fn as_str(self) -> &'static str {
        match self {
            Problem::Missing => "missing",
            Problem::TooLong => "too_long",
            Problem::NotAChoice => "not_a_choice",
            Problem::NotADate => "not_a_date",
            Problem::NotATime => "not_a_time",
            Problem::InFuture => "in_future",
            Problem::TooLongAgo => "too_long_ago",
            Problem::NotANumber => "not_a_number",
            Problem::NotAnEmail => "not_an_email",
            Problem::NotAPhone => "not_a_phone",
            Problem::NotAPassport => "not_a_passport",
            Problem::NotABillingCode => "not_a_billing_code",
            Problem::NoContact => "no_contact",
            Problem::NoConsent => "no_consent",
            Problem::TooMany => "too_many",
        }
    }
}

/// Tries that may be listed one by one.
pub const MOST_TRIES_LISTED: usize = 20;
/// Pictures that came with a report and were not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// How many: all that came.
    pub count: u32,
    /// Why.
    pub why: NoRoom,
}

/// How long ago a try may lie, in days.
pub const OLDEST_TRY_DAYS: i64 = 90;

struct Parser<'a> {
    fields: &'a Fields,
    mistakes: Vec<Mistake>,
}

impl Parser<'_> {
    fn wrong(&mut self, field: &'static str, problem: Problem) {
        self.mistakes.push(Mistake { field, problem });
    }

    fn all(&self, field: &str) -> Vec<String> {
        self.fields
            .iter()
            .filter(|(name, _)| name == field)
            .map(|(_, value)| match field {
                // Only this one has lines.
                "message" => clean(value),
                _ => clean(value).replace('\n', " "),
            })
            .filter(|value| !value.is_empty())
            .collect()
    }

    fn text(&mut self, field: &'static str, most: usize) -> Option<String> {
        let value = self.all(field).into_iter().next()?;
        if value.chars().count() > most {
            self.wrong(field, Problem::TooLong);
            return None;
        }
        Some(value)
    }

    fn required(&mut self, field: &'static str, most: usize) -> Option<String> {
        let before = self.mistakes.len();
        let value = self.text(field, most);
        if value.is_none() && self.mistakes.len() == before {
            self.wrong(field, Problem::Missing);
        }
        value
    }

    fn choice<T>(&mut self, field: &'static str, read: impl Fn(&str) -> Option<T>) -> Option<T> {
        let text = self.required(field, 100)?;
        let value = read(&text);
        if value.is_none() {
            self.wrong(field, Problem::NotAChoice);
        }
        value
    }

    fn date(&mut self, field: &'static str) -> Option<Date> {
        let text = self.text(field, 40)?;
        let date = text
            .parse()
            .ok()
            .filter(|d: &Date| (1990..2100).contains(&d.year()));
        if date.is_none() {
            self.wrong(field, Problem::NotADate);
        }
        date
    }

    fn optional<T>(
        &mut self,
        field: &'static str,
        most: usize,
        problem: Problem,
        read: impl Fn(&str) -> Option<T>,
    ) -> Option<T> {
        let text = self.text(field, most)?;
        let value = read(&text);
        if value.is_none() {
            self.wrong(field, problem);
        }
        value
    }

    fn flag(&self, field: &str) -> bool {
        self.all(field)
            .iter()
            .any(|v| matches!(v.as_str(), "on" | "yes" | "true" | "1" | "ya"))
    }

    fn tried_at(&mut self, office: Option<&Office>, now: Moment) -> Vec<Moment> {
        const FIELD: &str = "tried_at";
        let texts = self.all(FIELD);
        if texts.is_empty() {
            self.wrong(FIELD, Problem::Missing);
        }
        if texts.len() > MOST_TRIES_LISTED {
            self.wrong(FIELD, Problem::TooMany);
            return Vec::new();
        }
        let oldest = now.0 - OLDEST_TRY_DAYS * 86_400_000;
        let mut moments = Vec::new();
        for text in texts {
            match moment(&text, office) {
                None => self.wrong(FIELD, Problem::NotATime),
                // A clock may be some minutes ahead of ours.
                Some(at) if at.0 > now.0 + 15 * 60_000 => self.wrong(FIELD, Problem::InFuture),
                Some(at) if at.0 < oldest => self.wrong(FIELD, Problem::TooLongAgo),
                Some(at) => moments.push(at.min(now)),
            }
        }
        moments.sort_unstable();
        moments.dedup();
        moments
    }
}

/// Reads a report from its fields. `components` are those that may be named; times without
/// an offset are read in the office's zone; `now` bounds what can have been tried.
pub fn parse(
    fields: &Fields,
    components: &[ComponentId],
    now: Moment,
) -> Result<Report, Vec<Mistake>> {
    let mut p = Parser {
        fields,
        mistakes: Vec::new(),
    };
    let role = p.choice("role", Role::parse);
    let name = p.required("name", 200);
    let nationality = p.text("nationality", 100);
    let passport_number = match p.required("passport_number", 40) {
        None => None,
        Some(text) => {
            let number = PassportNumber::parse(&text).ok();
            if number.is_none() {
                p.wrong("passport_number", Problem::NotAPassport);
            }
            number
        }
    };
    let permit_type = p.choice("permit_type", |t| {
        PERMIT_TYPES.contains(&t).then(|| t.to_owned())
    });
    let permit_expires_on = p.date("permit_expires_on");
    let arrived_on = p.date("arrived_on");
    let office = p.choice("office", office::by_code);
    let email = p.optional("email", 254, Problem::NotAnEmail, email);
    let phone = p.optional("phone", 40, Problem::NotAPhone, phone);
    if p.all("email").is_empty() && p.all("phone").is_empty() {
        p.wrong("email", Problem::NoContact);
    }
    let component = p.choice("component", |text| {
        ComponentId::parse(text).filter(|c| components.contains(c))
    });
    let tried_at = p.tried_at(office, now);
    let tries = p
        .optional("tries", 10, Problem::NotANumber, |text| {
            text.parse().ok().filter(|n| (1..=1000).contains(n))
        })
        .unwrap_or(1)
        .max(u32::try_from(tried_at.len()).unwrap_or(u32::MAX));
    let message = p.text("message", 2000);
    let checked = p.all("checked");
    let submitted = if p.all("submitted").is_empty() {
        Some(Submitted::No)
    } else {
        p.choice("submitted", Submitted::parse)
    };
    let billing_code = p.optional("billing_code", 40, Problem::NotABillingCode, |text| {
        let digits: String = text
            .chars()
            .filter(|c| !matches!(c, ' ' | '-' | '.'))
            .collect();
        let fits = (10..=20).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit());
        fits.then_some(digits)
    });
    if !p.flag("consent") {
        p.wrong("consent", Problem::NoConsent);
    }
    match (
        role,
        name,
        passport_number,
        permit_type,
        office,
        component,
        submitted,
    ) {
        (
            Some(role),
            Some(name),
            Some(passport_number),
            Some(permit_type),
            Some(office),
            Some(component),
            Some(submitted),
        ) if p.mistakes.is_empty() => Ok(Report {
            role,
            name,
            nationality,
            passport_number,
            permit_type,
            permit_expires_on,
            arrived_on,
            office: office.code.clone(),
            email,
            phone,
            component,
            tried_at,
            tries,
            message,
            checked_connection: checked.iter().any(|c| c == "connection"),
            checked_size: checked.iter().any(|c| c == "size"),
            checked_device: checked.iter().any(|c| c == "device"),
            submitted,
            billing_code,
        }),
        _ => Err(p.mistakes),
    }
}

/// Text as it may be shown: control characters and those that turn the direction of
/// reading are gone, white space is folded, line ends stay.
pub fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.lines() {
        let mut words = line
            .split(|c: char| c.is_whitespace() || (c.is_control() && c != '\n'))
            .map(|word| {
                word.chars()
                    .filter(|c| !turns_direction(*c))
                    .collect::<String>()
            })
            .filter(|word| !word.is_empty());
        if let Some(first) = words.next() {
            out.push_str(&first);
            for word in words {
                out.push(' ');
                out.push_str(&word);
            }
        }
        out.push('\n');
    }
    out.trim().to_owned()
}

/// Characters that are not seen but change how their neighbours are seen.
fn turns_direction(c: char) -> bool {
    matches!(c, '\u{061C}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{2069}' | '\u{FEFF}')
}

/// A moment as forms and programs give it: RFC 3339, or local date and time in the
/// office's zone (`2026-08-06T14:00`).
fn moment(text: &str, office: Option<&Office>) -> Option<Moment> {
    if let Ok(timestamp) = text.parse::<jiff::Timestamp>() {
        return Some(Moment::from(timestamp));
    }
    let local: DateTime = text.replace(' ', "T").parse().ok()?;
    // Where the office is not known yet, no time of Indonesia's zones may seem to lie ahead.
    let zone = office.map_or_else(|| TimeZone::fixed(jiff::tz::offset(9)), Office::zone);
    local
        .to_zoned(zone)
        .ok()
        .map(|zoned| Moment::from(zoned.timestamp()))
}

/// An e-mail address, lower-case: something, an @, a domain with a dot, no white space.
pub fn email(text: &str) -> Option<String> {
    let text = text.trim().to_lowercase();
    let (local, domain) = text.rsplit_once('@')?;
    let plain = |c: char| !c.is_whitespace() && !c.is_control() && !"<>()[],;:\\\"".contains(c);
    let fits = !local.is_empty()
        && local.len() <= 64
        && !local.contains('@')
        && domain.contains('.')
        && !domain.starts_with(['.', '-'])
        && !domain.ends_with(['.', '-'])
        && !domain.contains("..")
        && text.chars().all(plain);
    fits.then_some(text)
}

/// A telephone number as `+` and 8 to 15 digits; `08…` becomes `+628…`.
pub fn phone(text: &str) -> Option<String> {
    let kept: String = text
        .chars()
        .filter(|c| !matches!(c, ' ' | '-' | '.' | '(' | ')'))
        .collect();
    let digits = if let Some(rest) = kept.strip_prefix('+') {
        rest.to_owned()
    } else if let Some(rest) = kept.strip_prefix("00") {
        rest.to_owned()
    } else if let Some(rest) = kept.strip_prefix('0') {
        format!("62{rest}")
    } else if kept.starts_with("62") {
        kept
    } else {
        return None;
    };
    // `+62 (0)812…`: the zero is dialled within the country only.
    let digits = match digits.strip_prefix("620") {
        Some(rest) => format!("62{rest}"),
        None => digits,
    };
    let fits = (8..=15).contains(&digits.len())
        && digits.bytes().all(|b| b.is_ascii_digit())
        && !digits.starts_with('0');
    fits.then(|| format!("+{digits}"))
}
