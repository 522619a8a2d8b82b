//! What the cases are made of: the odd things that pages, headers and cookies have in them.

use encoding_rs::{
    BIG5, EUC_JP, GBK, ISO_8859_2, SHIFT_JIS, UTF_8, WINDOWS_1251, WINDOWS_1252, WINDOWS_1256,
};

use super::generator::{Case, Charset, Choices, Route};

fn route(path: &'static str) -> Route {
    Route {
        path,
        status: "200 OK",
        headers: Vec::new(),
        body: Vec::new(),
        encoding: Charset::Of(UTF_8),
        codings: Vec::new(),
    }
}

fn html(path: &'static str, body: &str) -> Route {
    let mut route = route(path);
    route
        .headers
        .push("Content-Type: text/html; charset=utf-8".to_owned());
    route.body.push(body.to_owned());
    route
}

/// A page in some encoding that is told in some way, and what may be written in it.
fn page(choices: &mut Choices, path: &'static str) -> (Route, &'static [&'static str]) {
    const ASCII: &[&str] = &["x", "a b", "1+1=2&c", "<q>"];
    const LATIN: &[&str] = &["x", "é", "Jörg ß", "a&b=c", "\u{a0}n"];
    const ANY: &[&str] = &["x", "é€", "日本", "😀 z", "\u{5d0}\u{5d1}", "a+b %41"];
    const JAPANESE: &[&str] = &["x", "日本語", "カナ", "a&b"];
    const CYRILLIC: &[&str] = &["x", "Привет", "№ 5"];
    const ARABIC: &[&str] = &["x", "سلام", "a"];
    let mut page = route(path);
    if !choices.once_in(4) {
        page.body.push("<!doctype html>".to_owned());
    }
    let (encoding, label, words): (Charset, &str, &[&str]) = match choices.below(14) {
        0..4 => (Charset::Of(UTF_8), "utf-8", ANY),
        4..6 => (Charset::Of(WINDOWS_1252), "iso-8859-1", LATIN),
        6 => (Charset::Of(SHIFT_JIS), "shift_jis", JAPANESE),
        7 => (Charset::Of(WINDOWS_1251), "windows-1251", CYRILLIC),
        8 => (Charset::Of(GBK), "gb2312", JAPANESE),
        9 => (Charset::Of(EUC_JP), "euc-jp", JAPANESE),
        10 => (Charset::Of(BIG5), "big5", &["x", "日本", "a"]),
        11 => (Charset::Of(WINDOWS_1256), "windows-1256", ARABIC),
        12 => (Charset::Of(ISO_8859_2), "latin2", &["x", "Łódź"]),
        _ => (Charset::Of(UTF_8), "", ASCII),
    };
    page.encoding = encoding;
    let bare = "Content-Type: text/html".to_owned();
    match choices.below(9) {
        _ if label.is_empty() => page.headers.push(bare),
        0..3 => page
            .headers
            .push(format!("Content-Type: text/html; charset={label}")),
        3 => page.headers.push(format!(
            "Content-Type: text/html;charset=\"{}\" ; x=y",
            label.to_uppercase()
        )),
        4 => {
            page.headers.push(bare);
            page.body.push(format!("<meta charset='{label}'>"));
        }
        5 => {
            page.headers.push(bare);
            page.body.push(format!(
                "<meta http-equiv=Content-Type content='text/html; charset={label}'>"
            ));
        }
        6 => {
            page.headers.push(bare);
            page.body.push(format!("<!--{}-->", "x".repeat(1100)));
            page.body.push(format!("<meta charset={label}>"));
        }
        7 => {
            page.headers.push(bare);
            page.headers
                .push(format!("Content-Type: text/html; charset={label}"));
        }
        _ => {
            page.headers
                .push(format!("Content-Type: text/html; charset={label}"));
            page.body.push("<meta charset=koi8-r>".to_owned());
        }
    }
    if words == ANY && choices.once_in(5) {
        page.encoding = match choices.below(2) {
            0 => Charset::MarkedUtf8,
            _ => Charset::MarkedUtf16,
        };
    }
    (page, words)
}

const ENCTYPES: [&str; 6] = [
    "",
    "",
    " enctype=multipart/form-data",
    " enctype=text/plain",
    " enctype=application/x-www-form-urlencoded",
    " enctype=nonsense",
];
const ACTIONS: [&str; 14] = [
    " action=/echo",
    " action=/echo",
    " action='/echo?q=1'",
    " action='/echo?q=é#f'",
    "",
    " action=''",
    " action='#x'",
    " action='?a=b'",
    " action=' /echo '",
    " action='echo/../x/./y'",
    " action='//x.@HOST@/echo'",
    " action='http://@HOST@/é/ü ß'",
    " action='/moved'",
    " action='\\echo\\x'",
];

/// An attribute's value as it stands in markup.
fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('&', "&amp;").replace('"', "&quot;"))
}

