//! The rehearsal site, over real sockets: the applicant's journey, what is refused, every
//! fault as a client meets it, and the post office.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test is a client of its own, and fails by panicking"
)]

mod behind;
mod front_end;
mod scripted;

use std::io::{Cursor, Write};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use futures_util::TryStreamExt;
use reqwest::multipart::{Form, Part};
use reqwest::{Client, Response, StatusCode, redirect};
use scraper::{Html, Selector};
use serde_json::{Value, json};
use siaga::domain::{Clock, Moment};
use siaga::rehearsal::{self, Fault, Kind, Rehearsal, ScriptedFault, Settings};
use siaga::system::{SystemClock, SystemRandom};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const PATIENCE: Duration = Duration::from_secs(15);

fn settings() -> Settings {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    Settings {
        listen: any,
        control_listen: Some(any),
        smtp_listen: any,
        imap_listen: any,
        verify_after: Duration::from_millis(100),
        ..Settings::default()
    }
}

async fn start() -> Rehearsal {
    let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandom));
    rehearsal::start(settings(), clock, random).await.unwrap()
}

/// A browser without scripts.
struct Browser {
    client: Client,
    base: String,
}

impl Browser {
    fn new(rehearsal: &Rehearsal) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = Client::builder()
            .cookie_store(true)
            .timeout(PATIENCE)
            .redirect(redirect::Policy::limited(40))
            .build()
            .unwrap();
        Browser {
            client,
            base: format!("http://{}", rehearsal.site()),
        }
    }

    async fn get(&self, path: &str) -> Page {
        let answer = self
            .client
            .get(format!("{}{path}", self.base))
            .send()
            .await
            .unwrap();
        Page::read(answer).await
    }

    async fn try_get(&self, path: &str) -> Result<String, reqwest::Error> {
        self.client
            .get(format!("{}{path}", self.base))
            .send()
            .await?
            .text()
            .await
    }

    /// Sends a form of the page with its hidden fields and what is filled in.
    async fn submit(&self, page: &Page, form: &str, filled: &[(&str, &str)]) -> Page {
        let (action, mut fields) = page.form(form);
        fields.retain(|(name, _)| filled.iter().all(|(filled, _)| filled != name));
        fields.extend(
            filled
                .iter()
                .map(|(n, v)| ((*n).to_owned(), (*v).to_owned())),
        );
        let request = self
            .client
            .post(format!("{}{action}", self.base))
            .form(&fields);
        Page::read(request.send().await.unwrap()).await
    }

    async fn upload(&self, page: &Page, files: Vec<(&'static str, &'static str, Vec<u8>)>) -> Page {
        let (action, fields) = page.form("#documents");
        let mut form = Form::new();
        for (name, value) in fields {
            form = form.text(name, value);
        }
        for (name, file_name, bytes) in files {
            form = form.part(name, Part::bytes(bytes).file_name(file_name));
        }
        let request = self
            .client
            .post(format!("{}{action}", self.base))
            .multipart(form);
        Page::read(request.send().await.unwrap()).await
    }

    async fn sign_in(&self) -> Page {
        let login = self.get("/front/login").await;
        if login.path == "/web/applications" {
            return login;
        }
        let filled = [
            ("email", "probe@siaga.example"),
            ("password", "rehearsal-only"),
        ];
        self.submit(&login, "#login", &filled).await
    }

    /// Signs in and opens a draft: the first page of the form.
    async fn open_draft(&self) -> Page {
        let list = self.sign_in().await;
        self.submit(&list, "#extend", &[]).await
    }

    /// From the first page of the form to the upload page.
    async fn fill_in(&self, step_1: &Page) -> Page {
        let step_2 = self.submit(step_1, "#step_1", &STEP_1).await;
        let step_3 = self.submit(&step_2, "#step_2", &STEP_2).await;
        self.submit(&step_3, "#step_3", &STEP_3).await
    }

    /// The whole way to the page behind the submit button.
    async fn hand_in(&self) -> Page {
        let documents = self.fill_in(&self.open_draft().await).await;
        self.upload(&documents, right_documents()).await;
        let review = self
            .get(&documents.path.replace("documents", "review"))
            .await;
        self.submit(&review, "#review", &[("declaration", "yes")])
            .await
    }
}

const STEP_1: [(&str, &str); 6] = [
    ("role", "holder"),
    ("permit_type", "itas"),
    ("duration", "180"),
    ("province", "dki-jakarta"),
    ("office", "jakarta-selatan"),
    ("arrived_on", "2026-01-15"),
];
const STEP_2: [(&str, &str); 6] = [
    ("birthplace", "Zenith"),
    ("birth_date", "1974-08-12"),
    ("phone", "+62 812 3456 7890"),
    ("address", "Jalan Latihan 1, Jakarta"),
    ("postcode", "12790"),
    ("contact_email_again", "probe@siaga.example"),
];
const STEP_3: [(&str, &str); 5] = [
    ("guarantor_name", "PT Contoh Latihan"),
    ("guarantor_nik", "3174000000000001"),
    ("guarantor_phone", "021 5550 1234"),
    ("guarantor_address", "Jalan Penjamin 2, Jakarta"),
    ("purpose", "Kontrak kerja diperpanjang"),
];

struct Page {
    status: StatusCode,
    path: String,
    text: String,
}

impl Page {
    async fn read(answer: Response) -> Self {
        let status = answer.status();
        let path = answer.url().path().to_owned();
        Page {
            status,
            path,
            text: answer.text().await.unwrap(),
        }
    }

    /// The texts of the elements that a selector fits.
    fn all(&self, css: &str) -> Vec<String> {
        let html = Html::parse_document(&self.text);
        let selector = Selector::parse(css).unwrap();
        html.select(&selector)
            .map(|e| e.text().collect::<String>().trim().to_owned())
            .collect()
    }

    fn one(&self, css: &str) -> String {
        let mut all = self.all(css);
        assert_eq!(all.len(), 1, "{css} on {}: {}", self.path, self.text);
        all.remove(0)
    }

