//! [`Desk`]: the git objects of one repository, read and made by the API.
//!
//! Commits that are made this way, without an author, are signed by GitHub where the token is an app's, as the job's is.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use super::client::Call;
use super::{ApiError, Client, Repository};

const CONTENTS: &str = "contents: write";
/// Bytes of a file that is changed.
const LARGEST: usize = 4 << 20;
/// The trailer by which a commit says that it is ours.
const TRAILER: &str = "Iter8-Change: ";

/// A repository, and who asks for it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Desk<'a> {
    pub client: &'a Client,
    pub repository: &'a Repository,
}

/// The commit that a branch points to.
#[derive(Debug, Clone)]
pub(super) struct Tip {
    pub sha: String,
    pub tree: String,
    message: String,
}

impl Tip {
    /// Whether it says that we made it. Amended or rebased, it still does: nothing is to be lost by believing it.
    pub(super) fn says_ours(&self) -> bool {
        self.message.lines().any(|line| line.starts_with(TRAILER))
    }
}

/// The last line of a message of ours.
pub(super) fn trailer(change: &str) -> String {
    format!("{TRAILER}{change}")
}

/// What stands at a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Entry {
    /// A file, with its mode.
    File { mode: String, sha: String },
    /// A folder, a link or a submodule.
    Other(&'static str),
    /// Nothing.
    Nothing,
}

/// A file as it is to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct File {
    pub path: String,
    pub mode: String,
    pub content: String,
}

#[derive(Deserialize)]
struct Sha {
    sha: String,
}

#[derive(Deserialize)]
struct Reference {
    object: Sha,
}

#[derive(Deserialize)]
struct Commit {
    tree: Sha,
    #[serde(default)]
    message: String,
}

#[derive(Deserialize)]
struct Listing {
    tree: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    path: String,
    mode: String,
    #[serde(default)]
    sha: String,
}

