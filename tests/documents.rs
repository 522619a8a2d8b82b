//! Passport numbers, machine-readable zones, and test documents that real decoders open.

use std::io::Write as _;
use std::process::{Command, Stdio};

use proptest::prelude::*;
use siaga::domain::passport::{
    MrzError, PassportNumber, PassportNumberError, Sex, Td3, check_digit,
};
use siaga::probe::document::{DocumentError, DocumentName, Kind, LARGEST, make, smallest};

fn number(text: &str) -> PassportNumber {
    PassportNumber::parse(text).unwrap()
}

#[test]
fn passport_numbers_are_read_as_people_write_them() {
    for written in [
        "A1234521",
        " a 123-4521\r\n",
        "A1234521<",
        "a.123/45\u{200b}21",
        "\u{202e}A1234521\u{202c}",
        "Ａ１２３４５２１",
        "A١٢٣٤٥٢١",
        "A\u{0}123\u{7}4521",
    ] {
        assert_eq!(number(written).as_str(), "A1234521", "{written:?}");
    }
    use PassportNumberError::*;
    for (written, error) in [
        ("", Missing),
        (" -\t<", Missing),
        ("A1", TooShort),
        ("A12345678901234567890", TooLong),
        ("A123Ж", Unexpected('Ж')),
        ("A123$", Unexpected('$')),
    ] {
        assert_eq!(PassportNumber::parse(written), Err(error), "{written:?}");
    }
}

#[test]
fn a_masked_number_gives_nothing_away() {
    assert_eq!(number("A1234521").masked(), "A•••••21");
    assert_eq!(number("A1234").masked(), "A••••");
    assert_eq!(number("A12").masked(), "A••");
    let shown = format!("{} {:?}", number("A1234521"), number("A1234521"));
    assert!(!shown.contains("1234"), "{shown}");
}

#[test]
fn the_zone_of_the_standard_is_built_and_read() {
    // The specimen in ICAO Doc 9303, part 4, appendix B.
    let lines = [
        "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<",
        "L898902C36UTO7408122F1204159ZE184226B<<<<<10",
    ];
    let read = Td3::parse(&lines.join("\n")).unwrap();
    assert_eq!(read.surname, "ERIKSSON");
    assert_eq!(read.given_names, "ANNA MARIA");
    assert_eq!(read.number, "L898902C3");
    assert_eq!(read.personal_number, "ZE184226B");
    assert_eq!(read.sex, Sex::Female);
    assert_eq!(read.lines().unwrap(), lines);

    let damaged = lines.join("\n").replace("L898902C36", "L898902D36");
    assert_eq!(
        Td3::parse(&damaged),
        Err(MrzError::CheckDigit("passport number"))
    );
    assert_eq!(Td3::parse("P<UTO"), Err(MrzError::Shape));
    assert_eq!(
        Td3::parse(&lines.join("\n").replace("ANNA", "ÅNNA")),
        Err(MrzError::Character('Å'))
    );
    assert_eq!(check_digit("520727"), Some('3'));
    assert_eq!(check_digit("52 727"), None);
}

fn td3() -> impl Strategy<Value = Td3> {
    let words = |n| proptest::collection::vec("[A-Z]{1,5}", n);
    (
        words(1..=3),
        words(0..=3),
        "[A-Z0-9]{1,9}",
        "[A-Z]{3}",
        "[0-9]{6}",
        prop_oneof![Just(Sex::Female), Just(Sex::Male), Just(Sex::Unspecified)],
        "[0-9]{6}",
        "[A-Z0-9]{0,14}",
    )
        .prop_map(
            |(surname, given, number, state, born_on, sex, expires_on, personal_number)| Td3 {
                issuing_state: state.clone(),
                surname: surname.join(" "),
                given_names: given.join(" "),
                number,
                nationality: state,
                born_on,
                sex,
                expires_on,
                personal_number,
            },
        )
}

proptest! {
    #[test]
    fn what_is_built_is_read_back(person in td3()) {
        let lines = person.lines().unwrap();
        prop_assert!(lines.iter().all(|line| line.len() == 44));
        prop_assert_eq!(Td3::parse(&lines.join("\n")).unwrap(), person);
    }

    #[test]
    fn one_changed_character_of_the_number_or_a_date_is_noticed(
        person in td3(), place in 0usize..6, field in 0usize..3, other in "[0-9]"
    ) {
        let [upper, lower] = person.lines().unwrap();
        let at = [0, 13, 21][field] + place;
        let before = &lower[at..=at];
        // Letters and digits whose values differ by a multiple of ten share a check digit.
        let value = |c: &str| u32::from_str_radix(&c.replace('<', "0"), 36).unwrap();
        prop_assume!(value(before) % 10 != value(&other) % 10);
        let mut changed = lower.clone();
        changed.replace_range(at..=at, &other);
        let read = Td3::parse(&[upper, changed].join("\n"));
        prop_assert!(matches!(read, Err(MrzError::CheckDigit(_))));
    }

    #[test]
    fn long_names_are_cut_and_stay_readable(surname in "[A-Z]{30,60}", given in "[A-Z]{1,40}") {
        let person = Td3 {
            issuing_state: "UTO".into(), surname: surname.clone(), given_names: given.clone(),
            number: "X1".into(), nationality: "UTO".into(), born_on: "800101".into(),
            sex: Sex::Male, expires_on: "300101".into(), personal_number: String::new(),
        };
        let read = Td3::parse(&person.lines().unwrap().join("\n")).unwrap();
        prop_assert!(surname.starts_with(&read.surname));
        prop_assert!(!read.given_names.is_empty() && given.starts_with(&read.given_names));
    }

    #[test]
    fn reading_never_fails_otherwise_than_with_an_error(text in ".{0,100}") {
        let _ = Td3::parse(&text);
        if let Ok(number) = PassportNumber::parse(&text) {
            prop_assert!(number.masked().chars().filter(|&c| c != '•').count() <= 3);
            prop_assert_eq!(PassportNumber::parse(number.as_str()).unwrap(), number);
        }
    }
}

