//! The form as a browser without JavaScript meets it.

use super::desk::{fields, fields_with, file, form, png, start};
use crate::harness::on_sqlite;

#[tokio::test]
async fn a_report_by_form_leads_to_its_receipt() {
    on_sqlite(|database| async move {
        let desk = start(&database.store).await;
        let page = desk.get("/id/report?component=upload").await;
        assert_eq!(page.status(), 200);
        let page = page.text().await.unwrap();
        assert!(page.contains("Kirim laporan"));
        assert!(page.contains("value=\"upload\" checked"));
        assert!(page.contains("action=\"/id/report\""));
        let key = page
            .split_once("name=\"form_key\" value=\"")
            .and_then(|(_, rest)| rest.split_once('"'))
            .unwrap()
            .0
            .to_owned();
        let mut fields = fields();
        fields.push(("form_key", key));
        let send = || {
            let empty = file("", Vec::new());
            desk.client
                .post(format!("{}/id/report", desk.url))
                .multipart(form(&fields).part("screenshot", empty))
                .send()
        };
        // A double click.
        let (first, second) = tokio::join!(send(), send());
        let (first, second) = (first.unwrap(), second.unwrap());
        assert_eq!(
            (first.status(), second.status()),
            (303.try_into().unwrap(), 303.try_into().unwrap())
        );
        let location = first.headers()["location"].to_str().unwrap();
        assert_eq!(location, second.headers()["location"]);
        assert!(location.starts_with("/id/receipts/"), "{location}");
        assert_eq!(desk.count().await, 1);
        let receipt = desk.get(location).await.text().await.unwrap();
        assert!(receipt.contains("Laporan Anda tersimpan"));
        assert!(receipt.contains("key="));
        let again = desk.get(location.trim_end_matches("&sent=1")).await;
        assert!(
            !again
                .text()
                .await
                .unwrap()
                .contains("Laporan Anda tersimpan")
        );
    })
    .await;
}

#[tokio::test]
async fn mistakes_stand_at_their_fields_and_nothing_typed_is_lost() {
    on_sqlite(|database| async move {
        let desk = start(&database.store).await;
        let mut fields = fields_with("passport_number", "");
        fields.retain(|(name, _)| *name != "consent");
        fields.retain(|(name, _)| *name != "name");
        fields.push(("name", "<b>\"O'Neil\" & Søn</b>".to_owned()));
        let form = form(&fields).part("screenshot", file("a.png", png(5, 5)));
        let page = desk
            .client
            .post(format!("{}/en/report", desk.url))
            .multipart(form)
            .send()
            .await
            .unwrap();
        assert_eq!(page.status(), 422);
        let page = page.text().await.unwrap();
        assert!(page.contains("<title>Not sent yet"));
        assert!(page.contains("href=\"#passport_number\""));
        assert!(page.contains("id=\"passport_number-wrong\""));
        assert!(page.contains("aria-describedby=\"passport_number-wrong\""));
        assert!(page.contains("href=\"#consent\""));
        assert!(!page.contains("<b>"), "escaped");
        assert!(page.contains("O&#39;Neil") || page.contains("O&#x27;Neil"));
        assert!(page.contains("500 • KENDALA SERVER"));
        assert!(page.contains("value=\"ngurah-rai\" selected"));
        assert!(page.contains("value=\"connection\" checked"));
        assert!(page.contains("choose your screenshots again"));
        assert_eq!(desk.files().len(), 0);
    })
    .await;
}

#[tokio::test]
async fn a_page_is_the_answer_where_a_page_is_asked_for() {
    on_sqlite(|database| async move {
        let desk = start(&database.store).await;
        let answer = desk
            .client
            .post(format!("{}/api/v1/reports", desk.url))
            .header("accept", "text/html,application/xhtml+xml,*/*;q=0.8")
            .header("accept-language", "id")
            .multipart(form(&fields()))
            .send()
            .await
            .unwrap();
        assert_eq!(answer.status(), 303);
        let location = answer.headers()["location"].to_str().unwrap();
        assert!(location.starts_with("/id/receipts/"));
    })
    .await;
}
