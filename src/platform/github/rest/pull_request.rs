//! [`Proposal::make`]: one branch and one pull request that are kept up to date in place.
//!
//! Looked for before they are made, and after an answer that does not tell whether they were. What somebody else wrote
//! to the branch is left alone, and so is a pull request that somebody closed.

use http::Method;
use serde::Deserialize;
use serde_json::json;
use url::form_urlencoded::Serializer;

use super::comment::SIZES;
use super::desk::{Desk, Entry, File, Tip};
use super::fingerprint;
use super::tips::Tips;
use super::{ApiError, Client, Mark, Repository};
use crate::edit::{Edit, EditError};

pub(super) const WRITE: &str = "pull-requests: write";
/// How often a branch that others write to at the same time, or a pull request that GitHub is not ready for, is tried.
pub(super) const TRIES: u32 = 6;

/// A change of one file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Path from the root of the repository.
    pub file: String,
    /// What is changed.
    pub edit: Edit,
    /// The new value.
    pub value: String,
}

/// A pull request to be opened.
pub struct Proposal<'a> {
    /// Where.
    pub repository: &'a Repository,
    /// Branch it is to be merged into; the default one if not given.
    pub base: Option<&'a str>,
    /// Branch it comes from.
    pub branch: &'a str,
    /// Its title, and the first line of the commit.
    pub title: &'a str,
    /// Its text in at most so many characters.
    pub text: &'a (dyn Fn(usize) -> String + Sync),
    /// The run that asks for it; key and verdicts are set here.
    pub mark: Mark,
    /// What it changes.
    pub changes: &'a [Change],
}

/// Where a pull request is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    /// Its address.
    pub url: String,
    /// Its number.
    pub number: u64,
}

/// What became of a proposal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proposed {
    /// A new pull request.
    Opened(Link),
    /// The open one tells of this run now.
    Updated(Link),
    /// A newer run has written the open one.
    Newer(Link),
    /// Somebody closed one with the same change.
    Closed(Link),
    /// The files are as they should be.
    NoDifference,
}

impl Proposed {
    /// The pull request that is open now, if one is.
    pub fn link(&self) -> Option<&Link> {
        match self {
            Self::Opened(link) | Self::Updated(link) | Self::Newer(link) => Some(link),
            Self::Closed(_) | Self::NoDifference => None,
        }
    }
}

