//! How the process lives and ends: the first signal drains, the second aborts, and a task
//! that crashes fails the whole with its cause.

use std::future::pending;
use std::time::Duration;

use siaga::app::life::Life;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::harness::eventually;
use crate::harness::processes::{HOME, SOON, Setup, Siaga, Site, picture, report_body};

#[tokio::test]
async fn a_task_that_crashes_fails_the_whole_with_its_cause() {
    async fn end_of(task: impl Future<Output = anyhow::Result<()>> + Send + 'static) -> String {
        let mut life = Life::default();
        let mut stop = life.stop();
        life.spawn("bystander", async move {
            let _ = stop.wait_for(|stop| *stop).await;
            Ok(())
        });
        life.spawn("culprit", task);
        let end = life.run(pending(), pending()).await;
        format!("{:#}", end.expect_err("it failed"))
    }
    let error = end_of(async { anyhow::bail!("the dog ate it") }).await;
    assert_eq!(error, "the task `culprit` failed: the dog ate it");
    let error = end_of(async { panic!("ouch") }).await;
    assert!(error.contains("ouch"), "{error}");
    let error = end_of(async { Ok(()) }).await;
    assert!(error.contains("`culprit` ended by itself"), "{error}");
}

/// A disk that fails in the middle: nobody can say what is on it, so the process ends.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_that_breaks_ends_the_process_with_its_cause_and_the_next_goes_on() {
    let site = Site::start().await;
    let setup = Setup::of(&site);
    let mut process = setup.spawn_on_broken_disk(1024);
    let status = process.end(SOON * 2).await;
    let log = process.log();
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains("siaga: the task `database` failed"), "{log}");
    assert!(log.contains("disk I/O error"), "{log}");
    let siaga = setup.run().await;
    siaga.until("website", "operational", SOON).await;
}

/// Begins to send a report; gives the connection when Siaga reads it, and the rest.
async fn half_a_report(siaga: &Siaga) -> (TcpStream, Vec<u8>) {
    let (kind, body) = report_body("E12345678", &picture());
    let address = siaga.url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).await.expect("connected");
    let head = format!(
        "POST /api/v1/reports HTTP/1.1\r\nHost: {address}\r\nAccept: application/json\r\n\
         Content-Type: {kind}\r\nContent-Length: {}\r\nExpect: 100-continue\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.expect("sent");
    let (first, rest) = body.split_at(body.len() / 2);
    let mut said = [0; 25];
    stream.read_exact(&mut said).await.expect("an answer");
    assert_eq!(&said, b"HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(first).await.expect("sent");
    (stream, rest.to_vec())
}

async fn until_stopping(siaga: &Siaga) {
    eventually("it says that it stops", SOON, || async {
        siaga
            .process
            .log()
            .contains("Stopping: what is under way is finished")
    })
    .await;
    let address = siaga.url.trim_start_matches("http://").to_owned();
    eventually("nobody new is let in", SOON, || async {
        TcpStream::connect(&address).await.is_err()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_first_signal_lets_what_is_under_way_finish() {
    let site = Site::start().await;
    let setup = Setup::of(&site).flows(&[HOME]);
    let mut siaga = setup.run().await;
    let (mut stream, rest) = half_a_report(&siaga).await;
    siaga.process.signal("TERM");
    until_stopping(&siaga).await;
    stream.write_all(&rest).await.expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("an answer");
    assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    let (_, body) = answer.split_once("\r\n\r\n").expect("a body");
    let body: serde_json::Value = serde_json::from_str(body).expect("JSON");
    let status = siaga.process.end(SOON).await;
    assert!(status.success(), "{}", siaga.process.log());

    let siaga = setup.run().await;
    let receipt = body["receipt_url"].as_str().expect("an address");
    let receipt = siaga.page(receipt.trim_start_matches(&siaga.url)).await;
    assert!(receipt.contains(body["reference"].as_str().expect("a reference")));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_second_signal_aborts() {
    let site = Site::start().await;
    let setup = Setup::of(&site).flows(&[HOME]);
    let mut siaga = setup.run().await;
    let (stream, _) = half_a_report(&siaga).await;
    siaga.process.signal("INT");
    until_stopping(&siaga).await;
    assert!(siaga.process.ended().is_none(), "it waits for the report");
    siaga.process.signal("TERM");
    let status = siaga.process.end(Duration::from_secs(5)).await;
    let log = siaga.process.log();
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains("aborted by a second signal"), "{log}");
    drop(stream);
}
