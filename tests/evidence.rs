//! Recognising error pages, and keeping evidence on disks that may be full.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use proptest::prelude::*;
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use siaga::domain::Fault;
use siaga::probe::error_pages::{ErrorPages, PageClass, fingerprint};
use siaga::probe::evidence::{EvidenceError, EvidenceStore, LARGEST};
use siaga::probe::page::Snapshot;
use siaga::probe::readings::Readings;
use siaga::probe::visible_text::VisibleText;

use crate::harness::probing::error_pages;
use crate::harness::{SmallDisk, on_a_full_disk};

// ── Known error pages ────────────────────────────────────────────────────────────────────

#[test]
fn known_pages_are_recognised_whatever_their_status() {
    let pages = error_pages();
    let seen: [(&str, &str); 29] = [
        (
            "branded-500",
            "<html><head><title>Evisa</title></head><body><h1>500 &bull; KENDALA SERVER</h1><p>Maaf, Terjadi Kendala di Sisi Kami</p></body></html>",
        ),
        ("branded-500", "<h1>500</h1>\n • \n<b>Kendala  server</b>"),
        ("branded-404", "<h1>404 • HALAMAN TIDAK DITEMUKAN</h1>"),
        (
            "branded-403",
            "<h1>403 • AKSES DITOLAK</h1><p>Access denied",
        ),
        ("branded-502", "<h1>502 • KENDALA SERVER</h1>"),
        ("branded-503", "<h1>503 • LAYANAN TIDAK TERSEDIA</h1>"),
        (
            "aspnet-yellow",
            "<html><head><title>Runtime Error</title></head><body bgcolor=white><span><H1>Server Error in '/' Application.<hr width=100%></H1><h2><i>Runtime Error</i></h2></span>",
        ),
        (
            "bare-502",
            "<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n<hr><center>nginx/1.18.0</center>\r\n</body></html>",
        ),
        (
            "bare-503",
            "<html><head><title>503 Service Temporarily Unavailable</title></head><body><center><h1>503 Service Temporarily Unavailable</h1></center><hr><center>nginx</center>",
        ),
        (
            "bare-504",
            "<html><head><title>504 Gateway Time-out</title></head><body>",
        ),
        (
            "bare-502",
            "<!DOCTYPE HTML><html><head><title>502 Proxy Error</title></head><body><h1>Proxy Error</h1><p>The proxy server received an invalid response from an upstream server.",
        ),
        (
            "bare-503",
            "<!DOCTYPE HTML PUBLIC \"-//W3C//DTD HTML 4.01//EN\"><HTML><HEAD><TITLE>Service Unavailable</TITLE></HEAD><BODY><h2>Service Unavailable</h2><hr><p>HTTP Error 503. The service is unavailable.</p>",
        ),
        (
            "bare-500",
            "<title>500 - Internal server error.</title><h2>500 - Internal server error.</h2>",
        ),
        (
            "haproxy-503",
            "<html><body><h1>503 Service Unavailable</h1>\nNo server is available to handle this request.\n</body></html>",
        ),
        (
            "cloudflare-5xx",
            "<title>evisa.example | 522: Connection timed out</title>",
        ),
        (
            "cloudflare-challenge",
            "<title>Just a moment...</title><noscript>Enable JavaScript and cookies to continue</noscript>",
        ),
        (
            "captcha-wall",
            "<title>evisa</title><p>Verify you are human by completing the action below.",
        ),
        ("maintenance", "<h1>Situs sedang dalam pemeliharaan</h1>"),
        ("maintenance-title", "<title>Under Maintenance</title>"),
        (
            "session-ended",
            "<div class=alert>Sesi Anda telah berakhir. Silakan masuk kembali.</div>",
        ),
        ("laravel-419", "<title>Page Expired</title><div>419</div>"),
        (
            "laravel-whoops",
            "<title>Whoops</title><h1>Whoops, looks like something went wrong.</h1>",
        ),
        (
            "database",
            "<p>SQLSTATE[HY000] [2002] Connection refused (SQL: select * from users)</p>",
        ),
        (
            "php-fatal",
            "<b>Fatal error</b>: Uncaught Error: x in /var/www/a.php on line 12",
        ),
        (
            "django",
            "<title>Server Error (500)</title><h1>Server Error (500)</h1>",
        ),
        (
            "django-debug",
            "<title>RuntimeError at /admin/documents/add/</title><p>Exception Type: RuntimeError <p>You’re seeing this error \
             because you have <code>DEBUG = True</code> in your Django settings file.",
        ),
        (
            "rails",
            "<title>We're sorry, but something went wrong (500)</title><h1>We're sorry</h1>",
        ),
        (
            "bare-text-500",
            "<title>Internal server error</title><h1>Internal server error</h1>\
             <h2>Sorry, there seems to be an error. Please try again soon.</h2>",
        ),
        (
            "bare-text",
            "upstream connect error or disconnect/reset before headers. reset reason: overflow",
        ),
    ];
    for (key, page) in seen {
        for status in [None, Some(200), Some(500)] {
            let found = pages.recognise(status, page);
            assert_eq!(found.map(|found| found.key).as_deref(), Some(key), "{page}");
        }
    }
    let keys: Vec<&str> = pages.known().map(|page| page.key.as_str()).collect();
    assert_eq!(keys.len(), pages.len());
}

