//! What passes on one engine passes on the other, and the site receives the very same.

use siaga::domain::Outcome;

use super::{Bench, flow, received, same, site};
use crate::harness::probing::target;

/// Fills in every control, in one way and another.
const FILLED: &str = r##"
fill = { "#name" = "Ünï \"k\" <&> 'x'", "#email" = "  a@b.example  ", "#tel" = "+62 812", "#url" = "http://x.example/?a=b&c", "#number" = "-1.5e3", "#date" = "2026-08-12", "#password" = "p äss", "#search" = "0123456789", "#month" = "2026-08", "#time" = "09:30", "#text" = "eins\nzwei\r\n\n  drei \u05d0\u05d1 العربية \U0001F600" }
choose = { "#c1" = false, "#c2" = true, "#c3" = true, "input[name=r]" = "Second one", "#one" = "Two !", "#grouped" = "y", "#many" = ["c", "b"], "#list" = "q" }
"##;

fn steps() -> String {
    let mut steps = String::new();
    let mut add = |name: &str, keys: &str| {
        steps.push_str(&format!(
            "[[step]]\nname = \"{name}\"\ncomponent = \"web\"\ntimeout = \"10s\"\n{keys}\n"
        ));
    };
    let echo = r##"expect = { status = 200, path = "/echo?form=1", text = "POST", css = ["h1", "pre#got"], not_css = ".error", not_text = "GET", header = { content-type = "text/html; charset=*" } }"##;
    for button in ["#f", "#b1", "#b2", "#b3", "#outside"] {
        add(
            &format!("Form by {button}"),
            &format!("visit = \"/form\"\n{FILLED}submit = \"{button}\"\n{echo}"),
        );
    }
    add("Form untouched", "visit = \"/form\"\nsubmit = \"#f\"");
    add("Form by click", "visit = \"/form\"\nclick = \"#b2\"");
    add(
        "Form elsewhere",
        &format!(
            "visit = \"/form\"\n{FILLED}submit = \"#b4\"\nexpect = {{ path = \"/echo/other\" }}"
        ),
    );
    add(
        "Form as text",
        "visit = \"/form\"\nfill = { \"#name\" = \"a=b\" }\nsubmit = \"#b5\"",
    );
    add(
        "Fields first",
        "visit = \"/form\"\nfill = { \"#name\" = \"kept\" }\nchoose = { \"#r1\" = \"2\" }",
    );
    add("then the form", "submit = \"#f\"");
    add(
        "then again",
        "fill = { \"#x\" = \"baru\" }\nsubmit = \"#again\"\nexpect = { path = \"/echo/again\" }",
    );
    add(
        "GET",
        "visit = \"/getform\"\nfill = { \"#q\" = \"ü & 'c'~*\" }\nsubmit = \"#f\"",
    );
    add(
        "Base",
        "visit = \"/base\"\nsubmit = \"#f\"\nexpect = { status = 404 }",
    );
    add("No action", "visit = \"/base\"\nsubmit = \"#g\"");
    add(
        "Base link",
        "visit = \"/base\"\nclick = \"#l\"\nexpect = { status = 404, path = \"/deep/er/x\" }",
    );
    add("No files", "visit = \"/upload\"\nsubmit = \"#go\"");
    let document = "{ document = \"passport\", kind = \"jpeg\", size = \"90KB\" }";
    add(
        "A file",
        &format!("visit = \"/upload\"\nupload = {{ \"#visible\" = {document} }}\nsubmit = \"#f\""),
    );
    add(
        "An unseen field",
        &format!("visit = \"/upload\"\nupload = {{ \"#unseen\" = {document} }}\nsubmit = \"#go\""),
    );
    add(
        "Latin page",
        "visit = \"/latin\"\nexpect = { text = [\"café €\", \"café\"] }",
    );
    add(
        "Latin form",
        "visit = \"/latin\"\nfill = { \"#a\" = \"é€ 日本\" }\nsubmit = \"#f\"",
    );
    add("Latin button", "visit = \"/latin\"\nclick = \"button\"");
    add("Latin GET", "visit = \"/latin\"\nsubmit = \"#g\"");
    add(
        "Latin multipart",
        "visit = \"/latin\"\nfill = { \"#ma\" = \"é日\" }\nsubmit = \"#m\"",
    );
    add("Latin to UTF-8", "visit = \"/latin\"\nsubmit = \"#u\"");
    add("Japanese", "visit = \"/sjis\"\nsubmit = \"#f\"");
    add(
        "Redirects",
        "visit = \"/r1\"\nexpect = { path = \"/next\" }",
    );
    add(
        "Redirect keeps",
        "visit = \"/rform\"\nsubmit = \"#keep\"\nexpect = { path = \"/echo/kept\", text = \"POST\" }",
    );
    add(
        "Redirect to GET",
        "visit = \"/rform\"\nsubmit = \"#get\"\nexpect = { path = \"/echo/got\", text = \"GET\" }",
    );
    add(
        "Refresh",
        "visit = \"/refresh\"\nexpect = { path = \"/next?from=refresh\" }",
    );
    add(
        "Refresh soon",
        "visit = \"/soon\"\nexpect = { path = \"/next\" }",
    );
    add(
        "Refresh itself",
        "visit = \"/itself\"\nexpect = { path = \"/itself\", text = \"status\" }",
    );
    for (name, css, path) in [
        ("Link", "#l", "/next?a=1"),
        ("Inside a link", "#in", "/next?a=1"),
        ("Other window", "#blank", "/next"),
    ] {
        add(
            name,
            &format!("visit = \"/\"\nclick = \"{css}\"\nexpect = {{ path = \"{path}\" }}"),
        );
    }
    add(
        "Same page",
        "visit = \"/\"\nclick = \"#here\"\nexpect = { path = \"/\", text = \"bawah\" }",
    );
    add(
        "Captures",
        r##"
visit = "/next"
capture = { draft = { css = "meta[name=draft]", attribute = "content" }, n = { css = ".n" }, digits = { css = ".n", regex = '\d(\d+)' }, page = { url = true }, kind = { header = "content-type" }, any = 'Nomor (\d)', whole = '(?s)^.*$' }
"##,
    );
    add(
        "Captured",
        r##"request = { method = "POST", path = "/echo/captures", form = { draft = "${draft}", n = "${n}", digits = "${digits}", kind = "${kind}", any = "${any}", whole = "${whole}" } }"##,
    );
    add("JSON", r##"
visit = "/json"
expect = { json = { "/a/b/1" = "dua", "/n" = 1.5, "/a/b/2" = { } }, header = { content-type = "application/json" }, text = "<b>x</b>" }
capture = { b = { json = "/a/b" }, dua = { json = "/a/b/1" }, all = '(?s)^.*$', draft_header = { header = "x-draft" } }
"##.replace(", \"/a/b/2\" = { }", "").as_str());
    add(
        "JSON sent",
        r##"request = { method = "PUT", path = "/echo/json", json = { b = "${b}", dua = "${dua}", all = "${all}", h = "${draft_header}", n = 1, deep = [true, { x = "y" }] }, headers = { X-Own = "1" } }"##,
    );
    add(
        "Plain",
        "visit = \"/plain\"\nexpect = { text = \"<b>bukan</b>  HTML é\" }\ncapture = { plain = '(?s)^.*$' }",
    );
    add(
        "Plain sent",
        "request = { method = \"POST\", path = \"/echo/plain\", body = \"${plain}\" }",
    );
    add(
        "XHTML",
        "visit = \"/xhtml\"\nexpect = { css = \"#p\", text = \"isi\" }",
    );
    add(
        "Multipart request",
        &format!(
            "request = {{ method = \"POST\", path = \"/echo/parts\", multipart = {{ a = \"ü\", file = {document} }} }}"
        ),
    );
    add(
        "On its answer",
        "fill = { \"#x\" = \"5\" }\nsubmit = \"#again\"\nexpect = { path = \"/echo/again\" }",
    );
    add("Back", "visit = \"/next\"\nexpect = { text = \"Berikut\" }");
    add("Cookie", "request = { path = \"/cookie\" }");
    add(
        "Cookie kept",
        "visit = \"/secret\"\nexpect = { text = \"s=1\" }",
    );
    add("Text", "visit = \"/text\"\nexpect = { text = [\"A & B\", \"satudua tiga empatlima\", \"éx&unknown; <tag>\"], not_text = [\"Sesi berakhir\", \"tersembunyi\", \"tidak terbaca\", \"pengganti\"] }\ncapture = { text = '(?s)^.*$' }"
        .replace("\"éx&unknown; <tag>\"", "\"x&unknown; <tag>\"").as_str());
    add(
        "Text sent",
        "request = { method = \"POST\", path = \"/echo/text\", body = \"${text}\" }",
    );
    add("A pause", "wait = \"20ms\"");
    add(
        "An error page that is meant",
        "visit = \"/503\"\nexpect = { status = [503, 500], text = \"Pemeliharaan\" }",
    );
    add(
        "A captcha by design",
        "visit = \"/captcha\"\nexpect = { text = \"tunggu\" }",
    );
    steps
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_passes_on_one_engine_passes_on_the_other() {
    let flow = flow(&steps());
    let (one, other) = (site::start().await, site::start().await);
    let bench = Bench::new();
    let plain = target(&one.url);
    let http = bench
        .run(siaga::domain::Engine::Http, &flow, &plain, 0)
        .await;
    assert_eq!(http.outcome, Outcome::Passed, "{http:#?}");
    let browser = bench.in_browser(&flow, &target(&other.url)).await;
    assert_eq!(browser.outcome, Outcome::Passed, "{browser:#?}");
    same(&http, &browser);
    let (plain, real) = (received(&one), received(&other));
    for (plain, real) in plain.iter().zip(&real) {
        assert_eq!(plain, real);
    }
    assert_eq!(plain.len(), real.len(), "{plain:#?}\n{real:#?}");
}
