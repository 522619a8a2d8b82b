//! Owns: test documents made to the byte. A file of exactly the asked size that any
//! decoder opens, and that nobody can take for a real document: a specimen of the
//! fictitious state UTO, marked as a test. Must not know: flows, sites, requests.

mod canvas;
mod container;
mod specimen;

use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;

use container::Base;

/// The documents that a flow can upload.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DocumentName {
    /// `passport`: the data page of a passport, with its machine-readable zone.
    Passport,
    /// `photo`: a portrait, 480×720 pixels.
    Photo,
    /// `application`: the letter of application.
    Application,
    /// `guarantee`: the guarantor's letter.
    Guarantee,
    /// `kitas`: the stay-permit card.
    Kitas,
    /// `ktp`: the guarantor's identity card.
    Ktp,
    /// `sktt`: the certificate of residence.
    Sktt,
    /// `power-of-attorney`: the letter of an agent.
    PowerOfAttorney,
}

impl DocumentName {
    /// Every document, in the order in which they are declared.
    pub const ALL: [DocumentName; 8] = [
        DocumentName::Passport,
        DocumentName::Photo,
        DocumentName::Application,
        DocumentName::Guarantee,
        DocumentName::Kitas,
        DocumentName::Ktp,
        DocumentName::Sktt,
        DocumentName::PowerOfAttorney,
    ];

    /// The name that flow files use.
    pub fn as_str(self) -> &'static str {
        match self {
            DocumentName::Passport => "passport",
            DocumentName::Photo => "photo",
            DocumentName::Application => "application",
            DocumentName::Guarantee => "guarantee",
            DocumentName::Kitas => "kitas",
            DocumentName::Ktp => "ktp",
            DocumentName::Sktt => "sktt",
            DocumentName::PowerOfAttorney => "power-of-attorney",
        }
    }
}

/// What the documents say of their holder, each under a name for it, to be kept out of what
/// is shown: the holder is nobody, but a reader cannot know.
pub fn personal() -> [(&'static str, &'static str); 4] {
    specimen::PERSONAL
}

/// The file formats that a document can be made in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `jpeg`.
    Jpeg,
    /// `png`.
    Png,
    /// `pdf`: one page.
    Pdf,
}

impl Kind {
    /// Every format, in the order in which they are declared.
    pub const ALL: [Kind; 3] = [Kind::Jpeg, Kind::Png, Kind::Pdf];

    /// The name that flow files use.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Jpeg => "jpeg",
            Kind::Png => "png",
            Kind::Pdf => "pdf",
        }
    }

    /// The media type that an upload carries.
    pub fn media_type(self) -> &'static str {
        match self {
            Kind::Jpeg => "image/jpeg",
            Kind::Png => "image/png",
            Kind::Pdf => "application/pdf",
        }
    }

    /// What a file's name ends with, without the dot.
    pub fn extension(self) -> &'static str {
        match self {
            Kind::Jpeg => "jpg",
            Kind::Png => "png",
            Kind::Pdf => "pdf",
        }
    }
}

/// A text that names no document or no format; it says which there are.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no {what} `{given}`; there are: {known}")]
pub struct UnknownName {
    what: &'static str,
    given: String,
    known: String,
}

impl FromStr for DocumentName {
    type Err = UnknownName;
    fn from_str(text: &str) -> Result<Self, UnknownName> {
        Self::ALL
            .into_iter()
            .find(|name| name.as_str() == text)
            .ok_or_else(|| UnknownName {
                what: "document",
                given: text.to_owned(),
                known: Self::ALL.map(Self::as_str).join(", "),
            })
    }
}

impl FromStr for Kind {
    type Err = UnknownName;
    fn from_str(text: &str) -> Result<Self, UnknownName> {
        Self::ALL
            .into_iter()
            .find(|kind| kind.as_str() == text)
            .ok_or_else(|| UnknownName {
                what: "kind of document",
                given: text.to_owned(),
                known: Self::ALL.map(Self::as_str).join(", "),
            })
    }
}

impl fmt::Display for DocumentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The largest document that is made, in bytes.
pub const LARGEST: u64 = 100_000_000;

/// Why a document cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// Not even the bare drawing fits.
    #[error(
        "a {name} as {kind} cannot be made in {asked} bytes: {smallest} is the smallest possible"
    )]
    TooSmall {
        /// The document.
        name: DocumentName,
        /// Its format.
        kind: Kind,
        /// The size asked for, in bytes.
        asked: u64,
        /// The smallest size possible, in bytes.
        smallest: u64,
    },
    /// More than [`LARGEST`].
    #[error("a document of {asked} bytes is too large to make: {LARGEST} is the most")]
    TooLarge {
        /// The size asked for, in bytes.
        asked: u64,
    },
    /// The drawing could not be encoded or the specimen's data is wrong: a mistake of ours.
    #[error("the specimen could not be drawn: {0}")]
    Drawing(String),
}

/// The smallest size in bytes in which [`make`] can make this document.
pub fn smallest(name: DocumentName, kind: Kind) -> Result<u64, DocumentError> {
    Ok(base(name, kind)?.smallest())
}

/// A document of exactly `size` bytes. The same arguments give the same bytes.
pub fn make(name: DocumentName, kind: Kind, size: u64) -> Result<Vec<u8>, DocumentError> {
    if size > LARGEST {
        return Err(DocumentError::TooLarge { asked: size });
    }
    let base = base(name, kind)?;
    base.padded_to(size).ok_or_else(|| DocumentError::TooSmall {
        name,
        kind,
        asked: size,
        smallest: base.smallest(),
    })
}

/// The drawing in its container, not yet padded: made once, since drawing is what costs.
fn base(name: DocumentName, kind: Kind) -> Result<&'static Base, DocumentError> {
    type Slot = OnceLock<Result<Base, DocumentError>>;
    static BASES: [[Slot; Kind::ALL.len()]; DocumentName::ALL.len()] =
        [const { [const { OnceLock::new() }; Kind::ALL.len()] }; DocumentName::ALL.len()];
    BASES[name as usize][kind as usize]
        .get_or_init(|| {
            let drawing =
                specimen::draw(name).map_err(|e| DocumentError::Drawing(e.to_string()))?;
            Base::encode(kind, &drawing, specimen::title(name)).map_err(DocumentError::Drawing)
        })
        .as_ref()
        .map_err(Clone::clone)
}
