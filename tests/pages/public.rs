//! What the public pages say, in each state and language.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use proptest::prelude::*;
use scraper::{Html, Selector};
use siaga::domain::outage::{Severity, State, Unseen};
use siaga::web::format::{Format, Zone};
use siaga::web::render::{render_all, whole_months};
use siaga::web::snapshot::{Month, Overall};
use siaga::web::{Lang, Pages, Snapshot};

use super::fixture;

fn states() -> [(&'static str, Snapshot); 5] {
    [
        ("all_up", fixture::all_up()),
        ("partial_outage", fixture::partial_outage()),
        ("outage", fixture::outage()),
        ("no_data", fixture::no_data()),
        ("maintenance", fixture::maintenance()),
    ]
}

fn render(snapshot: &Snapshot) -> Pages {
    render_all(&fixture::site(), snapshot, &Pages::default())
}

fn html(pages: &Pages, path: &str, lang: Lang) -> String {
    let page = pages.get(path, lang).unwrap_or_else(|| panic!("no {path}"));
    String::from_utf8(page.bytes().to_vec()).unwrap()
}

fn select(text: &str) -> Selector {
    Selector::parse(text).unwrap()
}

/// What a person reads, a line a block, without the drawing.
fn visible(html: &str) -> String {
    let document = Html::parse_document(html);
    let mut lines = Vec::new();
    let blocks = select(
        "main h1, main h2, main h3, main p, main li, main dt, main dd, main tr, svg[aria-label]",
    );
    for element in document.select(&blocks) {
        if let Some(label) = element.value().attr("aria-label") {
            lines.push(format!("[{label}]"));
            continue;
        }
        // A block that holds others is told by them.
        if element
            .select(&select("h2, h3, p, li, tr"))
            .next()
            .is_some()
        {
            continue;
        }
        let text: Vec<&str> = element.text().flat_map(str::split_whitespace).collect();
        lines.push(format!("{}: {}", element.value().name(), text.join(" ")));
    }
    lines.join("\n")
}

fn html_paths(pages: &Pages) -> Vec<String> {
    let mut paths: Vec<String> = pages
        .paths()
        .filter(|path| {
            let first = pages.get(path, Lang::En).unwrap().bytes();
            first.starts_with(b"<!doctype html>")
        })
        .map(str::to_owned)
        .collect();
    paths.sort();
    paths
}

#[test]
fn the_status_page_says_what_is_and_what_to_do() {
    for (name, snapshot) in states() {
        let pages = render(&snapshot);
        for lang in Lang::ALL {
            let name = format!("home_{name}_{}", lang.tag());
            insta::assert_snapshot!(name, visible(&html(&pages, "/", lang)));
        }
    }
}

#[test]
fn the_page_of_an_outage_says_what_where_how_often_and_how_we_know() {
    let pages = render(&fixture::partial_outage());
    for lang in Lang::ALL {
        for (name, outage) in [("open", fixture::current()), ("over", fixture::past())] {
            let path = format!("/outages/{}", outage.record.id);
            let name = format!("outage_{name}_{}", lang.tag());
            insta::assert_snapshot!(name, visible(&html(&pages, &path, lang)));
        }
    }
}

#[test]
fn lists_history_and_self_check_read_well() {
    let pages = render(&fixture::partial_outage());
    for lang in Lang::ALL {
        for (name, path) in [
            ("outages", "/outages"),
            ("month", "/outages/2021-07"),
            ("history", "/history"),
            ("check", "/check"),
        ] {
            let name = format!("{name}_{}", lang.tag());
            insta::assert_snapshot!(name, visible(&html(&pages, path, lang)));
        }
    }
}

#[test]
fn every_page_is_sound_html_without_script_or_anything_from_elsewhere() {
    for (state, snapshot) in states() {
        let pages = render(&snapshot);
        for path in html_paths(&pages) {
            for lang in Lang::ALL {
                let html = html(&pages, &path, lang);
                sound(&html, lang, &format!("{state} {path} {}", lang.tag()));
            }
        }
    }
    let error = siaga::web::errors::page(
        &fixture::site(),
        Lang::Id,
        axum::http::StatusCode::INTERNAL_SERVER_ERROR,
    );
    sound(&error, Lang::Id, "error");
}

fn sound(html: &str, lang: Lang, which: &str) {
    let document = Html::parse_document(html);
    balanced(html, &document, which);
    let all = |selector: &str| document.select(&select(selector)).collect::<Vec<_>>();
    let root = document.root_element();
    assert_eq!(root.value().attr("lang"), Some(lang.tag()), "{which}");
    assert_eq!(root.value().attr("dir"), Some("ltr"), "{which}");
    assert_eq!(all("h1").len(), 1, "{which}");
    assert_eq!(all("main").len(), 1, "{which}");
    assert_eq!(all("title").len(), 1, "{which}");
    assert!(
        all("script, style, iframe, object, [style]").is_empty(),
        "{which}"
    );

    let mut ids = BTreeSet::new();
    for element in all("[id]") {
        assert!(ids.insert(element.value().attr("id").unwrap()), "{which}");
    }
    for element in document.select(&select("*")) {
        let value = element.value();
        for (name, text) in value.attrs() {
            assert!(!name.starts_with("on"), "{which}: {name}");
            match name {
                "aria-labelledby" | "aria-describedby" | "for" => {
                    for id in text.split_whitespace() {
                        assert!(ids.contains(id), "{which}: {name}={id}");
                    }
                }
                "src" | "srcset" | "action" => assert!(text.starts_with('/'), "{which}: {text}"),
                "href" => {
                    let ours = text.starts_with('/') && !text.starts_with("//");
                    let fragment = text.strip_prefix('#').is_some_and(|id| ids.contains(id));
                    let mail = text.starts_with("mailto:");
                    assert!(ours || fragment || mail, "{which}: {text}");
                }
                _ => {}
            }
        }
        if matches!(value.name(), "input" | "select" | "textarea") {
            let hidden = value.attr("type") == Some("hidden");
            let label = value
                .attr("id")
                .is_some_and(|id| !all(&format!("label[for='{id}']")).is_empty());
            assert!(hidden || label, "{which}: a field without label");
        }
        if value.name() == "svg" {
            let said = value
                .attr("aria-label")
                .is_some_and(|text| !text.is_empty());
            assert!(said || value.attr("aria-hidden") == Some("true"), "{which}");
        }
    }
    // Every badge has an icon and a word.
    for badge in all(".badge") {
        assert!(
            badge.select(&select("svg path")).next().is_some(),
            "{which}"
        );
        assert!(
            !badge.text().collect::<String>().trim().is_empty(),
            "{which}"
        );
    }
    // A heading never skips a level.
    let mut level = 0;
    for heading in all("h1, h2, h3, h4") {
        let this: u8 = heading.value().name()[1..].parse().unwrap();
        assert!(this <= level + 1, "{which}: h{level} then h{this}");
        level = this;
    }
}

/// What is written is what is parsed: every element is opened and closed by hand as often
/// as the parser found it, so that it had nothing to mend.
fn balanced(html: &str, document: &Html, which: &str) {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for element in document.select(&select("*")) {
        *counts.entry(element.value().name()).or_default() += 1;
    }
    for (name, count) in counts {
        let opened =
            html.matches(&format!("<{name} ")).count() + html.matches(&format!("<{name}>")).count();
        assert_eq!(opened, count, "{which}: <{name}>");
        let closed = html.matches(&format!("</{name}>")).count()
            + html.matches("/>").count() * usize::from(name == "path");
        if !matches!(name, "meta" | "link" | "input" | "br" | "img" | "path") {
            assert_eq!(closed, count, "{which}: </{name}>");
        }
    }
}

#[test]
fn every_internal_link_of_a_page_leads_somewhere() {
    let pages = render(&fixture::partial_outage());
    // Made by others, behind the router.
    let elsewhere = ["/report"];
    for path in html_paths(&pages) {
        for lang in Lang::ALL {
            let html = html(&pages, &path, lang);
            for link in Html::parse_document(&html).select(&select("[href^='/']")) {
                let target = link.value().attr("href").unwrap();
                let (_, target) = Lang::split(target);
                // Months before the ones that are held completely come from the store.
                let old = target.strip_prefix("/outages/").and_then(Month::parse);
                let held = whole_months(&fixture::site(), &fixture::partial_outage());
                let known = pages.get(target, lang).is_some()
                    || elsewhere.contains(&target)
                    || target.starts_with("/evidence/")
                    || old.is_some_and(|month| held.iter().all(|other| month < *other));
                assert!(known, "{path} links to {target}");
            }
        }
    }
}

#[test]
fn what_comes_from_the_watched_site_is_shown_as_text() {
    let pages = render(&fixture::partial_outage());
    let html = html(&pages, "/", Lang::En);
    assert!(html.contains("500 • KENDALA SERVER &#60;b&#62;"));
    assert!(!html.contains("<b>&#"));
}

#[test]
fn every_page_of_a_rehearsal_says_so() {
    let mut site = fixture::site();
    site.rehearsal = true;
    let pages = render_all(&site, &fixture::partial_outage(), &Pages::default());
    for path in html_paths(&pages) {
        assert!(
            html(&pages, &path, Lang::En).contains("Nothing here is real"),
            "{path}"
        );
        assert!(
            html(&pages, &path, Lang::Id).contains("hanya simulasi"),
            "{path}"
        );
    }
    let robots = pages.get("/robots.txt", Lang::En).unwrap();
    assert_eq!(robots.bytes(), b"User-agent: *\nDisallow: /\n");
    let real = render(&fixture::partial_outage());
    assert!(!html(&real, "/", Lang::En).contains("banner-rehearsal"));
}

#[test]
fn every_page_says_that_it_is_not_the_governments() {
    let pages = render(&fixture::all_up());
    for path in html_paths(&pages) {
        let english = html(&pages, &path, Lang::En);
        assert!(english.contains("not the government’s site"), "{path}");
        assert!(english.contains("evisa.imigrasi.go.id"), "{path}");
        assert!(html(&pages, &path, Lang::Id).contains("bukan situs pemerintah"));
    }
}

#[test]
fn unchanged_pages_keep_their_bytes_and_closed_outages_do_not_change() {
    let mut snapshot = fixture::partial_outage();
    let first = render(&snapshot);
    snapshot.as_of = snapshot.as_of + Duration::from_secs(60);
    let second = render_all(&fixture::site(), &snapshot, &first);
    let same = |path: &str| {
        let old = first.get(path, Lang::En).unwrap();
        std::ptr::eq(old, second.get(path, Lang::En).unwrap())
    };
    assert!(same(&format!("/outages/{}", fixture::past().record.id)));
    assert!(same(&format!(
        "/api/v1/outages/{}",
        fixture::past().record.id
    )));
    assert!(same("/robots.txt"));
    assert!(!same("/"));
}

#[test]
fn a_silent_store_turns_every_component_unknown() {
    let stale = fixture::all_up().gone_stale();
    assert_eq!(stale.overall(), Overall::Unknown);
    let page = html(&render(&stale), "/", Lang::En);
    assert!(page.contains("We cannot say whether the site works"));
    assert!(!page.contains("look-up"));
}

fn any_state() -> impl Strategy<Value = State> {
    prop_oneof![
        Just(State::Operational),
        Just(State::Maintenance),
        Just(State::Trouble(Severity::Degraded)),
        Just(State::Trouble(Severity::Partial)),
        Just(State::Trouble(Severity::Down)),
        Just(State::Unknown(Unseen::Stale)),
        Just(State::Unknown(Unseen::NoData)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]
    #[test]
    fn the_headline_is_green_only_when_everything_is_known_to_work(
        states in proptest::collection::vec(any_state(), 0..6)
    ) {
        let mut snapshot = fixture::no_data();
        snapshot.components.truncate(states.len());
        for (component, state) in snapshot.components.iter_mut().zip(&states) {
            component.state = *state;
        }
        let all_work = !states.is_empty() && states.iter().all(|s| *s == State::Operational);
        prop_assert_eq!(snapshot.overall() == Overall::Operational, all_work);
        let page = siaga::web::public::home::page(&fixture::site(), Lang::En, &snapshot);
        prop_assert_eq!(page.contains("headline look-up"), all_work);
        let [(_, summary), ..] = siaga::web::api::statuspage::files(&fixture::site(), &snapshot);
        let summary: serde_json::Value = serde_json::from_slice(&summary).unwrap();
        prop_assert_eq!(summary["status"]["indicator"] == "none", all_work);
        for (out, state) in summary["components"].as_array().unwrap().iter().zip(&states) {
            prop_assert_eq!(out["status"] == "operational", *state == State::Operational);
        }
    }
}

#[test]
fn times_and_amounts_are_written_as_people_write_them() {
    let id = Format::new(Lang::Id, Zone::Wib);
    let en = Format::new(Lang::En, Zone::Wib);
    let at = fixture::at(14, 0);
    assert_eq!(id.moment(at), "Jumat, 6 Agustus 2021 pukul 14.00 WIB");
    assert_eq!(en.moment(at), "Friday, 6 August 2021, 14:00 WIB");
    let wit = Format::new(Lang::Id, Zone::Wit);
    assert_eq!(wit.time(at), "16.00 WIT");
    assert_eq!(Format::new(Lang::En, Zone::Wita).time(at), "15:00 WITA");
    let span = |minutes: u64| Duration::from_secs(minutes * 60);
    assert_eq!(id.span(span(125)), "2 jam 5 menit");
    assert_eq!(en.span(span(61)), "1 hour 1 minute");
    assert_eq!(en.span(span(60)), "1 hour");
    assert_eq!(en.span(span(2 * 1440 + 5)), "2 days");
    assert_eq!(en.span(span(1440 + 60)), "1 day 1 hour");
    assert_eq!(id.span(Duration::from_secs(59)), "kurang dari satu menit");
    assert_eq!(id.rupiah(1_000_000), "Rp1.000.000");
    assert_eq!(en.rupiah(500), "Rp500");
    assert_eq!(id.count(1_234_567), "1.234.567");
    assert_eq!(en.count(1_234), "1,234");
    assert_eq!(en.percent(0.999_99), "99.99%");
    assert_eq!(id.percent(0.987_65), "98,76%");
    assert_eq!(en.percent(1.0), "100%");
    assert_eq!(en.percent(0.0), "0.00%");
    assert_eq!(en.size(1_900_000), "1900 KB");
    assert_eq!(en.size(1900 * 1024), "1900 KB");
    assert_eq!(en.size(1024 * 1024), "1 MB");
    assert_eq!(en.size(2_000_000), "2 MB");
    assert_eq!(en.size(12), "12 B");
    assert_eq!(en.since(at, fixture::now()), "14:00 WIB");
    assert_eq!(
        en.since(fixture::days_ago(1), fixture::now()),
        "5 August 2021, 16:05 WIB"
    );
}

#[test]
fn months_are_read_strictly() {
    assert_eq!(Month::parse("2021-08").unwrap().key(), "2021-08");
    for wrong in [
        "2021-13",
        "2021-00",
        "21-08",
        "2021-8",
        "+021-08",
        "2021-08-01",
        "",
        "2021-+8",
    ] {
        assert_eq!(Month::parse(wrong), None, "{wrong}");
    }
    let january = Month::parse("2021-01").unwrap();
    assert_eq!(january.previous().key(), "2020-12");
    assert_eq!(january.previous().next(), january);
}
