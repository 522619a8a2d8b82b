//! A site without scripts that has every control, and every way of going wrong.

use std::time::Duration;

use tokio::io::AsyncWriteExt as _;

use crate::http_engine::server::{Request, Server, answer, page, raw, redirect};

/// Every control of a form.
pub(super) const FORM: &str = r#"<!doctype html><html lang=id><head><title>Formulir</title></head><body>
<h1>Formulir</h1>
<form id=f method=post action="/echo?form=1">
<input type=hidden name=token value="a b&amp;c">
<input type=hidden name=_charset_>
<p><label>Nama <input id=name name=name value=old></label>
<input id=email type=email name=email> <input id=tel type=tel name=tel>
<input id=url type=url name=url> <input id=number type=number name=number step=any>
<input id=date type=date name=date> <input id=password type=password name=password>
<input id=search type=search name=search maxlength=10>
<input id=month type=month name=month> <input id=time type=time name=time>
<textarea id=text name=text>
first
second</textarea> <textarea id=kept name=kept>
&lt;b&gt;kept&lt;/b&gt;
</textarea>
<input id=readonly name=readonly readonly value=ro> <input id=disabled name=disabled disabled value=no>
<input name=empty> <input value=unnamed>
<p><input id=c1 type=checkbox name=c value=one checked> <input id=c2 type=checkbox name=c value=two>
<input id=c3 type=checkbox name=on>
<p><label><input id=r1 type=radio name=r value=1 checked> First</label>
<label for=r2>Second one</label> <input id=r2 type=radio name=r value=2>
<input id=r3 type=radio name=r value=3 disabled>
<p><select id=one name=one><option value=1>One<option value=2>Two <b>!</b><option value=3 disabled>Three</select>
<select id=grouped name=grouped><optgroup label=A disabled><option>x</optgroup><optgroup label=B><option>y<option selected>z</optgroup></select>
<select id=many name=many multiple><option selected>a<option>b<option value=ç>c</select>
<select id=list name=list size=3><option>p<option>q</select>
<select name=untouched><option disabled selected>Pilih<option value=7>Tujuh</select>
<fieldset disabled><legend><input name=inlegend value=1></legend><input name=infield value=1></fieldset>
<datalist id=d><option value=never></datalist>
<p><button id=b1>Kirim</button> <button id=b2 name=button value='b "2"'>Dua</button>
<input id=b3 type=submit name=button value=three>
<button id=b4 formaction=/echo/other formmethod=get name=button value=4>Empat</button>
<button id=b5 formenctype=text/plain name=button value=5>Lima</button>
<button type=button name=button value=no>Tidak</button><input type=reset name=button value=reset>
<button id=off name=button value=off disabled>Mati</button>
</form>
<input form=f name=outside value=out> <button id=outside form=f name=button value=outside>Luar</button>
<p id=p>bukan</p><input class=twice><input class=twice>
<a id=save href="/file" >Unduh</a> <a id=download href="/" download>Unduh</a>
<iframe src="/part/framed"></iframe>
</body></html>"#;

/// Text as it stands in markup, in every way that parts words or does not.
pub(super) const TEXT: &str = "<!doctype html><title> A  &amp; B </title><body><h1>Judul</h1>\
<p>satu<b>dua</b> <i>ti</i><span>ga</span><br>empat<em>lima</em><sup>2</sup><mark>e</mark><label>nam</label>\
<div>tujuh<div>delapan</div></div><ul><li>a<li>b</ul><table><tr><td>c<td>d</table>\
&eacute;&nbsp;&bull;&#8364;&notin;&zwnj;x&unknown; &lt;tag&gt; A &amp; B<!-- not this -->\
<select><option>opsi 1<option selected>opsi 2</select><textarea>isi  teks</textarea>\
<details><summary>Ring<b>kas</b></summary>tidak terbaca <details>dalam</details></details>\
<details open><summary>Buka</summary>terbaca</details>\
<div hidden>Sesi berakhir <div>Sesi berakhir</div></div><p hidden>tersembunyi</p><input type=hidden value=x>\
<iframe srcdoc='dalam bingkai'>pengganti</iframe><datalist><option>daftar</datalist>\
<script>skrip</script><style>gaya{}</style><template>pola</template>\
<p>\u{5d0}\u{5d1} العربية \u{1f600}<p>ak\u{feff}hir";

