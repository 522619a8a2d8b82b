//! What a run does with its steps: what is not reached, cleaned up, remembered, tried.

use std::sync::Arc;
use std::time::Duration;

use siaga::domain::{Fault, Outcome, Why};
use siaga::probe::error_pages::ErrorPages;
use siaga::probe::runner::{Occasion, run_flow};

use super::server::{Request, answer, page, plain, redirect};
use super::{flow, outcomes, run, run_turn, word};
use crate::harness::probing::{target, tools};

#[tokio::test]
async fn after_a_failure_the_rest_is_not_reached_but_cleanup_runs() {
    let server = plain(|request| match request.path() {
        "/begin" => page("<meta name=draft content=d7>"),
        "/broken" => answer("500 Oops", "", "it broke"),
        _ => page("fine"),
    })
    .await;
    let flow = flow(
        r#"
        [[step]]
        name = "Begin"
        component = "web"
        visit = "/begin"
        capture = { draft = { css = "meta[name=draft]", attribute = "content" } }
        [[step]]
        name = "Break"
        component = "web"
        visit = "/broken"
        capture = { later = 'x' }
        [[step]]
        name = "Never"
        component = "web"
        visit = "/never"
        [[cleanup]]
        name = "Nothing to clean"
        visit = "/clean/${later}"
        [[cleanup]]
        name = "Clean broken"
        visit = "/broken"
        [[cleanup]]
        name = "Clean"
        visit = "/clean/${draft}"
        "#,
    );
    let report = run(&flow, &target(&server.url), &tools()).await;
    assert_eq!(
        outcomes(&report),
        [
            "Begin: passed",
            "Break: failed status",
            "Never: not_reached",
            "cleanup Clean broken: failed status",
            "cleanup Clean: passed",
        ]
    );
    assert_eq!(report.outcome, Outcome::Failed(Fault::Status));
    assert_eq!(
        server.lines(),
        ["GET /begin", "GET /broken", "GET /broken", "GET /clean/d7"]
    );
    let broken = &report.steps[1];
    assert_eq!(broken.status, Some(500));
    assert_eq!(
        broken.message.as_deref(),
        Some("the status should be 2xx, it is 500; the page says \"it broke\"")
    );
    assert!(
        broken
            .error_page
            .as_ref()
            .is_some_and(|page| page.pattern.is_none())
    );
}

#[tokio::test]
async fn without_its_secrets_or_variables_a_flow_is_not_configured() {
    let server = plain(|_| page("")).await;
    let needy = "needs = [\"A_SECRET\"]\n[[step]]\nname = \"a\"\ncomponent = \"web\"\n\
                 visit = \"/${A_VARIABLE}\"\nfill = { \"#x\" = \"${A_SECRET}\" }";
    let report = run(&flow(needy), &target(&server.url), &tools()).await;
    assert_eq!(report.outcome, Outcome::Inconclusive(Why::NotConfigured));
    let message = report.steps[0].message.as_deref();
    assert_eq!(message, Some("not set: A_SECRET, A_VARIABLE"));
    assert!(server.seen().is_empty());
}

#[tokio::test]
async fn the_limit_of_the_whole_run_holds() {
    let server = plain(|request| {
        if request.path() == "/slow" {
            std::thread::sleep(Duration::from_millis(900));
        }
        page("")
    })
    .await;
    let steps = "timeout = \"1500ms\"\n\
        [[step]]\nname = \"a\"\ncomponent = \"web\"\nvisit = \"/slow\"\nslow = \"500ms\"\n\
        [[step]]\nname = \"b\"\ncomponent = \"web\"\nvisit = \"/slow\"\n\
        [[cleanup]]\nname = \"c\"\nvisit = \"/quick\"\n";
    let report = run(&flow(steps), &target(&server.url), &tools()).await;
    assert_eq!(
        outcomes(&report),
        ["a: slow", "b: failed timeout", "cleanup c: passed"]
    );
}

#[tokio::test]
async fn a_run_that_is_stopped_cleans_up() {
    let server = plain(|_| page("")).await;
    let steps = "[[step]]\nname = \"a\"\ncomponent = \"web\"\nwait = \"1h\"\n\
                 [[cleanup]]\nname = \"c\"\nvisit = \"/clean\"\n";
    let (sender, receiver) = tokio::sync::watch::channel(false);
    let (flow, target, tools) = (flow(steps), target(&server.url), tools());
    let occasion = Occasion {
        turn: 0,
        stop: Some(receiver),
        on_step: &mut |_| {},
    };
    let running = run_flow(&flow, &target, &tools, occasion);
    let stopping = async {
        tokio::task::yield_now().await;
        sender.send(true).unwrap();
    };
    let (report, ()) = tokio::join!(running, stopping);
    assert_eq!(
        outcomes(&report),
        ["a: inconclusive stopped", "cleanup c: passed"]
    );
}

