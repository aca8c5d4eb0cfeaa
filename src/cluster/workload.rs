//! [`job_end`] and [`hindrance`]: how a Job ended, and what stands in the way of a pod, from what the API says of them.

use serde_json::Value;

use super::foreign;

/// How a Job ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobEnd {
    /// As many of its pods as it was to have did their work.
    Complete,
    /// It gave up, for this reason.
    Failed(String),
}

/// How a Job ended; nothing while it goes on.
pub fn job_end(job: &Value) -> Option<JobEnd> {
    if is_true(job, "Complete").is_some() {
        return Some(JobEnd::Complete);
    }
    let failed = is_true(job, "Failed")?;
    Some(JobEnd::Failed(match failed["reason"].as_str() {
        Some("DeadlineExceeded") => {
            let limit = job["spec"]["activeDeadlineSeconds"].as_u64();
            let limit = limit.map_or_else(String::new, |seconds| format!(" ({seconds} s)"));
            format!("it took longer than its activeDeadlineSeconds{limit}, and was ended")
        }
        _ => said(failed),
    }))
}

/// What stands in the way of a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hindrance {
    /// It failed, and does not begin again.
    Failed(String),
    /// It does not begin, or again and again; that seldom mends itself.
    Stuck(String),
    /// No node has room for it, for now.
    Homeless(String),
}

impl Hindrance {
    /// In words.
    pub fn why(&self) -> &str {
        match self {
            Self::Failed(why) | Self::Stuck(why) | Self::Homeless(why) => why,
        }
    }
}

/// What stands in the way of a pod, if anything does.
pub fn hindrance(pod: &Value) -> Option<Hindrance> {
    let status = &pod["status"];
    let is_over = status["phase"] == "Failed";
    if let Some(reason) = status["reason"].as_str().filter(|_| is_over) {
        let message = status["message"].as_str().unwrap_or_default();
        return Some(Hindrance::Failed(joined(reason, message)));
    }
    if let Some(disrupted) = is_true(pod, "DisruptionTarget") {
        return Some(Hindrance::Failed(format!("disrupted: {}", said(disrupted))));
    }
    if let Some(why) = containers(status).find_map(|container| crashed(container, is_over)) {
        return Some(why);
    }
    if is_over {
        return Some(Hindrance::Failed("it failed, and nothing says why".into()));
    }
    if let Some(why) = containers(status).find_map(stuck) {
        return Some(Hindrance::Stuck(why));
    }
    let scheduled = condition(pod, "PodScheduled").filter(|one| one["status"] == "False")?;
    Some(Hindrance::Homeless(said(scheduled)))
}

/// The container of a pod whose log tells of the experiment, and whether it ever ran.
pub fn main_container(pod: &Value) -> Option<(&str, bool)> {
    let list = pod["spec"]["containers"].as_array()?;
    let ours = list.iter().find(|container| container["name"] == "iter8");
    let name = ours.or(list.first())?["name"].as_str()?;
    let status = containers(&pod["status"]).find(|container| container["name"] == name);
    let ran = |state: &Value| state["running"].is_object() || state["terminated"].is_object();
    let ran = status.is_some_and(|status| ran(&status["state"]) || ran(&status["lastState"]));
    Some((name, ran))
}

/// Whether a container has ended for good.
pub fn has_ended(pod: &Value, container: &str) -> bool {
    let over = ["Succeeded", "Failed"]
        .iter()
        .any(|phase| pod["status"]["phase"] == *phase);
    let status = containers(&pod["status"]).find(|status| status["name"] == container);
    let ended = status.is_some_and(|status| status["state"]["terminated"].is_object());
    over || ended && pod["spec"]["restartPolicy"] == "Never"
}

/// The last warning of a list of events, with its reason.
pub fn last_warning(events: &[Value]) -> Option<String> {
    let time = |event: &Value| {
        let fields = ["lastTimestamp", "eventTime"];
        let at = fields.iter().find_map(|field| event[field].as_str());
        at.or(event["metadata"]["creationTimestamp"].as_str())
            .map(str::to_owned)
    };
    let warnings = events.iter().filter(|event| event["type"] == "Warning");
    let last = warnings.max_by_key(|event| time(event))?;
    Some(said(last))
}

/// All containers, in the order in which they start.
fn containers(status: &Value) -> impl Iterator<Item = &Value> {
    ["initContainerStatuses", "containerStatuses"]
        .into_iter()
        .filter_map(|field| status[field].as_array())
        .flatten()
}

