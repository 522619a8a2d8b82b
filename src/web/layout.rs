//! What every page shares: head, banners, navigation, language switch, footer. A page's
//! template extends `web/layout.html` and holds one of these as `layout`.

use std::sync::LazyLock;

use sha2::{Digest, Sha256};

use super::lang::Lang;
use super::site::Site;
use super::texts::Texts;

/// The one stylesheet.
pub const STYLE: &str = include_str!("style.css");

/// The icon of the browser's tab.
pub const FAVICON: &str = include_str!("favicon.svg");

/// The stylesheet's address: it changes with the content, so that browsers may keep it.
pub static STYLE_PATH: LazyLock<String> = LazyLock::new(|| {
    let hash = data_encoding::HEXLOWER.encode(&Sha256::digest(STYLE)[..6]);
    format!("/style.{hash}.css")
});

/// A link of the navigation.
#[derive(Clone, Debug)]
pub struct NavLink {
    /// Where it leads.
    pub href: String,
    /// What it says.
    pub text: String,
    /// Whether it is the page itself or the section that it belongs to.
    pub here: bool,
}

/// A link to the same page in another language.
#[derive(Clone, Debug)]
pub struct LanguageLink {
    /// The language.
    pub lang: Lang,
    /// The same page in it.
    pub href: String,
    /// Whether it is the page's own.
    pub here: bool,
}

/// What the layout template shows around a page.
#[derive(Clone, Debug)]
pub struct Layout<'a> {
    /// The watched site and ours.
    pub site: &'a Site,
    /// The page's language.
    pub lang: Lang,
    /// Its texts.
    pub t: Texts,
    /// The page's path without a language prefix; `None` where it has no address of its
    /// own (an error page), which then is not listed and offers no language switch.
    pub path: Option<String>,
    /// Whether search engines may list it.
    pub indexed: bool,
    /// The navigation; [`Layout::new`] fills in the public one, staff pages put theirs.
    pub navigation: Vec<NavLink>,
}

const NAVIGATION: [(&str, &str); 5] = [
    ("/", "nav-status"),
    ("/report", "nav-report"),
    ("/check", "nav-check"),
    ("/outages", "nav-outages"),
    ("/history", "nav-history"),
];

impl<'a> Layout<'a> {
    /// What people call the watched site.
    pub fn site_name(&self) -> &str {
        self.site.name(self.lang)
    }

    /// The layout of a public page at `path` (without language prefix).
    pub fn new(site: &'a Site, lang: Lang, path: &str) -> Self {
        let t = Texts::of(lang);
        let navigation = NAVIGATION
            .into_iter()
            .map(|(target, key)| NavLink {
                href: address(lang, target),
                text: t.get(key),
                here: path == target
                    || (target != "/"
                        && path
                            .strip_prefix(target)
                            .is_some_and(|rest| rest.starts_with('/'))),
            })
            .collect();
        Layout {
            site,
            lang,
            t,
            path: Some(path.to_owned()),
            indexed: !site.rehearsal,
            navigation,
        }
    }

    /// The same for a page that stands at no address of its own, such as an error page.
    #[must_use]
    pub fn without_own_address(mut self) -> Self {
        self.path = None;
        self.unlisted()
    }

    /// The same for a page that search engines shall not list.
    #[must_use]
    pub fn unlisted(mut self) -> Self {
        self.indexed = false;
        self
    }

    /// The address of another page in this page's language.
    pub fn to(&self, path: &str) -> String {
        address(self.lang, path)
    }

    /// The stylesheet's address.
    pub fn stylesheet(&self) -> &'static str {
        STYLE_PATH.as_str()
    }

    /// This page in every language.
    pub fn languages(&self) -> Vec<LanguageLink> {
        let Some(path) = &self.path else {
            return Vec::new();
        };
        Lang::ALL
            .into_iter()
            .map(|lang| LanguageLink {
                lang,
                href: address(lang, path),
                here: lang == self.lang,
            })
            .collect()
    }

    /// The official domains in one line.
    pub fn official_domains(&self) -> String {
        self.site.official_domains.join(", ")
    }
}

/// A page's address in a language: `/en/outages`.
pub fn address(lang: Lang, path: &str) -> String {
    if path == "/" {
        format!("/{}/", lang.tag())
    } else {
        format!("/{}{path}", lang.tag())
    }
}
