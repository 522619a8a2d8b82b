//! Where the fault lies, in one sentence for whoever is on duty: with the site's own words,
//! as the browser told them.

use super::one_line;
use crate::domain::Engine;
use crate::domain::diagnosis::{Cause, Diagnosis, Layer, Unclear};
use crate::domain::names::StepNames;

/// The most characters that are quoted of the site's words.
const QUOTED: usize = 240;

/// In Indonesian and English.
pub(in crate::notify) fn sentences(
    diagnosis: &Diagnosis,
    names: StepNames<'_>,
) -> (String, String) {
    let fixed = |(id, en): super::Pair| (id.to_owned(), en.to_owned());
    match diagnosis {
        Diagnosis::FrontEnd { cause, .. } => {
            let (id, en) = (
                "server menjawab; halaman gagal di peramban",
                "the server answers; the page itself fails in the browser",
            );
            let (what_id, what_en) = match cause {
                None => return fixed((id, en)),
                Some(Cause::ScriptError(_)) => ("galat skrip", "a script stops with an error"),
                Some(Cause::MissingAsset(_)) => ("bagian hilang", "a part of it is missing"),
            };
            let quoted = cause.as_ref().map(ToString::to_string).unwrap_or_default();
            let quoted = one_line(&quoted, QUOTED);
            (
                format!("{id}: {what_id}: {quoted}"),
                format!("{en}: {what_en}: {quoted}"),
            )
        }
        Diagnosis::Server { step } => {
            let step = names.step(step);
            (
                format!(
                    "server: pemeriksaan tanpa peramban dan peramban sama-sama gagal di langkah \"{}\"",
                    step.id()
                ),
                format!(
                    "the server: a plain request and a browser fail at step \"{}\"",
                    step.en()
                ),
            )
        }
        Diagnosis::Network { layer } => fixed(match layer {
            Layer::Dns => ("jaringan: nama tidak ditemukan", "the network: no name"),
            Layer::Connect => (
                "jaringan: tidak ada sambungan",
                "the network: no connection",
            ),
            Layer::Tls => ("jaringan: TLS gagal", "the network: TLS fails"),
        }),
        Diagnosis::PlainRefused { .. } => fixed((
            "peramban berhasil; hanya pemeriksaan tanpa peramban yang ditolak",
            "a browser passes; only plain requests are refused",
        )),
        Diagnosis::OneEngine { engine, .. } => fixed(match engine {
            Engine::Http => (
                "belum jelas: baru dilihat tanpa peramban",
                "not clear yet: seen without a browser only",
            ),
            Engine::Browser => (
                "belum jelas: baru dilihat di peramban",
                "not clear yet: seen in a browser only",
            ),
        }),
        Diagnosis::Unclear { why } => fixed(match why {
            Unclear::Captcha => (
                "tidak jelas: captcha menghalangi pemantau",
                "not clear: a captcha stands in the monitor's way",
            ),
            Unclear::OtherSteps => (
                "tidak jelas: gagal di langkah yang berbeda dengan dan tanpa peramban",
                "not clear: different steps fail with and without a browser",
            ),
            Unclear::AtTimes => (
                "tidak jelas: salah satu cara hanya kadang gagal",
                "not clear: one of the ways fails only at times",
            ),
            Unclear::Disagree => (
                "tidak jelas: kegagalan yang dijumpai berbeda-beda",
                "not clear: the failures met do not fit together",
            ),
        }),
    }
}
