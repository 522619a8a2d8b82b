//! One case of a list, with as much of a person as is needed to find them.

use jiff::civil::Date;

use super::case;
use crate::domain::office;
use crate::domain::passport::PassportNumber;
use crate::store::reports::Case;
use crate::store::seal::MasterKeys;
use crate::web::desk::{Desk, format_at, zone_of};
use crate::web::format::{Format, Zone};
use crate::web::layout::Layout;
use crate::web::public::words::Badge;
use crate::web::reports::told;
use crate::web::texts::Texts;

/// A row of the table.
pub(super) struct Row {
    pub(super) href: String,
    pub(super) reference: String,
    pub(super) deadline: Badge,
    pub(super) expires: String,
    pub(super) name: String,
    pub(super) passport: String,
    pub(super) permit: String,
    pub(super) verdict: Badge,
    pub(super) state: Badge,
    pub(super) received: String,
    pub(super) office: String,
    /// Whether it is another report of the passport above it.
    pub(super) goes_on: bool,
    /// What is odd about it, each with an address where there is more.
    pub(super) notes: Vec<Note>,
    /// What stands below it, as a line of its own.
    pub(super) below: Vec<Note>,
}

/// A remark with an address where there is more.
pub(super) struct Note {
    pub(super) text: String,
    pub(super) href: Option<String>,
}

impl Row {
    /// The row of a case, without remarks.
    pub(super) fn of(desk: &Desk, layout: &Layout<'_>, keys: &MasterKeys, case: &Case) -> Row {
        // Each office's own calendar says what is overdue.
        let at = office::by_code(&case.office);
        let today = at
            .map_or(desk.site.zone, zone_of)
            .at(desk.clock.now())
            .date();
        let format = format_at(&desk.site, layout.lang, at);
        let href = layout.to(&format!("/office/cases/{}", case.reference));
        Row::on(layout.t, format, keys, case, today, href)
    }

    fn on(
        t: Texts,
        format: Format,
        keys: &MasterKeys,
        case: &Case,
        today: Date,
        href: String,
    ) -> Row {
        let personal = case.open(keys).unwrap_or_else(|error| {
            tracing::error!(%error, reference = case.reference, "a case does not open");
            None
        });
        let name = case::name(t, case, personal.as_ref());
        let zone = office::by_code(&case.office).map_or(Zone::Wib, zone_of);
        let at_office = zone.at(case.received_at);
        let passport = personal.map_or_else(String::new, |personal| {
            let number = PassportNumber::parse(&personal.passport_number);
            number.map_or_else(|_| "•••".to_owned(), |number| number.masked())
        });
        Row {
            href,
            reference: case.reference.clone(),
            deadline: told::deadline(t, case.permit_expires_on, today),
            expires: case
                .permit_expires_on
                .map_or_else(|| t.get("deadline-none"), |date| format.date(date)),
            name,
            passport,
            permit: told::permit_short(t, &case.permit_type),
            verdict: told::verdict(t, case.finding.verdict),
            state: told::state(t, case.state),
            received: format.date(at_office.date()),
            office: office::by_code(&case.office)
                .map_or_else(|| case.office.clone(), |office| office.name.clone()),
            goes_on: false,
            notes: Vec::new(),
            below: Vec::new(),
        }
    }
}

/// A number of things, for a text.
pub(super) fn natural(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
