//! Recorded events grouped to steps of a flow: what was done to one page, up to the click
//! that leads to the next.
//!
//! Owns what becomes of each event. Must not know how a step is written.

use std::collections::HashSet;

use url::Url;

use super::address;
use super::carried::{Carried, Change, Step};
use super::element::{Chosen, Doubt, Element, Target};
use super::export::{Deed, Event, Navigation, is_enter, settle};
use super::secrets::{Secrets, is_file};
use super::words;
use super::{Note, Options};
use crate::probe::document::Kind;
use crate::probe::reach::host_of;

/// The longest text that is typed into a field.
const LONGEST_VALUE: usize = 10_000;

/// Groups the events to steps.
pub(super) fn carry(events: &mut [Event], secrets: &Secrets, options: &Options) -> Carried {
    settle(events);
    let mut carrier = Carrier {
        secrets,
        site: options.site.clone(),
        changed: events
            .iter()
            .filter(|event| matches!(event.deed, Deed::Change(_)))
            .flat_map(|event| event.element.places().map(str::to_owned))
            .collect(),
        toggled: None,
        field: None,
        title: String::new(),
        path_words: Vec::new(),
        hovered: false,
        draft: Step::default(),
        carried: Carried::default(),
    };
    for at in 0..events.len() {
        carrier.event(events, at);
    }
    carrier.flush();
    let mut carried = carrier.carried;
    carried.rest = carrier.draft.notes;
    carried
}

struct Carrier<'e> {
    secrets: &'e Secrets,
    site: Option<Url>,
    /// Where elements stand that were written into.
    changed: HashSet<String>,
    /// The event that sets a checkbox because its label was clicked.
    toggled: Option<usize>,
    /// The field last acted on.
    field: Option<&'e Element>,
    title: String,
    path_words: Vec<String>,
    hovered: bool,
    draft: Step,
    carried: Carried,
}

impl<'e> Carrier<'e> {
    fn event(&mut self, events: &'e [Event], at: usize) {
        let event = &events[at];
        let number = event.number;
        match &event.deed {
            Deed::Navigate(url) => self.navigate(event, url),
            Deed::Click => self.click(events, at),
            Deed::DoubleClick => {
                self.note(
                    number,
                    "a double click",
                    "a flow clicks once",
                    "see whether one click does the same, in a browser",
                );
                self.click(events, at);
            }
            Deed::Change(value) => self.change(event, value),
            Deed::KeyDown(key) if is_enter(key) => self.enter(event),
            Deed::KeyDown(key) if matches!(key.as_str(), " " | "Space") => {
                // A space that was typed is part of a change and is not recorded as a key.
                self.note(number, "the space key", "not carried", "if it set a checkbox, add `choose = { \"#its-id\" = true }`; if it pressed a button, `click`");
                self.opened_by_itself(event);
            }
            Deed::KeyDown(_) | Deed::Idle => self.opened_by_itself(event),
            Deed::Hover => {
                if !self.hovered {
                    self.note(number, "the pointer rested on something (told once)", "not carried", "what only shows then can be clicked all the same over plain HTTP; in a browser, add `{ hover = … }` to the step's `do`");
                }
                self.hovered = true;
                self.opened_by_itself(event);
            }
            Deed::Present(present) => self.present(event, *present),
            Deed::Lost(what, todo) => {
                self.note(number, what, "not carried", todo);
                self.opened_by_itself(event);
            }
        }
    }

    fn note(&mut self, step: usize, what: &str, why: &str, todo: &str) {
        let said = format!("{what}: {why}; {todo}");
        let text = words::one_line(&self.secrets.blotted(&said), 400);
        self.draft.notes.push(Note { step, text });
    }

    /// Ends the step; notes of one that does nothing go to the next.
    fn flush(&mut self) {
        if self.draft.is_empty() {
            return;
        }
        let mut step = std::mem::take(&mut self.draft);
        if self.carried.steps.is_empty() && step.visit.is_none() {
            let first = step.notes.first().map_or(1, |note| note.step);
            self.carried.steps.push(Step {
                visit: Some("/".to_owned()),
                to: "/".to_owned(),
                notes: vec![Note {
                    step: first,
                    text: "the recording does not say which page it began on: the first one was \
                           put in its place; write the right address"
                        .to_owned(),
                }],
                ..Step::default()
            });
        }
        step.on.clone_from(&self.title);
        if step.words.is_empty() || !step.changes.is_empty() {
            step.words.extend(self.path_words.iter().cloned());
        }
        self.carried.steps.push(step);
        self.field = None;
    }