    fn attribute(&self, css: &str, name: &str) -> String {
        let html = Html::parse_document(&self.text);
        let selector = Selector::parse(css).unwrap();
        let element = html.select(&selector).next();
        let element = element.unwrap_or_else(|| panic!("no {css} on {}: {}", self.path, self.text));
        element.attr(name).unwrap().to_owned()
    }

    /// A form's action, and its fields as they stand.
    fn form(&self, css: &str) -> (String, Vec<(String, String)>) {
        let html = Html::parse_document(&self.text);
        let form = html.select(&Selector::parse(css).unwrap()).next();
        let form = form.unwrap_or_else(|| panic!("no {css} on {}: {}", self.path, self.text));
        let inputs = Selector::parse("input:not([type=file])").unwrap();
        let mut fields = Vec::new();
        for input in form.select(&inputs) {
            let tick = matches!(input.attr("type"), Some("radio" | "checkbox"));
            if !tick || input.attr("checked").is_some() {
                let value = input.attr("value").unwrap_or_default();
                fields.push((input.attr("name").unwrap().to_owned(), value.to_owned()));
            }
        }
        for select in form.select(&Selector::parse("select").unwrap()) {
            let chosen = select
                .select(&Selector::parse("option[selected]").unwrap())
                .next();
            let value = chosen
                .and_then(|option| option.attr("value"))
                .unwrap_or_default();
            fields.push((select.attr("name").unwrap().to_owned(), value.to_owned()));
        }
        (form.attr("action").unwrap().to_owned(), fields)
    }
}

fn jpeg(width: u32, height: u32) -> Vec<u8> {
    encoded(width, height, image::ImageFormat::Jpeg)
}

fn encoded(width: u32, height: u32, format: image::ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image::RgbImage::new(width, height)
        .write_to(&mut bytes, format)
        .unwrap();
    bytes.into_inner()
}

/// The document with bytes at its end that decoders ignore.
fn grown(mut document: Vec<u8>, size: usize) -> Vec<u8> {
    assert!(document.len() <= size);
    document.resize(size, 0);
    document
}

fn pdf() -> Vec<u8> {
    b"%PDF-1.4\n%%EOF\n".to_vec()
}

fn right_documents() -> Vec<(&'static str, &'static str, Vec<u8>)> {
    let photo = encoded(400, 600, image::ImageFormat::Png);
    vec![
        ("passport", "passport.jpg", jpeg(600, 400)),
        ("photo", "photo.png", photo),
        ("guarantee", "guarantee.pdf", pdf()),
    ]
}

/// Asks again until there is an answer, at most for [`PATIENCE`].
async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(begun.elapsed() < PATIENCE, "waited in vain for {what}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn mails(browser: &Browser) -> Vec<Value> {
    let text = browser.get("/_rehearsal/mails.json").await.text;
    let value: Value = serde_json::from_str(&text).unwrap();
    value["mails"].as_array().unwrap().clone()
}

#[tokio::test]
async fn an_applicant_gets_from_sign_in_to_the_payment_notice_and_withdraws() {
    let rehearsal = start().await;
    let browser = Browser::new(&rehearsal);

    let step_1 = browser.open_draft().await;
    let draft = step_1.attribute("meta[name=draft]", "content");
    assert_eq!(step_1.path, format!("/web/extension/{draft}/step_1"));
    let documents = browser.fill_in(&step_1).await;
    assert_eq!(documents.path, format!("/web/extension/{draft}/documents"));

    // Not ready: the review sends back to what is missing.
    let early = browser.get(&format!("/web/extension/{draft}/review")).await;
    assert_eq!(early.path, documents.path);
    assert_eq!(early.all(".refused").len(), 1);

    let uploaded = browser.upload(&documents, right_documents()).await;
    assert_eq!(uploaded.status, StatusCode::OK);
    for name in ["passport", "photo", "guarantee"] {
        uploaded.one(&format!(".uploaded[data-name={name}]"));
    }
    let review = browser.get(&format!("/web/extension/{draft}/review")).await;
    assert!(review.text.contains("Jakarta Selatan"));
    let undeclared = browser.submit(&review, "#review", &[]).await;
    assert_eq!(undeclared.status, StatusCode::UNPROCESSABLE_ENTITY);
    undeclared.one(".refused");

    let submitted = browser
        .submit(&review, "#review", &[("declaration", "yes")])
        .await;
    assert_eq!(
        submitted.path,
        format!("/web/applications/{draft}/submitted")
    );
    let register = submitted.one("#register-number");

    let mail = until("the payment notice", async || mails(&browser).await.pop()).await;
    let subject = mail["subject"].as_str().unwrap();
    let text = mail["text"].as_str().unwrap();
    assert!(subject.starts_with("Kode billing"), "{subject}");
    assert_eq!(mail["to"], "probe@siaga.example");
    assert!(text.contains(&register));
    let billing = regex::Regex::new(r"\b(\d{15})\b").unwrap();
    assert!(billing.is_match(text), "{text}");

    let stranger = Browser::new(&rehearsal);
    let track = format!("/track?register={register}&passport=L898902C3");
    let tracked = stranger.get(&track).await;
    assert_eq!(
        tracked.attribute("#result .status", "data-status"),
        "verified"
    );
    let wrong = stranger.get(&track.replace("L898902C3", "X1234567")).await;
    assert!(wrong.all("#result").is_empty());

    let withdraw = browser
        .get(&format!("/web/applications/{draft}/withdraw"))
        .await;
    let list = browser.submit(&withdraw, "#withdraw", &[]).await;
    assert_eq!(list.path, "/web/applications");
    list.one(".notice");
    let row = format!("#applications tr[data-id='{draft}']");
    assert_eq!(list.attribute(&row, "data-status"), "withdrawn");
    rehearsal.stop().await;
}

