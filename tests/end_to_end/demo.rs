//! The demonstration, as `make run` starts it: a past of ninety days, and an outage after a
//! minute that comes by itself.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::harness::processes::{Process, SOON, Setup, free_port};
use crate::harness::{eventually, folder};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_demonstration_shows_a_past_and_an_outage_that_comes_by_itself() {
    let folder = folder();
    let (listen, site) = (free_port(), free_port());
    let (listen, site) = (format!("127.0.0.1:{listen}"), format!("127.0.0.1:{site}"));
    let probes = format!("{}/probes", env!("CARGO_MANIFEST_DIR"));
    let arguments = [
        "demo", "--listen", &listen, "--site", &site, "--probes", &probes,
    ];
    let mut process = Process::siaga("demo", folder.path(), &arguments, &BTreeMap::new());
    eventually("it says where everything is", SOON * 3, || {
        assert!(process.ended().is_none(), "{}", process.log());
        let said = process.log().contains("Ctrl-C ends it");
        async move { said }
    })
    .await;
    let said = process.log();
    for address in [&listen, &site] {
        assert!(said.contains(&format!("http://{address}/")), "{said}");
    }
    let mut siaga = Setup::at(process, format!("http://{listen}"));
    // Not of the sign-in: on a slow machine its outage begins while the past is written.
    siaga.until("website", "operational", SOON).await;
    let log = siaga.process.log();
    assert!(!log.contains("ERROR"), "{log}");
    let page = siaga.page("/en/").await;
    assert!(
        page.contains("rehearsal"),
        "every page says what it is: {page}"
    );
    let past = siaga.json("/api/v1/outages").await;
    let past = past["outages"].as_array().expect("outages").len();
    assert!(past >= 5, "{past} outages in ninety days");

    // The staff account that was printed signs in.
    let line = said.lines().find(|line| line.contains("Offices"));
    let mut words = line.expect("a line").split_whitespace().rev();
    let (password, email) = (words.next().expect("it"), words.next().expect("it"));
    let answer = siaga
        .client
        .post(format!("{}/en/office/sign-in", siaga.url))
        .form(&[("email", email), ("password", password)])
        .send()
        .await
        .expect("an answer");
    assert_eq!(answer.status(), 303);

    siaga
        .until("sign-in", "outage", Duration::from_secs(100))
        .await;
    siaga.process.signal("INT");
    let status = siaga.process.end(SOON).await;
    assert!(status.success(), "{}", siaga.process.log());
}
