//! Sites that nobody here wrote: how frameworks build their pages, and what they say.

use siaga::domain::{Fault, Outcome, RunReport};

use super::server::{Request, Server, answer, page, plain, redirect};
use super::{flow, outcomes, run};
use crate::harness::probing::{error_pages, target, tools};

const SIGN_IN_FORM: &str = "<title>Sign in</title><form id=f method=post action=/login>\
    <input id=user name=user><input id=password type=password name=password></form>";

const SIGN_IN: &str = r##"
    needs = ["PASSWORD"]
    [[step]]
    name = "Sign in"
    component = "sign-in"
    visit = "/login"
    fill = { "#password" = "${PASSWORD}" }
    submit = "#f"
    expect = { text = "Welcome" }
"##;

async fn run_on(server: &Server, steps: &str) -> RunReport {
    let mut target = target(&server.url);
    target
        .secrets
        .insert("PASSWORD".to_owned(), "long-secret-0123456789".to_owned());
    run(&flow(steps), &target, &tools()).await
}

fn message(report: &RunReport, step: usize) -> &str {
    report.steps[step].message.as_deref().unwrap_or_default()
}

/// A page with a form, and a template that a script would copy.
fn with_template(_: &Request) -> String {
    page(
        "<template><li class=error></li><input id=title name=forged></template>\
         <ul><li class=success>Saved <a href=/things/7/>Edit</a></li></ul>\
         <form id=f><input id=title name=title><template><input name=ghost></template></form>",
    )
}

#[tokio::test]
async fn what_stands_in_a_template_is_no_part_of_the_page() {
    let server = plain(with_template).await;
    let steps = r##"
        [[step]]
        name = "Look"
        component = "web"
        visit = "/"
        expect = { css = "li.success", not_css = ["li.error", "template li", "[name=forged]"] }
        [[step]]
        name = "Send"
        component = "web"
        fill = { "#title" = "x" }
        submit = "#f"
        [[step]]
        name = "Look for what is only in the template"
        component = "web"
        visit = "/"
        expect = { css = "li.error" }
    "##;
    let report = run(&flow(steps), &target(&server.url), &tools()).await;
    assert_eq!(
        outcomes(&report),
        [
            "Look: passed",
            "Send: passed",
            "Look for what is only in the template: failed content"
        ]
    );
    assert_eq!(server.lines(), ["GET /", "GET /?title=x", "GET /"]);
}

#[tokio::test]
async fn a_step_sent_to_the_sign_in_page_does_not_act_on_it() {
    let server = plain(|request| match (request.method(), request.path()) {
        (_, "/edit") => redirect("/login?next=/edit"),
        ("POST", "/login") => page("Welcome"),
        (_, "/sign-out") => redirect("/login"),
        _ => page(SIGN_IN_FORM),
    })
    .await;
    let steps = format!(
        "{SIGN_IN}{}",
        r#"
        [[step]]
        name = "Edit"
        component = "web"
        visit = "/edit"
        submit = "form"
        [[cleanup]]
        name = "Sign out"
        visit = "/sign-out"
        expect = { path = "/login" }
        "#
    );
    let report = run_on(&server, &steps).await;
    assert_eq!(
        outcomes(&report),
        [
            "Sign in: passed",
            "Edit: failed session_lost",
            "cleanup Sign out: passed"
        ]
    );
    assert_eq!(
        message(&report, 1),
        "signed out in the middle: the site asks to sign in again (`/login`)"
    );
    let posts = server.lines().into_iter().filter(|l| l.starts_with("POST"));
    assert_eq!(posts.count(), 1, "{:?}", server.lines());
}

#[tokio::test]
async fn a_broken_page_at_the_address_of_the_sign_in_is_no_lost_session() {
    // Everything at one address, as some frameworks have it.
    let server = plain(|request| match request.method() {
        "POST" => page("Welcome"),
        _ if request.path() == "/login" => page(SIGN_IN_FORM),
        _ => answer(
            "500 Oops",
            "Content-Type: text/html\r\n",
            "<h1>It broke</h1>",
        ),
    })
    .await;
    let steps = format!(
        "{SIGN_IN}{}",
        "[[step]]\nname = \"List\"\ncomponent = \"web\"\nvisit = \"/login?list\"\n"
    );
    let report = run_on(&server, &steps).await;
    assert_eq!(
        outcomes(&report),
        ["Sign in: passed", "List: failed status"]
    );
    assert_eq!(
        message(&report, 1),
        "the status should be 2xx, it is 500; the page says \"It broke\""
    );
}

#[tokio::test]
async fn a_sign_in_that_failed_is_told_in_the_sites_words_and_loses_no_session() {
    let server = plain(|request| match request.method() {
        "POST" => page(&format!(
            "<ul class=messages role=alert><li class=error>Wrong password.</li></ul>\
             <p class=error hidden>Hidden</p><p class=error>Try again.</p>{SIGN_IN_FORM}"
        )),
        _ => page(SIGN_IN_FORM),
    })
    .await;
    let cleanup = "[[cleanup]]\nname = \"Clean\"\nvisit = \"/drafts\"\nsubmit = \"#drafts\"\n";
    let report = run_on(&server, &format!("{SIGN_IN}{cleanup}")).await;
    assert_eq!(
        outcomes(&report),
        ["Sign in: failed content", "cleanup Clean: failed content"]
    );
    assert_eq!(
        message(&report, 0),
        "the page does not say \"Welcome\"; it complains: \"Wrong password. / Try again.\""
    );
    assert_eq!(
        message(&report, 1),
        "the page has no element `#drafts`; it has the fields `#user`, `#password`; \
         the page says \"Sign in\""
    );
}