    /// Ends the step with the page that opened.
    fn arrive(&mut self, number: usize, navigation: &Navigation) {
        let url = navigation
            .url
            .as_deref()
            .and_then(|url| Url::parse(url).ok());
        let title = navigation.title.clone().unwrap_or_default();
        self.draft.to.clone_from(&title);
        let mut path_words = Vec::new();
        match url.filter(|url| matches!(url.scheme(), "http" | "https")) {
            Some(url) => {
                path_words = words::words(url.path());
                if self.site.is_none() {
                    self.site = Some(url.clone());
                }
                if self.reach(&url) {
                    let parts = words::any_record(url.path());
                    let parts: Vec<&str> = parts
                        .split('/')
                        .map(|part| if self.secrets.are_in(part) { "*" } else { part })
                        .collect();
                    self.draft.path = Some(self.secrets.template(&parts.join("/")));
                } else {
                    self.note(
                        number,
                        "a page of another host",
                        "its name holds a secret",
                        "add the host to `hosts` by hand",
                    );
                }
            }
            None => self.note(
                number,
                "a page opened",
                "its address was not recorded",
                "write what is to be seen then as `expect`",
            ),
        }
        if self.draft.visit.is_some() || self.draft.changes.is_empty() {
            self.draft.words.extend(path_words.iter().cloned());
        }
        self.flush();
        self.title = title;
        self.path_words = path_words;
    }

    /// Whether the flow may reach the address; another host than the site's is then listed.
    fn reach(&mut self, url: &Url) -> bool {
        if self.is_own(url) {
            return true;
        }
        let host = host_of(url);
        let safe = !self.secrets.are_in(&host);
        if safe {
            self.carried.hosts.insert(host);
        }
        safe
    }

    /// The site answers by http and https alike, where the ports are the usual ones.
    fn is_own(&self, url: &Url) -> bool {
        let own = |site: &Url| host_of(site) == host_of(url);
        self.site.as_ref().is_some_and(own)
    }

    fn navigate(&mut self, event: &Event, text: &str) {
        self.flush();
        let number = event.number;
        let url = match Url::parse(text) {
            Ok(url) if matches!(url.scheme(), "http" | "https") && url.has_host() => url,
            Ok(url) => {
                let what = format!("a page at `{}:`", url.scheme());
                self.note(
                    number,
                    &what,
                    "a flow reaches http and https only",
                    "nothing to do where it was only the browser's own first page",
                );
                return;
            }
            Err(_) => {
                self.note(
                    number,
                    "a page without a whole address",
                    "it cannot be opened",
                    "add a step with `visit`",
                );
                return;
            }
        };
        if self.site.is_none() {
            self.site = Some(url.clone());
        }
        let Some(address) = self.address(number, &url) else {
            return;
        };
        self.draft.visit = Some(address);
        match &event.navigation {
            Some(navigation) if navigation.url.is_some() => self.arrive(number, navigation),
            _ => {
                self.draft.words.extend(words::words(url.path()));
                self.flush();
                self.title = String::new();
                self.path_words = words::words(url.path());
            }
        }
    }

    /// The address as a flow writes it.
    fn address(&mut self, number: usize, url: &Url) -> Option<String> {
        let (mut address, doubts) = address::of(url);
        for (what, why, todo) in doubts {
            self.note(number, what, why, todo);
        }
        let reached = self.reach(url);
        if !self.is_own(url) || address.starts_with("//") {
            address = format!("{}://{}{address}", url.scheme(), host_of(url));
        }
        let written = self.secrets.template(&address);
        let begins = ["/", "http://", "https://", "${"];
        if reached && begins.iter().any(|begin| written.starts_with(begin)) {
            return Some(written);
        }
        self.note(
            number,
            "a page whose host holds a secret",
            "it cannot be written down",
            "add a step with `visit` by hand",
        );
        None
    }

