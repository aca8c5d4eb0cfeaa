//! Where a group keeps its result in the cluster: the ConfigMap `GROUP-result`, which `k launch` makes and empties.
//!
//! `binaryData["result.json.gz"]` is `result.json`; `data` has the outcome in words, for who looks with other tools. An annotation
//! says which revision of the experiment is the current one: the result of another is never taken for its. Another says which Job
//! left what is there: one that has the same name by now never did.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::cluster::manifests::{Group, is_run_by_hand, job_of, revision, set_job, shards};
use crate::cluster::{Cluster, ClusterError, Manner, ObjectName};
use crate::diagnostic::Diagnostic;
use crate::report::View;
use crate::results::{self, Detail, ExperimentResult, WireError};
use crate::tasks::TaskError;

/// The key of the result.
const KEY: &str = "result.json.gz";
/// The key of signs that a shard goes on.
const ALIVE: &str = "alive";
/// Bytes of it; the API takes a megabyte of 1,048,576 with everything.
const ROOM: usize = 1_000_000;
/// Bytes of the result once it is unpacked.
const LARGEST: u64 = 64 << 20;
/// Characters of the sentence that stands beside it.
const SENTENCE: usize = 2_000;

/// What a group has of its result.
#[derive(Debug, Clone)]
pub(in crate::cli) struct Stored {
    /// The revision of the experiment as it is now.
    pub(in crate::cli) revision: u32,
    /// The result of that revision, if there is one yet.
    pub(in crate::cli) result: Option<ExperimentResult>,
    /// The identity of the Job whose pod left it, if that is known.
    pub(in crate::cli) job: Option<String>,
    /// How many shards leave a part of it, if several do.
    pub(in crate::cli) shards: Option<u32>,
    /// Whether nothing in the cluster runs the experiment: its result is then left by no Job.
    pub(in crate::cli) by_hand: bool,
}

/// Why there is no result, or it cannot be kept.
#[derive(Debug, thiserror::Error)]
pub(in crate::cli) enum StoreError {
    /// The cluster says so.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// Nobody launched the group, or it was deleted.
    #[error("there is no group `{}` in the namespace {}: {object} does not exist", group.name, group.namespace)]
    NoGroup {
        /// The group.
        group: Group,
        /// What is missing of it.
        object: String,
    },
    /// The object is somebody else's.
    #[error("{object} in the namespace {namespace} was not made for this group")]
    Foreign {
        /// The object.
        object: String,
        /// Where it is.
        namespace: String,
    },
    /// What is stored is no result.
    #[error("what {object} holds cannot be read: {reason}")]
    Unreadable {
        /// The object.
        object: String,
        /// Why.
        reason: String,
    },
    /// A Job runs the experiment, and what it leaves is nobody else's to replace.
    #[error(
        "a Job runs revision {revision} of the group `{group}`, and its result is not replaced from elsewhere"
    )]
    OfJob {
        /// The revision.
        revision: u32,
        /// The name of the group.
        group: String,
    },
    /// The experiment is another one by now.
    #[error(
        "this is revision {ours} of the experiment, and {theirs} is the current one: it was launched anew"
    )]
    Other {
        /// The revision that was run.
        ours: u32,
        /// The one that counts.
        theirs: u32,
    },
    /// It does not fit, whatever is left out.
    #[error("the result has {bytes} bytes without its details, and {ROOM} fit into a ConfigMap")]
    TooLarge {
        /// Packed.
        bytes: usize,
    },
}

impl StoreError {
    /// What to tell.
    pub(in crate::cli) fn diagnostic(&self) -> Diagnostic {
        let diagnostic = Diagnostic::error(self.to_string());
        let hint = match self {
            Self::Cluster(error) => error.hint(),
            Self::NoGroup { .. } => {
                Some("launch it: iter8 k launch; -g names another group, -n another namespace".into())
            }
            Self::Foreign { .. } => Some("choose another name for the group by -g".into()),
            Self::Unreadable { .. } => Some("launch the experiment again".into()),
            Self::TooLarge { .. } => {
                Some("divide the experiment into groups with fewer endpoints or versions".into())
            }
            Self::OfJob { .. } => Some(
                "run it again by `iter8 k launch`; `iter8 k run` at a terminal is for what is launched with --set runner=none"
                    .into(),
            ),
            Self::Other { .. } => None,
        };
        match hint {
            Some(hint) => diagnostic.hint(hint),
            None => diagnostic,
        }
    }

