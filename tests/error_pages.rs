//! When a page is a known error page: the rule, and sixty pages of the kinds that the site and
//! others like it show.
#![allow(
    clippy::disallowed_methods,
    clippy::print_stdout,
    clippy::print_literal,
    reason = "the table is told to whoever asks for it, and hostile pages are measured in real time"
)]

mod shown;

use std::sync::{Arc, LazyLock};

use proptest::prelude::*;
use siaga::domain::run::StepReport;
use siaga::domain::{Engine, Outcome};
use siaga::probe::error_pages::{Content, ErrorPages, Extent, Met, PageClass};
use siaga::probe::visible_text::VisibleText;

use crate::conformance::Bench;
use crate::harness::probing::{error_pages, target};
use crate::http_engine::server::{answer, plain};
use shown::{PAGES, Shown};

#[test]
fn what_decides_on_an_error_page() {
    use Content::{AsExpected, Missing, NotExpected};
    use Extent::{Most, Part, Whole};
    use PageClass::{Captcha, Maintenance};
    let (fine, error) = (Some(200), Some(503));
    let table = [
        // Beats expectations that hold only with an error status, or as a whole title or heading.
        (fine, false, AsExpected, Maintenance, Part, false),
        (fine, false, AsExpected, Maintenance, Most, false),
        (fine, false, AsExpected, Maintenance, Whole, true),
        (None, false, AsExpected, Maintenance, Most, false),
        (error, false, AsExpected, Maintenance, Part, true),
        // Names the fault of what fails.
        (fine, false, Missing, Maintenance, Part, true),
        (None, false, Missing, Captcha, Part, true),
        // Fails what expects nothing of the content where there is hardly anything else.
        (fine, false, NotExpected, Maintenance, Part, false),
        (fine, false, NotExpected, Maintenance, Most, true),
        (fine, false, NotExpected, Maintenance, Whole, true),
        (error, false, NotExpected, Maintenance, Part, true),
        // A captcha on a page that works is there by design.
        (fine, false, AsExpected, Captcha, Whole, false),
        (fine, false, NotExpected, Captcha, Whole, true),
        // A step that asks for an error page gets one.
        (error, true, AsExpected, Maintenance, Whole, false),
        (error, true, NotExpected, Maintenance, Whole, false),
        (error, true, Missing, Maintenance, Part, true),
    ];
    for (status, is_status_meant, content, class, extent, wanted) in table {
        let met = Met {
            status,
            is_status_meant,
            content,
        };
        let is = met.is_error_page(class, extent);
        assert_eq!(is, wanted, "{met:?} {class} {extent:?}");
    }
}

proptest! {
    /// More of a page, a worse status, or less of what was expected never turn an error page into
    /// one that is none.
    #[test]
    fn the_rule_only_goes_one_way(
        status in proptest::option::of(100u16..600), worse in 400u16..600,
        content in 0..3usize, class in 0..6usize, extent in 0..3usize, more in 0..3usize,
    ) {
        let contents = [Content::AsExpected, Content::NotExpected, Content::Missing];
        let extents = [Extent::Part, Extent::Most, Extent::Whole];
        let class = PageClass::ALL[class];
        let is = |status, content: usize, extent: usize| {
            let met = Met { status, is_status_meant: false, content: contents[content] };
            met.is_error_page(class, extents[extent])
        };
        if is(status, content, extent) {
            prop_assert!(is(status, content, extent.max(more)));
            prop_assert!(is(Some(worse), content, extent));
            prop_assert!(is(status, 2, extent));
            prop_assert!(is(status, content.max(1), extent) );
        }
    }

    /// What stands around a pattern decides how much of the page it is.
    #[test]
    fn words_around_a_pattern_make_it_a_part(words in proptest::collection::vec("[a-z]{3,9}", 8..60)) {
        static KNOWN: LazyLock<Arc<ErrorPages>> = LazyLock::new(error_pages);
        let extent = |html: &str| {
            let found = KNOWN.found_on(Some(200), html.len(), &VisibleText::of(html));
            found.first().map(|found| found.extent)
        };
        let words = words.join(" ");
        let says = "Sesi Anda telah berakhir";
        prop_assert_eq!(extent(&format!("<h1>{says}.</h1><p>{words}")), Some(Extent::Whole));
        prop_assert_eq!(extent(&format!("<title>{says}</title><p>{says} {words}")), Some(Extent::Whole));
        prop_assert_eq!(extent(&format!("<title>{says} | Evisa</title><p>{says} {words}")), Some(Extent::Most));
        prop_assert_eq!(extent(&format!("<h2>{words}</h2><h1>{says}</h1>")), Some(Extent::Part));
        prop_assert_eq!(extent(&format!("<h1>{words} {says}</h1>")), Some(Extent::Part));
        prop_assert_eq!(extent(&format!("<p>{says}")), Some(Extent::Most));
    }
}