/// How a container ended that did not do its work; `is_over` says that none begins again.
fn crashed(container: &Value, is_over: bool) -> Option<Hindrance> {
    let again = container["state"]["waiting"]["reason"] == "CrashLoopBackOff";
    let state = if again { "lastState" } else { "state" };
    let ended = &container[state]["terminated"];
    let code = ended["exitCode"].as_i64().filter(|code| *code != 0);
    if !is_over && !again {
        return None;
    }
    let name = foreign(container["name"].as_str().unwrap_or("?"));
    let how = match (ended["reason"].as_str(), code) {
        (Some("OOMKilled"), _) => "was killed: it used more memory than its limit".to_owned(),
        (Some("Error" | "Completed") | None, Some(code)) => format!("ended with exit code {code}"),
        (Some(reason), Some(code)) => format!("ended with exit code {code} ({})", foreign(reason)),
        (_, None) if again => "ends".to_owned(),
        (_, None) => return None,
    };
    Some(if is_over {
        Hindrance::Failed(format!("its container {name} {how}"))
    } else {
        let times = container["restartCount"].as_u64().unwrap_or_default() + 1;
        Hindrance::Stuck(format!(
            "its container {name} {how}, {times} times until now (CrashLoopBackOff)"
        ))
    })
}

/// Why a container does not begin.
fn stuck(container: &Value) -> Option<String> {
    let waiting = container["state"]["waiting"].as_object()?;
    let text = |field: &str| waiting.get(field).and_then(Value::as_str).unwrap_or_default();
    let reason = text("reason");
    // These are on their way.
    if ["", "ContainerCreating", "PodInitializing"].contains(&reason) {
        return None;
    }
    let message = match text("message") {
        "" => format!("the image {}", container["image"].as_str().unwrap_or("?")),
        message => message.to_owned(),
    };
    Some(joined(reason, &message))
}

fn condition<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    let mut all = object["status"]["conditions"].as_array()?.iter();
    all.find(|condition| condition["type"] == kind)
}

fn is_true<'a>(object: &'a Value, kind: &str) -> Option<&'a Value> {
    condition(object, kind).filter(|condition| condition["status"] == "True")
}

/// Reason and message of a condition or an event.
fn said(of: &Value) -> String {
    let text = |field: &str| of[field].as_str().unwrap_or_default();
    joined(text("reason"), text("message"))
}

