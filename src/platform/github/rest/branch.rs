//! [`Proposal::push`]: the branch of a pull request, one commit above its base.
//!
//! A branch is taken elsewhere only from a commit whose sha a pull request tells of: what a commit says of itself stays
//! when somebody amends it. GitHub cannot be asked to do so only if nobody was quicker, so tip and pull request are looked
//! at right before; what is pushed between that and the call itself is lost.

use http::Method;
use serde_json::json;

use super::desk::{Desk, Tip, trailer};
use super::pull_request::{Base, PullRequest, TRIES, WRITE};
use super::tips::Tips;
use super::{ApiError, Proposal, ProposalError, Proposed};

/// What the branch is like once it has the tree.
pub(super) struct Pushed {
    /// The commits of ours that it may point to.
    pub tips: Tips,
    /// The pull request that is open for it.
    pub open: Option<PullRequest>,
    /// The commit, if we made it and the branch for it.
    pub new: Option<String>,
}

/// What there is before the branch is written.
struct Seen {
    tip: Option<Tip>,
    /// What the pull requests tell of.
    tips: Tips,
    /// The pull request that is open, or the last one.
    last: Option<PullRequest>,
}

impl Seen {
    fn open(&self) -> Option<PullRequest> {
        self.last.clone().filter(PullRequest::is_open)
    }

    /// A branch that has the tree, and needs nothing more.
    fn done(&self, tree: &str, commit: Option<&String>) -> Option<Pushed> {
        let tip = self.tip.as_ref().filter(|tip| tip.tree == tree)?;
        let (ours, open) = (self.tips.has(&tip.sha) || commit == Some(&tip.sha), self.open());
        // Nothing is lost by leaving it; without a pull request, it is of a run that could not open it yet.
        let tips = match &open {
            _ if ours => Tips::of(&tip.sha),
            None if tip.says_ours() => Tips::of(&tip.sha),
            Some(_) if tip.says_ours() => self.tips.clone(),
            _ => return None,
        };
        Some(Pushed {
            tips,
            open,
            new: None,
        })
    }

    /// Whether something is there that we did not make.
    fn is_of_others(&self, base: &Base) -> bool {
        // A branch without anything of its own is as good as none.
        let theirs = |tip: &Tip| tip.sha != base.tip.sha && !self.tips.has(&tip.sha);
        self.tip.as_ref().is_some_and(theirs)
    }
}

impl Proposal<'_> {
    /// Brings the branch to the tree, or tells what makes that needless. A pull request tells of a commit before the branch
    /// points to it, so that a run that ends in between leaves nothing that the next one does not know.
    pub(super) async fn push(
        &self,
        desk: Desk<'_>,
        base: &Base,
        tree: &str,
    ) -> Result<Result<Pushed, Proposed>, ProposalError> {
        let (mut commit, mut failures): (Option<String>, u32) = (None, 0);
        for _ in 0..TRIES {
            let known = self.known(desk, base).await?;
            if let Some(settled) = self.settled(known.first()) {
                return Ok(Err(settled));
            }
            let mut seen = Seen {
                tip: desk.tip(self.branch).await?,
                tips: Tips::default(),
                last: known.first().cloned(),
            };
            known.iter().for_each(|one| seen.tips.add(one.tips()));
            if let Some(pushed) = seen.done(tree, commit.as_ref()) {
                return Ok(Ok(pushed));
            }
            if seen.is_of_others(base) {
                return Err(ProposalError::NotOurs(self.branch.to_owned()));
            }
            let Some(sha) = &commit else {
                let message = format!("{}\n\n{}", self.title, trailer(&self.change()));
                commit = Some(desk.commit(&message, tree, &base.tip.sha).await?);
                continue;
            };
            if let Some(last) = seen.last.as_ref().filter(|last| !last.tips().has(sha)) {
                seen.tips.add(Tips::of(sha));
                tell(desk, last, &seen.tips).await?;
                continue;
            }
            let done = if seen.tip.is_some() {
                desk.point(self.branch, sha).await
            } else {
                desk.create(self.branch, sha).await
            };
            match done {
                Ok(true) => {
                    return Ok(Ok(Pushed {
                        tips: Tips::of(sha),
                        open: seen.open(),
                        new: seen.tip.is_none().then(|| sha.clone()),
                    }));
                }
                Ok(false) => {}
                Err(error) => {
                    failures += 1;
                    if !error.passes() || !desk.client.pause(&error, failures).await {
                        return Err(error.into());
                    }
                }
            }
        }
        Err(ProposalError::Busy(self.branch.to_owned()))
    }

    /// Removes the branch that was made for a pull request that GitHub does not open: on a base that has moved, nothing
    /// would tell the next run that it is ours.
    pub(super) async fn withdraw(&self, desk: Desk<'_>, base: &Base, sha: &str) {
        let unused =
            matches!(self.known(desk, base).await, Ok(known) if !known.iter().any(PullRequest::is_open));
        if unused && matches!(desk.tip(self.branch).await, Ok(Some(tip)) if tip.sha == sha) {
            // A branch that stays is found by the next run.
            let _ = desk.remove(self.branch).await;
        }
    }
}

/// Has a pull request, which may be closed, tell of commits.
async fn tell(desk: Desk<'_>, pull: &PullRequest, tips: &Tips) -> Result<(), ApiError> {
    let body = tips.within(pull.body.as_deref().unwrap_or_default());
    let call = json!({ "title": pull.title, "body": body });
    let rest = format!("pulls/{}", pull.number);
    let written: PullRequest = desk.write(Method::PATCH, &rest, &call, WRITE, true).await?;
    drop(written);
    Ok(())
}