/// Why there is no pull request.
#[derive(Debug, thiserror::Error)]
pub enum ProposalError {
    /// GitHub did not do it.
    #[error(transparent)]
    Api(#[from] ApiError),
    /// A file cannot be changed as asked.
    #[error("{file}")]
    Edit {
        /// The file.
        file: String,
        /// Why.
        #[source]
        error: EditError,
    },
    /// No file of text.
    #[error("{file} is {found}, which cannot be changed")]
    NoText {
        /// The file.
        file: String,
        /// What it is.
        found: &'static str,
    },
    /// There is nothing to merge into.
    #[error("{repository} has no branch {branch:?}")]
    NoBase {
        /// Where.
        repository: String,
        /// The branch.
        branch: String,
    },
    /// It comes from where it goes to.
    #[error("the pull request would come from {0:?}, the branch it goes to")]
    SameBranch(String),
    /// Others have written to the branch.
    #[error("the branch {0:?} has commits that iter8 did not make, and is left alone")]
    NotOurs(String),
    /// Others write to the branch all the time.
    #[error("the branch {0:?} changes all the time")]
    Busy(String),
}

impl ProposalError {
    /// What the user can do about it.
    pub fn hint(&self) -> String {
        match self {
            Self::Api(error) => error.hint(),
            Self::Edit { .. } | Self::NoText { .. } => "look at `file` and what is changed in it".to_owned(),
            Self::NoBase { .. } => "name one that is there".to_owned(),
            Self::SameBranch(_) => "name another branch".to_owned(),
            Self::NotOurs(_) => "merge or delete it, or name another branch".to_owned(),
            Self::Busy(_) => "give each job a branch of its own".to_owned(),
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
pub(super) struct PullRequest {
    pub number: u64,
    #[serde(default)]
    html_url: String,
    state: String,
    #[serde(default)]
    pub title: String,
    #[serde(default)]
    pub body: Option<String>,
    #[serde(default)]
    merged_at: Option<String>,
    head: End,
    base: End,
}

#[derive(Debug, Clone, Deserialize)]
struct End {
    #[serde(rename = "ref")]
    name: String,
    #[serde(default)]
    repo: Option<Repo>,
}

#[derive(Debug, Clone, Deserialize)]
struct Repo {
    full_name: String,
}

impl PullRequest {
    pub(super) fn is_open(&self) -> bool {
        self.state == "open"
    }

    fn mark(&self) -> Option<Mark> {
        Mark::parse(self.body.as_deref()?)
    }

    pub(super) fn tips(&self) -> Tips {
        Tips::parse(self.body.as_deref().unwrap_or_default())
    }

    fn link(&self) -> Link {
        Link {
            url: self.html_url.clone(),
            number: self.number,
        }
    }
}

/// Where a proposal goes to.
pub(super) struct Base {
    name: String,
    pub tip: Tip,
}

impl Proposal<'_> {
    /// Opens the pull request, or brings it up to date.
    pub async fn make(&self, client: &Client) -> Result<Proposed, ProposalError> {
        let desk = Desk {
            client,
            repository: self.repository,
        };
        let base = self.base(desk).await?;
        let files = self.files(desk, &base).await?;
        if files.is_empty() {
            return Ok(Proposed::NoDifference);
        }
        let tree = desk.tree(&base.tip.tree, &files).await?;
        if tree == base.tip.tree {
            return Ok(Proposed::NoDifference);
        }
        let pushed = match self.push(desk, &base, &tree).await? {
            Ok(pushed) => pushed,
            Err(settled) => return Ok(settled),
        };
        if let Some(open) = &pushed.open {
            return self.update(desk, open, &pushed.tips).await;
        }
        let opened = self.open(desk, &base, &pushed.tips).await;
        if let (Err(ProposalError::Api(error)), Some(new)) = (&opened, &pushed.new)
            && error.undone()
        {
            self.withdraw(desk, &base, new).await;
        }
        opened
    }

    /// Differs where the changes do, whatever they are made to.
    pub(super) fn change(&self) -> String {
        let texts: Vec<String> = self
            .changes
            .iter()
            .flat_map(|change| [change.file.clone(), change.edit.to_string(), change.value.clone()])
            .collect();
        fingerprint(texts.iter().map(String::as_str))
    }

    fn mark(&self) -> Mark {
        Mark {
            key: self.branch.to_owned(),
            verdicts: self.change(),
            ..self.mark.clone()
        }
    }

    fn is_of_this_run(&self, mark: &Mark) -> bool {
        mark.run == self.mark.run && mark.started == self.mark.started
    }

    async fn base(&self, desk: Desk<'_>) -> Result<Base, ProposalError> {
        let name = match self.base {
            Some(name) => name.to_owned(),
            None => desk.default_branch().await?,
        };
        if name == self.branch {
            return Err(ProposalError::SameBranch(name));
        }
        match desk.tip(&name).await? {
            Some(tip) => Ok(Base { name, tip }),
            None => Err(ProposalError::NoBase {
                repository: self.repository.to_string(),
                branch: name,
            }),
        }
    }

    /// The files that are to be others than they are.
    async fn files(&self, desk: Desk<'_>, base: &Base) -> Result<Vec<File>, ProposalError> {
        let mut files: Vec<(File, Option<String>)> = Vec::new();
        for change in self.changes {
            if !files.iter().any(|(file, _)| file.path == change.file) {
                files.push(read(desk, base, &change.file).await?);
            }
            let known = files.iter_mut().find(|(file, _)| file.path == change.file);
            let Some((file, before)) = known else {
                continue;
            };
            // A file that an earlier change made is there.
            let text = (before.is_some() || !file.content.is_empty()).then_some(file.content.as_str());
            file.content = change
                .edit
                .apply(text, &change.value)
                .map_err(|error| ProposalError::Edit {
                    file: change.file.clone(),
                    error,
                })?;
        }
        let differs = |(file, before): &(File, Option<String>)| before.as_ref() != Some(&file.content);
        Ok(files.into_iter().filter(differs).map(|(file, _)| file).collect())
    }

    /// The pull requests from our branch, open ones first, then the newest.
    pub(super) async fn known(&self, desk: Desk<'_>, base: &Base) -> Result<Vec<PullRequest>, ApiError> {
        let full_name = self.repository.to_string();
        let owner = full_name.split('/').next().unwrap_or_default();
        let query = Serializer::new(String::new())
            .append_pair("state", "all")
            .append_pair("head", &format!("{owner}:{}", self.branch))
            .append_pair("base", &base.name)
            .append_pair("sort", "created")
            .append_pair("direction", "desc")
            .append_pair("per_page", "100")
            .finish();
        let mut all: Vec<PullRequest> = desk.get(&format!("pulls?{query}"), WRITE).await?;
        let here = |end: &End| {
            let repo = end.repo.as_ref();
            repo.is_some_and(|repo| repo.full_name.eq_ignore_ascii_case(&full_name))
        };
        all.retain(|one| one.head.name == self.branch && one.base.name == base.name && here(&one.head));
        all.sort_by_key(|one| (!one.is_open(), std::cmp::Reverse(one.number)));
        Ok(all)
    }

    /// What the last pull request leaves us nothing to do about.
    pub(super) fn settled(&self, last: Option<&PullRequest>) -> Option<Proposed> {
        let last = last?;
        let (ours, theirs) = (self.mark(), last.mark()?);
        if last.is_open() {
            return ours
                .is_older_than(&theirs, None)
                .then(|| Proposed::Newer(last.link()));
        }
        let refused = last.merged_at.is_none() && theirs.verdicts == ours.verdicts;
        refused.then(|| Proposed::Closed(last.link()))
    }

    fn body(&self, size: usize, tips: &Tips) -> String {
        let mark = self.mark().to_string();
        let room = size.saturating_sub(mark.len() + tips.room() + 2);
        format!("{mark}\n{tips}\n{}", (self.text)(room))
    }

    async fn update(
        &self,
        desk: Desk<'_>,
        open: &PullRequest,
        tips: &Tips,
    ) -> Result<Proposed, ProposalError> {
        let mut last = ApiError::TooLong;
        for size in SIZES {
            let body = self.body(size, tips);
            if open.title == self.title && open.body.as_deref() == Some(&body) {
                return Ok(Proposed::Updated(open.link()));
            }
            let rest = format!("pulls/{}", open.number);
            let body = json!({ "title": self.title, "body": body });
            let written: Result<PullRequest, ApiError> =
                desk.write(Method::PATCH, &rest, &body, WRITE, true).await;
            match written {
                Ok(written) => return Ok(Proposed::Updated(written.link())),
                Err(error @ ApiError::TooLong) => last = error,
                Err(error) => return Err(error.into()),
            }
        }
        Err(last.into())
    }

    /// Opens it once. Where an answer does not tell whether it is open, it is looked for.
    async fn open(&self, desk: Desk<'_>, base: &Base, tips: &Tips) -> Result<Proposed, ProposalError> {
        let mut sizes = SIZES.iter();
        let mut body = self.body(*sizes.next().unwrap_or(&0), tips);
        let mut tries = 0;
        loop {
            tries += 1;
            let call = json!({ "title": self.title, "head": self.branch, "base": base.name, "body": body });
            let made: Result<PullRequest, ApiError> =
                desk.write(Method::POST, "pulls", &call, WRITE, false).await;
            let error = match made {
                Ok(made) => return Ok(Proposed::Opened(made.link())),
                Err(error) => error,
            };
            if matches!(error, ApiError::TooLong)
                && let Some(size) = sizes.next()
            {
                body = self.body(*size, tips);
                continue;
            }
            // Another job was quicker.
            let there = error.says("already exists");
            if !there && !unclear(&error) {
                return Err(error.into());
            }
            if !there && !desk.client.pause(&error, tries).await {
                return Err(error.into());
            }
            let open = self
                .known(desk, base)
                .await?
                .into_iter()
                .find(PullRequest::is_open);
            match open {
                Some(open) if open.mark().is_some_and(|mark| self.is_of_this_run(&mark)) => {
                    return Ok(Proposed::Opened(open.link()));
                }
                Some(open) => {
                    return match self.settled(Some(&open)) {
                        Some(done) => Ok(done),
                        None => self.update(desk, &open, tips).await,
                    };
                }
                None if tries >= TRIES => return Err(error.into()),
                None => {}
            }
        }
    }
}

/// Whether it may be open all the same, or the branch that was just pushed is not known everywhere yet.
fn unclear(error: &ApiError) -> bool {
    let new_branch = [
        "head: invalid",
        "could not resolve to a node",
        "no commits between",
    ];
    !error.undone() || new_branch.iter().any(|words| error.says(words))
}

/// A file as it is; one that is not there is empty.
async fn read(desk: Desk<'_>, base: &Base, path: &str) -> Result<(File, Option<String>), ProposalError> {
    let no_text = |found| ProposalError::NoText {
        file: path.to_owned(),
        found,
    };
    let (mode, text) = match desk.entry(&base.tip.tree, path).await? {
        Entry::Nothing => ("100644".to_owned(), None),
        Entry::Other(found) => return Err(no_text(found)),
        Entry::File { mode, sha } => {
            let text = desk.text(&sha).await?;
            (mode, Some(text.ok_or_else(|| no_text("binary or too large"))?))
        }
    };
    let file = File {
        path: path.to_owned(),
        mode,
        content: text.clone().unwrap_or_default(),
    };
    Ok((file, text))
}