fn joined(reason: &str, message: &str) -> String {
    match (reason, message) {
        ("", "") => "nothing says why".into(),
        (one, "") | ("", one) => foreign(one),
        (reason, message) => format!("{}: {}", foreign(reason), foreign(message)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[expect(clippy::needless_pass_by_value, reason = "`json!` makes values")]
    fn pod(status: Value) -> Value {
        json!({ "spec": { "containers": [{ "name": "side" }, { "name": "iter8" }] }, "status": status })
    }

    #[expect(clippy::needless_pass_by_value, reason = "`json!` makes values")]
    fn of_container(phase: &str, container: Value) -> Option<Hindrance> {
        hindrance(&pod(json!({ "phase": phase, "containerStatuses": [container] })))
    }

    #[test]
    fn a_job_ends_when_a_condition_says_so() {
        let of = |conditions: Value| {
            job_end(
                &json!({"spec": {"activeDeadlineSeconds": 60}, "status": {"failed": 1, "conditions": conditions}}),
            )
        };
        assert_eq!(of(json!(null)), None);
        assert_eq!(of(json!([{"type": "Failed", "status": "False"}])), None);
        assert_eq!(of(json!([{"type": "FailureTarget", "status": "True"}])), None);
        assert_eq!(
            of(json!([{"type": "Complete", "status": "True"}])),
            Some(JobEnd::Complete)
        );
        let failed = |reason: &str| {
            of(json!([{"type": "Failed", "status": "True", "reason": reason, "message": "too many"}]))
        };
        assert_eq!(
            failed("BackoffLimitExceeded"),
            Some(JobEnd::Failed("BackoffLimitExceeded: too many".into()))
        );
        let late = "it took longer than its activeDeadlineSeconds (60 s), and was ended";
        assert_eq!(failed("DeadlineExceeded"), Some(JobEnd::Failed(late.into())));
    }

    #[test]
    fn what_is_on_its_way_has_nothing_in_it() {
        for reason in ["ContainerCreating", "PodInitializing"] {
            let waiting = json!({"name": "iter8", "state": {"waiting": {"reason": reason}}});
            assert_eq!(of_container("Pending", waiting), None);
        }
        let running = json!({"name": "iter8", "state": {"running": {}}});
        assert_eq!(of_container("Running", running), None);
        let done = json!({"name": "iter8", "state": {"terminated": {"exitCode": 0, "reason": "Completed"}}});
        assert_eq!(of_container("Succeeded", done), None);
        assert_eq!(hindrance(&json!({})), None);
    }

    #[test]
    fn what_keeps_a_container_from_its_begin_is_told() {
        let waiting = |state: Value| {
            of_container(
                "Pending",
                json!({"name": "iter8", "image": "a/b", "state": {"waiting": state}}),
            )
        };
        let stuck = |text: &str| Some(Hindrance::Stuck(text.into()));
        assert_eq!(
            waiting(json!({"reason": "ImagePullBackOff", "message": "Back-off pulling image"})),
            stuck("ImagePullBackOff: Back-off pulling image")
        );
        assert_eq!(
            waiting(json!({"reason": "InvalidImageName"})),
            stuck("InvalidImageName: the image a/b")
        );
        let full = json!({"phase": "Pending", "conditions": [
            {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/1 nodes"}]});
        let homeless = Hindrance::Homeless("Unschedulable: 0/1 nodes".into());
        assert_eq!(hindrance(&pod(full)), Some(homeless));
    }

    #[test]
    fn how_a_container_ended_is_told() {
        let ended =
            |state: Value| of_container("Failed", json!({"name": "iter8", "state": {"terminated": state}}));
        let failed = |text: &str| Some(Hindrance::Failed(text.into()));
        assert_eq!(
            ended(json!({"exitCode": 3, "reason": "Error"})),
            failed("its container iter8 ended with exit code 3")
        );
        assert_eq!(
            ended(json!({"exitCode": 137, "reason": "OOMKilled"})),
            failed("its container iter8 was killed: it used more memory than its limit")
        );
        assert_eq!(
            ended(json!({"exitCode": 128, "reason": "StartError"})),
            failed("its container iter8 ended with exit code 128 (StartError)")
        );
        assert_eq!(
            ended(json!({"exitCode": 0})),
            failed("it failed, and nothing says why")
        );
        let loops = json!({"name": "iter8", "restartCount": 2, "state": {"waiting": {"reason": "CrashLoopBackOff"}},
                           "lastState": {"terminated": {"exitCode": 1, "reason": "Error"}}});
        let text = "its container iter8 ended with exit code 1, 3 times until now (CrashLoopBackOff)";
        assert_eq!(
            of_container("Running", loops),
            Some(Hindrance::Stuck(text.into()))
        );
    }

    #[test]
    fn who_takes_a_pod_away_is_told() {
        let evicted =
            json!({"phase": "Failed", "reason": "Evicted", "message": "The node was low on memory."});
        let text = "Evicted: The node was low on memory.";
        assert_eq!(hindrance(&pod(evicted)), Some(Hindrance::Failed(text.into())));
        let drained = json!({"phase": "Running", "conditions": [
            {"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI", "message": "drain"}]});
        let text = "disrupted: EvictionByEvictionAPI: drain";
        assert_eq!(hindrance(&pod(drained)), Some(Hindrance::Failed(text.into())));
    }

    #[test]
    fn the_container_of_the_experiment_is_the_one_of_its_name() {
        let status = |state: Value| json!({"containerStatuses": [{"name": "iter8", "state": state}]});
        assert_eq!(
            main_container(&pod(status(json!({"waiting": {}})))),
            Some(("iter8", false))
        );
        assert_eq!(
            main_container(&pod(status(json!({"running": {}})))),
            Some(("iter8", true))
        );
        assert_eq!(main_container(&pod(json!({}))), Some(("iter8", false)));
        let other = json!({"spec": {"containers": [{"name": "only"}]}});
        assert_eq!(main_container(&other), Some(("only", false)));
    }

    #[test]
    fn the_last_warning_counts() {
        let event = |kind: &str, at: &str, text: &str| json!({"type": kind, "lastTimestamp": at, "reason": "R", "message": text});
        let events = [
            event("Warning", "2026-01-01T00:00:02Z", "second"),
            event("Warning", "2026-01-01T00:00:01Z", "first"),
            event("Normal", "2026-01-01T00:00:03Z", "fine"),
        ];
        assert_eq!(last_warning(&events).as_deref(), Some("R: second"));
        assert_eq!(last_warning(&events[2..]), None);
    }
}
