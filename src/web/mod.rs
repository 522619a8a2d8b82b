//! The pages and the API: serving, texts, looks, public pages. Acts through the store and
//! must not know the probes or the notifications.

pub mod client;
pub mod errors;
pub mod format;
pub mod lang;
pub mod layout;
pub mod page_cache;
pub mod problem;
pub mod security;
pub mod serve;
pub mod site;
pub mod texts;

pub use lang::Lang;
pub use page_cache::{Kind, Page, PageCache, Pages};
pub use serve::{Limits, Server};
pub use site::Site;