#[tokio::test]
async fn it_sends_what_a_browser_sends() {
    let server = plain(|request| match (request.method(), request.path()) {
        ("GET", "/in?x=1") => answer(
            "200 OK",
            "Content-Type: text/html\r\nSet-Cookie: s=1; Path=/; HttpOnly\r\n",
            "<form method=post action=/go><input type=hidden name=t value=7><input id=a name=a></form>",
        ),
        ("POST", "/go") => redirect("/done"),
        _ => page("done"),
    })
    .await;
    let steps = "[[step]]\nname = \"a\"\ncomponent = \"web\"\nvisit = \"/in?x=1\"\n\
                 fill = { \"#a\" = \"${run} ${today}\" }\nsubmit = \"form\"\nexpect = { path = \"/done\" }\n\
                 [[step]]\nname = \"b\"\ncomponent = \"web\"\nrequest = { method = \"PUT\", path = \"/api\", \
                 headers = { x-a = \"b\" }, json = { n = 1, s = [\"${run}\"], t = true } }\n";
    let report = run(&flow(steps), &target(&server.url), &tools()).await;
    assert_eq!(outcomes(&report), ["a: passed", "b: passed"]);
    assert_eq!(
        server.lines(),
        ["GET /in?x=1", "POST /go", "GET /done", "PUT /api"]
    );
    let seen = server.seen();
    let origin = server.url.trim_end_matches('/');
    let headers = |request: &Request| {
        ["cookie", "referer", "origin", "content-type"]
            .map(|name| request.header(name).unwrap_or("-").to_owned())
    };
    let form = "application/x-www-form-urlencoded";
    assert_eq!(headers(&seen[0]), ["-", "-", "-", "-"]);
    assert_eq!(
        headers(&seen[1]),
        ["s=1", &format!("{origin}/in?x=1"), origin, form]
    );
    assert_eq!(
        headers(&seen[2]),
        ["s=1", &format!("{origin}/in?x=1"), "-", "-"]
    );
    let json = "application/json";
    assert_eq!(
        headers(&seen[3]),
        ["s=1", &format!("{origin}/done"), origin, json]
    );
    assert_eq!(seen[3].header("x-a"), Some("b"));
    assert!(seen[1].text().starts_with("t=7&a="), "{}", seen[1].text());
    let agent = format!(
        "Siaga/{} (+https://watch.example/)",
        env!("CARGO_PKG_VERSION")
    );
    assert!(
        seen.iter()
            .all(|request| request.header("user-agent") == Some(&agent))
    );

    // The next run is another applicant.
    run(&flow(steps), &target(&server.url), &tools()).await;
    let again = &server.seen()[4..];
    assert_eq!(again[0].header("cookie"), None);
    assert_ne!(again[1].text(), seen[1].text());
}

