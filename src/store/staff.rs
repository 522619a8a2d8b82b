//! Staff and their sessions.

use std::time::Duration;

use sqlx::FromRow;

use super::conn::{statements, values};
use super::{Conn, Error, devices};
use crate::domain::Moment;
use crate::domain::case::Role;

statements! {
    INSERT = "INSERT INTO staff (id, email, password_hash, role, office, created_at)
        VALUES ($1, $2, $3, $4, $5, $6)";
    BY_EMAIL = "SELECT id, email, password_hash, role, office FROM staff
        WHERE email = $1 AND disabled_at IS NULL";
    ACCOUNT = "SELECT id, email, password_hash, role, office, created_at, signed_in_at, disabled_at
        FROM staff WHERE email = $1";
    ACCOUNTS = "SELECT id, email, password_hash, role, office, created_at, signed_in_at, disabled_at
        FROM staff WHERE email > $1 ORDER BY email LIMIT $2";
    REPLACE = "UPDATE staff SET password_hash = $2, role = $3, office = $4, disabled_at = NULL
        WHERE email = $1";
    SET_DISABLED = "UPDATE staff SET disabled_at = $2 WHERE id = $1";
    SET_PASSWORD = "UPDATE staff SET password_hash = $2 WHERE id = $1";
    CHANGE_PASSWORD = "UPDATE staff SET password_hash = $3
        WHERE id = $1 AND password_hash = $2 AND disabled_at IS NULL";
    SET_ROLE = "UPDATE staff SET role = $2, office = $3 WHERE id = $1";
    SIGNED_IN = "UPDATE staff SET signed_in_at = $3
        WHERE id = $1 AND password_hash = $2 AND disabled_at IS NULL";
    OPEN_SESSION = "INSERT INTO sessions (token_hash, staff_id, csrf, created_at, seen_at, expires_at)
        VALUES ($1, $2, $3, $4, $4, $5)";
    SESSION = "SELECT t.csrf, t.seen_at, t.expires_at, s.id, s.email, s.password_hash, s.role, s.office
        FROM sessions t JOIN staff s ON s.id = t.staff_id
        WHERE t.token_hash = $1 AND s.disabled_at IS NULL";
    SEEN = "UPDATE sessions SET seen_at = $2 WHERE token_hash = $1";
    CLOSE_SESSION = "DELETE FROM sessions WHERE token_hash = $1";
    CLOSE_SESSIONS_OF = "DELETE FROM sessions WHERE staff_id = $1";
    CLOSE_EXPIRED = "DELETE FROM sessions WHERE expires_at <= $1 OR seen_at <= $2";
}

/// How long a session lasts without being used.
pub const IDLE: Duration = Duration::from_secs(30 * 60);

/// A member of staff.
#[derive(Clone)]
pub struct Member {
    /// UUIDv7.
    pub id: String,
    /// Lower-case.
    pub email: String,
    /// argon2id, in PHC form.
    pub password_hash: String,
    /// What they may do.
    pub role: Role,
    /// The office that they work at; `None` for all.
    pub office: Option<String>,
}

#[derive(FromRow)]
struct MemberRow {
    id: String,
    email: String,
    password_hash: String,
    role: String,
    office: Option<String>,
}

fn member(row: MemberRow) -> Result<Member, Error> {
    let role =
        Role::parse(&row.role).ok_or_else(|| Error::Unreadable(format!("role `{}`", row.role)))?;
    Ok(Member {
        id: row.id,
        email: row.email,
        password_hash: row.password_hash,
        role,
        office: row.office,
    })
}

/// Adds a member of staff. A duplicate address gives an error for which
/// [`Error::is_duplicate`] holds.
pub async fn add(conn: &mut Conn<'_>, new: &Member, now: Moment) -> Result<(), Error> {
    conn.execute(
        INSERT,
        values![
            &new.id,
            &new.email,
            &new.password_hash,
            new.role.as_str(),
            new.office.clone(),
            now
        ],
    )
    .await?;
    Ok(())
}

/// An account as those who run the service see it.
#[derive(Clone)]
pub struct Account {
    /// Whose it is.
    pub member: Member,
    /// When it was added.
    pub created_at: Moment,
    /// When somebody last signed in to it; `None`: never.
    pub signed_in_at: Option<Moment>,
    /// Since when it is disabled.
    pub disabled_at: Option<Moment>,
}

#[derive(FromRow)]
struct AccountRow {
    #[sqlx(flatten)]
    member: MemberRow,
    created_at: i64,
    signed_in_at: Option<i64>,
    disabled_at: Option<i64>,
}

impl TryFrom<AccountRow> for Account {
    type Error = Error;
    fn try_from(row: AccountRow) -> Result<Account, Error> {
        Ok(Account {
            member: member(row.member)?,
            created_at: Moment(row.created_at),
            signed_in_at: row.signed_in_at.map(Moment),
            disabled_at: row.disabled_at.map(Moment),
        })
    }
}

/// The account with this address, disabled or not.
pub async fn account(conn: &mut Conn<'_>, email: &str) -> Result<Option<Account>, Error> {
    let row: Option<AccountRow> = conn.optional(ACCOUNT, values![email]).await?;
    row.map(Account::try_from).transpose()
}

/// Accounts by address, at most `limit` of those behind the address `after`.
pub async fn accounts(conn: &mut Conn<'_>, after: &str, limit: i64) -> Result<Vec<Account>, Error> {
    let rows: Vec<AccountRow> = conn.all(ACCOUNTS, values![after, limit]).await?;
    rows.into_iter().map(Account::try_from).collect()
}

