//! What was typed as a secret stands nowhere in the flow, and its name is told.

use serde_json::{Value, json};

use super::{EXTENSION, carried, change, click, flow, translated};
use siaga::probe::recording::Translation;

fn nowhere(translation: &Translation, secret: &str) {
    let secret = secret.to_lowercase();
    let texts = translation.notes.iter().map(|note| note.text.as_str());
    for text in texts.chain([translation.toml.as_str()]) {
        assert!(!text.to_lowercase().contains(&secret), "{secret}: {text}");
    }
}

#[test]
fn of_the_recorded_extension() {
    let translation = translated(EXTENSION);
    assert_eq!(
        translation.needs,
        [
            "PROBE_EMAIL",
            "PROBE_PASSWORD",
            "PROBE_PHONE",
            "PROBE_NIK",
            "PROBE_PHONE_2",
            "PROBE_PASSPORT"
        ]
    );
    for secret in [
        "rehearsal-only",
        "probe@siaga.example",
        "probe%40siaga.example",
        "3174000000000001",
        "UTO0000000",
        "L898902C3",
    ] {
        assert!(
            EXTENSION.contains(secret) || secret.contains('%'),
            "{secret}"
        );
        nowhere(&translation, secret);
    }
}

#[test]
fn by_what_the_field_is_called() {
    for (selectors, name) in [
        (json!([["#password"]]), "PROBE_PASSWORD"),
        (
            json!([["aria/Kata sandi"], ["div > input"]]),
            "PROBE_PASSWORD",
        ),
        (json!([["input[name='userPassword']"]]), "PROBE_PASSWORD"),
        (json!([["aria/PIN"], ["form > input"]]), "PROBE_PIN"),
        (json!([["#otp-code"]]), "PROBE_OTP"),
        (json!([["aria/Nomor paspor"], ["#f7"]]), "PROBE_PASSPORT"),
        (json!([["#passportNumber"]]), "PROBE_PASSPORT"),
    ] {
        let translation = carried(vec![change(&selectors, "X1234567")]);
        assert_eq!(translation.needs, [name], "{selectors}");
        nowhere(&translation, "X1234567");
    }
    for selectors in [
        json!([["#shipping"]]),
        json!([["#passenger"]]),
        json!([["#email"]]),
    ] {
        let translation = carried(vec![change(&selectors, "X1234567")]);
        assert!(
            translation.needs.is_empty(),
            "{selectors}: {}",
            translation.toml
        );
    }
}

#[test]
fn with_whom_the_password_signs_in() {
    let user = change(&json!([["#user"]]), "ani.wijaya");
    let password = change(&json!([["#pass-word"], ["aria/Password"]]), "hunter2 é+");
    let one_page = carried(vec![
        user.clone(),
        password.clone(),
        click(&json!([["#go"]]), Some("/in")),
    ]);
    assert_eq!(one_page.needs, ["PROBE_PASSWORD", "PROBE_USERNAME"]);
    nowhere(&one_page, "ani.wijaya");
    let two_pages = carried(vec![
        user,
        click(&json!([["#next"]]), Some("/sign-in/password")),
        password,
    ]);
    assert_eq!(two_pages.needs, ["PROBE_PASSWORD", "PROBE_USERNAME"]);
    nowhere(&two_pages, "ani.wijaya");
    let signed_in = &flow(&two_pages).steps;
    assert_eq!(
        signed_in
            .last()
            .unwrap()
            .component
            .as_ref()
            .unwrap()
            .as_str(),
        "sign-in"
    );
}

#[test]
fn wherever_else_they_stand() {
    let secret = "Hunter 2/é";
    let mut steps = vec![
        change(&json!([["#password"]]), "Hunter"),
        json!({"type": "keyDown", "key": "Backspace"}),
        change(&json!([["#password"], [format!("text/{secret}")]]), secret),
        change(&json!([["#again"]]), secret),
        change(&json!([["#note"]]), "I am hunter 2/É, or HUNTER 2/é; ${x}"),
        click(
            &json!([
                [format!("text/{secret}")],
                [format!("aria/{secret}")],
                ["#x"]
            ]),
            Some("/a/Hunter%202%2F%C3%A9/b?q=Hunter+2%2F%C3%A9"),
        ),
        json!({"type": "navigate", "url": "https://permits.example/?q=Hunter+2%2F%C3%A9&token=abcdef"}),
        json!({"type": "navigate", "url": "https://me:hushhush@permits.example/?passport=X123456"}),
        click(
            &json!([
                [format!("[title='{secret}']")],
                ["[title='\\48 unter\\ 2/é']"]
            ]),
            None,
        ),
        json!({"type": format!("a {secret}")}),
        json!({"type": "hover", "selectors": [[format!("aria/{secret}")]]}),
    ];
    steps[5]["assertedEvents"][0]["title"] = Value::from(format!("Welcome {secret}"));
    let translation = carried(steps);
    for secret in [secret, "hunter", "%202%2f", "hushhush", "X123456", "abcdef"] {
        nowhere(&translation, secret);
    }
    assert!(
        translation
            .toml
            .contains("fill.\"#again\" = \"${PROBE_PASSWORD}\"")
    );
    assert!(
        translation
            .toml
            .contains("fill.\"#password\" = \"${PROBE_PASSWORD}\""),
        "{}",
        translation.toml
    );
    assert!(translation.toml.contains("; $${x}"), "{}", translation.toml);
    assert!(
        translation
            .toml
            .contains("visit = \"/?q=${PROBE_PASSWORD}\""),
        "{}",
        translation.toml
    );
    assert!(
        translation
            .toml
            .contains("visit = \"/?passport=${PROBE_PASSPORT}\""),
        "{}",
        translation.toml
    );
}

#[test]
fn of_a_person() {
    for (field, typed, name) in [
        ("#contact", "ani.wijaya@mail.example", "PROBE_EMAIL"),
        ("#contact", " Ani+1@mail.co.id ", "PROBE_EMAIL"),
        ("#contact", "+62 812-3456-7890", "PROBE_PHONE"),
        ("#nomorHP", "081234567890", "PROBE_PHONE"),
        ("#no-telp", "(021) 555 0199", "PROBE_PHONE"),
    ] {
        let translation = carried(vec![change(&json!([[field]]), typed)]);
        assert_eq!(translation.needs, [name], "{typed}");
        nowhere(&translation, typed.trim());
    }
    for (field, typed, name) in [
        ("#namaLengkap", "Ani Wijaya", "PROBE_NAME"),
        ("[name=surname]", "Wijaya", "PROBE_NAME"),
        ("#alamat", "Jl. Melati 3", "PROBE_ADDRESS"),
        ("#tanggal-lahir", "1990-01-31", "PROBE_BIRTH"),
        ("#billing", "820012345678901", "PROBE_NUMBER"),
    ] {
        let translation = carried(vec![change(&json!([[field]]), typed)]);
        let notes = format!("{:?}", translation.notes);
        assert!(notes.contains(&format!("${{{name}}}")), "{typed}: {notes}");
    }
    for (field, typed) in [
        ("#purpose", "Work"),
        ("#months", "12"),
        ("#until", "2027-01-31"),
        ("#fee", "1500"),
    ] {
        let translation = carried(vec![change(&json!([[field]]), typed)]);
        assert!(translation.needs.is_empty(), "{typed}");
        let notes = format!("{:?}", translation.notes);
        assert!(!notes.contains("real person"), "{typed}: {notes}");
    }
}
