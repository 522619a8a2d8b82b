//! The encoding of a page: by its mark, its header, itself, or its bytes.
//!
//! Owns the order in which these count, as browsers have it. Must not know what is read.

use std::cell::{Cell, RefCell};
use std::sync::LazyLock;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1252};
use html5ever::Attribute;
use html5ever::buffer_queue::BufferQueue;
use html5ever::tokenizer::{TagKind, Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts};
use memchr::memchr;
use regex::bytes::Regex;
use reqwest::header::{self, HeaderMap};

/// Bytes of a page that are always looked through for its own word; beyond, only its head is.
const ALWAYS_SEARCHED: usize = 1024;
/// The most bytes of a head that are looked through.
const MAX_SEARCHED: usize = 64 * 1024;

/// The media type and the charset that the headers give, in lower case; each empty where there is
/// none. Of several lines the last that names a type counts, and the charset of one before it only
/// where the type is the same.
pub fn content_type(headers: &HeaderMap) -> (String, String) {
    let (mut media_type, mut charset) = (String::new(), String::new());
    for value in headers.get_all(header::CONTENT_TYPE) {
        let value = String::from_utf8_lossy(value.as_bytes()).to_ascii_lowercase();
        let mut parts = value.split(';');
        let kind = parts.next().unwrap_or_default().trim().to_owned();
        let named = parts.find_map(|part| {
            let (name, value) = part.split_once('=')?;
            (name.trim() == "charset").then(|| value.trim().trim_matches(['"', '\'']).to_owned())
        });
        if !kind.contains('/') {
            continue;
        }
        if kind != media_type {
            charset.clear();
        }
        media_type = kind;
        if let Some(named) = named {
            charset = named;
        }
    }
    (media_type, charset)
}

/// Whether a body that comes without a media type begins as pages do (the WHATWG's MIME sniffing).
pub fn begins_as_html(body: &[u8]) -> bool {
    const BEGINNINGS: [&[u8]; 17] = [
        b"<!doctype html",
        b"<html",
        b"<head",
        b"<script",
        b"<iframe",
        b"<h1",
        b"<div",
        b"<font",
        b"<table",
        b"<a",
        b"<style",
        b"<title",
        b"<b",
        b"<body",
        b"<br",
        b"<p",
        b"<!--",
    ];
    let body = body
        .strip_prefix(b"\xEF\xBB\xBF")
        .unwrap_or(body)
        .trim_ascii_start();
    BEGINNINGS.iter().any(|beginning| {
        let begins = body
            .get(..beginning.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(beginning));
        let ends = matches!(body.get(beginning.len()), Some(b' ' | b'>'));
        begins && (ends || *beginning == b"<!--")
    })
}

/// The encoding of a page with this charset in its header. What says nothing is UTF-8 where its
/// bytes are, else windows-1252; nothing is guessed beyond that. A page of ASCII alone is
/// windows-1252 to browsers, which only shows in what its forms send.
pub fn of_page(charset: &str, body: &[u8]) -> &'static Encoding {
    if let Some((encoding, _)) = Encoding::for_bom(body) {
        return encoding;
    }
    let named = Encoding::for_label(charset.as_bytes());
    named.or_else(|| by_itself(body)).unwrap_or_else(|| {
        match !body.is_ascii() && std::str::from_utf8(body).is_ok() {
            true => UTF_8,
            false => WINDOWS_1252,
        }
    })
}

/// The encoding of a page in XML: by its mark, its header, its first line, else UTF-8.
pub fn of_xml(charset: &str, body: &[u8]) -> &'static Encoding {
    if let Some((encoding, _)) = Encoding::for_bom(body) {
        return encoding;
    }
    let declared = || {
        let line = body.strip_prefix(b"<?xml")?;
        let end = line.iter().position(|byte| *byte == b'>')?;
        let line = std::str::from_utf8(&line[..end]).ok()?;
        let (_, value) = line.split_once("encoding")?;
        let label = value.split(['"', '\'']).nth(1)?;
        Encoding::for_label(label.as_bytes())
    };
    let named = Encoding::for_label(charset.as_bytes());
    named.or_else(declared).unwrap_or(UTF_8)
}