    /// Whether the API server does not know, or not any more, who asks.
    pub(in crate::cli) fn is_unknown(&self) -> bool {
        matches!(self, Self::Cluster(ClusterError::Unauthorized { .. }))
    }

    /// Whether it may be otherwise in a while: nobody answered, or not as they should.
    pub(in crate::cli) fn may_pass(&self) -> bool {
        matches!(self, Self::Cluster(error) if error.may_pass())
    }
}

/// Reads what a group has of its result.
pub(in crate::cli) async fn read(
    cluster: &Cluster,
    group: &Group,
    patience: Duration,
) -> Result<Stored, StoreError> {
    of(&object(cluster, group, patience).await?, group)
}

/// The object that holds it, whatever is in it.
pub(super) async fn object(
    cluster: &Cluster,
    group: &Group,
    patience: Duration,
) -> Result<Value, StoreError> {
    let object = fetch(cluster, group, &group.result(), patience).await?;
    check(&object, group).map(|_| object)
}

/// The same, of an object that was read.
pub(super) fn of(object: &Value, group: &Group) -> Result<Stored, StoreError> {
    let (revision, shards, by_hand) = (check(object, group)?, shards(object), is_run_by_hand(object));
    let Some(packed) = object["binaryData"][KEY].as_str() else {
        return Ok(Stored {
            revision,
            result: None,
            job: None,
            shards,
            by_hand,
        });
    };
    let result = unpack(packed).map_err(|reason| StoreError::Unreadable {
        object: group.result().to_string(),
        reason,
    })?;
    let is_current = result.revision == u64::from(revision);
    Ok(Stored {
        revision,
        result: is_current.then_some(result),
        job: job_of(object).map(str::to_owned),
        shards,
        by_hand,
    })
}

/// What there is of a shard.
#[derive(Debug)]
pub(super) struct Left {
    /// Its result, or what it has of it so far.
    pub(super) result: Option<ExperimentResult>,
    /// The last sign that it gave.
    pub(super) sign: Option<String>,
}

/// Reads what there is of a shard: of a revision, and of a Job if one is named.
pub(super) async fn read_shard(
    cluster: &Cluster,
    group: &Group,
    (index, ours, job): (u32, u32, Option<&str>),
    patience: Duration,
) -> Result<Left, StoreError> {
    let object = open(cluster, group, (&group.shard(index), ours), patience).await?;
    let Stored { result, job: by, .. } = of(&object, group)?;
    let is_ours = job.is_none() || by.as_deref() == job;
    let sign = object["data"][ALIVE].as_str().map(str::to_owned);
    Ok(Left {
        result: result.filter(|_| is_ours),
        sign,
    })
}

/// Keeps a result of a revision, which a Job left, in one of the objects for that, unless the group was launched anew
/// meanwhile.
pub(in crate::cli) async fn write(
    cluster: &Cluster,
    group: &Group,
    (place, ours, job): (&ObjectName, u32, Option<&str>),
    packed: &Packed,
    patience: Duration,
) -> Result<(), StoreError> {
    change(cluster, group, (place, ours), patience, |object| {
        set_job(object, job);
        object["binaryData"] = json!({ KEY: packed.result });
        object["data"] = packed.said.clone();
    })
    .await
}

/// A result as it is stored.
#[derive(Debug)]
pub(in crate::cli) struct Packed {
    result: String,
    said: Value,
}

impl Packed {
    /// Packs a result; where there is no room, without its details. `whole` says where all of it is.
    pub(in crate::cli) fn of(result: &ExperimentResult, whole: Option<&str>) -> Result<Self, StoreError> {
        Ok(Self {
            result: STANDARD.encode(pack(result, whole)?),
            said: said(result, whole),
        })
    }
}

