//! [`ObjectName`]: which object of a cluster is meant; [`Resource`]: of which kind.

use std::fmt;

/// A kind of objects, as the API names it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Resource {
    /// API group; empty for the core.
    pub group: String,
    /// Version of the group.
    pub version: String,
    /// Name of the kind, in the plural.
    pub plural: String,
}

impl Resource {
    /// Where the API has it, without a slash at the end.
    pub(super) fn root(&self) -> String {
        if self.group.is_empty() {
            format!("/api/{}", self.version)
        } else {
            format!("/apis/{}/{}", self.group, self.version)
        }
    }

    /// Its group as people call it.
    pub(super) fn group_name(&self) -> &str {
        if self.group.is_empty() {
            "core"
        } else {
            &self.group
        }
    }
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.plural)?;
        if self.group.is_empty() {
            return Ok(());
        }
        write!(f, ".{}", self.group)
    }
}

/// An object of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ObjectName {
    /// Its kind.
    pub resource: Resource,
    /// Its namespace; `None` is the one that the cluster is accessed with.
    pub namespace: Option<String>,
    /// Its own name.
    pub name: String,
}

impl ObjectName {
    /// Whether the API can have an object of this name: it stands in a path there.
    pub fn is_name(text: &str) -> bool {
        let odd = |letter: char| !letter.is_ascii_graphic() || "/%?#\\".contains(letter);
        !text.is_empty() && text.len() <= 253 && !text.contains(odd) && ![".", ".."].contains(&text)
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.resource, self.name)
    }
}
