//! What only a browser meets: each handled, or refused with a clear message.

use std::time::Duration;

use siaga::domain::{Engine, Outcome};
use siaga::probe::browser::Sandbox;
use tokio::io::AsyncWriteExt as _;

use super::{Bench, flow, message, remote, step};
use crate::harness::browser::Driver;
use crate::harness::probing::target;
use crate::http_engine::server::{Request, Server, answer, page, plain, raw};

/// Pages with scripts. What is at `/part/never` never ends, and at `/slow` comes late.
async fn scripted(other: String) -> Server {
    raw(move |request, mut stream| {
        let other = other.clone();
        async move {
            let path = request
                .path()
                .split('?')
                .next()
                .unwrap_or_default()
                .to_owned();
            if path == "/part/never" {
                tokio::time::sleep(Duration::from_secs(60)).await;
            }
            if path == "/slow" {
                tokio::time::sleep(Duration::from_millis(2_500)).await;
            }
            let _ = stream
                .write_all(shown(&path, &request, &other).as_bytes())
                .await;
            let _ = stream.shutdown().await;
        }
    })
    .await
}

fn shown(path: &str, request: &Request, other: &str) -> String {
    let on = |markup: &str, script: &str| {
        page(&format!(
            "<!doctype html><h1>Halaman</h1><main>{markup}</main><script>{script}</script>"
        ))
    };
    match path {
        "/" => on("mulai", ""),
        "/next" => on("<p id=there>sampai</p>", ""),
        "/alert" => on("ada", "alert('Halo')"),
        "/confirm" => on(
            "<button id=w>tarik</button>",
            "w.onclick = () => { if (confirm('Tarik?')) location.assign('/next?ok=1') }",
        ),
        "/prompt" => on(
            "<button id=w>nama</button><p id=out></p>",
            "w.onclick = () => { out.textContent = 'halo ' + prompt('Nama?', 'Budi') }",
        ),
        "/unload" => on(
            "<input id=a><a id=l href=/next>pergi</a>",
            "onbeforeunload = (event) => { event.preventDefault(); return 'Yakin?' }",
        ),
        "/boxes" => on("ada", "setInterval(() => alert('lagi'), 1)"),
        "/asks" => on(
            "<button id=w>x</button>",
            "w.onclick = () => alert('Kuota habis')",
        ),
        "/open" => on(
            "<button id=w>buka</button>",
            "w.onclick = () => open('/next')",
        ),
        "/openlate" => on(
            "<button id=w>buka</button>",
            "w.onclick = () => setTimeout(() => open('/next'), 300)",
        ),
        "/late" => on(
            "<button id=b disabled>kirim</button><div id=over style='position:fixed;inset:0;background:#fff8'></div>",
            "setTimeout(() => { const i = document.createElement('input'); i.id = 'i'; b.before(i) }, 300);\
             setTimeout(() => { b.disabled = false }, 400); setTimeout(() => over.remove(), 500);\
             b.onclick = () => { setTimeout(() => { b.outerHTML = '<p id=done>' + i.value + '</p>' }, 300) }",
        ),
        "/redrawn" => on(
            "<div id=d></div>",
            "let n = 0; const t = setInterval(() => { d.innerHTML = '<input id=i name=i>'; if (++n > 40) clearInterval(t) }, 5)",
        ),
        "/link" => on(
            "<a id=l href=\"javascript:document.querySelector('main').textContent='diganti'\">x</a>",
            "",
        ),
        "/push" => on(
            "<button id=b>x</button>",
            "b.onclick = () => { history.pushState({}, '', '/pushed?a=1'); document.querySelector('main').textContent = 'didorong' }",
        ),
        "/go" => on(
            "<button id=b>x</button>",
            "b.onclick = () => setTimeout(() => { location.href = '/next' }, 200)",
        ),
        "/xhr" => on(
            "<form id=f action=/nowhere><input name=a value=1><button>x</button></form>",
            "f.onsubmit = async (event) => { event.preventDefault(); const r = await fetch('/slow', { method: 'POST', body: new FormData(f) }); document.querySelector('main').innerHTML = await r.text() }",
        ),
        "/slow" => page(&format!("<p id=answer>{} bait</p>", request.body.len())),
        "/idle" => on(
            "<img src=/part/never><a id=l href=/next>x</a>",
            "fetch('/part/never'); setInterval(() => fetch('/part/tick'), 50)",
        ),
        "/shadow" => on(
            "<my-box></my-box><my-safe></my-safe>",
            "customElements.define('my-box', class extends HTMLElement { connectedCallback() { const r = this.attachShadow({ mode: 'open' }); r.innerHTML = '<label>Nama<input id=in></label><button id=go>ok</button><p id=out>kosong</p>'; r.querySelector('#go').onclick = () => { r.querySelector('#out').textContent = 'isi ' + r.querySelector('#in').value } } });\
             customElements.define('my-safe', class extends HTMLElement { connectedCallback() { const r = this.attachShadow({ mode: 'closed' }); r.innerHTML = '<input id=secret><p>tertutup</p>' } })",
        ),
        "/unseen" => on(
            "<p style='display:none'>Sesi berakhir</p><p class=h>samar</p><p style='opacity:1'>terlihat</p><noscript>tanpa skrip</noscript><style>.h { visibility: hidden }</style>",
            "",
        ),
        "/noscript" => page(
            "<noscript><form id=f action=/next><input id=a name=a><button>x</button></form>tanpa skrip</noscript>",
        ),
        "/copied" => on(
            "<form id=f action=/next><input id=a><input type=hidden id=b></form>",
            "let later; a.oninput = () => { clearTimeout(later); later = setTimeout(() => { b.value = a.value }, 50) };\
             f.onsubmit = (event) => { if (b.value !== a.value) event.preventDefault() }",
        ),
        "/zone" => on(
            "<div id=z style='width:90px;height:90px'>letakkan di sini</div><div id=says></div><input type=file id=field style='display:none'>",
            "const send = async (file) => { if (file.size > 500000) { says.setAttribute('role', 'alert'); says.textContent = 'terlalu besar'; return } const data = new FormData(); data.append('f', file); const r = await fetch('/slow', { method: 'POST', body: data }); says.className = 'uploaded'; says.innerHTML = await r.text() };\
             field.onchange = () => send(field.files[0]); z.ondragover = (event) => event.preventDefault();\
             z.ondrop = (event) => { event.preventDefault(); send(event.dataTransfer.files[0]) }",
        ),
        "/frames" => on(
            &format!("<iframe src=/inner></iframe><iframe src='{other}elsewhere'></iframe>"),
            "",
        ),
        "/inner" => page("<input id=inside>"),
        "/reach" => {
            let local = other.replace("127.0.0.1", "localhost");
            let six = other.replace("127.0.0.1", "[::1]");
            on(
                &format!(
                    "<img src='{other}img'><iframe src='{local}frame'></iframe><link rel=stylesheet href='{other}css'><link rel=preconnect href='{other}'>"
                ),
                &format!(
                    "fetch('{other}fetch', {{ mode: 'no-cors', method: 'POST', body: 'x' }}).catch(() => 0); fetch('{six}six', {{ mode: 'no-cors' }}).catch(() => 0);\
                    fetch('http://2130706433:{port}/number', {{ mode: 'no-cors' }}).catch(() => 0); navigator.sendBeacon('{other}beacon', 'x'); new WebSocket('{ws}socket');\
                    fetch('http://169.254.169.254/latest/meta-data/').catch(() => 0);\
                    new Worker(URL.createObjectURL(new Blob([`fetch('{other}worker', {{ mode: 'no-cors' }})`])))",
                    ws = other.replace("http", "ws"),
                    port = other
                        .trim_end_matches('/')
                        .rsplit(':')
                        .next()
                        .unwrap_or_default()
                ),
            )
        }
        "/leave" => on("", &format!("location.href = '{other}away'")),
        "/local" => on(
            "<a id=l href='file:///etc/passwd'>x</a><a id=c href='chrome://version'>x</a>",
            "",
        ),
        "/required" => on(
            "<form id=f action=/next><input id=a name=a required></form>",
            "",
        ),
        "/file" => answer(
            "200 OK",
            "Content-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=besar.bin\r\n",
            &"x".repeat(100_000),
        ),
        "/save" => on(
            "<button id=b>x</button>",
            "b.onclick = () => { location.href = '/file' }",
        ),
        _ => page("<h1>lain</h1>"),
    }
}

