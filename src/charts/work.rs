//! [`Asked`]: what is to run an experiment in Kubernetes, as values say it.

use serde_json::{Value as Json, json};

use crate::spec::{At, Decode, Decoder, Node};

/// What may run an experiment.
pub(super) const RUNNERS: [&str; 3] = ["job", "cronjob", "none"];
/// Each shard has an object for its result, and rights that name it.
const MOST_SHARDS: u64 = 200;

/// What runs an experiment in Kubernetes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    /// Nothing; somebody runs it otherwise.
    Nothing,
    /// A Job.
    Job,
    /// A Job of so many pods that share the load.
    Shards(u32),
    /// A CronJob, with its schedule.
    CronJob(String),
}

/// What is to run an experiment, by its name, which may be none.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Named(pub(super) String);

impl Decode for Named {
    const TYPE: &'static str = "job, cronjob or none";

    fn schema() -> Json {
        json!({ "enum": RUNNERS })
    }

    fn decode(node: &Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        String::decode(node, decoder).map(Self)
    }
}

/// What values say of it.
pub(super) struct Asked<'a> {
    /// `runner`, if it is given.
    pub(super) runner: Option<&'a str>,
    /// What it is else, if anything.
    pub(super) default: Option<&'a str>,
    /// `cronjobSchedule`.
    pub(super) schedule: Option<&'a str>,
    /// `shards`.
    pub(super) shards: Option<u64>,
}

impl Asked<'_> {
    /// What runs it, unless that is a mistake, which is reported.
    pub(super) fn work<'n>(&self, at: &impl Fn(&str) -> &'n At, decoder: &mut Decoder<'_>) -> Option<Work> {
        let work = self.alone(at, decoder)?;
        self.shared(work, at, decoder)
    }

    fn alone<'n>(&self, at: &impl Fn(&str) -> &'n At, decoder: &mut Decoder<'_>) -> Option<Work> {
        let schedule = self.schedule.map(str::trim).filter(|text| !text.is_empty());
        let named = self.runner.or(self.default).unwrap_or_default();
        let work = match (named, schedule) {
            ("", Some(_)) => {
                let hint = "say --set runner=cronjob, or leave `cronjobSchedule` out and say runner=job";
                decoder.error(
                    at("cronjobSchedule"),
                    "nothing would run: the values have a `cronjobSchedule` and name no `runner`",
                    Some(hint.into()),
                );
                return None;
            }
            ("", None) => {
                let hint = "say --set runner=job, or runner=cronjob with a cronjobSchedule; runner=none is for who runs it otherwise";
                decoder.error(
                    at("runner"),
                    "nothing would run: the values name no `runner`",
                    Some(hint.into()),
                );
                return None;
            }
            ("none", _) => Work::Nothing,
            ("job", _) => Work::Job,
            ("cronjob", None) => {
                let hint = "give one, such as --set cronjobSchedule=\"*/5 * * * *\"";
                decoder.error(
                    at("cronjobSchedule"),
                    "a cronjob needs a `cronjobSchedule`",
                    Some(hint.into()),
                );
                return None;
            }
            ("cronjob", Some(schedule)) => {
                if !is_schedule(schedule) {
                    let message = format!("`{schedule}` is no schedule");
                    let hint = "five fields as in a crontab (minute, hour, day, month, weekday), or @hourly and the like";
                    decoder.error(at("cronjobSchedule"), message, Some(hint.into()));
                    return None;
                }
                Work::CronJob(schedule.to_owned())
            }
            (other, _) => {
                let message = format!("expected job, cronjob or none, found `{other}`");
                decoder.error(at("runner"), message, None);
                return None;
            }
        };
        if schedule.is_some() && !matches!(work, Work::CronJob(_)) {
            let at = at("cronjobSchedule");
            if self.runner.is_none() {
                let message = format!("a `{named}` has no schedule, and `cronjobSchedule` is given");
                let hint = "say --set runner=cronjob, or leave `cronjobSchedule` out";
                decoder.error(at, message, Some(hint.into()));
                return None;
            }
            let message = format!("`runner` is `{named}`: `cronjobSchedule` changes nothing");
            decoder.warning(at, message, Some("a schedule is for runner=cronjob".into()));
        }
        Some(work)
    }

    /// What runs it, in so many pods.
    fn shared<'n>(
        &self,
        work: Work,
        at: &impl Fn(&str) -> &'n At,
        decoder: &mut Decoder<'_>,
    ) -> Option<Work> {
        let (message, hint) = match (self.shards, work) {
            (None | Some(1), work) => return Some(work),
            (Some(shards @ 2..=MOST_SHARDS), Work::Job) => {
                return u32::try_from(shards).ok().map(Work::Shards);
            }
            (Some(2..=MOST_SHARDS), _) => (
                "only a `job` can be divided into shards".to_owned(),
                "say --set runner=job, or leave `shards` out",
            ),
            (Some(other), _) => (
                format!("an experiment has 1 to {MOST_SHARDS} shards in a cluster, not {other}"),
                "fewer shards send more each",
            ),
        };
        decoder.error(at("shards"), message, Some(hint.into()));
        None
    }
}

/// Whether a text looks like a line of a crontab; the API server looks closer.
fn is_schedule(text: &str) -> bool {
    if let Some(name) = text.strip_prefix('@') {
        return [
            "yearly", "annually", "monthly", "weekly", "daily", "midnight", "hourly",
        ]
        .contains(&name);
    }
    let is_field = |field: &str| {
        field
            .chars()
            .all(|letter| letter.is_ascii_alphanumeric() || "*/,-?".contains(letter))
    };
    text.split_whitespace().count() == 5 && text.split_whitespace().all(is_field)
}
