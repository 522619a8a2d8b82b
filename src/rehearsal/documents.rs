//! The upload page: which documents, which kinds, which limits, and why one is refused.

use std::io::Cursor;

use askama::Template;
use axum::Json;
use axum::extract::multipart::MultipartError;
use axum::extract::multipart::MultipartRejection;
use axum::extract::{Multipart, Path};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use image::{ImageFormat, ImageReader};
use serde_json::{Value, json};

use super::Kind;
use super::language::Text;
use super::site::{Fields, Member, Page, Refused, Struck, no_data};
use super::world::{Application, Document, Happening};

/// The stated limit of one document: 2 MB, counted as 2 MiB.
const LIMIT: usize = 2 * 1024 * 1024;
/// The least width and height of the photo, in pixels.
const PHOTO: (u32, u32) = (400, 600);

/// A document that the application wants.
pub(super) struct Wanted {
    pub(super) name: &'static str,
    pub(super) label: Text,
    pub(super) rule: Text,
    pub(super) accept: &'static str,
}

pub(super) const WANTED: [Wanted; 3] = [
    Wanted {
        name: "passport",
        label: Text::new("Halaman identitas paspor", "Passport's identity page"),
        rule: Text::new(
            "Gambar JPG atau PNG, paling besar 2 MB",
            "JPG or PNG image, at most 2 MB",
        ),
        accept: "image/jpeg,image/png",
    },
    Wanted {
        name: "photo",
        label: Text::new("Pasfoto", "Photo"),
        rule: Text::new(
            "JPG atau PNG, paling kecil 400 × 600 piksel, paling besar 2 MB",
            "JPG or PNG, at least 400 × 600 pixels, at most 2 MB",
        ),
        accept: "image/jpeg,image/png",
    },
    Wanted {
        name: "guarantee",
        label: Text::new(
            "Surat permohonan dan jaminan",
            "Application and guarantee letter",
        ),
        rule: Text::new("PDF, paling besar 2 MB", "PDF, at most 2 MB"),
        accept: "application/pdf",
    },
];

const TOO_LARGE: Text = Text::new(
    "Ukuran dokumen melebihi 2 MB.",
    "The document is larger than 2 MB.",
);
const NOT_AN_IMAGE: Text = Text::new(
    "Dokumen ini bukan gambar JPG atau PNG.",
    "This document is not a JPG or PNG image.",
);
const NOT_A_PDF: Text = Text::new("Dokumen ini bukan PDF.", "This document is not a PDF.");
const TOO_SMALL: Text = Text::new(
    "Foto lebih kecil dari 400 × 600 piksel.",
    "The photo is smaller than 400 × 600 pixels.",
);
const NOTHING: Text = Text::new(
    "Pilih paling sedikit satu dokumen.",
    "Choose at least one document.",
);
const INCOMPLETE: Text = Text::new(
    "Unggah ketiga dokumen lebih dahulu.",
    "Upload all three documents first.",
);
const BROKEN: Text = Text::new(
    "Unggahan terputus. Coba lagi.",
    "The upload broke off. Please try again.",
);

#[derive(Template)]
#[template(path = "rehearsal/templates/documents.html")]
struct Documents {
    page: Page,
    token: String,
    application: Application,
    /// What was refused, by document name; an empty name for the upload as a whole.
    refused: Vec<(&'static str, Text)>,
}

impl Documents {
    fn complete(&self) -> bool {
        self.application.documents.len() == WANTED.len()
    }

    fn label(&self, name: &str) -> &'static str {
        let wanted = WANTED.iter().find(|wanted| wanted.name == name);
        wanted.map_or("", |wanted| self.page.say(&wanted.label))
    }
}

