//! The office: who gets in, who sees what, and how a case moves on.

mod cases;
mod doors;
pub(crate) mod staff;
