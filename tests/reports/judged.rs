//! Reports are judged again when more is known: all that it touches, however many and however
//! old, and nothing that was decided changes without a trace.

use std::time::Duration;

use serde_json::Value;
use siaga::domain::finding::Finding;
use siaga::domain::history::Gap;
use siaga::domain::{Moment, Outcome};
use siaga::store::reevaluation::{self, BATCH};
use siaga::store::{Store, monitor, outages, reports, runs};

use super::desk::{Running, fields, fields_with, start};
use crate::harness::{FAILED, NOON, each_store, on_sqlite, upload_run};
use crate::office::staff::officer;

const MINUTE: i64 = 60_000;
const DAY: Duration = Duration::from_secs(86_400);

/// When the report of [`fields`] says that it was tried.
fn tried() -> Moment {
    Moment(NOON.0 - 120 * MINUTE)
}

async fn finding(desk: &Running, body: &Value) -> Finding {
    let reference = body["reference"].as_str().unwrap().to_owned();
    let read = desk.store.read(move |mut conn| {
        Box::pin(async move { reports::by_reference(&mut conn, &reference).await })
    });
    read.await.unwrap().unwrap().finding
}

async fn verdict(desk: &Running, body: &Value) -> &'static str {
    finding(desk, body).await.verdict.as_str()
}

async fn execute(store: &Store, sql: &'static str) {
    store
        .write(move |mut conn| Box::pin(async move { conn.execute(sql, vec![]).await }))
        .await
        .unwrap();
}

/// Copies the only report, with its tries, so often, a millisecond apart.
async fn multiply(store: &Store, times: i64) {
    store
        .write(move |mut conn| {
            Box::pin(async move {
                for number in 1..=times {
                    for sql in [
                        "INSERT INTO reports (id, reference, secret_hash, received_at, key_id,
                            role, office, component, permit_type, first_tried_at, last_tried_at,
                            tries, checked_connection, checked_size, checked_device, submitted,
                            state, finding, passport_hash, language, erase_at)
                        SELECT 'copy-' || CAST($1 AS TEXT), 'COPY-' || CAST($1 AS TEXT),
                            secret_hash, received_at + CAST($1 AS BIGINT), key_id, role, office,
                            component, permit_type, first_tried_at, last_tried_at, tries,
                            checked_connection, checked_size, checked_device, submitted, state,
                            finding, passport_hash, language, erase_at
                        FROM reports WHERE reference NOT LIKE 'COPY-%'",
                        "INSERT INTO attempts SELECT 'copy-' || CAST($1 AS TEXT), tried_at
                        FROM attempts WHERE report_id NOT LIKE 'copy-%'",
                    ] {
                        conn.execute(sql, vec![number.into()]).await?;
                    }
                }
                Ok(())
            })
        })
        .await
        .unwrap();
}

async fn count(store: &Store, sql: &'static str) -> i64 {
    let read = store.read(move |mut conn| Box::pin(async move { conn.number(sql, vec![]).await }));
    read.await.unwrap()
}

const MATCHED: &str = "SELECT COUNT(*) FROM reports WHERE outage_id = 'o-upload'";

#[tokio::test]
async fn none_is_left_out_however_many_came_before_their_outage_was_confirmed() {
    on_sqlite(|database| async move {
        let desk = start(&database.store).await;
        desk.report_right(&fields()).await;
        multiply(&desk.store, 1_200).await;
        let began = Moment(tried().0 - MINUTE);
        desk.outage("o-upload", "upload", began, None).await;
        let judged = desk.judge_again().await;
        assert_eq!((judged.changed, judged.unreadable), (1_201, 0));
        assert_eq!(count(&desk.store, MATCHED).await, 1_201);
        assert_eq!(desk.judge_again().await.looked_at, 0, "settled");
    })
    .await;
}

#[tokio::test]
async fn a_judging_that_is_broken_off_goes_on_where_it_was() {
    each_store(|database| async move {
        let desk = start(&database.store).await;
        desk.report_right(&fields()).await;
        multiply(&desk.store, 149).await;
        let began = Moment(tried().0 - MINUTE);
        desk.outage("o-upload", "upload", began, None).await;
        desk.store
            .write(|mut conn| {
                Box::pin(async move {
                    let (mark, reports) = reevaluation::marked(&mut conn).await?.unwrap();
                    assert_eq!(reports.len(), BATCH);
                    reevaluation::go_on(&mut conn, &mark, reports.last()).await
                })
            })
            .await
            .unwrap();
        assert_eq!(desk.judge_again().await.looked_at, 150 - BATCH);
        assert_eq!(count(&desk.store, MATCHED).await, 150 - BATCH as i64);
    })
    .await;
}

