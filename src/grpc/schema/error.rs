//! [`SchemaError`]: why descriptors could not be had.

use std::io;
use std::path::PathBuf;

use prost_reflect::DescriptorError;
use prost_reflect::prost::DecodeError;

use crate::diagnostic::{Diagnostic, Place};

/// Fragments that fit after "failed to read the schema: ".
#[derive(Debug, thiserror::Error)]
pub enum SchemaError {
    /// A file cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// As the user named it, or where an import was found.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A file is no text.
    #[error("{path} is not the text of a `.proto` file")]
    NotText {
        /// As the user named it, or where an import was found.
        path: PathBuf,
    },
    /// A file is larger than any schema.
    #[error("{name} is larger than {limit} MiB")]
    TooLarge {
        /// Path or name.
        name: String,
        /// The limit in MiB.
        limit: u64,
    },
    /// A `.proto` file is not well-formed, or names what there is not.
    #[error("{message}")]
    Compile {
        /// File, line and column, when they are known.
        place: Option<Place>,
        /// What is wrong.
        message: String,
        /// What the compiler advises.
        help: Option<String>,
    },
    /// An imported file is nowhere.
    #[error("cannot find the import `{name}` (looked in {})", list(looked_in))]
    MissingImport {
        /// The import, when it is known.
        place: Option<Place>,
        /// What is imported.
        name: String,
        /// Folders that do not have it.
        looked_in: Vec<PathBuf>,
    },
    /// A `.proto` file with `edition = …`.
    #[error("the file uses editions, which cannot be compiled here")]
    EditionSource {
        /// Where it says so.
        place: Place,
    },
    /// The bytes are no descriptors.
    #[error("{name} is not a set of Protobuf descriptors")]
    NotDescriptors {
        /// What the user calls it.
        name: String,
        /// Why.
        source: DecodeError,
    },
    /// Descriptors, but none of a service.
    #[error("{name} is empty")]
    Empty {
        /// What the user calls it.
        name: String,
    },
    /// Files of the set import others that are not in it.
    #[error("{name} is incomplete: {}", missing.iter().map(|(file, import)| format!("`{file}` imports `{import}`")).collect::<Vec<_>>().join(", "))]
    Incomplete {
        /// What the user calls it.
        name: String,
        /// File and what it imports, at most a handful.
        missing: Vec<(String, String)>,
    },
    /// A descriptor says an edition or syntax that nobody here knows.
    #[error("{name} has the file `{file}` in {dialect}, which is not known here")]
    UnknownDialect {
        /// What the user calls it.
        name: String,
        /// The file inside.
        file: String,
        /// Edition or syntax.
        dialect: String,
    },
    /// A descriptor contradicts itself.
    #[error("{name} is not valid: {what}")]
    Invalid {
        /// What the user calls it.
        name: String,
        /// File, message and mistake.
        what: String,
    },
    /// The descriptors do not fit together.
    #[error("{name} does not fit together")]
    Link {
        /// What the user calls it.
        name: String,
        /// Which name, and in which file.
        source: DescriptorError,
    },
}

fn list(folders: &[PathBuf]) -> String {
    let names: Vec<String> = folders.iter().map(|f| format!("`{}`", f.display())).collect();
    names.join(", ")
}

impl SchemaError {
    /// What to try.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Compile { help, .. } => help.clone(),
            Self::MissingImport { .. } => {
                Some("name the folder that imports start from in `import-paths`".to_owned())
            }
            Self::EditionSource { .. } => Some(
                "run `protoc --include_imports --descriptor_set_out=api.protoset` on it and give `protoset: api.protoset`, \
                 or rely on the server's reflection"
                    .to_owned(),
            ),
            Self::Incomplete { .. } => Some(
                "make the set with `protoc --include_imports --descriptor_set_out=…`, or with `buf build -o …`".to_owned(),
            ),
            Self::NotDescriptors { .. } | Self::Empty { .. } => Some(
                "it should be what `protoc --include_imports --descriptor_set_out=…` or `buf build -o …` writes; \
                 a `.proto` file belongs in `proto`"
                    .to_owned(),
            ),
            Self::NotText { .. } => Some("compiled descriptors belong in `protoset`".to_owned()),
            Self::UnknownDialect { .. } => Some("proto2, proto3 and the editions 2023 and 2024 are known".to_owned()),
            Self::Read { .. } | Self::TooLarge { .. } | Self::Invalid { .. } | Self::Link { .. } => None,
        }
    }

    /// Where in a `.proto` file.
    pub fn place(&self) -> Option<&Place> {
        match self {
            Self::Compile { place, .. } | Self::MissingImport { place, .. } => place.as_ref(),
            Self::EditionSource { place } => Some(place),
            Self::Read { .. }
            | Self::NotText { .. }
            | Self::TooLarge { .. }
            | Self::NotDescriptors { .. }
            | Self::Empty { .. }
            | Self::Incomplete { .. }
            | Self::UnknownDialect { .. }
            | Self::Invalid { .. }
            | Self::Link { .. } => None,
        }
    }

    /// The whole of it, causes in one line.
    pub fn diagnostic(&self) -> Diagnostic {
        let mut message = self.to_string();
        let mut cause = std::error::Error::source(self);
        while let Some(inner) = cause {
            message.push_str(&format!(": {inner}"));
            cause = inner.source();
        }
        Diagnostic {
            place: self.place().cloned(),
            hint: self.hint(),
            ..Diagnostic::error(message)
        }
    }
}
