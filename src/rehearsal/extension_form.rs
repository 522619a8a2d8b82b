//! The fields of the three-page extension form: what each is called, what may be chosen,
//! and what is wrong with a value. Plain functions; knows nothing of HTTP.

use std::collections::BTreeMap;

use jiff::civil::Date;

use super::language::{Language, Text};

/// How a field is filled in.
#[derive(Clone, Copy)]
pub(super) enum Control {
    /// One line; the HTML input type and the `autocomplete` word.
    Line(&'static str, &'static str),
    /// Several lines.
    Lines,
    /// A select list, in groups.
    Select(&'static [Group]),
    /// Radio buttons.
    Radio(&'static [Choice]),
}

#[derive(Clone, Copy)]
pub(super) struct Choice {
    pub(super) value: &'static str,
    pub(super) label: Text,
}

/// Choices of a select list; without a label they stand in no group.
pub(super) struct Group {
    pub(super) label: Option<&'static str>,
    pub(super) choices: &'static [Choice],
}

/// One field of the form.
pub(super) struct Field {
    pub(super) name: &'static str,
    pub(super) label: Text,
    pub(super) control: Control,
}

const fn field(name: &'static str, id: &'static str, en: &'static str, control: Control) -> Field {
    Field {
        name,
        label: Text::new(id, en),
        control,
    }
}

const fn choice(value: &'static str, id: &'static str, en: &'static str) -> Choice {
    Choice {
        value,
        label: Text::new(id, en),
    }
}

const fn named(value: &'static str, name: &'static str) -> Choice {
    choice(value, name, name)
}

const fn plain(choices: &'static [Choice]) -> Group {
    Group {
        label: None,
        choices,
    }
}

const fn province(label: &'static str, choices: &'static [Choice]) -> Group {
    Group {
        label: Some(label),
        choices,
    }
}

const PERMIT_TYPES: &[Group] = &[plain(&[
    choice(
        "voa",
        "Izin tinggal kunjungan saat kedatangan (VOA)",
        "Visa on arrival (VOA)",
    ),
    choice(
        "itk",
        "Izin tinggal kunjungan (ITK)",
        "Visit stay permit (ITK)",
    ),
    choice(
        "itas",
        "Izin tinggal terbatas (ITAS)",
        "Limited stay permit (ITAS)",
    ),
    choice(
        "itap",
        "Izin tinggal tetap (ITAP)",
        "Permanent stay permit (ITAP)",
    ),
])];

const DURATIONS: &[Group] = &[plain(&[
    choice("30", "30 hari", "30 days"),
    choice("60", "60 hari", "60 days"),
    choice("180", "180 hari", "180 days"),
    choice("365", "1 tahun", "1 year"),
])];

const PROVINCES: &[Group] = &[plain(&[
    named("bali", "Bali"),
    named("banten", "Banten"),
    named("dki-jakarta", "DKI Jakarta"),
    named("jawa-timur", "Jawa Timur"),
    named("kepulauan-riau", "Kepulauan Riau"),
    named("sumatera-utara", "Sumatera Utara"),
])];

/// Offices by province, in the order of [`PROVINCES`].
const OFFICES: &[Group] = &[
    province(
        "Bali",
        &[
            named("denpasar", "Denpasar"),
            named("ngurah-rai", "Ngurah Rai"),
        ],
    ),
    province("Banten", &[named("soekarno-hatta", "Soekarno-Hatta")]),
    province(
        "DKI Jakarta",
        &[
            named("jakarta-barat", "Jakarta Barat"),
            named("jakarta-pusat", "Jakarta Pusat"),
            named("jakarta-selatan", "Jakarta Selatan"),
        ],
    ),
    province(
        "Jawa Timur",
        &[named("malang", "Malang"), named("surabaya", "Surabaya")],
    ),
    province("Kepulauan Riau", &[named("batam", "Batam")]),
    province("Sumatera Utara", &[named("medan", "Medan")]),
];

const NATIONALITIES: &[Group] = &[plain(&[
    choice("AUS", "Australia", "Australia"),
    choice("CHN", "Tiongkok", "China"),
    choice("DEU", "Jerman", "Germany"),
    choice("FRA", "Prancis", "France"),
    choice("GBR", "Britania Raya", "United Kingdom"),
    choice("IND", "India", "India"),
    choice("JPN", "Jepang", "Japan"),
    choice("KOR", "Korea Selatan", "South Korea"),
    choice("NLD", "Belanda", "Netherlands"),
    choice("RUS", "Rusia", "Russia"),
    choice("USA", "Amerika Serikat", "United States"),
    choice("UTO", "Utopia (spesimen)", "Utopia (specimen)"),
])];

const ROLES: &[Choice] = &[
    choice("holder", "Pemegang izin tinggal", "Holder of the permit"),
    choice("guarantor", "Penjamin", "Guarantor"),
];

const STEP_1: &[Field] = &[
    field(
        "role",
        "Anda mengajukan sebagai",
        "You apply as",
        Control::Radio(ROLES),
    ),
    field(
        "permit_type",
        "Jenis izin tinggal",
        "Type of stay permit",
        Control::Select(PERMIT_TYPES),
    ),
    field(
        "duration",
        "Lama perpanjangan",
        "Extension for",
        Control::Select(DURATIONS),
    ),
    field(
        "province",
        "Provinsi",
        "Province",
        Control::Select(PROVINCES),
    ),
    field(
        "office",
        "Kantor imigrasi",
        "Immigration office",
        Control::Select(OFFICES),
    ),
    field(
        "arrived_on",
        "Tanggal kedatangan",
        "Date of arrival",
        Control::Line("date", "off"),
    ),
];

const STEP_2: &[Field] = &[
    field(
        "full_name",
        "Nama sesuai paspor",
        "Name as in the passport",
        LINE,
    ),
    field("passport_number", "Nomor paspor", "Passport number", LINE),
    field(
        "nationality",
        "Kewarganegaraan",
        "Nationality",
        Control::Select(NATIONALITIES),
    ),
    field("birthplace", "Tempat lahir", "Place of birth", LINE),
    field(
        "birth_date",
        "Tanggal lahir",
        "Date of birth",
        Control::Line("date", "bday"),
    ),
    field(
        "phone",
        "Nomor telepon",
        "Phone number",
        Control::Line("tel", "tel"),
    ),
    field(
        "address",
        "Alamat di Indonesia",
        "Address in Indonesia",
        Control::Lines,
    ),
    field(
        "postcode",
        "Kode pos",
        "Postcode",
        Control::Line("text", "postal-code"),
    ),
    field(
        "contact_email",
        "Surel",
        "E-mail",
        Control::Line("email", "email"),
    ),
    field(
        "contact_email_again",
        "Ulangi surel",
        "E-mail again",
        Control::Line("email", "email"),
    ),
];

const STEP_3: &[Field] = &[
    field("guarantor_name", "Nama penjamin", "Guarantor's name", LINE),
    field(
        "guarantor_nik",
        "NIK penjamin (16 angka)",
        "Guarantor's NIK (16 digits)",
        LINE,
    ),
    field(
        "guarantor_phone",
        "Telepon penjamin",
        "Guarantor's phone",
        Control::Line("tel", "off"),
    ),
    field(
        "guarantor_address",
        "Alamat penjamin",
        "Guarantor's address",
        Control::Lines,
    ),
    field(
        "purpose",
        "Alasan perpanjangan",
        "Reason for extending",
        Control::Lines,
    ),
];

const LINE: Control = Control::Line("text", "off");

/// The last of the form's pages.
pub(super) const LAST_STEP: usize = 3;

/// Longest value of any field, in characters.
pub(super) const LONGEST: usize = 300;

/// The fields of a page of the form, 1 to 3; none for any other number.
pub(super) fn fields(step: usize) -> &'static [Field] {
    match step {
        1 => STEP_1,
        2 => STEP_2,
        3 => STEP_3,
        _ => &[],
    }
}

/// The title of a page of the form.
pub(super) fn title(step: usize) -> Text {
    match step {
        1 => Text::new("Izin tinggal", "Stay permit"),
        2 => Text::new("Data pemohon", "Applicant"),
        _ => Text::new("Data penjamin", "Guarantor"),
    }
}

/// What is wrong with the values of a page of the form, by field name.
pub(super) fn problems(
    step: usize,
    values: &BTreeMap<String, String>,
    today: Date,
) -> BTreeMap<&'static str, Text> {
    fields(step)
        .iter()
        .filter_map(|field| Some((field.name, problem(field, values, today)?)))
        .collect()
}