proptest! {
    // Each case draws and decodes a whole picture.
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn documents_have_exactly_the_size(
        name in prop::sample::select(&DocumentName::ALL[..]),
        kind in prop::sample::select(&Kind::ALL[..]),
        extra in prop_oneof![0u64..40, 65_500u64..65_600, 131_000u64..131_100, 1_048_500u64..1_048_700],
    ) {
        let size = smallest(name, kind).unwrap() + extra;
        let document = make(name, kind, size).unwrap();
        prop_assert_eq!(document.len() as u64, size);
        prop_assert_eq!(&make(name, kind, size).unwrap(), &document);
        if kind != Kind::Pdf {
            decoded(&document);
        }
    }
}

/// Through the `image` crate, which tests every chunk's CRC and every segment's length.
fn decoded(document: &[u8]) -> image::DynamicImage {
    image::load_from_memory(document).unwrap()
}

/// Runs a program of poppler over a document and returns what it printed.
fn poppler(program: &str, arguments: &[&str], document: &[u8]) -> Vec<u8> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(document).unwrap();
    let output = Command::new(program)
        .args(arguments)
        .arg(file.path())
        .stdin(Stdio::null())
        .output()
        .expect("poppler-utils is installed by scripts/install");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && errors.is_empty(), "{errors}");
    output.stdout
}

#[test]
fn every_document_opens_in_every_format() {
    for name in DocumentName::ALL {
        for kind in [Kind::Jpeg, Kind::Png] {
            for size in [100_000, 1_900_000] {
                let picture = decoded(&make(name, kind, size).unwrap());
                assert!(
                    picture.width() >= 400 && picture.height() >= 600,
                    "{name} {kind}"
                );
            }
        }
        for size in [100_000, 1_900_003] {
            let document = make(name, Kind::Pdf, size).unwrap();
            let told = String::from_utf8(poppler("pdfinfo", &[], &document)).unwrap_or_default();
            assert!(told.contains("SPECIMEN - TEST - NOT A DOCUMENT"), "{told}");
            assert!(told.contains("Pages:           1"), "{told}");
            assert!(told.contains(&format!("{size} bytes")), "{told}");
        }
    }
}

#[test]
fn a_pdf_and_a_jpeg_show_the_drawing_of_the_png() {
    let png = decoded(&make(DocumentName::Passport, Kind::Png, 200_000).unwrap()).to_luma8();
    let pdf = make(DocumentName::Passport, Kind::Pdf, 123_456).unwrap();
    let drawn = poppler(
        "pdftoppm",
        &["-png", "-scale-to-x", "1240", "-scale-to-y", "880"],
        &pdf,
    );
    let jpeg = make(DocumentName::Passport, Kind::Jpeg, 200_000).unwrap();
    for other in [decoded(&drawn).to_luma8(), decoded(&jpeg).to_luma8()] {
        assert_eq!(other.dimensions(), png.dimensions());
        let difference: u64 = png
            .pixels()
            .zip(other.pixels())
            .map(|(a, b)| u64::from(a[0].abs_diff(b[0])))
            .sum();
        assert!(difference / (1240 * 880) < 6, "{difference}");
    }
}

#[test]
fn sizes_that_cannot_be_made_are_refused_with_the_smallest_possible() {
    for kind in Kind::ALL {
        let least = smallest(DocumentName::Passport, kind).unwrap();
        assert!(least <= 100_000, "{kind}: {least}");
        let error = make(DocumentName::Passport, kind, least - 1).unwrap_err();
        assert_eq!(
            error.to_string(),
            format!(
                "a passport as {kind} cannot be made in {} bytes: {least} is the smallest possible",
                least - 1
            )
        );
    }
    assert_eq!(
        make(DocumentName::Photo, Kind::Png, LARGEST + 1),
        Err(DocumentError::TooLarge { asked: LARGEST + 1 })
    );
}

#[test]
fn names_are_read_and_unknown_ones_answered_with_those_there_are() {
    for name in DocumentName::ALL {
        assert_eq!(name.as_str().parse(), Ok(name));
    }
    for kind in Kind::ALL {
        assert_eq!(kind.as_str().parse(), Ok(kind));
    }
    let error = "selfie".parse::<DocumentName>().unwrap_err().to_string();
    assert!(
        error.contains("`selfie`") && error.contains("passport, photo"),
        "{error}"
    );
}
