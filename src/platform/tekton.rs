//! [`Tekton`]: results as small files, written verbatim and without a newline.
//!
//! A TaskRun fails when its results together exceed 4,096 bytes, so only three short ones are written. Where they go is
//! told by `ITER8_RESULT_OUTCOME`, `ITER8_RESULT_PASSED` and `ITER8_RESULT_REASON` (a StepAction has its own folder);
//! the default is the Task's `/tekton/results`.

use std::io::Write;
use std::path::{Path, PathBuf};

use super::{Context, Env, Platform, Publication, PublishError};

/// A step of a Tekton Task.
pub(super) struct Tekton;

const FOLDER: &str = "/tekton/results";
const RESULTS: &[(&str, &str)] = &[
    ("outcome", "ITER8_RESULT_OUTCOME"),
    ("passed", "ITER8_RESULT_PASSED"),
    ("reason", "ITER8_RESULT_REASON"),
];
/// Bytes per result.
const LIMIT: usize = 512;

/// `text` without line ends at its end, cut to the limit between two characters.
fn small(text: &str) -> String {
    let text = text.trim_end();
    if text.len() <= LIMIT {
        return text.to_owned();
    }
    format!("{}…", &text[..text.floor_char_boundary(LIMIT - '…'.len_utf8())])
}

impl Platform for Tekton {
    fn name(&self) -> &'static str {
        "tekton"
    }

    fn detect(&self, env: &Env) -> bool {
        RESULTS.iter().any(|(_, variable)| env.get(variable).is_some()) || Path::new(FOLDER).is_dir()
    }

    /// Tekton sets no variables; a Task may pass these on from its parameters.
    fn context(&self, env: &Env) -> Context {
        let text = |name: &str| env.get(name).map(str::to_owned);
        Context {
            commit: text("ITER8_COMMIT"),
            commit_url: text("ITER8_COMMIT_URL"),
            run_url: text("ITER8_RUN_URL"),
            ..Context::default()
        }
    }

    fn publish(&self, env: &Env, publication: &Publication, _: &mut dyn Write) -> Result<(), PublishError> {
        let mut first = Ok(());
        for &(name, variable) in RESULTS {
            let Some(output) = publication.outputs.iter().find(|output| output.name == name) else {
                continue;
            };
            let path = env
                .get(variable)
                .map_or_else(|| Path::new(FOLDER).join(name), PathBuf::from);
            let written = std::fs::write(&path, small(&output.value)).map_err(|source| PublishError::File {
                what: name,
                path,
                source,
            });
            first = first.and(written);
        }
        first
    }
}

#[cfg(test)]
mod tests {
    use super::super::Output;
    use super::*;

    fn publication(reason: &str) -> Publication {
        Publication {
            outputs: vec![
                Output::new("outcome", "fail"),
                Output::new("passed", "false"),
                Output::new("reason", reason),
                Output::new("metrics", "{}"),
            ],
            ..Publication::default()
        }
    }

    #[test]
    fn results_are_short_files_without_a_newline() {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let env: Env = RESULTS
            .iter()
            .map(|(name, variable)| (*variable, path(name).display().to_string()))
            .collect();
        Tekton
            .publish(
                &env,
                &publication(&format!("{}\n", "ü".repeat(600))),
                &mut Vec::new(),
            )
            .unwrap();
        assert_eq!(std::fs::read(path("outcome")).unwrap(), b"fail");
        let reason = std::fs::read_to_string(path("reason")).unwrap();
        assert!(
            reason.len() <= LIMIT && reason.ends_with("ü…"),
            "{}",
            reason.len()
        );
        assert!(!path("metrics").exists());
    }

    #[test]
    fn a_folder_that_is_missing_is_named() {
        let env: Env = RESULTS
            .iter()
            .map(|(_, variable)| (*variable, "/nowhere/file"))
            .collect();
        let error = Tekton
            .publish(&env, &publication("why"), &mut Vec::new())
            .unwrap_err();
        assert_eq!(error.to_string(), "cannot publish the outcome to /nowhere/file");
    }
}
