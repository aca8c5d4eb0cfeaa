//! [`Runner`]: what values say of a run in Kubernetes: what runs it, when, from which image, with which rights.

use serde_json::{Map as JsonMap, Value as Json};

use super::json::json as without_places;
use super::pod::{Item, Labels, Pod, Seconds, SecretName, Variables};
use super::result_url::{ResultUrl, hide};
use super::shape::{AnyMap, Raw, Text, is_field};
use super::values::{map, with_types};
use super::work::{Asked, Named, RUNNERS, Work};
use crate::spec::{At, Decode, Decoder, Fields, Key, Map, Node, Value};

crate::fields! {
    /// Values of a run in Kubernetes.
    struct Values in "the values of a run in Kubernetes" {
        /// In Kubernetes: `job`, `cronjob` or `none`.
        runner: Named = ["runner"],
        /// In Kubernetes: when a `cronjob` runs.
        schedule: String = ["cronjobSchedule"],
        /// In Kubernetes: the image.
        image: String = ["iter8Image"],
        /// In Kubernetes: the version that results of Iter8 named.
        major_minor: Raw<Text> = ["majorMinor"],
        /// In Kubernetes: the log level.
        log_level: String = ["logLevel"],
        /// In Kubernetes: requests and limits.
        resources: Raw<AnyMap> = ["resources"],
        /// In Kubernetes: the account.
        account: String = ["serviceAccountName"],
        /// In Kubernetes: seconds after which a run is ended.
        deadline: u64 = ["activeDeadlineSeconds"],
        /// In Kubernetes: pods that share the load of a `job`.
        shards: u64 = ["shards"],
        /// In Kubernetes: the claim of a volume for whole results.
        result_volume: String = ["resultVolume"],
        /// In Kubernetes: where whole results are sent.
        result_url: String = ["resultURL"],
        /// In Kubernetes: variables of the pod, each with `name`, and `value` or `valueFrom`.
        env: Variables = ["env"],
        /// In Kubernetes: Secrets and ConfigMaps whose entries are variables of the pod.
        env_from: Vec<Item> = ["envFrom"],
        /// In Kubernetes: Secrets by which the image is pulled.
        pull_secrets: Vec<SecretName> = ["imagePullSecrets"],
        /// In Kubernetes: labels of the nodes that the pod may run on.
        node_selector: Map<String> = ["nodeSelector"],
        /// In Kubernetes: taints of nodes that do not keep the pod away.
        tolerations: Vec<Item> = ["tolerations"],
        /// In Kubernetes: annotations of the pod.
        annotations: Map<String> = ["podAnnotations"],
        /// In Kubernetes: labels of the pod, beside its own.
        labels: Labels = ["podLabels"],
        /// In Kubernetes: seconds after which a Job that has ended is removed.
        ttl: Seconds = ["ttlSecondsAfterFinished"],
        /// Since 0.16: where results went; they are in a file or in the cluster now.
        metrics_server: Raw<Text> = ["metricsServerURL"],
    }
}

/// The JSON Schema of these values.
pub(super) fn schema() -> Json {
    Values::schema()
}

/// Names of values that say how an experiment runs in Kubernetes.
pub fn names() -> impl Iterator<Item = &'static str> {
    Values::FIELDS.iter().map(|field| field.key)
}

/// Takes them out of the values of a chart that is run here. What is to run it is looked at, the rest changes nothing.
pub(super) fn pass_over(fields: &mut Fields, decoder: &mut Decoder<'_>) {
    for name in names() {
        let Some((_, node)) = fields.take(&[name], decoder) else {
            continue;
        };
        if name != "runner" || node.value == Value::Null {
            continue;
        }
        match node.as_text() {
            Some(word) if RUNNERS.contains(&word) => {}
            Some(word) => decoder.unknown_word(&node, word, &RUNNERS),
            None => decoder.mismatch(&node, Named::TYPE),
        }
    }
}

/// The map in which charts of 0.10 had the same.
const LIBRARY: &str = "iter8lib";
/// Iter8's own images, which know nothing of these experiments.
const FORMER: [&str; 3] = ["iter8/iter8", "docker.io/iter8/iter8", "iter8-tools/iter8"];