const PASSPORT: Text = Text::new(
    "5 sampai 20 huruf dan angka.",
    "5 to 20 letters and digits.",
);
const POSTCODE: Text = Text::new("Kode pos terdiri atas 5 angka.", "A postcode has 5 digits.");
const NIK: Text = Text::new("NIK terdiri atas 16 angka.", "A NIK has 16 digits.");
const PHONE: Text = Text::new(
    "Nomor telepon: 8 sampai 15 angka, boleh diawali +.",
    "A phone number: 8 to 15 digits, may begin with +.",
);
const DIFFERS: Text = Text::new(
    "Kedua alamat surel tidak sama.",
    "The two e-mail addresses differ.",
);

/// What the script checks before the form is sent. Looser than [`problems`], or the same.
impl Field {
    /// The expression that the value fits, and what is said otherwise.
    pub(super) fn pattern(&self) -> Option<(&'static str, Text)> {
        match self.name {
            "passport_number" => Some(("[A-Za-z0-9]{5,20}", PASSPORT)),
            "postcode" => Some(("[0-9]{5}", POSTCODE)),
            "guarantor_nik" => Some(("[0-9]{16}", NIK)),
            "phone" | "guarantor_phone" => Some((r"\+?[0-9 \-]{8,}", PHONE)),
            _ => None,
        }
    }