/// Gives a sign, which differs from the one before, beside what a shard has left so far.
pub(super) async fn sign(
    cluster: &Cluster,
    group: &Group,
    place: (&ObjectName, u32),
    text: &str,
    patience: Duration,
) -> Result<(), StoreError> {
    change(cluster, group, place, patience, |object| {
        if !object["data"].is_object() {
            object["data"] = json!({});
        }
        object["data"][ALIVE] = text.into();
    })
    .await
}

/// Says something to the others of the same Job, in an object for a result that is not there yet.
pub(super) async fn tell(
    cluster: &Cluster,
    group: &Group,
    (place, ours, job): (&ObjectName, u32, Option<&str>),
    (key, text): (&str, &str),
    patience: Duration,
) -> Result<(), StoreError> {
    change(cluster, group, (place, ours), patience, |object| {
        set_job(object, job);
        object["binaryData"] = Value::Null;
        object["data"] = json!({ key: text });
    })
    .await
}

/// What somebody of the same Job said there.
pub(super) async fn told(
    cluster: &Cluster,
    group: &Group,
    (place, ours, job): (&ObjectName, u32, Option<&str>),
    key: &str,
    patience: Duration,
) -> Result<Option<String>, StoreError> {
    let object = open(cluster, group, (place, ours), patience).await?;
    let text = object["data"][key].as_str().filter(|_| job_of(&object) == job);
    Ok(text.map(str::to_owned))
}

/// Changes an object. Who else writes at the same time is waited out.
async fn change(
    cluster: &Cluster,
    group: &Group,
    (place, ours): (&ObjectName, u32),
    patience: Duration,
    edit: impl Fn(&mut Value),
) -> Result<(), StoreError> {
    let deadline = Instant::now() + patience;
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        let mut object = open(cluster, group, (place, ours), left).await?;
        edit(&mut object);
        let left = deadline.saturating_duration_since(Instant::now());
        match cluster.replace(place, &object, Manner::default(), left).await {
            // Somebody else was faster: what they wrote says whether ours counts.
            Err(ClusterError::Conflict(_)) if Instant::now() < deadline => {}
            Err(ClusterError::Absent { object, .. }) => {
                let group = group.clone();
                return Err(StoreError::NoGroup { group, object });
            }
            answer => return Ok(answer.map(|_| ())?),
        }
    }
}

/// An object for a result, which must be that of a revision.
async fn open(
    cluster: &Cluster,
    group: &Group,
    (place, ours): (&ObjectName, u32),
    patience: Duration,
) -> Result<Value, StoreError> {
    let object = fetch(cluster, group, place, patience).await?;
    let theirs = check(&object, group)?;
    if theirs != ours {
        return Err(StoreError::Other { ours, theirs });
    }
    Ok(object)
}

async fn fetch(
    cluster: &Cluster,
    group: &Group,
    place: &ObjectName,
    patience: Duration,
) -> Result<Value, StoreError> {
    match cluster.read(place, patience).await {
        Err(ClusterError::Absent { object, .. }) => {
            let group = group.clone();
            Err(StoreError::NoGroup { group, object })
        }
        answer => Ok(answer?),
    }
}

/// The revision that an object for a result is of, if it is that.
fn check(object: &Value, group: &Group) -> Result<u32, StoreError> {
    revision(object)
        .filter(|_| group.owns(object))
        .ok_or_else(|| StoreError::Foreign {
            object: group.result().to_string(),
            namespace: group.namespace.clone(),
        })
}

/// What is said of a result in plain text; of one that is not complete yet no outcome.
fn said(result: &ExperimentResult, whole: Option<&str>) -> Value {
    let sentence: String = View::of(result).reason.chars().take(SENTENCE).collect();
    let mut said = json!({
        "headline": sentence,
        "revision": result.revision.to_string(),
    });
    if result.ended || result.interrupted.is_some() {
        said["outcome"] = result.outcome.name().into();
    }
    if let Some(whole) = whole {
        said["whole"] = whole.into();
    }
    said
}

