//! The languages of the pages, and which one a request gets. Knows nothing of
//! texts: those are in `texts`.

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::ACCEPT_LANGUAGE;
use axum::http::request::Parts;

use crate::domain::BilingualName;

/// A language that the pages exist in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Lang {
    /// Indonesian.
    Id,
    /// English.
    En,
}

impl Lang {
    /// How many there are.
    pub const COUNT: usize = Self::ALL.len();
    /// Every language, in the order of the language switch.
    pub const ALL: [Lang; 2] = [Lang::Id, Lang::En];
    /// What a reader gets whose browser asks for none of ours: most are foreigners.
    pub const DEFAULT: Lang = Lang::En;

    /// The BCP 47 tag, which is also the first segment of an address in this language.
    pub fn tag(self) -> &'static str {
        match self {
            Lang::Id => "id",
            Lang::En => "en",
        }
    }

    /// The language's name in itself.
    pub fn own_name(self) -> &'static str {
        match self {
            Lang::Id => "Bahasa Indonesia",
            Lang::En => "English",
        }
    }

    /// `ltr` or `rtl`, for the `dir` attribute.
    pub fn direction(self) -> &'static str {
        match self {
            Lang::Id | Lang::En => "ltr",
        }
    }

    /// A name in this language.
    pub fn name(self, name: &BilingualName) -> &str {
        match self {
            Lang::Id => name.id(),
            Lang::En => name.en(),
        }
    }

    /// The position in [`ALL`](Self::ALL).
    pub fn index(self) -> usize {
        match self {
            Lang::Id => 0,
            Lang::En => 1,
        }
    }

    /// From a tag of any case, with or without a region: `id`, `en-AU`, and `in`, which
    /// old systems still send for Indonesian.
    pub fn parse(tag: &str) -> Option<Lang> {
        let primary = tag.split(['-', '_']).next().unwrap_or(tag);
        if primary.eq_ignore_ascii_case("id") || primary.eq_ignore_ascii_case("in") {
            Some(Lang::Id)
        } else if primary.eq_ignore_ascii_case("en") {
            Some(Lang::En)
        } else {
            None
        }
    }

    /// Splits `/en/outages` into the language and `/outages`; a path without a language
    /// comes back whole.
    pub fn split(path: &str) -> (Option<Lang>, &str) {
        for lang in Self::ALL {
            if let Some(rest) = path
                .strip_prefix('/')
                .and_then(|path| path.strip_prefix(lang.tag()))
            {
                if rest.is_empty() {
                    return (Some(lang), "/");
                }
                if rest.starts_with('/') {
                    return (Some(lang), rest);
                }
            }
        }
        (None, path)
    }

    /// What `?lang=` asks for, if it is a language of ours.
    pub fn of_query(query: &str) -> Option<Lang> {
        query
            .split('&')
            .find_map(|pair| pair.strip_prefix("lang="))
            .and_then(Lang::parse)
    }

    /// The reader's first choice among ours by the Accept-Language header.
    pub fn of_headers(headers: &HeaderMap) -> Lang {
        headers
            .get(ACCEPT_LANGUAGE)
            .and_then(|value| value.to_str().ok())
            .and_then(accepted)
            .unwrap_or(Self::DEFAULT)
    }
}

/// The best-rated language of ours; the first named of equally rated ones.
fn accepted(header: &str) -> Option<Lang> {
    let mut best: Option<(Lang, f32)> = None;
    for range in header.split(',').take(20) {
        let mut parts = range.split(';');
        let tag = parts.next().unwrap_or("").trim();
        let weight = parts
            .find_map(|part| part.trim().strip_prefix("q="))
            .map_or(1.0, |q| q.trim().parse().unwrap_or(0.0));
        if let Some(lang) = Lang::parse(tag)
            && weight > 0.0
            && best.is_none_or(|(_, so_far)| weight > so_far)
        {
            best = Some((lang, weight));
        }
    }
    best.map(|(lang, _)| lang)
}

/// Handlers take the language as an argument: the serving layer has put it there.
impl<S: Sync> FromRequestParts<S> for Lang {
    type Rejection = std::convert::Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Self::Rejection> {
        Ok(parts
            .extensions
            .get::<Lang>()
            .copied()
            .unwrap_or_else(|| Lang::of_headers(&parts.headers)))
    }
}
