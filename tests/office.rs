//! The office: who gets in, who sees what, and how a case moves on.

mod accounts;
mod cases;
mod doors;
mod passwords;
pub(crate) mod staff;
mod unreadable;