#[tokio::test]
async fn a_draft_is_withdrawn_by_one_visit_with_the_sessions_token() {
    let rehearsal = start().await;
    let browser = Browser::new(&rehearsal);
    let step_1 = browser.open_draft().await;
    let draft = step_1.attribute("meta[name=draft]", "content");
    let token = step_1.attribute("meta[name=csrf]", "content");

    let wrong = browser
        .get(&format!("/web/applications/{draft}/withdraw?confirm=1"))
        .await;
    assert_eq!(
        wrong.all("#withdraw").len(),
        1,
        "a wrong token only shows the question"
    );
    let list = browser
        .get(&format!(
            "/web/applications/{draft}/withdraw?confirm={token}"
        ))
        .await;
    assert_eq!(list.path, "/web/applications");
    assert!(list.all(&format!("tr[data-id='{draft}']")).is_empty());
    assert_eq!(
        browser.get(&step_1.path).await.status,
        StatusCode::NOT_FOUND
    );
    rehearsal.stop().await;
}

#[tokio::test]
async fn forms_are_refused_without_the_right_token_account_or_session() {
    let rehearsal = start().await;
    let browser = Browser::new(&rehearsal);
    let right = ("email", "probe@siaga.example");

    let outside = browser.get("/web/applications").await;
    assert_eq!(outside.path, "/front/login");
    let forged = [right, ("password", "rehearsal-only"), ("csrf", "forged")];
    let page = browser.submit(&outside, "#login", &forged).await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);
    let page = browser
        .submit(&outside, "#login", &[right, ("password", "wrong")])
        .await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    page.one(".refused");

    let list = browser.sign_in().await;
    assert!(list.text.contains("Daftar permohonan"));
    assert_eq!(list.all("#permits tbody tr").len(), 2);
    let page = browser
        .submit(&list, "#extend", &[("csrf", "forged")])
        .await;
    assert_eq!(page.status, StatusCode::FORBIDDEN);

    let home = browser.submit(&list, "#logout", &[]).await;
    assert_eq!(home.path, "/");
    assert_eq!(browser.get("/web/applications").await.path, "/front/login");
    rehearsal.stop().await;
}

#[tokio::test]
async fn the_form_says_what_is_wrong_at_each_field() {
    let rehearsal = start().await;
    let browser = Browser::new(&rehearsal);
    let step_1 = browser.open_draft().await;

    let empty = browser
        .submit(&step_1, "#step_1", &[("permit_type", "")])
        .await;
    assert_eq!(empty.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(empty.all(".field.wrong .error").len(), 6);
    let mut elsewhere = STEP_1;
    elsewhere[3].1 = "bali";
    let elsewhere = browser.submit(&step_1, "#step_1", &elsewhere).await;
    elsewhere.one(".field[data-field=office] .error");
    let mut future = STEP_1;
    future[5].1 = "2999-01-01";
    let future = browser.submit(&step_1, "#step_1", &future).await;
    future.one(".field[data-field=arrived_on] .error");

    let step_2 = browser.submit(&step_1, "#step_1", &STEP_1).await;
    let mut differs = STEP_2;
    differs[5].1 = "other@siaga.example";
    let differs = browser.submit(&step_2, "#step_2", &differs).await;
    differs.one(".field[data-field=contact_email_again] .error");
    let mut postcode = STEP_2;
    postcode[4].1 = "1234";
    let script = [&postcode[..], &[("full_name", "<script>alert(1)</script>")]].concat();
    let escaped = browser.submit(&step_2, "#step_2", &script).await;
    escaped.one(".field[data-field=postcode] .error");
    assert!(!escaped.text.contains("<script>alert"));
    rehearsal.stop().await;
}

#[tokio::test]
async fn documents_are_judged_by_content_size_and_pixels() {
    let rehearsal = start().await;
    let browser = Browser::new(&rehearsal);
    let documents = browser.fill_in(&browser.open_draft().await).await;
    let limit = 2 * 1024 * 1024;

    let refused = [
        ("passport", "passport.jpg", pdf()),
        ("passport", "passport.jpg", grown(jpeg(600, 400), limit + 1)),
        ("passport", "passport.png", b"<html>".to_vec()),
        ("photo", "photo.jpg", jpeg(399, 600)),
        ("photo", "photo.jpg", jpeg(400, 599)),
        ("guarantee", "guarantee.pdf", jpeg(600, 400)),
        ("guarantee", "guarantee.pdf", grown(pdf(), 3_000_000)),
    ];
    for (name, file_name, bytes) in refused {
        let size = bytes.len();
        let page = browser
            .upload(&documents, vec![(name, file_name, bytes)])
            .await;
        assert_eq!(
            page.status,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{name} {size}"
        );
        page.one(&format!(".refused[data-name={name}]"));
        assert!(page.all(".uploaded").is_empty());
    }
    let none = browser.upload(&documents, Vec::new()).await;
    none.one(".refused");
    let flood = vec![(
        "passport",
        "passport.jpg",
        grown(jpeg(600, 400), 50_000_000),
    )];
    let flood = browser.upload(&documents, flood).await;
    assert_eq!(flood.status, StatusCode::PAYLOAD_TOO_LARGE);

    let full = vec![("passport", "passport.jpg", grown(jpeg(600, 400), limit))];
    let page = browser.upload(&documents, full).await;
    assert_eq!(
        page.attribute(".uploaded[data-name=passport]", "data-size"),
        limit.to_string()
    );
    rehearsal.stop().await;
}

#[tokio::test]
async fn pages_say_that_they_are_a_rehearsal_in_both_languages() {
    let rehearsal = start().await;
    let browser = Browser::new(&rehearsal);
    for path in [
        "/",
        "/front/info",
        "/front/requirements",
        "/front/login",
        "/track",
        "/nope",
    ] {
        let page = browser.get(path).await;
        assert!(page.one(".rehearsal").contains("LATIHAN"), "{path}");
        assert_eq!(page.attribute("html", "lang"), "id");
    }
    assert!(browser.get("/robots.txt").await.text.contains("Disallow"));
    browser.get("/?lang=en").await;
    let page = browser.get("/front/info").await;
    assert_eq!(page.attribute("html", "lang"), "en", "the choice is kept");
    assert!(page.one(".rehearsal").contains("REHEARSAL"));
    rehearsal.stop().await;
}

#[tokio::test]
async fn broken_requests_get_a_page_and_nothing_internal() {
    let rehearsal = start().await;
    let browser = Browser::new(&rehearsal);
    let documents = browser.fill_in(&browser.open_draft().await).await;
    let url = format!("{}{}", browser.base, documents.path);
    let headers = [
        "multipart/form-data",
        "multipart/form-data; boundary=x",
        "text/plain",
    ];
    for kind in headers {
        let request = browser
            .client
            .post(&url)
            .header("content-type", kind)
            .body("--x\r\nnonsense");
        let page = Page::read(request.send().await.unwrap()).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{kind}");
        page.one(".refused");
    }
    let login = format!("{}/front/login", browser.base);
    for body in [&b"csrf=%ff%fe&email"[..], b"\xff\xfe", b"{\"csrf\":1}"] {
        let request = browser.client.post(&login).body(body.to_vec());
        let page = Page::read(request.send().await.unwrap()).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN);
        assert!(page.one(".code").contains("403"));
    }
    let page = browser
        .get("/track?register=%ff&register=1&passport=%00")
        .await;
    page.one(".refused");
    rehearsal.stop().await;
}

