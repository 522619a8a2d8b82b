//! What is done to accounts from the command line, while the service runs or not. Each change
//! is in the audit trail.

use std::sync::Arc;

use crate::domain::case::Role;
use crate::domain::{Clock, Random, office, random, report};
use crate::store::audit::{AuditWriter, Entry};
use crate::store::staff::{self, Member};
use crate::store::{self, Store};
use crate::web::passwords;
use crate::web::sessions::again_if_raced;

/// The accounts of a database.
pub struct Accounts {
    /// The database.
    pub store: Store,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
    /// What adds to the audit trail.
    pub audit: AuditWriter,
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

/// An account that was given a password.
#[derive(Clone)]
pub struct Enrolled {
    /// The address, normalised.
    pub email: String,
    /// The password, where it was made.
    pub password: Option<String>,
    /// Whether the account is disabled, so that the password does not help yet.
    pub is_disabled: bool,
}

/// Why an account is not as it should be now.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// The address is none.
    #[error("`{0}` is not an e-mail address")]
    NotAnEmail(String),
    /// An officer without an office.
    #[error(
        "an officer works at an office: say which with --office CODE, such as ngurah-rai; \
         `siaga offices` lists the codes"
    )]
    NoOffice,
    /// Someone else with an office.
    #[error("only officers belong to one office: leave --office out")]
    OfficeForAll,
    /// No such office.
    #[error("there is no office `{0}`{1}; `siaga offices` lists the codes")]
    UnknownOffice(String, String),
    /// The password is too short or too long.
    #[error("a password has at least 12 characters, and at most 1024 bytes")]
    Password,
    /// There is such an account.
    #[error(
        "there is an account {0} already: to give it this password, role and office, use --replace"
    )]
    Exists(String),
    /// There is no account to replace.
    #[error("there is no account {0}: to add it, leave --replace out")]
    NotReplaced(String),
    /// There is no such account.
    #[error("there is no account {0}; `siaga staff list` shows all")]
    Missing(String),
    /// The database.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// The password could not be hashed.
    #[error(transparent)]
    Hash(#[from] passwords::HashError),
}

/// Accounts that are read at a time.
const AT_ONCE: i64 = 500;

impl Accounts {
    /// Every account by its address, handed on one after the other.
    pub async fn list(&self, mut each: impl FnMut(staff::Account)) -> Result<(), AccountError> {
        let mut after = String::new();
        loop {
            let from = after.clone();
            let read = self.store.read(move |mut conn| {
                Box::pin(async move { staff::accounts(&mut conn, &from, AT_ONCE).await })
            });
            let accounts = read.await?;
            let Some(last) = accounts.last() else {
                return Ok(());
            };
            after.clone_from(&last.member.email);
            accounts.into_iter().for_each(&mut each);
        }
    }

    /// Adds an account, or changes one where that is asked for.
    pub async fn enrol(&self, account: Account) -> Result<Enrolled, AccountError> {
        let email = address(&account.email)?;
        check_office(account.role, account.office.as_deref())?;
        let (hash, made) = self.password(account.password)?;
        let now = self.clock.now();
        let member = Member {
            id: random::id(now, &*self.random),
            email: email.clone(),
            password_hash: hash,
            role: account.role,
            office: account.office,
        };
        let replace = account.replace;
        let written = again_if_raced(|| {
            let (member, audit) = (member.clone(), self.audit.clone());
            self.store.write(move |mut conn| {
                Box::pin(async move {
                    if replace {
                        let Some(before) = staff::account(&mut conn, &member.email).await? else {
                            return Ok(false);
                        };
                        staff::replace(&mut conn, &member).await?;
                        let id = &before.member.id;
                        let entry = entry(id, "account changed from the command line");
                        audit.note(&mut conn, &entry, now).await?;
                        return Ok(true);
                    }
                    staff::add(&mut conn, &member, now).await?;
                    let entry = entry(&member.id, "account added from the command line");
                    audit.note(&mut conn, &entry, now).await?;
                    Ok(true)
                })
            })
        })
        .await;
        match written {
            Ok(true) => Ok(Enrolled {
                email,
                password: made,
                is_disabled: false,
            }),
            Ok(false) => Err(AccountError::NotReplaced(email)),
            Err(error) if error.is_duplicate() => Err(AccountError::Exists(email)),
            Err(error) => Err(error.into()),
        }
    }