#[tokio::test]
async fn expectations_say_what_was_wrong() {
    let server = plain(|request| match request.path() {
        "/json" => answer("200 OK", "Content-Type: application/json\r\nX-A: one\r\n", r#"{"a":{"b":[1,"x"]}}"#),
        _ => page("<title>The title</title><p id=a>Hello &amp; <b>welcome</b></p><script>hidden()</script>"),
    })
    .await;
    for (expect, says) in [
        (
            "status = 200, path = \"/*\", text = \"Hello & welcome\", css = \"#a b\", header = { content-type = \"text/html*\" }",
            "",
        ),
        (
            "status = [404, 410]",
            "the status should be 404 or 410, it is 200; the page says \"The title: Hello & welcome\"",
        ),
        (
            "path = \"/web/*\"",
            "the address should be `/web/*`, it is `/`; the page says \"The title: Hello & welcome\"",
        ),
        (
            "text = \"hidden()\"",
            "the page does not say \"hidden()\"; the page says \"The title: Hello & welcome\"",
        ),
        ("not_text = \"welcome\"", "the page says \"welcome\""),
        (
            "css = \"#b\"",
            "the page has no element `#b`; the page says \"The title: Hello & welcome\"",
        ),
        (
            "not_css = \"#a\"",
            "the page has an element `#a`: \"Hello & welcome\"",
        ),
        (
            "header = { x-b = \"1\" }",
            "the header `x-b` should be `1`, it is missing",
        ),
        (
            "json = { \"/a\" = 1 }",
            "the answer is no JSON (expected value at line 1 column 1); the page says \"The title: Hello & welcome\"",
        ),
    ] {
        let steps = format!(
            "[[step]]\nname = \"a\"\ncomponent = \"web\"\nvisit = \"/\"\nexpect = {{ {expect} }}"
        );
        let report = run(&flow(&steps), &target(&server.url), &tools()).await;
        assert_eq!(
            report.steps[0].message.as_deref().unwrap_or_default(),
            says,
            "{expect}"
        );
    }
    for (expect, says) in [
        (
            "json = { \"/a/b\" = [1.0, \"x\"], \"/a/b/0\" = 1 }",
            "`/a/b` should be [1.0,\"x\"], it is [1,\"x\"]",
        ),
        (
            "json = { \"/a/b/1\" = \"x\" }, header = { X-A = \"o*e\" }",
            "",
        ),
        (
            "json = { \"/a/b/1\" = \"y\" }",
            "`/a/b/1` should be \"y\", it is \"x\"",
        ),
        (
            "json = { \"/a/c\" = \"y\" }",
            "the answer has nothing at `/a/c`",
        ),
    ] {
        let steps = format!(
            "[[step]]\nname = \"a\"\ncomponent = \"web\"\nvisit = \"/json\"\nexpect = {{ {expect} }}"
        );
        let report = run(&flow(&steps), &target(&server.url), &tools()).await;
        assert_eq!(
            report.steps[0].message.as_deref().unwrap_or_default(),
            says,
            "{expect}"
        );
    }
}

#[tokio::test]
async fn captures_come_from_every_place() {
    let server = plain(|request| match request.path() {
        "/next/7" | "/used/7/one/cap/v/x" => page("ok"),
        _ => answer("302 Found", "Location: /next/7\r\n", ""),
    })
    .await;
    let json = plain(|_| {
        answer(
            "200 OK",
            "X-A: one\r\nContent-Type: text/html\r\n",
            "<p id=a data-v=v>cap</p><i>t: x.</i>",
        )
    })
    .await;
    let mut target = target(&server.url);
    target
        .variables
        .insert("OTHER".to_owned(), json.url.clone());
    target.hosts.insert(
        json.url
            .trim_start_matches("http://")
            .trim_end_matches('/')
            .to_owned(),
    );
    let steps = r##"
        [[step]]
        name = "a"
        component = "web"
        visit = "/"
        capture = { id = { url = true, regex = '/(\d+)$' } }
        [[step]]
        name = "b"
        component = "web"
        visit = "${OTHER}"
        capture = { h = { header = "x-a" }, c = { css = "#a" }, v = { css = "#a", attribute = "data-v" }, r = 't: (\w)' }
        [[step]]
        name = "c"
        component = "web"
        visit = "/used/${id}/${h}/${c}/${v}/${r}"
        expect = { text = "ok" }
        [[step]]
        name = "d"
        component = "web"
        visit = "/next/7"
        capture = { none = 'no(t)hing' }
        "##;
    let report = run(&flow(steps), &target, &tools()).await;
    assert_eq!(
        outcomes(&report),
        ["a: passed", "b: passed", "c: passed", "d: failed content"]
    );
    let message = report.steps[3].message.as_deref().unwrap();
    assert!(message.contains("`none` cannot be taken"), "{message}");
}

#[tokio::test]
async fn a_step_waits_for_what_comes_about_later() {
    let count = Arc::new(std::sync::atomic::AtomicU32::new(0));
    let server = plain(move |_| {
        let before = count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        page(if before < 1 { "not yet" } else { "now" })
    })
    .await;
    let steps = "[[step]]\nname = \"a\"\ncomponent = \"web\"\nvisit = \"/\"\nwait = \"9s\"\nreload = \"1s\"\nexpect = { text = \"now\" }";
    let report = run(&flow(steps), &target(&server.url), &tools()).await;
    assert_eq!(outcomes(&report), ["a: passed"]);
    assert_eq!(server.seen().len(), 2);
}

const UPLOAD: &str = r##"
    [[step]]
    name = "Open"
    component = "web"
    visit = "/form"
    [[step]]
    name = "Upload"
    component = "upload"
    upload = { "#f" = { document = "photo", kind = "jpeg", size = "60KB" } }
    submit = "form"
    expect = { text = "taken" }
    [[step]]
    name = "After"
    component = "web"
    visit = "/after"
    [ladder]
    step = "Upload"
    kind = "jpeg"
    size = ["70KB", "90KB", "110KB"]
    limit = "100KB"
    "##;

/// A site that takes documents of up to this many bytes.
async fn uploading(limit: usize) -> super::server::Server {
    plain(move |request| match (request.method(), request.path()) {
        ("POST", _) if request.body.len() > limit + 1000 => answer("422 No", "", "too large"),
        ("POST", _) => page("taken"),
        _ => page("<form method=post enctype=multipart/form-data action=/up><input type=file id=f name=f></form>"),
    })
    .await
}

#[tokio::test]
async fn the_ladder_tells_a_right_refusal_from_a_fault() {
    let steps = flow(UPLOAD);
    for (limit, turn, upload, accepted, allowed) in [
        (100_000, 0, "passed", true, true),
        (100_000, 1, "passed", true, true),
        (100_000, 2, "passed", false, false),
        (200_000, 2, "passed", true, false),
        (80_000, 0, "passed", true, true),
        (80_000, 1, "failed upload_refused", false, true),
        (80_000, 3, "passed", true, true),
    ] {
        let server = uploading(limit).await;
        let report = run_turn(&steps, &target(&server.url), &tools(), turn).await;
        assert_eq!(word(report.steps[1].outcome), upload, "{limit} {turn}");
        let rung = report.rung.unwrap();
        assert_eq!(
            (rung.accepted, rung.allowed),
            (accepted, allowed),
            "{limit} {turn}"
        );
        let uploads = server
            .lines()
            .iter()
            .filter(|line| line.starts_with("POST"))
            .count();
        // After a right refusal the form is fetched anew, and the ordinary document sent.
        assert_eq!(uploads, if accepted || allowed { 1 } else { 2 });
        let last = report.steps.last().unwrap().outcome;
        assert_eq!(last == Outcome::Passed, upload == "passed");
    }
}

#[tokio::test]
async fn a_site_that_breaks_at_an_upload_does_not_refuse_it() {
    let server = plain(|request| match request.method() {
        "POST" => answer("500 Oops", "Content-Type: text/html\r\n", "KENDALA SERVER"),
        _ => page(
            "<form method=post enctype=multipart/form-data><input type=file id=f name=f></form>",
        ),
    })
    .await;
    let report = run(&flow(UPLOAD), &target(&server.url), &tools()).await;
    assert_eq!(word(report.steps[1].outcome), "failed status");
    assert_eq!(report.rung, None);

    let pages = "[[page]]\nkey = \"branded\"\nclass = \"server_error\"\nname_id = \"a\"\nname_en = \"b\"\ntext = [\"kendala server\"]";
    let mut tools = tools();
    tools.error_pages = Arc::new(ErrorPages::load(pages, "p").unwrap());
    let report = run(&flow(UPLOAD), &target(&server.url), &tools).await;
    assert_eq!(word(report.steps[1].outcome), "failed error_page");
    let page = report.steps[1].error_page.clone().unwrap();
    assert_eq!(page.pattern.as_deref(), Some("branded"));
}

#[tokio::test]
async fn being_sent_back_to_the_sign_in_is_a_lost_session() {
    let server = plain(|request| match (request.method(), request.path()) {
        (_, "/login") if request.method() == "GET" => {
            page("<form id=login method=post><input id=p name=p></form>")
        }
        ("POST", "/login") => redirect("/home"),
        (_, "/home") => page("welcome"),
        _ => redirect("/login"),
    })
    .await;
    let steps = "needs = [\"PASSWORD\"]\n\
        [[step]]\nname = \"in\"\ncomponent = \"sign-in\"\nvisit = \"/login\"\n\
        fill = { \"#p\" = \"${PASSWORD}\" }\nsubmit = \"#login\"\nexpect = { path = \"/home\" }\n\
        [[step]]\nname = \"list\"\ncomponent = \"web\"\nvisit = \"/list\"\nexpect = { text = \"list\" }\n";
    let mut target = target(&server.url);
    target
        .secrets
        .insert("PASSWORD".to_owned(), "open sesame".to_owned());
    let report = run(&flow(steps), &target, &tools()).await;
    assert_eq!(
        outcomes(&report),
        ["in: passed", "list: failed session_lost"]
    );
}

#[tokio::test]
async fn controls_pass_when_any_of_them_is_up() {
    let up = plain(|_| page("up")).await;
    let steps = "role = \"control\"\n[[step]]\nname = \"a\"\nvisit = \"${CONTROL}\"\n";
    let down = url::Url::parse("http://127.0.0.1:9/").unwrap();
    let mut target = target("http://127.0.0.1:9/");
    let report = run(&flow(steps), &target, &tools()).await;
    assert_eq!(report.outcome, Outcome::Inconclusive(Why::NotConfigured));
    target.controls = vec![down.clone(), up.url.parse().unwrap()];
    assert_eq!(
        run(&flow(steps), &target, &tools()).await.outcome,
        Outcome::Passed
    );
    target.controls = vec![down.clone(), down];
    let report = run(&flow(steps), &target, &tools()).await;
    assert_eq!(report.outcome, Outcome::Failed(Fault::Connect));
    assert_eq!(report.steps[0].name.en(), "a (127.0.0.1:9)");
}