async fn put(address: SocketAddr, faults: &str) -> (StatusCode, Value) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = Client::builder().timeout(PATIENCE).build().unwrap();
    let url = format!("http://{address}/_rehearsal/faults");
    let answer = client
        .put(url)
        .body(faults.to_owned())
        .send()
        .await
        .unwrap();
    (answer.status(), answer.json().await.unwrap())
}

#[tokio::test]
async fn faults_are_switched_by_json_and_mistakes_are_explained() {
    let rehearsal = start().await;
    let browser = Browser::new(&rehearsal);
    let one = json!({"kind": "error", "status": 503, "path": "/front/*", "every": 2});
    let (status, now) = put(rehearsal.site(), &json!([one]).to_string()).await;
    assert_eq!(status, StatusCode::OK);
    assert_eq!(now["faults"], json!([one]));
    let answers = [
        browser.get("/front/info").await,
        browser.get("/front/info").await,
    ];
    assert_eq!(answers.map(|page| page.status.as_u16()), [200, 503]);
    assert_eq!(browser.get("/").await.status, StatusCode::OK);

    for (wrong, expected) in [
        ("nonsense", "not JSON"),
        (r#"{"kind":"eror"}"#, "eror"),
        (r#"{"kind":"late"}"#, "delay_ms"),
        (r#"{"kind":"blank","delay_ms":3}"#, "delay_ms"),
        (r#"{"kind":"error","status":404}"#, "status"),
        (r#"{"kind":"blank","every":0}"#, "every"),
        (r#"{"kind":"blank","percent":101}"#, "percent"),
        (r#"{"kind":"refuse","path":"/"}"#, "path"),
        (r#"{"faults":[],"mode":1}"#, "mode"),
        ("[3]", "kind"),
    ] {
        let (status, answer) = put(rehearsal.site(), wrong).await;
        let error = answer["error"].as_str().unwrap();
        assert_eq!(status, StatusCode::BAD_REQUEST, "{wrong}");
        assert!(error.contains(expected), "{wrong}: {error}");
        assert!(error.contains("yellow_page"), "names the kinds: {error}");
    }
    let still = rehearsal.faults().by_hand();
    assert_eq!(still.len(), 1, "a mistake changes nothing");
    let url = format!("{}/_rehearsal/faults", browser.base);
    browser.client.delete(url).send().await.unwrap();
    assert!(rehearsal.faults().by_hand().is_empty());

    let board = browser.get("/_rehearsal/").await;
    for at in 0..board.all("button[name=fault]").len() {
        let html = Html::parse_document(&board.text);
        let buttons = Selector::parse("button[name=fault]").unwrap();
        let json = html
            .select(&buttons)
            .nth(at)
            .unwrap()
            .attr("value")
            .unwrap();
        let fault = Fault::from_json(serde_json::from_str(json).unwrap());
        assert!(fault.is_ok(), "{json}: {fault:?}");
    }
    rehearsal.stop().await;
}

#[tokio::test]
async fn every_faulty_page_is_met_as_it_was_switched_on() {
    let rehearsal = start().await;
    let browser = Browser::new(&rehearsal);
    browser.sign_in().await;
    let expectations = [
        (Kind::Error { status: 500 }, 500, "500 • KENDALA SERVER"),
        (
            Kind::Error { status: 502 },
            502,
            "Maaf, Terjadi Kendala di Sisi Kami",
        ),
        (
            Kind::Error { status: 503 },
            503,
            "Maaf, Terjadi Kendala di Sisi Kami",
        ),
        (Kind::YellowPage {}, 500, "Server Error in '/' Application."),
        (Kind::ErrorWith200 {}, 200, "500 • KENDALA SERVER"),
        (Kind::Maintenance {}, 503, "Pemeliharaan"),
        (Kind::Captcha {}, 200, "g-recaptcha"),
        (Kind::Script {}, 200, "\"uploads\":{"),
        (Kind::MissingBundle {}, 200, "/assets/app.5b0c7d12.js"),
        (Kind::EndlessLoop {}, 200, "<script>for (;;) {}</script>"),
        (Kind::Alert {}, 200, "alert("),
        (Kind::AlertLoop {}, 200, "for (;;) alert("),
        (Kind::WindowLoop {}, 200, "open('about:blank')"),
        (Kind::SessionLost {}, 200, "Sesi berakhir"),
    ];
    for (kind, status, text) in expectations {
        rehearsal.faults().set(vec![kind.clone().into()]);
        let page = browser.get("/web/applications").await;
        assert_eq!(page.status.as_u16(), status, "{kind:?}");
        assert!(page.text.contains(text), "{kind:?}: {}", page.text);
    }
    rehearsal.faults().set(vec![Kind::Blank {}.into()]);
    let blank = browser.get("/").await;
    assert_eq!((blank.status.as_u16(), blank.text.trim()), (200, ""));

    rehearsal
        .faults()
        .set(vec![Kind::Late { delay_ms: 300 }.into()]);
    let begun = Instant::now();
    assert_eq!(browser.get("/").await.status, StatusCode::OK);
    assert!(begun.elapsed() >= Duration::from_millis(300));

    // Together, and each at its own path.
    let late = Fault::from(Kind::Late { delay_ms: 200 });
    let broken = Fault::from(Kind::Error { status: 502 }).at("/front/*");
    rehearsal.faults().set(vec![late, broken]);
    let begun = Instant::now();
    assert_eq!(
        browser.get("/front/info").await.status,
        StatusCode::BAD_GATEWAY
    );
    assert!(begun.elapsed() >= Duration::from_millis(200));
    assert_eq!(browser.get("/track").await.status, StatusCode::OK);

    let mut some = Fault::from(Kind::Error { status: 500 });
    some.percent = Some(50.0);
    rehearsal.faults().set(vec![some]);
    let mut failed = 0;
    for _ in 0..200 {
        failed += usize::from(browser.get("/").await.status.is_server_error());
    }
    assert!((50..=150).contains(&failed), "{failed} of 200 at 50 %");
    rehearsal.stop().await;
}

#[tokio::test]
async fn refusing_closes_the_door_and_the_control_server_opens_it_again() {
    let rehearsal = start().await;
    let (site, control) = (rehearsal.site(), rehearsal.control().unwrap());
    put(site, r#"{"kind":"refuse"}"#).await;
    // Whoever connects just as the door closes is reset; after that everyone is refused.
    until("a refused connection", async || {
        let error = TcpStream::connect(site).await.err()?;
        (error.kind() == std::io::ErrorKind::ConnectionRefused).then_some(())
    })
    .await;
    let browser = Browser::new(&rehearsal);
    let alive = format!("http://{control}/generate_204");
    let answer = browser.client.get(alive).send().await.unwrap();
    assert_eq!(answer.status(), StatusCode::NO_CONTENT);
    put(control, "[]").await;
    until("an open door", async || browser.try_get("/").await.ok()).await;
    rehearsal.stop().await;
}

/// Everything that the server sends to one request, and how the connection ended.
async fn raw_get(address: SocketAddr) -> (Vec<u8>, std::io::Result<()>) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream
        .write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    let mut bytes = Vec::new();
    let reading = stream.read_to_end(&mut bytes);
    let ended = tokio::time::timeout(PATIENCE, reading)
        .await
        .expect("no end");
    (bytes, ended.map(drop))
}

fn head_and_body(bytes: &[u8]) -> (String, &[u8]) {
    let end = bytes
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .unwrap()
        + 4;
    (
        String::from_utf8_lossy(&bytes[..end]).to_lowercase(),
        &bytes[end..],
    )
}

#[tokio::test]
async fn connections_break_and_lie_as_they_were_told() {
    let rehearsal = start().await;
    let site = rehearsal.site();
    rehearsal.faults().set(vec![Kind::Reset {}.into()]);
    let (bytes, ended) = raw_get(site).await;
    assert_eq!(
        ended.unwrap_err().kind(),
        std::io::ErrorKind::ConnectionReset
    );
    assert!(head_and_body(&bytes).0.starts_with("http/1.1 200"));

    for by in [100, -100] {
        rehearsal
            .faults()
            .set(vec![Kind::LyingLength { by }.into()]);
        let (bytes, _) = raw_get(site).await;
        let (head, body) = head_and_body(&bytes);
        let stated = head.split("content-length: ").nth(1).unwrap();
        let stated: i64 = stated.lines().next().unwrap().parse().unwrap();
        assert_eq!(stated - body.len() as i64, i64::from(by));
        assert!(
            by > 0 || body.ends_with(b"</html>"),
            "the surplus is the page's own end"
        );
    }
    rehearsal.stop().await;
}

#[tokio::test]
async fn hostile_answers_are_what_they_claim_to_be() {
    let rehearsal = start().await;
    let browser = Browser::new(&rehearsal);
    let url = format!("{}/", browser.base);

    rehearsal.faults().set(vec![Kind::Huge {}.into()]);
    let mut answer = browser.client.get(&url).send().await.unwrap();
    assert_eq!(answer.content_length(), Some(1 << 30));
    let mut read = 0;
    while read < 20_000_000 {
        read += answer.chunk().await.unwrap().unwrap().len();
    }
    drop(answer);

    rehearsal.faults().set(vec![Kind::Endless {}.into()]);
    let mut answer = browser.client.get(&url).send().await.unwrap();
    assert_eq!(answer.content_length(), None);
    for _ in 0..10 {
        assert!(!answer.chunk().await.unwrap().unwrap().is_empty());
    }
    drop(answer);

    rehearsal.faults().set(vec![Kind::InvalidUtf8 {}.into()]);
    let bytes = browser
        .client
        .get(&url)
        .send()
        .await
        .unwrap()
        .bytes()
        .await
        .unwrap();
    assert!(std::str::from_utf8(&bytes).is_err());

    rehearsal.faults().set(vec![Kind::Redirects {}.into()]);
    let answer = browser.client.get(&url).send().await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), answer.url().query()),
        (200, Some("hop=30"))
    );

    rehearsal.faults().set(vec![Kind::GzipBomb {}.into()]);
    let plain = Client::builder()
        .no_gzip()
        .timeout(PATIENCE)
        .build()
        .unwrap();
    let packed = plain.get(&url).send().await.unwrap().bytes().await.unwrap();
    assert!(packed.len() < 2_000_000, "{}", packed.len());
    let mut bomb = flate2::read::GzDecoder::new(&packed[..]);
    assert_eq!(
        std::io::copy(&mut bomb, &mut std::io::sink()).unwrap(),
        1 << 30
    );
    rehearsal.stop().await;
}

#[tokio::test]
async fn faults_of_the_journey_strike_at_their_place() {
    let rehearsal = start().await;
    let browser = Browser::new(&rehearsal);
    let documents = browser.fill_in(&browser.open_draft().await).await;
    let passport = |size| vec![("passport", "passport.jpg", grown(jpeg(600, 400), size))];

    rehearsal.faults().set(vec![
        Kind::UploadRefused {
            above_bytes: 500_000,
        }
        .into(),
    ]);
    let refused = browser.upload(&documents, passport(500_001)).await;
    refused.one(".refused[data-name=passport]");
    let taken = browser.upload(&documents, passport(500_000)).await;
    taken.one(".uploaded[data-name=passport]");

    rehearsal
        .faults()
        .set(vec![Kind::UploadHangs { at_percent: 50 }.into()]);
    let hanging = browser.upload(&documents, passport(1_000_000));
    let hung = tokio::time::timeout(Duration::from_millis(700), hanging).await;
    assert!(hung.is_err(), "an upload that hangs never ends");

    rehearsal.faults().set(vec![Kind::DraftLost {}.into()]);
    let lost = browser.hand_in().await;
    assert_eq!(lost.path, "/web/applications");
    assert!(lost.all("#register-number").is_empty());

    rehearsal.faults().set(vec![Kind::MailMissing {}.into()]);
    let submitted = browser.hand_in().await;
    let register = submitted.one("#register-number");
    let track = format!("/track?register={register}&passport=L898902C3");
    let verified = async || {
        let page = browser.get(&track).await;
        (page.attribute("#result .status", "data-status") == "verified").then_some(())
    };
    until("the verification", verified).await;
    // A later notice overtakes nothing: were the first one sent, it would be there too.
    rehearsal.faults().clear();
    let second = browser.hand_in().await.one("#register-number");
    let mail = until("the second notice", async || mails(&browser).await.pop()).await;
    assert!(mail["text"].as_str().unwrap().contains(&second));
    assert_eq!(mails(&browser).await.len(), 1);
    rehearsal.stop().await;
}

/// A clock that stands still until it is moved.
#[derive(Default)]
struct StillClock(Mutex<Duration>);

impl StillClock {
    fn advance(&self, by: Duration) {
        *self.0.lock().unwrap() += by;
    }
}

impl Clock for StillClock {
    fn now(&self) -> Moment {
        Moment(1_790_000_000_000) + *self.0.lock().unwrap()
    }
    fn monotonic(&self) -> Duration {
        *self.0.lock().unwrap()
    }
}

#[tokio::test]
async fn a_script_runs_on_the_clock_that_it_was_given() {
    let clock = Arc::new(StillClock::default());
    let scripted = |after, for_, kind: Kind| ScriptedFault {
        after: Duration::from_secs(after),
        for_: Duration::from_secs(for_),
        fault: kind.into(),
    };
    let script = vec![
        scripted(60, 30, Kind::Error { status: 500 }),
        scripted(120, 10, Kind::Refuse {}),
    ];
    let settings = Settings {
        script,
        verify_after: Duration::from_secs(3),
        ..settings()
    };
    let handed = Arc::clone(&clock) as Arc<dyn Clock>;
    let rehearsal = rehearsal::start(settings, handed, Arc::new(SystemRandom))
        .await
        .unwrap();
    let browser = Browser::new(&rehearsal);
    assert_eq!(browser.get("/").await.status, StatusCode::OK);
    clock.advance(Duration::from_secs(60));
    assert_eq!(
        browser.get("/").await.status,
        StatusCode::INTERNAL_SERVER_ERROR
    );
    assert_eq!(rehearsal.faults().by_script().len(), 1);
    // A fault switched by hand goes beside the script, and clearing leaves the script.
    rehearsal
        .faults()
        .set(vec![Kind::Late { delay_ms: 1 }.into()]);
    rehearsal.faults().clear();
    assert_eq!(
        browser.get("/").await.status,
        StatusCode::INTERNAL_SERVER_ERROR
    );
    clock.advance(Duration::from_secs(30));
    assert_eq!(browser.get("/").await.status, StatusCode::OK);

    // The officer looks at the same clock.
    let register = browser.hand_in().await.one("#register-number");
    let track = format!("/track?register={register}&passport=L898902C3");
    let status = async || {
        browser
            .get(&track)
            .await
            .attribute("#result .status", "data-status")
    };
    assert_eq!(status().await, "submitted");
    clock.advance(Duration::from_secs(3));
    until("the verification", async || {
        (status().await == "verified").then_some(())
    })
    .await;

    clock.advance(Duration::from_secs(27));
    until("a closed door", async || browser.try_get("/").await.err()).await;
    clock.advance(Duration::from_secs(10));
    until("an open door", async || browser.try_get("/").await.ok()).await;
    rehearsal.stop().await;
}

/// Sends lines by SMTP, each answered before the next, and gives the answers' codes.
async fn smtp(address: SocketAddr, lines: &[&str]) -> Vec<String> {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let mut codes = Vec::new();
    let mut answer = vec![0; 4096];
    for line in std::iter::once(&"").chain(lines) {
        if !line.is_empty() {
            stream
                .write_all(format!("{line}\r\n").as_bytes())
                .await
                .unwrap();
        }
        let reading = tokio::time::timeout(PATIENCE, stream.read(&mut answer));
        let length = reading.await.unwrap().unwrap();
        codes.push(String::from_utf8_lossy(&answer[..length.min(3)]).into_owned());
    }
    codes
}

async fn deliver(rehearsal: &Rehearsal, to: &str, subject: &str, text: &str) {
    let recipient = format!("RCPT TO:<{to}>");
    let mail = format!(
        "From: siaga@siaga.example\r\nTo: {to}\r\nSubject: {subject}\r\nX-Kind: alert\r\n\r\n{text}\r\n."
    );
    let lines = [
        "EHLO test",
        "MAIL FROM:<siaga@siaga.example> SIZE=100",
        &recipient,
        "DATA",
        &mail,
        "QUIT",
    ];
    let codes = smtp(rehearsal.smtp(), &lines).await;
    assert_eq!(codes, ["220", "250", "250", "250", "354", "250", "221"]);
}

#[tokio::test]
async fn the_post_office_keeps_to_smtp() {
    let rehearsal = start().await;
    let browser = Browser::new(&rehearsal);
    let codes = smtp(
        rehearsal.smtp(),
        &[
            "DATA",
            "RCPT TO:<a@b>",
            "MAIL FROM:<a@b> SIZE=99000000",
            "MAIL a@b",
            "MAIL FROM:<>",
            "RCPT TO:<nobody>",
            "RSET",
            "NOOP",
            "STARTTLS",
            "HELO x",
            "QUIT",
        ],
    )
    .await;
    let expected = [
        "220", "503", "503", "552", "501", "250", "501", "250", "250", "502", "250", "221",
    ];
    assert_eq!(codes, expected);

    let dots = "first\r\n..a dot\r\n<b>not bold</b>";
    deliver(
        &rehearsal,
        "ops@siaga.example",
        "=?utf-8?Q?Gangguan_=E2=80=A2?=",
        dots,
    )
    .await;
    let mail = mails(&browser).await.pop().unwrap();
    assert_eq!(mail["subject"], "Gangguan •");
    assert_eq!(mail["recipients"], json!(["ops@siaga.example"]));
    assert!(
        mail["text"].as_str().unwrap().contains("\n.a dot")
            || mail["text"].as_str().unwrap().contains("\r\n.a dot")
    );
    let page = browser.get("/_rehearsal/mailbox").await;
    assert!(page.one(".mail pre").contains("<b>not bold</b>"));
    assert!(page.all(".mail b").is_empty(), "mail is text, never markup");

    for at in 0..510 {
        if at % 100 == 0 {
            assert!(mails(&browser).await.len() <= 500);
        }
        deliver(&rehearsal, "ops@siaga.example", &format!("mail {at}"), "x").await;
    }
    let kept = mails(&browser).await;
    assert_eq!(kept.len(), 500);
    assert_eq!(
        kept[0]["subject"], "mail 509",
        "the newest first, the oldest dropped"
    );
    rehearsal.stop().await;
}

#[tokio::test]
async fn mail_is_read_by_imap() {
    let rehearsal = start().await;
    deliver(
        &rehearsal,
        "probe@siaga.example",
        "Kode billing 1",
        "angka 800000000000001",
    )
    .await;
    deliver(&rehearsal, "ops@siaga.example", "Gangguan", "lihat").await;
    deliver(
        &rehearsal,
        "probe@siaga.example",
        "Kode billing 2",
        "angka 800000000000002",
    )
    .await;

    let connect = async || TcpStream::connect(rehearsal.imap()).await.unwrap();
    let refused = async_imap::Client::new(connect().await)
        .login("probe@siaga.example", "no")
        .await;
    assert!(refused.is_err());
    let mut client = async_imap::Client::new(connect().await);
    client.read_response().await.unwrap().unwrap();
    let login = client.login("probe@siaga.example", "rehearsal-only").await;
    let mut session = login.map_err(|(error, _)| error).unwrap();
    assert_eq!(session.select("INBOX").await.unwrap().exists, 3);

    let mut found = async |query: &str| {
        let mut uids: Vec<_> = session
            .uid_search(query)
            .await
            .unwrap()
            .into_iter()
            .collect();
        uids.sort_unstable();
        uids
    };
    assert_eq!(found("ALL").await, [1, 2, 3]);
    assert_eq!(
        found("SUBJECT \"kode billing\" TO probe@siaga.example").await,
        [1, 3]
    );
    assert_eq!(found("UID 2:*").await, [2, 3]);
    assert_eq!(
        found("UID 9:*").await,
        [3],
        "the last mail, as the standard has it"
    );
    assert_eq!(found("NOT SUBJECT billing").await, [2]);
    assert_eq!(found("OR SUBJECT Gangguan (TO probe UID 3)").await, [2, 3]);
    assert_eq!(found("SINCE 1-Jan-2020 UNSEEN").await, [1, 2, 3]);
    assert_eq!(found("SINCE 1-Jan-2999").await, [0_u32; 0]);
    assert_eq!(found("HEADER X-Kind alert BODY 0002").await, [3]);

    let query = "(UID FLAGS INTERNALDATE RFC822.SIZE BODY.PEEK[])";
    let fetched = session.uid_fetch("3", query).await.unwrap();
    let fetched: Vec<_> = fetched.try_collect().await.unwrap();
    let [mail] = &fetched[..] else {
        panic!("{fetched:?}")
    };
    let body = mail.body().unwrap();
    assert_eq!(mail.uid, Some(3));
    assert_eq!(mail.size, Some(body.len() as u32));
    assert!(mail.internal_date().is_some());
    assert!(String::from_utf8_lossy(body).contains("800000000000002"));

    // What arrives while a session is open is found by the next search.
    deliver(&rehearsal, "probe@siaga.example", "Kode billing 3", "baru").await;
    assert!(
        session
            .uid_search("SUBJECT \"billing 3\"")
            .await
            .unwrap()
            .contains(&4)
    );

    let gone = session
        .uid_store("1,2", "+FLAGS (\\Deleted)")
        .await
        .unwrap();
    let _: Vec<_> = gone.try_collect().await.unwrap();
    let expunged: Vec<_> = session
        .expunge()
        .await
        .unwrap()
        .try_collect()
        .await
        .unwrap();
    assert_eq!(expunged, [2, 1]);
    assert_eq!(session.uid_search("ALL").await.unwrap(), [3, 4].into());
    session.logout().await.unwrap();
    let browser = Browser::new(&rehearsal);
    assert_eq!(
        mails(&browser).await.len(),
        4,
        "people can still read what a client deleted"
    );
    rehearsal.stop().await;
}

#[tokio::test]
async fn notices_go_to_the_server_that_was_named() {
    let elsewhere = start().await;
    let settings = Settings {
        smtp_server: Some(elsewhere.smtp()),
        ..settings()
    };
    let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandom));
    let rehearsal = rehearsal::start(settings, clock, random).await.unwrap();
    let register = Browser::new(&rehearsal)
        .hand_in()
        .await
        .one("#register-number");
    let reader = Browser::new(&elsewhere);
    let mail = until("the notice", async || mails(&reader).await.pop()).await;
    assert!(mail["text"].as_str().unwrap().contains(&register));
    assert!(mails(&Browser::new(&rehearsal)).await.is_empty());
    rehearsal.stop().await;
    elsewhere.stop().await;
}

#[tokio::test]
async fn many_applicants_at_once_each_get_a_number_and_a_notice_of_their_own() {
    let rehearsal = Arc::new(start().await);
    let mut journeys = tokio::task::JoinSet::new();
    for _ in 0..24 {
        let rehearsal = Arc::clone(&rehearsal);
        journeys.spawn(async move {
            Browser::new(&rehearsal)
                .hand_in()
                .await
                .one("#register-number")
        });
    }
    let mut registers = journeys.join_all().await;
    registers.sort();
    registers.dedup();
    assert_eq!(registers.len(), 24);
    let browser = Browser::new(&rehearsal);
    let mails = until("24 notices", async || {
        Some(mails(&browser).await).filter(|mails| mails.len() >= 24)
    })
    .await;
    for register in registers {
        let about = |mail: &&Value| mail["text"].as_str().unwrap().contains(&register);
        assert_eq!(mails.iter().filter(about).count(), 1, "{register}");
    }
    Arc::into_inner(rehearsal).unwrap().stop().await;
}

#[tokio::test]
async fn stopping_waits_for_nobody_for_ever() {
    let rehearsal = start().await;
    let site = rehearsal.site();
    rehearsal.faults().set(vec![Kind::Endless {}.into()]);
    let mut endless = TcpStream::connect(site).await.unwrap();
    endless
        .write_all(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        .await
        .unwrap();
    endless.read_exact(&mut [0; 100_000]).await.unwrap();
    let reading = tokio::spawn(async move {
        let mut rest = Vec::new();
        // However it ends: that it ends is what counts.
        let _ = endless.read_to_end(&mut rest).await;
    });
    let _idle = TcpStream::connect(rehearsal.imap()).await.unwrap();
    let begun = Instant::now();
    rehearsal.stop().await;
    assert!(begun.elapsed() < Duration::from_secs(6));
    assert!(TcpStream::connect(site).await.is_err());
    tokio::time::timeout(PATIENCE, reading)
        .await
        .unwrap()
        .unwrap();
}

const IMAPLIB: &str = r#"
import imaplib, email, sys
host, port = sys.argv[1].rsplit(":", 1)
box = imaplib.IMAP4(host, int(port), timeout=10)
box.login("probe@siaga.example", "rehearsal-only")
assert box.select("INBOX") == ("OK", [b"1"])
status, found = box.uid("SEARCH", "CHARSET", "UTF-8", "SUBJECT", '"Kode billing"', "UNSEEN")
assert (status, found) == ("OK", [b"1"]), found
status, data = box.fetch("1", "(RFC822)")
assert email.message_from_bytes(data[0][1])["Subject"] == "Kode billing 7", data
status, data = box.fetch("1", "(FLAGS BODY.PEEK[HEADER.FIELDS (SUBJECT TO)])")
assert b"\\Seen" in data[0][0] and b"Subject: Kode billing 7" in data[0][1], data
box.literal = b"Kode"
status, found = box.uid("SEARCH", "CHARSET", "UTF-8", "SUBJECT")
assert (status, found) == ("OK", [b"1"]), found
assert box.noop()[0] == "OK"
assert box.list()[0] == "OK"
box.logout()
print("read")
"#;

#[tokio::test]
async fn mail_is_read_by_pythons_imaplib_and_by_curl() {
    let rehearsal = start().await;
    deliver(
        &rehearsal,
        "probe@siaga.example",
        "Kode billing 7",
        "isi surat",
    )
    .await;
    let imap = rehearsal.imap().to_string();
    let mut script = tempfile::NamedTempFile::new().unwrap();
    script.write_all(IMAPLIB.as_bytes()).unwrap();
    let python = tokio::process::Command::new("python3")
        .arg(script.path())
        .arg(&imap)
        .output();
    match python.await {
        Ok(out) => assert!(
            out.status.success(),
            "{}",
            String::from_utf8_lossy(&out.stderr)
        ),
        Err(error) => eprintln!("python3 is not here ({error}): imaplib was not tried"),
    }
    let url = format!("imap://{imap}/INBOX;MAILINDEX=1");
    let curl = tokio::process::Command::new("curl")
        .args([
            "-sS",
            "-m",
            "10",
            "-u",
            "probe@siaga.example:rehearsal-only",
            &url,
        ])
        .output();
    match curl.await {
        Ok(out) => assert!(
            String::from_utf8_lossy(&out.stdout).contains("isi surat"),
            "{out:?}"
        ),
        Err(error) => eprintln!("curl is not here ({error}): it was not tried"),
    }
    rehearsal.stop().await;
}

#[tokio::test]
async fn a_taken_address_is_named() {
    let rehearsal = start().await;
    let settings = Settings {
        listen: rehearsal.site(),
        ..settings()
    };
    let again = rehearsal::start(settings, Arc::new(SystemClock), Arc::new(SystemRandom)).await;
    let error = again
        .err()
        .expect("two cannot listen at one address")
        .to_string();
    assert!(error.contains(&rehearsal.site().to_string()), "{error}");
    rehearsal.stop().await;
}