    fn click(&mut self, events: &'e [Event], at: usize) {
        let event = &events[at];
        let element = &event.element;
        if let Some(navigation) = &event.navigation {
            self.name_end(element);
            match self.chosen(event, "a click") {
                Some(target) => self.draft.end = Some(("click", target)),
                None => self.go_instead(event.number, navigation),
            }
            self.arrive(event.number, navigation);
            return;
        }
        let next = events[at + 1..]
            .iter()
            .position(|next| !matches!(next.deed, Deed::Idle | Deed::KeyDown(_) | Deed::Hover))
            .map(|after| at + 1 + after);
        let is_toggle = element.is_toggle() || self.toggled == Some(at);
        if !is_toggle {
            // Clicking a field only puts the cursor into it.
            if element.is_list() || element.places().any(|place| self.changed.contains(place)) {
                self.field = Some(element);
                return;
            }
            if element.is_label() {
                // The browser clicks what the label is for, which is recorded next, or puts the
                // cursor into it, where something is entered next.
                let label_of = next.filter(|next| {
                    let next = &events[*next];
                    matches!(next.deed, Deed::Click)
                        && next.navigation.is_none()
                        && next.element.may_be_toggle()
                });
                if label_of.is_some() {
                    self.toggled = label_of;
                    return;
                }
                if next.is_some_and(|next| matches!(events[next].deed, Deed::Change(_))) {
                    return;
                }
            }
        }
        let guessed = !is_toggle
            && !element.is_button_or_link()
            && element.text().is_none()
            && matches!(element.tag().as_deref(), None | Some("input"))
            && !words::is_button(&element.words());
        if is_toggle || guessed {
            if let Some(target) = self.chosen(event, "a click") {
                if guessed {
                    let what = format!("a click on {target}");
                    self.note(event.number, &what, "taken for a checkbox, since no page followed and nothing was typed", "leave it out if it only put the cursor into a field; write `click` if it is a button");
                }
                let was = self
                    .draft
                    .changes
                    .iter()
                    .rev()
                    .find(|(other, _)| *other == target);
                let on = !matches!(was, Some((_, Change::Check(true))));
                self.set(target, Change::Check(on));
            }
            return;
        }
        self.name_end(element);
        if let Some(target) = self.chosen(event, "a click") {
            let what = format!("a click on {target}");
            self.note(
                event.number,
                &what,
                "no page followed, so a script answers it, which only the browser engine runs",
                "leave it out if the journey goes on without it",
            );
            self.carried.needs_browser = true;
            self.draft.end = Some(("click", target));
            self.flush();
        }
    }

    fn name_end(&mut self, element: &Element) {
        let called = element
            .name()
            .or_else(|| element.text())
            .unwrap_or_default();
        self.draft.called = called.to_owned();
        self.draft.words.extend(words::words(called));
    }

