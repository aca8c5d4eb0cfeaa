//! What Prometheus answers (<https://prometheus.io/docs/prometheus/latest/querying/api/>), and what speaks as it does.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::jq::Reading;
use crate::tasks::inputs::beginning;

/// Warnings and infos of an answer that are told.
const TOLD: usize = 3;

/// An answer of the HTTP API.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    status: String,
    #[serde(default)]
    error_type: Option<serde_json::Value>,
    #[serde(default)]
    error: Option<serde_json::Value>,
    #[serde(default)]
    data: Option<serde_json::Value>,
    #[serde(default)]
    warnings: Option<Vec<String>>,
    #[serde(default)]
    infos: Option<Vec<String>>,
    /// `VictoriaMetrics`: some of its storage did not answer.
    #[serde(default)]
    is_partial: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AnswerData {
    result_type: String,
    result: serde_json::Value,
}

/// A series and its value at the time of the query.
#[derive(Deserialize)]
struct Sample {
    #[serde(default)]
    metric: BTreeMap<String, String>,
    value: (f64, String),
}

/// What an answer says of itself.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Remarks {
    /// Why its value may be wrong.
    pub(super) warnings: Vec<String>,
    /// What there is to know.
    pub(super) infos: Vec<String>,
}

/// A provider's words, short and on one line.
pub(super) fn cut(text: &str) -> String {
    beginning(text.as_bytes())
}

fn parsed(body: &[u8]) -> Option<Answer> {
    serde_json::from_slice(body).ok()
}

fn data(answer: Answer) -> Option<AnswerData> {
    let data = answer.data.filter(|_| answer.status == "success")?;
    serde_json::from_value(data).ok()
}

/// The error that an answer is about, if it is one.
pub(super) fn error(body: &[u8]) -> Option<String> {
    let answer = parsed(body).filter(|answer| answer.status == "error")?;
    let error = answer.error.filter(|error| !error.is_null())?;
    let text = match error.as_str() {
        Some(text) => text.to_owned(),
        None => error.to_string(),
    };
    let who = if answer.error_type.is_some() {
        "Prometheus"
    } else {
        "the provider"
    };
    Some(format!("{who} says: {}", cut(&text)))
}

/// The warnings and infos of an answer of Prometheus, or of what speaks as it does.
pub(super) fn remarks(body: &[u8]) -> Remarks {
    let Some(answer) = parsed(body).filter(|answer| answer.status == "success") else {
        return Remarks::default();
    };
    let told = |texts: Option<Vec<String>>| {
        let texts = texts.unwrap_or_default();
        let mut told: Vec<String> = texts.iter().take(TOLD).map(|text| cut(text)).collect();
        if texts.len() > TOLD {
            told.push(format!("and {} more", texts.len() - TOLD));
        }
        told
    };
    let mut warnings = told(answer.warnings);
    if answer.is_partial == Some(true) {
        warnings.push("the answer is partial".to_owned());
    }
    Remarks {
        warnings,
        infos: told(answer.infos),
    }
}

/// Whether an answer of Prometheus is an empty list.
pub(super) fn is_empty(body: &[u8]) -> bool {
    let data = parsed(body).and_then(data);
    data.is_some_and(|data| data.result.as_array().is_some_and(Vec::is_empty))
}

/// An answer of more than one series: what is to be said of it, and the same answer with its series in other orders, in
/// which an expression that takes one of several finds another one.
pub(super) fn reordered(body: &[u8]) -> Option<(String, Vec<Vec<u8>>)> {
    let found = parsed(body).and_then(data)?;
    let samples: Vec<Sample> = serde_json::from_value(found.result)
        .ok()
        .filter(|_| found.result_type == "vector")?;
    let [first, _, ..] = samples.as_slice() else {
        return None;
    };
    let unlike = samples
        .iter()
        .position(|sample| sample.value.1 != first.value.1)
        .unwrap_or(1);
    let answer: serde_json::Value = serde_json::from_slice(body).ok()?;
    let written = |change: &dyn Fn(&mut Vec<serde_json::Value>)| {
        let mut answer = answer.clone();
        change(answer.pointer_mut("/data/result")?.as_array_mut()?);
        serde_json::to_vec(&answer).ok()
    };
    let others = [
        written(&|series| series.reverse()),
        written(&|series| series.rotate_left(unlike)),
    ];
    Some((several(&samples), others.into_iter().flatten().collect()))
}

/// The only value of an answer.
pub(super) fn read(body: &[u8]) -> Reading {
    if let Some(error) = error(body) {
        return Reading::Fault(error);
    }
    let Some(data) = parsed(body).and_then(data) else {
        return Reading::Fault("the answer is not one of Prometheus's HTTP API (check `url`)".to_owned());
    };
    let samples = match data.result_type.as_str() {
        "scalar" => serde_json::from_value(data.result).map(|value| {
            vec![Sample {
                metric: BTreeMap::new(),
                value,
            }]
        }),
        "vector" => serde_json::from_value(data.result),
        other => {
            return Reading::Fault(format!(
                "the query gives a {}, not a number for each series: aggregate it over time, for example with `avg_over_time`",
                cut(other)
            ));
        }
    };
    let samples: Vec<Sample> = match samples {
        Ok(samples) => samples,
        Err(error) => {
            let why = cut(&error.to_string());
            return Reading::Fault(format!("the answer of Prometheus cannot be read: {why}"));
        }
    };
    match samples.as_slice() {
        [] => Reading::Nothing("the query has an empty result".to_owned()),
        [only] => match only.value.1.parse::<f64>() {
            Ok(value) if value.is_finite() => Reading::Value(value),
            _ => Reading::Nothing(format!("the value is {}", cut(&only.value.1))),
        },
        [_, _, ..] => Reading::Fault(several(&samples)),
    }
}

