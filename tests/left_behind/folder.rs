//! `siaga check --evidence`: a folder that opens in a browser.

use std::path::Path;
use std::process::{Command, Output};

use super::one_page;
use crate::harness::browser::Browser;
use crate::harness::{SmallDisk, on_a_full_disk};

const FLOW: &str = "name = \"Small <i>\"\nevery = \"1m\"\n\
    [[step]]\nname = \"Home\"\ncomponent = \"website\"\nvisit = \"/\"\n\
    [[step]]\nname = \"Look <script>alert(1)</script> & see\"\ncomponent = \"website\"\n\
    visit = \"/x\"\ntimeout = \"2s\"\nexpect = { text = \"goodbye\" }\n\
    [[step]]\nname = \"Later\"\ncomponent = \"website\"\nvisit = \"/y\"\n";

fn check(flow: &str, site: &str, folder: &Path, more: &[&str]) -> Output {
    let file = folder.join("small.toml");
    std::fs::write(&file, flow).unwrap();
    let out = folder.join("out");
    Command::new(env!("CARGO_BIN_EXE_siaga"))
        .arg("check")
        .arg(&file)
        .args(["--site", site, "--evidence", out.to_str().unwrap()])
        .args(more)
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The names in the folder, sorted.
fn names(folder: &Path) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// Opens the index in a browser: every link leads to a file, every picture is shown, nothing
/// is wider than a telephone, no script runs.
async fn opens(browser: &Browser, folder: &Path) -> String {
    let index = format!("file://{}/index.html", folder.display());
    browser.goto(&index).await;
    let links = browser
        .script(
            "return [...document.querySelectorAll('a[href], img')]\
             .map(e => e.getAttribute('href') || e.getAttribute('src'))",
        )
        .await;
    for link in links.as_array().unwrap() {
        let link = link.as_str().unwrap();
        if let Some(id) = link.strip_prefix('#') {
            let there = format!("return Boolean(document.getElementById('{id}'))");
            assert_eq!(browser.script(&there).await, true, "{link}");
        } else {
            assert!(folder.join(link).is_file(), "{link}");
        }
    }
    let broken = "return [...document.images].filter(i => !i.complete || !i.naturalWidth).length";
    assert_eq!(browser.script(broken).await, 0, "a picture is not shown");
    let wide = browser
        .script("return document.documentElement.scrollWidth")
        .await;
    assert!(wide.as_u64().unwrap() <= 360, "{wide}");
    assert_eq!(browser.script("return document.scripts.length").await, 0);
    let complaints = browser.complaints().await;
    assert!(complaints.is_empty(), "{complaints:?}");
    browser.text().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failing_and_a_passing_run_each_make_a_page_that_opens() {
    let site = one_page("<title>Hi</title><p>welcome to the site").await;
    let browser = Browser::start().await;
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("out");
    let ended = check(FLOW, &site, folder.path(), &["--engine", "browser"]);
    assert_eq!(ended.status.code(), Some(1), "{}", text(&ended.stderr));
    assert!(text(&ended.stdout).contains("/out/index.html"));
    assert_eq!(
        names(&out),
        [
            "02-look-script-alert-1-script-see-headers.txt",
            "02-look-script-alert-1-script-see-page.html.txt",
            "02-look-script-alert-1-script-see-requests.har",
            "02-look-script-alert-1-script-see-screenshot.png",
            "02-look-script-alert-1-script-see-timings.json",
            "02-look-script-alert-1-script-see-waterfall.svg",
            "index.html",
            "waterfall.svg",
        ]
    );
    let shown = opens(&browser, &out).await;
    for part in [
        "Small <i>: failed (content)",
        "Look <script>alert(1)</script> & see",
        "welcome to the site",
        "not reached",
    ] {
        assert!(shown.contains(part), "{part} in {shown}");
    }

    for engine in ["http", "browser"] {
        let folder = tempfile::tempdir().unwrap();
        let flow = FLOW.replace("goodbye", "welcome");
        let ended = check(&flow, &site, folder.path(), &["--engine", engine]);
        assert_eq!(ended.status.code(), Some(0), "{}", text(&ended.stderr));
        let out = folder.path().join("out");
        assert_eq!(names(&out), ["index.html", "waterfall.svg"]);
        let shown = opens(&browser, &out).await;
        assert!(shown.contains("passed"), "{shown}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn pauses_for_people_are_neither_slow_nor_too_long() {
    let site = one_page("<title>Hi</title><p>welcome").await;
    let folder = tempfile::tempdir().unwrap();
    let hurried = "name = \"Hurried\"\nevery = \"1m\"\n[[step]]\nname = \"Home\"\n\
        component = \"website\"\nvisit = \"/\"\ntimeout = \"1s\"\nslow = \"900ms\"\n";
    let more = ["--engine", "browser", "--slow-mo", "1200"];
    let ended = check(hurried, &site, folder.path(), &more);
    let said = text(&ended.stdout);
    assert_eq!(ended.status.code(), Some(0), "{said}");
    assert!(said.contains("Hurried: passed;"), "{said}");
}

/// The flow's run over an evidence folder that is full.
fn is_found_all_the_same(mut command: Command, site: &str, disk: &Path, engine: &str) {
    let file = disk.parent().unwrap().join("small.toml");
    std::fs::write(&file, FLOW).unwrap();
    let ended = command
        .arg("check")
        .arg(&file)
        .args(["--site", site, "--engine", engine, "--evidence"])
        .arg(disk)
        .output()
        .unwrap();
    let (out, err) = (text(&ended.stdout), text(&ended.stderr));
    assert_eq!(ended.status.code(), Some(1), "{out}{err}");
    assert!(out.contains("✗ Look") && out.contains("– Later"), "{out}");
    assert!(err.contains("The evidence is not whole"), "{err}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_changes_nothing_of_what_a_run_found() {
    let site = one_page("<title>Hi</title><p>welcome").await;
    let folder = tempfile::tempdir().unwrap();
    let siaga = Path::new(env!("CARGO_BIN_EXE_siaga"));
    // No file may be written at all; a browser could not live with that.
    let disk = folder.path().join("nothing");
    is_found_all_the_same(on_a_full_disk(0, siaga), &site, &disk, "http");
    // The last file is on a device that is always full.
    let disk = folder.path().join("device");
    std::fs::create_dir(&disk).unwrap();
    std::os::unix::fs::symlink("/dev/full", disk.join("index.html")).unwrap();
    is_found_all_the_same(Command::new(siaga), &site, &disk, "browser");
    // A disk that is full from the first piece on.
    let disk = folder.path().join("disk");
    std::fs::create_dir(&disk).unwrap();
    if let Some(small) = SmallDisk::mount(&disk, "64k") {
        small.fill_up_to(4096);
        is_found_all_the_same(Command::new(siaga), &site, &disk, "browser");
    }
}

#[test]
fn what_cannot_be_is_told_with_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("small.toml");
    std::fs::write(&file, FLOW).unwrap();
    let run = |more: &[&str], path: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_siaga"));
        command
            .arg("check")
            .arg(&file)
            .args(["--site", "http://127.0.0.1:9/", "--engine", "browser"])
            .args(more)
            .env("PATH", path)
            .env_remove("DISPLAY")
            .env_remove("WAYLAND_DISPLAY");
        let ended = command.output().unwrap();
        (ended.status.code(), text(&ended.stderr))
    };
    let (code, said) = run(&["--headed"], &std::env::var("PATH").unwrap());
    assert_eq!(code, Some(3), "{said}");
    assert!(
        said.contains("DISPLAY") && said.contains("--headed"),
        "{said}"
    );
    let (code, said) = run(&[], "/nowhere");
    assert_eq!(code, Some(3), "{said}");
    assert!(
        said.contains("chromedriver") && said.contains("apt-get install"),
        "{said}"
    );
    for wrong in ["-1", "2h", "soon", "61s", "NaN"] {
        let argument = format!("--slow-mo={wrong}");
        let (code, said) = run(&[&argument], "/nowhere");
        assert_eq!(code, Some(2), "{wrong}: {said}");
        assert!(said.contains("milliseconds (500)"), "{said}");
    }
    for right in ["250", "250ms", "1.5s"] {
        let argument = format!("--slow-mo={right}");
        assert_eq!(run(&[&argument], "/nowhere").0, Some(3), "{right}");
    }
}
