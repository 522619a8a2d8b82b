//! The immigration offices, as listed in `data/offices.csv`.

use std::sync::LazyLock;

use jiff::tz::TimeZone;
use serde::Deserialize;

/// One immigration office.
#[derive(Clone, Debug, Deserialize)]
pub struct Office {
    /// Key: `ngurah-rai`.
    pub code: String,
    /// Name without "Kantor Imigrasi Kelas …".
    pub name: String,
    /// `I TPI`, `II Non TPI` …; may be empty.
    pub class: String,
    /// Town or regency of its seat.
    pub seat: String,
    /// Province.
    pub province: String,
    /// `Asia/Jakarta` (WIB), `Asia/Makassar` (WITA) or `Asia/Jayapura` (WIT).
    pub time_zone: String,
}

impl Office {
    /// Its time zone. Indonesia has three, none with daylight saving.
    pub fn zone(&self) -> TimeZone {
        let hours = match self.time_zone.as_str() {
            "Asia/Makassar" => 8,
            "Asia/Jayapura" => 9,
            _ => 7,
        };
        TimeZone::fixed(jiff::tz::offset(hours))
    }
}

static OFFICES: LazyLock<Vec<Office>> = LazyLock::new(|| {
    let mut offices: Vec<Office> =
        csv::Reader::from_reader(&include_bytes!("data/offices.csv")[..])
            .deserialize()
            .filter_map(Result::ok)
            .collect();
    offices.sort_by(|a, b| (&a.province, &a.name).cmp(&(&b.province, &b.name)));
    offices
});

/// All offices, by province and name.
pub fn all() -> &'static [Office] {
    &OFFICES
}

/// The office with this code.
pub fn by_code(code: &str) -> Option<&'static Office> {
    OFFICES.iter().find(|office| office.code == code)
}
