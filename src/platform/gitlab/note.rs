//! [`MergeRequest`]: the notes on a merge request (<https://docs.gitlab.com/api/notes/>).

use http::Method;
use serde::Deserialize;
use serde_json::json;

use super::client::Call;
use super::{Client, NoteError};
use crate::platform::Env;
use crate::platform::comment::{Author, Comment, Conversation, Draft, Kept, Me, Run};

/// Characters of a note.
pub const NOTE_LIMIT: usize = 1_000_000;
const PER_PAGE: usize = 100;

/// A merge request, as the variables of a job name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergeRequest {
    /// Number, or encoded path.
    project: String,
    /// Its number in the project.
    pub iid: u64,
    /// Where it is.
    url: String,
    /// Whether its commits are those of another project, whose jobs do not get this one's variables.
    pub of_a_fork: bool,
}

impl MergeRequest {
    /// That of a merge request's pipeline, or the first open one of a branch's pipeline.
    pub fn of(env: &Env) -> Option<Self> {
        let number = |text: &str| text.parse().ok();
        if let Some(iid) = env.get("CI_MERGE_REQUEST_IID").and_then(number) {
            // In a pipeline that runs in a fork CI_PROJECT_ID is the fork.
            let project = env
                .get("CI_MERGE_REQUEST_PROJECT_ID")
                .or(env.get("CI_PROJECT_ID"))?;
            let project = project.parse::<u64>().ok()?.to_string();
            let home = env
                .get("CI_MERGE_REQUEST_PROJECT_URL")
                .or(env.get("CI_PROJECT_URL"));
            let source = env.get("CI_MERGE_REQUEST_SOURCE_PROJECT_ID");
            return Some(Self {
                url: url(home, iid),
                of_a_fork: source.is_some_and(|source| source != project),
                project,
                iid,
            });
        }
        // group/project!7,other/fork!8
        let all = env.get("CI_OPEN_MERGE_REQUESTS")?;
        let path = env.get("CI_PROJECT_PATH")?;
        let iid = all
            .split(',')
            .filter_map(|one| one.trim().rsplit_once('!'))
            .find_map(|(project, iid)| (project == path).then(|| number(iid))?)?;
        Some(Self {
            project: url::form_urlencoded::byte_serialize(path.as_bytes()).collect(),
            url: url(env.get("CI_PROJECT_URL"), iid),
            iid,
            of_a_fork: false,
        })
    }

    /// Writes the note of a draft, or leaves it as it is.
    pub async fn keep(&self, client: &Client, draft: &Draft<'_>) -> Result<Kept, NoteError> {
        draft
            .keep_in(&Notes {
                client,
                request: self,
            })
            .await
    }
}

fn url(project: Option<&str>, iid: u64) -> String {
    project.map_or_else(String::new, |project| format!("{project}/-/merge_requests/{iid}"))
}

/// Which run this is. A job that is run again keeps its pipeline and gets a higher number.
pub fn run(env: &Env) -> Run {
    let number = |name: &str| env.get(name).and_then(|text| text.parse().ok());
    Run {
        id: number("CI_PIPELINE_ID").unwrap_or_default(),
        attempt: number("CI_JOB_ID").unwrap_or_default(),
    }
}

/// What tells the notes of a merge request apart where the user does not say: the job, whose name has the values of
/// `parallel:matrix` in it.
pub fn key(env: &Env) -> String {
    env.get("CI_JOB_NAME").unwrap_or("iter8").to_owned()
}

/// Text in which GitLab finds no quick action: a line that begins with a slash is one, wherever it came from.
fn without_actions(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for line in text.replace('\r', "").split_inclusive('\n') {
        let begins = line.trim_start();
        if begins.starts_with('/') {
            out.push_str(&line[..line.len() - begins.len()]);
            out.push('\u{200b}');
            out.push_str(begins);
        } else {
            out.push_str(line);
        }
    }
    out
}

#[derive(Deserialize)]
struct Note {
    id: u64,
    #[serde(default)]
    body: String,
    #[serde(default)]
    author: Option<Author>,
    #[serde(default)]
    system: bool,
}

/// The notes on a merge request.
struct Notes<'a> {
    client: &'a Client,
    request: &'a MergeRequest,
}

impl Notes<'_> {
    fn base(&self) -> String {
        let MergeRequest { project, iid, .. } = self.request;
        format!("projects/{project}/merge_requests/{iid}")
    }

    fn path_of(&self, id: u64) -> String {
        format!("{}/notes/{id}", self.base())
    }

    fn shown(&self, note: Note) -> Comment {
        let url = &self.request.url;
        Comment {
            url: if url.is_empty() {
                String::new()
            } else {
                format!("{url}#note_{}", note.id)
            },
            id: note.id,
            body: note.body,
            author: note.author,
        }
    }

    async fn write(&self, method: Method, path: &str, text: &str) -> Result<Comment, NoteError> {
        let call = Call {
            repeatable: method != Method::POST,
            method,
            path,
            body: Some(json!({ "body": without_actions(text) })),
        };
        Ok(self.shown(self.client.send(&call).await?.json()?))
    }
}