fn several(samples: &[Sample]) -> String {
    let shown: Vec<String> = samples.iter().take(2).map(labels).collect();
    format!(
        "the query gives {} series, such as {}: make one of them, for example with `sum(…)`",
        samples.len(),
        shown.join(" and ")
    )
}

fn labels(sample: &Sample) -> String {
    let labels: Vec<String> = sample
        .metric
        .iter()
        .filter(|(name, _)| name.as_str() != "__name__")
        .map(|(name, value)| format!("{name}={value:?}"))
        .collect();
    let name = sample
        .metric
        .get("__name__")
        .map(String::as_str)
        .unwrap_or_default();
    cut(&format!("{name}{{{}}}", labels.join(",")))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn vector(result: &str) -> Reading {
        read(
            format!(r#"{{"status":"success","data":{{"resultType":"vector","result":{result}}}}}"#)
                .as_bytes(),
        )
    }

    #[test]
    fn one_series_is_a_value_and_none_is_nothing() {
        assert_eq!(
            vector(r#"[{"metric":{},"value":[1.5,"42.5"]}]"#),
            Reading::Value(42.5)
        );
        assert!(matches!(vector("[]"), Reading::Nothing(why) if why.contains("empty result")));
        for odd in ["NaN", "+Inf"] {
            let read = vector(&format!(r#"[{{"metric":{{}},"value":[1,"{odd}"]}}]"#));
            assert!(matches!(read, Reading::Nothing(why) if why.contains(odd)));
        }
        let scalar = read(br#"{"status":"success","data":{"resultType":"scalar","result":[1,"7"]}}"#);
        assert_eq!(scalar, Reading::Value(7.0));
    }

    #[test]
    fn several_series_and_other_answers_are_faults_in_words() {
        let two = r#"[{"metric":{"__name__":"up","job":"a"},"value":[1,"1"]},{"metric":{"job":"b"},"value":[1,"0"]}]"#;
        let says = |read: Reading, text: &str| {
            assert!(
                matches!(&read, Reading::Fault(why) if why.contains(text)),
                "{read:?}"
            );
        };
        says(vector(two), "2 series, such as up{job=\"a\"} and {job=\"b\"}");
        says(
            read(br#"{"status":"error","errorType":"bad_data","error":"parse error"}"#),
            "parse error",
        );
        says(
            read(br#"{"status":"success","data":{"resultType":"matrix","result":[]}}"#),
            "avg_over_time",
        );
        says(read(b"[1]"), "not one of Prometheus");
    }

    #[test]
    fn words_of_a_provider_are_cut() {
        let long = "x\n".repeat(100_000);
        let text = serde_json::Value::from(long.as_str());
        let label = format!(r#"{{"metric":{{"a":{text}}},"value":[1,"1"]}}"#);
        for reading in [
            read(format!(r#"{{"status":"error","error":{text}}}"#).as_bytes()),
            vector(&format!("[{label},{label}]")),
            vector(&format!(r#"[{{"metric":{{}},"value":[1,{text}]}}]"#)),
            vector(&text.to_string()),
        ] {
            let (Reading::Fault(why) | Reading::Nothing(why)) = &reading else {
                panic!("{reading:?}");
            };
            assert!(why.len() < 600 && !why.contains('\n'), "{}", why.len());
        }
    }

    #[test]
    fn warnings_and_infos_are_remarks() {
        let of = |more: &str| remarks(format!(r#"{{"status":"success","data":{{}}{more}}}"#).as_bytes());
        assert_eq!(of(""), Remarks::default());
        assert_eq!(
            of(r#","warnings":["store gone"],"infos":["no counter"]"#),
            Remarks {
                warnings: vec!["store gone".to_owned()],
                infos: vec!["no counter".to_owned()],
            }
        );
        assert_eq!(
            of(r#","warnings":["1","2","3","4","5"]"#).warnings,
            ["1", "2", "3", "and 2 more"]
        );
        assert_eq!(of(r#","isPartial":true"#).warnings, ["the answer is partial"]);
    }

    #[test]
    fn several_series_come_in_other_orders() {
        let of = |values: &[u8]| {
            let series: Vec<_> = values
                .iter()
                .map(|value| json!({ "metric": {}, "value": [1.5, value.to_string()] }))
                .collect();
            let answer = json!({ "status": "success", "data": { "resultType": "vector", "result": series } });
            let (_, orders) = reordered(answer.to_string().as_bytes())?;
            let firsts = orders.iter().map(|order| {
                let order: serde_json::Value = serde_json::from_slice(order).expect("JSON");
                order["data"]["result"][0]["value"][1]
                    .as_str()
                    .expect("a value")
                    .to_owned()
            });
            Some(firsts.collect::<Vec<_>>())
        };
        assert_eq!(of(&[1]), None);
        assert_eq!(of(&[1, 2]), Some(vec!["2".to_owned(), "2".to_owned()]));
        assert_eq!(of(&[1, 7, 1]), Some(vec!["1".to_owned(), "7".to_owned()]));
        assert_eq!(reordered(br#"{"n":[1,2]}"#), None);
    }
}
