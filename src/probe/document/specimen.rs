//! Owns: what the specimens look like and say. Everything in them is made up.

use super::DocumentName;
use super::canvas::{Canvas, Colour};
use crate::domain::passport::{MrzError, Sex, Td3};

pub(super) const MARK: &str = "SPECIMEN – TEST – NOT A DOCUMENT / CONTOH UJI";

/// Number and names as the documents below write them.
pub(super) const PERSONAL: [(&str, &str); 4] = [
    ("specimen-number", "TEST00021"),
    ("specimen-name", "SIAGA UJI CONTOH"),
    ("specimen-name", "CONTOH SIAGA UJI"),
    ("specimen-name", "CONTOH<<SIAGA<UJI"),
];

/// What a reader of the file is told that it is.
pub(super) fn title(name: DocumentName) -> &'static str {
    match name {
        DocumentName::Passport => "Passport / Paspor",
        DocumentName::Photo => "Photograph / Pas foto",
        DocumentName::Application => "Letter of application / Surat permohonan",
        DocumentName::Guarantee => "Letter of guarantee / Surat penjaminan",
        DocumentName::Kitas => "Stay permit card / KITAS",
        DocumentName::Ktp => "Identity card / KTP",
        DocumentName::Sktt => "Residence certificate / SKTT",
        DocumentName::PowerOfAttorney => "Power of attorney / Surat kuasa",
    }
}

pub(super) fn draw(name: DocumentName) -> Result<Canvas, MrzError> {
    match name {
        DocumentName::Passport => passport(),
        DocumentName::Photo => Ok(photo()),
        DocumentName::Kitas | DocumentName::Ktp => Ok(card(title(name))),
        DocumentName::Application
        | DocumentName::Guarantee
        | DocumentName::Sktt
        | DocumentName::PowerOfAttorney => Ok(letter(title(name))),
    }
}

fn holder() -> Td3 {
    Td3 {
        issuing_state: "UTO".into(),
        surname: "CONTOH".into(),
        given_names: "SIAGA UJI".into(),
        number: "TEST00021".into(),
        nationality: "UTO".into(),
        born_on: "800101".into(),
        sex: Sex::Unspecified,
        expires_on: "350101".into(),
        personal_number: String::new(),
    }
}

fn passport() -> Result<Canvas, MrzError> {
    let holder = holder();
    let mut page = Canvas::new(1240, 880, Colour::Paper);
    page.rectangle(0, 0, 1240, 70, Colour::Maroon);
    page.text(40, 19, 4, "PASPOR / PASSPORT  UTOPIA", Colour::White);
    portrait(&mut page, 50, 130, 330, 430);
    let given = [
        ("Jenis / Type", "P"),
        ("Kode negara / Code of state", &holder.issuing_state),
        ("No. paspor / Passport No.", &holder.number),
        ("Nama / Surname", &holder.surname),
        ("Nama depan / Given names", &holder.given_names),
        ("Tanggal lahir / Date of birth", "01 JAN 1980"),
        ("Berlaku sampai / Date of expiry", "01 JAN 2035"),
    ];
    for (line, (label, value)) in given.into_iter().enumerate() {
        let y = 120 + line * 66;
        page.text(430, y, 2, label, Colour::Grey);
        page.text(430, y + 22, 4, value, Colour::Ink);
    }
    mark(&mut page, 592, 3);
    page.rectangle(0, 690, 1240, 190, Colour::White);
    for (row, line) in holder.lines()?.iter().enumerate() {
        page.text(92, 725 + row * 60, 3, line, Colour::Ink);
    }
    Ok(page)
}

fn photo() -> Canvas {
    let mut picture = Canvas::new(480, 720, Colour::Paper);
    portrait(&mut picture, 0, 0, 480, 640);
    picture.rectangle(0, 640, 480, 80, Colour::White);
    picture.centred(648, 5, "SPECIMEN", Colour::Red);
    picture.centred(696, 1, MARK, Colour::Red);
    picture
}

fn card(title: &str) -> Canvas {
    let mut card = Canvas::new(1012, 638, Colour::Paper);
    card.rectangle(0, 0, 1012, 80, Colour::Blue);
    card.text(30, 28, 3, title, Colour::White);
    portrait(&mut card, 40, 120, 240, 310);
    let lines = [
        "No.    TEST 0000 0000 0021",
        "Nama   SIAGA UJI CONTOH",
        "Lahir  01-01-1980",
        "Negara UTOPIA",
        "Sampai 01-01-2035",
    ];
    for (line, text) in lines.into_iter().enumerate() {
        card.text(320, 140 + line * 56, 3, text, Colour::Ink);
    }
    mark(&mut card, 490, 2);
    card
}

fn letter(title: &str) -> Canvas {
    let mut page = Canvas::new(827, 1169, Colour::White);
    page.rectangle(60, 120, 707, 4, Colour::Ink);
    page.centred(80, 2, title, Colour::Ink);
    let lines = [
        "Nomor: UJI/0021/UTO",
        "",
        "Surat ini dibuat oleh pemantau layanan untuk menguji unggahan.",
        "Surat ini bukan dokumen dan tidak berlaku untuk apa pun.",
        "",
        "This letter was made by a monitoring service to test an upload.",
        "It is not a document and is valid for nothing.",
        "",
        "Nama / Name:          SIAGA UJI CONTOH",
        "Paspor / Passport:    TEST00021 (UTO)",
        "Penjamin / Guarantor: PT CONTOH UJI",
    ];
    for (line, text) in lines.into_iter().enumerate() {
        page.text(80, 170 + line * 30, 1, text, Colour::Ink);
    }
    mark(&mut page, 640, 2);
    page
}

/// A head and shoulders that belong to nobody.
fn portrait(canvas: &mut Canvas, x: usize, y: usize, w: usize, h: usize) {
    canvas.rectangle(x, y, w, h, Colour::White);
    canvas.ellipse(
        x + w / 10,
        y + h * 2 / 3,
        w * 8 / 10,
        h * 2 / 3,
        Colour::Blue,
    );
    canvas.rectangle(x, y + h, w, h / 3 + 2, Colour::Paper);
    canvas.ellipse(x + w / 4, y + h / 8, w / 2, h / 2, Colour::Ink);
    canvas.ellipse(x + w * 3 / 10, y + h / 5, w * 4 / 10, h / 2, Colour::Skin);
    for eye in [w * 4 / 10, w * 56 / 100] {
        canvas.ellipse(x + eye, y + h * 4 / 10, w / 20, h / 40, Colour::Ink);
    }
    canvas.rectangle(
        x + w * 44 / 100,
        y + h * 58 / 100,
        w * 12 / 100,
        h / 90,
        Colour::Maroon,
    );
}

/// The mark across the whole width: a large word, and the sentence in full below it.
fn mark(canvas: &mut Canvas, y: usize, scale: usize) {
    canvas.centred(y, scale * 3, "SPECIMEN", Colour::Red);
    canvas.centred(y + scale * 3 * 8 + 4, scale, MARK, Colour::Red);
}
