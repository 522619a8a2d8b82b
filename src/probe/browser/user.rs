//! The user that browsers run as where we are root, who can have no sandbox and read every file.
//!
//! Owns which user that is, and how users are written. Must not know what browsers do.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// A number that neither Debian nor systemd gives to anybody, so that no other program has files
/// or processes of this user.
const OF_NOBODY_ELSE: u32 = 65_533;

/// A user and its group, by their numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct User {
    /// The user's number.
    pub uid: u32,
    /// Its group's.
    pub gid: u32,
}

/// A text that names no user of this machine.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this machine has no user `{0}`")]
pub struct NoUser(String);

impl User {
    /// The user that browsers run as where none is named: one of their own if we are root; else
    /// nobody else is ours to become.
    pub fn of_browsers() -> Option<User> {
        let user = User {
            uid: OF_NOBODY_ELSE,
            gid: OF_NOBODY_ELSE,
        };
        rustix::process::geteuid().is_root().then_some(user)
    }

    /// Whether we may start programs as this user, as far as anyone can tell beforehand.
    pub fn can_be_had(&self) -> bool {
        rustix::process::geteuid().is_root()
    }

    /// This user, unless it is the one that we are.
    pub fn if_another(self) -> Option<User> {
        (self.uid != rustix::process::geteuid().as_raw()).then_some(self)
    }
}

/// A name in `/etc/passwd`; or a number, which need not stand there; or two, the group's behind
/// a colon.
impl FromStr for User {
    type Err = NoUser;

    fn from_str(text: &str) -> Result<Self, NoUser> {
        let (uid, gid) = text.split_once(':').unwrap_or((text, text));
        if let (Ok(uid), Ok(gid)) = (uid.parse(), gid.parse()) {
            return Ok(User { uid, gid });
        }
        let users = std::fs::read_to_string("/etc/passwd").unwrap_or_default();
        // name:password:uid:gid:…
        let named = users.lines().find_map(|line| {
            let mut fields = line.split(':');
            (fields.next() == Some(text)).then_some(())?;
            let uid = fields.nth(1)?.parse().ok()?;
            let gid = fields.next()?.parse().ok()?;
            Some(User { uid, gid })
        });
        named.ok_or_else(|| NoUser(text.to_owned()))
    }
}

impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.uid, self.gid)
    }
}

/// The folder of browsers that have none in a data folder, or run as a user who cannot reach it.
pub fn shared_folder() -> PathBuf {
    let us = rustix::process::geteuid().as_raw();
    std::env::temp_dir().join(format!("siaga-browsers-{us}"))
}

/// What to do where a browser cannot have its sandbox.
pub(super) fn about_sandbox(user: Option<User>) -> &'static str {
    if user.is_none() && rustix::process::geteuid().is_root() {
        "root can have none; leave `user` out of `[browser]`, or run Siaga as another user"
    } else {
        "allow user namespaces, which many containers forbid; or write `sandbox = false` in \
         `[browser]`, and a page that breaks out of its renderer can do what the browser's user can"
    }
}