/// How an experiment runs in Kubernetes.
#[derive(Debug, Clone, PartialEq)]
pub struct Runner {
    /// What runs it.
    pub work: Work,
    /// The image, if one is named.
    pub image: Option<String>,
    /// The log level, if one is named.
    pub log_level: Option<String>,
    /// Requests and limits; a map.
    pub resources: Json,
    /// The account, if one is named.
    pub account: Option<String>,
    /// Seconds after which a run is ended, if that is said.
    pub deadline: Option<u64>,
    /// The claim of the volume that whole results go to, if one is named.
    pub result_claim: Option<String>,
    /// Where whole results are sent, if that is said.
    pub result_url: Option<ResultUrl>,
    /// What its pod has beside that.
    pub pod: Pod,
    /// Seconds after which a Job that has ended is removed, if that is said.
    pub ttl: Option<u64>,
}

/// Takes what is said of a run in Kubernetes out of values; the rest is the experiment's. Where they do not say what runs it,
/// that is `default`.
pub fn take_runner(default: Option<&str>, values: Node, decoder: &mut Decoder<'_>) -> (Option<Runner>, Node) {
    if !matches!(values.value, Value::Map(_)) {
        return (None, values);
    }
    let is_ours = |name: &str| Values::FIELDS.iter().any(|field| is_field(field, name));
    let (ours, rest): (Vec<(Key, Node)>, Vec<_>) = values
        .pairs()
        .iter()
        .cloned()
        .partition(|(key, _)| is_ours(&key.name));
    let (library, rest): (Vec<_>, Vec<_>) = rest.into_iter().partition(|(key, _)| key.name == LIBRARY);
    // The nearer one wins, as a value of a chart goes over that of a chart in it.
    let library = library.iter().flat_map(|(_, node)| node.pairs()).cloned();
    let library = library.filter(|(key, _)| !ours.iter().any(|(own, _)| own.name == key.name));
    let all: Vec<(Key, Node)> = ours.iter().cloned().chain(library).collect();
    let all = map(all, &values);
    let rest = map(rest, &values);
    if let Some((_, node)) = all.field("resultURL")
        && let Value::String(text) | Value::Text(text) = &node.value
    {
        decoder.hide(Some(node), text, |mask, text| hide(text, mask));
    }
    let read = Values::decode(&all, decoder).and_then(|read| runner(default, &all, read, decoder));
    (read, rest)
}

fn runner(default: Option<&str>, all: &Node, read: Values, decoder: &mut Decoder<'_>) -> Option<Runner> {
    let at = |name: &str| all.field(name).map_or(&all.at, |(_, node)| &node.at);
    let asked = Asked {
        runner: read.runner.as_ref().map(|Named(name)| name.as_str()),
        default,
        schedule: read.schedule.as_deref(),
        shards: read.shards,
    };
    let work = asked.work(&at, decoder);
    let image = is_ours(read.image.as_deref(), &at, decoder);
    let resources = match &read.resources {
        Some(Raw(node, ..)) if matches!(node.value, Value::Map(_)) => without_places(&with_types(node)),
        Some(Raw(node, ..)) => {
            decoder.mismatch(node, "a map with `requests` and `limits`");
            return None;
        }
        None => Json::Object(JsonMap::new()),
    };
    if read.deadline == Some(0) {
        decoder.error(at("activeDeadlineSeconds"), "a run needs at least a second", None);
        return None;
    }
    let claim = read.result_volume.as_deref();
    if let Some(odd) = claim.filter(|name| !is_claim(name)) {
        let message = format!("`{odd}` is no name of a PersistentVolumeClaim");
        decoder.error(at("resultVolume"), message, None);
        return None;
    }
    let result_url = read.result_url.as_deref().map(ResultUrl::parse).transpose();
    let result_url = match result_url {
        Ok(url) => url,
        Err(why) => {
            let hint = "give one that takes a PUT, such as a presigned URL of object storage";
            let message = format!("results cannot be sent there: {why}");
            decoder.error(at("resultURL"), message, Some(hint.into()));
            return None;
        }
    };
    Some(Runner {
        work: work.filter(|_| image)?,
        pod: read.pod(),
        image: read.image,
        log_level: read.log_level,
        resources,
        account: read.account,
        deadline: read.deadline,
        result_claim: read.result_volume,
        result_url,
        ttl: read.ttl.map(|Seconds(seconds)| seconds),
    })
}

