//! `siaga check` as a program: what it prints and how it ends.

use std::process::Stdio;

use siaga::domain::RunReport;
use tokio::process::Command;

use super::server::{answer, page, plain};

const FLOW: &str = r##"
name = "Small"
every = "1m"
needs = ["CHECK_SECRET"]
[[step]]
name = "Home"
component = "website"
visit = "/"
expect = { text = "welcome" }
[[step]]
name = "Sign in"
component = "sign-in"
fill = { "#p" = "${CHECK_SECRET}" }
submit = "form"
expect = { text = "signed in" }
[[step]]
name = "List"
component = "application"
visit = "/list"
"##;

struct Ended {
    code: Option<i32>,
    out: String,
    err: String,
}

async fn check(text: &str, site: &str, secret: Option<&str>, more: &[&str]) -> Ended {
    run(text, secret, &[&["--site", site], more].concat()).await
}

async fn check_with(text: &str, arguments: &[&str]) -> Ended {
    run(text, None, arguments).await
}

async fn run(text: &str, secret: Option<&str>, arguments: &[&str]) -> Ended {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("small.toml");
    std::fs::write(&file, text).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_siaga"));
    command.arg("check").arg(&file).args(arguments);
    command
        .env_remove("CHECK_SECRET")
        .env_remove("SIAGA_MAILBOX")
        .stdin(Stdio::null());
    if let Some(secret) = secret {
        command.env("CHECK_SECRET", secret);
    }
    let ended = command.output().await.unwrap();
    let text = |bytes: Vec<u8>| {
        let folder = folder.path().display().to_string();
        String::from_utf8(bytes).unwrap().replace(&folder, "DIR")
    };
    Ended {
        code: ended.status.code(),
        out: text(ended.stdout),
        err: text(ended.stderr),
    }
}

const MENU: &str = r#"
name = "Menu"
every = "1m"

[[step]]
name = "Home"
component = "website"
visit = "/"
expect = { text = "Menu" }

[[step]]
name = "Anything"
component = "website"
click = "a[href='/']"
expect = { text = "Menu", status = 200 }

[[step]]
name = "List"
component = "website"
click = "a[href='/list']"
expect = { text = ["Menu", "Nothing here"] }
"#;

#[tokio::test]
async fn an_expectation_that_held_before_the_step_acted_is_told() {
    let server = plain(|request| match request.path() {
        "/list" => page("<p>Menu</p><p>Nothing here</p>"),
        _ => page("<p>Menu</p><a href=/list>List</a><a href=/>Home</a>"),
    })
    .await;
    let told = check(MENU, &server.url, None, &[]).await;
    assert_eq!(told.code, Some(0), "{}{}", told.out, told.err);
    let lines: Vec<&str> = told.out.lines().collect();
    assert_eq!(lines.len(), 5, "{}", told.out);
    assert!(lines[1].starts_with("✓ Anything"), "{}", lines[1]);
    assert!(
        lines[2].starts_with("  this proves nothing: "),
        "{}",
        lines[2]
    );
    let json = check(MENU, &server.url, None, &["--json"]).await;
    let report: RunReport = serde_json::from_str(&json.out).unwrap();
    let empty: Vec<bool> = report
        .steps
        .iter()
        .map(|step| step.proves_nothing)
        .collect();
    assert_eq!(empty, [false, true, false]);
}

