//! When a page on which a known error page's pattern is found is that error page. A plain rule:
//! help pages quote errors, and working pages announce maintenance.

use super::PageClass;

/// How much of a page a pattern is. The order is that of its weight.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Extent {
    /// It stands somewhere on the page.
    Part,
    /// It is most of what is to be read, or the title beside the site's name.
    Most,
    /// It is the whole title, or the whole of the first heading.
    Whole,
}

impl Extent {
    /// Whether a page of which a pattern is so much is that error page and nothing else, so that
    /// nothing will come of it unless it is asked for again.
    pub fn is_final(self, status: Option<u16>) -> bool {
        status.is_some_and(|status| status >= 400) || self >= Extent::Most
    }
}

/// What a step that met a page says of its content: of its `text`, `css` and `json`, and of the
/// elements that it acts on and captures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// It expects none. Statuses, addresses and what must *not* be there speak for no page.
    NotExpected,
    /// It is as expected.
    AsExpected,
    /// Something of it is missing.
    Missing,
}

/// A page as a step met it.
#[derive(Clone, Copy, Debug)]
pub struct Met {
    /// The answer's status, where it is known.
    pub status: Option<u16>,
    /// Whether the step expects this very status, of 400 or more.
    pub is_status_meant: bool,
    /// What the step says of the content.
    pub content: Content,
}

impl Met {
    /// Whether a page of this class, of whose pattern so much was found, is what was met.
    pub fn is_error_page(&self, class: PageClass, extent: Extent) -> bool {
        let is_error = self.status.is_some_and(|status| status >= 400);
        match self.content {
            Content::Missing => true,
            // The step asks for an error page.
            _ if self.is_status_meant => false,
            // A page that works may have a captcha by design.
            Content::AsExpected if class == PageClass::Captcha => is_error,
            Content::AsExpected => is_error || extent == Extent::Whole,
            Content::NotExpected => is_error || extent >= Extent::Most,
        }
    }
}

/// What parts a title from the name of its site.
const TITLE_SEPARATORS: [&str; 7] = [" | ", " - ", " – ", " — ", " · ", " :: ", " » "];

/// The parts of a title, where it has more than one.
pub(super) fn parts_of(title: &str) -> impl Iterator<Item = &str> {
    TITLE_SEPARATORS
        .iter()
        .filter(|separator| title.contains(**separator))
        .flat_map(|separator| title.split(separator))
}