/// Name, keys, and which words a failure's message holds; `None` where it passes.
const STEPS: &[(&str, &str, Option<&str>)] = &[
    (
        "alert",
        r##"visit = "/alert"
expect = { text = "ada" }"##,
        None,
    ),
    (
        "confirm",
        r##"visit = "/confirm"
click = "#w"
expect = { path = "/next?ok=1" }"##,
        None,
    ),
    (
        "prompt",
        r##"visit = "/prompt"
click = "#w"
expect = { text = "halo Budi" }"##,
        None,
    ),
    (
        "leaving",
        r##"visit = "/unload"
fill = { "#a" = "x" }
click = "#l"
expect = { path = "/next" }"##,
        None,
    ),
    (
        "what a box said",
        r##"visit = "/asks"
click = "#w"
expect = { css = "#never" }"##,
        Some("content: a box of the page's said \"Kuota habis\""),
    ),
    (
        "another window",
        r##"visit = "/open"
click = "#w"
expect = { path = "/next", text = "sampai" }"##,
        None,
    ),
    (
        "acted on there",
        r##"visit = "/push"
click = "#b"
expect = { path = "/pushed?a=1", text = "didorong", status = 200 }"##,
        None,
    ),
    (
        "a window later",
        r##"visit = "/openlate"
click = "#w"
expect = { path = "/next", status = 200 }"##,
        None,
    ),
    (
        "late",
        r##"visit = "/late"
fill = { "#i" = "nilai \U0001F600" }
click = "#b"
expect = { css = "#done", text = "nilai \U0001F600" }"##,
        None,
    ),
    (
        "redrawn",
        r##"visit = "/redrawn"
fill = { "#i" = "x" }"##,
        None,
    ),
    (
        "script link",
        r##"visit = "/link"
click = "#l"
expect = { text = "diganti" }"##,
        None,
    ),
    (
        "by script",
        r##"visit = "/go"
click = "#b"
expect = { path = "/next" }"##,
        None,
    ),
    (
        "replaced, slowly",
        r##"visit = "/xhr"
submit = "#f"
expect = { text = "bait", css = "#answer" }"##,
        None,
    ),
    (
        "never idle",
        r##"visit = "/idle"
click = "#l"
expect = { text = "sampai" }"##,
        None,
    ),
    (
        "shadow",
        r##"visit = "/shadow"
fill = { "#in" = "Ani" }
click = "#go"
expect = { text = "isi Ani", css = "my-box #out" }
capture = { out = { css = "#out" } }"##,
        None,
    ),
    (
        "captured",
        r##"visit = "/next?${out}"
expect = { path = "/next?isi%20Ani" }"##,
        None,
    ),
    (
        "closed shadow",
        r##"visit = "/shadow"
fill = { "#secret" = "x" }"##,
        Some("content: it may be inside `<my-safe>`"),
    ),
    (
        "unseen",
        r##"visit = "/unseen"
expect = { text = "terlihat", not_text = ["Sesi berakhir", "samar", "tanpa skrip"] }"##,
        None,
    ),
    (
        "dropped",
        r##"visit = "/zone"
upload = { "#z" = { document = "passport", kind = "jpeg", size = "200KB" } }
expect = { css = ".uploaded #answer" }"##,
        None,
    ),
    (
        "put on a hidden field",
        r##"visit = "/zone"
upload = { "#field" = { document = "passport", kind = "jpeg", size = "200KB" } }
expect = { css = ".uploaded #answer" }"##,
        None,
    ),
    (
        "what was typed is copied a moment later",
        r##"visit = "/copied"
fill = { "#a" = "judul" }
submit = "#f"
expect = { path = "/next" }"##,
        None,
    ),
    (
        "refused at once",
        r##"visit = "/zone"
upload = { "#z" = { document = "passport", kind = "jpeg", size = "600KB" } }
expect = { css = ".uploaded" }"##,
        Some("upload_refused: "),
    ),
    (
        "no zone",
        r##"visit = "/next"
upload = { "#there" = { document = "passport", kind = "jpeg", size = "200KB" } }"##,
        Some("content: no file can be dropped"),
    ),
    (
        "in a frame",
        r##"visit = "/frames"
fill = { "#inside" = "x" }"##,
        Some("content: /inner"),
    ),
    (
        "in a frame from elsewhere",
        r##"visit = "/frames"
fill = { "#outside" = "x" }"##,
        Some("content: elsewhere"),
    ),
    (
        "reaches out",
        r##"visit = "/reach"
expect = { text = "never" }"##,
        Some("content: the page wanted `"),
    ),
    (
        "leaves",
        r##"visit = "/leave"
expect = { css = "#never" }"##,
        Some("content: the page leads to `"),
    ),
    (
        "files",
        r##"visit = "/local"
click = "#l"
expect = { path = "/etc/passwd" }"##,
        Some("content: it is `/local`"),
    ),
    (
        "the browser's own",
        r##"visit = "/local"
click = "#c"
expect = { path = "/other" }"##,
        Some("content: it is `/local`"),
    ),
    (
        "held back",
        r##"visit = "/required"
submit = "#f"
expect = { path = "/next" }"##,
        Some("content: holds the form `#f` back: `#a`"),
    ),
    (
        "download by script",
        r##"visit = "/save"
click = "#b"
expect = { css = "#never" }"##,
        Some("content: a download (`besar.bin`)"),
    ),
    (
        "fetched instead",
        r##"request = { path = "/file" }
expect = { header = { content-type = "application/octet-stream" } }"##,
        None,
    ),
    (
        "goes on",
        r##"visit = "/next"
expect = { text = "sampai" }"##,
        None,
    ),
    (
        "boxes without end",
        r##"visit = "/boxes""##,
        Some("script: one box after the other"),
    ),
];

