//! What Prometheus answers (<https://prometheus.io/docs/prometheus/latest/querying/api/>), and what speaks as it does.

use serde::Deserialize;
use serde_json::Value as Json;

use crate::jq::Reading;
use crate::tasks::inputs::beginning;

/// Warnings and infos of an answer that are told.
const TOLD: usize = 3;

/// An answer of the HTTP API. What is beside its status and data may be of any type: one that is odd hides no error.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    status: String,
    #[serde(default)]
    error: Json,
    #[serde(default)]
    data: Json,
    #[serde(default)]
    warnings: Json,
    #[serde(default)]
    infos: Json,
    /// `VictoriaMetrics`: some of its storage did not answer.
    #[serde(default)]
    is_partial: Json,
}

/// What Elasticsearch says of an answer to a search.
#[derive(Deserialize)]
struct Search {
    timed_out: bool,
    #[serde(rename = "_shards")]
    shards: Shards,
}

#[derive(Deserialize)]
struct Shards {
    total: u64,
    failed: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct AnswerData {
    result_type: String,
    result: Json,
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

/// The words of a provider that may be text or anything else.
fn words(json: &Json) -> String {
    json.as_str().map_or_else(|| cut(&json.to_string()), cut)
}

fn parsed(body: &[u8]) -> Option<Answer> {
    serde_json::from_slice(body).ok()
}

fn data(answer: Answer) -> Option<AnswerData> {
    if answer.status != "success" {
        return None;
    }
    serde_json::from_value(answer.data).ok()
}

/// Errors that an answer tells under whatever status: `{"error": "…"}`, and `{"errors": [{"message": "…"}]}` as GraphQL does
/// (<https://spec.graphql.org/October2021/#sec-Errors>).
#[derive(Deserialize)]
struct Told {
    #[serde(default)]
    error: Json,
    #[serde(default)]
    errors: Json,
}

/// The error that an answer is about, if it is one.
pub(super) fn error(body: &[u8]) -> Option<String> {
    let of_prometheus = parsed(body).filter(|answer| answer.status == "error" && !answer.error.is_null());
    let said = if let Some(answer) = of_prometheus {
        words(&answer.error)
    } else {
        let told: Told = serde_json::from_slice(body).ok()?;
        let first = told.errors.as_array().and_then(|errors| errors.first());
        sentence(&told.error).or_else(|| first.and_then(sentence))?
    };
    Some(format!("the provider says: {said}"))
}

/// The words of an error; nothing of what may be a value.
fn sentence(error: &Json) -> Option<String> {
    let mut texts = [Some(error), error.get("message"), error.get("reason")].into_iter();
    let text = texts.find_map(|text| text.and_then(Json::as_str))?;
    (!text.trim().is_empty()).then(|| cut(text))
}

/// The warnings and infos of an answer: of Prometheus, of what speaks as it does, and of Elasticsearch.
pub(super) fn remarks(body: &[u8]) -> Remarks {
    if let Ok(search) = serde_json::from_slice::<Search>(body) {
        return searched(&search);
    }
    let Some(answer) = parsed(body).filter(|answer| answer.status == "success") else {
        return Remarks::default();
    };
    let told = |texts: &Json| {
        let texts = match texts.as_array() {
            Some(texts) => texts.as_slice(),
            None if texts.is_null() => &[],
            None => std::slice::from_ref(texts),
        };
        let mut told: Vec<String> = texts.iter().take(TOLD).map(words).collect();
        if texts.len() > TOLD {
            told.push(format!("and {} more", texts.len() - TOLD));
        }
        told
    };
    let mut warnings = told(&answer.warnings);
    if answer.is_partial == Json::Bool(true) {
        warnings.push("the answer is partial".to_owned());
    }
    Remarks {
        warnings,
        infos: told(&answer.infos),
    }
}

/// A search that was not finished says so, and answers with what it has.
fn searched(search: &Search) -> Remarks {
    let mut warnings = Vec::new();
    if search.timed_out {
        warnings.push("the search ran out of time, and its answer is partial".to_owned());
    }
    if search.shards.failed > 0 {
        let Shards { total, failed } = search.shards;
        warnings.push(format!(
            "{failed} of {total} shards failed, and the answer is partial"
        ));
    }
    Remarks {
        warnings,
        infos: Vec::new(),
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
    let mut answer: Json = serde_json::from_slice(body).ok()?;
    let found = parsed(body).and_then(data)?;
    let series = found.result.as_array().filter(|series| is_series(series))?;
    let [first, _, ..] = series.as_slice() else {
        return None;
    };
    let unlike = series
        .iter()
        .position(|one| values(one) != values(first))
        .unwrap_or(1);
    let mut orders = [series.clone(), series.clone()];
    orders[0].reverse();
    orders[1].rotate_left(unlike);
    let written = orders.into_iter().filter_map(|order| {
        *answer.pointer_mut("/data/result")? = Json::Array(order);
        serde_json::to_vec(&answer).ok()
    });
    let written = written.collect();
    Some((several(series), written))
}

/// Whether these are series of an instant or of a time, not the two parts of a number.
fn is_series(result: &[Json]) -> bool {
    result.iter().all(|one| values(one).is_some())
}

/// The value of a series, or its values.
fn values(series: &Json) -> Option<&Json> {
    let found = ["value", "values", "histogram", "histograms"];
    found.iter().find_map(|name| series.get(name))
}

/// The only value of an answer.
pub(super) fn read(body: &[u8]) -> Reading {
    if let Some(error) = error(body) {
        return Reading::Fault(error);
    }
    let Some(data) = parsed(body).and_then(data) else {
        return Reading::Fault("the answer is not one of Prometheus's HTTP API (check `url`)".to_owned());
    };
    let value = match (data.result_type.as_str(), &data.result) {
        ("scalar", value) => Some(value),
        ("vector", Json::Array(series)) => match series.as_slice() {
            [] => return Reading::Nothing("the query has an empty result".to_owned()),
            [only] => only.get("value"),
            [_, _, ..] => return Reading::Fault(several(series)),
        },
        ("vector", _) => None,
        (other, _) => {
            return Reading::Fault(format!(
                "the query gives a {}, not a number for each series: aggregate it over time, for example with `avg_over_time`",
                cut(other)
            ));
        }
    };
    // A time and a number in a text.
    let sample = value.and_then(|value| <(f64, String)>::deserialize(value).ok());
    let Some((_, number)) = sample else {
        return Reading::Fault("the answer of Prometheus holds no number".to_owned());
    };
    match number.parse::<f64>() {
        Ok(value) if value.is_finite() => Reading::Value(value),
        _ => Reading::Nothing(format!("the value is {}", cut(&number))),
    }
}

fn several(series: &[Json]) -> String {
    let shown: Vec<String> = series.iter().take(2).map(labels).collect();
    format!(
        "the query gives {} series, such as {}: make one of them, for example with `sum(…)`",
        series.len(),
        shown.join(" and ")
    )
}

fn labels(series: &Json) -> String {
    let all = series["metric"].as_object().into_iter().flatten();
    let labels: Vec<String> = all
        .filter(|(name, _)| name.as_str() != "__name__")
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let name = series["metric"]["__name__"].as_str().unwrap_or_default();
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
        assert_eq!(of(r#","warnings":{"a":1},"infos":7"#).warnings, [r#"{"a":1}"#]);
        assert_eq!(of(r#","warnings":null"#), Remarks::default());
    }

    #[test]
    fn a_search_that_was_not_finished_is_partial() {
        let of = |timed_out: bool, failed: u8| {
            let body = format!(
                r#"{{"took":9,"timed_out":{timed_out},"_shards":{{"total":5,"successful":4,"failed":{failed}}},"hits":{{}}}}"#
            );
            remarks(body.as_bytes()).warnings
        };
        assert_eq!(of(false, 0), Vec::<String>::new());
        assert!(of(true, 0)[0].contains("out of time"));
        assert!(of(false, 1)[0].contains("1 of 5 shards"));
    }

    #[test]
    fn an_odd_field_hides_no_error_and_no_series() {
        let failed = br#"{"status":"error","error":"out of memory","warnings":{"a":1},"isPartial":"no"}"#;
        assert_eq!(error(failed).as_deref(), Some("the provider says: out of memory"));
        let two = br#"{"status":"success","infos":[1],"data":{"resultType":"vector","result":[{"value":[1,"1"]},{"value":[1,"2"]}]}}"#;
        assert!(reordered(two).is_some());
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
        assert_eq!(
            reordered(br#"{"status":"success","data":{"resultType":"scalar","result":[1,"2"]}}"#),
            None
        );
        let matrix = br#"{"status":"success","data":{"resultType":"matrix","result":[{"values":[[1,"1"]]},{"values":[[1,"2"]]}]}}"#;
        assert!(reordered(matrix).is_some_and(|(_, orders)| orders.len() == 2));
    }
}
