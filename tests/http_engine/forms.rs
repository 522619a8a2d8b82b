//! What a form sends: the successful controls of the HTML standard.

use proptest::prelude::*;
use siaga::probe::definition::Query;
use siaga::probe::form::{Body, Change, Dom, Field, FieldValue, File, click, submit};
use url::Url;

fn query(css: &str) -> Query {
    Query::new(css).unwrap()
}

fn dom(html: &str) -> Dom {
    Dom::parse(html, &Url::parse("http://host/dir/page?q=1#f").unwrap())
}

fn sent(html: &str, changes: &[(&str, Change)], button: &str) -> Result<String, String> {
    let changes: Vec<_> = changes
        .iter()
        .map(|(css, c)| (query(css), c.clone()))
        .collect();
    let sent = submit(&dom(html), &changes, &query(button)).map_err(|error| error.to_string())?;
    let body = match sent.body {
        Body::None => String::new(),
        Body::Urlencoded(text) => format!(" {text}"),
        Body::Plain(text) => format!(" text/plain {}", String::from_utf8_lossy(&text)),
        Body::MultipartIn(fields, _) => format!(" multipart {}", fields.len()),
        Body::Multipart(fields) => format!(" multipart {}", fields.len()),
        Body::Other(..) => unreachable!("forms send no other"),
    };
    Ok(format!("{} {}{body}", sent.method, sent.url))
}

fn fill(text: &str) -> Change {
    Change::Fill(text.to_owned())
}

fn choose(option: &str) -> Change {
    Change::Choose(vec![option.to_owned()])
}

#[test]
fn the_successful_controls_of_a_form() {
    let html = "<form id=f method=post action=/go>\
        <input type=hidden name=token value='a b'>\
        <input name=plain value=v><input name=empty><input value=unnamed>\
        <input name=off value=x disabled>\
        <input type=checkbox name=c1 checked><input type=checkbox name=c2 value=no>\
        <input type=radio name=r value=1><input type=radio name=r value=2 checked>\
        <select name=s><option value=1>One<option value=2 selected>Two</select>\
        <select name=first><option disabled>No</option><option>  Yes  please </option></select>\
        <select name=many multiple><option selected>a<option>b<option selected>c</select>\
        <textarea name=t>\nline\nnext</textarea>\
        <fieldset disabled><legend><input name=inlegend value=1></legend><input name=infield value=1></fieldset>\
        <datalist><input name=data value=1></datalist>\
        <input type=submit name=b value=one><button name=b value=two>Go</button>\
        <input type=reset name=z value=z><button type=button name=y value=y>no</button>\
        </form><input name=outside value=1 form=f><input name=other value=1>";
    let common = "token=a+b&plain=v&empty=&c1=on&r=2&s=2&first=Yes+please&many=a&many=c\
                  &t=line%0D%0Anext&inlegend=1&data=1";
    for (pressed, button) in [
        ("#f", ""),
        ("input[type=submit]", "&b=one"),
        ("button[value=two]", "&b=two"),
    ] {
        assert_eq!(
            sent(html, &[], pressed).unwrap(),
            format!("POST http://host/go {common}{button}&outside=1"),
            "{pressed}"
        );
    }
}

#[test]
fn where_a_form_leads() {
    for (html, leads) in [
        (
            "<form><input name=a value=1></form>",
            "GET http://host/dir/page?a=1",
        ),
        (
            "<form action=''><input name=a value=1></form>",
            "GET http://host/dir/page?a=1",
        ),
        (
            "<form action='x?old=1#f'><input name=a value=1></form>",
            "GET http://host/dir/x?a=1",
        ),
        (
            "<base href='/b/'><form action=x></form>",
            "GET http://host/b/x?",
        ),
        (
            "<base href='/b/'><form method=post></form>",
            "POST http://host/dir/page?q=1 ",
        ),
        (
            "<form method=POST action=//other/x></form>",
            "POST http://other/x ",
        ),
        ("<form method=dialog></form>", "GET http://host/dir/page?"),
        (
            "<form method=post enctype=multipart/form-data><input name=a></form>",
            "POST http://host/dir/page?q=1 multipart 1",
        ),
        (
            "<form method=post enctype=text/plain><input name=a value=b></form>",
            "POST http://host/dir/page?q=1 text/plain a=b\r\n",
        ),
    ] {
        assert_eq!(sent(html, &[], "form").unwrap(), leads, "{html}");
    }
    let html = "<form action=/a method=get><button formaction=/b formmethod=post formenctype=text/plain name=x value=1>";
    assert_eq!(
        sent(html, &[], "button").unwrap(),
        "POST http://host/b text/plain x=1\r\n"
    );
    let error = sent("<form action='javascript:x()'></form>", &[], "form").unwrap_err();
    assert_eq!(
        error,
        "`form` leads to `javascript:x()`, which is no address of the web"
    );
}

