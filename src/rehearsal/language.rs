//! The two languages of the rehearsal site. Owns which one a visitor reads; each text
//! stands in both languages where it is used.

/// A language of the site.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Language {
    Indonesian,
    English,
}

impl Language {
    /// The tag that HTML, the `lang` parameter and the `lang` cookie use.
    pub(super) fn tag(self) -> &'static str {
        match self {
            Language::Indonesian => "id",
            Language::English => "en",
        }
    }

    pub(super) fn parse(tag: &str) -> Option<Self> {
        match tag {
            "id" => Some(Language::Indonesian),
            "en" => Some(Language::English),
            _ => None,
        }
    }
}

/// A text in both languages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Text {
    pub(super) id: &'static str,
    pub(super) en: &'static str,
}

impl Text {
    pub(super) const fn new(id: &'static str, en: &'static str) -> Self {
        Text { id, en }
    }

    pub(super) fn within(self, language: Language) -> &'static str {
        match language {
            Language::Indonesian => self.id,
            Language::English => self.en,
        }
    }
}