const LATIN: &[u8] = b"<!doctype html><meta charset=windows-1252><title>caf\xe9</title><p>caf\xe9 \x80</p>\
<form id=f method=post action=/echo><input type=hidden name=_charset_><input id=a name=a value=\"\xe9\">\
<button name=b value=\"\xfc\">ok</button></form><form id=g action=/echo/get><input name=a value=\"\xe9\"></form>\
<form id=m method=post action=/echo enctype=multipart/form-data><input id=ma name=a value=\"\xe9\"></form>\
<form id=u method=post action=/echo accept-charset='nothing UTF-8'><input name=a value=\"\xe9\"></form>";

const UPLOAD: &str = "<!doctype html><form id=f method=post action=/echo enctype=multipart/form-data>\
<input name='a\"b' value='x\"y'><input id=visible type=file name=visible>\
<label>Pilih<input id=unseen type=file name='f\"1' style='display:none'></label>\
<input type=file name=empty><input type=file name=many multiple><button id=go name=go value=1>Kirim</button></form>";

/// Starts it.
pub(super) async fn start() -> Server {
    raw(|request, mut stream| async move {
        let (bytes, then) = answered(&request);
        let _ = stream.write_all(&bytes).await;
        match then {
            Then::Close => {
                let _ = stream.shutdown().await;
            }
            Then::Reset => {
                let _ = stream.set_zero_linger();
            }
            Then::Hang => tokio::time::sleep(Duration::from_secs(60)).await,
        }
    })
    .await
}

enum Then {
    Close,
    Reset,
    Hang,
}

fn typed(media_type: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {media_type}\r\nContent-Length: {length}\r\n\
         Connection: close\r\nX-Draft: d-7\r\n\r\n"
    );
    [head.as_bytes(), body].concat()
}

