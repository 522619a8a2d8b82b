//! Cases by seed: what the server answers, and what a flow does there. Plain data, so that a case can
//! be made smaller by leaving out parts of it.

use std::fmt;
use std::io::Write as _;

use super::pages;

/// A source of choices that a seed decides.
pub(super) struct Choices(u64);

impl Choices {
    fn next(&mut self) -> u64 {
        // SplitMix64.
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn below(&mut self, count: usize) -> usize {
        (self.next() % count as u64) as usize
    }

    pub(super) fn pick<'a, T: ?Sized>(&mut self, from: &[&'a T]) -> &'a T {
        from[self.below(from.len())]
    }

    /// Whether something happens that happens once in so many times.
    pub(super) fn once_in(&mut self, times: usize) -> bool {
        self.below(times) == 0
    }
}

/// One answer of the server. `@HOST@` is the host of the run.
#[derive(Clone, Debug)]
pub(super) struct Route {
    pub(super) path: &'static str,
    pub(super) status: &'static str,
    /// Header lines, as they stand; each byte a character.
    pub(super) headers: Vec<String>,
    /// The body in parts that can be left out.
    pub(super) body: Vec<String>,
    /// What the body is encoded in.
    pub(super) encoding: Charset,
    /// What the bytes are encoded as, one after the other.
    pub(super) codings: Vec<&'static str>,
}

/// How characters become bytes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Charset {
    Of(&'static encoding_rs::Encoding),
    /// With a mark at the beginning.
    MarkedUtf8,
    MarkedUtf16,
}

/// What a seed made.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) kind: &'static str,
    pub(super) routes: Vec<Route>,
    /// What the steps do, without their names; `@SITE@` is the site.
    pub(super) steps: Vec<Vec<String>>,
    /// Whether connections are kept, and whether a kept one ends unseen.
    pub(super) keeps: bool,
    pub(super) drops_kept: bool,
}

impl Case {
    pub(super) fn new(kind: &'static str) -> Self {
        Case {
            kind,
            routes: Vec::new(),
            steps: Vec::new(),
            keeps: false,
            drops_kept: false,
        }
    }

    /// The flow's steps.
    pub(super) fn flow(&self, site: &str) -> String {
        let steps = self.steps.iter().enumerate().map(|(number, lines)| {
            let lines = lines.join("\n").replace("@SITE@", site);
            format!("[[step]]\nname = \"{number}\"\ncomponent = \"c\"\ntimeout = \"6s\"\n{lines}\n")
        });
        steps.collect()
    }

    /// Whether a page or header has this in it.
    pub(super) fn says(&self, text: &str) -> bool {
        let mut routes = self.routes.iter();
        routes.any(|route| {
            let mut parts = route.body.iter().chain(&route.headers);
            parts.any(|part| part.contains(text))
        })
    }

    /// Whether a step fills in several lines.
    pub(super) fn fills_lines(&self) -> bool {
        let mut lines = self.steps.iter().flatten();
        lines.any(|line| line.starts_with("fill") && line.contains("\\n"))
    }

    /// Whether a page that is not ASCII says nowhere what it is written in.
    pub(super) fn is_undeclared(&self) -> bool {
        self.routes.iter().any(|route| {
            let mut parts = route.body.iter().chain(&route.headers);
            let is_told = parts.any(|part| {
                let part = part.to_ascii_lowercase();
                let part = part.replace("accept-charset", "").replace("_charset_", "");
                part.contains("charset")
            });
            let is_marked = !matches!(route.encoding, Charset::Of(_));
            !is_told && !is_marked && !route.body.concat().is_ascii()
        })
    }

    /// Whether an answer with an error status says that it is encoded, and is not.
    pub(super) fn is_undecodable_error(&self) -> bool {
        self.routes.iter().any(|route| {
            let says = |line: &String| line.starts_with("Content-Encoding:");
            let is_error = route.status.starts_with(['4', '5']);
            is_error && route.headers.iter().any(says)
        })
    }

    /// Whether a page loads itself anew.
    pub(super) fn refreshes_itself(&self) -> bool {
        self.routes.iter().any(|route| {
            let lines = ["Refresh: 0", "Refresh: 0;url="];
            let in_header = route.headers.iter().any(|line| lines.contains(&&**line));
            let body = route.body.concat();
            in_header || body.contains("content=\"0\"") || body.contains("content=\"0;url=\"")
        })
    }

    /// Whether an answer breaks off.
    pub(super) fn is_cut(&self) -> bool {
        self.routes
            .iter()
            .any(|route| route.codings.contains(&"cut"))
    }

    /// Whether an answer has a line that names no coding, and a body that is encoded.
    pub(super) fn says_nothing_coded(&self) -> bool {
        let mut routes = self.routes.iter();
        routes.any(|route| {
            !route.codings.is_empty()
                && route.headers.iter().any(|line| line == "Content-Encoding:")
        })
    }