/// Markup that is not shown counts for nothing, markup that browsers show does.
#[test]
fn what_is_hidden_is_not_read() {
    let hidden = [
        "<div hidden>X</div>",
        "<div HIDDEN>X</div>",
        "<div style='display:none'>X</div>",
        "<div style='color:red; DISPLAY : none !important'>X</div>",
        "<div style='visibility:hidden'>X</div>",
        "<dialog>X</dialog>",
        "<div popover>X</div>",
        "<style>.m{display:none}</style><div class=m>X</div>",
        "<style>@media screen{.m,p:hover{display:none}}</style><div class=m>X</div>",
        "<style>@media (min-width:600px){.m{display:none}}</style><div class=m>X</div>",
        "<style>.m{display:none}div{display:block}</style><div class=m>X</div>",
        "<style>body.x .m{visibility:hidden}</style><div class=m><b>X</b></div>",
        "<details><p>X</p></details>",
        "<div style='display:none'><div style='display:block'>X</div></div>",
        "<template>X</template>",
        "<style>[role=dialog]:not(.open) { display: none }</style><div role=dialog>X</div>",
    ];
    let shown = [
        "<div aria-hidden=true>X</div>",
        "<div style='overflow:hidden'>X</div>",
        "<dialog open>X</dialog>",
        "<div style='display:block'>X</div>",
        "<style>@media print{.m{display:none}}</style><div class=m>X</div>",
        "<style>@media (max-width:600px){.m{display:none}}</style><div class=m>X</div>",
        "<style media=print>.m{display:none}</style><div class=m>X</div>",
        "<style>.m{display:none}.m.show{display:block}</style><div class='m show'>X</div>",
        "<style>.m{display:none}</style><div class=m style='display:block'>X</div>",
        "<style>.m{display:none!important}.m{display:block}</style><p>X",
        "<style>[hidden]{display:block}</style><div hidden>X</div>",
        "<div style='visibility:hidden'><b style='visibility:visible'>X</b></div>",
        "<details open><p>X</p></details>",
        "<details><summary>X</summary></details>",
        "<noscript>X</noscript><div hidden></div>",
        "<style>.a:hover{display:none}</style><div class=a>X</div>",
    ];
    for (wanted, pages) in [(false, &hidden[..]), (true, &shown[..])] {
        for page in pages {
            let html = format!("<!doctype html><title>T</title><body class=x>eins {page} zwei");
            let read = VisibleText::of(&html);
            assert_eq!(read.text.contains('X'), wanted, "{page}: {read:?}");
            assert!(
                read.text.starts_with("eins") && read.text.ends_with("zwei"),
                "{read:?}"
            );
        }
    }
}

/// Nesting and many rules cost no more than they are long.
#[test]
fn hostile_styles_are_read_in_time() {
    let deep = format!("<i hidden></i>X{}", "<div>".repeat(50_000));
    let repeated = format!(
        "<i hidden></i>X<p>{}{}",
        (0..900).map(|n| format!("<b a={n}>")).collect::<String>(),
        "<p>".repeat(50_000)
    );
    let many = format!(
        "<style>{}</style>{}X",
        ".a .b .c{display:none}".repeat(20_000),
        "<p class=c>".repeat(20_000)
    );
    for page in [deep, repeated, many] {
        let start = std::time::Instant::now();
        assert!(VisibleText::of(&page).text.ends_with('X'));
        assert!(start.elapsed().as_secs() < 20, "{:?}", start.elapsed());
    }
}

#[test]
fn the_built_in_patterns_are_right() {
    assert!(ErrorPages::built_in().len() > 20);
}

/// What a run said of a page: the name of the pattern or fault, or that it passed.
fn said(step: &StepReport) -> String {
    let page = step.error_page.as_ref();
    let pattern = page.and_then(|page| page.pattern.clone());
    match step.outcome {
        Outcome::Passed => "passed".to_owned(),
        outcome => pattern.unwrap_or_else(|| outcome.detail().unwrap_or_default().to_owned()),
    }
}

