//! The front end in a real browser: what it does on every page that has some of it, and
//! what its faults leave of it.

use super::*;
use crate::harness::browser::Browser as Chromium;
use crate::harness::devtools::Page;
use crate::harness::{eventually, folder};

/// What the DevTools protocol calls it that a page alerts.
const ALERT: &str = "Page.javascriptDialogOpening";

struct Stage {
    rehearsal: Rehearsal,
    /// Prepares what the browser then finds: there is one account.
    plain: Browser,
    browser: Chromium,
    files: tempfile::TempDir,
}

impl Stage {
    /// A browser that has signed in.
    async fn set() -> Stage {
        let rehearsal = start().await;
        let plain = Browser::new(&rehearsal);
        let stage = Stage {
            plain,
            rehearsal,
            browser: Chromium::start().await,
            files: folder(),
        };
        stage.open("/front/login").await;
        stage.browser.fill("#email", "probe@siaga.example").await;
        stage.browser.fill("#password", "rehearsal-only").await;
        stage.browser.follow("#login button").await;
        stage
    }

    async fn open(&self, path: &str) {
        let url = format!("http://{}{path}", self.rehearsal.site());
        self.browser.goto(&url).await;
    }

    fn file(&self, name: &str, bytes: &[u8]) -> String {
        let path = self.files.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// A draft that wants its documents; gives the address of the upload page.
    async fn wants_documents(&self) -> String {
        self.plain
            .fill_in(&self.plain.open_draft().await)
            .await
            .path
    }

    async fn has(&self, css: &str) -> bool {
        let asked = format!("return document.querySelector({css:?}) !== null");
        self.browser.script(&asked).await == json!(true)
    }

    async fn text_of(&self, css: &str) -> String {
        let asked = format!("return document.querySelector({css:?})?.textContent ?? ''");
        self.browser
            .script(&asked)
            .await
            .as_str()
            .unwrap()
            .trim()
            .to_owned()
    }

    async fn until_there_is(&self, css: &str) {
        eventually(css, PATIENCE, || self.has(css)).await;
    }

    async fn complains_of(&self, what: &str) {
        eventually(what, PATIENCE, || async {
            let complaints = self.browser.complaints().await;
            complaints.iter().any(|line| line.contains(what))
        })
        .await;
    }

    async fn quiet(&self) {
        let complaints = self.browser.complaints().await;
        assert!(complaints.is_empty(), "{complaints:?}");
    }

    async fn strike(&self, kind: Kind) {
        self.rehearsal.faults().set(vec![kind.into()]);
    }

    async fn end(self) {
        drop(self.browser);
        self.rehearsal.stop().await;
    }
}

#[tokio::test]
async fn forms_are_checked_before_they_are_sent() {
    let stage = Stage::set().await;
    let step_1 = stage.plain.open_draft().await;
    stage.open(&step_1.path).await;
    stage.browser.click("#step_1 .actions button").await;
    assert_eq!(
        stage.text_of("[data-field=role] .error").await,
        "Wajib diisi."
    );
    let marked = "return document.querySelectorAll('.field.wrong').length";
    assert_eq!(
        stage.browser.script(marked).await,
        json!(5),
        "the permit's type is known"
    );
    let asked = "return performance.getEntriesByType('navigation')[0].type + location.pathname";
    let still = format!("navigate{}", step_1.path);
    assert_eq!(stage.browser.script(asked).await, json!(still));
    stage.browser.click("#role_holder").await;
    assert_eq!(stage.text_of("[data-field=role] .error").await, "");

    stage.plain.submit(&step_1, "#step_1", &STEP_1).await;
    let step_2 = step_1.path.replace("step_1", "step_2");
    stage.open(&format!("{step_2}?lang=en")).await;
    for (field, value) in STEP_2 {
        if field == "birth_date" {
            let fill = format!("document.querySelector('#birth_date').value = '{value}'");
            stage.browser.script(&fill).await;
        } else {
            stage.browser.fill(&format!("#{field}"), value).await;
        }
    }
    stage.browser.fill("#postcode", "x").await;
    stage.browser.fill("#contact_email_again", "x").await;
    stage.browser.click("#step_2 .actions button").await;
    let problems = [
        ("postcode", "A postcode has 5 digits."),
        ("contact_email_again", "The two e-mail addresses differ."),
    ];
    for (field, problem) in problems {
        let said = stage.text_of(&format!("[data-field={field}] .error")).await;
        assert_eq!(said, problem);
    }
    stage.quiet().await;
    let mend = "document.querySelector('#postcode').value = ' 12790 '; \
                document.querySelector('#contact_email_again').value = 'probe@siaga.example'";
    stage.browser.script(mend).await;
    stage.browser.follow("#step_2 .actions button").await;
    assert!(stage.browser.url().await.ends_with("/step_3"));
    stage.end().await;
}

#[tokio::test]
async fn documents_are_uploaded_from_the_drop_zones_without_leaving_the_page() {
    let stage = Stage::set().await;
    stage.open(&stage.wants_documents().await).await;
    let browser = &stage.browser;
    let stay = "window.stayed = []; \
        new MutationObserver(() => { \
          const bar = document.querySelector('progress'); \
          if (!bar.hidden) window.stayed.push(bar.value); \
        }).observe(document.body, { subtree: true, childList: true, characterData: true })";
    browser.script(stay).await;

    // What is clearly wrong is said at once, and not sent.
    let large = stage.file("large.jpg", &grown(jpeg(600, 400), 2_100_000));
    browser.fill("#passport", &large).await;
    stage.until_there_is(".refused[data-name=passport]").await;
    assert!(stage.text_of(".refused").await.contains("2 MB"));
    browser
        .fill("#photo", &stage.file("photo.pdf", &pdf()))
        .await;
    stage.until_there_is(".refused[data-name=photo]").await;
    assert_eq!(browser.script("return window.stayed").await, json!([]));

    // A slow line, so that the progress can be seen.
    let line = json!({
        "offline": false, "latency": 0, "downloadThroughput": -1, "uploadThroughput": 1_500_000,
    });
    browser.devtools("Network.enable", json!({})).await;
    browser
        .devtools("Network.emulateNetworkConditions", line)
        .await;
    let right = stage.file("paspor.jpg", &grown(jpeg(600, 400), 1_900_000));
    browser.fill("#passport", &right).await;
    assert!(!stage.has(".refused[data-name=passport]").await);
    browser.click("#documents .actions button").await;
    stage
        .until_there_is(".uploaded[data-name=passport][data-size='1900000']")
        .await;
    let seen = browser.script("return window.stayed").await;
    let seen: Vec<u64> = seen
        .as_array()
        .unwrap()
        .iter()
        .filter_map(Value::as_u64)
        .collect();
    assert!(
        seen.is_sorted() && seen.iter().any(|at| (1..=99).contains(at)),
        "{seen:?}"
    );

    // Refused by the server only: the photo has too few pixels.
    browser
        .fill("#photo", &stage.file("small.jpg", &jpeg(100, 100)))
        .await;
    browser.click("#documents .actions button").await;
    stage.until_there_is(".refused[data-name=photo]").await;
    assert!(stage.text_of(".refused").await.contains("400 × 600"));
    browser.complaints().await;

    // Dropped rather than chosen.
    browser
        .fill("#photo", &stage.file("photo.jpg", &jpeg(400, 600)))
        .await;
    let drop = "const files = new DataTransfer(); \
        files.items.add(new File(['%PDF-1.4\\n%%EOF\\n'], 'surat.pdf', { type: 'application/pdf' })); \
        const zone = document.querySelector('#drop-guarantee'); \
        for (const type of ['dragenter', 'dragover', 'drop']) \
          zone.dispatchEvent(new DragEvent(type, { dataTransfer: files, bubbles: true, cancelable: true }))";
    browser.script(drop).await;
    assert!(
        stage
            .text_of("#drop-guarantee .chosen")
            .await
            .contains("surat.pdf")
    );
    browser.click("#documents .actions button").await;
    stage.until_there_is("#to-review").await;
    let all = "return document.querySelectorAll('.uploaded').length";
    assert_eq!(browser.script(all).await, json!(3));
    assert_ne!(
        browser.script("return window.stayed ?? null").await,
        Value::Null
    );
    stage.quiet().await;
    browser.follow("#to-review").await;
    assert!(stage.has("#review").await);
    stage.end().await;
}

#[tokio::test]
async fn the_rest_of_the_front_end_needs_what_only_browsers_have() {
    let stage = Stage::set().await;
    let submitted = stage.plain.hand_in().await;
    let id = submitted.attribute("meta[name=draft]", "content");
    let browser = &stage.browser;

    stage.open(&submitted.path).await;
    browser.follow("#to-timeline").await;
    stage.until_there_is("#app[data-ready]").await;
    stage
        .until_there_is("#app .events li[data-kind=submitted] time[datetime]")
        .await;
    assert!(stage.text_of("#app").await.contains("Permohonan dikirim."));

    let shadow = "const root = document.querySelector('help-box').shadowRoot; \
        root.querySelector('#toggle').click(); \
        return root.querySelector('#panel').checkVisibility() && root.querySelector('p').textContent";
    let help = browser.script(shadow).await;
    assert!(help.as_str().unwrap().contains("Layanan bantuan"), "{help}");
    browser.follow("help-box a").await;
    browser
        .command("/frame", Some(&json!({ "id": 0 })))
        .await
        .unwrap();
    assert_eq!(stage.text_of("#terms-title").await, "Ketentuan layanan");
    browser
        .command("/frame", Some(&json!({ "id": null })))
        .await
        .unwrap();

    stage.open(&submitted.path).await;
    // Asked in a dialog: first no, then yes.
    browser.click("main a.withdraw").await;
    let asked = browser.command("/alert/text", None).await;
    assert_eq!(asked.unwrap(), json!("Cabut permohonan ini?"));
    browser
        .command("/alert/dismiss", Some(&json!({})))
        .await
        .unwrap();
    let row = format!("#applications tr[data-id='{id}']");
    let status = async || {
        let list = stage.plain.get("/web/applications").await;
        list.attribute(&row, "data-status")
    };
    assert_ne!(status().await, "withdrawn");
    browser.click("main a.withdraw").await;
    browser
        .command("/alert/accept", Some(&json!({})))
        .await
        .unwrap();
    stage.until_there_is("#applications").await;
    assert_eq!(status().await, "withdrawn");

    stage.open(&submitted.path).await;
    browser.click("#print").await;
    eventually("a second window", PATIENCE, || async {
        let handles = browser.command("/window/handles", None).await;
        handles.unwrap().as_array().unwrap().len() == 2
    })
    .await;
    stage.quiet().await;
    stage.end().await;
}

#[tokio::test]
async fn a_broken_front_end_takes_drop_zones_and_timeline_and_nothing_else() {
    let stage = Stage::set().await;
    let documents = stage.wants_documents().await;
    let timeline = documents
        .replace("extension", "applications")
        .replace("documents", "timeline");
    let step_3 = documents.replace("documents", "step_3");
    let passport = stage.file("paspor.jpg", &jpeg(600, 400));
    let browser = &stage.browser;
    for (kind, complaint) in [
        (Kind::MissingBundle {}, "/assets/app.5b0c7d12.js"),
        (
            Kind::Script {},
            "TypeError: Cannot read properties of undefined",
        ),
        (Kind::EndlessSpinner {}, ""),
    ] {
        stage.strike(kind.clone()).await;
        // A plain form passes.
        stage.open(&step_3).await;
        browser.follow("#step_3 .actions button").await;
        assert!(browser.url().await.ends_with(&documents), "{kind:?}");
        browser.complaints().await;
        stage.open(&documents).await;
        browser.script("window.stayed = true").await;
        browser.fill("#passport", &passport).await;
        browser.click("#documents .actions button").await;
        browser
            .script("document.querySelector('#documents').requestSubmit()")
            .await;
        assert_eq!(
            browser.script("return window.stayed").await,
            json!(true),
            "{kind:?}"
        );
        assert!(
            stage
                .plain
                .get(&documents)
                .await
                .all(".uploaded")
                .is_empty(),
            "{kind:?}"
        );
        if !complaint.is_empty() {
            stage.complains_of(complaint).await;
        }

        stage.open(&timeline).await;
        match kind {
            Kind::EndlessSpinner {} => {
                assert!(stage.has("#app .loading").await);
                stage.quiet().await;
            }
            _ => stage.complains_of(complaint).await,
        }
        assert!(!stage.has("#app[data-ready]").await, "{kind:?}");
        assert!(!stage.has("#app li").await, "{kind:?}");
    }
    stage.rehearsal.faults().clear();
    stage.open(&timeline).await;
    stage.until_there_is("#app[data-ready]").await;
    stage.end().await;
}

/// A browser that opened the home page under this fault, and what it said of that; nothing
/// where the page holds it up for longer than its own limit.
async fn met(kind: Kind) -> (Stage, Option<Result<Value, Value>>) {
    let stage = Stage::set().await;
    let limit = json!({ "pageLoad": 2_000 });
    let limited = stage.browser.command("/timeouts", Some(&limit)).await;
    limited.unwrap();
    stage.strike(kind).await;
    let home = json!({ "url": format!("http://{}/", stage.rehearsal.site()) });
    let opening = stage.browser.command("/url", Some(&home));
    let opened = tokio::time::timeout(Duration::from_secs(10), opening).await;
    (stage, opened.ok())
}

/// The home page under this fault, on its way into a browser.
async fn opening(kind: Kind) -> (Rehearsal, Page) {
    let rehearsal = start().await;
    rehearsal.faults().set(vec![kind.into()]);
    let mut page = Page::open().await;
    let home = json!({ "url": format!("http://{}/", rehearsal.site()) });
    page.send("Page.navigate", home).await;
    (rehearsal, page)
}

/// Waits until the page alerts, and accepts that.
async fn accept_alert(page: &mut Page) {
    let alert = page.next(|message| message["method"] == ALERT).await;
    assert_eq!(alert["params"]["type"], "alert");
    // The answer is not waited for: the next alert may come before it.
    page.send("Page.handleJavaScriptDialog", json!({ "accept": true }))
        .await;
}

#[tokio::test]
async fn a_page_alerts_once() {
    let (rehearsal, mut page) = opening(Kind::Alert {}).await;
    accept_alert(&mut page).await;
    // The page's own script answers only when nothing holds it up any more.
    let asked = json!({ "expression": "document.title" });
    let id = page.send("Runtime.evaluate", asked).await;
    let next = page
        .next(|message| message["id"] == id || message["method"] == ALERT)
        .await;
    assert_eq!(next["id"], id, "there was only one: {next}");
    rehearsal.stop().await;
}

#[tokio::test]
async fn a_page_alerts_for_ever() {
    let (rehearsal, mut page) = opening(Kind::AlertLoop {}).await;
    for _ in 0..20 {
        accept_alert(&mut page).await;
    }
    rehearsal.stop().await;
}

#[tokio::test]
async fn a_page_loops_for_ever() {
    let (stage, opened) = met(Kind::EndlessLoop {}).await;
    // The driver does not always keep its own limit against a script that never yields.
    if let Some(opened) = opened {
        let error = opened.unwrap_err();
        assert_eq!(error["error"], "timeout", "{error}");
    }
    stage.end().await;
}

#[tokio::test]
async fn a_page_opens_windows_for_ever() {
    let (stage, _) = met(Kind::WindowLoop {}).await;
    eventually("windows", PATIENCE, || async {
        let handles = stage.browser.command("/window/handles", None).await;
        handles.unwrap().as_array().unwrap().len() > 5
    })
    .await;
    stage.end().await;
}