#[tokio::test]
async fn it_ends_as_the_run_did() {
    let server = plain(
        |request| match (request.method(), request.text().as_str()) {
            ("POST", "p=open+sesame") => page("signed in"),
            ("POST", _) => answer(
                "403 No",
                "Content-Type: text/html\r\n",
                "<p>wrong: shut sesame</p>",
            ),
            _ => page("<p>welcome</p><form method=post><input id=p name=p></form>"),
        },
    )
    .await;
    let site = server.url.as_str();

    let passed = check(FLOW, site, Some("open sesame"), &[]).await;
    assert_eq!(passed.code, Some(0), "{}{}", passed.out, passed.err);
    let lines: Vec<&str> = passed.out.lines().collect();
    assert_eq!(lines.len(), 4);
    assert!(
        lines[0].starts_with("✓ Home") && lines[0].ends_with(" ms"),
        "{}",
        lines[0]
    );
    assert!(
        lines[3].starts_with("Small: passed; 3 of 3 steps passed in "),
        "{}",
        lines[3]
    );

    let evidence = tempfile::tempdir().unwrap();
    let folder = evidence.path().display().to_string();
    let failed = check(FLOW, site, Some("shut sesame"), &["--evidence", &folder]).await;
    assert_eq!(failed.code, Some(1));
    let lines: Vec<&str> = failed.out.lines().collect();
    assert!(
        lines[1].ends_with(
            "status: the status should be 2xx, it is 403; the page says \"wrong: •••CHECK_SECRET•••\""
        ),
        "{}",
        lines[1]
    );
    assert!(
        lines[2].starts_with("– List") && lines[2].ends_with("not reached"),
        "{}",
        lines[2]
    );
    assert!(lines[3].starts_with("Small: failed at \"Sign in\" (sign-in): status; 1 of 3"));
    let kept = lines[4].strip_prefix("  page of \"Sign in\": ").unwrap();
    assert_eq!(
        std::fs::read_to_string(kept).unwrap(),
        "<p>wrong: •••CHECK_SECRET•••</p>"
    );

    let json = check(FLOW, site, Some("shut sesame"), &["--json"]).await;
    assert_eq!(json.code, Some(1));
    let report: RunReport = serde_json::from_str(&json.out).unwrap();
    assert_eq!((report.flow.as_str(), report.steps.len()), ("small", 3));

    let unset = check(FLOW, site, None, &[]).await;
    assert_eq!(unset.code, Some(3));
    assert!(
        unset.out.contains("not_configured: not set: CHECK_SECRET"),
        "{}",
        unset.out
    );
}

#[tokio::test]
async fn a_bad_file_is_told_in_full() {
    let text = "name = \"x\"\nevery = \"1m\"\n[[step]]\nname = \"a\"\ncomponent = \"web\"\nvist = \"/\"\nslow = 3\n";
    let ended = check(text, "http://127.0.0.1:9/", None, &[]).await;
    assert_eq!(ended.code, Some(2));
    assert_eq!(ended.out, "");
    let lines: Vec<&str> = ended.err.lines().collect();
    assert_eq!(
        lines,
        [
            "DIR/small.toml:3:1: the step does nothing; give it one of: do, visit, fill, choose, upload, submit, click, request, mail, wait",
            "DIR/small.toml:6:1: unknown key `vist`; did you mean `visit`?",
            "DIR/small.toml:7:8: `slow` must be a duration such as \"90s\", \"250ms\", \"5m\", \"1h\" or \"7d\", found the integer 3",
        ]
    );
    let ended = check(FLOW, "not an address", None, &[]).await;
    assert_eq!(ended.code, Some(2), "{}", ended.err);

    let neither = check_with(FLOW, &[]).await;
    assert_eq!(neither.code, Some(2));
    assert_eq!(
        neither.err,
        "Which site? Give --site URL or --config FILE.\n"
    );
}

#[tokio::test]
async fn the_configuration_gives_the_site_and_the_variables() {
    let server = plain(|request| page(request.path())).await;
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("siaga.toml");
    let example = format!(
        "[site]\nname_id = \"S\"\nname_en = \"S\"\nurl = \"{}\"\n[probe]\ncontact = \"a@b.example\"\n[variables]\nPLACE = \"/there\"\n",
        server.url
    );
    std::fs::write(&config, example).unwrap();
    let flow = "name = \"x\"\nevery = \"1m\"\n[[step]]\nname = \"a\"\ncomponent = \"web\"\n\
                visit = \"${PLACE}\"\nexpect = { text = \"/there\" }\n";
    let path = config.display().to_string();
    let ended = check_with(flow, &["--config", &path]).await;
    assert_eq!(ended.code, Some(0), "{}{}", ended.out, ended.err);
    let ended = check_with(&flow.replace("PLACE", "PLAICE"), &["--config", &path]).await;
    assert_eq!(ended.code, Some(2), "{}{}", ended.out, ended.err);
    assert!(
        ended.err.contains("did you mean `${PLACE}`?"),
        "{}",
        ended.err
    );
}
