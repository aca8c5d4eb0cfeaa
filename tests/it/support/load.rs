//! [`judged_load`] and [`judged_calls`]: loads that must not have an error, and what came of them; [`BUSY`], where that is nothing.

use serde_json::Value;

use super::{App, Output};

/// What a run says on a machine that is busy with other tests: its measurement is not to be trusted.
pub(crate) const BUSY: &str = "the generator was the bottleneck";

/// Runs an `http` task with these keys and files, without a probe before it, and judges that there was no error. Also
/// gives what was measured.
pub(crate) fn judged_load(url: &str, keys: &str, files: &[(&str, &[u8])]) -> (Value, App, Output) {
    let mut app = App::with(&format!(
        "spec:\n- task: http\n  with: {{url: '{url}', {keys}}}\n- task: assess\n  with: {{objectives: [http/error-count <= 0]}}\n"
    ));
    for (name, content) in files {
        app = app.file(name, content);
    }
    let output = app.run(&["run"]);
    let measured = app.result()["insights"]["versions"][0]["loads"][0]["measurement"].clone();
    (measured, app, output)
}

/// Runs a `grpc` task with these keys and files on a method of `shop.v1.Shop`, or on another if it has a slash, and judges
/// that there was no error. Also gives what was measured.
pub(crate) fn judged_calls(
    host: &str,
    method: &str,
    keys: &str,
    files: &[(&str, &[u8])],
) -> (Value, App, Output) {
    let service = if method.contains('/') { "" } else { "shop.v1.Shop/" };
    let mut app = App::with(&format!(
        "spec:\n- task: grpc\n  with: {{host: '{host}', call: {service}{method}, {keys}}}\n- task: assess\n  with: {{objectives: [grpc/error-count <= 0]}}\n"
    ));
    for (name, content) in files {
        app = app.file(name, content);
    }
    let output = app.run(&["run"]);
    (measured(&app), app, output)
}

/// What the only load of a run measured; null if there is no load, or no result.
pub(crate) fn measured(app: &App) -> Value {
    if app.path("iter8-results/result.json").is_file() {
        app.result()["insights"]["versions"][0]["loads"][0]["measurement"].clone()
    } else {
        Value::Null
    }
}

/// The first failure of a class, in words; empty if there is none.
pub(crate) fn example<'a>(measured: &'a Value, class: &str) -> &'a str {
    measured["failures"][class]["example"]
        .as_str()
        .unwrap_or_default()
}

/// A metric of a stored result, as `report` gives it.
#[track_caller]
pub(crate) fn metric(app: &App, name: &str) -> f64 {
    let output = app.run(&["report", "-o", "csv"]);
    let mut reader = csv::Reader::from_reader(output.stdout.as_bytes());
    let columns = reader.headers().expect("a head").clone();
    let column = |name: &str| columns.iter().position(|column| column == name);
    let (key, value) = (column("metric"), column("value"));
    let (key, value) = (key.expect("a column"), value.expect("a column"));
    let rows: Vec<_> = reader.records().map(|row| row.expect("a row")).collect();
    let row = rows.iter().find(|row| &row[key] == name);
    let row = row.unwrap_or_else(|| panic!("no {name} in\n{output}"));
    row[value].parse().expect("a number")
}
