//! Tables for the terminal: columns as wide as their longest cell, parted by two blanks.

use std::borrow::Cow;

use jiff::tz::TimeZone;

use crate::domain::Moment;
use crate::domain::printable::one_line;

/// A moment as tables have it: `2026-12-05 22:00 WIB`.
pub(super) fn time(at: Moment, zone: &TimeZone) -> String {
    let at = at.timestamp().to_zoned(zone.clone());
    at.strftime("%Y-%m-%d %H:%M %Z").to_string()
}

/// One line a row, under the headings. Every row has as many cells as there are headings.
pub(super) fn table<const N: usize>(headings: [&str; N], rows: &[[String; N]]) -> String {
    let rows = rows
        .iter()
        .map(|row| row.each_ref().map(|cell| one_line(cell)));
    let rows: Vec<_> = std::iter::once(headings.map(Cow::Borrowed))
        .chain(rows)
        .collect();
    let mut widths = [0; N];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let mut out = String::new();
    for row in &rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(widths) {
            line.push_str(&format!("{cell:width$}  "));
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}
