//! [`Whole`]: where all of a result goes, beside the ConfigMap, which may be too small for it: a volume, and a URL.

use std::borrow::Cow;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue};
use http::{Method, StatusCode};
use tokio::time::{Instant, sleep};
use url::Url;

use super::keeper::{Keeper, LEAVING, patience};
use crate::charts::{ResultUrl, Whose};
use crate::cli::args::{LogLevel, Output};
use crate::cli::exit::Exit;
use crate::cli::signals::Signals;
use crate::cluster::ObjectName;
use crate::cluster::manifests::{Group, RESULTS};
use crate::diagnostic::Diagnostic;
use crate::net::client::{Client, ClientError, Redirects, Request};
use crate::net::proxy::ProxySettings;
use crate::net::{NetSettings, display_url};
use crate::platform::Env;
use crate::results::{self, ExperimentResult, WireError};
use crate::tasks::TaskError;

/// Longest wait for a place to take it.
const ANSWER: Duration = Duration::from_mins(1);
/// Pauses between attempts: the first, and the longest.
const PAUSE: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(15));

/// Where whole results go.
#[derive(Debug)]
pub(super) struct Whole {
    /// The claim of the volume, if there is one.
    claim: Option<String>,
    /// The URL, if there is one.
    url: Option<ResultUrl>,
    /// How it is reached.
    net: NetSettings,
}

/// Which result it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part<'a> {
    /// Of which group.
    pub(super) group: &'a Group,
    /// Of which revision.
    pub(super) revision: u32,
    /// Of which shard; `None` is that of all.
    pub(super) shard: Option<u32>,
    /// Where its files are.
    pub(super) output: &'a Output,
}

impl Part<'_> {
    /// The object that it is kept in.
    pub(super) fn place(&self) -> ObjectName {
        match self.shard {
            Some(index) => self.group.shard(index),
            None => self.group.result(),
        }
    }
}

/// One place.
#[derive(Debug, Clone)]
enum Aim {
    Volume { claim: String, folder: PathBuf },
    Url(Url),
}