#[test]
fn a_blank_page_is_recognised_and_an_empty_answer_that_is_meant_is_not() {
    let pages = error_pages();
    for page in [
        "",
        " \r\n",
        "<!doctype html><html><head></head><body></body></html>",
    ] {
        assert_eq!(
            pages.recognise(Some(200), page).unwrap().class,
            PageClass::Blank
        );
        assert_eq!(pages.recognise(Some(204), page), None);
        assert_eq!(pages.recognise(None, page), None);
    }
    for page in [
        "<html><body><script src=/app.js></script></body></html>",
        "<img src=x>",
        "<form><input name=a></form>",
        "<title>Hello</title>",
    ] {
        assert_eq!(pages.recognise(Some(200), page), None, "{page}");
    }
}

#[test]
fn ordinary_pages_are_not_taken_for_error_pages() {
    let pages = error_pages();
    for page in [
        "<title>Masuk</title><form><p>Sesi</p><label>Saya bukan robot<input type=checkbox></label></form>",
        "<title>Daftar permohonan</title><p>Jadwal pemeliharaan: Sabtu 6 Agustus, 500 permohonan</p>",
        "<title>Bantuan</title><script>alert('Sesi berakhir'); // 500 • KENDALA SERVER</script><p>Hubungi kami</p>",
        "<!-- Server Error in '/' Application. --><p>Selamat datang</p>",
        "<p>If the service is unavailable, call us. Service unavailable pages are rare.</p>",
    ] {
        assert_eq!(pages.recognise(Some(200), page), None, "{page}");
    }
}

#[test]
fn classes_are_faults() {
    let faults = PageClass::ALL.map(PageClass::fault);
    use Fault::{Captcha, ErrorPage, SessionLost};
    assert_eq!(
        faults,
        [
            ErrorPage,
            ErrorPage,
            Captcha,
            SessionLost,
            ErrorPage,
            ErrorPage
        ]
    );
}

#[test]
fn every_mistake_in_a_file_of_patterns_is_told() {
    let problems = ErrorPages::load(
        r#"
[[page]]
key = "a"
class = "sever_error"
name_id = "x"
name_en = "x"
txt = ["a"]
[[page]]
key = "B b"
class = "blank"
name_id = "x"
status = [99]
regex = '(a'
text = [" "]
[[page]]
key = "c"
class = "gateway"
name_id = "x"
name_en = "x"
status = [502]
"#,
        "error-pages.toml",
    )
    .unwrap_err();
    let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        told,
        [
            "error-pages.toml:4:9: there is no such class of page; did you mean `server_error`?",
            "error-pages.toml:7:1: unknown key `txt`; did you mean `text`?",
            "error-pages.toml:8:1: `name_en` is missing; add `name_en = …` here",
            "error-pages.toml:9:1: `B b` cannot be a key; lower-case letters, digits and single hyphens, at most 40",
            "error-pages.toml:12:1: 99 is not a status code",
            "error-pages.toml:13:9: this is not a regular expression: unclosed group; the syntax is that of Rust's `regex` crate: no look-around, no back-references",
            "error-pages.toml:14:1: a text in `text` is empty, and would be found everywhere",
            "error-pages.toml:15:1: this pattern would fit every page; add at least one of `text`, `title`, `regex`, `max_text`, `max_bytes`",
        ]
    );
    assert!(ErrorPages::load("", "empty.toml").is_err());
    assert!(ErrorPages::load("[[page", "broken.toml").is_err());
}

// ── Fingerprints ─────────────────────────────────────────────────────────────────────────

fn page(time: &str, id: &str, status: u16) -> String {
    format!(
        "<html><head><title>Error {status}</title><style>p {{ color: red }}</style></head>
         <body><h1>Maaf, Terjadi Kendala</h1><p>Waktu: {time}</p>
         <p>Request ID: {id}</p><script>var nonce = '{id}';</script></body></html>"
    )
}