impl Conversation for Notes<'_> {
    type Error = NoteError;

    // What stands before GitLab may take less.
    const SIZES: &'static [usize] = &[NOTE_LIMIT, NOTE_LIMIT / 16, NOTE_LIMIT / 128];

    async fn page(&self, number: usize) -> Result<(Vec<Comment>, bool), NoteError> {
        let base = self.base();
        let path = format!("{base}/notes?sort=asc&order_by=created_at&per_page={PER_PAGE}&page={number}");
        let answer = self.client.send(&Call::get(&path)).await?;
        let all: Vec<Note> = answer.json()?;
        let more = answer.has_next().unwrap_or(all.len() >= PER_PAGE);
        let written = all.into_iter().filter(|note| !note.system);
        Ok((written.map(|note| self.shown(note)).collect(), more))
    }

    async fn read(&self, id: u64) -> Result<Comment, NoteError> {
        let answer = self.client.send(&Call::get(&self.path_of(id))).await?;
        Ok(self.shown(answer.json()?))
    }

    async fn add(&self, text: &str) -> Result<Comment, NoteError> {
        let path = format!("{}/notes", self.base());
        self.write(Method::POST, &path, text).await
    }

    async fn replace(&self, id: u64, text: &str) -> Result<Comment, NoteError> {
        self.write(Method::PUT, &self.path_of(id), text).await
    }

    async fn remove(&self, id: u64) -> Result<(), NoteError> {
        let call = Call {
            method: Method::DELETE,
            path: &self.path_of(id),
            body: None,
            repeatable: true,
        };
        self.client.send(&call).await.map(drop)
    }

    async fn head(&self) -> Result<String, NoteError> {
        #[derive(Deserialize)]
        struct Head {
            sha: String,
        }
        let answer = self.client.send(&Call::get(&self.base())).await?;
        Ok(answer.json::<Head>()?.sha)
    }

    /// A token that may write notes may ask for itself; a guess could take somebody else's note for ours, which a
    /// maintainer's token may change.
    async fn me(&self) -> Result<Me, NoteError> {
        let answer = self.client.send(&Call::get("user")).await?;
        Ok(Me::Login(answer.json::<Author>()?.login))
    }

    async fn pause(&self, error: &NoteError, tries: u32) -> bool {
        self.client.pause(error, tries).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> Option<MergeRequest> {
        MergeRequest::of(&variables.iter().copied().collect())
    }

    #[test]
    fn the_merge_request_is_that_of_the_project_it_would_be_merged_into() {
        let fork = of(&[
            ("CI_MERGE_REQUEST_IID", "7"),
            ("CI_MERGE_REQUEST_PROJECT_ID", "5"),
            ("CI_MERGE_REQUEST_PROJECT_URL", "https://gl.example/acme/shop"),
            ("CI_MERGE_REQUEST_SOURCE_PROJECT_ID", "9"),
            ("CI_PROJECT_ID", "9"),
        ])
        .expect("a merge request");
        assert_eq!((fork.project.as_str(), fork.iid, fork.of_a_fork), ("5", 7, true));
        assert_eq!(fork.url, "https://gl.example/acme/shop/-/merge_requests/7");
    }

    #[test]
    fn a_pipeline_of_a_branch_names_its_open_merge_requests() {
        let open = [
            ("CI_PROJECT_PATH", "acme/shop"),
            ("CI_OPEN_MERGE_REQUESTS", "other/shop!3,acme/shop!7,acme/shop!8"),
        ];
        let found = of(&open).expect("a merge request");
        assert_eq!((found.project.as_str(), found.iid), ("acme%2Fshop", 7));
        assert_eq!(of(&[]), None);
        let hostile = [
            ("CI_MERGE_REQUEST_IID", "7"),
            ("CI_MERGE_REQUEST_PROJECT_ID", "5/../6"),
        ];
        assert_eq!(
            of(&hostile),
            None,
            "a project's number cannot leave its part of a path"
        );
    }

    #[test]
    fn no_line_is_a_quick_action() {
        let text = "/close\n  /merge\r\na /b\n\r/label ~x\n";
        assert_eq!(
            without_actions(text),
            "\u{200b}/close\n  \u{200b}/merge\na /b\n\u{200b}/label ~x\n"
        );
    }
}
