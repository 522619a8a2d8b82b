//! The stylesheet: contrast of every pair of colours that meets, in light and dark.

use std::collections::BTreeMap;

use regex::Regex;
use siaga::web::layout::STYLE;

/// The colour tokens of the light scheme, and of the dark one on top of it.
fn schemes() -> [BTreeMap<String, [f64; 3]>; 2] {
    let token = Regex::new(r"--([a-z-]+): #([0-9a-f]{6});").unwrap();
    let dark_begins = STYLE.find("(prefers-color-scheme: dark)").unwrap();
    let dark_ends = STYLE.find("/* ---- base ---- */").unwrap();
    let read = |text: &str| -> BTreeMap<String, [f64; 3]> {
        token
            .captures_iter(text)
            .map(|found| {
                let channel =
                    |at: usize| f64::from(u8::from_str_radix(&found[2][at..at + 2], 16).unwrap());
                (found[1].to_owned(), [channel(0), channel(2), channel(4)])
            })
            .collect()
    };
    let light = read(&STYLE[..dark_begins]);
    let mut dark = light.clone();
    dark.extend(read(&STYLE[dark_begins..dark_ends]));
    [light, dark]
}

/// Relative luminance, as WCAG 2.2 defines it.
fn luminance(colour: [f64; 3]) -> f64 {
    let [r, g, b] = colour.map(|channel| {
        let part = channel / 255.0;
        if part <= 0.04045 {
            part / 12.92
        } else {
            ((part + 0.055) / 1.055).powf(2.4)
        }
    });
    0.2126 * r + 0.7152 * g + 0.0722 * b
}

fn contrast(a: [f64; 3], b: [f64; 3]) -> f64 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

#[test]
fn texts_and_drawings_can_be_told_from_what_is_behind_them() {
    let states = ["up", "slow", "partial", "down", "unknown", "planned"];
    for (scheme, name) in schemes().iter().zip(["light", "dark"]) {
        let check = |front: &str, behind: &str, least: f64| {
            let ratio = contrast(scheme[front], scheme[behind]);
            assert!(ratio >= least, "{name}: {front} on {behind} is {ratio:.2}");
        };
        for behind in ["page", "surface"] {
            for front in ["text", "muted", "link"] {
                check(front, behind, 4.5);
            }
            check("accent", behind, 3.0);
            check("control", behind, 3.0);
        }
        check("on-accent", "accent", 4.5);
        check("on-accent", "accent-strong", 4.5);
        for state in states {
            let tint = format!("{state}-tint");
            for front in [state, "text", "muted", "link"] {
                check(front, &tint, 4.5);
            }
            check(&format!("day-{state}"), "surface", 3.0);
        }
    }
}

#[test]
fn nothing_is_fetched_and_directions_are_logical() {
    for word in ["url(", "@import", "http:", "https:", "@font-face"] {
        assert!(!STYLE.contains(word), "{word}");
    }
    let physical = Regex::new(
        r"(?:margin|padding|border)-(?:left|right)\b|(?:^|[\s;{])(?:left|right|float)\s*:|text-align:\s*(?:left|right)",
    )
    .unwrap();
    assert_eq!(physical.find(STYLE).map(|found| found.as_str()), None);
}