impl Desk<'_> {
    /// Reads below the repository.
    pub(super) async fn get<T: DeserializeOwned>(
        &self,
        rest: &str,
        permission: &'static str,
    ) -> Result<T, ApiError> {
        let path = self.repository.path(rest);
        self.client.send(&Call::get(&path, permission)).await?.json()
    }

    /// Writes below the repository.
    pub(super) async fn write<T: DeserializeOwned>(
        &self,
        method: Method,
        rest: &str,
        body: &Value,
        permission: &'static str,
        repeatable: bool,
    ) -> Result<T, ApiError> {
        let path = self.repository.path(rest);
        let call = Call {
            method,
            path: &path,
            body: Some(body),
            permission,
            repeatable,
        };
        self.client.send(&call).await?.json()
    }

    /// The branch that pull requests go to unless they say otherwise.
    pub(super) async fn default_branch(&self) -> Result<String, ApiError> {
        #[derive(Deserialize)]
        struct Known {
            default_branch: String,
        }
        let path = self.repository.path("");
        let path = path.trim_end_matches('/');
        let answer = self.client.send(&Call::get(path, CONTENTS)).await?;
        Ok(answer.json::<Known>()?.default_branch)
    }

    /// The commit of a branch; none if there is no such branch.
    pub(super) async fn tip(&self, branch: &str) -> Result<Option<Tip>, ApiError> {
        let rest = format!("git/ref/heads/{}", escaped(branch));
        let sha = match self.get::<Reference>(&rest, CONTENTS).await {
            Ok(reference) => reference.object.sha,
            Err(ApiError::NotFound { .. }) => return Ok(None),
            Err(error) => return Err(error),
        };
        let commit: Commit = self
            .get(&format!("git/commits/{}", escaped(&sha)), CONTENTS)
            .await?;
        Ok(Some(Tip {
            sha,
            tree: commit.tree.sha,
            message: commit.message,
        }))
    }

    /// What stands at a path below a tree.
    pub(super) async fn entry(&self, tree: &str, path: &str) -> Result<Entry, ApiError> {
        let mut tree = tree.to_owned();
        let mut names = path.split('/').peekable();
        while let Some(name) = names.next() {
            let listing: Listing = self
                .get(&format!("git/trees/{}", escaped(&tree)), CONTENTS)
                .await?;
            let Some(item) = listing.tree.into_iter().find(|item| item.path == name) else {
                return Ok(Entry::Nothing);
            };
            let last = names.peek().is_none();
            match item.mode.as_str() {
                "040000" if !last => tree = item.sha,
                "040000" => return Ok(Entry::Other("a folder")),
                "120000" => return Ok(Entry::Other("a symbolic link")),
                "160000" => return Ok(Entry::Other("a submodule")),
                _ if !last => return Ok(Entry::Other("below a file")),
                _ => {
                    return Ok(Entry::File {
                        mode: item.mode,
                        sha: item.sha,
                    });
                }
            }
        }
        Ok(Entry::Nothing)
    }

    /// The text of a file; none if it is no text, or too large.
    pub(super) async fn text(&self, blob: &str) -> Result<Option<String>, ApiError> {
        #[derive(Deserialize)]
        struct Blob {
            content: String,
        }
        let blob: Blob = self
            .get(&format!("git/blobs/{}", escaped(blob)), CONTENTS)
            .await?;
        let encoded: String = blob.content.split_whitespace().collect();
        let bytes = STANDARD.decode(encoded).map_err(|error| ApiError::Unexpected {
            reason: error.to_string(),
        })?;
        let text = String::from_utf8(bytes).ok();
        Ok(text.filter(|text| text.len() <= LARGEST && !text.contains('\0')))
    }

    /// A tree with some files in place of others. The same files make the same tree: doing it twice does no harm.
    pub(super) async fn tree(&self, base: &str, files: &[File]) -> Result<String, ApiError> {
        let entries: Vec<Value> = files
            .iter()
            .map(|file| json!({ "path": file.path, "mode": file.mode, "type": "blob", "content": file.content }))
            .collect();
        let body = json!({ "base_tree": base, "tree": entries });
        let made: Sha = self
            .write(Method::POST, "git/trees", &body, CONTENTS, true)
            .await?;
        Ok(made.sha)
    }

    /// A commit on top of another. Nothing points to it yet: doing it twice does no harm.
    pub(super) async fn commit(&self, message: &str, tree: &str, parent: &str) -> Result<String, ApiError> {
        let body = json!({ "message": message, "tree": tree, "parents": [parent] });
        let made: Sha = self
            .write(Method::POST, "git/commits", &body, CONTENTS, true)
            .await?;
        Ok(made.sha)
    }

    /// Makes a branch; false if there is one already, perhaps by ourselves: asked twice, GitHub makes one.
    pub(super) async fn create(&self, branch: &str, sha: &str) -> Result<bool, ApiError> {
        let body = json!({ "ref": format!("refs/heads/{branch}"), "sha": sha });
        let made: Result<Value, ApiError> = self.write(Method::POST, "git/refs", &body, CONTENTS, true).await;
        match made {
            Ok(_) => Ok(true),
            Err(error) if error.says("already exists") => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Points a branch elsewhere; false if there is none any more. It is sent once: before it is sent again, who asks has
    /// to look at what stands there now.
    pub(super) async fn point(&self, branch: &str, sha: &str) -> Result<bool, ApiError> {
        let body = json!({ "sha": sha, "force": true });
        match self.branch(Method::PATCH, branch, Some(&body)).await {
            Ok(()) => Ok(true),
            Err(error) if error.says("does not exist") => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Removes a branch; sent once, too.
    pub(super) async fn remove(&self, branch: &str) -> Result<(), ApiError> {
        self.branch(Method::DELETE, branch, None).await
    }

    async fn branch(&self, method: Method, branch: &str, body: Option<&Value>) -> Result<(), ApiError> {
        let path = self
            .repository
            .path(&format!("git/refs/heads/{}", escaped(branch)));
        let call = Call {
            method,
            path: &path,
            body,
            permission: CONTENTS,
            repeatable: false,
        };
        self.client.once(&call).await.map(|_| ())
    }
}

/// A part of a path in which nothing but `/` has a meaning.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'/') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_branch_cannot_leave_its_part_of_a_path() {
        assert_eq!(escaped("iter8/ci-1.0_x"), "iter8/ci-1.0_x");
        assert_eq!(escaped("a?b#c%d ä"), "a%3Fb%23c%25d%20%C3%A4");
    }

    #[test]
    fn our_commits_say_so_in_their_trailer() {
        let tip = |message: &str| Tip {
            sha: String::new(),
            tree: String::new(),
            message: message.to_owned(),
        };
        assert!(tip(&format!("Promote\n\n{}", trailer("abc"))).says_ours());
        assert!(!tip("Iter8 is nice: Iter8-Change: no").says_ours());
        assert!(!tip("").says_ours());
    }
}