    /// The field that has the same value, and what is said otherwise.
    pub(super) fn same(&self) -> Option<(&'static str, Text)> {
        (self.name == "contact_email_again").then_some(("contact_email", DIFFERS))
    }
}

fn problem(field: &Field, values: &BTreeMap<String, String>, today: Date) -> Option<Text> {
    let get = |name: &str| values.get(name).map_or("", String::as_str);
    let value = get(field.name);
    if value.is_empty() {
        return Some(Text::new("Wajib diisi.", "This field is required."));
    }
    if value.chars().count() > LONGEST {
        return Some(Text::new(
            "Paling banyak 300 karakter.",
            "At most 300 characters.",
        ));
    }
    let wrong_choice = || Text::new("Pilihan tidak dikenal.", "This is not one of the choices.");
    match field.control {
        Control::Select(groups) if !groups.iter().any(|g| has(g.choices, value)) => {
            return Some(wrong_choice());
        }
        Control::Radio(choices) if !has(choices, value) => return Some(wrong_choice()),
        Control::Line("date", _) => match value.parse::<Date>() {
            Err(_) => return Some(Text::new("Tanggal tidak sah.", "This is not a date.")),
            Ok(date) if date > today => {
                return Some(Text::new(
                    "Tanggal ini di masa depan.",
                    "This date is in the future.",
                ));
            }
            Ok(_) => {}
        },
        _ => {}
    }
    let digits = |length: usize| value.len() == length && value.bytes().all(|b| b.is_ascii_digit());
    match field.name {
        "office" if !office_in_province(value, get("province")) => Some(Text::new(
            "Kantor ini bukan di provinsi yang dipilih.",
            "This office is not in the chosen province.",
        )),
        "passport_number"
            if !(5..=20).contains(&value.len())
                || !value.bytes().all(|b| b.is_ascii_alphanumeric()) =>
        {
            Some(PASSPORT)
        }
        "postcode" if !digits(5) => Some(POSTCODE),
        "guarantor_nik" if !digits(16) => Some(NIK),
        "phone" | "guarantor_phone" if !is_phone(value) => Some(PHONE),
        "contact_email" if !is_email(value) => Some(Text::new(
            "Alamat surel tidak sah.",
            "This is not an e-mail address.",
        )),
        "contact_email_again" if value != get("contact_email") => Some(DIFFERS),
        _ => None,
    }
}

fn has(choices: &[Choice], value: &str) -> bool {
    choices.iter().any(|choice| choice.value == value)
}

fn office_in_province(office: &str, province: &str) -> bool {
    PROVINCES
        .iter()
        .flat_map(|group| group.choices)
        .zip(OFFICES)
        .any(|(p, offices)| p.value == province && has(offices.choices, office))
}

fn is_phone(text: &str) -> bool {
    let rest = text.strip_prefix('+').unwrap_or(text);
    let digits = rest.bytes().filter(u8::is_ascii_digit).count();
    (8..=15).contains(&digits)
        && rest
            .bytes()
            .all(|b| b.is_ascii_digit() || b == b' ' || b == b'-')
}

fn is_email(text: &str) -> bool {
    text.split_once('@').is_some_and(|(local, domain)| {
        !local.is_empty()
            && domain.contains('.')
            && !domain.starts_with('.')
            && !domain.ends_with('.')
            && !text.contains(char::is_whitespace)
            && !domain.contains('@')
    })
}

/// The whole form as a person reads it: labels and values.
pub(super) fn rows(
    values: &BTreeMap<String, String>,
    language: Language,
) -> Vec<(&'static str, String)> {
    (1..=LAST_STEP)
        .flat_map(fields)
        .filter(|field| field.name != "contact_email_again")
        .map(|field| {
            let value = values.get(field.name).map_or("", String::as_str);
            (field.label.within(language), shown(field, value, language))
        })
        .collect()
}

/// What a person reads for a field's value: a choice's label, else the value itself.
fn shown(field: &Field, value: &str, language: Language) -> String {
    let find = |choices: &[Choice]| {
        let found = choices.iter().find(|choice| choice.value == value);
        found.map(|choice| choice.label.within(language).to_owned())
    };
    let label = match field.control {
        Control::Select(groups) => groups.iter().find_map(|group| find(group.choices)),
        Control::Radio(choices) => find(choices),
        _ => None,
    };
    label.unwrap_or_else(|| value.to_owned())
}
