//! Signing in, sessions, forged forms, accounts.

use std::time::Duration;

use siaga::cli::staff::{Account, AccountError};
use siaga::domain::case::Role;

use super::staff::{PASSWORD, accounts, add, between, officer, sign_in, try_sign_in};
use super::trail::trail;
use crate::harness::{each_store, on_sqlite};
use crate::reports::desk::{fields, start};

#[tokio::test]
async fn only_the_right_password_opens_and_signing_out_closes() {
    each_store(|database| async move {
        let desk = start(&database.store).await;
        add(
            &desk,
            "Made@imigrasi.example",
            Role::Officer,
            Some("ngurah-rai"),
        )
        .await;
        let there = try_sign_in(&desk, "made@imigrasi.example", "wrong password!").await;
        let missing = try_sign_in(&desk, "nobody@imigrasi.example", "wrong password!").await;
        assert_eq!(
            (there.status(), missing.status()),
            (422.try_into().unwrap(), 422.try_into().unwrap())
        );
        assert!(!there.headers().contains_key("set-cookie"));
        let there = there.text().await.unwrap().replace("made@", "nobody@");
        assert_eq!(
            there,
            missing.text().await.unwrap(),
            "accounts cannot be probed"
        );

        let right = try_sign_in(&desk, "made@imigrasi.example", PASSWORD).await;
        let cookie = right.headers()["set-cookie"].to_str().unwrap();
        for part in ["HttpOnly", "SameSite=Strict", "Path=/"] {
            assert!(cookie.contains(part), "{cookie}");
        }
        let made = sign_in(&desk, "made@imigrasi.example").await;
        assert_eq!(made.get("/office/").await.status(), 200);
        let out = made.post("/office/sign-out", &[]).await;
        assert_eq!(out.status(), 303);
        let after = made.get("/office/").await;
        assert_eq!(after.status(), 303);
        assert_eq!(after.headers()["location"], "/en/office/sign-in");
    })
    .await;
}

#[tokio::test]
async fn a_session_ends_when_it_lies_idle_and_after_a_day() {
    on_sqlite(|database| async move {
        let desk = start(&database.store).await;
        let made = officer(&desk, "made@imigrasi.example", "ngurah-rai").await;
        for _ in 0..5 {
            desk.clock.advance(Duration::from_secs(20 * 60));
            assert_eq!(made.get("/office/").await.status(), 200, "used");
        }
        desk.clock.advance(Duration::from_secs(31 * 60));
        assert_eq!(made.get("/office/").await.status(), 303, "idle");
        let made = sign_in(&desk, "made@imigrasi.example").await;
        for _ in 0..35 {
            desk.clock.advance(Duration::from_secs(20 * 60));
            assert_eq!(made.get("/office/").await.status(), 200);
        }
        desk.clock.advance(Duration::from_secs(25 * 60));
        assert_eq!(made.get("/office/").await.status(), 303, "twelve hours");
    })
    .await;
}

#[tokio::test]
async fn forged_forms_change_nothing() {
    on_sqlite(|database| async move {
        let desk = start(&database.store).await;
        let body = desk.report_right(&fields()).await;
        let reference = body["reference"].as_str().unwrap();
        let made = officer(&desk, "made@imigrasi.example", "ngurah-rai").await;
        let send = |csrf: &str, header: (&'static str, &'static str)| {
            let form = [("csrf", csrf), ("from", "received"), ("to", "in_review")];
            desk.client
                .post(format!("{}/en/office/cases/{reference}/step", desk.url))
                .header("cookie", &made.cookie)
                .header(header.0, header.1)
                .form(&form)
                .send()
        };
        for (csrf, header) in [
            ("", ("x-none", "x")),
            ("guessed", ("x-none", "x")),
            (&*made.csrf, ("sec-fetch-site", "cross-site")),
            (&*made.csrf, ("sec-fetch-site", "same-site")),
            (&*made.csrf, ("origin", "https://evil.example")),
            (&*made.csrf, ("origin", "null")),
        ] {
            assert_eq!(
                send(csrf, header).await.unwrap().status(),
                403,
                "{header:?}"
            );
        }
        let signing_in = desk
            .client
            .post(format!("{}/office/sign-in", desk.url))
            .header("sec-fetch-site", "cross-site")
            .form(&[("email", "made@imigrasi.example"), ("password", PASSWORD)])
            .send()
            .await
            .unwrap();
        assert_eq!(signing_in.status(), 403);
        assert!(!signing_in.headers().contains_key("set-cookie"));
        let case = made.text(&format!("/office/cases/{reference}")).await;
        assert!(case.contains("name=\"from\" value=\"received\""));
        let own = send(&made.csrf, ("sec-fetch-site", "same-origin"))
            .await
            .unwrap();
        assert_eq!(own.status(), 303);
    })
    .await;
}