/// Gives a member of staff another password, role and office, enables the account, ends its
/// sessions and makes its browsers unknown. `false` where there is no such member.
pub async fn replace(conn: &mut Conn<'_>, changed: &Member) -> Result<bool, Error> {
    let touched = conn
        .execute(
            REPLACE,
            values![
                &changed.email,
                &changed.password_hash,
                changed.role.as_str(),
                changed.office.clone()
            ],
        )
        .await?;
    if let Some(account) = account(conn, &changed.email).await? {
        lock_out(conn, &account.member.id).await?;
    }
    Ok(touched > 0)
}

/// Disables an account at once: its sessions end and its browsers are unknown.
pub async fn disable(conn: &mut Conn<'_>, staff: &str, now: Moment) -> Result<(), Error> {
    conn.execute(SET_DISABLED, values![staff, now]).await?;
    lock_out(conn, staff).await
}

/// Lets a disabled account sign in again.
pub async fn enable(conn: &mut Conn<'_>, staff: &str) -> Result<(), Error> {
    conn.execute(SET_DISABLED, values![staff, None::<Moment>])
        .await?;
    Ok(())
}

/// Gives an account another password, ends its sessions and makes its browsers unknown.
pub async fn set_password(conn: &mut Conn<'_>, staff: &str, hash: &str) -> Result<(), Error> {
    conn.execute(SET_PASSWORD, values![staff, hash]).await?;
    lock_out(conn, staff).await
}

/// The same for an account whose password still has the hash `before`; `false`, and nothing is
/// changed, where it has another meanwhile or is disabled.
pub async fn change_password(
    conn: &mut Conn<'_>,
    staff: &str,
    before: &str,
    hash: &str,
) -> Result<bool, Error> {
    let touched = conn
        .execute(CHANGE_PASSWORD, values![staff, before, hash])
        .await?;
    if touched == 0 {
        return Ok(false);
    }
    lock_out(conn, staff).await?;
    Ok(true)
}

/// Gives an account another role and office, and ends its sessions.
pub async fn set_role(
    conn: &mut Conn<'_>,
    staff: &str,
    role: Role,
    office: Option<String>,
) -> Result<(), Error> {
    conn.execute(SET_ROLE, values![staff, role.as_str(), office])
        .await?;
    conn.execute(CLOSE_SESSIONS_OF, values![staff]).await?;
    Ok(())
}

/// Ends every session of an account and makes its browsers unknown. It comes after what was
/// changed of the account in the same transaction, whose lock holds back those who sign in.
async fn lock_out(conn: &mut Conn<'_>, staff: &str) -> Result<(), Error> {
    conn.execute(CLOSE_SESSIONS_OF, values![staff]).await?;
    devices::forget_all_of(conn, staff).await
}

/// Notes that a member of staff signed in with the password of this hash. `false` where the
/// password was changed or the account disabled meanwhile: then no session may be opened. The
/// row is locked until the transaction ends, so that a change which comes later finds the
/// session and ends it.
pub async fn signed_in(
    conn: &mut Conn<'_>,
    staff: &str,
    password_hash: &str,
    now: Moment,
) -> Result<bool, Error> {
    let touched = conn
        .execute(SIGNED_IN, values![staff, password_hash, now])
        .await?;
    Ok(touched > 0)
}

/// The member of staff with this address.
pub async fn by_email(conn: &mut Conn<'_>, email: &str) -> Result<Option<Member>, Error> {
    let row: Option<MemberRow> = conn.optional(BY_EMAIL, values![email]).await?;
    row.map(member).transpose()
}

/// An open session.
#[derive(Clone)]
pub struct Session {
    /// Token that forms of this session carry.
    pub csrf: String,
    /// When it was last used.
    pub seen_at: Moment,
    /// Whose it is.
    pub member: Member,
}

#[derive(FromRow)]
struct SessionRow {
    csrf: String,
    seen_at: i64,
    expires_at: i64,
    #[sqlx(flatten)]
    member: MemberRow,
}

/// Opens a session; `token_hash` is the SHA-256 of the cookie's token.
pub async fn open_session(
    conn: &mut Conn<'_>,
    token_hash: Vec<u8>,
    staff: &str,
    csrf: &str,
    now: Moment,
    lasts: Duration,
) -> Result<(), Error> {
    conn.execute(
        OPEN_SESSION,
        values![token_hash, staff, csrf, now, now + lasts],
    )
    .await?;
    Ok(())
}

/// The session of a token, unless it has expired or lain idle.
pub async fn session(
    conn: &mut Conn<'_>,
    token_hash: Vec<u8>,
    now: Moment,
) -> Result<Option<Session>, Error> {
    let row: Option<SessionRow> = conn.optional(SESSION, values![token_hash]).await?;
    let Some(row) = row else { return Ok(None) };
    if now.0 >= row.expires_at || now.since(Moment(row.seen_at)) >= IDLE {
        return Ok(None);
    }
    Ok(Some(Session {
        csrf: row.csrf,
        seen_at: Moment(row.seen_at),
        member: member(row.member)?,
    }))
}

/// Notes that a session was used.
pub async fn seen(conn: &mut Conn<'_>, token_hash: Vec<u8>, now: Moment) -> Result<(), Error> {
    conn.execute(SEEN, values![token_hash, now]).await?;
    Ok(())
}

/// Ends a session.
pub async fn close_session(conn: &mut Conn<'_>, token_hash: Vec<u8>) -> Result<(), Error> {
    conn.execute(CLOSE_SESSION, values![token_hash]).await?;
    Ok(())
}

/// Removes sessions that have expired or lain idle.
pub async fn close_expired(conn: &mut Conn<'_>, now: Moment) -> Result<(), Error> {
    conn.execute(CLOSE_EXPIRED, values![now, now - IDLE])
        .await?;
    Ok(())
}