fn all() -> siaga::probe::definition::Flow {
    let mut text = "[[step]]\nname = \"Begin\"\ncomponent = \"web\"\nvisit = \"/\"\ncapture = { out = 'mulai' }\n".to_owned();
    for (name, keys, _) in STEPS {
        text.push_str(&format!(
            "[[cleanup]]\nname = \"{name}\"\nengine = \"browser\"\ntimeout = \"6s\"\n{keys}\n"
        ));
    }
    flow(&text)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_scripts_do_is_handled_or_refused() {
    let elsewhere = plain(|_| page("<p>elsewhere</p>")).await;
    let site = scripted(elsewhere.url.clone()).await;
    let bench = Bench::new();
    let report = bench.in_browser(&all(), &target(&site.url)).await;
    let mut wrong = Vec::new();
    for (name, _, words) in STEPS {
        let step = step(&report, name);
        let found = format!(
            "{}: {}",
            step.outcome.detail().unwrap_or("passed"),
            message(step)
        );
        let right = match words.map(|words| words.split_once(": ").unwrap_or((words, ""))) {
            None => step.outcome == Outcome::Passed,
            Some((fault, words)) => found.starts_with(fault) && found.contains(words),
        };
        if !right {
            wrong.push(format!("{name}, {} ms: {found}", step.took_ms));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // Nothing else was reached, whatever the pages wanted.
    assert_eq!(elsewhere.lines(), Vec::<String>::new());
    // A page that is never idle is waited for once, and a download not at all.
    assert!(step(&report, "never idle").took_ms < 3_500, "{report:#?}");
    assert!(
        step(&report, "download by script").took_ms < 2_000,
        "{report:#?}"
    );
    // The lock of the folder of folders stays.
    let left = std::fs::read_dir(bench.folder.path().join("browsers")).unwrap();
    let left = left.filter(|entry| entry.as_ref().is_ok_and(|entry| entry.path().is_dir()));
    let left = left.count();
    assert_eq!(left, 0, "files are left behind");
}

#[tokio::test]
async fn without_scripts_a_noscript_is_part_of_the_page() {
    let site = scripted(String::new()).await;
    let flow = flow(
        r##"
        [[step]]
        name = "Without"
        component = "web"
        visit = "/noscript"
        fill = { "#a" = "1" }
        submit = "#f"
        expect = { path = "/next?a=1" }
        "##,
    );
    let bench = Bench::new();
    let report = bench.run(Engine::Http, &flow, &target(&site.url), 0).await;
    assert_eq!(report.outcome, Outcome::Passed, "{report:#?}");
}

/// Through a driver that others run, files do not travel by their path.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn documents_reach_a_remote_browser() {
    let driver = Driver::start().await;
    let bench = Bench::with(|settings| {
        remote(settings, &driver.url);
        settings.sandbox = Sandbox::Disabled;
    });
    let site = scripted(String::new()).await;
    let flow = flow(
        r##"
        [[step]]
        name = "A drop zone"
        component = "upload"
        visit = "/zone"
        upload = { "#z" = { document = "passport", kind = "jpeg", size = "200KB" } }
        expect = { css = ".uploaded #answer" }
        [[step]]
        name = "A hidden field"
        component = "upload"
        visit = "/zone"
        upload = { "#field" = { document = "passport", kind = "jpeg", size = "200KB" } }
        expect = { css = ".uploaded #answer" }
        "##,
    );
    let report = bench.in_browser(&flow, &target(&site.url)).await;
    assert_eq!(report.outcome, Outcome::Passed, "{report:#?}");
    let seen = site.seen();
    let mut sent = seen.iter().filter(|request| request.path() == "/slow");
    let jpeg = |request: &Request| request.body.windows(3).any(|w| w == b"\xff\xd8\xff");
    assert!(sent.clone().count() == 2 && sent.all(|r| r.body.len() > 200_000 && jpeg(r)));
}
