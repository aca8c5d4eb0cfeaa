//! [`Source`]: a file that a field names, read while the experiment is checked.

use std::path::PathBuf;

use bytes::Bytes;
use serde_json::json;

use crate::spec::{Decode, Decoder, Node};

/// The content of a file, or its path if a script has yet to write it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Source {
    /// Read already.
    Content(Bytes),
    /// To be read when the task runs.
    Later(PathBuf),
}

impl Source {
    /// The content.
    pub(in crate::tasks) fn load(&self) -> Result<Bytes, (PathBuf, std::io::Error)> {
        match self {
            Self::Content(content) => Ok(content.clone()),
            Self::Later(path) => std::fs::read(path)
                .map(Bytes::from)
                .map_err(|cause| (path.clone(), cause)),
        }
    }
}

impl Decode for Source {
    const TYPE: &'static str = "path";

    fn schema() -> serde_json::Value {
        json!({ "type": "string" })
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        let text = String::decode(node, decoder)?;
        let path = decoder.path(&text);
        match std::fs::read(&path) {
            Ok(content) => Some(Self::Content(content.into())),
            Err(_) if decoder.files_may_come() => Some(Self::Later(path)),
            Err(cause) => {
                decoder.error(&node.at, format!("cannot read {}: {cause}", path.display()), None);
                None
            }
        }
    }
}