/// Why a place has not taken a result.
#[derive(Debug, thiserror::Error)]
enum WholeError {
    #[error("the run was stopped before it was sent there")]
    Untried,
    #[error("the result here cannot be read")]
    Unread(#[source] std::io::Error),
    #[error(transparent)]
    File(#[from] WireError),
    #[error("{folder} did not take it within {ANSWER:?}")]
    Slow { folder: String },
    #[error(transparent)]
    Unsent(#[from] ClientError),
    #[error("{url} answers with {status}")]
    Refused { url: String, status: StatusCode },
}

impl WholeError {
    /// Whether it may be otherwise in a while.
    fn may_pass(&self) -> bool {
        match self {
            Self::Unread(_) => false,
            Self::File(WireError::Write { source, .. }) => !matches!(
                source.kind(),
                ErrorKind::PermissionDenied
                    | ErrorKind::ReadOnlyFilesystem
                    | ErrorKind::NotADirectory
                    | ErrorKind::AlreadyExists
            ),
            Self::Untried | Self::File(_) | Self::Slow { .. } => true,
            Self::Unsent(error) => !matches!(
                error,
                ClientError::Url(_)
                    | ClientError::TlsSettings(_)
                    | ClientError::Proxy(_)
                    | ClientError::Setup(_)
                    | ClientError::Tls { .. }
            ),
            Self::Refused { status, .. } => {
                status.is_server_error() || [408, 425, 429].contains(&status.as_u16())
            }
        }
    }

    fn hint(&self) -> Option<&'static str> {
        match self {
            Self::File(_) | Self::Slow { .. } => {
                Some("is the volume full, or not writable for the group of the pod?")
            }
            Self::Refused { status, .. } if status.is_redirection() => {
                Some("redirects are not followed: give the URL that takes a PUT")
            }
            Self::Refused { .. } => Some("is it signed for PUT, and still valid?"),
            Self::Untried | Self::Unread(_) | Self::Unsent(_) => None,
        }
    }
}

impl Aim {
    /// For people.
    fn shown(&self, part: Part<'_>) -> String {
        match self {
            Self::Volume { claim, .. } => {
                format!("{} on the volume of the claim {claim}", inside(part).display())
            }
            Self::Url(url) => display_url(url),
        }
    }

    /// Has a place take a result, once.
    async fn take(&self, part: Part<'_>, net: &NetSettings) -> Result<(), WholeError> {
        let own = part.output.result();
        match self {
            Self::Volume { folder, .. } => {
                let (from, to) = (part.output.folder(), folder.clone());
                let copying = tokio::task::spawn_blocking(move || copy(&from, &own, &to));
                match tokio::time::timeout(ANSWER, copying).await {
                    Ok(Ok(copied)) => copied,
                    Ok(Err(_)) | Err(_) => Err(WholeError::Slow {
                        folder: folder.display().to_string(),
                    }),
                }
            }
            Self::Url(url) => {
                let body = tokio::fs::read(own).await.map_err(WholeError::Unread)?;
                let mut request = Request::new(Method::PUT, url.clone());
                request.body = Bytes::from(body);
                request.timeout = ANSWER;
                let json = HeaderValue::from_static("application/json");
                request.headers.insert(CONTENT_TYPE, json);
                let answer = Client::new(net, Redirects::None)?.send(request).await?;
                if answer.status.is_success() {
                    return Ok(());
                }
                Err(WholeError::Refused {
                    url: display_url(url),
                    status: answer.status,
                })
            }
        }
    }
}

/// The folder of a result on a volume.
fn inside(part: Part<'_>) -> PathBuf {
    let folder = Path::new(&part.group.name).join(part.revision.to_string());
    match part.shard {
        Some(index) => folder.join(format!("shard-{index}")),
        None => folder,
    }
}

/// Copies reports, and last the result: where it is, all are there.
fn copy(from: &Path, result: &Path, to: &Path) -> Result<(), WholeError> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(from).map_err(WholeError::Unread)? {
        let path = entry.map_err(WholeError::Unread)?.path();
        if path.is_file() && path != result {
            files.push(path);
        }
    }
    files.push(result.to_owned());
    for file in files {
        let bytes = std::fs::read(&file).map_err(WholeError::Unread)?;
        if let Some(name) = file.file_name() {
            results::store(&to.join(name), &bytes)?;
        }
    }
    Ok(())
}

/// What became of all places.
struct Course {
    taken: Vec<String>,
    open: Vec<(Aim, WholeError)>,
}

impl Course {
    /// Asks all places that have not taken a result, and may yet.
    async fn attempt(&mut self, part: Part<'_>, net: &NetSettings) {
        let mut index = 0;
        while let Some((aim, error)) = self.open.get_mut(index) {
            if error.may_pass() {
                match aim.take(part, net).await {
                    Ok(()) => {
                        self.taken.push(aim.shown(part));
                        self.open.remove(index);
                        continue;
                    }
                    Err(why) => *error = why,
                }
            }
            index += 1;
        }
    }

