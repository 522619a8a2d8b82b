//! Who sees what of the evidence, and how it is sent.

use std::time::Duration;

use siaga::domain::case::Role;
use siaga::domain::run::EvidenceRef;
use siaga::domain::{Fault, Outcome};
use siaga::store::runs;

use crate::harness::{NOON, each_store, on_sqlite, run};
use crate::office::staff::{add, sign_in};
use crate::office::trail::newest;
use crate::reports::desk::{Running, png, start};

const ID: &str = "00000000-0000-7000-8000-000000000001";
const PAGE: &str = "<script>alert(1)</script><h1>KENDALA";

/// An outage with one run that left evidence.
async fn left(desk: &Running) -> Vec<EvidenceRef> {
    desk.outage(ID, "upload", NOON, None).await;
    let picture = png(40, 30);
    let pieces: [(&str, &str, &[u8]); 6] = [
        ("page", "text/html;charset=utf-8", PAGE.as_bytes()),
        ("har", "application/json", b"{\"log\":{}}"),
        ("console", "text/plain;charset=utf-8", b"boom"),
        (
            "waterfall",
            "image/svg+xml",
            b"<svg xmlns='http://www.w3.org/2000/svg'/>",
        ),
        ("screenshot", "image/png", &picture),
        ("public-screenshot", "image/png", &png(20, 10)),
    ];
    let mut report = run(NOON).step("Upload <b>", "upload", Outcome::Failed(Fault::ErrorPage));
    report = report.error_page("branded-500", "9f86d081884c7d65");
    let mut kept = Vec::new();
    for (kind, media_type, bytes) in pieces {
        let reference = desk.evidence.keep(kind, media_type, bytes).await.unwrap();
        report = report.kept(reference.clone());
        kept.push(reference);
    }
    let report = report.done();
    let day = jiff::civil::date(2026, 8, 6);
    desk.store
        .write(move |mut conn| {
            let report = report.clone();
            Box::pin(async move { runs::insert(&mut conn, &report, day).await.map(drop) })
        })
        .await
        .unwrap();
    desk.clock.advance(Duration::from_secs(60));
    kept
}

fn of<'k>(kept: &'k [EvidenceRef], kind: &str) -> &'k str {
    &kept.iter().find(|piece| piece.kind == kind).unwrap().sha256
}

#[tokio::test]
async fn staff_see_the_evidence_and_nobody_else() {
    each_store(|database| async move {
        let desk = start(&database.store).await;
        let kept = left(&desk).await;
        for path in [
            format!("/en/duty/outages/{ID}"),
            format!("/en/duty/evidence/page/{}", of(&kept, "page")),
        ] {
            let stranger = desk.get(&path).await;
            assert_eq!(stranger.status(), 303, "{path}");
            assert_eq!(stranger.headers()["location"], "/en/office/sign-in");
        }
        add(&desk, "ops@agency.example", Role::Operator, None).await;
        let operator = sign_in(&desk, "ops@agency.example").await;
        let page = operator.get(&format!("/duty/outages/{ID}")).await;
        assert_eq!(page.status(), 200);
        let page = page.text().await.unwrap();
        let looked = newest(&desk.store, 1).await.remove(0).0;
        assert_eq!(looked, format!("evidence of outage {ID}"));
        let sha256 = of(&kept, "har");
        operator.get(&format!("/duty/evidence/har/{sha256}")).await;
        let looked = newest(&desk.store, 1).await.remove(0).0;
        assert_eq!(looked, format!("evidence har {sha256}"));
        for part in [
            "Upload &#60;b&#62; · extension · http · jakarta",
            "9f86d081884c7d65",
            &format!("/en/duty/evidence/screenshot/{}", of(&kept, "screenshot")),
            &format!("/en/duty/evidence/har/{}", of(&kept, "har")),
            "Every request of the run (HAR)",
        ] {
            assert!(page.contains(part), "{part} in {page}");
        }
        assert!(!page.contains("alert(1)"));
        let missing = operator.get("/duty/outages/00000000-0000-7000-8000-00000000ffff");
        assert_eq!(missing.await.status(), 404);
        assert_eq!(operator.get("/duty/outages/'").await.status(), 404);
    })
    .await;
}

