//! [`Draft`]: one comment per key in a conversation, kept up to date in place.
//!
//! No platform has "create or update": the comment is looked for before it is written, and after one was created it is
//! looked for again, since another job may have done the same at the same time.

mod author;
mod marker;
mod thread;

pub(super) use author::{Author, Me};
pub use marker::{Mark, Run, fingerprint};
use thread::{Thread, Told};

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

impl When {
    /// How users say it; `None` is `never`, and anything that is not known.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "always" => Some(Self::Always),
            "on-fail" => Some(Self::OnFail),
            "on-change" => Some(Self::OnChange),
            _ => None,
        }
    }
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

/// A comment as a platform has it.
#[derive(Debug, Clone)]
pub(super) struct Comment {
    /// Grows with time.
    pub id: u64,
    /// Its text.
    pub body: String,
    /// Who wrote it, if that is known.
    pub author: Option<Author>,
    /// Where it is.
    pub url: String,
}

/// Why a platform did not do what it was asked, as far as it decides what is done next.
pub(super) trait Refusal {
    /// Whether it surely did nothing; after a 5xx, a time-out or a broken connection it may have.
    fn undone(&self) -> bool;
    /// Whether what it was about is not there.
    fn is_gone(&self) -> bool;
    /// Whether the text was too long.
    fn is_too_long(&self) -> bool;
}

/// The conversation of a pull or merge request, as its platform offers it.
pub(super) trait Conversation {
    /// Why something was not done.
    type Error: Refusal;

    /// What is tried in turn, in characters, where a comment is found too long.
    const SIZES: &'static [usize];

    /// A page of comments, counted from 1, and whether another follows.
    async fn page(&self, number: usize) -> Result<(Vec<Comment>, bool), Self::Error>;
    /// One comment.
    async fn read(&self, id: u64) -> Result<Comment, Self::Error>;
    /// Adds a comment. It is not sent again where that could add two.
    async fn add(&self, text: &str) -> Result<Comment, Self::Error>;
    /// Replaces the text of a comment.
    async fn replace(&self, id: u64, text: &str) -> Result<Comment, Self::Error>;
    /// Removes a comment.
    async fn remove(&self, id: u64) -> Result<(), Self::Error>;
    /// The commit that the request would merge.
    async fn head(&self) -> Result<String, Self::Error>;
    /// As whom the token writes, because anybody can paste a mark into a comment of their own.
    async fn me(&self) -> Result<Me, Self::Error>;
    /// Waits after an error, before the `tries`-th repetition; false, at once, when there is no time to.
    async fn pause(&self, error: &Self::Error, tries: u32) -> bool;
}

impl Draft<'_> {
    /// Writes the comment into a conversation, or leaves it as it is.
    pub(super) async fn keep_in<C: Conversation>(&self, conversation: &C) -> Result<Kept, C::Error> {
        let thread = Thread {
            conversation,
            draft: self,
        };
        let kin = thread.kin().await?;
        let own = if kin.is_empty() {
            kin
        } else {
            thread::written_by(kin, &conversation.me().await?)
        };
        match thread.latest(&own).await {
            None if self.when == When::OnFail && self.passed => Ok(Kept::NotNeeded),
            None => thread.create().await,
            Some(Told::Newer(url)) => Ok(Kept::Newer(url)),
            Some(Told::Same(url)) if self.when == When::OnChange => Ok(Kept::Unchanged(url)),
            Some(Told::Same(_) | Told::Older) => thread.update(&own).await,
        }
    }

    /// Mark and text in at most `size` characters.
    fn body(&self, size: usize) -> String {
        let mark = self.mark.to_string();
        let room = size.saturating_sub(mark.len() + 1);
        format!("{mark}\n{}", (self.text)(room))
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
        for size in [65_536, 8_192] {
            let body = draft.body(size);
            assert_eq!(body.chars().count(), size);
            assert!(draft.mark.is_kin(&Mark::parse(&body).expect("a mark")));
        }
    }
}
