//! The files that a GitHub step hands its outputs and its summary over in.
//!
//! Every value is written between random delimiters, so that no value can define another output.
//! <https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands#multiline-strings>

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;

use crate::platform::{Env, Output, PublishError};

use super::nonce::nonce;

/// Bytes of a step's summary; a longer one is not shown at all.
pub const SUMMARY_LIMIT: u64 = 1024 * 1024;

/// Appends the outputs to the file that `GITHUB_OUTPUT` names. Nothing is written if one of them is unsafe.
pub(super) fn outputs(env: &Env, outputs: &[Output]) -> Result<(), PublishError> {
    let mut text = String::new();
    for output in outputs {
        text.push_str(&entry(output, &format!("iter8_{}", nonce()))?);
    }
    let Existing { mut file, before, .. } = Existing::open(env, "outputs", "GITHUB_OUTPUT")?;
    write!(file, "{before}{text}").map_err(failed(env, "outputs", "GITHUB_OUTPUT"))
}

/// Appends Markdown to the file that `GITHUB_STEP_SUMMARY` names.
pub(super) fn summary(env: &Env, markdown: &str) -> Result<(), PublishError> {
    let Existing {
        mut file,
        before,
        len,
    } = Existing::open(env, "summary", "GITHUB_STEP_SUMMARY")?;
    let bytes = len + markdown.len() as u64 + 2;
    if bytes > SUMMARY_LIMIT {
        return Err(PublishError::TooLong {
            bytes,
            limit: SUMMARY_LIMIT,
        });
    }
    let after = if markdown.ends_with('\n') { "" } else { "\n" };
    write!(file, "{before}{markdown}{after}").map_err(failed(env, "summary", "GITHUB_STEP_SUMMARY"))
}

/// `name<<DELIMITER`, the value, the delimiter.
fn entry(output: &Output, delimiter: &str) -> Result<String, PublishError> {
    let Output { name, value } = output;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if name.is_empty() || !name.chars().all(plain) || value.contains(delimiter) {
        return Err(PublishError::Unsafe { name: name.clone() });
    }
    Ok(format!("{name}<<{delimiter}\n{value}\n{delimiter}\n"))
}

/// A command file that the runner made.
struct Existing {
    file: File,
    /// What must be written so that the next byte begins a line.
    before: &'static str,
    /// Bytes in it.
    len: u64,
}

impl Existing {
    fn open(env: &Env, what: &'static str, variable: &'static str) -> Result<Self, PublishError> {
        let path = env.get(variable).ok_or(PublishError::NoFile { what, variable })?;
        // Not created: a path that does not exist here is a folder that was not mounted, and would lose the value.
        let file = OpenOptions::new()
            .append(true)
            .open(path)
            .map_err(failed(env, what, variable))?;
        let len = file.metadata().map_or(0, |metadata| metadata.len());
        Ok(Self {
            file,
            before: if begins_a_line(Path::new(path), len) {
                ""
            } else {
                "\n"
            },
            len,
        })
    }
}

/// Whether the file is empty or ends with a newline; one that may only be written to is taken not to.
fn begins_a_line(path: &Path, len: u64) -> bool {
    let last = || -> io::Result<[u8; 1]> {
        let mut file = File::open(path)?;
        let mut last = [0];
        file.seek(SeekFrom::End(-1))?;
        file.read_exact(&mut last)?;
        Ok(last)
    };
    len == 0 || last().is_ok_and(|last| last == *b"\n")
}