/// What every such word of a page holds; most pages that do not have it are told quickly.
static CHARSET: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new("(?i-u)charset").ok());

/// What a page says of itself in its head.
fn by_itself(body: &[u8]) -> Option<&'static Encoding> {
    let searched = &body[..body.len().min(MAX_SEARCHED)];
    let word = CHARSET.as_ref()?.find(searched)?.end();
    // Most often the tag with the first of these words is all that need be looked at.
    let tag = memchr(b'>', &searched[word..]).map_or(searched.len(), |at| word + at + 1);
    let (always, head) = searched.split_at(searched.len().min(ALWAYS_SEARCHED));
    let (first, rest) = always.split_at(tag.min(always.len()));
    let tokenizer = Tokenizer::new(Head::default(), TokenizerOpts::default());
    let input = BufferQueue::default();
    let has_named = |piece: &[u8]| {
        // Only what is ASCII matters here, and every byte is kept in its place.
        let text: String = piece.iter().map(|byte| char::from(*byte)).collect();
        input.push_back(text.into());
        let _ = tokenizer.feed(&input);
        tokenizer.sink.found.borrow().is_some()
    };
    if !has_named(first) && !has_named(rest) {
        for piece in head.chunks(ALWAYS_SEARCHED) {
            if tokenizer.sink.is_over.get() || has_named(piece) {
                break;
            }
        }
    }
    tokenizer.sink.found.take()
}

/// Looks for a charset in the tags of a head.
#[derive(Default)]
struct Head {
    found: RefCell<Option<&'static Encoding>>,
    is_over: Cell<bool>,
}

impl TokenSink for Head {
    type Handle = ();

    fn process_token(&self, token: Token, _: u64) -> TokenSinkResult<()> {
        if let Token::TagToken(tag) = token
            && self.found.borrow().is_none()
        {
            let in_head = matches!(
                &*tag.name,
                "script"
                    | "noscript"
                    | "style"
                    | "link"
                    | "meta"
                    | "object"
                    | "title"
                    | "base"
                    | "html"
                    | "head"
            );
            let ends = tag.kind == TagKind::EndTag && &*tag.name == "head";
            if !in_head || ends {
                self.is_over.set(true);
            }
            if tag.kind == TagKind::StartTag && &*tag.name == "meta" {
                *self.found.borrow_mut() = charset_of(&tag.attrs);
            }
        }
        TokenSinkResult::Continue
    }
}

/// What a `meta` element names. A page that can be read as ASCII so far is not in UTF-16, whatever
/// it says.
fn charset_of(attributes: &[Attribute]) -> Option<&'static Encoding> {
    let value = |name: &str| {
        let mut found = attributes.iter().filter(|it| &*it.name.local == name);
        found.next().map(|it| it.value.to_string())
    };
    let by_content = || {
        let equiv = value("http-equiv")?;
        let content = value("content")?.to_ascii_lowercase();
        let at = content.find("charset")? + "charset".len();
        let rest = content[at..].trim_start().strip_prefix('=')?.trim_start();
        let label = match rest.chars().next()? {
            quote @ ('"' | '\'') => rest[1..].split(quote).next()?.to_owned(),
            _ => rest.split([';', ' ', '\t', '\n']).next()?.to_owned(),
        };
        equiv.eq_ignore_ascii_case("content-type").then_some(label)
    };
    let label = value("charset").or_else(by_content)?;
    let encoding = Encoding::for_label(label.trim().as_bytes())?;
    Some(match encoding.name() {
        _ if encoding == UTF_16LE || encoding == UTF_16BE => UTF_8,
        "x-user-defined" => WINDOWS_1252,
        _ => encoding,
    })
}
