//! [`Thread`]: the comments of a conversation, and what is to be among them.

use super::{Author, Comment, Conversation, Draft, Kept, Mark, Me, Refusal as _};

/// How often a comment is added and looked for after answers that do not tell whether it is there.
const TRIES: u32 = 3;
/// No platform allows more comments than these pages hold.
const PAGES: usize = 100;

/// A comment under our key, and what it tells of.
#[derive(Debug, Clone)]
pub(super) struct Own {
    comment: Comment,
    mark: Mark,
}

/// Those that we wrote.
pub(super) fn written_by(kin: Vec<Own>, me: &Me) -> Vec<Own> {
    let ours = |author: &Author| me.wrote(author);
    kin.into_iter()
        .filter(|one| one.comment.author.as_ref().is_some_and(ours))
        .collect()
}

/// What our comment tells, beside what we would.
pub(super) enum Told {
    /// Something that must stay.
    Newer(String),
    /// The same outcome and verdicts.
    Same(String),
    /// Something else.
    Older,
}

/// A conversation, and what is to be in it.
pub(super) struct Thread<'a, C> {
    pub conversation: &'a C,
    pub draft: &'a Draft<'a>,
}

impl<C: Conversation> Thread<'_, C> {
    /// All comments under our key, the oldest first, whoever wrote them.
    pub(super) async fn kin(&self) -> Result<Vec<Own>, C::Error> {
        let mut found: Vec<Own> = Vec::new();
        for page in 1..=PAGES {
            let (all, more) = self.conversation.page(page).await?;
            let marked = all.into_iter().filter_map(|comment| {
                Some(Own {
                    mark: Mark::parse(&comment.body)?,
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
    pub(super) async fn latest(&self, own: &[Own]) -> Option<Told> {
        let first = own.first()?;
        let ours = &self.draft.mark;
        for one in own {
            if self.is_older_than(&one.mark).await {
                return Some(Told::Newer(one.comment.url.clone()));
            }
        }
        let same = |one: &Own| one.mark.outcome == ours.outcome && one.mark.verdicts == ours.verdicts;
        Some(if own.iter().all(same) {
            Told::Same(first.comment.url.clone())
        } else {
            Told::Older
        })
    }

    /// Whether we must leave this as it is. The head of the request is asked for only where it matters.
    async fn is_older_than(&self, mark: &Mark) -> bool {
        let ours = &self.draft.mark;
        let head = if ours.commit == mark.commit {
            None
        } else {
            self.conversation.head().await.ok()
        };
        ours.is_older_than(mark, head.as_deref())
    }

    /// Writes into the oldest of our comments that is still there, and removes the others.
    pub(super) async fn update(&self, own: &[Own]) -> Result<Kept, C::Error> {
        for (at, one) in own.iter().enumerate() {
            let id = one.comment.id;
            // Listing thousands takes long: somebody may have been quicker.
            let fresh = match self.conversation.read(id).await {
                Ok(fresh) => fresh,
                Err(error) if error.is_gone() => continue,
                Err(error) => return Err(error),
            };
            let mark = Mark::parse(&fresh.body).unwrap_or_default();
            if mark != one.mark && self.is_older_than(&mark).await {
                return Ok(Kept::Newer(fresh.url));
            }
            match self.write(Some(id)).await {
                Ok(written) => {
                    self.remove(&own[at + 1..]).await;
                    return Ok(Kept::Updated(written.url));
                }
                Err(error) if error.is_gone() => {}
                Err(error) => return Err(error),
            }
        }
        self.create().await
    }

    /// Adds the comment, and folds it into an older one that another job added meanwhile.
    pub(super) async fn create(&self) -> Result<Kept, C::Error> {
        let created = self.add().await?;
        let url = created.url.clone();
        let Some(author) = &created.author else {
            return Ok(Kept::Created(url));
        };
        // What was asked for is done; that nobody else did it too is worth a look, but no error.
        let Ok(kin) = self.kin().await else {
            return Ok(Kept::Created(url));
        };
        let own = written_by(kin, &Me::Login(author.login.clone()));
        match own.first() {
            Some(first) if first.comment.id < created.id => Ok(self.fold(&own, &created).await),
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
    async fn fold(&self, own: &[Own], created: &Comment) -> Kept {
        let first = &own[0];
        let kept = if self.is_older_than(&first.mark).await {
            Kept::Newer(first.comment.url.clone())
        } else {
            match self.write(Some(first.comment.id)).await {
                Ok(written) => Kept::Updated(written.url),
                // Ours is the only one then.
                Err(_) => return Kept::Created(created.url.clone()),
            }
        };
        self.remove(&own[1..]).await;
        kept
    }

    /// Adds the comment once. Where an answer does not tell whether it was added, it is looked for.
    async fn add(&self) -> Result<Comment, C::Error> {
        let mut tries = 0;
        loop {
            tries += 1;
            let error = match self.write(None).await {
                Ok(comment) => return Ok(comment),
                Err(error) if error.undone() => return Err(error),
                Err(error) => error,
            };
            if !self.conversation.pause(&error, tries).await {
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

    /// Sends the text, into a comment or as a new one, with less detail where it is too long.
    async fn write(&self, into: Option<u64>) -> Result<Comment, C::Error> {
        let mut sizes = C::SIZES.iter();
        loop {
            // Beyond the last size there is no shorter text to try.
            let body = self.draft.body(sizes.next().copied().unwrap_or_default());
            let answer = match into {
                Some(id) => self.conversation.replace(id, &body).await,
                None => self.conversation.add(&body).await,
            };
            match answer {
                Err(error) if error.is_too_long() && sizes.len() > 0 => {}
                answer => return answer,
            }
        }
    }

    /// Removes our other comments under this key. One of a newer run is left to that run; what stays is no error, as
    /// the next run tries again.
    async fn remove(&self, others: &[Own]) {
        for one in others {
            if !self.draft.mark.is_older_than(&one.mark, None) {
                let _ = self.conversation.remove(one.comment.id).await;
            }
        }
    }
}
