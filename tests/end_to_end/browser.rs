//! A walk with a telephone: someone meets an outage and reports it, an officer finds the
//! case. On every page, in both languages: nothing wider than the screen, every field with
//! its name, no word of complaint in the console.

use serde_json::json;

use crate::harness::browser::Browser;
use crate::harness::eventually;
use crate::harness::processes::{HOME, SOON, Setup, Siaga, Site, picture};

const LOGIN: (&str, &str) = (
    "login",
    r#"
name = "The form to sign in"
every = { http = "1s" }
timeout = "2s"
[[step]]
name = "The form to sign in"
component = "sign-in"
visit = "/front/login"
expect = { status = 200 }
"#,
);

/// Everything that is wrong with the page that is open, one line each.
const FAULTS: &str = r#"
const faults = [];
const root = document.documentElement;
if (root.clientWidth !== 360) faults.push(`the page is laid out ${root.clientWidth} wide`);
if (root.scrollWidth > root.clientWidth) {
  const wide = [...document.body.querySelectorAll('*')]
    .filter(one => one.getBoundingClientRect().right > root.clientWidth + 1)
    .map(one => one.outerHTML.slice(0, 120));
  faults.push(`scrolls sideways: ${root.scrollWidth} wide, by ${wide.slice(-3).join(' and ')}`);
}
if (!document.title.trim()) faults.push('no title');
if (document.querySelectorAll('h1').length !== 1) faults.push('not one h1');
if (document.querySelectorAll('main').length !== 1) faults.push('not one main');
const named = one =>
  [...(one.labels || [])].some(label => label.textContent.trim()) ||
  (one.getAttribute('aria-label') || '').trim() ||
  (one.tagName === 'BUTTON' && one.textContent.trim());
for (const one of document.querySelectorAll('input:not([type=hidden]), select, textarea, button'))
  if (!named(one)) faults.push(`no label: ${one.outerHTML.slice(0, 120)}`);
for (const one of document.querySelectorAll('a'))
  if (!one.textContent.trim() && !one.getAttribute('aria-label') && !one.querySelector('img[alt]'))
    faults.push(`a link without a name: ${one.outerHTML.slice(0, 120)}`);
for (const one of document.querySelectorAll('img:not([alt])'))
  faults.push(`no words for a picture: ${one.outerHTML.slice(0, 120)}`);
const ids = [...document.querySelectorAll('[id]')].map(one => one.id);
for (const id of new Set(ids.filter((id, at) => ids.indexOf(id) !== at)))
  faults.push(`the id ${id} stands twice`);
return [root.lang, faults];
"#;

struct Walk {
    browser: Browser,
    url: String,
    faults: Vec<String>,
}

impl Walk {
    /// Looks at the page that is open. `quiet`: whether its status is one of success, on
    /// which the console has nothing to say.
    async fn look(&mut self, lang: &str, quiet: bool) {
        let at = self.browser.url().await;
        let found = self.browser.script(FAULTS).await;
        if found[0] != json!(lang) {
            self.faults
                .push(format!("{at}: in {} instead of {lang}", found[0]));
        }
        for fault in found[1].as_array().expect("faults") {
            self.faults
                .push(format!("{at}: {}", fault.as_str().unwrap_or_default()));
        }
        for line in self.browser.complaints().await {
            if quiet || !line.contains("the server responded with a status of") {
                self.faults.push(format!("{at}: the console says {line}"));
            }
        }
    }

    /// A page that is broken on purpose: whoever finds nothing there would find nothing.
    async fn finds_what_it_looks_for(&mut self) {
        self.browser.goto(&format!("{}/en/", self.url)).await;
        let breaking = "document.body.insertAdjacentHTML('beforeend', \
                        '<input name=q><div>wide</div>'); \
                        document.body.lastChild.style.minWidth = '500px'; \
                        console.error('ouch')";
        self.browser.script(breaking).await;
        self.look("id", true).await;
        let found = std::mem::take(&mut self.faults).join("\n");
        for fault in ["instead of id", "sideways", "no label", "ouch"] {
            assert!(found.contains(fault), "{fault} in {found}");
        }
    }

    async fn visit(&mut self, lang: &str, path: &str) {
        self.browser
            .goto(&format!("{}/{lang}{path}", self.url))
            .await;
        self.look(lang, true).await;
    }
}

