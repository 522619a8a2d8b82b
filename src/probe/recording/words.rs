//! Guesses from words: what a page is for, which document is meant, what is an id.
//!
//! Plain functions over text, in Indonesian and English. Must not know recordings.

use crate::domain::printable::is_control;
use crate::probe::document::{DocumentName, Kind};

/// Numbers of so many digits may be somebody's; shorter ones are amounts, years and counts.
const MIN_DIGITS: usize = 6;

/// The words of a text in lower case, also of `camelCase` and `snake_case`.
pub(super) fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    for c in text.chars() {
        if !c.is_alphanumeric() || (c.is_uppercase() && before.is_lowercase()) {
            words.push(String::new());
        }
        if c.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.extend(c.to_lowercase());
        }
        before = c;
    }
    words.retain(|word| !word.is_empty());
    words
}

fn any(words: &[String], of: &[&str]) -> bool {
    words.iter().any(|word| of.contains(&word.as_str()))
}

fn any_with(words: &[String], of: &[&str]) -> bool {
    words
        .iter()
        .any(|word| of.iter().any(|part| word.contains(part)))
}

/// The secret that a field of these words takes, where it takes one.
pub(super) fn secret(words: &[String], value: &str) -> Option<&'static str> {
    if any_with(words, &["password", "passwd", "passphrase", "sandi"]) || any(words, &["pwd", "pw"])
    {
        return Some("PROBE_PASSWORD");
    }
    let digits = value.chars().filter(char::is_ascii_digit).count();
    if any_with(words, &["passport", "paspor"]) && digits >= 3 && !is_date(value) {
        return Some("PROBE_PASSPORT");
    }
    if any(words, &["otp", "totp", "mfa", "passcode"]) {
        return Some("PROBE_OTP");
    }
    if any(words, &["pin"]) {
        return Some("PROBE_PIN");
    }
    if any(words, &["nik", "ktp"]) && digits >= 8 {
        return Some("PROBE_NIK");
    }
    if any(words, &["cvv", "cvc", "secret", "token"]) {
        return Some("PROBE_SECRET");
    }
    if is_mail(value) {
        return Some("PROBE_EMAIL");
    }
    if is_telephone(words, value, digits) {
        return Some("PROBE_PHONE");
    }
    None
}

/// Whether the text is an address of mail.
fn is_mail(text: &str) -> bool {
    let parts = text.trim().rsplit_once('@');
    parts.is_some_and(|(local, host)| {
        let is_host = host.contains('.') && host.split('.').all(|label| !label.is_empty());
        !local.is_empty() && is_host && !text.trim().contains(char::is_whitespace)
    })
}

/// Whether the text is a telephone number: by its country's code, or by the field's words.
fn is_telephone(words: &[String], text: &str, digits: usize) -> bool {
    let is_dialled = text
        .chars()
        .all(|c| c.is_ascii_digit() || " +-().".contains(c));
    let is_asked = any_with(
        words,
        &["phone", "telp", "telepon", "handphone", "whatsapp"],
    ) || any(words, &["tel", "hp", "wa", "mobile", "seluler"]);
    (7..=15).contains(&digits) && is_dialled && (is_asked || text.trim_start().starts_with('+'))
}

/// The variable that what was typed should rather stand in, where it may tell of a person: a
/// name, an address, a day of birth, a long number.
pub(super) fn personal(words: &[String], value: &str) -> Option<&'static str> {
    if value.trim().is_empty() {
        return None;
    }
    let is_birth = any_with(words, &["birth", "lahir"]) || any(words, &["dob"]);
    if is_birth {
        return Some("PROBE_BIRTH");
    }
    if any_with(words, &["alamat", "address", "street"]) || any(words, &["jalan"]) {
        return Some("PROBE_ADDRESS");
    }
    if any_with(words, &["nama", "name"]) {
        return Some("PROBE_NAME");
    }
    let digits = value.chars().filter(char::is_ascii_digit).count();
    (digits >= MIN_DIGITS && !is_date(value)).then_some("PROBE_NUMBER")
}

/// Whether a field of these words takes who signs in.
pub(super) fn is_account(words: &[String]) -> bool {
    any(
        words,
        &[
            "email",
            "mail",
            "surel",
            "user",
            "username",
            "userid",
            "login",
            "account",
            "akun",
            "pengguna",
            "identifier",
        ],
    )
}

/// Whether the text is a day as a date field gives it.
pub(super) fn is_date(text: &str) -> bool {
    text.parse::<jiff::civil::Date>().is_ok()
}

/// Whether a field of these words, set to this value, is rather a list to choose from than a
/// line to write into. A recording does not tell.
pub(super) fn is_list(words: &[String], value: &str) -> bool {
    let code = !value.is_empty()
        && value.len() <= 40
        && value
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        && (!value.bytes().any(|b| b.is_ascii_uppercase()) || value.len() <= 3);
    code && any(
        words,
        &[
            "type",
            "kind",
            "category",
            "province",
            "provinsi",
            "kabupaten",
            "kecamatan",
            "regency",
            "district",
            "state",
            "country",
            "negara",
            "nationality",
            "kewarganegaraan",
            "gender",
            "sex",
            "kelamin",
            "office",
            "kantor",
            "duration",
            "lama",
            "jenis",
            "kategori",
            "religion",
            "agama",
            "marital",
            "language",
            "bahasa",
            "currency",
            "month",
            "bulan",
            "select",
            "option",
            "pilih",
        ],
    )
}