#[test]
fn changes_are_made_or_refused_with_a_reason() {
    let html = "<form id=f><input id=a name=a value=old><input id=ro name=ro readonly>\
        <input id=off name=off disabled><input id=c type=checkbox name=c value=yes>\
        <label><input id=r1 type=radio name=r value=1 checked> First</label>\
        <label for=r2>Second one</label><input id=r2 type=radio name=r value=2>\
        <select id=s name=s><option value=1>One</option><option value=2>Two <b>!</b></option><option value=3 disabled>Three</option></select>\
        <textarea id=t name=t></textarea><input id=u type=file name=u><p id=p>text</p></form>\
        <form><input class=x name=x></form><form><input class=x name=x></form>";
    let right = [
        ("#a", fill("new"), "a=new"),
        ("#t", fill("x\ny"), "t=x%0D%0Ay"),
        ("#a", fill("one\nline"), "a=oneline"),
        ("#c", Change::Check(true), "c=yes"),
        ("input[name=r]", choose("2"), "r=2"),
        ("input[name=r]", choose("Second one"), "r=2"),
        ("#r2", Change::Check(true), "r=2"),
        ("#s", choose("2"), "s=2"),
        ("#s", choose("Two !"), "s=2"),
    ];
    for (css, change, part) in right {
        let sent = sent(html, &[(css, change)], "#f").unwrap();
        let query = sent.split_once('?').unwrap().1;
        assert!(query.split('&').any(|pair| pair == part), "{css}: {sent}");
        assert_eq!(
            query
                .split('&')
                .filter(|pair| pair.starts_with("r="))
                .count(),
            1
        );
    }
    let file = File {
        name: "n".into(),
        media_type: "m/t".into(),
        bytes: Default::default(),
    };
    let wrong = [
        ("#no", fill("x"), "the page has no element `#no`"),
        (
            ".x",
            fill("x"),
            "the page has 2 elements `.x`, so it is unclear which is meant",
        ),
        (
            "#p",
            fill("x"),
            "`#p` is a <p>, which nobody can write into",
        ),
        (
            "#c",
            fill("x"),
            "`#c` is an <input type=\"checkbox\">, which nobody can write into",
        ),
        ("#ro", fill("x"), "`#ro` is read-only"),
        ("#off", fill("x"), "`#off` is disabled"),
        ("#s", choose("4"), "`#s` has no option `4`; it has: 1, 2, 3"),
        ("#s", choose("3"), "`#s` is offering `3` only disabled"),
        (
            "#s",
            Change::Choose(vec!["1".into(), "2".into()]),
            "`#s` is a select for one option only",
        ),
        (
            "#a",
            choose("1"),
            "`#a` is a <input>, which offers no choice",
        ),
        ("#a", Change::Check(true), "`#a` is a <input>, no checkbox"),
        (
            "#a",
            Change::Upload(file),
            "`#a` is a <input>, no file field",
        ),
    ];
    for (css, change, reason) in wrong {
        let error = sent(html, &[(css, change)], "#f").unwrap_err();
        // Behind several elements they are told apart.
        let error = error.split(": a <").next().unwrap_or_default();
        assert_eq!(error, reason);
    }
    for (pressed, reason) in [
        ("#p", "`#p` is a <p>, neither a form nor a submit button"),
        ("#none", "the page has no element `#none`"),
        (
            "form",
            "the page has 3 elements `form`, so it is unclear which is meant",
        ),
    ] {
        let error = sent(html, &[], pressed).unwrap_err();
        assert_eq!(error.split(": a <").next().unwrap_or_default(), reason);
    }
}

