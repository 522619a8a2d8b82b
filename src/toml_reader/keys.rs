//! Tables of keys: what each key of a file is, for whoever reads the file, and for the reference and
//! the schema that are made of it.
//!
//! Owns the shape of such a table. Must not know any file.

/// A table of a file, with every key that it may have.
#[derive(Debug)]
pub struct Table {
    /// Its name in the reference and in the schema.
    pub name: &'static str,
    /// What it is for.
    pub says: &'static str,
    /// Its keys, in the order of the reference.
    pub keys: &'static [Key],
}

/// One key.
#[derive(Debug)]
pub struct Key {
    /// The key.
    pub name: &'static str,
    /// What may stand there.
    pub kind: Kind,
    /// What it does.
    pub says: &'static str,
    /// What holds where it is left out; `None`: nothing.
    pub default: Option<&'static str>,
    /// Whether the table is wrong without it.
    pub is_required: bool,
    /// How it is written.
    pub example: &'static str,
    /// What it does over plain HTTP, where that is not the same as in a browser.
    pub over_http: Option<&'static str>,
    /// What it does in a browser, where that is not the same as over plain HTTP.
    pub in_browser: Option<&'static str>,
}

/// What may stand under a key.
#[derive(Debug)]
pub enum Kind {
    /// A text.
    Text,
    /// A text with `${…}` in it.
    Template,
    /// A CSS selector.
    Css,
    /// A regular expression.
    Regex,
    /// `true` or `false`.
    Bool,
    /// A whole number, from this on.
    Number(u64),
    /// `"90s"`, `"5m"` …
    Duration,
    /// `"1900KB"`, `"2MB"` …, or a number of bytes.
    Size,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// An array of this.
    List(&'static Kind),
    /// This, or an array of it.
    OneOrMany(&'static Kind),
    /// A table with keys of the writer's choice, and this under each.
    Map(&'static Kind),
    /// A table.
    Table(&'static Table),
    /// An array of tables.
    Tables(&'static Table),
    /// Any of these.
    Any(&'static [Kind]),
    /// Any value, whose texts may have `${…}` in them.
    Json,
}

impl Key {
    /// A key that may be left out, and then nothing holds.
    pub const fn new(
        name: &'static str,
        kind: Kind,
        example: &'static str,
        says: &'static str,
    ) -> Self {
        Key {
            name,
            kind,
            says,
            default: None,
            is_required: false,
            example,
            over_http: None,
            in_browser: None,
        }
    }

    /// The same, which may not be left out.
    pub const fn required(self) -> Self {
        Key {
            is_required: true,
            ..self
        }
    }

    /// The same, with what holds where it is left out.
    pub const fn default(self, default: &'static str) -> Self {
        Key {
            default: Some(default),
            ..self
        }
    }

    /// The same, with what it does on the two engines.
    pub const fn engines(self, over_http: &'static str, in_browser: &'static str) -> Self {
        Key {
            over_http: Some(over_http),
            in_browser: Some(in_browser),
            ..self
        }
    }
}

impl Table {
    /// Whether the table may have this key.
    pub fn has(&self, name: &str) -> bool {
        self.keys.iter().any(|key| key.name == name)
    }

    /// This table and all below it, each once, in the order of the reference.
    pub fn all(&'static self) -> Vec<&'static Table> {
        let mut found: Vec<&'static Table> = Vec::new();
        let mut open = vec![self];
        while let Some(table) = open.pop() {
            if found.iter().any(|known| known.name == table.name) {
                continue;
            }
            found.push(table);
            let mut below = Vec::new();
            table
                .keys
                .iter()
                .for_each(|key| key.kind.tables(&mut below));
            open.extend(below.into_iter().rev());
        }
        found
    }
}

impl Kind {
    fn tables(&self, found: &mut Vec<&'static Table>) {
        match self {
            Kind::Table(table) | Kind::Tables(table) => found.push(table),
            Kind::List(kind) | Kind::OneOrMany(kind) | Kind::Map(kind) => kind.tables(found),
            Kind::Any(kinds) => kinds.iter().for_each(|kind| kind.tables(found)),
            Kind::Text
            | Kind::Template
            | Kind::Css
            | Kind::Regex
            | Kind::Bool
            | Kind::Number(_)
            | Kind::Duration
            | Kind::Size
            | Kind::OneOf(_)
            | Kind::Json => {}
        }
    }
}
