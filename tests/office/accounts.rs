//! Accounts: what members of staff change themselves, and what operators change for them.

use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use siaga::domain::case::Role;
use siaga::store::staff;

use super::passwords::{besiege, status};
use super::staff::{Browser, PASSWORD, accounts, add, between};
use super::trail::trail;
use crate::harness::{each_store, folder, on_sqlite};
use crate::reports::desk::{Running, start};

const MADE: &str = "made@imigrasi.example";
const NEW: &str = "four words make sense";

async fn add_made(desk: &Running) {
    add(desk, MADE, Role::Officer, Some("ngurah-rai")).await;
}

/// A browser in which Made is signed in.
async fn signed_in<'a>(desk: &'a Running, from: &str) -> Browser<'a> {
    let mut browser = Browser::at(desk, from);
    assert_eq!(status(&browser.sign_in(MADE, PASSWORD).await), 303);
    browser
}

async fn is_in(browser: &mut Browser<'_>) -> bool {
    status(&browser.get("/office/").await) == 200
}

async fn csrf(browser: &mut Browser<'_>) -> String {
    let page = browser.get("/office/account").await;
    assert_eq!(page.status(), 200);
    let page = page.text().await.unwrap();
    between(&page, "name=\"csrf\" value=\"", "\"").to_owned()
}

async fn change(browser: &mut Browser<'_>, current: &str, new: &str, again: &str) -> (u16, String) {
    let csrf = csrf(browser).await;
    let form = [
        ("csrf", &*csrf),
        ("current", current),
        ("new", new),
        ("again", again),
    ];
    let answer = browser.post("/office/account", &form).await;
    (status(&answer), answer.text().await.unwrap())
}

#[tokio::test]
async fn a_member_of_staff_changes_the_own_password() {
    each_store(|database| async move {
        let desk = start(&database.store).await;
        add_made(&desk).await;
        let mut here = signed_in(&desk, "203.0.113.7").await;
        let mut there = signed_in(&desk, "203.0.113.8").await;
        let long = "x".repeat(1025);
        for (current, new, again, words) in [
            ("not my password", NEW, NEW, "The current password is wrong"),
            (PASSWORD, "too short", "too short", "at least 12 characters"),
            (PASSWORD, &long, &long, "at most 1,024 bytes"),
            (PASSWORD, NEW, PASSWORD, "not typed the same way twice"),
            (PASSWORD, PASSWORD, PASSWORD, "the same as the current one"),
            ("", NEW, NEW, "The current password is wrong"),
        ] {
            let (status, page) = change(&mut here, current, new, again).await;
            assert_eq!(status, 422, "{words}");
            assert!(page.contains(words), "{words} is not in {page}");
            assert!(!page.contains(NEW), "nothing typed is sent back");
        }
        let forged = [("current", PASSWORD), ("new", NEW), ("again", NEW)];
        let forged = here.post("/office/account", &forged).await;
        assert_eq!(status(&forged), 403);

        let stolen = here.cookies.clone();
        let (code, _) = change(&mut here, PASSWORD, NEW, NEW).await;
        assert_eq!(code, 303);
        assert!(is_in(&mut here).await, "this browser stays signed in");
        assert!(!is_in(&mut there).await, "all others do not");
        let mut thief = Browser::at(&desk, "192.0.2.1");
        thief.cookies = stolen;
        assert!(
            !is_in(&mut thief).await,
            "nor whoever had this one's cookie"
        );
        assert_eq!(status(&there.sign_in(MADE, PASSWORD).await), 422);
        // Only this browser is known now.
        besiege(&desk, MADE).await;
        assert_eq!(status(&there.sign_in(MADE, NEW).await), 429);
        assert_eq!(status(&here.sign_in(MADE, NEW).await), 303);
    })
    .await;
}

#[tokio::test]
async fn an_open_session_is_no_place_to_guess_and_operators_have_the_page_too() {
    on_sqlite(|database| async move {
        let desk = start(&database.store).await;
        add(&desk, MADE, Role::Operator, None).await;
        let mut browser = Browser::at(&desk, "203.0.113.7");
        let answer = browser.sign_in(MADE, PASSWORD).await;
        assert_eq!(answer.headers()["location"], "/en/office/account");
        for _ in 0..6 {
            assert_eq!(change(&mut browser, "a wrong guess", NEW, NEW).await.0, 422);
        }
        let (code, page) = change(&mut browser, PASSWORD, NEW, NEW).await;
        assert_eq!(code, 429);
        assert!(page.contains("Too many tries"));
        desk.clock.advance(Duration::from_secs(31));
        assert_eq!(change(&mut browser, PASSWORD, NEW, NEW).await.0, 303);
        let page = browser.get("/office/account?changed=1").await;
        assert!(
            page.text()
                .await
                .unwrap()
                .contains("Your password is changed")
        );
    })
    .await;
}

