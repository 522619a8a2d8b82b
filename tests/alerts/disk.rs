//! That our own disk fills is told once, whenever its state changes.

use siaga::app::disk_watch::note;
use siaga::domain::disk::{DiskState, FreeSpace, Reserve};

use super::receiver::Receiver;
use super::{MailServer, SOON, mail_to, sender, settings, smtp, webhook};
use crate::harness::{NOON, TestClock, at, each_store, eventually};

const GB: u64 = 1_000_000_000;
const RESERVE: Reserve = Reserve {
    files: 2 * GB,
    database: GB / 2,
};

fn free(megabytes: u64) -> FreeSpace {
    FreeSpace {
        files: megabytes * 1_000_000,
        database: Some(megabytes * 1_000_000),
    }
}

#[tokio::test]
async fn a_disk_that_fills_is_told_once_by_each_state() {
    each_store(|database| async move {
        let clock = TestClock::at(NOON);
        let server = MailServer::plain().await;
        let (receiver, url) = Receiver::start().await;
        let targets = vec![webhook(&url), mail_to("duty@example.org")];
        let sender = sender(
            &database.store,
            settings(targets, Some(smtp(server.port))),
            &clock,
        );
        let keys = ["webhook:ops".to_owned(), "mail:duty@example.org".to_owned()].into();
        let mut states = Vec::new();
        // It fills, hovers at the mark, fills on, and is given room.
        for (megabytes, second) in [5000, 1999, 2001, 1999, 400, 499, 10, 700, 1900, 3000, 5000]
            .into_iter()
            .zip(0..)
        {
            let free = free(megabytes);
            let state = note(&database.store, "main", &keys, free, RESERVE, at(second)).await;
            states.push(state.unwrap());
            clock.advance(std::time::Duration::from_secs(1));
            sender.drain_once().await.unwrap();
        }
        use DiskState::{Ample, Critical, Low};
        assert_eq!(
            states,
            [
                Ample, Low, Low, Low, Critical, Critical, Critical, Low, Low, Ample, Ample
            ]
        );
        let events: Vec<String> = receiver.calls().iter().map(|call| call.event()).collect();
        assert_eq!(
            events,
            ["disk.low", "disk.critical", "disk.low", "disk.ample"]
        );
        let document = receiver.calls()[0].json();
        assert_eq!(document["disk"]["vantage"], "main");
        assert_eq!(document["disk"]["free_bytes"]["files"], 1_999_000_000_u64);
        assert_eq!(document["disk"]["reserve_bytes"]["files"], 2 * GB);

        eventually("four mails", SOON, || async { server.taken().len() == 4 }).await;
        let mails = server.taken();
        let (low, critical) = (mails[0].read(), mails[1].read());
        assert_eq!(
            low.subject(),
            Some("[Siaga] RUANG DISK MENIPIS / DISK SPACE LOW (main)")
        );
        assert_eq!(
            critical.subject(),
            Some("[Siaga] RUANG DISK HAMPIR HABIS / DISK ALMOST FULL (main)")
        );
        let text = low.body_text(0).unwrap();
        for part in [
            "Files: 1.9 GB free, at least 2.0 GB",
            "Applicants' pictures and evidence of failures are not kept any more",
            "Kamis, 6 Agustus 2026 pukul 14.00 WIB",
        ] {
            assert!(text.contains(part), "{part} in\n{text}");
        }
        assert_eq!(
            low.references().as_text(),
            critical.references().as_text(),
            "one thread"
        );
    })
    .await;
}

/// The state cannot be written down: it is told when it can.
#[tokio::test]
async fn what_cannot_be_noted_is_told_later() {
    each_store(|database| async move {
        let keys = ["webhook:ops".to_owned()].into();
        database.store.close().await;
        let noted = note(&database.store, "main", &keys, free(10), RESERVE, NOON).await;
        assert!(noted.is_err());
        let store = database.open_again().await;
        let noted = note(&store, "main", &keys, free(10), RESERVE, at(10)).await;
        assert_eq!(noted.unwrap(), DiskState::Critical);
        let waiting = store.read(|mut conn| {
            Box::pin(async move { siaga::store::outbox::waiting(&mut conn, at(20)).await })
        });
        assert_eq!(waiting.await.unwrap(), 1);
        store.close().await;
    })
    .await;
}