fn failed(
    env: &Env,
    what: &'static str,
    variable: &'static str,
) -> impl FnOnce(io::Error) -> PublishError + use<> {
    let path = env.get(variable).unwrap_or_default().into();
    move |source| PublishError::File { what, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads the file as the runner does: `name=value`, or lines up to one that equals the delimiter.
    fn read(path: &Path) -> Vec<(String, String)> {
        let text = std::fs::read_to_string(path).unwrap();
        let mut lines = text.split('\n');
        let mut found = Vec::new();
        while let Some(line) = lines.next() {
            if line.is_empty() {
                continue;
            }
            match line.split_once("<<") {
                Some((name, delimiter)) if !name.contains('=') => {
                    let value: Vec<_> = lines.by_ref().take_while(|line| *line != delimiter).collect();
                    found.push((name.to_owned(), value.join("\n")));
                }
                _ => {
                    let (name, value) = line.split_once('=').unwrap();
                    found.push((name.to_owned(), value.to_owned()));
                }
            }
        }
        found
    }

    fn file(content: &str, variable: &str) -> (tempfile::NamedTempFile, Env) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(content.as_bytes()).unwrap();
        let env = Env::from_iter([(variable, file.path().display().to_string())]);
        (file, env)
    }

    #[test]
    fn hostile_values_come_back_as_they_were() {
        let values = [
            "",
            "plain",
            "two\nlines",
            "ends\n",
            "passed=true\noutcome=pass",
            "EOF\nevil<<EOF\nx\nEOF",
            "]]> 100% ::error::x — ü 𝄞",
            "a\r\nb",
            "=<<",
        ];
        let (file, env) = file("earlier=1", "GITHUB_OUTPUT");
        let all: Vec<_> = values
            .iter()
            .enumerate()
            .map(|(n, value)| Output::new(format!("o{n}"), *value))
            .collect();
        outputs(&env, &all).unwrap();
        outputs(&env, &[Output::new("later", "2")]).unwrap();
        let found = read(file.path());
        assert_eq!(found.first(), Some(&("earlier".into(), "1".into())));
        assert_eq!(found.last(), Some(&("later".into(), "2".into())));
        let found: Vec<_> = found[1..found.len() - 1]
            .iter()
            .map(|(_, value)| value.as_str())
            .collect();
        assert_eq!(found, values);
    }

    #[test]
    fn a_value_with_the_delimiter_and_a_name_with_syntax_are_refused() {
        assert!(entry(&Output::new("a", "x\nD\ny"), "D").is_err());
        for name in ["", "a=b", "a\nb", "a<<b", "ü"] {
            assert!(entry(&Output::new(name, "x"), "D").is_err(), "{name:?}");
        }
    }

    #[test]
    fn an_unsafe_output_leaves_the_file_alone() {
        let (file, env) = file("", "GITHUB_OUTPUT");
        outputs(&env, &[Output::new("good", "1"), Output::new("b=ad", "2")]).unwrap_err();
        assert_eq!(std::fs::read(file.path()).unwrap(), b"");
    }

    #[test]
    fn a_summary_is_appended_on_a_line_of_its_own() {
        let (file, env) = file("# before", "GITHUB_STEP_SUMMARY");
        summary(&env, "# after").unwrap();
        assert_eq!(
            std::fs::read_to_string(file.path()).unwrap(),
            "# before\n# after\n"
        );
    }

    #[test]
    fn a_summary_that_would_not_be_shown_is_an_error() {
        let limit = usize::try_from(SUMMARY_LIMIT).unwrap();
        let (_file, env) = file(&"x".repeat(limit - 10), "GITHUB_STEP_SUMMARY");
        assert!(matches!(
            summary(&env, "0123456789").unwrap_err(),
            PublishError::TooLong { .. }
        ));
    }

    #[test]
    fn missing_variables_and_files_are_named() {
        assert_eq!(
            summary(&Env::default(), "x").unwrap_err().to_string(),
            "cannot publish the summary: the variable GITHUB_STEP_SUMMARY is not set"
        );
        let env = Env::from_iter([("GITHUB_OUTPUT", "/nowhere/out")]);
        assert_eq!(
            outputs(&env, &[Output::new("a", "b")]).unwrap_err().to_string(),
            "cannot publish the outputs to /nowhere/out"
        );
    }
}
