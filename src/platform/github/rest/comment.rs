//! [`Draft::keep`]: one comment per key on a pull request, kept up to date in place.
//!
//! GitHub has no "create or update": the comment is looked for before it is written, and after one was created it is
//! looked for again, since another job may have done the same at the same time.

use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::author::{Author, Me};
use super::client::Call;
use super::subject::head;
use super::{ApiError, Client, Mark};

/// Characters of a comment.
pub const COMMENT_LIMIT: usize = 65_536;
/// What is tried in turn where GitHub finds a comment too long: a server may store less than GitHub.com.
pub(super) const SIZES: [usize; 3] = [COMMENT_LIMIT, COMMENT_LIMIT / 2, COMMENT_LIMIT / 8];
const PER_PAGE: usize = 100;
/// GitHub allows fewer comments than these pages hold.
const PAGES: usize = 100;
/// How often a comment is added and looked for after answers that do not tell whether it is there.
const TRIES: u32 = 3;
const WRITE: &str = "pull-requests: write";

/// When a comment is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// After every run.
    Always,
    /// Created only by a run that did not pass; from then on kept up to date.
    OnFail,
    /// When outcome or verdicts are not those of the comment.
    OnChange,
}

/// A comment to be written.
pub struct Draft<'a> {
    /// What it is about.
    pub mark: Mark,
    /// When it is written.
    pub when: When,
    /// Whether the run passed.
    pub passed: bool,
    /// The text in at most so many characters; with less detail where that is less.
    pub text: &'a (dyn Fn(usize) -> String + Sync),
}

/// What became of a draft.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// A new comment, at this address.
    Created(String),
    /// The comment at this address tells of this run now.
    Updated(String),
    /// The comment at this address tells the same already.
    Unchanged(String),
    /// The comment at this address tells of a newer commit or run.
    Newer(String),
    /// None was wanted.
    NotNeeded,
}

impl Kept {
    /// Where the comment is.
    pub fn url(&self) -> Option<&str> {
        match self {
            Self::Created(url) | Self::Updated(url) | Self::Unchanged(url) | Self::Newer(url) => Some(url),
            Self::NotNeeded => None,
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
struct Comment {
    id: u64,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    user: Option<Author>,
    #[serde(default)]
    html_url: String,
}

impl Comment {
    fn mark(&self) -> Option<Mark> {
        Mark::parse(self.body.as_deref()?)
    }
}

/// A comment of our own, and what it tells of.
#[derive(Debug, Clone)]
struct Own {
    comment: Comment,
    mark: Mark,
}

impl Draft<'_> {
    /// Writes the comment on a pull request, or leaves it as it is.
    pub async fn keep(&self, client: &Client, pull_request: u64) -> Result<Kept, ApiError> {
        let thread = Thread {
            client,
            draft: self,
            pull_request,
        };
        let kin = thread.kin().await?;
        let own = if kin.is_empty() {
            kin
        } else {
            let me = Me::of(client).await;
            written_by(kin, &me)
        };
        match thread.latest(&own).await {
            None if self.when == When::OnFail && self.passed => Ok(Kept::NotNeeded),
            None => thread.create().await,
            Some(Told::Newer(url)) => Ok(Kept::Newer(url)),
            Some(Told::Same(url)) if self.when == When::OnChange => Ok(Kept::Unchanged(url)),
            Some(Told::Same(_) | Told::Older) => thread.update(&own).await,
        }
    }

    fn body(&self, size: usize) -> Value {
        let mark = self.mark.to_string();
        let room = size.saturating_sub(mark.len() + 1);
        json!({ "body": format!("{mark}\n{}", (self.text)(room)) })
    }
}

fn written_by(kin: Vec<Own>, me: &Me) -> Vec<Own> {
    kin.into_iter()
        .filter(|one| one.comment.user.as_ref().is_some_and(|author| me.wrote(author)))
        .collect()
}

/// What our comment tells, beside what we would.
enum Told {
    /// Something that must stay.
    Newer(String),
    /// The same outcome and verdicts.
    Same(String),
    /// Something else.
    Older,
}

/// The comments of a pull request, and what is to be among them.
struct Thread<'a> {
    client: &'a Client,
    draft: &'a Draft<'a>,
    pull_request: u64,
}

impl Thread<'_> {
    fn path_of(&self, comment: &Comment) -> String {
        let rest = format!("issues/comments/{}", comment.id);
        self.client.repository().path(&rest)
    }

    fn path(&self) -> String {
        let rest = format!("issues/{}/comments", self.pull_request);
        self.client.repository().path(&rest)
    }

    /// All comments under our key, the oldest first, whoever wrote them.
    async fn kin(&self) -> Result<Vec<Own>, ApiError> {
        let mut found: Vec<Own> = Vec::new();
        for page in 1..=PAGES {
            let path = format!("{}?per_page={PER_PAGE}&page={page}", self.path());
            let answer = self.client.send(&Call::get(&path, WRITE)).await?;
            let all: Vec<Comment> = answer.json()?;
            let more = answer.has_next().unwrap_or(all.len() >= PER_PAGE);
            let marked = all.into_iter().filter_map(|comment| {
                Some(Own {
                    mark: comment.mark()?,
                    comment,
                })
            });
            found.extend(marked.filter(|one| self.draft.mark.is_kin(&one.mark)));
            if !more {
                break;
            }
        }
        found.sort_by_key(|one| one.comment.id);
        found.dedup_by_key(|one| one.comment.id);
        Ok(found)
    }

