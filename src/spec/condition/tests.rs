//! Conditions against results that Iter8 0.15 gave, hints, hostile texts.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

/// A run with one version whose only missed objective is none, at its fourth loop.
fn facts() -> Facts {
    let metric = |kind: &str, units: Option<&str>| MetricFacts {
        description: "mean of observed latency values".to_owned(),
        units: units.map(str::to_owned),
        kind: kind.to_owned(),
    };
    let limit = |metric: &str, limit| LimitFacts {
        metric: metric.to_owned(),
        limit,
    };
    let values = BTreeMap::from([
        ("http/error-count".to_owned(), vec![0.0]),
        ("http/latency-mean".to_owned(), vec![12.345]),
        ("http/latency-p50".to_owned(), vec![11.0, 11.5]),
        ("db/sample".to_owned(), vec![4.0, 1.0, 3.0, 2.0]),
    ]);
    Facts {
        completed: false,
        no_failure: true,
        slos: true,
        result: ResultFacts {
            num_loops: 4,
            iter8_version: "v0.15".to_owned(),
            start_time: "2023-05-01T10:00:00Z".to_owned(),
            insights: Some(InsightsFacts {
                num_versions: 1,
                metrics_info: BTreeMap::from([
                    ("http/error-count".to_owned(), metric("Counter", None)),
                    ("http/latency-mean".to_owned(), metric("Gauge", Some("msec"))),
                    ("http/latency-p50".to_owned(), metric("Gauge", Some("msec"))),
                    ("db/sample".to_owned(), metric("Sample", None)),
                ]),
                non_hist_metric_values: vec![values],
                hist_metric_values: vec![BTreeMap::new()],
                slos: Some(SloFacts {
                    upper: vec![limit("http/error-count", 0.0), limit("http/latency-p97.5", 100.0)],
                    lower: Vec::new(),
                }),
                slos_satisfied: Some(VerdictFacts {
                    upper: vec![vec![true], vec![true]],
                    lower: Vec::new(),
                }),
                ..InsightsFacts::default()
            }),
            ..ResultFacts::default()
        },
        spec: vec![
            TaskFacts {
                run: Some("true".to_owned()),
                if_: Some("SLOs()".to_owned()),
                ..TaskFacts::default()
            },
            TaskFacts {
                task: Some("http".to_owned()),
                ..TaskFacts::default()
            },
        ],
    }
}

fn result(text: &str, facts: &Facts) -> Result<bool, ConditionError> {
    Condition::parse(text).and_then(|condition| condition.evaluate(facts))
}