#[tokio::test]
async fn signing_in_ends_the_session_that_this_browser_had() {
    each_store(|database| async move {
        let desk = start(&database.store).await;
        add_made(&desk).await;
        add(&desk, "chief@imigrasi.example", Role::Supervisor, None).await;
        let mut counter = signed_in(&desk, "203.0.113.7").await;
        let mut elsewhere = signed_in(&desk, "203.0.113.8").await;
        let mut before = Browser::at(&desk, "203.0.113.7");
        before.cookies = counter.cookies.clone();
        let answer = counter.sign_in("chief@imigrasi.example", PASSWORD).await;
        assert_eq!(status(&answer), 303);
        assert!(is_in(&mut counter).await);
        assert!(!is_in(&mut before).await, "the session before is over");
        assert!(
            is_in(&mut elsewhere).await,
            "other browsers are not touched"
        );
    })
    .await;
}

#[tokio::test]
async fn disabling_ends_all_sessions_at_once_and_so_do_a_role_and_a_password() {
    each_store(|database| async move {
        let desk = start(&database.store).await;
        add_made(&desk).await;
        let accounts = accounts(&desk);
        let mut one = signed_in(&desk, "203.0.113.7").await;
        let mut other = signed_in(&desk, "203.0.113.8").await;
        accounts.disable(" Made@imigrasi.example ").await.unwrap();
        assert!(!is_in(&mut one).await && !is_in(&mut other).await);
        assert_eq!(status(&one.sign_in(MADE, PASSWORD).await), 422);
        let before = accounts.disable(MADE).await.unwrap();
        assert!(before.disabled_at.is_some(), "it was already");
        accounts.enable(MADE).await.unwrap();
        assert!(!is_in(&mut one).await, "no session comes back");
        besiege(&desk, MADE).await;
        assert_eq!(
            status(&one.sign_in(MADE, PASSWORD).await),
            429,
            "nor a device"
        );
        desk.clock.advance(Duration::from_secs(3600));

        let mut one = signed_in(&desk, "203.0.113.7").await;
        accounts
            .set_role(MADE, Role::Supervisor, None)
            .await
            .unwrap();
        assert!(!is_in(&mut one).await, "the role changed");
        besiege(&desk, MADE).await;
        assert_eq!(
            status(&one.sign_in(MADE, PASSWORD).await),
            303,
            "still known"
        );
        let page = one.get("/office/").await.text().await.unwrap();
        assert!(between(&page, "class=\"office-who\"", "</form>").contains("Supervisor"));

        let made = accounts.set_password(MADE, None).await.unwrap();
        assert!(!is_in(&mut one).await, "the password changed");
        let password = made.password.unwrap();
        assert_eq!(
            status(&one.sign_in(MADE, &password).await),
            429,
            "unknown now"
        );
        desk.clock.advance(Duration::from_secs(3600));
        assert_eq!(status(&one.sign_in(MADE, &password).await), 303);

        let missing = accounts.disable("nobody@imigrasi.example").await;
        assert!(missing.is_err_and(|error| error.to_string().contains("siaga staff list")));
        // Added, five sign-ins, disabled, enabled, role, password, and a look at the list.
        assert_eq!(trail(&desk).await, 11);
    })
    .await;
}

#[tokio::test]
async fn a_sign_in_that_the_change_of_a_password_overtakes_opens_nothing() {
    each_store(|database| async move {
        let desk = start(&database.store).await;
        add_made(&desk).await;
        let now = desk.desk.clock.now();
        let signed_in = |hash: String| {
            desk.store.write(move |mut conn| {
                Box::pin(async move {
                    let account = staff::account(&mut conn, MADE).await?.unwrap();
                    staff::signed_in(&mut conn, &account.member.id, &hash, now).await
                })
            })
        };
        let read = || {
            desk.store
                .read(|mut conn| Box::pin(async move { staff::account(&mut conn, MADE).await }))
        };
        let verified = read().await.unwrap().unwrap().member.password_hash;
        assert!(signed_in(verified.clone()).await.unwrap());
        assert_eq!(read().await.unwrap().unwrap().signed_in_at, Some(now));
        accounts(&desk)
            .set_password(MADE, Some(NEW.to_owned()))
            .await
            .unwrap();
        assert!(!signed_in(verified).await.unwrap());
        let verified = read().await.unwrap().unwrap().member.password_hash;
        accounts(&desk).disable(MADE).await.unwrap();
        assert!(!signed_in(verified).await.unwrap());
    })
    .await;
}

