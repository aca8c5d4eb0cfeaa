//! What GitHub's runner makes of a step: [`outputs`] and [`commands`], by its own rules.

use std::collections::BTreeMap;

use super::{App, Output};

/// Reads the file of outputs by the runner's rules (`EnvFileKeyValuePairs`).
pub(crate) fn outputs(app: &App) -> BTreeMap<String, String> {
    let text = app.read("runner/output");
    let mut found = BTreeMap::new();
    let mut lines = text.split('\n');
    while let Some(line) = lines.next() {
        if line.is_empty() {
            continue;
        }
        let (equals, heredoc) = (line.find('='), line.find("<<"));
        let (name, value) = match (equals, heredoc) {
            (Some(equals), heredoc) if heredoc.is_none_or(|heredoc| equals < heredoc) => {
                (line[..equals].to_owned(), line[equals + 1..].to_owned())
            }
            (_, Some(heredoc)) => {
                let end = &line[heredoc + 2..];
                let value: Vec<&str> = lines.by_ref().take_while(|line| *line != end).collect();
                (line[..heredoc].to_owned(), value.join("\n"))
            }
            _ => panic!("the runner would fail the step: {line:?}\n{text}"),
        };
        assert!(
            found.insert(name.clone(), value).is_none(),
            "{name} is written twice"
        );
    }
    found
}

/// The lines in which the runner sees a command: one that begins with `::`, or else has the older form anywhere.
pub(crate) fn commands(output: &Output) -> Vec<String> {
    let mut fence: Option<String> = None;
    let mut seen = Vec::new();
    for line in output
        .stderr
        .lines()
        .chain(output.stdout.lines())
        .flat_map(|line| line.split('\r'))
    {
        let line = line.trim_start();
        if let Some(token) = &fence {
            if line == format!("::{token}::") {
                fence = None;
            }
            continue;
        }
        if let Some(token) = line.strip_prefix("::stop-commands::") {
            fence = Some(token.to_owned());
        } else if line.starts_with("::") || line.contains("##[") {
            seen.push(line.to_owned());
        }
    }
    assert_eq!(fence, None, "commands stay stopped");
    seen
}
