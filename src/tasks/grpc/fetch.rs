//! [`Fetch`]: a file or a URL with something that calls need.

use std::path::PathBuf;

use bytes::Bytes;
use serde_json::json;

use crate::spec::{Decode, Decoder, Node};
use crate::tasks::inputs::{Sender, Source, Target, download};
use crate::tasks::{RunContext, TaskError};

/// Where something is.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Fetch {
    /// Nowhere: the key is there and empty.
    Nothing,
    /// In a file.
    File(Source),
    /// At a URL, downloaded before the load.
    Url(Target),
}

/// Whether a text is a URL and no path.
pub(super) fn is_url(text: &str) -> bool {
    let lower = text.trim_start().to_ascii_lowercase();
    lower.starts_with("http://") || lower.starts_with("https://")
}

impl Decode for Fetch {
    const TYPE: &'static str = "path or URL";

    fn schema() -> serde_json::Value {
        json!({ "type": "string" })
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        let text = decoder.text(node).map(|scalar| scalar.text);
        match text {
            Some(text) if text.trim().is_empty() => Some(Self::Nothing),
            Some(text) if is_url(&text) => Target::decode(node, decoder).map(Self::Url),
            Some(_) => Source::decode(node, decoder).map(Self::File),
            None => {
                if !Decoder::is_text(node) {
                    decoder.mismatch(node, "a path or a URL");
                }
                None
            }
        }
    }
}

impl Fetch {
    /// The content, if it is known already.
    pub(super) fn known(&self) -> Option<&Bytes> {
        match self {
            Self::File(Source::Content(content)) => Some(content),
            Self::Nothing | Self::File(Source::Later(_)) | Self::Url(_) => None,
        }
    }

    /// The content; `what` it is, in words that follow `the`.
    pub(super) async fn load(
        &self,
        what: &str,
        sender: &Sender,
        context: &RunContext,
    ) -> Result<Bytes, TaskError> {
        match self {
            Self::Nothing => Ok(Bytes::new()),
            Self::File(source) => source.load().map_err(|(path, cause)| {
                TaskError::new(format!("cannot read the {what} {}: {cause}", path.display()))
            }),
            Self::Url(target) => download(what, target, sender, context).await,
        }
    }
}

/// A `.proto` file: its path is needed, for what it imports is looked for beside it.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum ProtoFile {
    /// Nowhere: the key is there and empty.
    Nothing,
    /// As it was written, and from the folder of the experiment.
    File {
        /// As it was written.
        name: String,
        /// From the folder of the experiment.
        path: PathBuf,
        /// Whether a script may still write it.
        later: bool,
    },
    /// At a URL, downloaded before the load.
    Url(Target),
}

impl Decode for ProtoFile {
    const TYPE: &'static str = "path or URL";

    fn schema() -> serde_json::Value {
        json!({ "type": "string" })
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        let text = String::decode(node, decoder)?;
        if text.trim().is_empty() {
            return Some(Self::Nothing);
        }
        if is_url(&text) {
            return Target::decode(node, decoder).map(Self::Url);
        }
        Some(Self::File {
            path: decoder.path(&text),
            later: decoder.files_may_come(),
            name: text,
        })
    }
}

/// Folders, from that of the experiment: a list, or names with commas between.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Folders(pub(super) Vec<PathBuf>);

impl Decode for Folders {
    const TYPE: &'static str = "list of paths";

    fn schema() -> serde_json::Value {
        json!({ "anyOf": [{ "type": "array", "items": { "type": "string" } }, { "type": "string" }] })
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        let names = if Decoder::is_text(node) {
            let text = String::decode(node, decoder)?;
            text.split(',').map(|name| name.trim().to_owned()).collect()
        } else {
            Vec::<String>::decode(node, decoder)?
        };
        let given = names.iter().filter(|name| !name.is_empty());
        Some(Self(given.map(|name| decoder.path(name)).collect()))
    }
}