const TRUE: &[&str] = &[
    "SLOs()",
    "SLOs ( )",
    "SLOs() && NoFailure()",
    "SLOs() or Completed()",
    "not Result.Failure",
    "not not true",
    "Result.NumLoops == 4",
    "Result.NumLoops in [1, 4, 9]",
    "Result.NumLoops in 1..5",
    "Result.NumLoops not in [1, 2]",
    "1 + 1 not in [3]",
    "Result.NumLoops == 4.0",
    "Result.NumLoops % 2 == 0",
    "Result.NumLoops == 4 ? true : false",
    "true ?: false",
    "Result.Iter8Version matches \"^v0\\\\.1[0-9]$\"",
    "Result.Iter8Version startsWith 'v0' and Result.Iter8Version endsWith \"15\"",
    "Result.Iter8Version[1:4] == '0.1'",
    "Result.StartTime.Year() == 2023 and Result.StartTime.Unix() == 1682935200",
    "Result?.Insights?.NumVersions == 1",
    "Result.Insights.NonHistMetricValues[0][\"http/latency-mean\"][0] < 20",
    "Result.Insights.NonHistMetricValues[0][\"http/latency-p50\"][-1] == 11.5",
    "Result.Insights.NonHistMetricValues[0][\"no/such\"] == nil",
    "Result.Insights.ScalarMetricValue(0, \"no/such\") == nil",
    "Result.Insights.ScalarMetricValue(0, \"http/latency-p50.0\") != nil",
    "[Result.Insights.ScalarMetricValue(0, \"db/sample/mean\")][0] == 2.5",
    "[Result.Insights.ScalarMetricValue(0, \"db/sample/p50\")][0] == 2",
    "[Result.Insights.ScalarMetricValue(0, \"db/sample/p60\")][0] == 2.5",
    "Result.Insights.MetricsInfo[\"http/latency-mean\"].Units == \"msec\"",
    "Result.Insights.MetricsInfo[\"http/error-count\"].Units == nil",
    "Result.Insights.VersionNames == nil",
    "Result.Insights.Rewards == nil",
    "Result.Insights.SLOsSatisfied.Upper[0][0]",
    "all(Result.Insights.SLOsSatisfied.Upper, {all(#, {#})})",
    "any(Result.Insights.SLOs.Upper, {.Limit > 60})",
    "one(Result.Insights.SLOs.Upper, .Metric startsWith \"http/latency\")",
    "count([1, 2, 3], {# > 1}) == 2 and none([1], {# > 1})",
    "len(filter([1, 2, 3], {# > 1})) == 2",
    "map(1..3, {# * 2})[2] == 6",
    "len(Spec) == 2 and Spec[1].If == nil and Spec[1].Task == \"http\"",
    "\"NumLoops\" in Result and \"a\" in {a: 1}",
    "1 / 2 == 0.5",
    "1 / 0 > 0",
    "0x10 == 16 and 1_000 == 1000 and .5 == 0.5",
    "'single' == \"single\" and \"tab\\t\" == 'tab\\t' and \"\\u00e9\" == \"é\"",
    "\"a\" < \"b\" and \"a\" + \"b\" == \"ab\"",
    "[1, 2][0] == 1 and [1, [2]] == [1, [2]] and {a: 1, b: [2]} == {\"a\": 1, \"b\": [2]}",
    "nil == nil and not (\"\" == nil)",
    "(Result.Insights.SLOs ?? nil) != nil",
    "abs(-2) == 2 and int(\"7\") == 7 and float(\"1.5\") == 1.5",
    "true // comment",
    "/* c */ true",
    "SLOs() and\n  NoFailure()",
    "\"[\" matches \"^[[]$\" and \"{a}\" matches \"^{a}$\"",
];

const FALSE: &[&str] = &[
    "not SLOs()",
    "Completed()",
    "Result.StartTime == nil",
    "1..3 == [1, 2, 3]",
    "[1] == [1.0]",
    "1 == nil",
    "(true or false) and false",
    "\"x\" not in [\"x\", \"y\"]",
    "Result.Insights.NonHistMetricValues[7][\"x\"][0] == 0 and false",
];

/// Wrong whatever the facts are, with a part of the message or hint.
const WRONG: &[(&str, &str)] = &[
    ("", "empty"),
    ("// comment", "empty"),
    ("1", "must give true or false"),
    ("nil", "not nil"),
    ("true ? \"a\" : \"b\"", "not text"),
    ("SLOs", "write `SLOs()`"),
    ("SLOs(1)", "too many arguments"),
    ("slos()", "did you mean `SLOs()`?"),
    ("SLOS()", "did you mean `SLOs()`?"),
    ("completed()", "did you mean `Completed()`?"),
    ("result.numLoops == 4", "did you mean `Result`?"),
    ("Result.numLoops == 4", "did you mean `NumLoops`?"),
    ("Result.Bar", "no field `Bar`"),
    ("Result.NumLoops = 4", "did you mean `==`?"),
    ("SLOs() & true", "did you mean `&&`?"),
    ("SLOs() AND true", "did you mean `and`?"),
    ("true # comment", "a comment starts with `//`"),
    ("len(Tasks) == 2", "`Spec`"),
    ("Metadata.Name == \"a\"", "unknown name"),
    ("now() != nil", "unknown function"),
    ("upper(\"a\") == \"A\"", "unknown function"),
    ("len(1) == 1", "does not take a whole number"),
    ("\"1\" == 1", "cannot compare text with a whole number"),
    ("1 < 2 < 3", "cannot compare"),
    ("SLOs() == \"true\"", "cannot compare"),
    (
        "Result.Insights.ScalarMetricValue(0, \"a/b\") < 20",
        "NonHistMetricValues",
    ),
    (
        "Result.Insights.ScalarMetricValue(\"a/b\") == nil",
        "too few arguments",
    ),
    (
        "Result.Insights.MetricsInfo[\"a\"].Type == \"Counter\"",
        "cannot be compared with text",
    ),
    ("Result.Insights.SLOs[0].UpperLimit == 0", "chosen by its name"),
    ("1 % 0 == 0", "divide by zero"),
    ("2 ** 3 == 8", "`2.0`"),
    ("Result.NumLoops / 2 == 2", "`2.0`"),
    ("Result.Iter8Version matches \"[\"", "bad pattern"),
    ("\"abc\"[0] == \"a\"", "unexpected `[`"),
    ("true xor false", "unexpected `xor`"),
    ("true and", "ends too early"),
    ("(true", "ends too early"),
    ("true true", "unexpected `true`"),
    ("SLOs(); true", "unexpected character `;`"),
    ("[1, 2, 3] | len() == 3", "unexpected `|`"),
    ("\"open", "never closed"),
    ("/* open", "never closed"),
    ("12abc == 1", "not a number"),
    ("99999999999999999999 == 1", "not a number"),
    ("all(1, {true})", "not a list"),
    ("all([1], {1})", "must give true or false"),
    ("Result.Insights?.NumVersions ?? 0 == 1", "parentheses"),
];