fn documents_page(
    member: &Member,
    id: &str,
    refused: Vec<(&'static str, Text)>,
) -> Result<Response, Refused> {
    let found = member.site.world().draft_mut(id).cloned();
    let Some(application) = found else {
        return Err(member.not_found().into());
    };
    let status = match refused.is_empty() {
        true => StatusCode::OK,
        false => StatusCode::UNPROCESSABLE_ENTITY,
    };
    let page = member.page();
    let token = page.csrf.clone().unwrap_or_default();
    Ok(member.render(
        status,
        &Documents {
            page,
            token,
            application,
            refused,
        },
    ))
}

pub(super) async fn form(member: Member, Path(id): Path<String>) -> Result<Response, Refused> {
    let refused = match member.query.contains_key("missing") {
        true => vec![("", INCOMPLETE)],
        false => Vec::new(),
    };
    documents_page(&member, &id, refused)
}

/// What the script checks before it uploads.
pub(super) async fn rules(member: Member, Path(id): Path<String>) -> Response {
    if member.site.world().draft_mut(&id).is_none() {
        return no_data();
    }
    let documents: Vec<Value> = WANTED
        .iter()
        .map(|wanted| {
            let accept: Vec<&str> = wanted.accept.split(',').collect();
            json!({ "name": wanted.name, "accept": accept })
        })
        .collect();
    Json(json!({ "limit": LIMIT, "documents": documents })).into_response()
}

pub(super) async fn take_in(
    member: Member,
    Path(id): Path<String>,
    struck: Option<Struck>,
    multipart: Result<Multipart, MultipartRejection>,
) -> Result<Response, Refused> {
    let read = match multipart {
        Ok(multipart) => read(multipart).await.ok(),
        Err(_) => None,
    };
    let Some((fields, files)) = read else {
        return documents_page(&member, &id, vec![("", BROKEN)]);
    };
    member.check(&fields)?;
    let above = struck
        .unwrap_or_default()
        .0
        .into_iter()
        .find_map(|kind| match kind {
            Kind::UploadRefused { above_bytes } => Some(above_bytes),
            _ => None,
        });
    let mut refused = Vec::new();
    let mut taken = Vec::new();
    for (name, file_name, bytes) in &files {
        let secretly_too_large = above.is_some_and(|above| bytes.len() as u64 > above);
        match problem(name, bytes) {
            Some(problem) => refused.push((*name, problem)),
            None if secretly_too_large => refused.push((*name, TOO_LARGE)),
            None => taken.push((*name, file_name.clone(), bytes.len())),
        }
    }
    if files.is_empty() {
        refused.push(("", NOTHING));
    }
    if let Some(draft) = member.site.world().draft_mut(&id) {
        for (name, file_name, size) in taken {
            draft.note(member.site.now(), Happening::Received(name));
            draft.documents.insert(name, Document { file_name, size });
        }
    }
    if refused.is_empty() {
        return Ok(Redirect::to(&format!("/web/extension/{id}/documents")).into_response());
    }
    documents_page(&member, &id, refused)
}

type Files = Vec<(&'static str, String, axum::body::Bytes)>;

/// The form's texts, and its files that are not empty. The length of the whole request was
/// limited before.
async fn read(mut multipart: Multipart) -> Result<(Fields, Files), MultipartError> {
    let mut fields = Fields::new();
    let mut files = Files::new();
    while let Some(part) = multipart.next_field().await? {
        let name = part.name().unwrap_or_default().to_owned();
        match WANTED.iter().find(|wanted| wanted.name == name) {
            Some(wanted) => {
                let given = part.file_name().unwrap_or_default();
                let file_name = given.chars().filter(|c| !c.is_control()).take(80).collect();
                let bytes = part.bytes().await?;
                if !bytes.is_empty() {
                    files.push((wanted.name, file_name, bytes));
                }
            }
            None => {
                fields.insert(name, part.text().await?);
            }
        }
    }
    Ok((fields, files))
}

/// Why a document is refused; its kind is told by its content, never by its name.
fn problem(name: &str, bytes: &[u8]) -> Option<Text> {
    if bytes.len() > LIMIT {
        return Some(TOO_LARGE);
    }
    if name == "guarantee" {
        return (!bytes.starts_with(b"%PDF-")).then_some(NOT_A_PDF);
    }
    let format = image::guess_format(bytes).ok();
    let Some(format @ (ImageFormat::Jpeg | ImageFormat::Png)) = format else {
        return Some(NOT_AN_IMAGE);
    };
    let Ok((width, height)) =
        ImageReader::with_format(Cursor::new(bytes), format).into_dimensions()
    else {
        return Some(NOT_AN_IMAGE);
    };
    (name == "photo" && (width < PHOTO.0 || height < PHOTO.1)).then_some(TOO_SMALL)
}
