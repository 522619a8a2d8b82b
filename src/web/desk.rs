//! What the reporting endpoint and the office share: where cases are kept, what opens
//! them, and how components and offices are called.

use std::path::PathBuf;
use std::sync::Arc;

use super::format::{Format, Zone};
use super::lang::Lang;
pub use super::site::ComponentName;
use super::site::Site;
use super::texts::Texts;
use crate::domain::office::Office;
use crate::domain::{Clock, ComponentId, Random};
use crate::pictures::Drawer;
use crate::store::Store;
use crate::store::audit::AuditWriter;
use crate::store::seal::KeyRing;

/// Where reports and cases are worked on. Cheap to clone.
#[derive(Clone)]
pub struct Desk {
    /// The database.
    pub store: Store,
    /// What opens personal data.
    pub keys: KeyRing,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
    /// The watched site and ours.
    pub site: Arc<Site>,
    /// The folder of sealed screenshots. It must exist.
    pub screenshots: Arc<PathBuf>,
    /// What draws them anew for those who look at them.
    pub drawer: Drawer,
}

impl Desk {
    /// What adds to the audit trail.
    pub fn audit(&self) -> AuditWriter {
        AuditWriter {
            keys: self.keys.get(),
            random: Arc::clone(&self.random),
        }
    }

    /// What people call a component.
    pub fn component(&self, t: Texts, id: &ComponentId) -> String {
        self.site.component(t, id)
    }

    /// The reported component and those that an applicant passes before it.
    pub fn upstream(&self, of: &ComponentId) -> Vec<ComponentId> {
        let place = self.site.components.iter().position(|one| one.id == *of);
        match place {
            None => vec![of.clone()],
            Some(place) => self
                .site
                .components
                .iter()
                .take(place + 1)
                .map(|one| one.id.clone())
                .collect(),
        }
    }

    /// The keys of all components.
    pub fn component_ids(&self) -> Vec<ComponentId> {
        self.site
            .components
            .iter()
            .map(|one| one.id.clone())
            .collect()
    }
}

/// Formats on an office's clocks; on the site's where the office is unknown.
pub fn format_at(site: &Site, lang: Lang, office: Option<&Office>) -> Format {
    Format::new(lang, office.map_or(site.zone, zone_of))
}

/// The zone of an office.
pub fn zone_of(office: &Office) -> Zone {
    match office.time_zone.as_str() {
        "Asia/Makassar" => Zone::Wita,
        "Asia/Jayapura" => Zone::Wit,
        _ => Zone::Wib,
    }
}

/// An office's name as letters are addressed: `Kantor Imigrasi Kelas I TPI Denpasar`.
pub fn office_name(office: &Office) -> String {
    if office.class.is_empty() {
        format!("Kantor Imigrasi {}", office.name)
    } else {
        format!("Kantor Imigrasi Kelas {} {}", office.class, office.name)
    }
}
