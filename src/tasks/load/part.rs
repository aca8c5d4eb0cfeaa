//! [`Part`]: one version of one endpoint, and what there is to say about its measurement.

use super::trust::Sent;
use super::{LoadKind, trust, walls};
use crate::load::{Extent, Plan, Pool, Shard, Undivided};
use crate::metrics::{FailureClass, Load, LoadMeasurement, Stream};
use crate::results::ShardNumber;
use crate::tasks::ready::explain_loopback;
use crate::tasks::{Planned, RunContext, TaskError, Tested};

/// What the fields of a load come to.
pub(in crate::tasks) struct Checked<K: LoadKind> {
    /// When requests are sent.
    pub(in crate::tasks) plan: Plan,
    /// Over which connections.
    pub(in crate::tasks) pool: Pool,
    /// Percentiles to report beside the usual ones.
    pub(in crate::tasks) percentiles: Vec<f64>,
    /// What is sent.
    pub(in crate::tasks) call: K::Call,
}

/// One version of one endpoint, checked.
pub(in crate::tasks) struct Part<K: LoadKind> {
    /// Whose measurements it makes.
    pub(in crate::tasks) stream: Stream,
    /// Position of the version.
    pub(super) version: usize,
    /// What its notes begin with where there are several parts: `home, candidate: `.
    label: String,
    /// The plan of the whole in words, where this is a shard's.
    told: Option<String>,
    /// When requests are sent.
    pub(in crate::tasks) plan: Plan,
    /// Over which connections.
    pub(in crate::tasks) pool: Pool,
    percentiles: Vec<f64>,
    /// What is sent.
    pub(in crate::tasks) call: K::Call,
}

impl<K: LoadKind> Part<K> {
    /// The part of an endpoint and of a version.
    pub(super) fn new(endpoint: Option<&str>, version: usize, checked: Checked<K>) -> Self {
        Self {
            stream: stream::<K>(endpoint),
            version,
            label: String::new(),
            told: None,
            plan: checked.plan,
            pool: checked.pool,
            percentiles: checked.percentiles,
            call: checked.call,
        }
    }

    /// Its notes name it if there are others.
    pub(super) fn tell_apart(&mut self, versions: &[Tested]) {
        let version = (versions.len() > 1).then(|| versions[self.version].name.as_str());
        let endpoint = self.stream.endpoint.as_deref();
        let names: Vec<&str> = endpoint.into_iter().chain(version).collect();
        if !names.is_empty() {
            self.label = format!("{}: ", names.join(", "));
        }
    }

    /// Where its requests go, for people.
    pub(super) fn target(&self) -> String {
        K::target(&self.call)
    }

    /// Its plan in words.
    pub(in crate::tasks) fn describe(&self) -> String {
        let whole = self.told.clone();
        whole.unwrap_or_else(|| K::describe(&self.plan, &self.pool))
    }

    /// What a shard sends of that plan, in words.
    fn own(&self) -> Option<String> {
        let shard = self.plan.shard?;
        Some(K::describe(&shard.alone(&self.plan), &self.pool))
    }

    /// Leaves the part of one shard.
    pub(super) fn divide(&mut self, number: ShardNumber) -> Result<(), Undivided> {
        let shard = Shard {
            index: number.index,
            of: number.of,
            seed: 0,
            start: None,
        };
        let requests = self.plan.stop.count();
        if let Some(few) = requests.filter(|few| *few < u64::from(number.of.get())) {
            return Err(Undivided::Few(few, K::WORDS.request, number.of));
        }
        let pool = shard.pool(&self.pool, self.plan.pace.is_paced(), K::WORDS.request)?;
        self.told = Some(self.describe());
        self.pool = pool;
        self.plan.shard = Some(shard);
        Ok(())
    }

