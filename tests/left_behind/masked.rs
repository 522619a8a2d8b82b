//! What secrets look like on pictures of pages, and in texts.

use image::RgbImage;
use siaga::probe::redact::Redactor;

use super::{Scene, flow, one_page};

/// Secrets in text, in capitals, in what a style takes from an attribute, in a shadow root,
/// and on a button.
const SECRET: &str = "<style>* { font: 60px monospace; margin: 0 } \
     div::before { content: attr(data-who) }</style>\
     <p>I am Budi-4711@x.example</p><p>BUDI-4711@X.EXAMPLE</p>\
     <div data-who='Budi-4711@x.example'></div><button>Budi-4711@x.example</button>\
     <my-box></my-box><script>\
     document.querySelector('my-box').attachShadow({mode: 'open'}).innerHTML \
     = '<b>Budi-4711@x.example</b>';</script>";
/// The same page, had it shown the mask.
const MASK: &str = "<style>* { font: 60px monospace; margin: 0 } \
     div::before { content: attr(data-who) }</style>\
     <p>I am •••SECRET•••</p><p>•••SECRET•••</p>\
     <div data-who='•••SECRET•••'></div><button>•••SECRET•••</button>\
     <my-box></my-box><script>\
     document.querySelector('my-box').attachShadow({mode: 'open'}).innerHTML \
     = '<b>•••SECRET•••</b>';</script>";
/// Secrets in pieces, in fields, and on pictures that cannot be read.
const HIDDEN: &str = "<style>* { font: 60px monospace; margin: 0 }</style>\
     <p>I am <b>Budi</b>-4711@x.<i>example</i></p>\
     <input size=20 value='Budi-4711@x.example'><textarea>Budi-4711@x.example</textarea>\
     <input size=20 placeholder='Budi-4711@x.example'>\
     <select style='width:500px'><option>Budi-4711@x.example</select>\
     <img width=900 height=80 src=\"data:image/svg+xml,<svg xmlns='http://www.w3.org/2000/svg' \
     width='900' height='80'><text y='60' font-size='60'>Budi-4711@x.example</text></svg>\">";
/// The same shapes, with nothing in them.
const EMPTY: &str = "<style>* { font: 60px monospace; margin: 0 }</style>\
     <p style='visibility:hidden'>I am <b>Budi</b>-4711@x.<i>example</i></p>\
     <input size=20><textarea></textarea><input size=20>\
     <select style='width:500px'><option>Dewi-0000@y.example</select>\
     <img width=900 height=80 style='visibility:hidden' src='data:,'>";

/// A run whose step fails on this page.
async fn failed(html: &'static str) -> (Scene, siaga::domain::RunReport) {
    let mut scene = Scene::of(&one_page(html).await);
    let secret = "Budi-4711@x.example".to_owned();
    scene.target.secrets.insert("SECRET".to_owned(), secret);
    let steps = "needs = [\"SECRET\"]\n[[step]]\nname = \"a\"\ncomponent = \"web\"\nvisit = \"/\"\n\
                 wait = \"1s\"\nexpect = { text = \"${SECRET}!\" }\n";
    let report = scene.in_browser(&flow(steps)).await;
    (scene, report)
}

async fn picture(html: &'static str) -> RgbImage {
    let (scene, report) = failed(html).await;
    let png = scene.piece(&report, "screenshot").await;
    image::load_from_memory(&png).unwrap().into_rgb8()
}

#[tokio::test]
async fn a_picture_shows_the_mask_where_the_secret_stood() {
    let (secret, mask) = (picture(SECRET).await, picture(MASK).await);
    assert_eq!(secret.dimensions(), mask.dimensions());
    assert!(secret == mask, "the pictures differ");
    assert!(secret != picture(EMPTY).await, "something is on it");
}

#[tokio::test]
async fn a_picture_shows_nothing_of_fields_pieces_and_pictures() {
    let (hidden, empty) = (picture(HIDDEN).await, picture(EMPTY).await);
    assert_eq!(hidden.dimensions(), empty.dimensions());
    assert!(hidden == empty, "the pictures differ");
}

