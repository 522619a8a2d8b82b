//! The pages and the API: serving, texts, looks, public pages. Acts through the store and
//! must not know the probes or the notifications.

pub mod api;
pub mod archive;
pub mod client;
mod cookies;
pub mod desk;
pub mod devices;
mod drain;
pub mod duty;
pub mod errors;
pub mod evidence;
pub mod fair_share;
pub mod format;
pub mod lang;
pub mod layout;
pub mod new_files;
pub mod office;
pub mod operations;
pub mod page_cache;
pub mod passwords;
pub mod problem;
pub mod public;
pub mod publish;
pub mod reading;
pub mod render;
pub mod reports;
pub mod screenshots;
pub mod security;
pub mod serve;
pub mod sessions;
pub mod site;
mod slow_body;
pub mod snapshot;
pub mod texts;
pub mod throttle;

pub use lang::Lang;
pub use page_cache::{Kind, Page, PageCache, Pages};
pub use serve::{Limits, Server};
pub use site::Site;
pub use snapshot::Snapshot;
