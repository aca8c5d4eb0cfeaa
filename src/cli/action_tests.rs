//! Inputs that cannot be used.

use super::*;
use crate::cli::args::Colour;
use crate::platform::github::GitHub;

/// The outputs of the action for an experiment that cannot be used.
async fn refused(experiment: &Path) -> String {
    let outputs = tempfile::NamedTempFile::new().expect("a file");
    let env = Env::from_iter([
        ("INPUT_EXPERIMENT", experiment.display().to_string()),
        ("GITHUB_OUTPUT", outputs.path().display().to_string()),
    ]);
    let console = Console::new(LogLevel::Panic, Colour::Never, &env, &GitHub);
    let signals = Signals::listen().expect("signals");
    let exit = action(&console, &env, &GitHub, signals).await;
    assert_eq!(exit, Err(Exit::Usage));
    std::fs::read_to_string(outputs.path()).expect("outputs")
}

#[tokio::test]
async fn the_reason_says_where_a_file_is_no_yaml() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("bad.yaml");
    std::fs::write(&file, "spec:\n- {url: [\n").expect("written");
    let outputs = refused(&file).await;
    assert!(outputs.contains("bad.yaml:2:9: not usable YAML"), "{outputs}");
}

#[tokio::test]
async fn the_reason_says_why_a_file_cannot_be_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let outputs = refused(&folder.path().join("none.yaml")).await;
    assert!(outputs.contains("none.yaml: No such file"), "{outputs}");
}