/// Sixty pages, half of them error pages. `cargo test sixty_pages -- --nocapture` prints the table.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_pages_are_told_apart() {
    let server = plain(|request| {
        let number = request.path().trim_start_matches('/');
        let number = number.parse::<usize>().unwrap_or_default();
        let page = &PAGES[number % PAGES.len()];
        let kind = "Content-Type: text/html; charset=utf-8\r\n";
        answer(&format!("{} X", page.status), kind, &page.html())
    })
    .await;
    let bench = Bench::new();
    let target = target(&server.url);
    let (mut before, mut after) = (0, 0);
    let mut wrong = Vec::new();
    println!(
        "{:<52} {:<22} {:<22} {}",
        "page", "should be", "before", "now"
    );
    for (number, page) in PAGES.iter().enumerate() {
        let expect = match page.expect {
            "" => String::new(),
            expect => format!("expect = {{ {expect} }}\n"),
        };
        let flow = crate::conformance::flow(&format!(
            "[[step]]\nname = \"S\"\ncomponent = \"c\"\nvisit = \"/{number}\"\n{expect}"
        ));
        let report = bench.run(Engine::Http, &flow, &target, 0).await;
        let now = said(&report.steps[0]);
        before += usize::from(page.before == page.should_be);
        after += usize::from(now == page.should_be);
        let mark = if page.before == page.should_be {
            ' '
        } else {
            '!'
        };
        println!(
            "{:<52} {:<22} {mark}{:<21} {now}",
            page.name, page.should_be, page.before
        );
        if now != page.should_be {
            wrong.push(format!("{}: {now}, not {}", page.name, page.should_be));
        }
    }
    println!("right of {}: before {before}, now {after}", PAGES.len());
    let errors = PAGES.iter().filter(|page| page.is_error()).count();
    assert_eq!((PAGES.len(), errors), (60, 30));
    assert!(wrong.is_empty(), "{wrong:#?}");
}

impl Shown {
    fn is_error(&self) -> bool {
        !matches!(self.should_be, "passed" | "content" | "status")
    }
}

/// The two situations that others met, on both engines.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn announcements_and_hidden_dialogs_fail_nothing() {
    let pages = [
        (
            "/",
            "<title>Beranda</title><h1>Perpanjang izin tinggal</h1><p>Pengumuman: this site will be down for maintenance on Sunday 02.00.</p><p id=done>x</p>",
        ),
        (
            "/faq",
            "<title>Bantuan</title><h2>Mengapa ada pesan Sesi Anda telah berakhir?</h2><p id=done>x</p>",
        ),
        (
            "/style",
            "<title>Permohonan</title><h1>Daftar</h1><p id=done>Tiga</p><div class=modal style='display:none'><h2>Sesi Anda telah berakhir</h2></div>",
        ),
        (
            "/class",
            "<style>.modal{display:none}</style><title>Permohonan</title><h1>Daftar</h1><p id=done>Tiga</p><div class='modal fade' aria-hidden=true><h2>Your session has expired</h2></div>",
        ),
        (
            "/dialog",
            "<title>Permohonan</title><h1>Daftar</h1><p id=done>Tiga</p><dialog><h2>Session expired</h2></dialog>",
        ),
        (
            "/aria",
            "<title>Permohonan</title><h1>Daftar</h1><p id=done aria-hidden=true>Tiga</p>",
        ),
    ];
    let server = plain(move |request| {
        let page = pages.iter().find(|(path, _)| *path == request.path());
        crate::http_engine::server::page(page.map_or("", |(_, html)| html))
    })
    .await;
    let step = |(path, _): &(&str, &str)| {
        let more = if *path == "/aria" {
            ", text = \"Tiga\""
        } else {
            ""
        };
        format!(
            "[[step]]\nname = \"{path}\"\ncomponent = \"c\"\nvisit = \"{path}\"\nexpect = {{ css = \"#done\"{more} }}\n"
        )
    };
    let flow = crate::conformance::flow(&pages.iter().map(step).collect::<String>());
    let bench = Bench::new();
    for engine in [Engine::Http, Engine::Browser] {
        let report = bench.run(engine, &flow, &target(&server.url), 0).await;
        assert_eq!(report.outcome, Outcome::Passed, "{report:#?}");
    }
}