    /// Whether some answer has a status that begins like this.
    pub(super) fn answers(&self, status: &str) -> bool {
        self.routes
            .iter()
            .any(|route| route.status.starts_with(status))
    }

    /// The case without one of its parts; `None` where there are no more.
    pub(super) fn without(&self, part: usize) -> Option<Case> {
        let mut smaller = self.clone();
        smaller.leave_out(part).then_some(smaller)
    }

    fn leave_out(&mut self, mut part: usize) -> bool {
        for route in &mut self.routes {
            for list in [&mut route.body, &mut route.headers] {
                if part < list.len() {
                    list.remove(part);
                    return true;
                }
                part -= list.len();
            }
        }
        for step in &mut self.steps {
            // The first line is what the step is for.
            let more = step.len().saturating_sub(1);
            if part < more {
                step.remove(part + 1);
                return true;
            }
            part -= more;
        }
        let is_there = part + 1 < self.steps.len();
        if is_there {
            self.steps.remove(part + 1);
        }
        is_there
    }

    /// The bytes of the answer to a request.
    pub(super) fn answer(&self, target: &str, host: &str) -> Vec<u8> {
        let path = target.split(['?', '#']).next().unwrap_or_default();
        // Where a redirect leads to its own path, it ends there.
        let is_led = target.ends_with("?v") || target.ends_with("?y");
        let route = self
            .routes
            .iter()
            .find(|route| route.path == path && !is_led);
        let ended = || Route {
            path: "",
            status: "200 OK",
            headers: vec!["Content-Type: text/html; charset=utf-8".to_owned()],
            body: vec!["<!doctype html><title>end</title><p>Selesai".to_owned()],
            encoding: Charset::Of(encoding_rs::UTF_8),
            codings: Vec::new(),
        };
        let route = route.cloned().unwrap_or_else(ended);
        let text = route.body.concat().replace("@HOST@", host);
        let mut body = match route.encoding {
            Charset::Of(encoding) => encoding.encode(&text).0.into_owned(),
            Charset::MarkedUtf8 => [b"\xEF\xBB\xBF", text.as_bytes()].concat(),
            Charset::MarkedUtf16 => {
                let units = std::iter::once(0xFEFF).chain(text.encode_utf16());
                units.flat_map(u16::to_le_bytes).collect()
            }
        };
        for coding in &route.codings {
            body = coded(coding, &body);
        }
        let mut head = format!(
            "HTTP/1.1 {}\r\nContent-Length: {}\r\n",
            route.status,
            body.len()
        );
        if !self.keeps {
            head.push_str("Connection: close\r\n");
        }
        for line in &route.headers {
            let name = host.split(':').next().unwrap_or_default();
            head.push_str(&line.replace("@HOSTNAME@", name).replace("@HOST@", host));
            head.push_str("\r\n");
        }
        head.push_str("\r\n");
        let mut answer: Vec<u8> = head
            .chars()
            .map(|c| u8::try_from(u32::from(c)).unwrap_or(b'?'))
            .collect();
        answer.extend_from_slice(&body);
        answer
    }
}

fn coded(coding: &str, body: &[u8]) -> Vec<u8> {
    use flate2::Compression;
    use flate2::write::{DeflateEncoder, GzEncoder, ZlibEncoder};
    let level = Compression::fast();
    match coding {
        "gzip" => {
            let mut encoder = GzEncoder::new(Vec::new(), level);
            encoder.write_all(body).unwrap();
            encoder.finish().unwrap()
        }
        "zlib" => {
            let mut encoder = ZlibEncoder::new(Vec::new(), level);
            encoder.write_all(body).unwrap();
            encoder.finish().unwrap()
        }
        "raw" => {
            let mut encoder = DeflateEncoder::new(Vec::new(), level);
            encoder.write_all(body).unwrap();
            encoder.finish().unwrap()
        }
        "cut" => body[..body.len() * 2 / 3].to_vec(),
        _ => body.to_vec(),
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "   {} keeps {} drops {}",
            self.kind, self.keeps, self.drops_kept
        )?;
        for route in &self.routes {
            let Route {
                path,
                status,
                headers,
                body,
                encoding,
                codings,
            } = route;
            writeln!(
                f,
                "   {path}: {status} {headers:?} {encoding:?} {codings:?}"
            )?;
            writeln!(f, "      {}", body.concat())?;
        }
        for step in &self.steps {
            writeln!(f, "   step {}", step.join(" ; "))?;
        }
        Ok(())
    }
}

/// The case of a seed.
pub(super) fn generate(seed: u64) -> Case {
    let mut choices = Choices(seed.wrapping_mul(0xA24B_AED4_963E_E407));
    match choices.below(12) {
        0..5 => pages::form(&mut choices),
        5..7 => pages::links(&mut choices),
        7..9 => pages::cookies(&mut choices),
        9..10 => pages::wire(&mut choices),
        _ => pages::words(&mut choices),
    }
}