impl Values {
    fn pod(&self) -> Pod {
        let items = |items: &Option<Vec<Item>>| {
            let items = items.iter().flatten();
            items.map(|Item(object)| object.clone()).collect()
        };
        let texts = |map: &Option<Map<String>>| map.clone().map(|Map(texts)| texts).unwrap_or_default();
        let names = self.pull_secrets.iter().flatten();
        Pod {
            env: self.env.clone().map(|Variables(all)| all).unwrap_or_default(),
            env_from: items(&self.env_from),
            pull_secrets: names.map(|SecretName(named)| named.clone()).collect(),
            node_selector: texts(&self.node_selector),
            tolerations: items(&self.tolerations),
            annotations: texts(&self.annotations),
            labels: self.labels.clone().map(|Labels(all)| all).unwrap_or_default(),
        }
    }
}

/// Whether an image, if one is named, may be one of this program.
fn is_ours<'a>(image: Option<&str>, at: &impl Fn(&str) -> &'a At, decoder: &mut Decoder<'_>) -> bool {
    let Some(image) = image else { return true };
    let name = image.split_once('@').map_or(image, |(name, _)| name);
    let name = name
        .rsplit_once(':')
        .map_or(name, |(name, tag)| if tag.contains('/') { image } else { name });
    if FORMER.contains(&name) {
        let hint = "leave `iter8Image` out: it is needed for an image of one's own only";
        let message = format!("`{image}` is an image of Iter8, which cannot run this experiment");
        decoder.error(at("iter8Image"), message, Some(hint.into()));
        return false;
    }
    true
}

