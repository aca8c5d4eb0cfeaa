//! The payloads of our own: a message for Slack, an event for GitHub.

use serde_json::{Value as Json, json};

use super::data;
use super::summary::Summary;
use crate::results::{ExperimentResult, Outcome};

/// Characters of a message that Slack shows without cutting it.
const MESSAGE: usize = 3_500;
/// Bytes of an event that GitHub takes, with room for what surrounds it.
const EVENT: usize = 60_000;

/// A message in Slack's markup.
pub(super) fn slack(result: &ExperimentResult) -> String {
    let summary = Summary::of(result);
    let sign = match summary.outcome {
        Outcome::Pass if summary.doubtful => ":warning:",
        Outcome::Pass | Outcome::Measured => ":white_check_mark:",
        Outcome::Fail => ":x:",
        Outcome::Inconclusive | Outcome::Invalid => ":warning:",
        Outcome::Error | Outcome::Interrupted => ":rotating_light:",
    };
    let mut lines = vec![format!(
        "{sign} *iter8* {} ({})",
        escaped(&summary.headline),
        escaped(&result.experiment.name)
    )];
    lines.extend(
        summary
            .reasons
            .iter()
            .map(|reason| format!("> {}", escaped(reason))),
    );
    lines.extend(
        summary
            .objectives
            .iter()
            .map(|objective| format!("• {}", escaped(objective))),
    );
    lines.extend(
        summary
            .link
            .iter()
            .map(|link| format!("<{}|the run>", escaped(link).replace('|', "%7C"))),
    );
    let mut text = lines.join("\n");
    if text.chars().count() > MESSAGE {
        text = text.chars().take(MESSAGE).collect::<String>() + "…";
    }
    json!({ "text": text }).to_string()
}

/// What Slack would take for markup of its own.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('\n', " ")
}

/// An event with the members that Iter8's events had, and with `outcome`, `reason` and `winner`: ten, and no more fit.
pub(super) fn github(event: &str, so_far: &ExperimentResult, result: &ExperimentResult) -> String {
    let report = data::report_json(so_far);
    let mut payload = report.as_object().cloned().unwrap_or_default();
    payload.insert("outcome".to_owned(), result.outcome.name().into());
    payload.insert("reason".to_owned(), Summary::of(result).sentence().into());
    payload.insert(
        "winner".to_owned(),
        result.winner().map_or(Json::Null, Json::from),
    );
    let body = |payload: &serde_json::Map<String, Json>| {
        json!({ "event_type": event, "client_payload": payload }).to_string()
    };
    let whole = body(&payload);
    if whole.len() <= EVENT {
        return whole;
    }
    // The measurements are what takes the room; workflows can read them from the artifacts of the run.
    if let Some(stored) = payload
        .get_mut("experiment")
        .and_then(|experiment| experiment.get_mut("result"))
    {
        stored["insights"] = json!({ "omitted": "larger than GitHub takes" });
    }
    let shorter = body(&payload);
    if shorter.len() <= EVENT {
        return shorter;
    }
    payload.insert(
        "experiment".to_owned(),
        json!({ "omitted": "larger than GitHub takes" }),
    );
    body(&payload)
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::metrics::{Insights, Load, LoadMeasurement, VersionInsights};
    use crate::results::{Environment, SourceInfo};
    use crate::slo::{Certainty, Judgement, Verdict};

    /// A run without objectives of which so many of ten requests failed.
    fn of_failures(errors: u64) -> ExperimentResult {
        let environment = Environment::default();
        let mut result = ExperimentResult::new(SourceInfo::default(), environment, Timestamp::UNIX_EPOCH);
        let measurement = LoadMeasurement {
            requests: 10,
            errors,
            answered: 10,
            ..LoadMeasurement::default()
        };
        let load: Load = serde_json::from_value(json!({
            "stream": "http", "target": "", "plan": "", "measurement": measurement,
        }))
        .expect("a load");
        result.insights = Insights {
            versions: vec![VersionInsights {
                name: "default".into(),
                loads: vec![load],
                ..VersionInsights::default()
            }],
        };
        result.ended = true;
        result.conclude();
        result
    }

    #[test]
    fn a_pass_that_nobody_validated_is_not_green_either() {
        let mut result = of_failures(0);
        result.validate_slos = false;
        let broken = Judgement {
            task: 1,
            objective: "http/error-rate <= 0".parse().expect("an objective"),
            version: "default".into(),
            verdict: Verdict::NotMet,
            value: Some(0.5),
            interval: None,
            certainty: Certainty::Sure,
            requests: Some(10),
            note: None,
        };
        result.assessment.judgements.push(broken);
        result.conclude();
        let text = slack(&result);
        assert!(
            text.contains(":warning: *iter8* pass: the objective is not met"),
            "{text}"
        );
    }

    #[test]
    fn a_reason_is_a_sentence_that_says_why() {
        let mut result = of_failures(0);
        let reason = |result: &ExperimentResult| {
            data::of_result(result).to_json()["reason"]
                .as_str()
                .map(str::to_owned)
        };
        assert_eq!(reason(&result).as_deref(), Some("pass: nothing was judged"));
        result.distrust.push("the target was a log-in page".to_owned());
        result.conclude();
        let invalid = "invalid: nothing was judged; the target was a log-in page";
        assert_eq!(reason(&result).as_deref(), Some(invalid));
        assert!(github("done", &result, &result).contains(invalid));
    }

    #[test]
    fn a_pass_that_proves_nothing_is_not_green_where_requests_failed() {
        let told = "30 % of 10 requests failed, and no objective was judged";
        let failed = of_failures(3);
        let text = slack(&failed);
        assert!(text.contains(":warning: *iter8* "), "{text}");
        assert!(text.contains(told), "{text}");
        assert!(github("done", &failed, &failed).contains(told));
        let clean = slack(&of_failures(0));
        assert!(clean.contains(":white_check_mark: *iter8* pass"), "{clean}");
    }
}
