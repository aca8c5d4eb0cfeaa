//! [`Source`]: a file that a field names, read while the experiment is checked unless a script before may still write it.

use std::path::PathBuf;

use bytes::Bytes;
use serde_json::json;

use crate::spec::{Decode, Decoder, Node, read_file};

/// Largest payload, in bytes.
const LARGEST: u64 = 256 << 20;

/// The content of a file, or its path if a script may write it before it is needed.
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
            Self::Later(path) => read_file(path, LARGEST)
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
        // What is there now may be what the run before left behind.
        if decoder.files_may_come() {
            return Some(Self::Later(path));
        }
        match read_file(&path, LARGEST) {
            Ok(content) => Some(Self::Content(content.into())),
            Err(cause) => {
                decoder.missing(&node.at, format!("cannot read {}: {cause}", path.display()), None);
                None
            }
        }
    }
}