    /// Where what was clicked cannot be named, the page that came of it can be opened.
    fn go_instead(&mut self, number: usize, navigation: &Navigation) {
        let url = navigation
            .url
            .as_deref()
            .and_then(|url| Url::parse(url).ok());
        let url = url.filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host());
        if !self.draft.changes.is_empty() {
            return;
        }
        if let Some(url) = url
            && let Some(address) = self.address(number, &url)
        {
            self.note(
                number,
                "the page that followed",
                "opened by its address, since what was clicked cannot be named",
                "right for a link; for a button write `click` or `submit`",
            );
            self.draft.visit = Some(address);
        }
    }

    fn chosen(&mut self, event: &Event, what: &str) -> Option<Target> {
        let is_entered = matches!(event.deed, Deed::Change(_));
        let Some(Chosen { target, doubt }) = event.element.choose(self.secrets, is_entered) else {
            // What is to be read on a field is what was typed into it.
            let read = event.element.text().filter(|_| !is_entered);
            let called = event.element.name().or(read);
            let called = called.unwrap_or("something without a name");
            let what = format!("{what} on \"{}\"", words::one_line(called, 60));
            self.note(
                event.number,
                &what,
                "the recording has nothing for it that a flow can know it by",
                "look at the page, and write the step by hand with an `#id` or `[name=…]`",
            );
            return None;
        };
        let what = target.to_string();
        match doubt {
            None => {}
            Some(Doubt::Place) => self.note(
                event.number,
                &what,
                "stands on its place in the page, which changes easily",
                "an `#id`, `[name=…]` or `a[href='…']` is steadier, if the page has one",
            ),
            Some(Doubt::Shadow) => {
                self.carried.needs_browser = true;
                self.note(
                    event.number,
                    &what,
                    "is inside a shadow root, which the HTTP engine does not see",
                    "run the flow with the browser engine",
                );
            }
            Some(Doubt::Text) => self.note(
                event.number,
                &what,
                "a recording holds the beginning of a long text only",
                "write the whole of what is to be read there",
            ),
        }
        Some(target)
    }

    /// What happens to a field a second time counts; it keeps its place.
    fn set(&mut self, target: Target, change: Change) {
        let same =
            |other: &Change| std::mem::discriminant(other) == std::mem::discriminant(&change);
        let known = self.draft.changes.iter_mut();
        match known
            .into_iter()
            .find(|(other, its)| *other == target && same(its))
        {
            Some((_, its)) => *its = change,
            None => self.draft.changes.push((target, change)),
        }
    }

    fn change(&mut self, event: &'e Event, value: &str) {
        let element = &event.element;
        let number = event.number;
        self.field = Some(element);
        let words = element.words();
        if let Some(target) = self.chosen(event, "what was entered") {
            let called = target.to_string();
            if is_file(value) {
                let file = value.rsplit('\\').next().unwrap_or_default();
                let (document, kind) = words::document(&words, file);
                let made = kind.unwrap_or(Kind::Pdf);
                let why = format!(
                    "a made document goes in place of the file: {document}, as {made}, of 500KB"
                );
                let todo = match kind {
                    Some(_) => "set `document`, `kind` and `size` to what the site asks for",
                    None => {
                        "its kind is not made here; set one of jpeg, png, pdf that the site takes"
                    }
                };
                self.note(number, &called, &why, todo);
                self.set(target, Change::Upload(document, made));
            } else if value.len() > LONGEST_VALUE {
                self.note(
                    number,
                    &called,
                    "what was written into it is too long to carry",
                    "write a shorter text with `fill`",
                );
            } else if element.is_toggle() {
                let on = !matches!(value, "" | "off" | "false" | "0");
                self.set(target, Change::Check(on));
            } else if self.secrets.are_in(value) {
                self.draft.signs_in |= words::secret(&words, value).is_some_and(|name| {
                    matches!(name, "PROBE_PASSWORD" | "PROBE_PIN" | "PROBE_OTP")
                });
                if words::secret(&words, value) == Some("PROBE_OTP") {
                    self.note(number, &called, "a code that holds good once", "a flow cannot know the next one; ask the site's owner for an account without");
                }
                self.set(target, Change::Fill(value.to_owned()));
            } else if element.is_list() {
                self.set(target, Change::Choose(value.to_owned()));
            } else if words::is_list(&words, value) {
                self.note(
                    number,
                    &called,
                    "taken for a list to choose from, by its name and value",
                    "write `fill` in place of `choose` if it is a line to write into",
                );
                self.set(target, Change::Choose(value.to_owned()));
            } else {
                if let Some(name) = words::personal(&words, value) {
                    let todo = format!(
                        "if it is a real person's, write \"${{{name}}}\" in its place and add {name} to `needs`"
                    );
                    self.note(number, &called, "what was typed stands in this file", &todo);
                }
                if words::is_date(value) {
                    self.note(number, &called, "is set to a fixed day", "where the site wants one near today, write it as `${today-200d}` or `${today+1m}`");
                }
                self.set(target, Change::Fill(value.to_owned()));
            }
        }
        self.opened_by_itself(event);
    }

    fn enter(&mut self, event: &Event) {
        let number = event.number;
        let Some(navigation) = &event.navigation else {
            self.note(
                number,
                "the Enter key",
                "not carried, since no page followed",
                "if it sent a form, add `{ press = \"Enter\", on = … }` to the step's `do`",
            );
            return;
        };
        let field = self
            .field
            .and_then(|field| field.choose(self.secrets, true));
        match field.map(|chosen| chosen.target) {
            Some(field) => self.draft.end = Some(("press", field)),
            None => {
                self.note(
                    number,
                    "the Enter key",
                    "it is not known in which form it was pressed",
                    "add `submit` with the form's selector",
                );
                self.go_instead(number, navigation);
            }
        }
        self.arrive(number, navigation);
    }

    /// A page that opened although nothing was done that opens one.
    fn opened_by_itself(&mut self, event: &Event) {
        let Some(navigation) = &event.navigation else {
            return;
        };
        self.carried.needs_browser = true;
        self.note(
            event.number,
            "a page opened",
            "by itself or by a script, which only the browser engine runs",
            "add the `click` or `visit` that leads there",
        );
        if self.draft.is_empty() {
            self.go_instead(event.number, navigation);
        }
        self.arrive(event.number, navigation);
    }

    fn present(&mut self, event: &Event, present: bool) {
        self.flush();
        let Some(target) = self.chosen(event, "a wait for an element") else {
            return;
        };
        let css = target.css().map(str::to_owned);
        let (Some(css), Some(step)) = (css, self.carried.steps.last_mut()) else {
            self.note(
                event.number,
                &format!("a wait for {target}"),
                "no page was open, or no selector is known",
                "write what is to be seen then as `expect` of the step that opens the page",
            );
            return;
        };
        let list = if present {
            &mut step.present
        } else {
            &mut step.absent
        };
        if !list.contains(&css) {
            list.push(css);
        }
    }
}