// ── The command line ─────────────────────────────────────────────────────────────────────

fn siaga(folder: &Path, args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_siaga"))
        .args(args)
        .current_dir(folder)
        .env_clear()
        .output()
        .unwrap()
}

fn printed(output: &Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout.clone()).unwrap()
}

#[test]
fn accounts_are_listed_and_changed_from_the_command_line() {
    let folder = folder();
    let config = "[site]\nname_id = \"a\"\nname_en = \"a\"\nurl = \"https://a.example/\"\n\
        [probe]\ncontact = \"a@a.example\"\n";
    std::fs::write(folder.path().join("siaga.toml"), config).unwrap();
    let run = |args: &[&str]| siaga(folder.path(), args);
    assert!(printed(&run(&["staff", "list"])).contains("no account yet"));
    let add = ["staff", "add", MADE, "--role", "officer"];
    let no_office = run(&add);
    assert_eq!(no_office.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&no_office.stderr).contains("`siaga offices` lists the codes"));
    printed(&run(&[&add[..], &["--office", "ngurah-rai"]].concat()));
    printed(&run(&[
        "staff",
        "add",
        "chief@imigrasi.example",
        "--role",
        "supervisor",
    ]));
    printed(&run(&[
        "staff", "role", MADE, "officer", "--office", "jayapura",
    ]));
    printed(&run(&["staff", "disable", MADE]));
    assert!(printed(&run(&["staff", "disable", MADE])).contains("already"));
    let told = printed(&run(&["staff", "password", MADE]));
    assert!(told.contains("Password (shown this once): "), "{told}");
    assert!(told.contains("still disabled"), "{told}");
    let table = printed(&run(&["staff", "list"]));
    let lines: Vec<&str> = table.lines().collect();
    assert_eq!(lines.len(), 3, "{table}");
    let columns: Vec<usize> = ["ROLE", "OFFICE", "LAST SIGN-IN", "STATE"]
        .iter()
        .map(|heading| lines[0].find(heading).unwrap())
        .collect();
    assert_eq!(&lines[1][columns[0]..columns[1]].trim(), &"supervisor");
    assert_eq!(&lines[2][columns[1]..columns[2]].trim(), &"jayapura");
    assert!(
        lines[2][columns[3]..].starts_with("disabled since 20"),
        "{table}"
    );
    printed(&run(&["staff", "enable", MADE]));
    let list: serde_json::Value =
        serde_json::from_str(&printed(&run(&["staff", "list", "--json"]))).unwrap();
    assert_eq!(list[1]["email"], MADE);
    assert_eq!(list[1]["office"], "jayapura");
    assert!(list[1]["disabled_at"].is_null() && list[1]["added_at"].is_string());
    let missing = run(&["staff", "enable", "nobody@imigrasi.example"]);
    assert_eq!(missing.status.code(), Some(2));
}

#[test]
fn offices_are_found_by_any_word_of_theirs() {
    let folder = folder();
    let all = printed(&siaga(folder.path(), &["offices"]));
    assert_eq!(all.lines().count(), 1 + siaga::domain::office::all().len());
    let bali = printed(&siaga(folder.path(), &["offices", "BALI", "rai"]));
    assert_eq!(bali.lines().count(), 2, "{bali}");
    assert!(
        bali.lines().nth(1).unwrap().starts_with("ngurah-rai "),
        "{bali}"
    );
    assert!(bali.contains("WITA"));
    let json = printed(&siaga(folder.path(), &["offices", "--json", "jayapura"]));
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json[0]["code"], "jayapura");
    assert_eq!(json[0]["time_zone"], "Asia/Jayapura");
    let none = siaga(folder.path(), &["offices", "atlantis"]);
    assert_eq!(none.status.code(), Some(1));
}
