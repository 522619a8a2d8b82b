//! Failed sign-ins: counted by hour, network and account; sealed, bounded, and erased.

use std::time::Duration;

use siaga::domain::case::Role;
use siaga::domain::{Clock as _, Moment};
use siaga::store::Store;
use siaga::store::seal::MasterKeys;
use siaga::store::sign_ins::{self, Counted, Failed, Origin};
use siaga::system::SystemRandom;

use super::staff::{Browser, PASSWORD, add, between};
use crate::harness::{NOON, adopt, each_store, on_sqlite};
use crate::reports::desk::{keys, start};

const MADE: &str = "made@imigrasi.example";

async fn counted(store: &Store, keys: &MasterKeys) -> Vec<Counted> {
    let keys = keys.clone();
    store
        .read(move |mut conn| {
            Box::pin(async move {
                let mut all = Vec::new();
                for hour in sign_ins::hours(&mut conn, Moment(0)).await? {
                    all.extend(sign_ins::of_hour(&mut conn, &keys, hour).await?);
                }
                Ok(all)
            })
        })
        .await
        .unwrap()
}

fn network(text: &str) -> Origin {
    Origin::Network(text.to_owned())
}

#[tokio::test]
async fn a_row_for_each_hour_network_and_account_however_many_tries() {
    each_store(|database| async move {
        let desk = start(&database.store).await;
        add(&desk, MADE, Role::Officer, Some("ngurah-rai")).await;
        for (from, email) in [
            ("203.0.113.7", MADE),
            ("203.0.113.7", MADE),
            ("203.0.113.7", "what-was@typed.example"),
            ("203.0.113.7", "my passw0rd by mistake"),
            ("2001:db8:1:2:3:4:5:6", MADE),
        ] {
            let answer = Browser::at(&desk, from)
                .sign_in(email, "a wrong guess")
                .await;
            assert_eq!(answer.status(), 422);
        }
        let rows = counted(&desk.store, &desk.keys).await;
        let brief: Vec<_> = rows
            .iter()
            .map(|row| (row.from.clone(), row.email.as_deref(), row.times))
            .collect();
        assert_eq!(brief.len(), 3, "{rows:?}");
        assert!(
            brief.contains(&(network("203.0.113.7"), Some(MADE), 2)),
            "{rows:?}"
        );
        assert!(
            brief.contains(&(network("203.0.113.7"), None, 2)),
            "{rows:?}"
        );
        assert!(
            brief.contains(&(network("2001:db8:1:2::/64"), Some(MADE), 1)),
            "{rows:?}"
        );
        assert!(
            rows.iter()
                .all(|row| row.hour.0 % 3_600_000 == 0 && row.last_at == NOON)
        );

        // The next hour begins rows of its own, also for a wrong password at the account's page.
        desk.clock.advance(Duration::from_secs(3600));
        let mut browser = Browser::at(&desk, "203.0.113.9");
        browser.sign_in(MADE, PASSWORD).await;
        let page = browser.get("/office/account").await.text().await.unwrap();
        let csrf = between(&page, "name=\"csrf\" value=\"", "\"");
        let new = "four words make sense";
        let form = [
            ("csrf", csrf),
            ("current", "wrong"),
            ("new", new),
            ("again", new),
        ];
        assert_eq!(browser.post("/office/account", &form).await.status(), 422);
        let rows = counted(&desk.store, &desk.keys).await;
        assert_eq!(rows.len(), 4, "a right password is no row");
        assert_eq!(rows[3].from, network("203.0.113.9"));
        assert_eq!(rows[3].hour, Moment(NOON.0 + 3_600_000));
        let now = desk.clock.now();
        let removed = desk
            .store
            .write(move |mut conn| Box::pin(async move { sign_ins::forget(&mut conn, now).await }))
            .await
            .unwrap();
        assert_eq!(removed, 3, "what is older than it may be");
    })
    .await;
}

#[tokio::test]
async fn networks_are_sealed_and_what_was_typed_is_nowhere() {
    on_sqlite(|database| async move {
        let desk = start(&database.store).await;
        let mut browser = Browser::at(&desk, "203.0.113.77");
        browser
            .sign_in("what-was@typed.example", "a wrong guess")
            .await;
        assert_eq!(counted(&desk.store, &desk.keys).await.len(), 1);
        let file = database.file.as_ref().unwrap();
        let mut bytes = std::fs::read(file).unwrap();
        bytes.extend(std::fs::read(file.with_extension("db-wal")).unwrap());
        for text in ["203.0.113.77", "what-was", "typed.example", "a wrong guess"] {
            let found = memchr::memmem::find(&bytes, text.as_bytes());
            assert!(found.is_none(), "{text} stands in the database");
        }
        let other = MasterKeys::new(vec![("k9".to_owned(), [9; 32])]).unwrap();
        assert_eq!(
            counted(&desk.store, &other).await[0].from,
            Origin::Unreadable
        );
    })
    .await;
}

#[tokio::test]
async fn an_hour_has_no_more_rows_than_it_may_have_and_counts_all() {
    each_store(|database| async move {
        let store = &database.store;
        let keys = adopt(store, &keys()).await;
        let try_from = async |n: u32, staff: Option<&str>| {
            let failed = Failed {
                network: format!("10.0.{}.{}", n / 256, n % 256),
                staff: staff.map(str::to_owned),
            };
            let keys = keys.clone();
            store
                .write(move |mut conn| {
                    Box::pin(async move {
                        let random = SystemRandom;
                        sign_ins::count_failed(&mut conn, &keys, &random, &failed, 20, NOON).await
                    })
                })
                .await
                .unwrap();
        };
        for n in 0..300 {
            try_from(n, None).await;
        }
        // Strangers' noise leaves room for tries at accounts.
        for n in 0..30 {
            try_from(n, Some("s1")).await;
            try_from(n, Some("s2")).await;
        }
        let rows = counted(store, &keys).await;
        assert_eq!(
            rows.len(),
            23,
            "twenty, one for no account, and one for each account"
        );
        assert_eq!(
            rows.iter().map(|row| row.times).sum::<i64>(),
            360,
            "none is lost"
        );
        let others: i64 = rows
            .iter()
            .filter(|row| row.from == Origin::Others)
            .map(|row| row.times)
            .sum();
        assert_eq!(others, 290 + 50);
    })
    .await;
}
