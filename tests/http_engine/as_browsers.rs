//! What the plain engine does as browsers do, by the smallest inputs that others met. The cases that
//! seeds make (`differ`) hold it to a real browser; here stand what no seed reaches.

use std::io::Write as _;

use flate2::Compression;
use flate2::write::{DeflateEncoder, GzEncoder};
use reqwest::cookie::CookieStore as _;
use siaga::domain::{Fault, Outcome};
use siaga::http_client::Cookies;
use siaga::probe::charset;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::server::{page, plain, raw};
use super::{flow, run};
use crate::harness::probing::{target, tools};

const DONE: &str = "<!doctype html><title>done</title><p id=done>Selesai</p>";

fn steps(steps: &[&str]) -> String {
    let steps = steps.iter().enumerate();
    steps
        .map(|(number, step)| {
            format!("[[step]]\nname = \"{number}\"\ncomponent = \"c\"\n{step}\nexpect = {{ css = \"#done\" }}\n")
        })
        .collect()
}

#[tokio::test]
async fn forms_that_their_markup_moves_are_sent_whole() {
    let server = plain(|request| match request.path() {
        "/t" => page("<table><form id=f action=/submit method=post><tr><td><input type=hidden name=token value=t1><input id=email name=email><button id=go name=go value=1>Kirim</button></td></tr></form></table>"),
        "/d" => page("<div><form id=g action=/submit method=post><input id=a name=a></div><input name=b value=2><button id=go2 name=go value=1>Kirim</button></form>"),
        _ => page(DONE),
    })
    .await;
    let flow = flow(&steps(&[
        "visit = \"/t\"\nfill = { \"#email\" = \"a@b.c\" }\nsubmit = \"#f\"",
        "visit = \"/d\"\nfill = { \"#a\" = \"1\" }\nsubmit = \"#go2\"",
    ]));
    let report = run(&flow, &target(&server.url), &tools()).await;
    assert_eq!(report.outcome, Outcome::Passed, "{report:#?}");
    let sent = server.seen();
    let bodies = sent.iter().map(|request| request.text());
    let bodies: Vec<String> = bodies.filter(|body| !body.is_empty()).collect();
    assert_eq!(bodies, ["token=t1&email=a%40b.c", "a=1&b=2&go=1"]);
}

#[tokio::test]
async fn forms_that_browsers_hold_back_are_not_sent() {
    let fields = [
        "<input id=a name=a required>",
        "<input id=a name=a value=x pattern='[0-9]{4}'>",
        "<input id=a name=a type=email value=x>",
        "<input id=a name=a type=url value=x>",
        "<input id=a name=a type=number min=3 value=2>",
        "<input id=a name=a type=number max=3 value=4>",
        "<input id=a name=a type=number min=0 value=1.5>",
        "<input id=a name=a type=date min=2024-03-01 value=2024-02-29>",
        "<input id=a name=a type=time min=12:00 value=12:30:15>",
        "<input id=a name=a type=checkbox required>",
        "<input id=a name=a type=radio required>",
        "<input id=a name=a type=file required>",
        "<select id=a name=a required><option value=''>Pilih<option>x</select>",
        "<textarea id=a name=a required></textarea>",
    ];
    let server = plain(move |request| {
        let number = request.path().trim_matches(|c: char| !c.is_ascii_digit());
        match number.parse::<usize>() {
            Ok(number) => page(&format!(
                "<form id=f action=/submit method=post>{}<button id=go>k</button><button id=any formnovalidate>k</button></form>",
                fields[number]
            )),
            Err(_) => page(DONE),
        }
    })
    .await;
    for (number, field) in fields.iter().enumerate() {
        for (button, sends) in [("#f", false), ("#go", false), ("#any", true)] {
            let flow = flow(&steps(&[&format!(
                "visit = \"/{number}\"\nsubmit = \"{button}\""
            )]));
            let report = run(&flow, &target(&server.url), &tools()).await;
            let wanted = match sends {
                true => Outcome::Passed,
                false => Outcome::Failed(Fault::Content),
            };
            assert_eq!(report.outcome, wanted, "{field} {button} {report:#?}");
            let told = report.steps[0].message.clone().unwrap_or_default();
            assert_eq!(told.contains("holds the form"), !sends, "{told}");
            assert_eq!(
                told.contains("`#a`: please"),
                !sends && !told.contains("value must"),
                "{told}"
            );
        }
    }
}

