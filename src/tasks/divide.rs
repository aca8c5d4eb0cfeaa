//! An experiment that several shards send together: each has its part of the loads, and none judges.
//!
//! # Why a shard stops before the verdict
//! Objectives are promises about the whole load. Part of it would break limits on counts too late and percentiles by
//! chance, and eight shards would tell eight times. So tasks that judge, tell, or stand behind a verdict are left, and
//! `iter8 merge` judges what all of them measured.

use super::{Pipeline, Step};
use crate::diagnostic::Diagnostic;
use crate::results::ShardNumber;

impl Pipeline {
    /// Leaves of all loads the part of one shard; or says why the experiment cannot be divided.
    pub fn divide(&mut self, shard: ShardNumber) -> Vec<Diagnostic> {
        let mut found = Vec::new();
        let mut wrong = |message: String, hint: &str| found.push(Diagnostic::error(message).hint(hint));
        if self.repetition.is_some() {
            let message = "shards cannot `loop`: the loops of one would drift from those of the others";
            wrong(message.to_owned(), "leave `loop` or the shard out");
        }
        let verdict = self.steps.iter().position(Step::judges);
        let behind = verdict.map_or(&[][..], |first| &self.steps[first..]);
        for step in behind.iter().filter(|step| measures(step)) {
            let message = format!(
                "task {} ({}) measures behind an `assess` task: shards judge nothing before they are merged",
                step.index, step.name
            );
            wrong(message, "put the `assess` tasks behind everything that measures");
        }
        for step in self.steps.iter().filter(|step| step.task.changes().is_some()) {
            let message = format!(
                "task {} ({}) changes a cluster, and every shard would do it",
                step.index, step.name
            );
            wrong(message, "leave it or the shard out");
        }
        for step in self.steps.iter().filter(|step| step.task.ends_early().is_some()) {
            let message = format!(
                "task {} ({}) would `abort` a shard while the others go on",
                step.index, step.name
            );
            wrong(message, "leave `abort` or the shard out");
        }
        for step in &mut self.steps {
            if let Err(error) = step.task.divide(shard) {
                let hint = "give it more of them, or have fewer shards";
                wrong(format!("task {} ({}): {error}", step.index, step.name), hint);
            }
        }
        if !self.steps.iter().any(|step| !step.task.planned().is_empty()) {
            let message = "there is no load to divide among shards";
            wrong(message.to_owned(), "leave the shard out");
        }
        found
    }

    /// Why a shard leaves a step to others, if it does.
    pub(super) fn left(&self, step: &Step) -> Option<&'static str> {
        if step.task.tells() {
            return Some("a shard tells nobody what has come of it");
        }
        if step.judges() {
            return Some("`iter8 merge` judges what all shards measured");
        }
        let verdict = self.steps.iter().find(|known| known.judges())?;
        (step.index > verdict.index).then_some("it follows a verdict, and a shard has none")
    }
}

fn measures(step: &Step) -> bool {
    !step.task.produces().is_empty() || !step.task.provides().is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::Mask;
    use crate::spec::{Decoder, Experiment, Node, SourceFile};

    fn pipeline(text: &str) -> Pipeline {
        let source = SourceFile::new("experiment.yaml", text);
        let root = Node::parse(&source).expect("YAML");
        let lookup = |_: &str| None;
        let folder = std::path::Path::new(".");
        let mut decoder = Decoder::new(&source, folder, &lookup, Mask::default());
        let experiment = Experiment::read(&root, &mut decoder).expect("an experiment");
        let pipeline = Pipeline::build(&experiment, &mut decoder);
        pipeline.unwrap_or_else(|| panic!("{:?}", decoder.into_diagnostics()))
    }

    fn refused(text: &str, shard: &str) -> Vec<String> {
        let found = pipeline(text).divide(shard.parse().expect(shard));
        found.into_iter().map(|found| found.message).collect()
    }

    const LOAD: &str = "spec:\n- task: http\n  with: {url: 'http://127.0.0.1:1/', ";

    #[test]
    fn the_parts_of_all_shards_are_the_whole() {
        for fields in [
            "numRequests: 101, qps: 10}",
            "duration: 10.1s, qps: 10}",
            "numRequests: 101, qps: max}",
        ] {
            let text = format!("{LOAD}{fields}\n");
            let requests = |pipeline: &Pipeline| pipeline.steps[0].task.planned()[0].extent.requests;
            assert_eq!(requests(&pipeline(&text)), Some(101), "{fields}");
            let each: Vec<u64> = (0..4)
                .map(|index| {
                    let mut part = pipeline(&text);
                    let shard = ShardNumber::new(index, 4).expect("a shard");
                    assert!(part.divide(shard).is_empty());
                    assert!(
                        part.steps[0].task.about().contains("10") || fields.ends_with("max}"),
                        "the whole plan is told"
                    );
                    requests(&part).expect("a number")
                })
                .collect();
            assert_eq!(each, [26, 25, 25, 25], "{fields}");
        }
    }

    #[test]
    fn what_cannot_be_divided_is_refused() {
        let assess = "\n- task: assess\n  with: {objectives: [http/error-rate <= 1%]}\n";
        for (text, says) in [
            (
                format!("{LOAD}numRequests: 100}}{assess}loop: {{times: 2}}\n"),
                "cannot `loop`",
            ),
            (
                format!(
                    "{LOAD}numRequests: 100}}{assess}- task: http\n  with: {{url: 'http://127.0.0.1:1/'}}{assess}"
                ),
                "task 3 (http) measures behind",
            ),
            (format!("{LOAD}abort: true}}{assess}"), "would `abort`"),
            (format!("{LOAD}numRequests: 7}}{assess}"), "7 requests cannot"),
            (
                format!("{LOAD}qps: max, duration: 1s}}{assess}"),
                "4 connections cannot",
            ),
            ("spec:\n- run: 'true'\n".to_owned(), "no load"),
        ] {
            let found = refused(&text, "0/8");
            assert!(
                found.iter().any(|found| found.contains(says)),
                "{text}: {found:?}"
            );
        }
    }

    #[test]
    fn nothing_happens_behind_a_verdict_and_nobody_is_told() {
        let text = format!(
            "{LOAD}numRequests: 100}}\n- run: 'true'\n- task: status\n  with: {{context: a}}\n- task: assess\n  with: \
             {{objectives: [http/error-rate <= 1%]}}\n- run: 'true'\n"
        );
        let pipeline = pipeline(&text);
        let left: Vec<bool> = pipeline
            .steps
            .iter()
            .map(|step| pipeline.left(step).is_some())
            .collect();
        assert_eq!(left, [false, false, true, true, true]);
    }
}