/// Whether these words, of something clicked that has no text, are those of a button.
pub(super) fn is_button(words: &[String]) -> bool {
    any(
        words,
        &[
            "button", "btn", "submit", "kirim", "next", "lanjut", "simpan", "save", "close",
            "tutup", "menu", "open", "toggle", "search", "cari", "login", "masuk", "cancel",
            "batal",
        ],
    )
}

/// The component of the status page that a step of these words speaks for.
pub(super) fn component(words: &[String], uploads: bool, signs_in: bool) -> &'static str {
    const BY_WORD: [(&str, &[&str]); 4] = [
        (
            "sign-in",
            &[
                "login", "signin", "logon", "masuk", "auth", "sso", "session", "sandi", "password",
            ],
        ),
        (
            "payment",
            &[
                "payment",
                "pay",
                "bayar",
                "pembayaran",
                "billing",
                "invoice",
                "tagihan",
                "checkout",
                "simponi",
            ],
        ),
        (
            "tracking",
            &["track", "tracking", "lacak", "pelacakan", "status"],
        ),
        (
            "application",
            &[
                "extension",
                "extend",
                "perpanjang",
                "perpanjangan",
                "permohonan",
                "application",
                "applications",
                "apply",
                "ajukan",
                "pengajuan",
                "form",
                "formulir",
                "step",
                "langkah",
                "review",
                "permit",
                "visa",
                "izin",
            ],
        ),
    ];
    if uploads {
        return "upload";
    }
    if signs_in {
        return "sign-in";
    }
    if any(
        words,
        &["upload", "unggah", "documents", "dokumen", "berkas"],
    ) {
        return "upload";
    }
    // "sign in" are two words.
    if words
        .windows(2)
        .any(|two| two[0] == "sign" && two[1] == "in")
    {
        return "sign-in";
    }
    let found = BY_WORD.iter().find(|(_, of)| any(words, of));
    found.map_or("website", |(component, _)| component)
}

/// The document that a file field of these words wants, and the format by the file's name;
/// `None` for a format that is not made here.
pub(super) fn document(words: &[String], file: &str) -> (DocumentName, Option<Kind>) {
    let ending = file
        .rsplit_once('.')
        .map(|(_, ending)| ending.to_lowercase());
    let kind = match ending.as_deref() {
        Some("jpg" | "jpeg" | "jpe") => Some(Kind::Jpeg),
        Some("png") => Some(Kind::Png),
        Some("pdf") => Some(Kind::Pdf),
        _ => None,
    };
    let document = if any_with(words, &["passport", "paspor"]) {
        DocumentName::Passport
    } else if any_with(words, &["photo", "foto", "portrait"]) {
        DocumentName::Photo
    } else if any(words, &["ktp", "nik"]) {
        DocumentName::Ktp
    } else if any(words, &["kitas", "kitap", "permit"]) {
        DocumentName::Kitas
    } else if any(words, &["sktt", "domisili", "residence"]) {
        DocumentName::Sktt
    } else if any(words, &["kuasa", "attorney"]) {
        DocumentName::PowerOfAttorney
    } else if any_with(words, &["guarant", "jaminan", "penjamin", "sponsor"]) {
        DocumentName::Guarantee
    } else {
        DocumentName::Application
    };
    (document, kind)
}

/// Whether a part of a path (or an element's id) stands for one record and will be another one
/// next time.
pub(super) fn is_id(part: &str) -> bool {
    let digits = part.bytes().filter(u8::is_ascii_digit).count();
    let hex = part.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    let all_digits = digits > 0 && digits == part.len();
    all_digits || digits >= 4 || (hex && digits > 0 && part.len() >= 8)
}

/// A path with `*` in place of what stands for one record.
pub(super) fn any_record(path: &str) -> String {
    let parts = path.split('/');
    parts
        .map(|part| if is_id(part) { "*" } else { part })
        .collect::<Vec<_>>()
        .join("/")
}

const BETWEEN: [&str; 8] = [" · ", " | ", " – ", " — ", " - ", " :: ", " • ", " » "];

/// The parts of a page's title: its own and the site's, in whichever order.
pub(super) fn title_parts(title: &str) -> Vec<&str> {
    let mut parts = vec![title];
    for between in BETWEEN {
        parts = parts
            .into_iter()
            .flat_map(|part| part.split(between))
            .collect();
    }
    parts.retain(|part| !part.trim().is_empty());
    parts
}

/// A text on one line without control characters, which no terminal or editor shows
/// otherwise than it is, of at most `most` characters.
pub(super) fn one_line(text: &str, most: usize) -> String {
    let visible: String = text
        .chars()
        .map(|c| if c.is_whitespace() { ' ' } else { c })
        .filter(|c| !is_unseen(*c))
        .take(most * 4)
        .collect();
    let mut line = String::new();
    for (at, word) in visible.split_whitespace().enumerate() {
        if at > 0 {
            line.push(' ');
        }
        line.push_str(word);
    }
    if line.chars().count() > most {
        line = line.chars().take(most.saturating_sub(1)).collect();
        line.push('…');
    }
    line
}

/// Control characters, and marks that turn the direction of a line or have no width.
pub(super) fn is_unseen(c: char) -> bool {
    is_control(c) || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}
