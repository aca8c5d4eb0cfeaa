//! [`judged_load`]: a load that must not have an error.

use serde_json::Value;

use super::{App, Output};

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