async fn outage(siaga: &Siaga, site: &Site) -> String {
    siaga.until("website", "operational", SOON).await;
    site.faults(json!([{ "kind": "error", "status": 500, "path": "/front/login" }]))
        .await;
    siaga.until("sign-in", "outage", SOON).await;
    let outages = siaga.outages("sign-in").await;
    outages[0]["id"].as_str().expect("an id").to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_walk_with_a_telephone_from_the_outage_to_the_office() {
    let site = Site::start().await;
    let setup = Setup::of(&site).flows(&[HOME, LOGIN]);
    let siaga = setup.run().await;
    let id = outage(&siaga, &site).await;
    let mut walk = Walk {
        browser: Browser::start().await,
        url: siaga.url.clone(),
        faults: Vec::new(),
    };
    walk.finds_what_it_looks_for().await;
    for lang in ["id", "en"] {
        for path in ["/", "/outages", "/history", "/check", "/report"] {
            walk.visit(lang, path).await;
        }
        walk.visit(lang, &format!("/outages/{id}")).await;
        walk.browser
            .goto(&format!("{}/{lang}/nowhere", walk.url))
            .await;
        walk.look(lang, false).await;
        // Nothing filled in: everything that is missing is said.
        walk.browser
            .goto(&format!("{}/{lang}/report", walk.url))
            .await;
        walk.browser.follow("main form button[type=submit]").await;
        walk.look(lang, false).await;
    }
    let reference = report(&mut walk).await;
    office(&mut walk, &setup, &reference).await;
    assert!(walk.faults.is_empty(), "{}", walk.faults.join("\n"));
}

/// From the page of states over the form to the receipt; gives the reference.
async fn report(walk: &mut Walk) -> String {
    let folder = crate::harness::folder();
    let shot = folder.path().join("layar.png");
    std::fs::write(&shot, picture()).expect("a picture");
    walk.visit("en", "/").await;
    let browser = &walk.browser;
    assert!(browser.text().await.contains("Sign-in"));
    browser.follow("main a[href='/en/report']").await;
    browser.click("input[name=component][value=sign-in]").await;
    // Now, on the clocks of the office chosen below: eight hours ahead of UTC.
    let now = "const field = document.querySelector('#tried_at'); \
               field.value = new Date(Date.now() + 8 * 3600e3).toISOString().slice(0, 16); \
               return field.validity.rangeOverflow";
    assert_eq!(
        browser.script(now).await,
        json!(false),
        "now is not too late"
    );
    browser.fill("#message", "500 • KENDALA SERVER").await;
    browser
        .fill("#screenshot", shot.to_str().expect("a path"))
        .await;
    browser.click("input[name=checked][value=connection]").await;
    browser.click("input[name=submitted][value=no]").await;
    browser.click("#permit_type option[value=itas]").await;
    browser.click("#office option[value=ngurah-rai]").await;
    browser.click("input[name=role][value=holder]").await;
    browser
        .fill(
            "#name",
            "Maximiliane Anastasia von und zu Hohenlohe-Waldenburg",
        )
        .await;
    browser.fill("#passport_number", "C01X00T47").await;
    browser
        .fill(
            "#email",
            "a.very.long.address.of.somebody@subdomain.example.org",
        )
        .await;
    browser.click("#consent").await;
    browser.follow("main form button[type=submit]").await;
    let at = browser.url().await;
    assert!(
        at.contains("/en/receipts/"),
        "{at}: {}",
        browser.text().await
    );
    let text = browser.text().await;
    assert!(text.contains("Confirmed"), "{text}");
    walk.look("en", true).await;
    let path = at.split("/en/receipts/").nth(1).expect("a reference");
    walk.visit("id", &format!("/receipts/{path}")).await;
    path.chars().take("7K3M-9QXR-2TWA-5".len()).collect()
}

/// An officer signs in, looks at every page, and takes the case up.
async fn office(walk: &mut Walk, setup: &Setup, reference: &str) {
    let (email, password) = ("officer@kanim.example", "a long enough password");
    let office = [
        "--role",
        "officer",
        "--office",
        "ngurah-rai",
        "--password-stdin",
    ];
    let add = [["staff", "add", email].as_slice(), &office].concat();
    let (code, printed) = setup.command(&add, password);
    assert_eq!(code, Some(0), "{printed}");
    for lang in ["en", "id"] {
        walk.visit(lang, "/office/sign-in").await;
    }
    walk.browser.fill("#email", email).await;
    walk.browser.fill("#password", "not this one").await;
    walk.browser.follow("main form button").await;
    walk.look("id", false).await;
    walk.browser.fill("#password", password).await;
    walk.browser.follow("main form button").await;
    walk.look("id", true).await;
    for lang in ["id", "en"] {
        walk.visit(lang, "/office/").await;
        assert!(walk.browser.text().await.contains(reference));
        walk.visit(lang, "/office/?which=done").await;
        // By passport number, and one that nobody has.
        walk.browser.fill("#q", "A0000000").await;
        walk.browser.follow(".office-search button").await;
        walk.look(lang, false).await;
        walk.visit(lang, "/office/").await;
        walk.browser.fill("#q", "c01x00t47").await;
        walk.browser.follow(".office-search button").await;
        let at = walk.browser.url().await;
        assert!(
            at.ends_with(&format!("/{lang}/office/cases/{reference}")),
            "{at}"
        );
        // The screenshot is decoded and shown.
        eventually("the screenshot is shown", SOON, || async {
            let shown = "const it = document.querySelector('.shot img'); it.scrollIntoView(); \
                         return it.complete && it.naturalWidth";
            walk.browser.script(shown).await == json!(64)
        })
        .await;
        walk.look(lang, true).await;
    }
    walk.browser
        .follow("form:has(input[name=to][value=in_review]) button")
        .await;
    assert!(walk.browser.text().await.contains("In review"));
    walk.look("en", true).await;
}
