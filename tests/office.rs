//! The office: who gets in, who sees what, and how a case moves on.

mod accounts;
mod cases;
mod doors;
mod flood;
mod passwords;
mod sign_ins;
pub(crate) mod staff;
pub(crate) mod trail;
pub(crate) mod unreadable;