#[test]
fn the_same_page_at_another_time_has_the_same_fingerprint() {
    let first = fingerprint(&page(
        "Jumat, 6 Agustus 2021 pukul 14.00 WIB",
        "8c7f2a3b4d5e6f70-SIN",
        500,
    ));
    for other in [
        page(
            "Sabtu, 17 September 2022 pukul 09.02 WITA",
            "91aa2a3b4d5e6f71-CGK",
            500,
        ),
        page(
            "2026-08-06T07:00:00.000Z",
            "0190b3f2-7d2c-7aaa-8bbb-1234567890ab",
            500,
        ),
        page("06/08/2026 14:00:12", "req_9aZk31x77", 500),
    ] {
        assert_eq!(fingerprint(&other), first, "{other}");
    }
    assert_eq!(first.1, "Error 500");
    let text = page(
        "Jumat, 6 Agustus 2021 pukul 14.00 WIB",
        "8c7f2a3b4d5e6f70-SIN",
        502,
    );
    assert_ne!(fingerprint(&text).0, first.0, "another status code");
    let other = page("1", "2", 500).replace("Kendala", "Pemeliharaan");
    assert_ne!(fingerprint(&other).0, first.0, "other words");
}

/// Pages that came before, whatever else came between: each is read as if it were the first.
#[test]
fn a_page_that_came_before_is_read_as_it_was() {
    let (readings, known) = (Readings::default(), error_pages());
    let page = |status: u16, kind: &'static str, body: &[u8]| {
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static(kind))]);
        let url = "http://site.example/".parse().unwrap();
        Snapshot::new(Some(status), Method::GET, url, headers, body.to_vec(), true)
    };
    let trouble = "<title>Evisa</title><h1>500 &bull; KENDALA SERVER</h1>".as_bytes();
    let blank = "<title></title>".as_bytes();
    let wall = "<script>window._cf_chl_opt = {}</script>".as_bytes();
    // A letter in one of the encodings below, and none in the other.
    let letters = b"<p>Caf\xe9".to_vec();
    let html = "text/html; charset=utf-8";
    for round in 0..300_u32 {
        let other = format!("<title>Page {round}</title>");
        for (status, kind, body) in [
            (200, html, trouble),
            (404, html, trouble),
            (200, html, blank),
            (404, html, blank),
            (200, html, wall),
            (200, html, other.as_bytes()),
            (200, "text/html; charset=utf-8", &letters),
            (200, "text/html; charset=windows-1252", &letters),
        ] {
            let fresh = page(status, kind, body);
            let wanted = known.found_on(Some(status), body.len(), fresh.visible());
            for time in ["new", "as it came before"] {
                let again = page(status, kind, body);
                readings.recall(&again);
                assert_eq!(again.is_read(), time != "new", "{time}: {status} {kind}");
                let found = readings.found_on(&again, &known);
                assert_eq!(found, wanted, "{time}: {status} {kind}");
                assert_eq!(again.visible(), fresh.visible(), "{time}: {status} {kind}");
                assert_eq!(
                    again.has_wall_sign(),
                    body == wall,
                    "{time}: {status} {kind}"
                );
            }
        }
    }
}

#[test]
fn what_is_read_is_what_a_person_reads() {
    let read = VisibleText::of(
        "<TITLE>a &amp; b</TITLE><p title='x > y'>o<b>n</b>e<br>two 3 < 4 &#8226; &#x2022; &bogus;</p>\
         <SCRIPT>if (a < b) document.write('</p>')</SCRIPT ><!-- <p>no</p> -->three<",
    );
    assert_eq!(read.title, "a & b");
    assert_eq!(read.text, "one two 3 < 4 • • &bogus; three<");
    assert!(read.embeds);
    assert!(!VisibleText::of("<p>x").embeds);
}

