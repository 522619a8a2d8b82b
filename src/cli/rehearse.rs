//! `siaga rehearse`: the rehearsal site alone, until a signal comes.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};

use super::terminal::{print, println};
use crate::rehearsal::{self, Rehearsal, Settings};
use crate::system::{SystemClock, SystemRandom};

/// Start the rehearsal site: a mock stay-permit site with a post office and switchable faults.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Where the site listens.
    #[arg(long, default_value = "127.0.0.1:8090")]
    pub listen: SocketAddr,
    /// Where the control server listens, which no fault touches.
    #[arg(long, default_value = "127.0.0.1:8091")]
    pub control: SocketAddr,
    /// Where the post office takes mail by SMTP.
    #[arg(long, default_value = "127.0.0.1:8025")]
    pub smtp: SocketAddr,
    /// Where the post office hands mail out by IMAP.
    #[arg(long, default_value = "127.0.0.1:8143")]
    pub imap: SocketAddr,
    /// Seconds from handing in an application to an officer's verification.
    #[arg(long, default_value_t = 3)]
    pub verify_after: u64,
    /// Hand the site's notices to this SMTP server instead of its own post office.
    #[arg(long)]
    pub smtp_server: Option<SocketAddr>,
}

/// Runs until the first signal, then ends in order; a second signal ends at once.
///
/// # Errors
/// When an address cannot be listened on, or a part of the rehearsal breaks down.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let settings = Settings {
        listen: args.listen,
        control_listen: Some(args.control),
        smtp_listen: args.smtp,
        imap_listen: args.imap,
        verify_after: Duration::from_secs(args.verify_after),
        smtp_server: args.smtp_server,
        ..Settings::default()
    };
    let account = settings.account.clone();
    let mut interrupt = signal(SignalKind::interrupt()).context("listening for SIGINT")?;
    let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
    let (clock, random) = (Arc::new(SystemClock), Arc::new(SystemRandom));
    let mut rehearsal = rehearsal::start(settings, clock, random).await?;
    print!("{}", summary(&rehearsal, &account));
    tokio::select! {
        failed = rehearsal.failed() => return Err(failed.into()),
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    println!("Stopping; once more ends at once.");
    tokio::select! {
        () = rehearsal.stop() => Ok(ExitCode::SUCCESS),
        _ = interrupt.recv() => Ok(ExitCode::FAILURE),
        _ = terminate.recv() => Ok(ExitCode::FAILURE),
    }
}

fn summary(rehearsal: &Rehearsal, account: &(String, String)) -> String {
    let (email, password) = account;
    let site = rehearsal.site();
    let control = rehearsal.control().unwrap_or(site);
    let (smtp, imap) = (rehearsal.smtp(), rehearsal.imap());
    let user = email.replace('@', "%40");
    format!(
        "\
The rehearsal site is up. It is a mock; nothing in it is real.

  Site       http://{site}/
  Sign in    {email}  {password}
  Faults     http://{control}/_rehearsal/
  Mailbox    http://{control}/_rehearsal/mailbox
  Mail       smtp://{smtp} in, imap://{imap} out (same account)

For flows:
  export PROBE_EMAIL='{email}' PROBE_PASSWORD='{password}'
  export SIAGA_MAILBOX='imap://{user}:{password}@{imap}'

Faults by curl (add \"path\", \"every\" or \"percent\" to limit one):
  curl -X PUT http://{control}/_rehearsal/faults -d '[{{\"kind\":\"error\",\"status\":500}}]'
  curl -X PUT http://{control}/_rehearsal/faults -d '[{{\"kind\":\"upload_refused\",\"above_bytes\":500000}}]'
  curl http://{control}/_rehearsal/faults
  curl -X DELETE http://{control}/_rehearsal/faults

Ctrl-C ends it.
"
    )
}
