//! That a check for robots keeps a flow out, in Indonesian and English.

use super::{Pair, SUBJECT_CHARS, full_en, full_id, one_line, shorten};
use crate::domain::BilingualName;
use crate::domain::blocked::BlockedAlert;

/// The subject line.
pub(in crate::notify) fn headline(alert: &BlockedAlert, name: &BilingualName) -> String {
    let (id, en) = match alert.over_at {
        None => ("PEMANTAU TERHALANG", "MONITOR BLOCKED"),
        Some(_) => ("pemantau tidak terhalang lagi", "monitor let through again"),
    };
    let (name_id, name_en) = (name.id(), name.en());
    let line = match name_id == name_en {
        true => format!("[Siaga] {id} / {en}: {name_en}"),
        false => format!("[Siaga] {id}: {name_id} / {en}: {name_en}"),
    };
    shorten(&line, SUBJECT_CHARS)
}

/// What it means.
pub(in crate::notify) fn meaning(alert: &BlockedAlert) -> Pair {
    match alert.over_at {
        None => (
            "Situs menampilkan pemeriksaan robot kepada pemantau. Selama itu alur ini tidak \
             memantau apa pun, dan tidak ada gangguan yang dicatat; pengunjung mungkin tetap bisa \
             masuk.",
            "The site shows the monitor a check for robots. While it does, this flow watches \
             nothing and no outage is recorded; people may well get through.",
        ),
        Some(_) => (
            "Pemantau tidak lagi tertahan pemeriksaan robot; alur ini memantau lagi.",
            "No check for robots keeps the monitor out any more; this flow watches again.",
        ),
    }
}

/// The text of the mail.
pub(in crate::notify) fn text(alert: &BlockedAlert, name: &BilingualName) -> String {
    let (id, en) = meaning(alert);
    let (name_id, name_en) = (name.id(), name.en());
    let key = one_line(&alert.flow, 80);
    let vantage = one_line(&alert.vantage, 120);
    let met = alert.message.as_ref().map(|met| one_line(met, 500));
    let met_id = met
        .as_ref()
        .map_or(String::new(), |met| format!("Yang ditemui: {met}\n"));
    let met_en = met.map_or(String::new(), |met| format!("What it met: {met}\n"));
    let (until_id, until_en) = match alert.over_at {
        Some(at) => (
            format!("Sampai: {}\n", full_id(at)),
            format!("Until: {}\n", full_en(at)),
        ),
        None => (
            "Yang perlu dilakukan: minta pengelola situs mengizinkan pemantau, yang menyebut \
             dirinya dan alamat kontaknya dalam User-Agent.\n"
                .to_owned(),
            "What to do: ask whoever runs the site to let the monitor through; it names itself \
             and your contact in its User-Agent.\n"
                .to_owned(),
        ),
    };
    format!(
        "{id}\n{en}\n\n--- Bahasa Indonesia ---\nAlur: {name_id} ({key})\nLokasi pemantau: {vantage}\n\
         Sejak: {since_id}\n{met_id}{until_id}\n--- English ---\nFlow: {name_en} ({key})\n\
         Vantage: {vantage}\nSince: {since_en}\n{met_en}{until_en}",
        since_id = full_id(alert.since),
        since_en = full_en(alert.since),
    )
}