fn answered(request: &Request) -> (Vec<u8>, Then) {
    let path = request.path();
    let html = |text: &str| page(text).into_bytes();
    let status = |status: &str, text: &str| {
        let kind = "Content-Type: text/html; charset=utf-8\r\n";
        answer(status, kind, text).into_bytes()
    };
    let same_host = request.header("host").unwrap_or_default();
    let bytes = match path.split('?').next().unwrap_or_default() {
        "/" => html("<title>Beranda</title><h1>Selamat datang</h1><a id=l href='dir/../next?a=1#x'><b id=in>lanjut</b></a>\
             <a id=blank target=_blank href=/next>baru</a><a id=here href='#bawah'>bawah</a><p id=bawah>bawah</p>\
             <map name=m><area id=area href=/next shape=default></map><img usemap='#m' width=50 height=50 alt=''>"),
        "/next" => html("<meta name=draft content=' d 8 '><h1>Berikut</h1><p class=n>Nomor <b>12345</b></p>"),
        "/form" => html(FORM),
        "/text" => html(TEXT),
        "/latin" => typed("text/html", LATIN),
        "/sjis" => typed("text/html; charset=Shift_JIS", b"<p>\x93\xfa\x96{</p><form id=f action=/echo/get><input name=q value='\x93\xfa'></form>"),
        "/upload" => html(UPLOAD),
        "/base" => html("<base href='/deep/er/'><a id=l href=x>x</a><form id=f action=go><input name=a value=1></form><form id=g method=post><input name=b value=2></form>"),
        "/getform" => html("<form id=f action='/echo/get?old=1#frag'><input id=q name=q value='a b'></form>"),
        "/r1" => redirect("/r2").into_bytes(),
        "/r2" => answer("303 See Other", "Location: /r3?x=1\r\n", "").into_bytes(),
        "/r3" => answer("301 Moved", "Location: /next\r\n", "").into_bytes(),
        "/r307" => answer("307 Temporary", "Location: /echo/kept\r\n", "").into_bytes(),
        "/r302" => redirect("/echo/got").into_bytes(),
        "/rform" => html("<form id=keep method=post action=/r307><input name=a value=1></form><form id=get method=post action=/r302><input name=a value=1></form>"),
        "/loop" => redirect("/loop").into_bytes(),
        "/away" => redirect("http://other.example/there").into_bytes(),
        "/far" => html("<a id=l href='http://other.example/there'>jauh</a><form id=f method=post action='http://other.example/there'></form>"),
        "/port" => html("<a id=l href='http://127.0.0.1:9/there'>pelabuhan lain</a>"),
        "/refresh" => html("<meta http-equiv=Refresh content=\"0; URL='/next?from=refresh'\">tunggu"),
        "/soon" => html("<meta http-equiv=refresh content='1;url=/next'>tunggu"),
        "/itself" => html("<meta http-equiv=refresh content='1'><p>status</p>"),
        "/json" => typed("application/json", br#"{"a":{"b":[1,"dua",null]},"n":1.50,"nested":"<b>x</b>"}"#),
        "/plain" => typed("text/plain; charset=utf-8", "<b>bukan</b>  HTML é\n".as_bytes()),
        "/xhtml" => typed("application/xhtml+xml", b"<html xmlns='http://www.w3.org/1999/xhtml'><head><title>X</title></head><body><p id='p'>isi</p></body></html>"),
        "/part/framed" => html("<p id=inner>dalam</p><input id=innerfield>"),
        "/file" => answer("200 OK", "Content-Type: application/pdf\r\nContent-Disposition: attachment; filename=\"surat.pdf\"\r\n", "%PDF").into_bytes(),
        "/zip" => typed("application/zip", b"PK"),
        "/blank" => html(""),
        "/empty500" => status("500 Oops", ""),
        "/500" => status("500 Oops", "<p>sesuatu yang lain</p>"),
        "/404" => status("404 Not Found", "<h1>tiada</h1>"),
        "/502" => status("502 Bad Gateway", "<title>502 Bad Gateway</title><center><h1>502 Bad Gateway</h1></center><hr><center>nginx</center>"),
        "/503" => status("503 Service Unavailable", "<title>Pemeliharaan</title><h1>Situs Sedang Dalam Pemeliharaan</h1>"),
        "/error200" => html("<title>Kesalahan</title><h1>500 • KENDALA SERVER</h1><p>Maaf, Terjadi Kendala di Sisi Kami"),
        "/maintenance" => html("<title>Situs</title><h1>Situs Sedang Dalam Pemeliharaan</h1>"),
        "/captcha" => html("<title>Just a moment...</title><h1>tunggu</h1>"),
        "/reset" => return (b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5000\r\n\r\n<h1>awal".to_vec(), Then::Reset),
        "/short" => return (b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5000\r\n\r\n<h1>awal".to_vec(), Then::Close),
        "/chunk" => return (b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nTransfer-Encoding: chunked\r\n\r\n8\r\n<h1>awal\r\n".to_vec(), Then::Close),
        "/nothing" => return (Vec::new(), Then::Close),
        "/nothttp" => return (b"SSH-2.0-OpenSSH\r\n".to_vec(), Then::Close),
        "/late" => return (Vec::new(), Then::Hang),
        "/stalls" => return (b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 5000\r\n\r\n<h1>awal".to_vec(), Then::Hang),
        "/complains" => html("<h1>Formulir</h1><p class=error>Tanggal salah</p>"),
        "/cookie" => answer("200 OK", "Content-Type: text/html\r\nSet-Cookie: s=1; Path=/\r\n", "<p>kue</p>").into_bytes(),
        "/secret" => html(&format!("<p>{}</p>", request.header("cookie").unwrap_or("tanpa kue"))),
        echo if echo.starts_with("/echo") => {
            let body = request.text().replace('&', "&amp;").replace('<', "&lt;");
            html(&format!("<h1>{} {same_host}</h1><form id=again action=/echo/again method=post><input id=x name=x value=1></form><pre id=got>{body}</pre>", request.method()))
        }
        _ => status("404 Not Found", "<h1>404 tidak ada</h1>"),
    };
    (bytes, Then::Close)
}
