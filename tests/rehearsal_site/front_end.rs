//! The front end as a client without scripts meets it: where its parts are, what data it
//! asks for and who gets it, and that its faults leave the plain pages alone.

use super::*;

/// The words that a page gives its script.
fn words(page: &Page) -> Value {
    serde_json::from_str(&page.one("script#words")).expect("JSON")
}

/// The draft's id, after the whole way to the page behind the submit button.
async fn handed_in(browser: &Browser) -> String {
    let submitted = browser.hand_in().await;
    submitted.attribute("meta[name=draft]", "content")
}

#[tokio::test]
async fn every_page_names_a_script_that_is_there() {
    let rehearsal = start().await;
    let browser = Browser::new(&rehearsal);
    browser.sign_in().await;
    for path in ["/", "/front/help", "/track", "/web/applications", "/nope"] {
        let page = browser.get(path).await;
        let script = page.attribute("script[src]", "src");
        let answer = browser
            .client
            .get(format!("{}{script}", browser.base))
            .send();
        let answer = answer.await.unwrap();
        assert_eq!(answer.status(), StatusCode::OK, "{path}");
        let kind = answer.headers()["content-type"].to_str().unwrap();
        assert!(kind.starts_with("text/javascript"), "{kind}");
        assert_eq!(words(&page)["form"]["required"], "Wajib diisi.");
    }
    let english = browser.get("/?lang=en").await;
    let (english, indonesian) = (words(&english), words(&browser.get("/?lang=id").await));
    assert_eq!(english["form"]["required"], "This field is required.");
    // No word is missing in one of the languages.
    for (part, told) in english.as_object().unwrap() {
        let keys = |value: &Value| {
            value
                .as_object()
                .map(|o| o.keys().cloned().collect::<Vec<_>>())
        };
        assert_eq!(keys(told), keys(&indonesian[part]), "{part}");
    }
    let old = browser.get("/assets/app.js").await;
    assert_eq!(old.status, StatusCode::NOT_FOUND);
    rehearsal.stop().await;
}

#[tokio::test]
async fn the_timeline_tells_what_happened_in_both_languages() {
    let rehearsal = start().await;
    let browser = Browser::new(&rehearsal);
    let id = handed_in(&browser).await;
    let data = format!("/web/applications/{id}/events.json");
    let kinds = |told: &Value| -> Vec<String> {
        let events = told["events"].as_array().unwrap().iter();
        events
            .map(|event| event["kind"].as_str().unwrap().to_owned())
            .collect()
    };
    let told = until("the officer", async || {
        let told: Value = serde_json::from_str(&browser.get(&data).await.text).unwrap();
        (told["status"] == "verified").then_some(told)
    })
    .await;
    let expected = [
        "begun",
        "received",
        "received",
        "received",
        "submitted",
        "verified",
    ];
    assert_eq!(kinds(&told), expected);
    let times: Vec<_> = told["events"]
        .as_array()
        .unwrap()
        .iter()
        .map(|e| e["at"].as_str())
        .collect();
    assert!(times.is_sorted(), "{times:?}");
    assert!(told.to_string().contains("Permohonan dikirim."));
    let english = browser.get(&format!("{data}?lang=en")).await.text;
    assert!(
        english.contains("Document received: Passport's identity page."),
        "{english}"
    );

    let shell = browser
        .get(&format!("/web/applications/{id}/timeline"))
        .await;
    assert_eq!(shell.attribute("#app", "data-events"), data);
    let noscript = shell.one("main noscript");
    assert!(noscript.contains("memerlukan JavaScript") && noscript.contains("needs JavaScript"));

    browser
        .get(&format!("/web/applications/{id}/withdraw"))
        .await;
    let token = shell.attribute("meta[name=csrf]", "content");
    browser
        .get(&format!("/web/applications/{id}/withdraw?confirm={token}"))
        .await;
    let told: Value = serde_json::from_str(&browser.get(&data).await.text).unwrap();
    assert_eq!(kinds(&told).last().unwrap(), "withdrawn");
    rehearsal.stop().await;
}