#[tokio::test]
async fn guessing_is_slowed_and_the_wait_is_told() {
    on_sqlite(|database| async move {
        let desk = start(&database.store).await;
        add(
            &desk,
            "made@imigrasi.example",
            Role::Officer,
            Some("ngurah-rai"),
        )
        .await;
        let mut last = None;
        for _ in 0..7 {
            last = Some(try_sign_in(&desk, "made@imigrasi.example", "a wrong one!").await);
        }
        let last = last.unwrap();
        assert_eq!(last.status(), 429);
        let seconds: u64 = last.headers()["retry-after"]
            .to_str()
            .unwrap()
            .parse()
            .unwrap();
        // Not even the right one now, and it tells nothing.
        let right = try_sign_in(&desk, "made@imigrasi.example", PASSWORD).await;
        assert_eq!(right.status(), 429);
        desk.clock.advance(Duration::from_secs(seconds));
        sign_in(&desk, "made@imigrasi.example").await;
    })
    .await;
}

#[tokio::test]
async fn operators_and_strangers_see_no_cases() {
    on_sqlite(|database| async move {
        let desk = start(&database.store).await;
        let body = desk.report_right(&fields()).await;
        let reference = body["reference"].as_str().unwrap();
        add(&desk, "ops@siaga.example", Role::Operator, None).await;
        let answer = try_sign_in(&desk, "ops@siaga.example", PASSWORD).await;
        let cookie = answer.headers()["set-cookie"].to_str().unwrap().to_owned();
        let cookie = cookie.split(';').next().unwrap();
        for path in [
            "/en/office/".to_owned(),
            format!("/en/office/cases/{reference}"),
            format!("/en/office/cases/{reference}/screenshots/1"),
        ] {
            let url = format!("{}{path}", desk.url);
            let operator = desk.client.get(&url).header("cookie", cookie).send();
            let operator = operator.await.unwrap();
            assert_eq!(operator.status(), 403, "{path}");
            assert!(!operator.text().await.unwrap().contains("Zhang"));
            let stranger = desk.client.get(&url).send().await.unwrap();
            assert_eq!(stranger.status(), 303, "{path}");
        }
        let forged = desk.client.get(format!("{}/en/office/", desk.url));
        let forged = forged.header("cookie", "siaga=AAAA").send().await.unwrap();
        assert_eq!(forged.status(), 303);
    })
    .await;
}

#[tokio::test]
async fn accounts_are_added_once_and_replaced_on_purpose() {
    each_store(|database| async move {
        let desk = start(&database.store).await;
        let account = |role, office: Option<&str>, password: Option<&str>, replace| Account {
            email: "Made@Imigrasi.example".to_owned(),
            role,
            office: office.map(str::to_owned),
            password: password.map(str::to_owned),
            replace,
        };
        let accounts = accounts(&desk);
        let enrol = |account| accounts.enrol(account);
        let wrong = |result: Result<_, AccountError>| match result {
            Ok(_) => panic!("it was taken"),
            Err(error) => error.to_string(),
        };
        let officer = Role::Officer;
        let no_office = wrong(enrol(account(officer, None, None, false)).await);
        assert!(no_office.contains("--office"));
        let unknown = wrong(enrol(account(officer, Some("ngura-rai"), None, false)).await);
        assert!(unknown.contains("did you mean ngurah-rai"), "{unknown}");
        let all = wrong(enrol(account(Role::Supervisor, Some("ngurah-rai"), None, false)).await);
        assert!(all.contains("leave --office out"));
        let short = wrong(enrol(account(officer, Some("ngurah-rai"), Some("short"), false)).await);
        assert!(short.contains("12 characters"));
        let missing = wrong(enrol(account(officer, Some("ngurah-rai"), None, true)).await);
        assert!(missing.contains("leave --replace out"));

        let made = enrol(account(officer, Some("ngurah-rai"), None, false)).await;
        let made = made.unwrap_or_else(|error| panic!("{error}"));
        let password = made.password.unwrap();
        let answer = try_sign_in(&desk, &made.email, &password).await;
        let cookie = answer.headers()["set-cookie"].to_str().unwrap().to_owned();
        let twice = wrong(enrol(account(officer, Some("ngurah-rai"), None, false)).await);
        assert!(twice.contains("--replace"), "{twice}");

        let replaced = enrol(account(Role::Supervisor, None, Some(PASSWORD), true)).await;
        assert!(replaced.is_ok_and(|account| account.password.is_none()));
        let old = desk.client.get(format!("{}/en/office/", desk.url));
        let old = old.header("cookie", cookie.split(';').next().unwrap());
        assert_eq!(
            old.send().await.unwrap().status(),
            303,
            "its sessions ended"
        );
        let made = sign_in(&desk, "made@imigrasi.example").await;
        let page = made.text("/office/").await;
        assert!(between(&page, "class=\"office-who\"", "</form>").contains("Supervisor"));
        assert!(trail(&desk).await >= 4);
    })
    .await;
}
