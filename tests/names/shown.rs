//! Where names are read: pages, mails, webhooks.

use std::time::Duration;

use siaga::domain::case::Role;
use siaga::domain::{Fault, Outcome};
use siaga::store::{names, runs};

use super::named_run;
use crate::harness::{NOON, on_sqlite};
use crate::office::staff::{add, sign_in};
use crate::reports::desk::start;

const ID: &str = "00000000-0000-7000-8000-000000000001";

#[tokio::test]
async fn the_duty_desk_reads_names_in_its_language() {
    on_sqlite(|database| async move {
        let desk = start(&database.store).await;
        desk.outage(ID, "upload", NOON, None).await;
        let evidence = desk.evidence.keep("console", "text/plain", b"boom").await;
        let mut report = named_run(
            NOON,
            "passport",
            ["Unggah paspor", "Upload"],
            Outcome::Failed(Fault::ErrorPage),
        );
        report.steps[0].evidence.push(evidence.unwrap());
        let day = jiff::civil::date(2026, 8, 6);
        desk.store
            .write(move |mut conn| {
                let report = report.clone();
                Box::pin(async move {
                    names::remember(&mut conn, [&report.names()]).await?;
                    runs::insert(&mut conn, &report, day).await.map(drop)
                })
            })
            .await
            .unwrap();
        desk.clock.advance(Duration::from_secs(60));
        add(&desk, "ops@agency.example", Role::Operator, None).await;
        let operator = sign_in(&desk, "ops@agency.example").await;
        for (lang, step, flow) in [
            ("id", "Unggah paspor", "Perpanjangan izin tinggal"),
            ("en", "Upload", "Stay-permit extension"),
        ] {
            let page = operator.get_in(lang, &format!("/duty/outages/{ID}")).await;
            let page = page.text().await.unwrap();
            let title = format!("<h3>{step} · {flow} · http · jakarta</h3>");
            assert!(page.contains(&title), "{title} in {page}");
            assert!(page.contains(&format!("<li>{step}: ")), "{page}");
        }
    })
    .await;
}