    /// What our comments tell; none if there are none.
    async fn latest(&self, own: &[Own]) -> Option<Told> {
        let first = own.first()?;
        let ours = &self.draft.mark;
        for one in own {
            if self.is_older_than(&one.mark).await {
                return Some(Told::Newer(one.comment.html_url.clone()));
            }
        }
        let same = |one: &Own| one.mark.outcome == ours.outcome && one.mark.verdicts == ours.verdicts;
        Some(if own.iter().all(same) {
            Told::Same(first.comment.html_url.clone())
        } else {
            Told::Older
        })
    }

    /// Whether we must leave this as it is. The head of the pull request is asked for only where it matters.
    async fn is_older_than(&self, mark: &Mark) -> bool {
        let ours = &self.draft.mark;
        let head = if ours.commit == mark.commit {
            None
        } else {
            head(self.client, self.pull_request).await.ok()
        };
        ours.is_older_than(mark, head.as_deref())
    }

    /// Writes into the oldest of our comments that is still there, and removes the others.
    async fn update(&self, own: &[Own]) -> Result<Kept, ApiError> {
        for (at, one) in own.iter().enumerate() {
            // Listing thousands takes long: somebody may have been quicker.
            let path = self.path_of(&one.comment);
            let fresh: Comment = match self.client.send(&Call::get(&path, WRITE)).await {
                Ok(answer) => answer.json()?,
                Err(ApiError::NotFound { .. }) => continue,
                Err(error) => return Err(error),
            };
            let mark = fresh.mark().unwrap_or_default();
            if mark != one.mark && self.is_older_than(&mark).await {
                return Ok(Kept::Newer(fresh.html_url));
            }
            match self.write(Method::PATCH, &path).await {
                Ok(written) => {
                    self.remove(&own[at + 1..]).await;
                    return Ok(Kept::Updated(written.html_url));
                }
                Err(ApiError::NotFound { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        self.create().await
    }

    /// Adds the comment, and folds it into an older one that another job added meanwhile.
    async fn create(&self) -> Result<Kept, ApiError> {
        let created = self.add().await?;
        let url = created.html_url.clone();
        let Some(author) = &created.user else {
            return Ok(Kept::Created(url));
        };
        // What was asked for is done; that nobody else did it too is worth a look, but no error.
        let Ok(kin) = self.kin().await else {
            return Ok(Kept::Created(url));
        };
        let own = written_by(kin, &Me::Login(author.login.clone()));
        match own.first() {
            Some(first) if first.comment.id < created.id => self.fold(&own, &created).await,
            Some(_) | None => {
                let later: Vec<Own> = own
                    .into_iter()
                    .filter(|one| one.comment.id > created.id)
                    .collect();
                self.remove(&later).await;
                Ok(Kept::Created(url))
            }
        }
    }

    /// Another job was quicker: its comment stays, with our text if that is the newer one.
    async fn fold(&self, own: &[Own], created: &Comment) -> Result<Kept, ApiError> {
        let first = &own[0];
        let path = self.path_of(&first.comment);
        let kept = if self.is_older_than(&first.mark).await {
            Kept::Newer(first.comment.html_url.clone())
        } else {
            match self.write(Method::PATCH, &path).await {
                Ok(written) => Kept::Updated(written.html_url),
                // Ours is the only one then.
                Err(_) => return Ok(Kept::Created(created.html_url.clone())),
            }
        };
        self.remove(&own[1..]).await;
        Ok(kept)
    }

    /// Adds the comment once. Where an answer does not tell whether it was added, it is looked for.
    async fn add(&self) -> Result<Comment, ApiError> {
        let path = self.path();
        let mut tries = 0;
        loop {
            tries += 1;
            let error = match self.write(Method::POST, &path).await {
                Ok(comment) => return Ok(comment),
                Err(error) if error.undone() => return Err(error),
                Err(error) => error,
            };
            if !self.client.pause(&error, tries).await {
                return Err(error);
            }
            let kin = self.kin().await?;
            match kin.into_iter().find(|one| self.is_of_this_run(&one.mark)) {
                Some(added) => return Ok(added.comment),
                None if tries >= TRIES => return Err(error),
                None => {}
            }
        }
    }

    fn is_of_this_run(&self, mark: &Mark) -> bool {
        let ours = &self.draft.mark;
        mark.run == ours.run && mark.started == ours.started
    }

    /// Sends the text, with less detail where it is too long.
    async fn write(&self, method: Method, path: &str) -> Result<Comment, ApiError> {
        let mut sizes = SIZES.iter().peekable();
        while let Some(size) = sizes.next() {
            let body = self.draft.body(*size);
            let call = Call {
                repeatable: method != Method::POST,
                method: method.clone(),
                path,
                body: Some(&body),
                permission: WRITE,
            };
            match self.client.send(&call).await {
                Err(ApiError::TooLong) if sizes.peek().is_some() => {}
                answer => return answer?.json(),
            }
        }
        Err(ApiError::TooLong)
    }

    /// Removes our other comments under this key. One of a newer run is left to that run; what stays is no error, as
    /// the next run tries again.
    async fn remove(&self, others: &[Own]) {
        for one in others {
            if self.draft.mark.is_older_than(&one.mark, None) {
                continue;
            }
            let path = self.path_of(&one.comment);
            let call = Call {
                method: Method::DELETE,
                path: &path,
                body: None,
                permission: WRITE,
                repeatable: true,
            };
            let _ = self.client.send(&call).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mark_and_text_together_fit_the_limit() {
        let text = |room: usize| "x".repeat(room);
        let draft = Draft {
            mark: Mark {
                key: "a key with spaces".repeat(100),
                ..Mark::default()
            },
            when: When::Always,
            passed: true,
            text: &text,
        };
        for size in SIZES {
            let body = draft.body(size);
            let body = body["body"].as_str().expect("a text");
            assert_eq!(body.chars().count(), size);
            assert!(draft.mark.is_kin(&Mark::parse(body).expect("a mark")));
        }
    }
}