    /// Disables an account; whoever is signed in to it is so no longer. Gives it as it was.
    pub async fn disable(&self, email: &str) -> Result<staff::Account, AccountError> {
        self.change(email, Change::Disable).await
    }

    /// Lets a disabled account sign in again. Gives it as it was.
    pub async fn enable(&self, email: &str) -> Result<staff::Account, AccountError> {
        self.change(email, Change::Enable).await
    }

    /// Gives an account another password, or one that is made.
    pub async fn set_password(
        &self,
        email: &str,
        password: Option<String>,
    ) -> Result<Enrolled, AccountError> {
        let (hash, made) = self.password(password)?;
        let account = self.change(email, Change::Password(hash)).await?;
        Ok(Enrolled {
            email: account.member.email,
            password: made,
            is_disabled: account.disabled_at.is_some(),
        })
    }

    /// Gives an account another role and office. Gives it as it was.
    pub async fn set_role(
        &self,
        email: &str,
        role: Role,
        office: Option<String>,
    ) -> Result<staff::Account, AccountError> {
        check_office(role, office.as_deref())?;
        self.change(email, Change::Role(role, office)).await
    }

    async fn change(&self, email: &str, change: Change) -> Result<staff::Account, AccountError> {
        let email = address(email)?;
        let now = self.clock.now();
        let changed = again_if_raced(|| {
            let (email, change) = (email.clone(), change.clone());
            let audit = self.audit.clone();
            self.store.write(move |mut conn| {
                Box::pin(async move {
                    let Some(account) = staff::account(&mut conn, &email).await? else {
                        return Ok(None);
                    };
                    let id = &account.member.id;
                    let action = match change {
                        Change::Disable if account.disabled_at.is_some() => {
                            return Ok(Some(account));
                        }
                        Change::Disable => {
                            staff::disable(&mut conn, id, now).await?;
                            "account disabled from the command line".to_owned()
                        }
                        Change::Enable if account.disabled_at.is_none() => {
                            return Ok(Some(account));
                        }
                        Change::Enable => {
                            staff::enable(&mut conn, id).await?;
                            "account enabled from the command line".to_owned()
                        }
                        Change::Password(hash) => {
                            staff::set_password(&mut conn, id, &hash).await?;
                            "password set from the command line".to_owned()
                        }
                        Change::Role(role, office) => {
                            let at = office.as_deref().unwrap_or("all offices");
                            let action =
                                format!("role {} at {at} from the command line", role.as_str());
                            staff::set_role(&mut conn, id, role, office).await?;
                            action
                        }
                    };
                    audit.note(&mut conn, &entry(id, &action), now).await?;
                    Ok(Some(account))
                })
            })
        })
        .await?;
        changed.ok_or(AccountError::Missing(email))
    }

    /// The hash of a password, and the password where it is made here.
    fn password(&self, given: Option<String>) -> Result<(String, Option<String>), AccountError> {
        let (password, made) = match given {
            Some(password) => (password, None),
            None => {
                let made = passwords::generate(&*self.random);
                (made.clone(), Some(made))
            }
        };
        passwords::check_length(&password).map_err(|_| AccountError::Password)?;
        Ok((passwords::hash(&password, &*self.random)?, made))
    }
}

#[derive(Clone)]
enum Change {
    Disable,
    Enable,
    Password(String),
    Role(Role, Option<String>),
}

fn entry(staff: &str, action: &str) -> Entry {
    Entry {
        staff: staff.to_owned(),
        action: action.to_owned(),
        ..Entry::default()
    }
}

fn address(typed: &str) -> Result<String, AccountError> {
    report::email(typed).ok_or_else(|| AccountError::NotAnEmail(typed.to_owned()))
}

fn check_office(role: Role, office: Option<&str>) -> Result<(), AccountError> {
    match (role, office) {
        (Role::Officer, None) => Err(AccountError::NoOffice),
        (Role::Officer, Some(code)) if office::by_code(code).is_none() => {
            Err(AccountError::UnknownOffice(code.to_owned(), nearest(code)))
        }
        (Role::Supervisor | Role::Operator, Some(_)) => Err(AccountError::OfficeForAll),
        _ => Ok(()),
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
    match names.is_empty() {
        true => String::new(),
        false => format!("; did you mean {}?", names.join(" or ")),
    }
}
