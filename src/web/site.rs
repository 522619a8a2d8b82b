//! What the pages say of the watched site and of ourselves, from the configuration.

use std::sync::Arc;

use super::format::Zone;
use super::lang::Lang;
use super::public::words;
use super::texts::Texts;
use crate::domain::ComponentId;

/// A component as the configuration calls it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ComponentName {
    /// Its key.
    pub id: ComponentId,
    /// Its name in Indonesian; `None` for the built-in text.
    pub name_id: Option<String>,
    /// Its name in English; `None` for the built-in text.
    pub name_en: Option<String>,
}

impl ComponentName {
    /// A component that is called as the built-in texts call it.
    pub fn plain(id: ComponentId) -> Self {
        ComponentName {
            id,
            name_id: None,
            name_en: None,
        }
    }
}

/// The watched site, and this one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Site {
    /// What people call the watched site in Indonesian: `Izin Tinggal Online`.
    pub name_id: String,
    /// The same in English.
    pub name_en: String,
    /// Its address, `https://…`.
    pub url: String,
    /// The only hosts that are really the government's.
    pub official_domains: Vec<String>,
    /// Where the public reaches us, `https://…` without a slash at the end.
    pub own_url: String,
    /// The zone that times are shown in.
    pub zone: Zone,
    /// Whether all of this is a rehearsal; every page says so then.
    pub rehearsal: bool,
    /// Whom to write to about this site.
    pub contact: Option<String>,
    /// Where the watched site's owner helps applicants.
    pub helpdesk: Option<String>,
    /// The charge for a day of overstay in rupiah, where it is known.
    pub overstay_per_day_idr: Option<u64>,
    /// The components in the order of the journey, as they are called.
    pub components: Arc<[ComponentName]>,
}

impl Site {
    /// What people call the watched site.
    pub fn name(&self, lang: Lang) -> &str {
        match lang {
            Lang::Id => &self.name_id,
            Lang::En => &self.name_en,
        }
    }

    /// What people call a component.
    pub fn component(&self, t: Texts, id: &ComponentId) -> String {
        let named = self.components.iter().find(|one| one.id == *id);
        let name = named.and_then(|one| match t.lang() {
            Lang::Id => one.name_id.clone(),
            Lang::En => one.name_en.clone(),
        });
        name.unwrap_or_else(|| words::component(t, id))
    }

    /// Several components in one line.
    pub fn component_list<'a>(
        &self,
        t: Texts,
        ids: impl Iterator<Item = &'a ComponentId>,
    ) -> String {
        let names: Vec<String> = ids.map(|id| self.component(t, id)).collect();
        names.join(", ")
    }

    /// Whether the public comes by HTTPS.
    pub fn is_https(&self) -> bool {
        self.own_url.starts_with("https://")
    }
}