/// Wrong for the facts above only.
const FAILING: &[(&str, &str)] = &[
    (
        "Result.Insights.NonHistMetricValues[0][\"no/such\"][0] == 0",
        "no element 0",
    ),
    (
        "Result.Insights.NonHistMetricValues[7][\"a\"][0] == 0",
        "no element 7",
    ),
    (
        "Result.Insights.Rewards.Max[0] == \"a\"",
        "cannot get `Max` of nil",
    ),
    (
        "Result.Iter8Version matches Result.Iter8Version + \"[\"",
        "bad pattern",
    ),
    ("Result.NumLoops % Result.Revision == 0", "divide by zero"),
    ("map(1..3, {# / 2})[1] == 1", "cannot compare"),
    ("len(1..Result.NumLoops * 10000) > 0", "a range of more than"),
    (
        "len(map([map(1..9000, {#})], {map([#, #, #, #, #, #, #, #, #, #, #, #], {#[:]})})) > 0",
        "steps",
    ),
    ("all(1..9000, {any(1..9000, {# > 9000}) or SLOs()})", "steps"),
    (
        "all(1..9000, {\"a\" + \"b\" matches Result.Iter8Version or SLOs()})",
        "steps",
    ),
];

#[test]
fn conditions_hold_as_they_did_in_iter8() {
    let facts = facts();
    for text in TRUE {
        assert_eq!(result(text, &facts), Ok(true), "{text}");
    }
    for text in FALSE {
        assert_eq!(result(text, &facts), Ok(false), "{text}");
    }
}

#[test]
fn wrong_conditions_are_found_before_the_run() {
    for (text, expected) in WRONG {
        let error = Condition::parse(text).expect_err(text);
        let said = format!("{error} {}", error.hint.clone().unwrap_or_default());
        assert!(said.contains(expected), "{text}: {said}");
        assert!(
            text.get(error.offset..error.offset + error.length).is_some(),
            "{text}: {error:?}"
        );
    }
}

#[test]
fn conditions_that_do_not_fit_the_facts_are_errors() {
    let facts = facts();
    for (text, expected) in FAILING {
        let condition = Condition::parse(text).expect(text);
        let error = condition.evaluate(&facts).expect_err(text);
        assert!(error.to_string().contains(expected), "{text}: {error}");
    }
}

#[test]
fn without_insights_their_fields_are_errors_and_chains_are_nil() {
    let mut facts = facts();
    facts.result.insights = None;
    assert_eq!(result("Result.Insights == nil", &facts), Ok(true));
    assert_eq!(result("Result?.Insights?.NumVersions == nil", &facts), Ok(true));
    assert_eq!(
        result("(Result?.Insights?.NumVersions ?? 0) == 0", &facts),
        Ok(true)
    );
    assert_eq!(result("Result?.Insights?.SLOs.Upper == nil", &facts), Ok(true));
    for text in [
        "Result.Insights.NumVersions == 1",
        "Result?.Insights?.NumVersions == 1",
        "Result.Insights.ScalarMetricValue(0, \"a/b\") == nil",
        "len(Result.Insights.NonHistMetricValues) == 1",
    ] {
        assert!(result(text, &facts).is_err(), "{text}");
    }
}

#[test]
fn an_error_points_at_its_place() {
    let error = Condition::parse("NoFailure() and slos()").expect_err("unknown name");
    assert_eq!((error.offset, error.length), (16, 4));
    let error = Condition::parse("\"é\" == 1").expect_err("types differ");
    assert_eq!((error.offset, error.length), (5, 2));
}