/// A form in one of the ways in which people write them, filled and sent.
pub(super) fn form(choices: &mut Choices) -> Case {
    let mut case = Case::new("form");
    let (mut page, words) = page(choices, "/");
    if choices.once_in(10) {
        page.body.push("<base href=/based/>".to_owned());
    }
    let method = choices.pick(&[
        " method=post",
        " method=POST",
        " method=get",
        "",
        " method=put",
    ]);
    let charset = choices.pick(&[
        "",
        "",
        "",
        "",
        "",
        " accept-charset=utf-8",
        " accept-charset='nonsense iso-8859-1'",
        " accept-charset=windows-1251",
    ]);
    let checked = choices.pick(&["", "", "", " novalidate"]);
    let (enctype, action) = (choices.pick(&ENCTYPES), choices.pick(&ACTIONS));
    let form = format!("<form id=f{method}{action}{enctype}{charset}{checked}>");
    let (before, after) = match choices.below(9) {
        0 => (
            format!("<table>{form}<tr><td>"),
            "</td></tr></form></table>".to_owned(),
        ),
        1 => (format!("<div>{form}</div>"), "</form>".to_owned()),
        2 => (
            format!("<p>{form}<form id=g action=/inner>"),
            "</form></form>".to_owned(),
        ),
        3 => (
            format!("{form}<table><tr><form id=g><td>"),
            "</table></form>".to_owned(),
        ),
        4 => (format!("{form}<div></form>"), "</div>".to_owned()),
        5 => (format!("<b>{form}<p></b>"), "</form>".to_owned()),
        _ => (form, "</form>".to_owned()),
    };
    page.body.push(before);
    let mut act = Vec::new();
    let count = 1 + choices.below(6);
    for number in 0..count {
        let field = field(choices, number, words, &mut act);
        page.body.push(field);
    }
    let mut sends = vec!["submit = \"#f\"".to_owned()];
    for number in 0..choices.below(3) {
        let button = button(choices, number, words);
        page.body.push(button);
        sends.push(format!("submit = \"#b{number}\""));
    }
    page.body.push(after);
    if choices.once_in(4) {
        page.body.push(format!(
            "<input form=f name=outside value={}>",
            quoted(choices.pick(words))
        ));
    }
    if choices.once_in(6) {
        page.body
            .push("<button id=b9 form=f name=far>Jauh</button>".to_owned());
        sends.push("submit = \"#b9\"".to_owned());
    }
    case.routes.push(page);
    let mut moved = html("/moved", "");
    moved.status = choices.pick(&["301 M", "302 F", "303 S", "307 T", "308 P"]);
    moved.headers.push(format!(
        "Location: {}",
        choices.pick(&["/there?x=1", "there", "?y", "//@HOST@/z"])
    ));
    case.routes.push(moved);
    case.steps.push(vec!["visit = \"@SITE@/\"".to_owned()]);
    let send = sends[choices.below(sends.len())].clone();
    case.steps.push([vec![send], act].concat());
    case
}