    /// The same again and again, until all have, or it is late.
    async fn insist(
        &mut self,
        part: Part<'_>,
        (keeper, net): (&Keeper<'_>, &NetSettings),
        deadline: Instant,
    ) {
        let mut pause = PAUSE.0;
        while self.may_pass() && Instant::now() + pause < deadline {
            for (_, error) in self.open.iter().filter(|(_, error)| error.may_pass()) {
                let why = TaskError::from_error(error).message;
                keeper.warn(&format!("{why}; trying again in {} s", pause.as_secs_f64()));
            }
            sleep(pause).await;
            pause = (pause * 2).min(PAUSE.1);
            self.attempt(part, net).await;
        }
    }

    fn may_pass(&self) -> bool {
        self.open.iter().any(|(_, error)| error.may_pass())
    }

    /// Where the whole result is, if it is anywhere.
    fn whole(&self) -> Option<String> {
        (!self.taken.is_empty()).then(|| self.taken.join(" and "))
    }

    /// Where it is not, and why.
    fn lacks(&self, part: Part<'_>) -> Vec<(String, Option<&'static str>)> {
        let told = |(aim, error): &(Aim, WholeError)| {
            let why = TaskError::from_error(error).message;
            let text = format!("the whole result is not in {}: {why}", aim.shown(part));
            (text, error.hint())
        };
        self.open.iter().map(told).collect()
    }

    /// Keeps a result in its ConfigMap, which says where all of it is and is not.
    async fn keep(
        &self,
        keeper: &Keeper<'_>,
        part: Part<'_>,
        (result, exit): (&ExperimentResult, Exit),
    ) -> Result<Exit, Exit> {
        let place = part.place();
        let lacks = self.lacks(part);
        let mut noted = Cow::Borrowed(result);
        for (text, _) in lacks {
            noted.to_mut().note(text);
        }
        let whole = self.whole();
        keeper
            .keep((&place, part.revision), (&noted, whole.as_deref()), exit)
            .await
    }
}

impl Whole {
    /// A volume and a URL, where there are such.
    pub(super) fn of(claim: Option<String>, url: Option<ResultUrl>, env: &Env) -> Self {
        let net = NetSettings {
            proxy: ProxySettings::Environment(env.proxies()),
            ..NetSettings::default()
        };
        Self { claim, url, net }
    }

    /// The places of a result.
    fn aims(&self, part: Part<'_>) -> Vec<Aim> {
        let volume = self.claim.iter().map(|claim| Aim::Volume {
            claim: claim.clone(),
            folder: Path::new(RESULTS).join(inside(part)),
        });
        let url = self
            .url
            .iter()
            .filter(|url| part.shard.is_none() || url.is_of_shards());
        let url = url.filter_map(|url| {
            url.of(Whose {
                namespace: &part.group.namespace,
                group: &part.group.name,
                revision: part.revision,
                shard: part.shard,
            })
        });
        volume.chain(url.map(Aim::Url)).collect()
    }

    /// Takes a result to all its places, and into the ConfigMap with its verdict. What does not take it at once is asked again
    /// after that; if it never does, that is told, and the process does not end well.
    pub(super) async fn deliver(
        &self,
        keeper: &Keeper<'_>,
        part: Part<'_>,
        (result, exit): (&ExperimentResult, Exit),
    ) -> Result<Exit, Exit> {
        let mut deadline = Instant::now() + patience(result);
        let untried = self.aims(part).into_iter().map(|aim| (aim, WholeError::Untried));
        let mut course = Course {
            taken: Vec::new(),
            open: untried.collect(),
        };
        if !is_done(course.attempt(part, &self.net)).await {
            deadline = deadline.min(Instant::now() + LEAVING);
        }
        let mut kept = course.keep(keeper, part, (result, exit)).await?;
        if course.may_pass() {
            is_done(course.insist(part, (keeper, &self.net), deadline)).await;
            kept = course.keep(keeper, part, (result, exit)).await?;
        }
        if let Some(place) = course.whole() {
            let text = format!("the whole result is in {place}");
            keeper.console.say(LogLevel::Info, &text);
        }
        let lacks = course.lacks(part);
        for (text, hint) in &lacks {
            let found = Diagnostic::error(text.as_str());
            keeper.console.diagnostics(&[match hint {
                Some(hint) => found.hint(*hint),
                None => found,
            }]);
        }
        if lacks.is_empty() {
            Ok(kept)
        } else {
            Err(kept.if_written(false))
        }
    }
}

/// Whether work came to its end before a signal asked to end.
async fn is_done(work: impl Future<Output = ()>) -> bool {
    let Ok(mut signals) = Signals::listen() else {
        work.await;
        return true;
    };
    tokio::select! {
        () = work => true,
        _ = signals.next() => false,
    }
}