#[test]
fn hostile_texts_are_errors_and_not_crashes() {
    let deep = |open: &str, close: &str, depth| format!("{}true{}", open.repeat(depth), close.repeat(depth));
    let texts = [
        deep("(", ")", 5_000),
        deep("[", "]", 5_000),
        deep("(", ")", 65),
        deep("[", "]", 500),
        "true ? ".repeat(500),
        "true ?: ".repeat(500) + "true",
        "not ".repeat(1_000) + "true",
        "2**".repeat(1_000) + "2 > 1",
        format!("1{} > 0", "+1".repeat(200_000)),
        "x".repeat(4097),
        "all(1..2,{".repeat(200),
    ];
    for text in &texts {
        assert!(Condition::parse(text).is_err(), "{}", &text[..20]);
    }
}

#[test]
fn long_chains_do_not_need_a_deep_stack() {
    let facts = facts();
    let chains = [
        format!("0{} >= 0", "+1".repeat(2_000)),
        format!("0{} >= 0", "+ len(Spec)".repeat(350)),
        format!("true{}", " and true".repeat(450)),
        format!("SLOs(){}", "and SLOs()".repeat(400)),
        format!("{{a: 1}}{} == nil", "?.a".repeat(1_000)),
        format!("{{a: 1}}{} == nil", ".b?.c[0:1]".repeat(300)),
    ];
    for text in &chains {
        let condition = Condition::parse(text).unwrap_or_else(|error| panic!("{error}: {text}"));
        drop(condition.clone());
        let _ = condition.evaluate(&facts);
    }
    assert_eq!(result(&chains[3], &facts), Ok(true));
}

#[test]
fn the_deepest_nesting_fits_on_a_small_stack() {
    let level = "true or true and true == not (";
    let text = format!("{}SLOs(){}", level.repeat(31), ")".repeat(31));
    let check = move || result(&text, &facts()).is_ok();
    let thread = std::thread::Builder::new()
        .stack_size(1 << 19)
        .spawn(check)
        .unwrap();
    assert!(thread.join().unwrap());
}

#[test]
fn every_listed_name_exists() {
    let names = names();
    let facts = facts();
    assert!(
        names
            .iter()
            .any(|name| name.text == "Result.Insights.SLOs.Upper[i].Limit")
    );
    for name in &names {
        let call = name.text.replace("[i]", "[0]").replace("(i", "(0");
        let call = call.replace("(x)", "(\"1\")").replace("abs(\"1\")", "abs(1)");
        let call = call
            .replace("(list, {condition})", "([1], {true})")
            .replace("(list, {expression})", "([1], {#})");
        let condition =
            Condition::parse(&format!("{call} != nil")).unwrap_or_else(|error| panic!("{call}: {error}"));
        let known = condition
            .evaluate(&facts)
            .err()
            .is_none_or(|error| error.message.contains("no element") || error.message.contains("of nil"));
        assert!(known, "{call}");
        assert!(!name.about.is_empty(), "{call}");
    }
}

proptest! {
    #[test]
    fn no_text_panics(text in "\\PC{0,60}") {
        let _ = result(&text, &facts());
    }

    #[test]
    fn no_mix_of_words_panics(words in prop::collection::vec(prop::sample::select(WORDS), 1..14)) {
        let _ = result(&words.join(" "), &facts());
        let _ = result(&words.concat(), &facts());
    }
}

const WORDS: &[&str] = &[
    "SLOs()",
    "Result",
    ".NumLoops",
    ".Insights",
    "?.NumVersions",
    ".SLOs.Upper",
    "[0]",
    "[-1:]",
    "[",
    "]",
    "(",
    ")",
    "{",
    "}",
    "#",
    ",",
    ":",
    "?",
    "??",
    "..",
    "1",
    "0",
    "9223372036854775807",
    "2.5",
    "\"a\"",
    "'",
    "nil",
    "true",
    "+",
    "-",
    "*",
    "/",
    "%",
    "**",
    "==",
    "!=",
    "<",
    ">=",
    "and",
    "or",
    "not",
    "in",
    "matches",
    "contains",
    "all(",
    "map(",
    "filter(",
    "len(",
    "int(",
    "Spec",
    ".If",
    "Result.StartTime.Year()",
    "{a: 1}",
    "[1, 2]",
    "1..3",
    ".ScalarMetricValue(0, \"a/b\")",
];