fn button(choices: &mut Choices, number: usize, words: &[&'static str]) -> String {
    let mut attributes = String::new();
    if !choices.once_in(4) {
        attributes.push_str(&format!(" name=go value={}", quoted(choices.pick(words))));
    }
    attributes.push_str(choices.pick(&[
        "",
        "",
        "",
        " formaction=/other",
        " formmethod=post",
        " formmethod=get",
        " formenctype=multipart/form-data",
        " formnovalidate",
        " formaction=''",
    ]));
    match choices.below(3) {
        0 => format!("<input type=submit id=b{number}{attributes}>"),
        1 => format!("<button id=b{number} type=nonsense{attributes}>Kirim</button>"),
        _ => format!("<button id=b{number}{attributes}>Kirim</button>"),
    }
}

fn field(
    choices: &mut Choices,
    number: usize,
    words: &[&'static str],
    act: &mut Vec<String>,
) -> String {
    const NAMES: [&str; 10] = [
        "a",
        "b",
        "a",
        "x[]",
        "",
        "_charset_",
        "na me",
        "q\"q",
        "é",
        "n&#10;l",
    ];
    let name = choices.pick(&NAMES);
    let name = match name {
        "" => String::new(),
        name if name.is_ascii() || words.contains(&"é") || words.contains(&"é€") => {
            format!(" name={}", quoted(name).replace("&amp;#10;", "&#10;"))
        }
        _ => " name=n".to_owned(),
    };
    let id = format!(" id=i{number}");
    let more = choices.pick(&[
        "",
        "",
        "",
        "",
        "",
        "",
        " disabled",
        " readonly",
        " required",
        " dirname=dir",
        " dirname=dir dir=rtl",
        " form=f",
        " form=nowhere",
    ]);
    let word = choices.pick(words);
    let mut fill = |choices: &mut Choices, texts: &[&str]| {
        if choices.once_in(3) && !matches!(more, " disabled" | " readonly") {
            let text = choices.pick(texts);
            act.push(format!("fill.\"#i{number}\" = {text:?}"));
        }
    };
    match choices.below(20) {
        0..4 => {
            let kind = choices.pick(&[
                "",
                " type=text",
                " type=search",
                " type=tel",
                " type=password",
                " type=nonsense",
                " type=TEXT",
            ]);
            let rule = choices.pick(&[
                "",
                "",
                "",
                "",
                " pattern='[0-9]{2}'",
                " pattern='x.*'",
                " minlength=3",
                " maxlength=5",
            ]);
            fill(choices, &["x", "12", "é ", " y ", "x&y=z", "日", "abc"]);
            format!("<input{kind}{id}{name}{more}{rule} value={}>", quoted(word))
        }
        4 => {
            let value = choices.pick(&[
                "",
                "a@b.c",
                " a@b.c ",
                "a@b",
                "not",
                "a@b..c",
                "a@b.c, d@e.f",
            ]);
            let many = choices.pick(&["", "", " multiple"]);
            fill(choices, &["a@b.c", "x@y", "no", "x@-y.z"]);
            format!("<input type=email{many}{id}{name}{more} value='{value}'>")
        }
        5 => {
            let value = choices.pick(&[
                "",
                "http://x.y",
                " http://x.y ",
                "x.y",
                "mailto:a",
                "http://",
            ]);
            format!("<input type=url{id}{name}{more} value='{value}'>")
        }
        6 => {
            let value = choices.pick(&[
                "", "5", "5.", ".5", "1e3", "+1", "x", " 5", "-0", "05", "1e999", "7.5",
            ]);
            let rule = choices.pick(&[
                "",
                "",
                " min=3",
                " max=4",
                " step=2",
                " step=any",
                " min=1 step=2",
                " step=0.1",
            ]);
            fill(choices, &["5", "6", "0.3", "-1"]);
            format!("<input type=number{id}{name}{more}{rule} value='{value}'>")
        }
        7 => {
            let value = choices.pick(&["", "5", "500", "-3", "x", "2.5", "33.3"]);
            let rule = choices.pick(&[
                "",
                " min=10",
                " max=20",
                " min=20 max=10",
                " step=10",
                " min=1 max=10 step=3",
                " step=any",
                " step=0.25",
            ]);
            format!("<input type=range{id}{name}{more}{rule} value='{value}'>")
        }
        8 => {
            let value = choices.pick(&["", "#FF00aa", "red", "#abc", "#00ff00 ", "#gggggg"]);
            format!("<input type=color{id}{name}{more} value='{value}'>")
        }
        9 => {
            let value = choices.pick(&[
                "",
                "2024-02-29",
                "2023-02-29",
                "2024-2-9",
                "0000-01-01",
                "12024-01-01",
                "x",
            ]);
            let rule = choices.pick(&[
                "",
                "",
                " min=2024-03-01",
                " max=2023-01-01",
                " step=2",
                " min=2024-01-01 step=7",
            ]);
            fill(choices, &["2026-01-02", "2024-03-01"]);
            format!("<input type=date{id}{name}{more}{rule} value='{value}'>")
        }
        10 => {
            let (kind, value) = *choices.pick(&[
                &("time", "12:30"),
                &("time", "12:30:15"),
                &("time", "24:00"),
                &("time", "1:00"),
                &("time", "12:30:15.5"),
                &("month", "2024-05"),
                &("month", "2024-13"),
                &("week", "2024-W05"),
                &("week", "2024-W53"),
                &("datetime-local", "2024-05-06T07:08"),
                &("datetime-local", "2024-05-06 07:08:00"),
                &("datetime-local", "2024-05-06T07:08:09.10"),
                &("datetime-local", "2024-05-06T25:00"),
            ]);
            let rule = choices.pick(&["", "", "", " step=any", " step=1"]);
            format!("<input type={kind}{id}{name}{more}{rule} value='{value}'>")
        }
        11 => {
            let on = choices.pick(&["", " checked"]);
            let value = choices.pick(&["", " value=v", " value=''"]);
            if choices.once_in(3) && more != " disabled" {
                act.push(format!("choose.\"#i{number}\" = {}", choices.once_in(2)));
            }
            format!("<input type=checkbox{id}{name}{more}{on}{value}>")
        }
        12 => {
            let radios = (0..3).map(|n| {
                let on = choices.pick(&["", "", " checked"]);
                format!("<input type=radio id=i{number}r{n} name=r value={n}{on}{more}>")
            });
            let radios: String = radios.collect();
            if choices.once_in(3) && more != " disabled" {
                act.push(format!("choose.\"#i{number}r1\" = true"));
            }
            radios
        }
        13..15 => {
            let kind = choices.pick(&["", "", "", " multiple", " size=3"]);
            let options: String = (0..1 + choices.below(4))
                .map(|n| {
                    let marks = choices.pick(&["", "", "", " selected", " disabled", " hidden"]);
                    let value = choices.pick(&["", "", " value=''", " value=v"]);
                    let text = choices.pick(words).replace('<', "&lt;");
                    match choices.below(6) {
                        0 => format!("<optgroup disabled label=g><option{marks}>{n}</optgroup>"),
                        1 => format!("<option{marks}{value} label=l> {text}  {n} </option>"),
                        _ => format!("<option{marks}{value}>{text}{n}</option>"),
                    }
                })
                .collect();
            format!("<select{id}{name}{more}{kind}>{options}</select>")
        }
        15..17 => {
            let wrap = choices.pick(&["", "", " maxlength=4", " minlength=9"]);
            let text = choices.pick(&["", "\n\nzwei", "a\r\nb\rc", " x ", "<b>t</b>", "é"]);
            let text = if text.is_ascii() || word == "é" {
                text
            } else {
                "e"
            };
            fill(choices, &["eins\nzwei", "x", "é\n"]);
            format!("<textarea{id}{name}{more}{wrap}>{text}</textarea>")
        }
        17 => format!(
            "<input type=hidden{id}{name}{more} value={}>",
            quoted(&format!("{word}&#13;\n")).replace("&amp;#13;", "&#13;")
        ),
        18 => {
            let inner = format!("<input name=in value={}>", quoted(word));
            choices
                .pick(&[
                    &format!("<fieldset disabled><legend>{inner}</legend>{inner}</fieldset>"),
                    &format!("<template>{inner}</template>"),
                    &format!("<datalist>{inner}</datalist>"),
                    &format!("<div hidden>{inner}</div>"),
                    &format!("<noscript>{inner}</noscript>"),
                    &"<input type=file name=file><input type=image name=image>".to_owned(),
                    &"<output name=o>1</output><object name=ob></object><button type=button name=n value=1>n</button>".to_owned(),
                    &format!("<svg><foreignObject>{inner}</foreignObject></svg>"),
                ])
                .clone()
        }
        _ => format!(
            "<label>L{}<input{id}{name}{more} value={}></label>",
            number,
            quoted(word)
        ),
    }
}

/// Links, redirects and pages that lead on.
pub(super) fn links(choices: &mut Choices) -> Case {
    const HREFS: [&str; 26] = [
        "/t",
        "t",
        "./t",
        "../t",
        "/a/../t",
        "?q=é",
        "/t?q=é ß",
        "/t?q=%C3%A9&x=%",
        "/é/ü",
        "/t#é",
        "//@HOST@/t",
        "http://@HOST@/t",
        "HTTP://@HOST@/t",
        "/t?a=b&amp;c=d",
        " /t ",
        "/t\n/u",
        "\\t\\u",
        "/t?x=<>\"'`{}|",
        "/t;p=1",
        "//x.@HOST@/t",
        "/%7e%41/t",
        "/t?€=日本",
        "/t/./%2e/x",
        "",
        "?",
        "/t'(x)",
    ];
    const LOCATIONS: [&str; 15] = [
        "/u",
        "u",
        "?v",
        "http://@HOST@/u",
        "//@HOST@/u",
        "/u#f",
        "/u?q=\u{c3}\u{a9}",
        "/\u{e9}",
        "/u v",
        "http://x.@HOST@/u",
        " /u ",
        "/u?x=%zz",
        "\\u",
        "./../u",
        "/u?\"<>",
    ];
    let mut case = Case::new("links");
    let (mut start, words) = page(choices, "/");
    if choices.once_in(4) {
        start.body.push(format!(
            "<base href='{}'>",
            choices.pick(&[
                "/d/e/f",
                "/d/",
                "http://@HOST@/b/c?d",
                "",
                "?x",
                "//x.@HOST@/"
            ])
        ));
    }
    let href = choices.pick(&HREFS);
    let href = if href.is_ascii() || words.contains(&"é") || words.contains(&"é€") {
        href
    } else {
        "/t?q=x"
    };
    let href = href.replace('"', "&quot;");
    start.body.push(format!(
        "<a id=l href=\"{href}\">{}</a>",
        choices.pick(words).replace('<', "&lt;")
    ));
    case.routes.push(start);
    let mut led = html("/t", "<title>t</title><p>T");
    match choices.below(4) {
        0 => {}
        1..3 => {
            led.status = choices.pick(&[
                "301 M", "302 F", "303 S", "307 T", "308 P", "300 C", "304 N",
            ]);
            if !choices.once_in(8) {
                led.headers
                    .push(format!("Location: {}", choices.pick(&LOCATIONS)));
            }
        }
        _ => {
            let content = choices.pick(&[
                "0;url=/u",
                "0; URL='/u'",
                "0,/u",
                "0 /u",
                "0;/u",
                "0;url=\"/u?q\"x",
                "0",
                "0;url=",
                "x;url=/u",
                ".5;url=/u",
                "0;url = /u",
                "0;url=u#f",
                "00;url=/u",
                "-1;url=/u",
                ";url=/u",
                "0url=/u",
            ]);
            match choices.below(2) {
                0 => led.body.push(format!(
                    "<meta http-equiv=refresh content=\"{}\">",
                    content.replace('"', "&quot;")
                )),
                _ => led.headers.push(format!("Refresh: {content}")),
            }
        }
    }
    case.routes.push(led);
    case.steps.push(vec!["visit = \"@SITE@/\"".to_owned()]);
    if choices.once_in(3) {
        case.steps.push(vec!["visit = \"@SITE@/t\"".to_owned()]);
    } else {
        case.steps.push(vec!["click = \"#l\"".to_owned()]);
    }
    case
}

/// Cookies, kept, refused and sent.
pub(super) fn cookies(choices: &mut Choices) -> Case {
    const COOKIES: [&str; 46] = [
        "a=1",
        "a=2",
        "b=x; Path=/",
        "c=1; Path=/a",
        "d=1; Path=/a/",
        "e=1; Path=a",
        "f=1; Path=",
        "g=1; Domain=@NAME@",
        "h=1; Domain=.@NAME@",
        "i=1; Domain=localhost",
        "j=1; Domain=x.@NAME@",
        "k=1; Domain=other.test",
        "l=1; Domain=",
        "m=1; Secure",
        "n=1; HttpOnly",
        "o=1; Max-Age=0",
        "a=1; Max-Age=-1",
        "p=1; Max-Age=100",
        "q=1; Max-Age=x",
        "r=1; Expires=Wed, 21 Oct 2015 07:28:00 GMT",
        "a=; Expires=Thu, 01-Jan-1970 00:00:00 GMT",
        "s=1; Expires=Wed, 21 Oct 2099 07:28:00 GMT",
        "t=1; Expires=nonsense",
        "u=1; Expires=Wed Oct 21 07:28:00 2099",
        "v=1; Expires=0",
        "__Host-a=1; Path=/; Secure",
        "__Host-b=1; Path=/",
        "__Secure-a=1; Secure",
        "__Secure-b=1",
        "w=\"q x\"",
        "x=a b",
        "y=a,b",
        "z==",
        "=nameless",
        "nameless",
        "aa",
        "ab=1; SameSite=Lax",
        "ac=1; SameSite=None",
        "ad=1;Path=/;path=/a",
        " ae = 1 ; Path = / ",
        "af=\u{e9}",
        "ag=1; Domain=@NAME@; Path=/a",
        "ah=1, ai=2",
        "A=1",
        "b=y; path=/; expires=Fri, 31-Dec-9999 23:59:59 GMT",
        "aj=1; Expires=21 Oct 2099 07:28:00 GMT; Max-Age=0",
    ];
    let mut case = Case::new("cookies");
    let set = |choices: &mut Choices, mut page: Route| {
        for _ in 0..1 + choices.below(4) {
            page.headers
                .push(format!("Set-Cookie: {}", choices.pick(&COOKIES)));
        }
        if choices.once_in(12) {
            page.headers.push(format!(
                "Set-Cookie: long={}",
                "x".repeat(*choices.pick(&[&4000_usize, &4092, &4093, &5000]))
            ));
        }
        page
    };
    let path = choices.pick(&["/", "/a/b"]);
    let first = set(choices, html(path, "<title>1</title>"));
    case.routes.push(first);
    if choices.once_in(2) {
        let mut second = set(choices, html("/a", "<title>2</title>"));
        if choices.once_in(2) {
            second.status = "302 F";
            second.headers.push(format!(
                "Location: {}",
                choices.pick(&["/a/c", "/b", "http://x.@HOST@/q"])
            ));
        }
        case.routes.push(second);
    }
    for route in &mut case.routes {
        for header in &mut route.headers {
            // The name is the host without its port.
            *header = header.replace("@NAME@", "@HOSTNAME@");
        }
    }
    case.steps.push(vec![format!("visit = \"@SITE@{path}\"")]);
    for _ in 0..2 + choices.below(2) {
        let next = choices.pick(&["/", "/a", "/a/", "/a/b/c", "/ab", "/z"]);
        case.steps.push(vec![format!("visit = \"@SITE@{next}\"")]);
    }
    case
}

/// Answers as servers really write them.
pub(super) fn wire(choices: &mut Choices) -> Case {
    const LINES: [&str; 16] = [
        "X-Powered By: PHP",
        "X-Cache : HIT",
        "X-Long: a\r\n b",
        "PHP Warning without a colon",
        "X-Bin: a\u{1}b",
        ": empty",
        "X-Latin: \u{e9}\u{ff}",
        "Content-Language: x",
        "X-Empty:",
        "\u{e9}: y",
        "X:y",
        "Set-Cookie: a=1",
        "Content-Encoding:",
        "X-Tab:\ta",
        "Content-Type: text/html",
        "x",
    ];
    let mut case = Case::new("wire");
    let mut page = route("/");
    let kind = choices.pick(&[
        "text/html; charset=utf-8",
        "text/html; charset=utf-8",
        "text/html; charset=utf-8",
        "text/html;charset=utf-8",
        "TEXT/HTML; Charset=UTF-8",
        "text/html; charset='utf-8'",
        "text/html; charset=utf-8; charset=koi8-r",
        "text/plain; charset=utf-8",
        "application/json",
        "text/html,text/html; charset=utf-8",
    ]);
    page.headers.push(format!("Content-Type: {kind}"));
    for _ in 0..choices.below(3) {
        page.headers.push(choices.pick(&LINES).to_owned());
    }
    if choices.once_in(6) {
        page.headers
            .extend((0..150).map(|number| format!("X-{number}: 1")));
    }
    let (coding, codings): (&str, &[&str]) = *choices.pick(&[
        &("", &[][..]),
        &("", &[]),
        &("gzip", &["gzip"]),
        &("x-gzip", &["gzip"]),
        &("deflate", &["raw"]),
        &("deflate", &["zlib"]),
        &("gzip, gzip", &["gzip", "gzip"]),
        &("deflate, gzip", &["zlib", "gzip"]),
        &("identity", &[]),
        &("GZIP", &["gzip"]),
        &("gzip", &["gzip", "cut"]),
        &("nonsense", &[]),
        &("gzip", &[]),
        &("gzip, identity", &["gzip"]),
    ]);
    if !coding.is_empty() {
        page.headers.push(format!("Content-Encoding: {coding}"));
    }
    page.codings = codings.to_vec();
    let mut is_xml = false;
    if choices.once_in(4) {
        is_xml = true;
        page.headers[0] = choices
            .pick(&[
                "Content-Type: application/xhtml+xml",
                "Content-Type: application/xhtml+xml; charset=utf-8",
            ])
            .to_owned();
        xhtml(choices, &mut page);
    } else {
        page.body
            .push("<!doctype html><title>W</title><h1>Judul</h1>".to_owned());
        page.body.push(
            "<p>satu dua tiga</p><form id=f action=/q method=post><input name=a value=1></form>"
                .to_owned(),
        );
    }
    page.status = choices.pick(&[
        "200 OK",
        "200 OK",
        "200",
        "200 ",
        "404 Not Found",
        "500 X",
        "203 N",
    ]);
    case.routes.push(page);
    case.keeps = choices.once_in(2);
    case.drops_kept = case.keeps && choices.once_in(2);
    case.steps.push(vec![
        "visit = \"@SITE@/\"".to_owned(),
        "expect = { status = [200, 203, 404, 500] }".to_owned(),
    ]);
    if choices.once_in(2) {
        case.steps.push(vec!["visit = \"@SITE@/next\"".to_owned()]);
    } else if is_xml || kind.to_ascii_lowercase().starts_with("text/html") {
        case.steps.push(vec!["submit = \"#f\"".to_owned()]);
    }
    case
}

/// A page in XML, as it must be written.
fn xhtml(choices: &mut Choices, page: &mut Route) {
    const PARTS: [&str; 10] = [
        "<p>satu &amp; dua é</p>",
        "<div/>y",
        "<p hidden=\"\">tak</p>",
        "<![CDATA[c < d]]>",
        "<TITLE>T</TITLE>",
        "<title/>",
        "<style>.m { display: none }</style><p class=\"m\">m</p>",
        "<h1>Judul</h1>",
        "<script>/* <![CDATA[ */ var x = '<p>'; /* ]]> */</script>",
        "<pre>a\n b</pre>",
    ];
    if choices.once_in(2) {
        page.body.push("<?xml version=\"1.0\"?>".to_owned());
    }
    page.body.push(
        "<html xmlns=\"http://www.w3.org/1999/xhtml\"><head><title>X</title></head><body>"
            .to_owned(),
    );
    for _ in 0..choices.below(4) {
        page.body.push(choices.pick(&PARTS).to_owned());
    }
    page.body.push(
        "<table><form id=\"f\" action=\"/q\" method=\"post\"><tr><td><input name=\"a\" value=\"1\"/>\
         <textarea name=\"t\">\nx</textarea></td></tr></form></table>"
            .to_owned(),
    );
    page.body.push("</body></html>".to_owned());
}

/// Text that is shown, or not.
pub(super) fn words(choices: &mut Choices) -> Case {
    const PARTS: [&str; 52] = [
        "<p>satu",
        "<div>dua</div>",
        "<b>ti</b>ga",
        "<h1>Judul</h1>",
        "<br>",
        "&nbsp;",
        "&eacute;&amp;&lt;",
        "<span hidden>tak</span>",
        "<div style='display:none'>tak</div>",
        "<p style='visibility:hidden'>tak<b style='visibility:visible'>ya</b></p>",
        "<div class=m>kelas</div>",
        "<div class='m n'>kelas dua</div>",
        "<style>.m{display:none}</style>",
        "<style>.n{display:block}</style>",
        "<style>@media print{.m{display:none}}</style>",
        "<style>@media (max-width:500px){div{display:none}}</style>",
        "<style>div.m{visibility:hidden}</style>",
        "<style>.m:hover,p.q{display:none}</style>",
        "<p class=q>q</p>",
        "<dialog>tutup</dialog>",
        "<dialog open>buka</dialog>",
        "<details><summary>ring</summary>isi</details>",
        "<details open><summary>ring</summary>isi</details>",
        "<template>pola</template>",
        "<noscript>tanpa</noscript>",
        "<script>var x='<p>no</p>'</script>",
        "<textarea>teks  dalam</textarea>",
        "<select><option>o1<option>o2</select>",
        "<table><tr><td>a<td>b</table>",
        "<table>luar<tr><td>dalam</table>",
        "<ul><li>x<li>y</ul>",
        "<a href=#>tautan</a>",
        "<i>it</i><em>em</em><u>u</u>",
        "<mark>m</mark>",
        "<label>lab</label>",
        "<button>tombol</button>",
        "<iframe srcdoc='x'>f</iframe>",
        "<svg><text>svg</text><title>st</title></svg>",
        "<div aria-hidden=true>aria</div>",
        "<div popover>pop</div>",
        "<p>a\u{200b}b\u{ad}c",
        "<pre>a\n  b</pre>",
        "<!-- tak -->",
        "<![CDATA[x]]>",
        "</p>",
        "<p/>x",
        "<center>c</center>",
        "<font color=red>f</font>",
        "<div hidden=until-found>uf</div>",
        "<style>[hidden]{display:block}</style>",
        "<p style='display:none!important;display:block'>tak",
        "<video>v</video><canvas>cv</canvas><object>ob</object>",
    ];
    let mut case = Case::new("words");
    let mut page = html("/", "");
    if !choices.once_in(3) {
        page.body.push("<!doctype html>".to_owned());
    }
    if !choices.once_in(3) {
        page.body.push(
            choices
                .pick(&[
                    "<title>T</title>",
                    "<title> a  b&amp; </title>",
                    "<head><title>h</title></head><body>",
                    "<title></title>",
                ])
                .to_owned(),
        );
    }
    for _ in 0..3 + choices.below(8) {
        page.body.push(choices.pick(&PARTS).to_owned());
    }
    case.routes.push(page);
    case.steps.push(vec!["visit = \"@SITE@/\"".to_owned()]);
    case
}
