//! `siaga demo`: the rehearsal site and the whole of Siaga, to look at and to try.

use std::io::{IsTerminal, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;

use super::run::until_signals;
use super::terminal::{eprintln, println};
use crate::app::demo::{self, Settings};
use crate::app::life::{self, Life};
use crate::rehearsal;
use crate::system::{SystemClock, SystemRandom};
use crate::telemetry::{self, Format};

/// Start the rehearsal site and the whole of Siaga beside it; outages come by themselves.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where Siaga serves.
    #[arg(long, default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// Where the rehearsal site serves; its faults and mails are on the port after it.
    #[arg(long, default_value = "127.0.0.1:8090", value_parser = with_a_port_after_it)]
    pub site: SocketAddr,
    /// The folder of flows.
    #[arg(long, default_value = "probes", value_name = "DIR")]
    pub probes: PathBuf,
    /// Keep the demonstration's data here; without it, it is gone when the demonstration ends.
    #[arg(long, value_name = "DIR")]
    pub data: Option<PathBuf>,
}

fn with_a_port_after_it(text: &str) -> Result<SocketAddr, String> {
    let site: SocketAddr = text
        .parse()
        .map_err(|_| "write an address and a port, such as 127.0.0.1:8090".to_owned())?;
    match site.port() {
        0 | u16::MAX => Err("write a port from 1 to 65534".to_owned()),
        _ => Ok(site),
    }
}

/// Runs until a signal comes.
///
/// # Errors
/// When an address is taken, the flows have mistakes, or a task crashes.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    telemetry::init(Format::Human)?;
    let temporary = tempfile::Builder::new()
        .prefix("siaga-demo-")
        .tempdir()
        .context("no temporary folder")?;
    let rehearsal = rehearsal::Settings {
        listen: args.site,
        control_listen: Some(SocketAddr::new(args.site.ip(), args.site.port() + 1)),
        // Only we ourselves speak with the post office: any port will do.
        smtp_listen: (Ipv4Addr::LOCALHOST, 0).into(),
        imap_listen: (Ipv4Addr::LOCALHOST, 0).into(),
        script: demo::script(),
        ..rehearsal::Settings::default()
    };
    let account = rehearsal.account.clone();
    let settings = Settings {
        listen: args.listen,
        rehearsal,
        probes: args.probes,
        data: args.data.unwrap_or_else(|| temporary.path().to_owned()),
    };
    let signals = [life::signals()?, life::signals()?];
    let mut life = Life::default();
    let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandom));
    let demo = Box::pin(demo::start(settings, &mut life, clock, random, progress)).await?;
    eprintln!("");
    println!("{}", summary(&demo, &account));
    let mut rehearsal = demo.rehearsal;
    let mut stop = life.stop();
    life.spawn("rehearsal site", async move {
        tokio::select! {
            failed = rehearsal.failed() => return Err(failed.into()),
            _ = stop.wait_for(|stop| *stop) => {}
        }
        rehearsal.stop().await;
        Ok(())
    });
    let result = until_signals(life, signals).await;
    demo.store.close().await;
    result.map(|()| ExitCode::SUCCESS)
}

/// One line that is written over on a terminal; elsewhere a line a stage.
fn progress(what: &str, done: Option<f64>) {
    let mut err = std::io::stderr().lock();
    let percent = done.map_or(String::new(), |done| format!(" {:3.0} %", done * 100.0));
    let _ = if err.is_terminal() {
        write!(err, "\r\x1b[K{what} …{percent}")
    } else if done.is_none_or(|done| done >= 1.0) {
        writeln!(err, "{what} …{percent}")
    } else {
        Ok(())
    };
    let _ = err.flush();
}

fn summary(demo: &demo::Demo, (email, password): &(String, String)) -> String {
    let siaga = demo.siaga;
    let (staff, staff_password) = &demo.staff;
    let site = demo.rehearsal.site();
    let control = demo.rehearsal.control().unwrap_or(site);
    let engines = match demo.has_browser {
        true => "Flows run over HTTP, and more rarely in a real browser.",
        false => "Without a browser: HTTP flows only. Install chromium-driver for the others.",
    };
    format!(
        "\
Siaga is up. This is a rehearsal: the watched site is a mock, and its past is simulated.

  Status page     http://{siaga}/            (English: http://{siaga}/en/)
  Offices         http://{siaga}/office/     sign in: {staff}  {staff_password}
  Watched site    http://{site}/            sign in: {email}  {password}
  Its faults      http://{control}/_rehearsal/
  All mails       http://{control}/_rehearsal/mailbox

What happens: after a minute signing in to the watched site fails, for 75 seconds. At minute
four it refuses uploads, for two and a half minutes. Watch the status page.
{engines}

Ctrl-C ends it."
    )
}