#[tokio::test]
async fn captured_markup_leaves_only_as_text_to_be_saved() {
    on_sqlite(|database| async move {
        let desk = start(&database.store).await;
        let kept = left(&desk).await;
        add(&desk, "ops@agency.example", Role::Operator, None).await;
        let operator = sign_in(&desk, "ops@agency.example").await;
        for (kind, content_type, place, ending) in [
            (
                "page",
                "text/plain; charset=utf-8",
                "attachment",
                "html.txt",
            ),
            ("har", "text/plain; charset=utf-8", "attachment", "har"),
            ("console", "text/plain; charset=utf-8", "attachment", "txt"),
            ("screenshot", "image/png", "inline", "png"),
            ("waterfall", "image/svg+xml", "inline", "svg"),
        ] {
            let path = format!("/duty/evidence/{kind}/{}", of(&kept, kind));
            let answer = operator.get(&path).await;
            assert_eq!(answer.status(), 200, "{kind}");
            let header = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
            assert_eq!(header("content-type"), content_type, "{kind}");
            assert_eq!(header("x-content-type-options"), "nosniff");
            assert_eq!(header("cache-control"), "no-store");
            let policy = header("content-security-policy");
            assert!(policy.starts_with("default-src 'none'") && policy.ends_with("sandbox"));
            let disposition = header("content-disposition");
            assert!(
                disposition.starts_with(place) && disposition.ends_with(&format!(".{ending}\"")),
                "{disposition}"
            );
        }
        // Nobody chooses under which kind a piece is sent.
        for path in [
            format!("/duty/evidence/screenshot/{}", of(&kept, "page")),
            format!("/duty/evidence/waterfall/{}", of(&kept, "page")),
            format!("/duty/evidence/page/{}", "0".repeat(64)),
            "/duty/evidence/page/../../secret".to_owned(),
            format!("/duty/evidence/page/{}", "G".repeat(64)),
        ] {
            assert_eq!(operator.get(&path).await.status(), 404, "{path}");
        }
    })
    .await;
}

#[tokio::test]
async fn the_public_sees_the_public_picture_only() {
    each_store(|database| async move {
        let desk = start(&database.store).await;
        let kept = left(&desk).await;
        let address = format!("/evidence/{}.png", of(&kept, "public-screenshot"));
        for (lang, alt) in [
            ("en", "Screenshot of the error page"),
            ("id", "Tangkapan layar"),
        ] {
            let page = desk.get(&format!("/{lang}/outages/{ID}")).await;
            let page = page.text().await.unwrap();
            assert!(page.contains(&address), "{page}");
            assert!(
                page.contains(alt) && page.contains("loading=\"lazy\""),
                "{page}"
            );
            for piece in &kept {
                let is_public = piece.kind == "public-screenshot";
                assert_eq!(page.contains(&piece.sha256), is_public, "{}", piece.kind);
            }
        }
        // The second time from memory.
        for _ in 0..2 {
            let answer = desk.get(&address).await;
            assert_eq!(answer.status(), 200);
            assert_eq!(answer.headers()["content-type"], "image/png");
            assert_eq!(
                answer.headers()["cache-control"],
                "public, max-age=31536000, immutable"
            );
            assert!(image::load_from_memory(&answer.bytes().await.unwrap()).is_ok());
        }
        for file in [
            format!("{}.png", of(&kept, "screenshot")),
            format!("{}.png", of(&kept, "page")),
            of(&kept, "public-screenshot").to_owned(),
            "x.png".to_owned(),
        ] {
            let answer = desk.get(&format!("/evidence/{file}")).await;
            assert_eq!(answer.status(), 404, "{file}");
        }
    })
    .await;
}
