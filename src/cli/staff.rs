//! `siaga staff`: accounts of officers, supervisors and operators.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "what this command prints is its product"
)]

use std::io::Read;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;

use crate::config::{Config, Environment};
use crate::domain::case::Role;
use crate::domain::{Clock, Random, office, random, report};
use crate::store::staff::{self, Member};
use crate::store::{self, Store};
use crate::system::{SystemClock, SystemRandom};
use crate::web::passwords;
use crate::web::sessions::again_if_raced;

/// Add and change accounts of staff.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Add(Add),
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
    /// The office of an officer, by its code, such as ngurah-rai.
    #[arg(long, value_name = "CODE")]
    office: Option<String>,
    /// Read the password from standard input; otherwise one is made and printed once.
    #[arg(long)]
    password_stdin: bool,
    /// Change an account that exists; its sessions end.
    #[arg(long)]
    replace: bool,
    /// The configuration.
    #[arg(long, default_value = "siaga.toml", value_name = "FILE")]
    config: PathBuf,
}

fn role(text: &str) -> Result<Role, String> {
    Role::parse(text).ok_or_else(|| "write officer, supervisor or operator".to_owned())
}

/// Does what the command line says. Exit 2 where what was given is wrong.
///
/// # Errors
/// When the database or standard input cannot be used.
pub async fn run(args: Args) -> anyhow::Result<ExitCode> {
    let Command::Add(add) = args.command;
    let config = match Config::open(&add.config, &Environment::of_process()) {
        Ok(config) => config,
        Err(problems) => {
            for problem in &problems {
                eprintln!("{problem}");
            }
            return Ok(ExitCode::from(2));
        }
    };
    let password = if add.password_stdin {
        let mut typed = String::new();
        let most = u64::try_from(passwords::LONGEST).unwrap_or(u64::MAX) + 2;
        std::io::stdin()
            .take(most)
            .read_to_string(&mut typed)
            .context("the password could not be read from standard input")?;
        Some(typed.trim_end_matches(['\r', '\n']).to_owned())
    } else {
        None
    };
    let store = Store::open(config.data.database.reveal()).await?;
    let account = Account {
        email: add.email,
        role: add.role,
        office: add.office,
        password,
        replace: add.replace,
    };
    let enrolled = enrol(&store, &SystemClock, Arc::new(SystemRandom), account).await;
    store.close().await;
    match enrolled {
        Ok(enrolled) => {
            println!(
                "{} can sign in at {}/office/",
                enrolled.email, config.server.public_url
            );
            if let Some(password) = enrolled.password {
                println!("Password (shown this once): {password}");
            }
            Ok(ExitCode::SUCCESS)
        }
        Err(error @ (EnrolError::Store(_) | EnrolError::Hash(_))) => Err(error.into()),
        Err(error) => {
            eprintln!("siaga: {error}");
            Ok(ExitCode::from(2))
        }
    }
}

/// An account that shall be.
#[derive(Clone)]
pub struct Account {
    /// The address to sign in with, as typed.
    pub email: String,
    /// What they may do.
    pub role: Role,
    /// The code of an officer's office.
    pub office: Option<String>,
    /// The password; `None`: one is made.
    pub password: Option<String>,
    /// Whether an account that exists is changed.
    pub replace: bool,
}

/// An account that is.
#[derive(Clone)]
pub struct Enrolled {
    /// The address, normalised.
    pub email: String,
    /// The password, where it was made.
    pub password: Option<String>,
}

/// Why there is no such account now.
#[derive(Debug, thiserror::Error)]
pub enum EnrolError {
    /// The address is none.
    #[error("`{0}` is not an e-mail address")]
    NotAnEmail(String),
    /// An officer without an office.
    #[error("an officer works at an office: say which with --office CODE, such as ngurah-rai")]
    NoOffice,
    /// Someone else with an office.
    #[error("only officers belong to one office: leave --office out")]
    OfficeForAll,
    /// No such office.
    #[error("there is no office `{0}`{1}")]
    UnknownOffice(String, String),
    /// The password is too short or too long.
    #[error("a password has at least 12 characters, and at most 1024 bytes")]
    Password,
    /// There is such an account.
    #[error(
        "there is an account {0} already: to give it this password, role and office, say --replace"
    )]
    Exists(String),
    /// There is no account to replace.
    #[error("there is no account {0}: to add it, leave --replace out")]
    Missing(String),
    /// The database.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The password could not be hashed.
    #[error(transparent)]
    Hash(#[from] passwords::HashError),
}

/// Adds or changes an account.
pub async fn enrol(
    store: &Store,
    clock: &dyn Clock,
    random: Arc<dyn Random>,
    account: Account,
) -> Result<Enrolled, EnrolError> {
    let email = report::email(&account.email)
        .ok_or_else(|| EnrolError::NotAnEmail(account.email.clone()))?;
    match (account.role, account.office.as_deref()) {
        (Role::Officer, None) => return Err(EnrolError::NoOffice),
        (Role::Officer, Some(code)) if office::by_code(code).is_none() => {
            return Err(EnrolError::UnknownOffice(code.to_owned(), nearest(code)));
        }
        (Role::Supervisor | Role::Operator, Some(_)) => return Err(EnrolError::OfficeForAll),
        _ => {}
    }
    let made = account.password.is_none();
    let password = account
        .password
        .unwrap_or_else(|| passwords::generate(&*random));
    if password.chars().count() < passwords::SHORTEST || password.len() > passwords::LONGEST {
        return Err(EnrolError::Password);
    }
    let now = clock.now();
    let member = Member {
        id: random::id(now, &*random),
        email: email.clone(),
        password_hash: passwords::hash(&password, &*random)?,
        role: account.role,
        office: account.office,
    };
    let replace = account.replace;
    let written = again_if_raced(|| {
        let member = member.clone();
        store.write(move |mut conn| {
            Box::pin(async move {
                let before = staff::by_email(&mut conn, &member.email).await?;
                if replace {
                    let changed = staff::replace(&mut conn, &member).await?;
                    if let Some(before) = &before {
                        let action = "account changed from the command line";
                        staff::note(&mut conn, &before.id, action, None, now).await?;
                    }
                    return Ok(changed);
                }
                staff::add(&mut conn, &member, now).await?;
                let action = "account added from the command line";
                staff::note(&mut conn, &member.id, action, None, now).await?;
                Ok(true)
            })
        })
    })
    .await;
    match written {
        Ok(true) => Ok(Enrolled {
            email,
            password: made.then_some(password),
        }),
        Ok(false) => Err(EnrolError::Missing(email)),
        Err(error) if error.is_duplicate() => Err(EnrolError::Exists(email)),
        Err(error) => Err(error.into()),
    }
}

/// The offices whose codes are most like what was typed.
fn nearest(code: &str) -> String {
    let mut alike: Vec<(f64, &str)> = office::all()
        .iter()
        .map(|office| (strsim::jaro_winkler(code, &office.code), &*office.code))
        .filter(|(alike, _)| *alike > 0.75)
        .collect();
    alike.sort_by(|a, b| b.0.total_cmp(&a.0));
    let names: Vec<&str> = alike.into_iter().take(3).map(|(_, code)| code).collect();
    if names.is_empty() {
        "; codes are like ngurah-rai or soekarno-hatta".to_owned()
    } else {
        format!("; did you mean {}?", names.join(" or "))
    }
}