proptest! {
    /// Every kind of white space, also where an inline tag stands between.
    #[test]
    fn runs_of_white_space_are_read_as_one_space(
        pieces in proptest::collection::vec("[a-zé•😀\u{a0} \t\n\u{b}\u{c}\r\u{85}\u{2003}\u{2028}\u{3000}]{0,9}", 0..8)
    ) {
        let plain: String = pieces.concat();
        let wanted = plain.split_whitespace().collect::<Vec<_>>().join(" ");
        prop_assert_eq!(&VisibleText::of(&plain).text, &wanted);
        prop_assert_eq!(&VisibleText::of(&pieces.join("<b>")).text, &wanted);
        prop_assert_eq!(&VisibleText::of(&format!("<title>{plain}</title>")).title, &wanted);
        let parted = pieces.join(" ");
        let wanted = parted.split_whitespace().collect::<Vec<_>>().join(" ");
        prop_assert_eq!(&VisibleText::of(&pieces.join("<br>")).text, &wanted);
    }

    #[test]
    fn numbers_ids_and_dates_do_not_count(
        hour in 0u32..24, minute in 0u32..60, day in 1u32..29, year in 2020u32..2100,
        id in "[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", digits in "[0-9]{1,12}"
    ) {
        let shown = page(&format!("{day:02}-{}-{year} {hour}:{minute:02} WIB", day % 12 + 1), &id, 500);
        let other = page("6 Agustus 2021 14:00 WIB", &digits, 500);
        prop_assert_eq!(fingerprint(&shown), fingerprint(&other));
    }

    #[test]
    fn white_space_and_scripts_do_not_count(words in proptest::collection::vec("[a-zé]{2,9}", 1..30), script in "[a-z<>&\"'= ]{0,80}") {
        let one = words.join(" ");
        let other = format!("<p>{}</p><script>{script}</script>\n<!-- {} -->", words.join("\n\t "), words.len());
        prop_assert_eq!(fingerprint(&one).0, fingerprint(&other).0);
    }

    #[test]
    fn other_words_count(a in "[g-z]{5,20}", b in "[g-z]{5,20}") {
        prop_assume!(a != b);
        prop_assert_ne!(fingerprint(&format!("<p>x {a} y</p>")).0, fingerprint(&format!("<p>x {b} y</p>")).0);
    }

    #[test]
    fn any_text_has_a_fingerprint_and_a_clean_title(text in any::<String>(), tags in "[<>/!a-z\"'= -]{0,200}") {
        let (hash, title) = fingerprint(&format!("{tags}{text}{tags}"));
        prop_assert!(hash.len() == 16 && hash.bytes().all(|b| b.is_ascii_hexdigit()));
        prop_assert!(title.chars().count() <= 200);
        let turned = title.chars().any(|c| c.is_control() || c == '\u{202e}');
        prop_assert!(!turned);
        shipped_once().recognise(Some(200), &text);
    }
}

fn shipped_once() -> &'static ErrorPages {
    static PAGES: std::sync::OnceLock<std::sync::Arc<ErrorPages>> = std::sync::OnceLock::new();
    PAGES.get_or_init(error_pages)
}

// ── Files of evidence ────────────────────────────────────────────────────────────────────

fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for shelf in fs::read_dir(folder).unwrap() {
        let shelf = shelf.unwrap().path();
        for file in fs::read_dir(&shelf).unwrap() {
            let file = file.unwrap().path();
            found.push(file.strip_prefix(folder).unwrap().display().to_string());
        }
    }
    found.sort();
    found
}

const HELLO: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

#[tokio::test]
async fn evidence_is_kept_once_under_its_hash_for_this_user_alone() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path().join("data/evidence");
    let store = EvidenceStore::open(&folder).unwrap();
    let kept = store.keep("page", "text/html", b"hello").await.unwrap();
    assert_eq!((kept.sha256.as_str(), kept.size), (HELLO, 5));
    assert_eq!(
        (kept.kind.as_str(), kept.media_type.as_str()),
        ("page", "text/html")
    );
    let again = store.keep("headers", "text/plain", b"hello").await.unwrap();
    assert_eq!(again.sha256, kept.sha256);
    assert_eq!(files(&folder), [format!("2c/{HELLO}")]);

    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&folder.join("2c").join(HELLO)), 0o600);
    assert_eq!(mode(&folder.join("2c")), 0o700);
    assert_eq!(mode(&folder), 0o700);

    assert_eq!(store.read(HELLO).await.unwrap().unwrap(), b"hello");
    // Kept twice, and nobody has said yet that it is listed.
    for _ in 0..2 {
        assert!(store.doom([HELLO.to_owned()]).is_empty());
        store.remove(HELLO).await.unwrap();
        assert!(store.read(HELLO).await.unwrap().is_some());
        store.settle(HELLO);
    }
    // Kept again while it was asked whether anything lists it.
    assert_eq!(store.doom([HELLO.to_owned()]), [HELLO]);
    store.keep("page", "text/html", b"hello").await.unwrap();
    store.settle(HELLO);
    store.remove(HELLO).await.unwrap();
    assert!(store.read(HELLO).await.unwrap().is_some());
    assert_eq!(store.doom([HELLO.to_owned()]), [HELLO]);
    for _ in 0..2 {
        store.remove(HELLO).await.unwrap();
        assert_eq!(store.read(HELLO).await.unwrap(), None);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_same_evidence_kept_at_once_by_many_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let store = EvidenceStore::open(folder.path()).unwrap();
    let bytes = vec![7; 300_000];
    let kept =
        futures_util::future::join_all((0..32).map(|_| store.keep("page", "text/html", &bytes)))
            .await;
    let address = kept[0].as_ref().unwrap().sha256.clone();
    assert!(
        kept.iter()
            .all(|kept| kept.as_ref().unwrap().sha256 == address)
    );
    assert_eq!(files(folder.path()).len(), 1);
    assert_eq!(store.read(&address).await.unwrap().unwrap(), bytes);
}