/// The result as it is stored; where there is no room, without its details.
pub(super) fn pack(result: &ExperimentResult, whole: Option<&str>) -> Result<Vec<u8>, StoreError> {
    let packed = compress(result);
    if packed.len() <= ROOM {
        return Ok(packed);
    }
    let mut short = result.clone();
    let mut bytes = packed.len();
    let mut left_out = Vec::new();
    let place = whole.map_or_else(String::new, |place| format!("; the whole result is in {place}"));
    for detail in Detail::ALL {
        short.leave_out(detail);
        left_out.push(detail.about());
        let mut noted = short.clone();
        noted.note(format!(
            "stored without {}: all of it does not fit into the cluster{place}",
            left_out.join(", ")
        ));
        let packed = compress(&noted);
        if packed.len() <= ROOM {
            return Ok(packed);
        }
        bytes = packed.len();
    }
    Err(StoreError::TooLarge { bytes })
}

fn compress(result: &ExperimentResult) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    // Memory takes what it is given, and a result is always JSON.
    serde_json::to_writer(&mut encoder, result).expect("a result is JSON");
    encoder.flush().expect("memory can be written");
    encoder.finish().expect("memory can be written")
}

/// A result from its stored form, which anybody who may write the object can have written.
pub(super) fn unpack(packed: &str) -> Result<ExperimentResult, String> {
    let packed = STANDARD.decode(packed).map_err(|cause| cause.to_string())?;
    let mut text = String::new();
    let read = GzDecoder::new(packed.as_slice())
        .take(LARGEST + 1)
        .read_to_string(&mut text)
        .map_err(|cause| cause.to_string())?;
    if read as u64 > LARGEST {
        return Err(format!("it has more than {LARGEST} bytes"));
    }
    let path = Path::new(KEY);
    results::parse(path, &text).map_err(|error: WireError| TaskError::from_error(&error).message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::fixture;
    use crate::results::TaskRecord;

    /// Texts that do not become shorter by being packed.
    fn noise(bytes: usize, seed: u64) -> String {
        let mut state = seed | 1;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            char::from(b' ' + u8::try_from(state % 90).expect("small"))
        };
        (0..bytes).map(|_| next()).collect()
    }

    #[test]
    fn a_result_comes_back_as_it_was() {
        let result = fixture::broken();
        let packed = STANDARD.encode(pack(&result, None).expect("room"));
        let read = unpack(&packed).expect("a result");
        assert_eq!(read.assessment, result.assessment);
        assert_eq!(read.tasks, result.tasks);
    }

    #[test]
    fn details_are_left_out_where_there_is_no_room_and_that_is_said() {
        let mut result = fixture::broken();
        let versions = result.insights.versions.iter_mut();
        let load = versions
            .flat_map(|version| &mut version.loads)
            .next()
            .expect("a load");
        let exemplar = load.measurement.exemplars.first().cloned().unwrap_or_default();
        load.measurement.exemplars = (0..2_000)
            .map(|n| crate::metrics::Exemplar {
                traceparent: Some(noise(1_000, n * 7919 + 1)),
                ..exemplar.clone()
            })
            .collect();
        let whole = Some("shop/1 on a volume");
        let read = unpack(&STANDARD.encode(pack(&result, whole).expect("room"))).expect("a result");
        assert_eq!(read.assessment, result.assessment);
        let mut loads = read.insights.versions.iter().flat_map(|version| &version.loads);
        assert!(loads.all(|load| load.measurement.exemplars.is_empty()));
        let says = |task: &TaskRecord| {
            let mut notes = task.notes.iter();
            notes.any(|note| {
                note.contains("stored without its course over time, the slowest requests")
                    && note.ends_with("the whole result is in shop/1 on a volume")
            })
        };
        assert!(read.tasks.iter().any(says), "{:?}", read.tasks);
    }

    #[test]
    fn what_is_too_large_whatever_is_left_out_is_refused() {
        let mut result = fixture::broken();
        result.note(noise(2_000_000, 5));
        assert!(matches!(pack(&result, None), Err(StoreError::TooLarge { .. })));
    }

    #[test]
    fn what_is_no_result_is_told() {
        assert!(unpack("!").is_err());
        assert!(unpack(&STANDARD.encode("text")).is_err());
    }
}