#[test]
fn files_are_sent_as_browsers_send_them() {
    let html = "<form method=post enctype=multipart/form-data><input name=a value='x\"y'>\
                <input type=file name='f\"1' id=one><input type=file name=f2></form>";
    let bytes = b"\x00\xff--b\r\n".to_vec();
    let file = File {
        name: "p\".jpg".into(),
        media_type: "image/jpeg".into(),
        bytes: bytes.into(),
    };
    let changes = [(query("#one"), Change::Upload(file))];
    let sent = submit(&dom(html), &changes, &query("form")).unwrap();
    let (media_type, body) = sent.body.write(|| "b0".to_owned()).unwrap();
    assert_eq!(media_type, "multipart/form-data; boundary=b0");
    let expected: Vec<u8> = [
        b"--b0\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nx\"y\r\n".as_slice(),
        b"--b0\r\nContent-Disposition: form-data; name=\"f%221\"; filename=\"p%22.jpg\"\r\n",
        b"Content-Type: image/jpeg\r\n\r\n\x00\xff--b\r\n\r\n",
        b"--b0\r\nContent-Disposition: form-data; name=\"f2\"; filename=\"\"\r\n",
        b"Content-Type: application/octet-stream\r\n\r\n\r\n--b0--\r\n",
    ]
    .concat();
    assert_eq!(
        String::from_utf8_lossy(&body),
        String::from_utf8_lossy(&expected)
    );
}

#[test]
fn links_and_buttons_are_clicked() {
    let html = "<a id=l href='../up?a=1#x'><b id=in>go</b></a><a id=n>no</a>\
                <form action=/f><button id=b name=b value=1></button></form>";
    let clicked = |css: &str| match click(&dom(html), &[], &query(css)) {
        Ok(sent) => format!("{} {}", sent.method, sent.url),
        Err(error) => error.to_string(),
    };
    assert_eq!(clicked("#l"), "GET http://host/up?a=1");
    assert_eq!(clicked("#in"), "GET http://host/up?a=1");
    assert_eq!(clicked("#b"), "GET http://host/f?b=1");
    assert_eq!(clicked("#n"), "`#n` is a <a>, neither a link nor a button");
}

proptest! {
    /// Whatever is written into a field arrives, and every named enabled field arrives once.
    #[test]
    fn what_is_written_arrives(values in prop::collection::vec("[^\\r\\n\\x00]{0,12}", 1..6)) {
        let inputs: String =
            (0..values.len()).map(|i| format!("<input id=i{i} name=n{i} value=old>")).collect();
        let html = format!("<form method=post action=/x>{inputs}<input name=last value='&amp;='></form>");
        let changes: Vec<_> = values
            .iter()
            .enumerate()
            .map(|(i, value)| (query(&format!("#i{i}")), Change::Fill(value.clone())))
            .collect();
        let sent = submit(&dom(&html), &changes, &query("form")).unwrap();
        let Body::Urlencoded(text) = sent.body else { panic!("a post") };
        let mut expected: Vec<(String, String)> =
            values.iter().enumerate().map(|(i, v)| (format!("n{i}"), v.clone())).collect();
        expected.push(("last".into(), "&=".into()));
        let arrived: Vec<(String, String)> =
            url::form_urlencoded::parse(text.as_bytes()).into_owned().collect();
        prop_assert_eq!(arrived, expected);
    }

    /// No page can make the form code panic.
    #[test]
    fn any_page_is_taken(html in "(<(form|input|select|option|button|fieldset|legend|label|/form|/select)( (name|id|type|form|for|value|disabled|href)=?[a-c]?){0,3}>|[a-z ]){0,40}") {
        let page = dom(&html);
        for css in ["form", "input", "select", "button", "#a"] {
            let changes = [(query(css), fill("x")), (query("select"), choose("a"))];
            let _ = submit(&page, &[], &query(css));
            let _ = submit(&page, &changes, &query(css));
            let _ = click(&page, &[], &query(css));
        }
        let _ = Field { name: String::new(), value: FieldValue::Text(String::new()) };
    }
}
