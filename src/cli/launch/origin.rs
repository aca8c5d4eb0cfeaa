//! [`chart`]: which chart is meant, by whatever an era called it; and whether the built-in one is the one that was meant.

use super::args::ChartArgs;
use crate::charts::{CHARTS, Chart, Constraint, DEFAULT, find};
use crate::diagnostic::{Diagnostic, Place};

/// What a release fetched charts from; what follows `ref=` and the ends do not matter.
const REPOSITORIES: [&str; 2] = [
    "https://iter8-tools.github.io/hub",
    "https://iter8-tools.github.io/iter8",
];
const FOLDERS: [&str; 2] = [
    "github.com/iter8-tools/iter8.git",
    "github.com/iter8-tools/hub.git",
];

/// What says which chart: its name, its repository, its version, each with the place to name.
#[derive(Debug, Default)]
pub(super) struct Wanted<'a> {
    /// The name.
    pub(super) name: Option<(&'a str, Place)>,
    /// URL of the repository.
    pub(super) repository: Option<(&'a str, Place)>,
    /// Range of versions.
    pub(super) version: Option<(&'a str, Place)>,
}

impl Wanted<'_> {
    /// The chart, or everything that stands against it.
    pub(super) fn chart(&self) -> Result<&'static dyn Chart, Vec<Diagnostic>> {
        let mut found = Vec::new();
        let place = || Place::named("flag -c");
        let (name, at) = self.name.clone().unwrap_or_else(|| (DEFAULT, place()));
        let chart = match find(name) {
            Ok(chart) => Some(chart),
            Err((message, hint)) => {
                found.push(Diagnostic::error(message).at(at).hint(hint));
                None
            }
        };
        found.extend(self.foreign());
        found.extend(chart.and_then(|chart| self.uncovered(chart)));
        match chart {
            Some(chart) if found.is_empty() => Ok(chart),
            _ => Err(found),
        }
    }

    fn foreign(&self) -> Option<Diagnostic> {
        let (url, place) = self.repository.as_ref()?;
        let url = url.trim().trim_end_matches('/');
        let known = url.is_empty() || REPOSITORIES.iter().any(|known| url.eq_ignore_ascii_case(known));
        let names: Vec<&str> = CHARTS.iter().map(|chart| chart.name()).collect();
        (!known).then(|| {
            Diagnostic::error("charts are built in: none is fetched from another repository")
                .at(place.clone())
                .hint(format!(
                    "leave it out to use a built-in chart: {}",
                    names.join(", ")
                ))
        })
    }

    fn uncovered(&self, chart: &dyn Chart) -> Option<Diagnostic> {
        let (text, place) = self.version.as_ref()?;
        let refuse = |message: String| {
            let releases: Vec<String> = chart
                .releases()
                .iter()
                .map(|release| format!("{}.{}", release.major, release.minor))
                .collect();
            let hint = format!(
                "the built-in `{}` does what {} did; leave the version out",
                chart.name(),
                releases.join(", ")
            );
            Some(Diagnostic::error(message).at(place.clone()).hint(hint))
        };
        match text.parse::<Constraint>() {
            Ok(range) if range.allows_any(chart.releases()) => None,
            Ok(_) => refuse(format!("`{}` is not there in version {text}", chart.name())),
            Err(error) => refuse(error.to_string()),
        }
    }
}

/// The chart that flags mean, and what of them changes nothing.
pub(super) fn chart(args: &ChartArgs) -> Result<(&'static dyn Chart, Vec<Diagnostic>), Vec<Diagnostic>> {
    let former = &args.former;
    let place = |flag: &str| Place::named(format!("flag {flag}"));
    let named = args.chart.as_deref().map(|name| (name, place("-c")));
    let folder = former.source_dir.as_deref();
    let wanted = Wanted {
        name: named.or_else(|| folder.map(|folder| (folder, place("--sourceDir")))),
        repository: former.repository.as_deref().map(|url| (url, place("--repoURL"))),
        version: former.version.as_deref().map(|range| (range, place("--version"))),
    };
    let mut wrong = Vec::new();
    if let Some(url) = &former.remote_folder
        && !FOLDERS.iter().any(|known| url.contains(known))
    {
        wrong.push(
            Diagnostic::error("charts are built in: none is fetched from another folder")
                .at(place("--remoteFolderURL"))
                .hint("leave it out to use the built-in chart"),
        );
    }
    match wanted.chart() {
        Ok(chart) if wrong.is_empty() => Ok((chart, idle(args, chart))),
        Ok(_) => Err(wrong),
        Err(found) => {
            wrong.extend(found);
            Err(wrong)
        }
    }
}

/// Flags that change nothing, said once; and folders that look as if they were read.
fn idle(args: &ChartArgs, chart: &dyn Chart) -> Vec<Diagnostic> {
    let former = &args.former;
    let given: Vec<&str> = [
        ("--noDownload", former.no_download.is_some()),
        ("--localChart", former.local_chart.is_some()),
        ("--chartsParentDir", former.charts_parent_dir.is_some()),
        ("--destDir", former.dest_dir.is_some()),
        ("--remoteFolderURL", former.remote_folder.is_some()),
        ("--sourceDir", former.source_dir.is_some() && args.chart.is_some()),
    ]
    .into_iter()
    .filter_map(|(flag, given)| given.then_some(flag))
    .collect();
    let mut found = Vec::new();
    if !given.is_empty() {
        let message = format!("charts are built in: {} changes nothing", given.join(", "));
        found.push(Diagnostic::warning(message));
    }
    let parent = former
        .charts_parent_dir
        .clone()
        .unwrap_or_default()
        .join("charts");
    let typed = former
        .source_dir
        .as_deref()
        .or(args.chart.as_deref())
        .unwrap_or(DEFAULT);
    let folders = [typed.into(), parent.join(chart.name())];
    if let Some(folder) = folders.iter().find(|folder| folder.join("Chart.yaml").is_file()) {
        let message = format!(
            "the chart in {} is not read: what was changed in it has no effect",
            folder.display()
        );
        found.push(
            Diagnostic::warning(message).hint("write what differs as values, or write an experiment file"),
        );
    }
    found
}
