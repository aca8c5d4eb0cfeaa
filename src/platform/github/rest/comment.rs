//! [`Draft::keep`]: the comment on a pull request of GitHub.

use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use super::author;
use super::client::{Answer, Call};
use super::subject::head;
use super::{ApiError, Client, Draft, Kept};
use crate::platform::comment::{self, Author, Conversation, Me, Refusal};

/// Characters of a comment.
pub const COMMENT_LIMIT: usize = 65_536;
/// What is tried in turn where GitHub finds a text too long: a server may store less than GitHub.com.
pub(super) const SIZES: [usize; 3] = [COMMENT_LIMIT, COMMENT_LIMIT / 2, COMMENT_LIMIT / 8];
const PER_PAGE: usize = 100;
const WRITE: &str = "pull-requests: write";

impl Draft<'_> {
    /// Writes the comment on a pull request, or leaves it as it is.
    pub async fn keep(&self, client: &Client, pull_request: u64) -> Result<Kept, ApiError> {
        self.keep_in(&PullRequest {
            client,
            number: pull_request,
        })
        .await
    }
}

#[derive(Deserialize)]
struct Comment {
    id: u64,
    #[serde(default)]
    body: Option<String>,
    #[serde(default)]
    user: Option<Author>,
    #[serde(default)]
    html_url: String,
}

impl From<Comment> for comment::Comment {
    fn from(comment: Comment) -> Self {
        Self {
            id: comment.id,
            body: comment.body.unwrap_or_default(),
            author: comment.user,
            url: comment.html_url,
        }
    }
}

/// The comments of a pull request.
struct PullRequest<'a> {
    client: &'a Client,
    number: u64,
}

impl PullRequest<'_> {
    fn path_of(&self, id: u64) -> String {
        self.client.repository().path(&format!("issues/comments/{id}"))
    }

    fn path(&self) -> String {
        let rest = format!("issues/{}/comments", self.number);
        self.client.repository().path(&rest)
    }

    async fn write(&self, method: Method, path: &str, body: Option<&Value>) -> Result<Answer, ApiError> {
        let call = Call {
            repeatable: method != Method::POST,
            method,
            path,
            body,
            permission: WRITE,
        };
        self.client.send(&call).await
    }
}

impl Refusal for ApiError {
    fn undone(&self) -> bool {
        self.undone()
    }

    fn is_gone(&self) -> bool {
        matches!(self, Self::NotFound { .. })
    }

    fn is_too_long(&self) -> bool {
        matches!(self, Self::TooLong)
    }
}

impl Conversation for PullRequest<'_> {
    type Error = ApiError;

    const SIZES: &'static [usize] = &SIZES;

    async fn page(&self, number: usize) -> Result<(Vec<comment::Comment>, bool), ApiError> {
        let path = format!("{}?per_page={PER_PAGE}&page={number}", self.path());
        let answer = self.client.send(&Call::get(&path, WRITE)).await?;
        let all: Vec<Comment> = answer.json()?;
        let more = answer.has_next().unwrap_or(all.len() >= PER_PAGE);
        Ok((all.into_iter().map(comment::Comment::from).collect(), more))
    }

    async fn read(&self, id: u64) -> Result<comment::Comment, ApiError> {
        let path = self.path_of(id);
        let answer = self.client.send(&Call::get(&path, WRITE)).await?;
        Ok(answer.json::<Comment>()?.into())
    }

    async fn add(&self, text: &str) -> Result<comment::Comment, ApiError> {
        let body = json!({ "body": text });
        let answer = self.write(Method::POST, &self.path(), Some(&body)).await?;
        Ok(answer.json::<Comment>()?.into())
    }

    async fn replace(&self, id: u64, text: &str) -> Result<comment::Comment, ApiError> {
        let body = json!({ "body": text });
        let answer = self.write(Method::PATCH, &self.path_of(id), Some(&body)).await?;
        Ok(answer.json::<Comment>()?.into())
    }

    async fn remove(&self, id: u64) -> Result<(), ApiError> {
        self.write(Method::DELETE, &self.path_of(id), None)
            .await
            .map(drop)
    }

    async fn head(&self) -> Result<String, ApiError> {
        head(self.client, self.number).await
    }

    async fn me(&self) -> Result<Me, ApiError> {
        Ok(author::me(self.client).await)
    }

    async fn pause(&self, error: &ApiError, tries: u32) -> bool {
        self.client.pause(error, tries).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::Env;
    use crate::platform::comment::{Mark, When};
    use crate::secret::Secret;

    #[tokio::test]
    async fn a_task_can_keep_a_comment_on_any_thread() {
        fn sent<T: Send>(future: T) -> T {
            future
        }
        let env = Env::from_iter([
            ("GITHUB_REPOSITORY", "acme/shop"),
            ("GITHUB_API_URL", "http://127.0.0.1:1"),
        ]);
        let client = Client::new(&env, Some(&Secret::new("ghs_0"))).expect("a client");
        client.hurry(std::time::Duration::from_millis(1));
        let draft = Draft {
            mark: Mark::default(),
            when: When::Always,
            passed: true,
            text: &|_| String::new(),
        };
        assert!(sent(draft.keep(&client, 7)).await.is_err());
        client.hurry(std::time::Duration::ZERO);
        let other = Client::new(&env, Some(&Secret::new("ghs_1"))).expect("a client");
        let kept = draft.keep(&other.sharing(&client), 7).await;
        assert!(matches!(kept, Err(ApiError::OutOfTime)), "{kept:?}");
    }
}
