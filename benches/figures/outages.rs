//! Figure 5: from the first failing answer to the changed public page and to the webhook's
//! arrival. The real service in this process watches the rehearsal site once a second; a
//! fault is switched on, and off again once both have come, so many times.
//!
//! Counted from the start of the first failing run (`began_at` of the outage), which lies
//! a little before its answer, to the later of the two. The page is asked for every 5 ms.

use std::fs;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, ensure};
use axum::Json;
use axum::Router;
use axum::routing::post;
use serde_json::{Value, json};
use siaga::app::life::Life;
use siaga::app::service::Service;
use siaga::config::{Config, Environment};
use siaga::domain::{Clock as _, Moment};
use siaga::rehearsal::Fault;
use siaga::system::{SystemClock, SystemRandom};
use siaga::toml_reader::Source;
use tokio::sync::{mpsc, oneshot};

use crate::servers;
use crate::table::{Row, median, number};

const OUTAGES: usize = 16;
/// After a first failure, when to try again: the default of the configuration.
const RETRY_AFTER: Duration = Duration::from_secs(2);
/// Beyond the retry interval.
const WITHIN: Duration = Duration::from_secs(2);
/// What the page has while there is an open outage.
const OPEN: &str = "aria-labelledby=\"open\"";

pub(crate) async fn measure() -> anyhow::Result<Vec<Row>> {
    let folder = servers::folder()?;
    let rehearsal = servers::rehearsal().await?;
    let (hook, mut arrivals) = receiver().await?;
    let probes = folder.path().join("probes");
    fs::create_dir(&probes)?;
    fs::write(
        probes.join("home.toml"),
        servers::flow("home", "website", "1s"),
    )?;
    fs::copy("probes/error-pages.toml", probes.join("error-pages.toml"))?;
    fs::copy("probes/controls.toml", probes.join("controls.toml"))?;
    let control = rehearsal.control().context("no control server")?;
    let more = json!({
        "probe": { "retry_after": format!("{}s", RETRY_AFTER.as_secs()) },
        "control": { "urls": [format!("http://{control}/generate_204")] },
        "alert": { "webhook": [{ "name": "bench", "url": hook }] },
        // One outage a few seconds after the other would count as one that comes and goes.
        "detector": { "flap_window": 1000, "flap_failures": 900, "flap_turns": 900 },
    });
    let listen = servers::free_address()?;
    let text = servers::config(folder.path(), listen, rehearsal.site(), more)?;
    let nothing: [(&str, &str); 0] = [];
    let config = Config::read(
        &Source::new("bench", text),
        &Environment::from_iter(nothing),
    )
    .map_err(|problems| anyhow::anyhow!("{problems:?}"))?;
    let mut life = Life::default();
    let service = Service::open(config, 1.0, Arc::new(SystemClock), Arc::new(SystemRandom)).await?;
    let store = service.store.clone();
    let address = service.start(&mut life).await?;
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(life.run(
        async {
            let _ = stopped.await;
        },
        std::future::pending(),
    ));

    let client = servers::client()?;
    let page = format!("http://{address}/");
    let status = format!("http://{address}/api/v1/status");
    let patience = Duration::from_secs(30);
    servers::until(&client, &status, patience, |text| {
        text.contains("\"state\":\"operational\"")
    })
    .await?;
    let fault = Fault::from_json(json!({ "kind": "error", "status": 500, "path": "/" }))
        .map_err(anyhow::Error::msg)?;
    let (mut of_page, mut of_hook, mut of_both) = (Vec::new(), Vec::new(), Vec::new());
    for number in 1..=OUTAGES {
        rehearsal.faults().set(vec![fault.clone()]);
        let seen = async {
            servers::until(&client, &page, patience, |text| text.contains(OPEN)).await?;
            anyhow::Ok(SystemClock.now())
        };
        let told = arrival(&mut arrivals, "outage.opened", patience);
        let (seen, (told, document)) = tokio::try_join!(seen, told)?;
        rehearsal.faults().clear();
        let began: jiff::Timestamp = document["outage"]["began_at"]
            .as_str()
            .context("the webhook has no began_at")?
            .parse()?;
        let began = Moment::from(began);
        let seconds = |moment: Moment| moment.since(began).as_secs_f64();
        let (seen, told) = (seconds(seen), seconds(told));
        println!("outage {number}: page {seen:.2} s, webhook {told:.2} s");
        of_page.push(seen);
        of_hook.push(told);
        of_both.push(seen.max(told));
        arrival(&mut arrivals, "outage.closed", patience).await?;
        servers::until(&client, &page, patience, |text| !text.contains(OPEN)).await?;
    }
    let _ = stop.send(());
    running.await??;
    store.close().await;
    rehearsal.stop().await;
    ensure!(of_both.len() == OUTAGES, "outages are missing");
    let most = (WITHIN + RETRY_AFTER).as_secs_f64();
    let row = |figure: &str, values: &[f64]| Row {
        figure: figure.to_owned(),
        measured: format!("{} s", number(median(values))),
        reference: format!("{} s retry interval", RETRY_AFTER.as_secs()),
        ratio: None,
        target: format!("< {most} s"),
        met: Some(median(values) < most),
    };
    Ok(vec![
        row("first failure to page and webhook, median of 16", &of_both),
        row("  to the changed page", &of_page),
        row("  to the webhook's arrival", &of_hook),
    ])
}

/// What arrived, and when.
type Arrival = (Moment, Value);

/// A receiver of webhooks: its address, and what arrives.
async fn receiver() -> anyhow::Result<(String, mpsc::Receiver<Arrival>)> {
    let (tell, arrivals) = mpsc::channel(64);
    let take = move |Json(document): Json<Value>| async move {
        let _ = tell.try_send((SystemClock.now(), document));
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}/", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/", post(take))).await });
    Ok((url, arrivals))
}

/// The next of this kind; others are dropped.
async fn arrival(
    arrivals: &mut mpsc::Receiver<Arrival>,
    event: &str,
    within: Duration,
) -> anyhow::Result<Arrival> {
    let next = async {
        loop {
            let arrival = arrivals.recv().await.context("the receiver ended")?;
            if arrival.1["event"] == event {
                return Ok(arrival);
            }
        }
    };
    tokio::time::timeout(within, next)
        .await
        .with_context(|| format!("no {event} within {within:?}"))?
}