#[tokio::test]
async fn a_correction_of_an_old_outage_reaches_old_reports_and_no_others() {
    each_store(|database| async move {
        let desk = start(&database.store).await;
        let one = desk.report_right(&fields()).await;
        let began = Moment(tried().0 + 60 * MINUTE);
        let ended = Moment(tried().0 + 90 * MINUTE);
        desk.outage("o-upload", "upload", began, Some(ended)).await;
        desk.judge_again().await;
        assert_eq!(verdict(&desk, &one).await, "not_corroborated");
        desk.clock.advance(DAY * 200);
        let at = Moment(desk.clock.shared().now().0 - MINUTE).to_string();
        let new = desk.report_right(&fields_with("tried_at", &at)).await;
        desk.judge_again().await;

        let correct = async |began: Moment, ended: Option<Moment>| {
            desk.store
                .write(move |mut conn| {
                    Box::pin(async move {
                        let outage = outages::by_id(&mut conn, "o-upload").await?;
                        let mut outage = outage.unwrap();
                        (outage.began_at, outage.ended_at) = (began, ended);
                        outages::update(&mut conn, &outage).await
                    })
                })
                .await
                .unwrap();
            desk.judge_again().await
        };
        let judged = correct(Moment(tried().0 - 5 * MINUTE), Some(ended)).await;
        assert_eq!((judged.looked_at, judged.changed), (1, 1));
        assert_eq!(verdict(&desk, &one).await, "matched");
        assert_eq!(verdict(&desk, &new).await, "not_corroborated");
        // It did not end: then it explains the new one as well. It did, an hour earlier.
        assert_eq!(
            correct(Moment(tried().0 - 5 * MINUTE), None).await.changed,
            1
        );
        assert_eq!(verdict(&desk, &new).await, "matched");
        let earlier = Moment(tried().0 - 60 * MINUTE);
        let judged = correct(Moment(tried().0 - 90 * MINUTE), Some(earlier)).await;
        assert_eq!(judged.changed, 2);
        for body in [&one, &new] {
            assert_eq!(verdict(&desk, body).await, "not_corroborated");
        }
        // Nothing of it changed.
        let judged = correct(Moment(tried().0 - 90 * MINUTE), Some(earlier)).await;
        assert_eq!(judged.looked_at, 0);
    })
    .await;
}

#[tokio::test]
async fn what_we_saw_shortly_after_a_report_and_where_we_were_blind_counts() {
    each_store(|database| async move {
        let desk = start(&database.store).await;
        let run = async |at: Moment, outcome: Outcome| {
            let report = upload_run(at, outcome);
            let day = jiff::civil::date(2026, 8, 6);
            desk.store
                .write(move |mut conn| {
                    Box::pin(async move { runs::insert(&mut conn, &report, day).await })
                })
                .await
                .unwrap();
        };
        let at = Moment(NOON.0 - MINUTE);
        run(Moment(at.0 - MINUTE), Outcome::Passed).await;
        let one = desk
            .report_right(&fields_with("tried_at", &at.to_string()))
            .await;
        assert_eq!(verdict(&desk, &one).await, "likely_user_side");
        // A failure that was recorded while the report was on its way, and one after it.
        run(Moment(NOON.0 + 10 * MINUTE), FAILED).await;
        desk.clock.advance(Duration::from_secs(61));
        assert_eq!(desk.judge_again().await.looked_at, 1);
        assert_eq!(verdict(&desk, &one).await, "not_corroborated");
        execute(
            &desk.store,
            "DELETE FROM observations WHERE outcome = 'failed'",
        )
        .await;
        desk.clock.advance(Duration::from_secs(45 * 60));
        desk.judge_again().await;
        assert_eq!(verdict(&desk, &one).await, "likely_user_side");
        assert_eq!(
            desk.judge_again().await.looked_at,
            0,
            "not looked at for ever"
        );
        // Runs are removed in time; what they said of this report stays.
        execute(&desk.store, "DELETE FROM runs").await;
        let gap = |began: Moment| Gap {
            vantage: "jakarta".to_owned(),
            why: "stopped".to_owned(),
            began_at: began,
            ended_at: Some(began + Duration::from_secs(600)),
        };
        for (began, after) in [
            (Moment(at.0 - 60 * MINUTE), "likely_user_side"),
            (Moment(at.0 - 5 * MINUTE), "not_corroborated"),
        ] {
            let gap = gap(began);
            desk.store
                .write(move |mut conn| {
                    Box::pin(async move { monitor::add_gap(&mut conn, &gap).await })
                })
                .await
                .unwrap();
            desk.judge_again().await;
            assert_eq!(verdict(&desk, &one).await, after);
        }
    })
    .await;
}

