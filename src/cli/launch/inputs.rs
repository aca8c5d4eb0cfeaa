//! [`from_inputs`]: what the action's inputs `chart`, `valuesFile`, `chartRepo`, `chartVersion` and `values` mean.

use std::path::{Path, PathBuf};

use super::origin::Wanted;
use super::values::{open, read};
use super::{as_experiment, opened, render, reproduce};
use crate::charts::{CHARTS, MetricNames, merge};
use crate::cli::run::Opened;
use crate::diagnostic::Diagnostic;
use crate::platform::Env;
use crate::platform::github::Inputs;
use crate::spec::compat::Modern;
use crate::spec::{Node, SourceFile};

/// An experiment that inputs hold.
pub(in crate::cli) struct Inline {
    /// The experiment.
    pub(in crate::cli) opened: Opened,
    /// The file that was read for it.
    pub(in crate::cli) file: Option<PathBuf>,
    /// A command that repeats the run, if there is one.
    pub(in crate::cli) reproduce: Option<String>,
    /// Files that the experiment refers to.
    pub(in crate::cli) files: Vec<(&'static str, String)>,
}

/// The experiment that inputs hold; nothing if they name a file or a target instead.
pub(in crate::cli) async fn from_inputs(
    inputs: &Inputs,
    env: &Env,
) -> Result<Option<Inline>, Vec<Diagnostic>> {
    let refused = conflicts(inputs);
    if !refused.is_empty() {
        return Err(refused);
    }
    if inputs.text("chart").is_some() {
        return launched(inputs, env).await.map(Some);
    }
    let Some(text) = inputs.text("values") else {
        return Ok(None);
    };
    let source = SourceFile::new("input 'values'", text);
    let root = Node::parse(&source).map_err(|why| vec![why])?;
    let Modern { root, era, found } = as_experiment(root, &source, Path::new("."));
    Ok(Some(Inline {
        opened: Opened {
            source,
            root,
            era,
            found,
        },
        file: None,
        reproduce: None,
        files: Vec::new(),
    }))
}

/// Inputs of which one says what the other would say, or nothing without it.
fn conflicts(inputs: &Inputs) -> Vec<Diagnostic> {
    let given = |name: &str| inputs.text(name).is_some();
    let mut found = Vec::new();
    let charts: Vec<&str> = CHARTS.iter().map(|chart| chart.name()).collect();
    for name in ["valuesFile", "chartRepo", "chartVersion"] {
        if given(name) && !given("chart") {
            let diagnostic = Diagnostic::error(format!("`{name}` is nothing without `chart`"));
            found.push(diagnostic.at(Inputs::place(name)).hint(format!(
                "give a built-in chart as `chart`: {}; or an experiment file as `experiment`",
                charts.join(", ")
            )));
        }
    }
    for name in ["chart", "values"] {
        if given(name) && given("experiment") {
            let message = format!("`experiment` and `{name}` both say what is tested");
            let diagnostic = Diagnostic::error(message).at(Inputs::place(name));
            found.push(diagnostic.hint("leave one of them out"));
        }
    }
    found
}

async fn launched(inputs: &Inputs, env: &Env) -> Result<Inline, Vec<Diagnostic>> {
    let placed = |name: &str| inputs.text(name).map(|text| (text, Inputs::place(name)));
    let wanted = Wanted {
        name: placed("chart"),
        repository: placed("chartRepo"),
        version: placed("chartVersion"),
    };
    let file = inputs.text("valuesFile");
    let mut found = Vec::new();
    let chart = wanted.chart().map_err(|why| found.extend(why)).ok();
    let mut values = Node::map("the values", Vec::new());
    let mut add = |read: Result<Option<Node>, Diagnostic>| match read {
        Ok(Some(node)) => values = merge(values.clone(), node),
        Ok(None) => {}
        Err(why) => found.push(why),
    };
    if let Some(file) = file {
        let place = Inputs::place("valuesFile");
        add(match open(file, &place, env).await {
            Ok(source) => read(&source),
            Err(why) if !file.contains("://") && !Path::new(file).exists() => {
                Err(why.hint("check the repository out before this step (actions/checkout)"))
            }
            Err(why) => Err(why),
        });
    }
    if let Some(text) = inputs.text("values") {
        add(read(&SourceFile::new("input 'values'", text)));
    }
    let (Some(chart), true) = (chart, found.is_empty()) else {
        return Err(found);
    };
    let (rendered, found) = render(chart, &values, MetricNames::Full, Path::new("."));
    let files = rendered.files.clone();
    let line = reproduce::command(chart.name(), file.as_slice());
    Ok(Inline {
        opened: opened(chart, rendered, found),
        file: file.filter(|file| !file.contains("://")).map(PathBuf::from),
        reproduce: inputs.text("values").is_none().then_some(line),
        files,
    })
}
