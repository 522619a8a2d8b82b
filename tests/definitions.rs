//! Files that people write: every mistake is found at once, at its place, with a hint.

use std::time::Duration;

use siaga::toml_reader::{Size, Source, parse_duration, parse_size};

use crate::harness::probing::probes;

fn lines(problems: &[siaga::toml_reader::Problem]) -> Vec<String> {
    problems.iter().map(ToString::to_string).collect()
}

#[test]
fn the_reader_reports_every_mistake_with_its_place() {
    let text = "
title = 7
retry = \"soon\"
lmit = \"2MB\"

[[thing]]
naem = \"é\"

[[thing]]
name = \"ok\"
size = \"2 apples\"
";
    let problems = Source::new("a.toml", text)
        .read(|root| {
            root.required::<String>("title");
            root.optional::<Duration>("retry");
            root.optional::<Size>("limit");
            root.required::<bool>("on");
            for mut thing in root.tables("thing") {
                thing.required::<String>("name");
                thing.optional::<Size>("size");
                thing.finish();
            }
            Some(())
        })
        .unwrap_err();
    assert_eq!(
        lines(&problems),
        [
            "a.toml:1:1: `on` is missing; add `on = …` here",
            "a.toml:2:9: `title` must be a string, found the integer 7",
            "a.toml:3:9: `retry` must be a duration such as \"90s\", \"250ms\", \"5m\", \"1h\" or \"7d\", found the string \"soon\"",
            "a.toml:4:1: unknown key `lmit`; did you mean `limit`?",
            "a.toml:6:1: `name` is missing; add `name = …` here",
            "a.toml:7:1: unknown key `naem`; did you mean `name`?",
            "a.toml:11:8: `size` must be a size such as \"1900KB\", \"2MB\", \"10KiB\" or a number of bytes, found the string \"2 apples\"",
        ]
    );
}

#[test]
fn mistakes_of_toml_itself_have_their_place() {
    let problems = Source::new("a.toml", "a = 1\nb = = 2\nc = \"x\na = 2\n").read(|_| Some(()));
    let problems = lines(&problems.unwrap_err());
    assert!(problems.len() >= 2, "{problems:#?}");
    assert!(problems[0].starts_with("a.toml:2:"), "{problems:#?}");
}

#[test]
fn durations_and_sizes() {
    assert_eq!(parse_duration("250ms"), Some(Duration::from_millis(250)));
    assert_eq!(parse_duration("1.5s"), Some(Duration::from_millis(1500)));
    assert_eq!(parse_duration("7d"), Some(Duration::from_secs(7 * 86_400)));
    for wrong in ["", "90", "s", "-1s", "1.s", "1h30m", "1e3s", "99999d"] {
        assert_eq!(parse_duration(wrong), None, "{wrong:?}");
    }
    assert_eq!(parse_size("1900KB"), Some(1_900_000));
    assert_eq!(parse_size("10KiB"), Some(10_240));
    assert_eq!(parse_size("2MB"), Some(2_000_000));
    for wrong in ["", "2", "MB", "-2MB", "2mb", "2 XB"] {
        assert_eq!(parse_size(wrong), None, "{wrong:?}");
    }
}

fn flow(text: &str) -> Result<siaga::probe::definition::Flow, Vec<String>> {
    let variables = ["REGISTER".to_owned()].into();
    siaga::probe::flow_file::read(&Source::new("f.toml", text), "f", Some(&variables))
        .map_err(|problems| lines(&problems))
}

/// A right beginning of four lines, then what is under test.
const HEAD: &str = "name = \"F\"\nevery = \"1m\"\nneeds = [\"EMAIL\"]\n\n";