#[tokio::test]
async fn nobody_reads_an_application_without_signing_in() {
    let rehearsal = start().await;
    let browser = Browser::new(&rehearsal);
    let id = handed_in(&browser).await;
    let list = browser.get("/web/applications").await;
    let draft = browser.submit(&list, "#extend", &[]).await;
    let draft = draft.attribute("meta[name=draft]", "content");
    let data = [
        format!("/web/applications/{id}/events.json"),
        format!("/web/extension/{draft}/documents.json"),
    ];
    let pages = ["timeline", "print", "application.txt"]
        .map(|page| format!("/web/applications/{id}/{page}"));

    let stranger = Browser::new(&rehearsal);
    let seen = Browser::new(&rehearsal);
    seen.get("/front/login").await;
    let gone = Browser::new(&rehearsal);
    gone.sign_in().await;
    rehearsal.faults().set(vec![
        Fault::from(Kind::SessionLost {}).at("/web/applications"),
    ]);
    gone.get("/web/applications").await;
    rehearsal.faults().clear();
    for other in [stranger, seen, gone] {
        for path in &data {
            let answer = other.get(path).await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{path}");
            let told: Value = serde_json::from_str(&answer.text).unwrap();
            assert!(
                told["sign_in"]
                    .as_str()
                    .unwrap()
                    .starts_with("/front/login")
            );
            assert!(
                told["events"].is_null() && told["limit"].is_null(),
                "{told}"
            );
        }
        for path in &pages {
            let answer = other.get(path).await;
            assert_eq!(answer.path, "/front/login", "{path}");
        }
    }
    for path in data.iter().chain(&pages) {
        assert_eq!(browser.get(path).await.status, StatusCode::OK, "{path}");
        let nobodys = path.replace(&id, "0000").replace(&draft, "0000");
        let answer = browser.get(&nobodys).await;
        assert_eq!(answer.status, StatusCode::NOT_FOUND, "{nobodys}");
    }
    rehearsal.stop().await;
}

#[tokio::test]
async fn an_application_is_taken_along_as_a_page_and_as_a_file() {
    let rehearsal = start().await;
    let browser = Browser::new(&rehearsal);
    let submitted = browser.hand_in().await;
    let register = submitted.one("#register-number");
    let printed = browser.get(&submitted.attribute("a#print", "href")).await;
    assert!(printed.one("#printed").contains("PT Contoh Latihan"));
    assert_eq!(submitted.attribute("a#print", "target"), "_blank");

    let file = submitted.attribute("a#download", "href");
    let file = browser.client.get(format!("{}{file}", browser.base));
    let file = file.send().await.unwrap();
    let disposition = file.headers()["content-disposition"].to_str().unwrap();
    assert_eq!(
        disposition,
        format!("attachment; filename=\"{register}.txt\"")
    );
    let text = file.text().await.unwrap();
    assert!(text.contains("Nama penjamin: PT Contoh Latihan"), "{text}");
    assert!(text.contains("Kantor imigrasi: Jakarta Selatan"), "{text}");

    let help = browser.get("/front/help").await;
    let terms = browser.get(&help.attribute("iframe", "src")).await;
    assert_eq!(terms.one("h1"), "Ketentuan layanan");
    rehearsal.stop().await;
}

#[tokio::test]
async fn what_breaks_the_front_end_leaves_the_plain_pages_alone() {
    let rehearsal = start().await;
    let browser = Browser::new(&rehearsal);
    let id = handed_in(&browser).await;

    rehearsal.faults().set(vec![Kind::MissingBundle {}.into()]);
    let page = browser.get("/web/applications").await;
    let script = browser.get(&page.attribute("script[src]", "src")).await;
    assert_eq!(script.status, StatusCode::NOT_FOUND);
    browser.hand_in().await.one("#register-number");

    rehearsal.faults().set(vec![Kind::Script {}.into()]);
    let words = words(&browser.get("/web/applications").await);
    assert!(words["upload"].is_null() && words["timeline"].is_null());
    assert!(words["form"].is_object(), "the rest of the front end works");
    browser.hand_in().await.one("#register-number");

    rehearsal.faults().set(vec![Kind::EndlessSpinner {}.into()]);
    browser.hand_in().await.one("#register-number");
    let data = format!("{}/web/applications/{id}/events.json", browser.base);
    let waiting = browser.client.get(data).timeout(Duration::from_millis(500));
    assert!(waiting.send().await.unwrap_err().is_timeout());
    rehearsal.stop().await;
}
