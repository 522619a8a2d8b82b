//! `siaga staff`: accounts of officers, supervisors and operators.

mod accounts;

use std::io::Read;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use serde_json::json;

pub use accounts::{Account, AccountError, Accounts, Enrolled};

use super::table::{self, table};
use super::terminal::{eprintln, print, println};
use crate::config::Config;
use crate::domain::Moment;
use crate::domain::case::Role;
use crate::store::staff;
use crate::system::{SystemClock, SystemRandom};
use crate::web::passwords;

/// List, add and change accounts of staff; also while the service runs.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The configuration.
    #[arg(long, global = true, default_value = "siaga.toml", value_name = "FILE")]
    config: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    List(List),
    Add(Add),
    /// Disable an account; its sessions end at once.
    Disable(Named),
    /// Let a disabled account sign in again.
    Enable(Named),
    Password(Password),
    Role(RoleArgs),
}

/// List the accounts.
#[derive(Debug, clap::Args)]
struct List {
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Add an account, or with --replace give one another password, role and office.
#[derive(Debug, clap::Args)]
struct Add {
    /// The e-mail address that they sign in with.
    email: String,
    /// What they may do: officer (cases of one office), supervisor (of all), operator
    /// (the monitor, no cases).
    #[arg(long, value_parser = role)]
    role: Role,
    /// The office of an officer, by its code, such as ngurah-rai; `siaga offices` lists them.
    #[arg(long, value_name = "CODE")]
    office: Option<String>,
    /// Read the password from standard input; otherwise one is made and printed once.
    #[arg(long)]
    password_stdin: bool,
    /// Change an account that exists, and enable it; its sessions end.
    #[arg(long)]
    replace: bool,
}

#[derive(Debug, clap::Args)]
struct Named {
    /// The e-mail address of the account.
    email: String,
}

/// Give an account another password; its sessions end at once.
#[derive(Debug, clap::Args)]
struct Password {
    /// The e-mail address of the account.
    email: String,
    /// Read the password from standard input; otherwise one is made and printed once.
    #[arg(long)]
    password_stdin: bool,
}

/// Give an account another role; its sessions end at once.
#[derive(Debug, clap::Args)]
struct RoleArgs {
    /// The e-mail address of the account.
    email: String,
    /// officer, supervisor or operator.
    #[arg(value_parser = role)]
    role: Role,
    /// The office of an officer, by its code; `siaga offices` lists them.
    #[arg(long, value_name = "CODE")]
    office: Option<String>,
}

fn role(text: &str) -> Result<Role, String> {
    Role::parse(text).ok_or_else(|| "write officer, supervisor or operator".to_owned())
}

/// Does what the command line says. Exit 2 where what was given is wrong.
///
/// # Errors
/// When the database or standard input cannot be used.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let config = match super::open_config(&args.config) {
        Ok(config) => config,
        Err(exit) => return Ok(exit),
    };
    let store = super::open_store(&config).await?;
    let accounts = Accounts {
        store: store.clone(),
        clock: Arc::new(SystemClock),
        audit: super::audit_writer(&config, &store).await?,
        random: Arc::new(SystemRandom),
    };
    let done = obey(&accounts, args.command, &config).await;
    store.close().await;
    match done {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(error) => match error.downcast::<AccountError>() {
            Ok(AccountError::Store(error)) => Err(error.into()),
            Ok(AccountError::Hash(error)) => Err(error.into()),
            Ok(wrong) => {
                eprintln!("siaga: {wrong}");
                Ok(ExitCode::from(2))
            }
            Err(error) => Err(error),
        },
    }
}

