//! A run's steps as a drawing (SVG) that a browser opens and a telephone can read.
//!
//! Owns the drawing. Must not know where the steps come from.

use std::fmt::Write as _;

use crate::domain::run::StepReport;
use crate::domain::{Moment, Outcome};

/// All lengths are in CSS pixels; on a narrow screen the whole is scaled.
const WIDTH: u64 = 420;
const MARGIN: u64 = 12;
const ROW: u64 = 40;
const HEAD: u64 = 44;
const FOOT: u64 = 52;
/// The longest name, in characters; longer ones are cut.
const NAME: usize = 40;

/// Where a step's time goes, and the colours of it.
const PARTS: [(&str, &str); 5] = [
    ("DNS", "#7b61a8"),
    ("connect", "#b8651b"),
    ("TLS", "#a3387f"),
    ("wait", "#2f6fb0"),
    ("receive", "#2c8a7d"),
];

/// What is none of these: scripts, waiting, the monitor itself.
const OTHER: (&str, &str) = ("other", "#9aa0a6");

/// Draws the steps of a run, those not reached included.
pub fn svg(title: &str, steps: &[StepReport]) -> String {
    let start = |steps: &[StepReport]| steps.iter().map(|step| step.started_at).min();
    let reached: Vec<StepReport> = steps.iter().filter(|s| is_reached(s)).cloned().collect();
    let start = start(&reached).or_else(|| start(steps)).unwrap_or_default();
    let end_of = |step: &StepReport| step.started_at.since(start).as_millis() as u64 + step.took_ms;
    let total = reached.iter().map(end_of).max().unwrap_or_default().max(1);
    let rows = u64::try_from(steps.len()).unwrap_or_default();
    let height = HEAD + rows * ROW + FOOT;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" \
         width=\"{WIDTH}\" height=\"{height}\" font-family=\"system-ui, sans-serif\" \
         font-size=\"14\" fill=\"#1b1b1b\"><title>{}</title>\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#ffffff\"/>\
         <text x=\"{MARGIN}\" y=\"22\" font-weight=\"600\">{}</text>",
        escaped(title),
        escaped(&cut(title)),
    );
    let wide = WIDTH - 2 * MARGIN;
    let scaled = |time: u64| time * wide / total;
    for (row, step) in (0..).zip(steps) {
        one(&mut out, step, HEAD + row * ROW, start, &scaled);
    }
    let foot = height - FOOT + 16;
    let _ = write!(
        out,
        "<text x=\"{MARGIN}\" y=\"{foot}\" font-size=\"12\">0</text>\
         <text x=\"{}\" y=\"{foot}\" font-size=\"12\" text-anchor=\"end\">{}</text>",
        WIDTH - MARGIN,
        time(total),
    );
    let legend = foot + 22;
    let mut x = MARGIN;
    for (name, colour) in PARTS.into_iter().chain([OTHER]) {
        let _ = write!(
            out,
            "<rect x=\"{x}\" y=\"{}\" width=\"9\" height=\"9\" fill=\"{colour}\"/>\
             <text x=\"{}\" y=\"{legend}\" font-size=\"12\">{name}</text>",
            legend - 9,
            x + 13,
        );
        x += 30 + 7 * name.len() as u64;
    }
    out.push_str("</svg>\n");
    out
}

fn one(out: &mut String, step: &StepReport, top: u64, start: Moment, scaled: &dyn Fn(u64) -> u64) {
    let (mark, colour) = match step.outcome {
        Outcome::Passed => ("✓", "#1e7b3a"),
        Outcome::Slow => ("✓", "#8a5a00"),
        Outcome::Failed(_) => ("✗", "#b3261e"),
        Outcome::NotReached | Outcome::Inconclusive(_) => ("–", "#5f6368"),
    };
    let told = match (step.outcome, step.outcome.detail()) {
        (Outcome::NotReached, _) => "not reached".to_owned(),
        (_, Some(detail)) => format!("{detail} · {}", time(step.took_ms)),
        (_, None) => time(step.took_ms),
    };
    let text = top + 13;
    let _ = write!(
        out,
        "<text x=\"{MARGIN}\" y=\"{text}\" fill=\"{colour}\">{mark} {}</text>\
         <text x=\"{}\" y=\"{text}\" text-anchor=\"end\" font-size=\"12\" fill=\"{colour}\">{}</text>",
        escaped(&cut(step.name.en())),
        WIDTH - MARGIN,
        escaped(&told),
    );
    let bar = top + 19;
    let _ = write!(
        out,
        "<rect x=\"{MARGIN}\" y=\"{bar}\" width=\"{}\" height=\"10\" fill=\"#ececec\"/>",
        WIDTH - 2 * MARGIN
    );
    if !is_reached(step) {
        return;
    }
    let begins = step.started_at.since(start).as_millis() as u64;
    let (from, until) = (scaled(begins), scaled(begins + step.took_ms));
    let rect = |out: &mut String, from: u64, until: u64, colour: &str| {
        let _ = write!(
            out,
            "<rect x=\"{}\" y=\"{bar}\" width=\"{}\" height=\"10\" fill=\"{colour}\"/>",
            MARGIN + from,
            until.saturating_sub(from).max(1),
        );
    };
    rect(out, from, until, OTHER.1);
    let phases = step.phases;
    let times = [
        phases.resolve,
        phases.connect,
        phases.tls,
        phases.first_byte,
        phases.transfer,
    ];
    let mut at = begins;
    let end = begins + step.took_ms;
    for (time, (_, colour)) in times.into_iter().zip(PARTS) {
        let next = (at + time).min(end);
        if scaled(next) > scaled(at) {
            rect(out, scaled(at), scaled(next), colour);
        }
        at = next;
    }
    if matches!(step.outcome, Outcome::Failed(_)) {
        rect(out, until.saturating_sub(3), until.max(3), colour);
    }
}

/// A step that was passed over has the moment at which it was.
fn is_reached(step: &StepReport) -> bool {
    step.took_ms > 0 || !matches!(step.outcome, Outcome::NotReached | Outcome::Inconclusive(_))
}

fn cut(name: &str) -> String {
    match name.char_indices().nth(NAME) {
        Some((end, _)) => format!("{}…", name[..end].trim_end()),
        None => name.to_owned(),
    }
}

fn time(milliseconds: u64) -> String {
    if milliseconds < 1000 {
        format!("{milliseconds} ms")
    } else {
        format!("{:.1} s", milliseconds as f64 / 1000.0)
    }
}

/// For the text of XML. Characters that XML cannot hold are left out.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\u{fffe}' | '\u{ffff}' => {}
            c if c.is_control() => out.push(' '),
            c => out.push(c),
        }
    }
    out
}
