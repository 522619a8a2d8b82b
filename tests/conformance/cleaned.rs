//! Cleaning up with what is known, and saying that something may be left exactly where it may.

use siaga::domain::Engine;
use tokio::io::AsyncWriteExt as _;

use crate::harness::probing::target;
use crate::http_engine::server::{Server, answer, page, raw};

use super::{Bench, flow};

/// Where nobody listens: no port that browsers refuse by themselves.
const GONE: &str = "127.0.0.1:1025";

const DRAFT: &str = "<meta name=draft content=d7>";

/// The way that this site goes is in its addresses.
async fn site() -> Server {
    raw(|request, mut stream| async move {
        let path = request.path().to_owned();
        let form = |to: &str| {
            page(&format!(
                "<form id=f method=post action='{to}'><button>k</button></form>"
            ))
        };
        let text = match path.as_str() {
            "/login" => page(
                "<form id=login method=post action=/in><input id=secret type=password name=s>\
                 <button>Masuk</button></form>",
            ),
            "/in" => page("<h1>Masuk</h1>"),
            "/begin/no-form" => page("<h1>Pemberitahuan</h1>"),
            "/begin/gone" => form(&format!("http://{GONE}/make")),
            "/make/made" | "/make/stuck" => page(&format!("{DRAFT}<p id=ok>ok</p>")),
            "/make/unexpected" => page(&format!("{DRAFT}<p>lain</p>")),
            "/make/broken" => answer("500 Oops", "Content-Type: text/html\r\n", "<p>rusak</p>"),
            "/make/hangs" => {
                tokio::time::sleep(std::time::Duration::from_secs(30)).await;
                return;
            }
            begin if begin.starts_with("/begin/") => form(&begin.replace("begin", "make")),
            "/withdraw/d7/stuck" => {
                answer("500 Oops", "Content-Type: text/html\r\n", "<p>rusak</p>")
            }
            _ => page("<h1>Ditarik</h1>"),
        };
        let _ = stream.write_all(text.as_bytes()).await;
        let _ = stream.shutdown().await;
    })
    .await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn something_may_be_left_where_a_form_was_sent_and_its_capture_failed() {
    let (bench, site) = (Bench::new(), site().await);
    let mut target = target(&site.url);
    target
        .secrets
        .insert("SECRET".to_owned(), "rahasia".to_owned());
    target.hosts.insert(GONE.to_owned());
    // The way; whether the withdrawal is asked for; what may be left.
    for (way, withdrawn, left) in [
        ("made", true, None),
        ("unexpected", true, None),
        ("no-form", false, None),
        ("gone", false, None),
        (
            "broken",
            false,
            Some("`draft` is not known, and \"Begin\" had sent a form"),
        ),
        (
            "hangs",
            false,
            Some("`draft` is not known, and \"Begin\" had sent a form"),
        ),
        ("stuck", true, Some("\"Withdraw\" failed")),
    ] {
        let steps = format!(
            r##"
            [[step]]
            name = "Sign in"
            component = "sign-in"
            visit = "/login"
            fill = {{ "#secret" = "${{SECRET}}" }}
            submit = "#login"
            [[step]]
            name = "Begin"
            component = "application"
            visit = "/begin/{way}"
            submit = "#f"
            timeout = "3s"
            expect = {{ css = "#ok" }}
            capture = {{ draft = {{ css = "meta[name=draft]", attribute = "content" }} }}
            [[cleanup]]
            name = "Withdraw"
            visit = "/withdraw/${{draft}}/{way}"
            "##
        );
        let flow = flow(&format!("needs = [\"SECRET\"]\n{steps}"));
        for engine in [Engine::Http, Engine::Browser] {
            let asked = || {
                let lines = site.lines();
                lines
                    .iter()
                    .filter(|line| line.contains("/withdraw/d7/"))
                    .count()
            };
            let before = asked();
            let report = bench.run(engine, &flow, &target, 0).await;
            let found = report.may_be_left.as_deref();
            let right = match left {
                None => found.is_none(),
                Some(words) => found.is_some_and(|found| found.contains(words)),
            };
            assert!(right, "{engine} {way}: {found:?} {report:#?}");
            assert_eq!(asked() > before, withdrawn, "{engine} {way}: {report:#?}");
        }
    }
}