#[tokio::test]
async fn header_lines_out_of_the_grammar_fail_nothing() {
    let lines = [
        "X-Powered By: PHP".to_owned(),
        "X-Cache : HIT".to_owned(),
        "X-Long: a\r\n b".to_owned(),
        "PHP Warning without a colon".to_owned(),
        "X-Bin: a\u{1}b".to_owned(),
        (0..300)
            .map(|number| format!("X-{number}: 1"))
            .collect::<Vec<_>>()
            .join("\r\n"),
    ];
    for line in lines {
        let server = plain(move |_| {
            super::server::answer(
                "200 OK",
                &format!("Content-Type: text/html\r\n{line}\r\n"),
                DONE,
            )
        })
        .await;
        let report = run(
            &flow(&steps(&["visit = \"/\""])),
            &target(&server.url),
            &tools(),
        )
        .await;
        assert_eq!(report.outcome, Outcome::Passed, "{report:#?}");
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn every_coding_that_browsers_undo_is_undone_within_the_limit() {
    let mut raw_deflate = DeflateEncoder::new(Vec::new(), Compression::fast());
    raw_deflate.write_all(DONE.as_bytes()).unwrap();
    let bomb = gzip(&gzip(&vec![b' '; 60_000_000]));
    let answers = [
        ("deflate", raw_deflate.finish().unwrap(), true),
        ("x-gzip", gzip(DONE.as_bytes()), true),
        ("gzip, gzip", gzip(&gzip(DONE.as_bytes())), true),
        ("gzip, gzip", bomb, false),
    ];
    for (coding, body, passes) in answers {
        let server = raw(move |_, mut stream| {
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Encoding: {coding}\r\n\
                 Content-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            let body = body.clone();
            async move {
                let _ = stream.write_all(head.as_bytes()).await;
                let _ = stream.write_all(&body).await;
            }
        })
        .await;
        let report = run(
            &flow(&steps(&["visit = \"/\""])),
            &target(&server.url),
            &tools(),
        )
        .await;
        let message = report.steps[0].message.clone().unwrap_or_default();
        assert_eq!(
            report.outcome == Outcome::Passed,
            passes,
            "{coding} {message}"
        );
        assert!(passes || message.contains("longer than"), "{message}");
    }
}

#[test]
fn encodings_are_found_as_browsers_find_them() {
    let late = format!("<!--{}--><meta charset=koi8-r>", "x".repeat(2000));
    let too_late = format!("<p>{}</p><meta charset=koi8-r>", "x".repeat(2000));
    let table: [(&str, &[u8], &str); 13] = [
        ("", b"r\xe9sum\xe9", "windows-1252"),
        ("", "résumé".as_bytes(), "UTF-8"),
        ("iso-8859-1", "résumé".as_bytes(), "windows-1252"),
        ("nonsense", "résumé".as_bytes(), "UTF-8"),
        ("koi8-r", b"\xef\xbb\xbfx", "UTF-8"),
        ("", b"\xff\xfex\0", "UTF-16LE"),
        ("", b"<meta charset=utf-16>\xe9", "UTF-8"),
        (
            "",
            b"<meta http-equiv=content-type content='text/html; charset=\"koi8-r\"'>",
            "KOI8-R",
        ),
        (
            "",
            b"<title>charset > </title><meta charset=koi8-r>\xe9",
            "KOI8-R",
        ),
        ("", b"<p title='charset'><meta charset=koi8-r>", "KOI8-R"),
        ("", b"<!-- <meta charset=koi8-r> --><p>\xe9", "windows-1252"),
        ("", late.as_bytes(), "KOI8-R"),
        ("", too_late.as_bytes(), "windows-1252"),
    ];
    for (charset, body, wanted) in table {
        let found = charset::of_page(charset, body).name();
        assert_eq!(found, wanted, "{charset} {}", String::from_utf8_lossy(body));
    }
}

#[tokio::test]
async fn a_kept_connection_that_ends_unseen_is_replaced() {
    let server = raw(|request, mut stream| async move {
        let body = match request.path() {
            "/p" => "<form id=f action=/q method=post><input name=a value=1><button id=done>k</button></form>",
            _ => DONE,
        };
        let answer = page(body).replace("Connection: close\r\n", "");
        let _ = stream.write_all(answer.as_bytes()).await;
        // Ends when it is used again, without an answer.
        let _ = stream.read(&mut [0; 1]).await;
    })
    .await;
    let text = "[[step]]\nname = \"1\"\ncomponent = \"c\"\nvisit = \"/p\"\n\
                [[step]]\nname = \"2\"\ncomponent = \"c\"\nsubmit = \"#f\"\nexpect = { text = \"Selesai\" }\n";
    let report = run(&flow(text), &target(&server.url), &tools()).await;
    assert_eq!(report.outcome, Outcome::Passed, "{report:#?}");
}

#[test]
fn cookies_are_kept_and_refused_as_browsers_do() {
    let sent = |host: &str, cookies: &[&str], to: &str| {
        let jar = Cookies::default();
        for cookie in cookies {
            jar.add(cookie, &format!("https://{host}/a/b").parse().unwrap());
        }
        let line = jar.cookies(&to.parse().unwrap());
        line.map_or(String::new(), |line| {
            String::from_utf8_lossy(line.as_bytes()).into_owned()
        })
    };
    let long = format!("a={}", "x".repeat(4096));
    let table: [(&str, &[&str], &str, &str); 15] = [
        // Whoever registers below a public suffix sets nothing for all of it.
        (
            "x.imigrasi.go.id",
            &["a=1; Domain=go.id"],
            "https://x.imigrasi.go.id/",
            "",
        ),
        (
            "x.imigrasi.go.id",
            &["a=1; Domain=id"],
            "https://x.imigrasi.go.id/",
            "",
        ),
        (
            "x.imigrasi.go.id",
            &["a=1; Domain=imigrasi.go.id; Path=/"],
            "https://y.imigrasi.go.id/",
            "a=1",
        ),
        (
            "a.github.io",
            &["a=1; Domain=github.io"],
            "https://a.github.io/",
            "",
        ),
        ("a.test", &["a=1; Domain=b.test"], "https://a.test/", ""),
        (
            "a.test",
            &["__Host-a=1; Secure; Path=/"],
            "https://a.test/",
            "__Host-a=1",
        ),
        (
            "a.test",
            &["__Host-a=1; Secure; Path=/; Domain=a.test", "__host-b=1"],
            "https://a.test/",
            "",
        ),
        ("a.test", &["__Secure-a=1; Path=/"], "https://a.test/", ""),
        ("a.test", &["a=1; Secure; Path=/"], "http://a.test/", ""),
        (
            "a.test",
            &["a=1; SameSite=None; Path=/"],
            "https://a.test/",
            "",
        ),
        (
            "a.test",
            &["a=1; Path=/", "b=2; Path=/a", "c=3; Path=/"],
            "https://a.test/a/b",
            "b=2; a=1; c=3",
        ),
        ("a.test", &["a=1", "d=1; Path=/a/"], "https://a.test/ab", ""),
        ("a.test", &["word; Path=/"], "https://a.test/", "word"),
        ("a.test", &[&long], "https://a.test/a/b", ""),
        (
            "a.test",
            &["a=1; Path=/", "a=; Max-Age=0; Path=/"],
            "https://a.test/",
            "",
        ),
    ];
    for (host, cookies, to, wanted) in table {
        assert_eq!(sent(host, cookies, to), wanted, "{host} {cookies:?} {to}");
    }
}