#[tokio::test]
async fn wrong_addresses_damage_and_size_are_answered_clearly() {
    let folder = tempfile::tempdir().unwrap();
    let store = EvidenceStore::open(folder.path()).unwrap();
    for address in ["", "../../etc/passwd", &HELLO.to_uppercase(), &HELLO[1..]] {
        assert!(matches!(
            store.read(address).await,
            Err(EvidenceError::Address(_))
        ));
        assert!(matches!(
            store.remove(address).await,
            Err(EvidenceError::Address(_))
        ));
    }
    store.keep("page", "text/html", b"hello").await.unwrap();
    let file = folder.path().join("2c").join(HELLO);
    fs::write(&file, b"jello").unwrap();
    assert!(matches!(
        store.read(HELLO).await,
        Err(EvidenceError::Damaged(_))
    ));
    // Cut short by a crash of another kind of program: kept anew.
    fs::write(&file, b"he").unwrap();
    store.keep("page", "text/html", b"hello").await.unwrap();
    assert_eq!(store.read(HELLO).await.unwrap().unwrap(), b"hello");

    let large = vec![0; LARGEST + 1];
    assert!(matches!(
        store.keep("page", "text/html", &large).await,
        Err(EvidenceError::TooLarge(_))
    ));
    let error = EvidenceStore::open(&file).unwrap_err();
    assert!(error.to_string().contains(HELLO), "{error}");
}

#[tokio::test]
async fn what_a_crash_left_unfinished_is_removed_at_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let store = EvidenceStore::open(folder.path()).unwrap();
    store.keep("page", "text/html", b"hello").await.unwrap();
    fs::write(folder.path().join("2c/.unfinished-abc"), b"hel").unwrap();
    EvidenceStore::open(folder.path()).unwrap();
    assert_eq!(files(folder.path()), [format!("2c/{HELLO}")]);
}

/// In a process whose files may not grow: the error of a full disk, without the right to make one.
#[test]
fn on_a_full_disk_nothing_is_left_half() {
    let folder = tempfile::tempdir().unwrap();
    inside_small_disk(
        on_a_full_disk(64, &std::env::current_exe().unwrap()),
        &folder,
    );
}

/// The same on a disk of 64 KB.
#[test]
fn on_a_small_disk_nothing_is_left_half() {
    let folder = tempfile::tempdir().unwrap();
    if let Some(disk) = SmallDisk::mount(folder.path(), "64k") {
        inside_small_disk(Command::new(std::env::current_exe().unwrap()), &folder);
        drop(disk);
    }
}

fn inside_small_disk(mut command: Command, folder: &tempfile::TempDir) {
    let output = command
        .args(["--exact", "evidence::inside_a_small_disk"])
        .args(["--ignored", "--nocapture"])
        .env("SIAGA_TEST_SMALL_DISK", folder.path())
        .output()
        .unwrap();
    let printed = String::from_utf8_lossy(&output.stdout).into_owned()
        + &String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && printed.contains("1 passed"),
        "{printed}"
    );
    assert!(printed.contains("the disk was full"), "{printed}");
}

#[tokio::test]
#[ignore = "started by the two before it"]
async fn inside_a_small_disk() {
    let Some(folder) = std::env::var_os("SIAGA_TEST_SMALL_DISK") else {
        return;
    };
    let folder = Path::new(&folder);
    let store = EvidenceStore::open(folder).unwrap();
    let small = store.keep("page", "text/html", &[1; 20_000]).await.unwrap();
    let error = store
        .keep("page", "text/html", &[2; 100_000])
        .await
        .unwrap_err();
    assert!(matches!(error, EvidenceError::Full(_)), "{error:?}");
    assert!(error.to_string().contains("no room left"), "{error}");
    let mut out = std::io::stdout();
    std::io::Write::write_all(&mut out, b"the disk was full\n").unwrap();

    assert_eq!(files(folder).len(), 1, "nothing half");
    assert_eq!(
        store.read(&small.sha256).await.unwrap().unwrap(),
        [1; 20_000]
    );
    store.keep("page", "text/html", &[3; 20_000]).await.unwrap();
}
