//! `iter8 launch` and `iter8 gen`: a chart and values, rendered and run, or written down.

mod args;
mod dry;
mod file;
mod inputs;
mod luggage;
mod manifest;
mod origin;
mod reproduce;
mod values;
mod variables;

use std::path::Path;

use super::args::Output;
use super::console::Console;
use super::exit::Exit;
use super::run::{Opened, Order, unreadable};
use super::shard::Said;
use super::signals::Signals;
use crate::charts::{self, CHARTS, Chart, MetricNames, Rendered};
use crate::diagnostic::Diagnostic;
use crate::platform::{Env, Platform};
use crate::secret::Mask;
use crate::spec::compat::{Era, Modern, modern};
use crate::spec::{Decoder, Node, SourceFile};
pub(super) use args::{Gen, InCluster, Launch};
use dry::Dry;
pub(super) use dry::store;
pub(super) use inputs::{Inline, from_inputs};
pub(super) use manifest::{Planned, in_cluster, planned};

/// Renders a chart and runs it, or with `--dry` writes it down.
pub(super) async fn launch(
    args: Launch,
    console: &Console,
    env: &Env,
    platform: &'static dyn Platform,
    signals: Signals,
) -> Result<Exit, Exit> {
    let made = Made::of(&args.chart, &args.output.run_dir, console, env).await;
    if args.dry {
        return made.and_then(|made| made.write(&args.output.run_dir, console, env));
    }
    let order = Order {
        output: &args.output,
        history: None,
        reuse: false,
        revision: None,
        since: None,
        reproduce: Some(reproduce::line(&args.chart)),
        cluster: args.cluster.access(env, &console.mask),
        part: Said::default(),
        details: None,
        brief: false,
        after_task: None,
    };
    let exit = match made.and_then(|made| made.opened(&args.output, console)) {
        Ok(opened) => Box::pin(order.run(Ok(opened), console, env, platform, signals)).await,
        Err(exit) => Err(exit),
    };
    if exit == Err(Exit::Usage) {
        args.output.set_aside();
    }
    exit
}

/// Renders a chart into experiment.yaml.
pub(super) async fn generate(args: Gen, console: &Console, env: &Env) -> Result<Exit, Exit> {
    let made = Made::of(&args.chart, &args.run_dir, console, env).await?;
    made.write(&args.run_dir, console, env)
}

/// A rendered chart, and what was found on the way.
struct Made {
    chart: &'static dyn Chart,
    rendered: Rendered,
    found: Vec<Diagnostic>,
}

impl Made {
    async fn of(args: &args::ChartArgs, folder: &Path, console: &Console, env: &Env) -> Result<Self, Exit> {
        let refused = |found: Vec<Diagnostic>| unreadable(&found, console);
        let (chart, mut found) = origin::chart(args).map_err(refused)?;
        let values = values::gather(args, env).await.map_err(refused)?;
        let (rendered, more) = render(chart, &values, MetricNames::Any, folder);
        found.extend(more);
        Ok(Self {
            chart,
            rendered,
            found,
        })
    }

    fn write(self, folder: &Path, console: &Console, env: &Env) -> Result<Exit, Exit> {
        let dry = Dry {
            folder,
            env,
            console,
            undone: "written",
        };
        dry.write(self.chart, &self.rendered, self.found)
    }

    fn opened(self, output: &Output, console: &Console) -> Result<Opened, Exit> {
        let right = !self.found.iter().any(Diagnostic::is_error);
        if right && !self.rendered.files.is_empty() {
            store(&output.run_dir, &self.rendered.files, console)?;
        }
        Ok(opened(self.chart, self.rendered, self.found))
    }
}

/// An experiment of values, and what is wrong with them.
fn render(
    chart: &dyn Chart,
    values: &Node,
    names: MetricNames,
    folder: &Path,
) -> (Rendered, Vec<Diagnostic>) {
    // Values know their places themselves, and tasks ask the environment.
    let source = SourceFile::new("the values", "");
    let mut decoder = Decoder::new(&source, folder, &|_| None, Mask::default());
    let rendered = chart.render(values, names, &mut decoder);
    (rendered, decoder.into_diagnostics())
}

/// A rendered chart, to be checked like a file.
fn opened(chart: &dyn Chart, rendered: Rendered, found: Vec<Diagnostic>) -> Opened {
    Opened {
        source: charts::source(chart, &rendered),
        root: rendered.experiment,
        era: Era::Current,
        found,
    }
}

/// What a file holds, as an experiment of today: values of the chart `iter8` are rendered, what a chart made is read as its
/// flags were, and a file of another era is translated.
pub(super) fn as_experiment(root: Node, source: &SourceFile, folder: &Path) -> Modern {
    if charts::is_generated(source.text()) {
        return modern(charts::read_leniently(&root), source);
    }
    let chart = CHARTS.iter().find(|chart| chart.name() == charts::DEFAULT);
    match chart {
        Some(chart) if charts::is_values(&root) => {
            let mut decoder = Decoder::new(source, folder, &|_| None, Mask::default());
            let rendered = chart.render(&root, MetricNames::Any, &mut decoder);
            Modern {
                root: rendered.experiment,
                era: Era::Current,
                found: decoder.into_diagnostics(),
            }
        }
        _ => modern(root, source),
    }
}