/// Whether a claim can be called so: parts of lower-case letters, digits and `-`, with dots between them.
fn is_claim(name: &str) -> bool {
    let is_fine = |letter: u8| letter.is_ascii_lowercase() || letter.is_ascii_digit();
    let is_part = |part: &str| {
        let ends = part.bytes().next().zip(part.bytes().last());
        ends.is_some_and(|(first, last)| is_fine(first) && is_fine(last))
            && part.bytes().all(|letter| is_fine(letter) || letter == b'-')
    };
    name.len() <= 253 && name.split('.').all(is_part)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use serde_json::json;

    use super::*;
    use crate::charts::find;
    use crate::secret::Mask;
    use crate::spec::SourceFile;

    /// What is read, what is left, and what is said.
    fn taken(chart: &str, values: &str) -> (Option<Runner>, String, Vec<String>) {
        let source = SourceFile::new("v.yaml", values);
        let root = Node::parse(&source).expect("YAML");
        let mut decoder = Decoder::new(&source, Path::new("."), &|_| None, Mask::default());
        let chart = find(chart).map_err(|(message, _)| message).expect("a chart");
        let (runner, rest) = take_runner(chart.runner(), root, &mut decoder);
        let said = decoder.into_diagnostics().into_iter().map(|found| found.message);
        (runner, crate::charts::written(&rest), said.collect())
    }

    #[test]
    fn what_runs_an_experiment_is_taken_out_of_the_values() {
        let values = "tasks: [http]\nrunner: job\nlogLevel: debug\nresources: {limits: {cpu: 2}}\niter8Image: a/b:c\n\
                      serviceAccountName: me\nactiveDeadlineSeconds: 60\nmajorMinor: v0.13\n\
                      resultVolume: kept\nresultURL: 'https://a.example/{group}?sig=signature'\n";
        let (runner, rest, said) = taken("iter8", values);
        let expected = Runner {
            work: Work::Job,
            image: Some("a/b:c".into()),
            log_level: Some("debug".into()),
            resources: json!({"limits": {"cpu": 2}}),
            account: Some("me".into()),
            deadline: Some(60),
            result_claim: Some("kept".into()),
            result_url: ResultUrl::parse("https://a.example/{group}?sig=signature").ok(),
            pod: Pod::default(),
            ttl: None,
        };
        assert_eq!((runner, said), (Some(expected), vec![]));
        assert_eq!(rest, "tasks:\n  - http\n");
    }

    #[test]
    fn charts_of_0_10_have_a_runner_of_their_own() {
        let work = |chart: &str, values: &str| taken(chart, values).0.map(|runner| runner.work);
        assert_eq!(work("load-test-http", "url: a"), Some(Work::Job));
        let schedule = "cronjobSchedule: '*/1 * * * *'";
        let cron = Some(Work::CronJob("*/1 * * * *".into()));
        assert_eq!(work("slo-validation-istio", schedule), cron);
        let library = format!("iter8lib: {{runner: cronjob}}\n{schedule}");
        assert_eq!(work("load-test-http", &library), cron);
        assert_eq!(
            work("load-test-http", "iter8lib: {runner: job}\nrunner: none"),
            Some(Work::Nothing)
        );
    }

    #[test]
    fn what_would_run_nothing_is_refused() {
        for (values, why) in [
            ("tasks: [http]", "nothing would run: the values name no `runner`"),
            ("runner: cronjob", "a cronjob needs a `cronjobSchedule`"),
            (
                "runner: cronjob\ncronjobSchedule: ''",
                "a cronjob needs a `cronjobSchedule`",
            ),
            (
                "runner: cronjob\ncronjobSchedule: hourly",
                "`hourly` is no schedule",
            ),
            (
                "runner: cronjob\ncronjobSchedule: '* * * * ;'",
                "`* * * * ;` is no schedule",
            ),
            (
                "runner: deployment",
                "expected job, cronjob or none, found `deployment`",
            ),
            (
                "runner: job\niter8Image: iter8/iter8:0.15",
                "`iter8/iter8:0.15` is an image of Iter8, which cannot run this experiment",
            ),
            (
                "runner: none\nshards: 2",
                "only a `job` can be divided into shards",
            ),
            (
                "runner: job\nshards: 0",
                "an experiment has 1 to 200 shards in a cluster, not 0",
            ),
            (
                "runner: job\nresultVolume: A/b",
                "`A/b` is no name of a PersistentVolumeClaim",
            ),
            (
                "runner: job\nresultURL: s3://bucket/secret",
                "results cannot be sent there: it is no http:// or https:// URL",
            ),
            (
                "runner: job\nactiveDeadlineSeconds: 0",
                "a run needs at least a second",
            ),
        ] {
            let (runner, _, said) = taken("iter8", values);
            assert_eq!((runner, said), (None, vec![why.to_owned()]), "{values}");
        }
        for (values, work) in [
            ("runner: job\nshards: 1", Work::Job),
            ("runner: job\nshards: 200", Work::Shards(200)),
        ] {
            assert_eq!(taken("iter8", values).0.map(|runner| runner.work), Some(work));
        }
        let (runner, _, said) = taken("iter8", "runner: none");
        assert_eq!(
            (runner.map(|runner| runner.work), said),
            (Some(Work::Nothing), vec![])
        );
    }

    #[test]
    fn a_schedule_asks_for_a_cronjob() {
        for (chart, message) in [
            (
                "load-test-http",
                "a `job` has no schedule, and `cronjobSchedule` is given",
            ),
            (
                "iter8",
                "nothing would run: the values have a `cronjobSchedule` and name no `runner`",
            ),
        ] {
            let (runner, _, said) = taken(chart, "cronjobSchedule: '@hourly'");
            assert_eq!((runner, said), (None, vec![message.to_owned()]), "{chart}");
        }
    }

    #[test]
    fn a_schedule_without_a_cronjob_is_a_doubt() {
        let (runner, _, said) = taken("iter8", "runner: job\ncronjobSchedule: '@hourly'");
        assert_eq!(runner.map(|runner| runner.work), Some(Work::Job));
        assert_eq!(said, ["`runner` is `job`: `cronjobSchedule` changes nothing"]);
    }
}