#[tokio::test]
async fn rows_that_cannot_be_read_are_counted_and_stop_nobody() {
    each_store(|database| async move {
        let desk = start(&database.store).await;
        desk.report_right(&fields()).await;
        multiply(&desk.store, 20).await;
        execute(
            &desk.store,
            "UPDATE reports SET finding = '{' WHERE id = 'copy-1'",
        )
        .await;
        execute(
            &desk.store,
            "UPDATE reports SET component = 'No Component', reevaluate_at = 0 WHERE id = 'copy-20'",
        )
        .await;
        let began = Moment(tried().0 - MINUTE);
        desk.outage("o-upload", "upload", began, None).await;
        let judged = desk.judge_again().await;
        assert_eq!(
            (judged.changed, judged.unreadable),
            (19, 3),
            "one of them twice"
        );
        assert_eq!(desk.judge_again().await.looked_at, 0);

        // An outage that cannot be read may explain a report: then its finding stays.
        execute(
            &desk.store,
            "UPDATE outages SET worst = 'odd' WHERE id = 'o-upload'",
        )
        .await;
        let other = Moment(tried().0 - 200 * MINUTE);
        desk.outage("o-other", "upload", other, Some(tried())).await;
        let judged = desk.judge_again().await;
        assert_eq!((judged.changed, judged.unreadable), (0, 21));
        assert_eq!(count(&desk.store, MATCHED).await, 19);
        // Those who report meanwhile are not turned away.
        let new = desk.report_right(&fields()).await;
        assert_eq!(verdict(&desk, &new).await, "matched");
    })
    .await;
}

#[tokio::test]
async fn a_processed_case_keeps_the_finding_it_was_decided_on_beside_the_newer_one() {
    each_store(|database| async move {
        let desk = start(&database.store).await;
        let body = desk.report_right(&fields()).await;
        let reference = body["reference"].as_str().unwrap();
        let made = officer(&desk, "made@imigrasi.example", "ngurah-rai").await;
        let place = format!("/office/cases/{reference}");
        made.step(reference, "received", "in_review", "").await;
        // The officer has the page open when the finding changes: nothing is decided on what
        // nobody saw.
        let page = made.text(&place).await;
        let seen = crate::office::staff::between(&page, "name=\"finding\" value=\"", "\"");
        let began = Moment(tried().0 - MINUTE);
        desk.outage("o-upload", "upload", began, Some(Moment(NOON.0)))
            .await;
        desk.judge_again().await;
        let decide = [
            ("from", "in_review"),
            ("to", "processed"),
            ("finding", seen),
        ];
        let answer = made.post(&format!("{place}/step"), &decide).await;
        assert_eq!(answer.status(), 409);
        let page = answer.text().await.unwrap();
        assert!(page.contains("The finding has changed since you opened this page"));
        let seen = crate::office::staff::between(&page, "name=\"finding\" value=\"", "\"");
        let decide = [
            ("from", "in_review"),
            ("to", "processed"),
            ("finding", seen),
        ];
        let answer = made.post(&format!("{place}/step"), &decide).await;
        assert_eq!(answer.status(), 303);
        assert!(!made.text(&place).await.contains("Newer finding"));

        // The outage turns out to have ended before.
        desk.store
            .write(move |mut conn| {
                Box::pin(async move {
                    let outage = outages::by_id(&mut conn, "o-upload").await?;
                    let mut outage = outage.unwrap();
                    outage.began_at = Moment(tried().0 - 200 * MINUTE);
                    outage.ended_at = Some(Moment(tried().0 - 100 * MINUTE));
                    outages::update(&mut conn, &outage).await
                })
            })
            .await
            .unwrap();
        assert_eq!(desk.judge_again().await.changed, 1);
        let page = made.text(&place).await;
        let decided = page.find("Decided on").unwrap();
        let newer = page.find("Newer finding").unwrap();
        assert!(decided < newer);
        assert!(page[decided..newer].contains("Confirmed"), "{page}");
        assert!(!page[newer..].contains("Confirmed"));
        let page = made.get_in("id", &place).await.text().await.unwrap();
        assert!(page.contains("Temuan terbaru") && page.contains("Diputuskan"));
    })
    .await;
}