async fn obey(accounts: &Accounts, command: Command, config: &Config) -> anyhow::Result<()> {
    match command {
        Command::List(args) => list(accounts, &config.site.zone, args.json).await?,
        Command::Add(add) => {
            let account = Account {
                password: typed(add.password_stdin)?,
                email: add.email,
                role: add.role,
                office: add.office,
                replace: add.replace,
            };
            let enrolled = accounts.enrol(account).await?;
            println!(
                "{} can sign in at {}/office/",
                enrolled.email, config.server.public_url
            );
            print_password(&enrolled);
        }
        Command::Disable(Named { email }) => {
            let before = accounts.disable(&email).await?;
            let email = before.member.email;
            match before.disabled_at {
                Some(_) => println!("{email} is disabled already; nothing was changed"),
                None => println!("{email} is disabled, and its sessions have ended"),
            }
        }
        Command::Enable(Named { email }) => {
            let before = accounts.enable(&email).await?;
            let email = before.member.email;
            match before.disabled_at {
                Some(_) => println!("{email} can sign in again, with the password that it had"),
                None => println!("{email} is not disabled; nothing was changed"),
            }
        }
        Command::Password(args) => {
            let password = typed(args.password_stdin)?;
            let enrolled = accounts.set_password(&args.email, password).await?;
            println!(
                "{} has another password, and its sessions have ended",
                enrolled.email
            );
            print_password(&enrolled);
        }
        Command::Role(args) => {
            let office = args.office.clone();
            let before = accounts.set_role(&args.email, args.role, office).await?;
            let at = args
                .office
                .map_or(String::new(), |code| format!(" at {code}"));
            println!(
                "{} is {}{at} now, and its sessions have ended",
                before.member.email,
                args.role.as_str()
            );
        }
    }
    Ok(())
}

fn print_password(enrolled: &Enrolled) {
    if let Some(password) = &enrolled.password {
        println!("Password (shown this once): {password}");
    }
    if enrolled.is_disabled {
        let email = &enrolled.email;
        println!("The account is still disabled: `siaga staff enable {email}` lets it sign in");
    }
}

/// The password from standard input, where it is to come from there.
fn typed(from_stdin: bool) -> anyhow::Result<Option<String>> {
    if !from_stdin {
        return Ok(None);
    }
    let mut typed = String::new();
    let most = u64::try_from(passwords::LONGEST).unwrap_or(u64::MAX) + 2;
    std::io::stdin()
        .take(most)
        .read_to_string(&mut typed)
        .context("the password could not be read from standard input")?;
    Ok(Some(typed.trim_end_matches(['\r', '\n']).to_owned()))
}

async fn list(
    accounts: &Accounts,
    zone: &jiff::tz::TimeZone,
    as_json: bool,
) -> Result<(), AccountError> {
    let mut all: Vec<staff::Account> = Vec::new();
    accounts.list(|account| all.push(account)).await?;
    if as_json {
        let list: Vec<serde_json::Value> = all.iter().map(entry).collect();
        println!("{}", json!(list));
        return Ok(());
    }
    if all.is_empty() {
        println!("There is no account yet; `siaga staff add` makes one");
        return Ok(());
    }
    let time = |at: Moment| table::time(at, zone);
    let rows: Vec<[String; 5]> = all
        .into_iter()
        .map(|account| {
            let staff::Member {
                email,
                role,
                office,
                ..
            } = account.member;
            [
                email,
                role.as_str().to_owned(),
                office.unwrap_or_else(|| "-".to_owned()),
                account
                    .signed_in_at
                    .map_or_else(|| "never".to_owned(), time),
                account.disabled_at.map_or_else(
                    || "enabled".to_owned(),
                    |since| format!("disabled since {}", time(since)),
                ),
            ]
        })
        .collect();
    let headings = ["EMAIL", "ROLE", "OFFICE", "LAST SIGN-IN", "STATE"];
    print!("{}", table(headings, &rows));
    Ok(())
}

fn entry(account: &staff::Account) -> serde_json::Value {
    let time = |at: Moment| at.to_string();
    json!({
        "email": account.member.email,
        "role": account.member.role.as_str(),
        "office": account.member.office,
        "added_at": time(account.created_at),
        "last_sign_in_at": account.signed_in_at.map(time),
        "disabled_at": account.disabled_at.map(time),
    })
}
