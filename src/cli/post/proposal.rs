//! [`Written`]: a pull request with the values of a result in it.

use super::Told;
use crate::platform::github::rest::{Change, Link, Mark, Proposal, Proposed, Repository, fingerprint};
use crate::results::ExperimentResult;
use crate::secret::Mask;
use crate::tasks::{PullRequest, Wording};

pub(super) use crate::platform::github::rest::ProposalError as Error;

/// Characters of a title.
const TITLE: usize = 250;
/// Characters of a branch that is named after the comment key.
const BRANCH: usize = 100;

/// A pull request, ready to be proposed.
pub(super) struct Written<'a> {
    ask: &'a PullRequest,
    branch: String,
    title: String,
    body: Option<String>,
    changes: Vec<Change>,
}

impl<'a> Written<'a> {
    /// Puts the values of a result in; the error says which is missing.
    pub(super) fn of(
        ask: &'a PullRequest,
        result: &ExperimentResult,
        key: &str,
        mask: &Mask,
    ) -> Result<Self, String> {
        let changes: Vec<Change> = ask
            .changes
            .render(result)?
            .into_iter()
            .map(|change| Change {
                file: change.file,
                edit: change.edit,
                value: change.value,
            })
            .collect();
        let text = |wording: &Option<Wording>| wording.as_ref().map(|text| text.render(result)).transpose();
        let title = text(&ask.title)?.map_or_else(|| default_title(&changes), |title| one_line(&title));
        if title.is_empty() {
            return Err("the title is empty".to_owned());
        }
        Ok(Self {
            ask,
            branch: ask.branch.clone().unwrap_or_else(|| branch(key)),
            // It may have a value in it.
            title: mask.apply(&title),
            body: text(&ask.body)?,
            changes,
        })
    }

    /// The branch it comes from.
    pub(super) fn branch(&self) -> &str {
        &self.branch
    }

    /// To be made by a client.
    pub(super) fn proposal<'b>(
        &'b self,
        repository: &'b Repository,
        mark: Mark,
        text: &'b (dyn Fn(usize) -> String + Sync),
    ) -> Proposal<'b> {
        Proposal {
            repository,
            base: self.ask.base.as_deref(),
            branch: &self.branch,
            title: &self.title,
            text,
            mark,
            changes: &self.changes,
        }
    }

    /// The text in at most so many characters: that of the user, or one sentence, and the report.
    pub(super) fn text(&self, room: usize, told: &Told<'_>, run_url: Option<&str>) -> String {
        let body = self.body.clone().unwrap_or_else(|| {
            let run = run_url.map_or_else(|| "iter8".to_owned(), |url| format!("[iter8]({url})"));
            format!("Opened by {run} after the measurement below. Close it to refuse this change: it is not opened again.")
        });
        let body: String = body.chars().take(room / 2).collect();
        let left = room.saturating_sub(body.chars().count() + 2);
        format!("{body}\n\n{}", (told.text)(left))
    }
}

/// What became of a proposal.
pub(super) fn words(made: &Proposed) -> String {
    let at = |link: &Link| link.url.clone();
    match made {
        Proposed::Opened(link) => format!("pull request opened: {}", at(link)),
        Proposed::Updated(link) => format!("pull request updated: {}", at(link)),
        Proposed::Newer(link) => format!("the pull request is about a newer run and stays: {}", at(link)),
        Proposed::Closed(link) => format!(
            "a pull request with the same change was closed, and is not opened again: {}",
            at(link)
        ),
        Proposed::NoDifference => "the files are as they should be: no pull request".to_owned(),
    }
}

fn one_line(text: &str) -> String {
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    text.chars().take(TITLE).collect()
}

fn default_title(changes: &[Change]) -> String {
    let mut files: Vec<&str> = changes.iter().map(|change| change.file.as_str()).collect();
    files.dedup();
    match (changes, files.as_slice()) {
        ([change], _) if change.value.chars().count() <= 60 && !change.value.contains('\n') => {
            one_line(&format!(
                "Set {} in {} to {}",
                last(&change.edit.to_string()),
                change.file,
                change.value
            ))
        }
        (_, [file]) => one_line(&format!("Change {file}")),
        (_, files) => format!("Change {} files", files.len()),
    }
}

/// `yaml image.tag` without its first word.
fn last(edit: &str) -> &str {
    edit.split_once(' ').map_or(edit, |(_, rest)| rest)
}

/// The branch of a job, by what tells its comments apart.
fn branch(key: &str) -> String {
    let mut name = String::new();
    for c in key.chars() {
        if c.is_ascii_alphanumeric() || c == '_' {
            name.push(c.to_ascii_lowercase());
        } else if !name.ends_with('-') {
            name.push('-');
        }
    }
    let name = name.trim_matches('-');
    if name.is_empty() || name.len() > BRANCH {
        let start = &name[..name.len().min(BRANCH)];
        return format!("iter8/{start}-{}", fingerprint([key])).replace("/-", "/");
    }
    format!("iter8/{name}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edit::Edit;

    #[test]
    fn a_branch_is_named_after_the_key() {
        assert_eq!(branch("preview / slo / 0"), "iter8/preview-slo-0");
        assert_eq!(branch("CI .. /@{x}"), "iter8/ci-x");
        assert!(branch("äöü").starts_with("iter8/"));
        assert_ne!(branch(&"x".repeat(200)), branch(&"x".repeat(201)));
    }

    #[test]
    fn a_title_says_what_is_changed() {
        let change = |file: &str, value: &str| Change {
            file: file.into(),
            edit: Edit::Yaml("image.tag".parse().expect("a path")),
            value: value.into(),
        };
        let one = default_title(&[change("a.yaml", "v2")]);
        assert_eq!(one, "Set image.tag in a.yaml to v2");
        assert_eq!(
            default_title(&[change("a.yaml", &"x".repeat(90))]),
            "Change a.yaml"
        );
        let two = [change("a.yaml", "v2"), change("b.yaml", "v2")];
        assert_eq!(default_title(&two), "Change 2 files");
    }
}