/// Each text is wrong in one way (or a few), and exactly these lines are said of it.
#[test]
fn every_kind_of_mistake_in_a_flow_is_told_with_its_place() {
    let step = "[[step]]\nname = \"a\"\ncomponent = \"web\"\nvisit = \"/\"\n";
    let in_order =
        |actions: &str| format!("[[step]]\nname = \"a\"\ncomponent = \"web\"\ndo = {actions}\n");
    let cases: Vec<(String, Vec<&str>)> = vec![
        (format!("{step}expct = {{ status = 200 }}"), vec!["f.toml:9:1: unknown key `expct`; did you mean `expect`?",]),
        (format!("{step}expect = {{ stauts = 200 }}"), vec!["f.toml:9:12: unknown key `stauts`; did you mean `status`?",]),
        (format!("{step}expect = {{ status = \"ok\", path = \"web\" }}"), vec!["f.toml:9:21: `status` must be an integer from 0 to 65535, found the string \"ok\"", "f.toml:9:34: `path` must begin with `/`; `*` stands for anything, e.g. `/web/applications/*`",]),
        (format!("{step}expect = {{ status = [200, 999] }}"), vec!["f.toml:9:21: a status code is a number from 100 to 599",]),
        (format!("{step}expect = {{ json = {{ \"a.b\" = 1 }} }}"), vec!["f.toml:9:29: `a.b` is no JSON pointer; write `/a/b`",]),
        (format!("{step}expect = {{ css = \"a[\" }}"), vec!["f.toml:9:18: `a[` is no CSS selector: Unexpected EOL; e.g. `#email`, `input[name=email]`, `form.login`",]),
        (format!("{step}capture = {{ id = '(' }}"), vec!["f.toml:9:18: `(` is no regular expression: unclosed group",]),
        (format!("{step}capture = {{ ID = 'x', run = 'x' }}"), vec!["f.toml:9:18: `ID` cannot be the name of a capture; use lower-case letters, digits and underscores; `run` and `today` are built in", "f.toml:9:29: `run` cannot be the name of a capture; use lower-case letters, digits and underscores; `run` and `today` are built in",]),
        (format!("{step}capture = {{ id = {{ attribute = \"x\" }} }}"), vec!["f.toml:9:18: the capture does not say where it is taken from; give one of: css, json, header, cookie, url, regex", "f.toml:9:20: `attribute` without `css`; say of which element: `{ css = \"…\", attribute = \"…\" }`",]),
        (format!("{step}capture = {{ id = {{ css = \"a\", json = \"/a\" }} }}"), vec!["f.toml:9:18: a capture is taken from one place; give one of: css, json, header, cookie, url; `regex` may go with each or stand alone",]),
        (format!("{step}capture = {{ id = {{ json = \"a\" }} }}"), vec!["f.toml:9:27: `a` is no JSON pointer; write `/a`",]),
        (format!("{step}capture = {{ id = \"#register\" }}"), vec!["f.toml:9:18: `#register` is a selector, and a regular expression is meant here; write `{ css = \"#register\" }`; as a regular expression, write `(#register)`",]),
        (format!("{step}capture = {{ id = {{ regex = \"meta[name=csrf]\" }} }}"), vec!["f.toml:9:28: `meta[name=csrf]` is a selector, and a regular expression is meant here; write `{ css = \"meta[name=csrf]\" }`; as a regular expression, write `(meta[name=csrf])`",]),
        (format!("{step}capture = {{ id = \"main .register\" }}"), vec!["f.toml:9:18: `main .register` is a selector, and a regular expression is meant here; write `{ css = \"main .register\" }`; as a regular expression, write `(main .register)`",]),
        (format!("{step}capture = {{ id = {{ cookie = \"a b\" }} }}"), vec!["f.toml:9:29: no name of a cookie",]),
        (format!("{step}fill = {{ \"#e\" = \"${{totp:EMIAL}}\" }}"), vec!["f.toml:9:17: `EMIAL` is no secret that the flow needs; did you mean `${totp:EMAIL}`?",]),
        (format!("{step}fill = {{ \"#e\" = \"${{totp:a}}\" }}"), vec!["f.toml:9:17: `${totp:a}` names no secret; write e.g. `${totp:PROBE_TOTP}`",]),
        (format!("{step}fill = {{ \"#e\" = \"${{kind}}\" }}"), vec!["f.toml:9:17: nothing before this step captures `kind`; in the ladder's own step `${kind}` is the document's",]),
        (format!("{step}key = \"A b\""), vec!["f.toml:9:1: `A b` cannot be the key of a step; use lower-case letters, digits and hyphens",]),
        (format!("{step}key = \"a\""), vec!["f.toml:9:1: there are two steps with the key or name `a`; give each a key of its own",]),
        (format!("{step}key = \"first\"\n[ladder]\nstep = \"a\"\nkind = \"jpeg\"\nsize = \"1MB\"\nlimit = \"2MB\""), vec!["f.toml:11:1: there is no step named `a`; did you mean `first`?",]),
        (format!("{step}slow = \"1m\""), vec!["f.toml:9:1: `slow` is not below the step's time limit, so the step can never be slow; the limit is 30s; set `timeout` on the step to raise it",]),
        (format!("{step}timeout = \"2h\""), vec!["f.toml:9:1: `timeout` must be more than nothing and at most 1h",]),
        (format!("{step}body_limit = \"1GB\""), vec!["f.toml:9:1: `body_limit` must be from 1B to 50MB",]),
        (format!("{step}fill = {{ \"#e\" = \"${{EMIAL}}\" }}"), vec!["f.toml:9:17: `${EMIAL}` is neither needed nor a variable; did you mean `${EMAIL}`?",]),
        (format!("{step}fill = {{ \"#e\" = \"${{OTHER}}\" }}"), vec!["f.toml:9:17: `${OTHER}` is neither needed nor a variable; if it is a secret, add \"OTHER\" to `needs`; if not, to `[variables]` in siaga.toml",]),
        (format!("{step}fill = {{ \"#e\" = \"${{draft}}\" }}"), vec!["f.toml:9:17: nothing before this step captures `draft`; names in lower case are captured by an earlier step",]),
        (format!("{step}fill = {{ \"#e\" = \"${{today+x}} \" }}"), vec!["f.toml:9:17: `${today+x}` is no date; write `${today}`, `${today+30d}`, `${today-1y}` or `${today+2m:%d/%m/%Y}`",]),
        (format!("{step}fill = {{ \"#e\" = \"${{no\" }}"), vec!["f.toml:9:17: `${` without a closing `}`; a literal one is written `$${`",]),
        (format!("{step}fill = {{ \"#e\" = \"${{a b}}\" }}"), vec!["f.toml:9:17: `${a b}` is no name; secrets and variables are written in capitals, captures in lower case",]),
        (format!("{step}fill = [\"#e\"]"), vec!["f.toml:9:8: `fill` must be a table, found an array",]),
        (format!("{step}choose = {{ \"#e\" = 3 }}"), vec!["f.toml:9:19: `#e` must be a value or visible label, an array of them, or true or false for a checkbox, found the integer 3",]),
        (format!("{step}submit = \"#a\"\nclick = \"#b\""), vec!["f.toml:10:1: `submit` and `click` cannot stand in one step; make two steps of it, or write both into `do = [ … ]`",]),
        (format!("{step}request = {{ path = \"/\" }}"), vec!["f.toml:8:1: `request` and `visit` cannot stand in one step; make two steps of it, or write both into `do = [ … ]`",]),
        (format!("{step}mail = {{ to = \"a\", within = \"2h\" }}\nexpect = {{ text = \"x\" }}"), vec!["f.toml:8:1: `mail` and `visit` cannot stand in one step; make two steps of it", "f.toml:9:8: `subject` is missing; add `subject = …` here", "f.toml:9:20: `within` must be more than nothing and at most 1h", "f.toml:10:1: `expect` does not go with `mail`; a mail has `text` and `capture` of its own, inside `mail = { … }`",]),
        (format!("{step}upload = {{ \"#f\" = {{ document = \"pasport\", kind = \"gif\", size = \"1MB\" }} }}"), vec!["f.toml:9:32: there is no document `pasport`; there are: passport, photo, application, guarantee, kitas, ktp, sktt, power-of-attorney", "f.toml:9:50: there is no kind of document `gif`; there are: jpeg, png, pdf",]),
        (format!("{step}upload = {{ \"#f\" = {{ document = \"passport\", kind = \"pdf\", size = 20 }} }}"), vec!["f.toml:9:58: the document `passport` as pdf cannot be made in 20 bytes; the smallest possible are 9889",]),
        (format!("{step}\n{step}"), vec!["f.toml:11:1: there are two steps named `a`; give each a name of its own: reports and the ladder tell them apart by it",]),
        (format!("{step}\n[ladder]\nstep = \"A\"\nkind = \"jpeg\"\nsize = []\nlimit = \"2MB\""), vec!["f.toml:11:1: there is no step named `A`; did you mean `a`?", "f.toml:13:1: `size` is empty: there is nothing to try",]),
        (format!("{step}\n[ladder]\nstep = \"a\"\nkind = \"jpeg\"\nlimit = \"2MB\""), vec!["f.toml:10:1: `size` is missing; add `size = …` here", "f.toml:11:1: the step `a` does not upload exactly one document; a ladder needs a step with one `upload`",]),
        ("[[step]]\nname = \"a\"\ncomponent = \"Web Site\"\nvisit = \"file:///etc/passwd\"".into(), vec!["f.toml:7:13: `component` must be a component's key: lower-case letters, digits and single hyphens, at most 40, found the string \"Web Site\"", "f.toml:8:9: `file:` addresses cannot be reached from a flow; only http and https can",]),
        ("[[step]]\nname = \"a\"\ncomponent = \"web\"\nvisit = \"login\"".into(), vec!["f.toml:8:9: `visit` must begin with `/` or be a whole address; write `/login`",]),
        ("[[step]]\nname = \"a\"\ncomponent = \"web\"\nvisit = \"//other.example/\"".into(), vec!["f.toml:8:9: `visit` must begin with `/` or be a whole address; write `https://other.example/`",]),
        ("[[step]]\nname = \"a\"\nvisit = \"/\"".into(), vec!["f.toml:5:1: `component` is missing; say which line of the status page the step speaks for, e.g. `component = \"sign-in\"`",]),
        ("[[step]]\nname = \"a\"\ncomponent = \"web\"".into(), vec!["f.toml:5:1: the step does nothing; give it one of: do, visit, fill, choose, upload, submit, click, request, mail, wait",]),
        ("[[step]]\nname = \"a\"\ncomponent = \"web\"\nsubmit = \"#f\"".into(), vec!["f.toml:5:1: the first step has no page to act on; begin with `visit` or `request`",]),
        ("[[step]]\nname = \"a\"\ncomponent = \"web\"\nrequest = { method = \"get\", json = 1, body = \"x\" }".into(), vec!["f.toml:8:11: `path` is missing; add `path = …` here", "f.toml:8:11: a request has one body; give one of: json, form, multipart, body", "f.toml:8:22: `method` must be one of `GET`, `POST`, `PUT`, `PATCH`, `DELETE`, `HEAD`, `OPTIONS`, found the string \"get\"",]),
        ("[[step]]\nname = \"a\"\ncomponent = \"web\"\nrequest = { path = \"/\", headers = { \"a b\" = \"c\" } }".into(), vec!["f.toml:8:45: `a b` is no name of a header",]),
        (format!("{step}do = [{{ click = \"#a\" }}]"), vec!["f.toml:8:1: `do` and `visit` cannot stand in one step; write all that the step does into `do`, in the order in which it is done",]),
        (in_order("[]"), vec!["f.toml:8:6: `do` is empty; e.g. `do = [{ click = \"#next\" }]`",]),
        (in_order("{ visit = \"/\" }"), vec!["f.toml:8:6: `do` must be an array, found a table",]),
        (in_order("[{ visit = \"/\" }, \"#a\"]"), vec!["f.toml:8:24: `do` must be a table, found the string \"#a\"",]),
        (in_order("[{ visit = \"/\" }, { clik = \"#a\" }]"), vec!["f.toml:8:24: the action has no verb; did you mean `click`?",]),
        (in_order("[{ visit = \"/\" }, { on = \"#a\" }]"), vec!["f.toml:8:24: the action has no verb; give it one of: visit, fill, choose, upload, submit, click, hover, press, request",]),
        (in_order("[{ visit = \"/\", click = \"#a\" }]"), vec!["f.toml:8:7: `visit` and `click` cannot stand in one action; make two actions of it, in the order in which they are done",]),
        (in_order("[{ visit = \"/\", optional = true }]"), vec!["f.toml:8:33: `optional` excuses a missing element, and `visit` is done to none here; take it out",]),
        (in_order("[{ visit = \"/\" }, { click = \"#a\", optional = 1 }]"), vec!["f.toml:8:51: `optional` must be true or false, found the integer 1",]),
        (in_order("[{ visit = \"/\" }, { click = \"#a\", value = \"x\" }]"), vec!["f.toml:8:40: unknown key `value`; known here: `click`, `optional`",]),
        (in_order("[{ visit = \"/\" }, { fill = \"#a\" }]"), vec!["f.toml:8:24: `value` is missing; add `value = …` here",]),
        (in_order("[{ visit = \"/\" }, { fill = \"#a[\", value = \"x\" }]"), vec!["f.toml:8:33: `#a[` is no CSS selector: Unexpected EOL; e.g. `#email`, `input[name=email]`, `form.login`",]),
        (in_order("[{ visit = \"/\" }, { upload = \"#a\", document = \"passport\" }]"), vec!["f.toml:8:24: `kind` is missing; add `kind = …` here", "f.toml:8:24: `size` is missing; add `size = …` here",]),
        (in_order("[{ visit = \"/\" }, { press = \"Entr\", on = \"#a\" }]"), vec!["f.toml:8:34: there is no key `Entr`; did you mean `Enter`?",]),
        (in_order("[{ visit = \"/\" }, { press = \"Enter\" }]"), vec!["f.toml:8:34: over plain HTTP no field has the keyboard, so `press` must say where; add the field: `{ press = \"Enter\", on = \"#q\" }`",]),
        (in_order("[{ visit = \"/\" }, { press = \"Tab\", on = \"#a\" }]"), vec!["f.toml:8:34: a key other than Enter needs a browser, and the step also runs without one; give the step `engine = \"browser\"`",]),
        (in_order("[{ visit = \"/\" }, { hover = \"#a\" }]"), vec!["f.toml:8:34: `hover` needs a browser, and the step also runs without one; give the step `engine = \"browser\"`",]),
        (in_order("[{ visit = \"/\" }, { click = { buton = \"a\" } }]"), vec!["f.toml:8:34: the table does not say what the element is known by; did you mean `button`?",]),
        (in_order("[{ visit = \"/\" }, { click = { nth = 2 } }]"), vec!["f.toml:8:34: the table does not say what the element is known by; give one of: css, text, label, button, link, role",]),
        (in_order("[{ visit = \"/\" }, { click = { css = \"a\", text = \"b\" } }]"), vec!["f.toml:8:47: an element is known by one thing, and this one by `css` and `text`; take one out; `in` and `nth` tell several apart",]),
        (in_order("[{ visit = \"/\" }, { click = { text = \"\" } }]"), vec!["f.toml:8:43: `text` is empty; write the words that a person reads",]),
        (in_order("[{ visit = \"/\" }, { click = { text = \"a\", name = \"b\" } }]"), vec!["f.toml:8:55: `name` goes with `role`, and not with `text`; `text` holds the words itself: take `name` out",]),
        (in_order("[{ visit = \"/\" }, { click = { role = \"buton\" } }]"), vec!["f.toml:8:43: there is no role `buton`; did you mean `button`?",]),
        (in_order("[{ visit = \"/\" }, { click = { text = \"a\", nth = 0 } }]"), vec!["f.toml:8:48: `nth` is counted from 1; write 1 for the first",]),
        (in_order("[{ visit = \"/\" }, { click = { text = \"a\", nth = \"2\" } }]"), vec!["f.toml:8:54: `nth` must be an integer from 0 to 18446744073709551615, found the string \"2\"",]),
        (in_order("[{ visit = \"/\" }, { click = { text = \"a\", in = \"#a[\" } }]"), vec!["f.toml:8:53: `#a[` is no CSS selector: Unexpected EOL; e.g. `#email`, `input[name=email]`, `form.login`",]),
        (in_order("[{ visit = \"/\" }, { click = { text = \"a\", frame = \"iframe\" } }]"), vec!["f.toml:8:56: `frame` needs a browser, and the step also runs without one; give the step `engine = \"browser\"`",]),
        (in_order("[{ visit = \"/\" }, { click = { text = \"a\", fram = \"b\" } }]"), vec!["f.toml:8:48: unknown key `fram`; did you mean `frame`?",]),
        (in_order("[{ visit = \"/\" }, { click = 3 }]"), vec!["f.toml:8:34: `click` must be a CSS selector, or a table such as { button = \"Kirim\" }, found the integer 3",]),
        (in_order("[{ click = \"#a\" }]"), vec!["f.toml:5:1: the first step has no page to act on; begin with `visit` or `request`",]),
        (format!("{}mail = {{ to = \"a\", subject = \"b\", within = \"1m\" }}", in_order("[{ visit = \"/\" }]")), vec!["f.toml:9:1: `do` and `mail` cannot stand in one step; make two steps of it",]),
        ("".into(), vec!["f.toml:1:1: a flow without a step; add a `[[step]]`",]),
        ("steps = 1".into(), vec!["f.toml:1:1: a flow without a step; add a `[[step]]`", "f.toml:5:1: unknown key `steps`; did you mean `step`?",]),
    ];
    let mut wrong = Vec::new();
    for (text, said) in cases {
        let found = flow(&format!("{HEAD}{text}")).map(drop).unwrap_err();
        if found != said {
            wrong.push(format!("{text}\nfound {found:#?}\nnot {said:#?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn mistakes_in_the_head_of_a_flow_are_told() {
    let text = "name = 3\nevery = { htp = \"1m\", browser = \"10ms\" }\ntimeout = \"2h\"\n\
                needs = [\"email\", 4]\nrole = \"contrl\"\n[[step]]\nname = \"a\"\n\
                component = \"web\"\nvisit = \"/\"\n";
    let found = flow(text).map(drop).unwrap_err();
    assert_eq!(
        found,
        [
            "f.toml:1:8: `name` must be a text, or one in both languages, { id = \"…\", en = \"…\" }, found the integer 3",
            "f.toml:2:11: unknown key `htp`; did you mean `http`?",
            "f.toml:2:33: `browser` must be at least 1s",
            "f.toml:3:1: `timeout` must be more than nothing and at most 1h",
            "f.toml:4:10: `email` cannot be the name of a secret; use capitals, digits and underscores, e.g. `PROBE_PASSWORD`",
            "f.toml:4:19: `needs` must be a string, found the integer 4",
            "f.toml:5:8: `role` must be \"site\" or \"control\", found the string \"contrl\"",
        ]
    );
}

/// Steps that need a browser, after the line of `every`.
#[test]
fn steps_that_need_a_browser_are_held_to_the_engines_of_the_flow() {
    let both = "every = { http = \"1m\", browser = \"10m\" }";
    let step = |name: &str, keys: &str| {
        format!("[[step]]\nname = \"{name}\"\ncomponent = \"web\"\n{keys}\n")
    };
    let cases = [
        (
            both,
            step("a", "visit = \"/\"\nengine = \"brwser\""),
            vec![
                "f.toml:7:10: there is no engine `brwser` that a step can ask for; did you mean `browser`?",
            ],
        ),
        (
            both,
            step("a", "visit = \"/\"\nengine = \"http\""),
            vec![
                "f.toml:7:10: no step is for plain HTTP only; take `engine` out: without it a step runs on both engines",
            ],
        ),
        (
            both,
            step("a", "visit = \"/\"\nengine = true"),
            vec!["f.toml:7:10: `engine` must be \"browser\", found the boolean true"],
        ),
        (
            both,
            step("a", "visit = \"/\"\nengine = \"browser\""),
            vec![
                "f.toml:2:1: `every` has an interval for plain HTTP, but every step needs a browser; write `every = { browser = \"10m\" }`, or take `engine = \"browser\"` off a step",
            ],
        ),
        (
            both,
            step("a", "visit = \"/\"\nengine = \"browser\"") + &step("b", "click = \"#b\""),
            vec![
                "f.toml:8:1: over plain HTTP this is the first step, and it has no page to act on; begin it with `visit`, or give it `engine = \"browser\"` too",
            ],
        ),
        (
            both,
            step("a", "visit = \"/\"")
                + &step(
                    "b",
                    "click = \"#b\"\nengine = \"browser\"\ncapture = { id = 'x' }",
                )
                + &step("c", "visit = \"/${id}\""),
            vec![
                "f.toml:16:9: `id` is captured only where there is a browser, and this step also runs without one; give this step `engine = \"browser\"` too",
            ],
        ),
        (
            "every = \"1m\"",
            step("a", "visit = \"/\"") + &step("b", "click = \"#b\"\nengine = \"browser\""),
            vec![
                "f.toml:11:1: the step needs a browser, and the flow is never run in one; add `browser` to `every`, e.g. `every = { http = \"1m\", browser = \"10m\" }`",
            ],
        ),
        (
            "every = \"1m\"",
            step("a", "visit = \"/\"")
                + &step(
                    "b",
                    "engine = \"browser\"\nupload = { \"#f\" = { document = \"passport\", kind = \"jpeg\", size = \"1MB\" } }",
                )
                + "[ladder]\nstep = \"b\"\nkind = \"jpeg\"\nsize = \"1MB\"\nlimit = \"2MB\"\n",
            vec![
                "f.toml:10:1: the step needs a browser, and the flow is never run in one; add `browser` to `every`, e.g. `every = { http = \"1m\", browser = \"10m\" }`",
            ],
        ),
    ];
    for (every, steps, said) in cases {
        let text = format!("name = \"F\"\n{every}\n\n{steps}").replacen("\n\n", "\n", 1);
        let found = flow(&text).map(drop).unwrap_err();
        assert_eq!(found, said, "{text}");
    }
    // Right: captured on both engines, used by its like, and in cleanup.
    let text = format!(
        "name = \"F\"\n{both}\n{}{}{}[[cleanup]]\nname = \"d\"\nvisit = \"/${{shown}}\"\n[[cleanup]]\nname = \"e\"\nengine = \"browser\"\nvisit = \"/\"\n",
        step("a", "visit = \"/\"\ncapture = { id = 'x' }"),
        step(
            "b",
            "visit = \"/${id}\"\nengine = \"browser\"\ncapture = { id = 'y', shown = 'z' }"
        ),
        step("c", "visit = \"/${id}/${shown}\"\nengine = \"browser\""),
    );
    let flow = flow(&text).unwrap();
    let needs: Vec<bool> = flow
        .steps
        .iter()
        .chain(&flow.cleanup)
        .map(|step| step.needs_browser)
        .collect();
    assert_eq!(needs, [false, true, true, false, true]);
}

#[test]
fn the_example_of_the_design_is_understood() {
    let text = r##"
name    = "Stay-permit extension"
every   = { http = "1m", browser = "10m" }
timeout = "90s"
needs   = ["PROBE_EMAIL", "PROBE_PASSWORD"]

[[step]]
name      = "Sign in"
component = "sign-in"
visit     = "/front/login"
fill      = { "#email" = "${PROBE_EMAIL}", "#password" = "${PROBE_PASSWORD}" }
submit    = "#login"
expect    = { status = 200, path = "/web/applications", text = "Daftar permohonan", not_text = "Sesi berakhir" }
capture   = { token = { css = "meta[name=csrf]", attribute = "content" }, draft = { url = true, regex = '(\d+)$' } }
slow      = "3s"

[[step]]
name      = "Upload the passport page"
component = "upload"
upload    = { "#passport" = { document = "passport", kind = "jpeg", size = "1900KB" } }
submit    = "#documents"
expect    = { css = ".uploaded[data-name=passport]" }

[[step]]
name      = "The payment notice arrives"
component = "notification"
mail      = { to = "${PROBE_EMAIL}", subject = "Kode billing", within = "5m", capture = { billing = '(\d{15})' } }

[[cleanup]]
name   = "Withdraw the draft"
visit  = "/web/applications/${draft}/withdraw"

[ladder]
step  = "Upload the passport page"
kind  = ["jpeg", "pdf"]
size  = ["100KB", "500KB", "1MB", "1900KB", "2100KB"]
limit = "2MB"
"##;
    let flow = flow(text).unwrap();
    let browser = flow.every.browser.unwrap();
    assert_eq!(browser, Duration::from_secs(600));
    assert_eq!(flow.steps.len(), 3);
    assert_eq!(flow.cleanup.len(), 1);
    let ladder = flow.ladder.unwrap();
    let rungs: Vec<String> = (0..11)
        .map(|turn| ladder.rung(turn))
        .map(|(kind, size)| format!("{kind} {size}"))
        .collect();
    assert_eq!(rungs[0], "jpeg 100000");
    assert_eq!(rungs[4], "jpeg 2100000");
    assert_eq!(rungs[5], "pdf 100000");
    assert_eq!(rungs[10], rungs[0]);
}

#[test]
fn the_flows_that_come_with_siaga_are_right() {
    let flows = siaga::probe::flow_file::open_all(&probes(), Some(&Default::default()));
    let flows = flows.unwrap_or_else(|problems| panic!("{:#?}", lines(&problems)));
    let keys: Vec<&str> = flows.iter().map(|flow| flow.key.as_str()).collect();
    assert_eq!(
        keys,
        [
            "controls",
            "extension",
            "front-end",
            "public-pages",
            "tracking"
        ]
    );
}

#[test]
fn patterns_that_look_like_no_selector_are_patterns() {
    for pattern in [
        r"(\d{15})",
        "^(\\d+)$",
        "[0-9]+",
        "[a-z]",
        "(#register)",
        "no. ([A-Z]+)",
        "Kode",
        "a.*b",
        r"token=(\w+)",
        "[a-z]+ [0-9]+",
        "#(\\w+)",
    ] {
        let text = format!(
            "{HEAD}[[step]]\nname = \"a\"\ncomponent = \"web\"\nvisit = \"/\"\ncapture = {{ id = '{pattern}' }}"
        );
        assert!(
            flow(&text).is_ok(),
            "{pattern}: {:?}",
            flow(&text).map(drop)
        );
    }
}

/// The secret of the RFC's own examples, `12345678901234567890`.
const RFC_6238: &str = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";

fn at_second(second: i64) -> siaga::domain::Moment {
    jiff::Timestamp::from_second(second).unwrap().into()
}

#[test]
fn one_time_codes_are_those_of_the_standard() {
    use siaga::probe::totp::code;
    for (second, expected) in [
        (59, "287082"),
        (1_111_111_109, "081804"),
        (1_111_111_111, "050471"),
        (1_234_567_890, "005924"),
        (2_000_000_000, "279037"),
        (20_000_000_000, "353130"),
    ] {
        assert_eq!(
            code(RFC_6238, at_second(second)).unwrap(),
            expected,
            "{second}"
        );
    }
    let as_people_copy_it = "gezd gnbv-gy3t qojq GEZD GNBV GY3T QOJQ====";
    assert_eq!(code(as_people_copy_it, at_second(59)).unwrap(), "287082");
    for wrong in ["", " ", "0189", "ABC!"] {
        assert_eq!(code(wrong, at_second(59)), None, "{wrong}");
    }
}

#[test]
fn names_in_strings_are_expanded() {
    use siaga::probe::template::{Lazy, Scope, Template};
    let scope = Scope {
        given: [
            ("EMAIL".to_owned(), "a@b".to_owned()),
            ("TOTP".to_owned(), RFC_6238.to_owned()),
        ]
        .into(),
        captured: [("id".to_owned(), "7".to_owned())].into(),
        run: Lazy::new(Box::new(|| "r1".to_owned())),
        today: jiff::civil::date(2026, 1, 31),
        now: at_second(1_111_111_109),
        document: [("kind", "pdf".to_owned())].into(),
        cookies: [].into(),
    };
    for (text, expanded) in [
        ("", ""),
        ("plain", "plain"),
        ("<${EMAIL}/${id}/${run}>", "<a@b/7/r1>"),
        (
            "${today} ${today+1m} ${today-1y:%d/%m/%Y}",
            "2026-01-31 2026-02-28 31/01/2025",
        ),
        ("${totp:TOTP} ${kind}", "081804 pdf"),
        ("$${EMAIL} costs $5", "${EMAIL} costs $5"),
    ] {
        assert_eq!(
            Template::parse(text).unwrap().expand(&scope).unwrap(),
            expanded,
            "{text}"
        );
    }
    let missing = Template::parse("${OTHER}")
        .unwrap()
        .expand(&scope)
        .unwrap_err();
    assert_eq!(missing.to_string(), "`${OTHER}` has no value");
}