#[tokio::test]
async fn a_refused_upload_is_told_in_the_sites_words() {
    const FORM: &str = "<form id=f method=post enctype=multipart/form-data>\
        <input id=u type=file name=u></form>";
    let server = plain(|request| match request.method() {
        "POST" => page(&format!(
            "<p class=errorlist>This file is too big (300.0 KB).</p>{FORM}"
        )),
        _ => page(FORM),
    })
    .await;
    let steps = r##"
        [[step]]
        name = "Upload"
        component = "upload"
        visit = "/"
        upload = { "#u" = { document = "photo", kind = "jpeg", size = "300KB" } }
        submit = "#f"
        expect = { css = "li.success" }
    "##;
    let report = run(&flow(steps), &target(&server.url), &tools()).await;
    assert_eq!(report.outcome, Outcome::Failed(Fault::UploadRefused));
    assert_eq!(
        message(&report, 0),
        "the document is refused: the page has no element `li.success`; \
         it complains: \"This file is too big (300.0 KB).\""
    );
}

#[tokio::test]
async fn a_misspelt_id_is_told_with_the_nearest_one() {
    let server = plain(|_| page(SIGN_IN_FORM)).await;
    let steps = "[[step]]\nname = \"a\"\ncomponent = \"web\"\nvisit = \"/\"\n";
    for more in [
        "fill = { \"#pasword\" = \"x\" }\nsubmit = \"#f\"",
        "choose = { \"#pasword\" = \"x\" }\nsubmit = \"#f\"",
    ] {
        let report = run(
            &flow(&format!("{steps}{more}")),
            &target(&server.url),
            &tools(),
        )
        .await;
        assert_eq!(
            message(&report, 0),
            "the page has no element `#pasword`; it has `#password`; \
             it has the fields `#user`, `#password`"
        );
    }
    let more = "expect = { css = \"#pasword\" }";
    let report = run(
        &flow(&format!("{steps}{more}")),
        &target(&server.url),
        &tools(),
    )
    .await;
    assert_eq!(
        message(&report, 0),
        "the page has no element `#pasword`; it has `#password`; the page says \"Sign in\""
    );
}

#[tokio::test]
async fn a_secret_is_masked_before_a_message_is_cut() {
    // The cut falls into the secret, wherever it falls.
    for before in (0..320).step_by(7) {
        let text = format!(
            "<p class=error>{}long-secret-0123456789 {}",
            "x".repeat(before),
            "y".repeat(500)
        );
        let server = plain(move |request| match request.method() {
            "POST" => page(&text),
            _ => page(SIGN_IN_FORM),
        })
        .await;
        let report = run_on(&server, SIGN_IN).await;
        let message = message(&report, 0);
        assert!(!message.contains("long-"), "{message}");
        assert!(message.chars().count() <= 301, "{message}");
    }
}

#[tokio::test]
async fn what_was_too_slow_or_broken_off_is_named() {
    let server = plain(|request| {
        if request.path() != "/" {
            std::thread::sleep(std::time::Duration::from_millis(150));
        }
        page("<form id=f method=post action=/send></form>")
    })
    .await;
    let steps = "[[step]]\nname = \"a\"\ncomponent = \"web\"\nvisit = \"/late\"\nslow = \"100ms\"\n\
        [[step]]\nname = \"b\"\ncomponent = \"web\"\nvisit = \"/\"\nsubmit = \"#f\"\ntimeout = \"100ms\"\n";
    let report = run(&flow(steps), &target(&server.url), &tools()).await;
    assert_eq!(outcomes(&report), ["a: slow", "b: failed timeout"]);
    assert_eq!(message(&report, 0), "it should take 0.1 s at most");
    assert_eq!(
        message(&report, 1),
        "no complete answer within 0.1 s (POST /send)"
    );
}

#[tokio::test]
async fn a_known_error_page_is_told_with_its_status() {
    let server = plain(|_| {
        let html = "<title>Server Error (500)</title><h1>Server Error (500)</h1>";
        answer("500 Oops", "Content-Type: text/html\r\n", html)
    })
    .await;
    let mut tools = tools();
    tools.error_pages = error_pages();
    let steps = "[[step]]\nname = \"a\"\ncomponent = \"web\"\nvisit = \"/\"\n";
    let report = run(&flow(steps), &target(&server.url), &tools).await;
    assert_eq!(report.outcome, Outcome::Failed(Fault::ErrorPage));
    assert_eq!(
        message(&report, 0),
        "the site shows an error page, with status 500: The application broke (Django) (`django`)"
    );
}
