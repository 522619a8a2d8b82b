//! The store, on both databases.

use crate::harness::each_store;
use siaga::store;

#[tokio::test]
async fn every_statement_prepares_on_both_engines() {
    each_store(|db| async move {
        let statements = store::statements();
        assert!(statements.len() > 60, "the list is complete");
        for (name, sql) in statements {
            if let Err(error) = db.store.prepare(sql).await {
                panic!("{name} does not prepare on {}: {error}\n{sql}", db.name);
            }
        }
        db.store.ping().await.expect("it answers");
    })
    .await;
}