    /// Not one connection: the task could not run, though its counts are kept.
    pub(super) fn unreachable(
        &self,
        measurement: &LoadMeasurement,
        context: &RunContext,
    ) -> Option<TaskError> {
        // What a signal cut short may have been about to succeed; what the load's own time cut short had that time.
        let cut_off = measurement.failures.get(&FailureClass::CutOff);
        let stopped = cut_off.filter(|_| context.shutdown.is_cancelled());
        let tried = measurement.requests + measurement.ignored - stopped.map_or(0, |failure| failure.count);
        // One whose TLS handshake the server refuses looks open to the client at first.
        let mut classes = measurement.failures.keys();
        let refused = !measurement.failures.is_empty() && classes.all(|class| *class == FailureClass::Tls);
        // Connections with uncounted requests are not counted.
        let warm = cut_off.is_some() && self.pool.connection_warmup > 0;
        if tried == 0 || measurement.answered > 0 || warm || measurement.connections > 0 && !refused {
            return None;
        }
        let why = measurement
            .failures
            .values()
            .max_by_key(|failure| failure.count)
            .map(|failure| failure.example.clone());
        let error = TaskError::new(format!(
            "no connection to {}: all {tried} {}s failed ({})",
            self.target(),
            K::WORDS.request,
            why.unwrap_or_else(|| "nothing came within the time of the load".to_owned())
        ));
        Some(if measurement.failures.contains_key(&FailureClass::Connect) {
            explain_loopback(K::url(&self.call), K::WORDS.form, context, error)
        } else {
            error
        })
    }

    fn sent(&self) -> Sent<'_> {
        Sent {
            stream: &self.stream,
            pace: &self.plan.pace,
            words: &K::WORDS,
        }
    }

    /// Why the numbers are not those of the target.
    pub(super) fn doubts(&self, measurement: &LoadMeasurement) -> impl Iterator<Item = String> {
        let own = trust::distrust(self.sent(), measurement);
        let walls = walls::distrust(&self.stream, measurement);
        let label = &self.label;
        self.nothing(measurement)
            .into_iter()
            .chain(walls)
            .chain(own)
            .map(move |why| format!("{label}{why}"))
    }

    /// Not a single request is in the numbers: they would pass for those of a load without an error. What one shard did not
    /// send may have been sent by another.
    fn nothing(&self, measurement: &LoadMeasurement) -> Option<String> {
        let counted = measurement.requests + measurement.unsent;
        (counted == 0 && self.plan.shard.is_none()).then(|| {
            format!(
                "not one {} to `{}` was counted: nothing is known of it; send more, or for longer",
                K::WORDS.request,
                self.stream
            )
        })
    }

    /// What a reader should know.
    pub(super) fn notes(&self, measurement: &LoadMeasurement) -> Vec<String> {
        let name = &self.label;
        let mut notes = Vec::new();
        if measurement.unsent > 0 {
            notes.push(format!(
                "{name}{} {}s were due but could not be sent in time",
                measurement.unsent,
                K::WORDS.request
            ));
        }
        if measurement.ignored > 0 {
            notes.push(format!(
                "{name}{} calls were under way when the time was over, and are counted nowhere, as was asked for",
                measurement.ignored
            ));
        }
        let busy = K::busy(&self.pool, &self.plan.pace);
        let own = trust::notes(self.sent(), measurement, &busy);
        notes.extend(own.into_iter().map(|note| format!("{name}{note}")));
        if let Some(proxy) = K::proxy(&self.call) {
            notes.push(format!("{name}through the proxy {proxy}"));
        }
        notes
    }

    /// What it will send as part of the load number `index`, of whose requests it has this share.
    pub(super) fn planned(&self, index: usize, share: Option<f64>, versions: &[Tested]) -> Planned {
        let extent = self.plan.extent();
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "rounded, at least zero, far below 2^52"
        )]
        let own = |all: u64| share.map_or(all, |share| (all as f64 * share).round() as u64);
        Planned {
            stream: self.stream.clone(),
            version: versions[self.version].clone(),
            target: self.target(),
            plan: self.describe(),
            part: self.own(),
            extent: Extent {
                requests: extent.requests.map(own),
                ..extent
            },
            together: index,
        }
    }

    /// `share` is that of the requests of its load number `index`.
    pub(super) fn measured(&self, share: Option<f64>, index: usize, measurement: LoadMeasurement) -> Load {
        let of_share = |plan: String| match share {
            Some(share) => format!("{:.0} % of {plan}", share * 100.0),
            None => plan,
        };
        Load {
            target: self.target(),
            percentiles: self.percentiles.clone(),
            plan: of_share(self.describe()),
            part: self.own().map(of_share),
            together: share.map(|_| index),
            ..Load::bare(self.stream.clone(), measurement)
        }
    }
}

/// The stream of an endpoint.
fn stream<K: LoadKind>(endpoint: Option<&str>) -> Stream {
    Stream {
        protocol: K::PROTOCOL,
        endpoint: endpoint.map(str::to_owned),
    }
}