#[tokio::test]
async fn the_page_is_afterwards_what_it_was() {
    const PAGE: &str = "<p id=p>I am Budi-4711@x.example</p><a href='/next' id=next>on</a>\
         <script>document.title = location.search\
         + getComputedStyle(document.body).color</script>";
    let mut scene = Scene::of(&one_page(PAGE).await);
    let secret = "Budi-4711@x.example".to_owned();
    scene.target.secrets.insert("SECRET".to_owned(), secret);
    let steps = "needs = [\"SECRET\"]\n[[step]]\nname = \"a\"\ncomponent = \"web\"\nvisit = \"/\"\n\
                 wait = \"1s\"\nexpect = { css = \"#missing\" }\n\
                 [[cleanup]]\nname = \"b\"\nwait = \"100ms\"\n\
                 expect = { text = \"I am ${SECRET}\" }\n";
    let report = scene.in_browser(&flow(steps)).await;
    let cleanup = report.steps.last().unwrap();
    assert_eq!(
        cleanup.outcome,
        siaga::domain::Outcome::Passed,
        "{report:#?}"
    );
}

#[tokio::test]
async fn the_console_is_masked_and_names_script_and_line() {
    const PAGE: &str = "<p>welcome\n<script>\nconsole.error('I am Budi-4711@x.example');\n\
         document.cookie = 'sid=topsecret';\nthrow new Error('boom Budi-4711@x.example');\n</script>";
    let (scene, report) = failed(PAGE).await;
    let console = scene.text(&report, "console").await;
    assert!(!console.contains("Budi"), "{console}");
    assert!(
        console.contains("3:9 \"I am •••SECRET•••\"")
            && console.contains("5:7 Uncaught Error: boom •••SECRET•••"),
        "{console}"
    );
}

#[test]
fn texts_are_masked_once_in_every_form_and_case() {
    let mut redactor = Redactor::new([("WORD", "word-of-honour"), ("MAIL", "a.b@c.example")]);
    let masked = redactor.text("word-of-honour WORD-OF-HONOUR a.b%40c.example A.B@C.EXAMPLE");
    assert_eq!(masked, "•••WORD••• •••WORD••• •••MAIL••• •••MAIL•••");
    // What lets somebody in, wherever it turns up again.
    redactor.learn_tokens(
        "<meta name=\"csrf-token\" content='0123456789abcdef'>\
         <input type=hidden name=_token value=fedcba9876543210>\
         <input name=city value=Jakarta-Selatan>",
    );
    let headers = [("Set-Cookie".to_owned(), "sid=qwertyuiop; Path=/".to_owned())];
    redactor.learn_cookies(&headers);
    assert_eq!(
        redactor.text("0123456789abcdef fedcba9876543210 qwertyuiop Jakarta-Selatan"),
        "•••token••• •••token••• •••cookie••• Jakarta-Selatan"
    );
    assert_eq!(
        redactor
            .addresses("https://me:pw@h.example/a?page=2&access_token=xyz&q=word-of-honour#sid=1"),
        "https://•••@h.example/a?page=2&access_token=•••&q=•••WORD•••#sid=•••"
    );
    assert_eq!(
        redactor.addresses("<a href=\"/x?token=abc&amp;page=2\">go on; 1=2</a>"),
        "<a href=\"/x?token=•••&amp;page=2\">go on; 1=2</a>"
    );
    for (name, value, shown) in [
        ("Cookie", "a=b", "•••"),
        ("Authorization", "Bearer x", "•••"),
        ("X-CSRF-Token", "abc", "•••"),
        ("Set-Cookie", "sid=abc; HttpOnly", "sid=•••; HttpOnly"),
        ("Location", "/a?token=abc", "/a?token=•••"),
        ("Content-Type", "text/html", "text/html"),
    ] {
        assert_eq!(redactor.header(name, value), shown, "{name}");
    }
    // A page full of a secret is masked in one go.
    let page = "word-of-honour ".repeat(200_000) + "a.b@c.example";
    assert!(redactor.text(&page).ends_with("•••MAIL•••"));
}
