//! What a person can press is pressed, however the page scrolls and whatever lies over it; what
//! nobody can press is told with what is in the way.

use siaga::domain::{Fault, Outcome};

use crate::harness::probing::target;
use crate::http_engine::server::{Request, page, plain};

use super::{Bench, flow, message, step};

/// Lines that push what follows below the fold.
fn lines() -> String {
    (0..60).map(|n| format!("<p>baris {n}</p>")).collect()
}

const BUTTON: &str = "<form action=/done><button id=b>Kirim</button></form>";

fn served(request: &Request) -> String {
    let lines = lines();
    let path = request.path().split('?').next().unwrap_or_default();
    page(&match path {
        "/smooth" => format!("<style>:root{{scroll-behavior:smooth}}</style>{lines}{BUTTON}{lines}"),
        "/smooth-box" => format!(
            "<style>*{{scroll-behavior:smooth}}#box{{height:300px;overflow:auto}}</style>{lines}\
             <div id=box>{lines}{BUTTON}{lines}</div>{lines}"
        ),
        "/patched" => format!(
            "<script>Element.prototype.scrollIntoView = function () {{}}; \
             window.scrollTo = () => {{}}</script>{lines}{BUTTON}"
        ),
        "/bars" => format!(
            "<style>.bar{{position:fixed;left:0;right:0;height:280px;background:#ccc;z-index:9}}\
             </style><div class=bar style='top:0'>kepala</div>\
             <div class=bar style='bottom:0'>Kami memakai kuki</div>{lines}{BUTTON}{lines}"
        ),
        "/bottom" => format!(
            "<style>.bar{{position:fixed;left:0;right:0;bottom:0;height:400px;background:#ccc}}\
             </style><div class=bar>Kami memakai kuki</div>{lines}{BUTTON}\
             <div style='height:500px'></div>"
        ),
        "/middle" => "<div style='position:relative;width:600px;height:60px'>\
             <a id=b href=/done style='position:absolute;inset:0'>Kirim</a>\
             <b style='position:absolute;left:200px;width:200px;top:0;height:60px;background:red'>!</b></div>"
            .to_owned(),
        "/outside" => "<a id=b href=/done style='position:absolute;left:-3000px'>lewati</a>".to_owned(),
        "/clears" => format!(
            "{BUTTON}<div id=wait style='position:fixed;inset:0;background:#eee'>memuat</div>\
             <script>setTimeout(() => wait.remove(), 1200)</script>"
        ),
        "/covered" => format!(
            "{BUTTON}<div id=wall class='modal big' style='position:fixed;inset:0;background:#eee'>\
             Pilih dulu</div>"
        ),
        "/check" => format!(
            "{lines}<form action=/done><label><input id=c type=checkbox name=c value=1 \
             style='position:absolute;opacity:0;left:-40px'>Setuju</label><button id=b>Kirim</button></form>"
        ),
        "/motion" => "<p id=p></p><script>p.textContent = \
             matchMedia('(prefers-reduced-motion: reduce)').matches ? 'tenang' : 'bergerak'</script>"
            .to_owned(),
        "/done" => "<p id=done>Selesai</p>".to_owned(),
        _ => "<p>lain</p>".to_owned(),
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_person_can_press_is_pressed() {
    let site = plain(served).await;
    let mut text = "[[step]]\nname = \"Begin\"\ncomponent = \"web\"\nvisit = \"/\"\n".to_owned();
    let mut add = |name: &str, rest: &str| {
        text.push_str(&format!(
            "[[cleanup]]\nname = \"{name}\"\ntimeout = \"8s\"\nvisit = \"/{name}\"\n{rest}\n"
        ));
    };
    let pressed = [
        "smooth",
        "smooth-box",
        "patched",
        "bars",
        "bottom",
        "middle",
        "outside",
        "clears",
    ];
    for name in pressed {
        add(name, "click = \"#b\"\nexpect = { css = \"#done\" }");
    }
    add("covered", "click = \"#b\"\nexpect = { css = \"#done\" }");
    add(
        "check",
        "choose = { \"#c\" = true }\nsubmit = \"#b\"\nexpect = { path = \"/done?c=1\" }",
    );
    add("motion", "expect = { text = \"tenang\" }");
    let bench = Bench::new();
    let report = bench.in_browser(&flow(&text), &target(&site.url)).await;
    let mut wrong = Vec::new();
    for name in pressed.iter().chain(&["check", "motion"]) {
        let step = step(&report, name);
        if step.outcome != Outcome::Passed {
            wrong.push(format!("{name}: {}", message(step)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let covered = step(&report, "covered");
    assert_eq!(covered.outcome, Outcome::Failed(Fault::Content));
    let told = "`#b` cannot be pressed: <div> `#wall` lies over it";
    assert!(message(covered).contains(told), "{}", message(covered));
}
