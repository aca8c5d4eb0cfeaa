//! [`RewardRow`]: a reward, the versions that were compared by it, and who has won.

use serde::Serialize;

use super::known::{Known, metric_name};
use super::sections::section;
use crate::metrics::Unit;
use crate::report::number;
use crate::report::prose::Prose;
use crate::report::table::{Align, Section, Table, Topic};
use crate::slo::{Award, Confidence, Contender, Goal};

/// A reward and its winner.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RewardRow {
    /// The metric in a reader's words, and what is better.
    pub name: Prose,
    /// The metric's canonical name.
    pub metric: String,
    /// `max` or `min`.
    pub goal: &'static str,
    /// The version that has won.
    pub winner: Option<String>,
    /// How sure that is.
    pub confidence: Confidence,
    /// The same in a sentence, without a full stop.
    pub words: Prose,
    /// All versions that were compared.
    pub contenders: Vec<Contender>,
}

/// All rewards.
pub(super) fn rows(known: &Known<'_>) -> Vec<RewardRow> {
    let awards = &known.result.assessment.awards;
    awards
        .iter()
        .map(|award| RewardRow {
            name: name(award),
            metric: award.reward.metric.to_string(),
            goal: award.reward.goal.name(),
            winner: award.winner.clone(),
            confidence: award.confidence,
            words: words(award),
            contenders: award.contenders.clone(),
        })
        .collect()
}

fn name(award: &Award) -> Prose {
    let goal = match award.reward.goal {
        Goal::Max => "highest ",
        Goal::Min => "lowest ",
    };
    Prose::from(goal).then(metric_name(&award.reward.metric))
}

fn words(award: &Award) -> Prose {
    let told = name(award).text(": ");
    let note = |told: Prose| match &award.note {
        Some(note) => told.text(format!("; {note}")),
        None => told,
    };
    let Some(winner) = &award.winner else {
        let why = award.note.as_deref().unwrap_or("no version can win");
        return told.text(format!("no winner, {why}"));
    };
    let told = told.code(winner.as_str());
    note(match award.confidence {
        Confidence::Certain => told.text(" is the best"),
        Confidence::NotCertain => match chance(award, winner) {
            Some(chance) => told.text(format!(
                " looks best, but not certain: the chance is {}",
                number::measured(chance, Unit::Fraction)
            )),
            None => told.text(" looks best, but not certain"),
        },
        Confidence::Unknown => match equal(award, winner) {
            Some(other) => told
                .text(" wins as the first of equals: ")
                .code(other)
                .text(" has the same value"),
            None => told.text(" has the best value; without intervals nobody knows how sure that is"),
        },
        Confidence::Alone => told.text(" wins, as no other version can"),
        Confidence::NoWinner | Confidence::NoData => told,
    })
}

fn chance(award: &Award, version: &str) -> Option<f64> {
    let mut contenders = award.contenders.iter();
    contenders.find(|contender| contender.version == version)?.chance
}

/// Another version that could have won, with the winner's value.
fn equal<'a>(award: &'a Award, winner: &str) -> Option<&'a str> {
    let mut all = award.contenders.iter();
    let best = all.find(|one| one.version == winner)?.value?;
    let mut others = award.contenders.iter().filter(|one| one.version != winner);
    let other = others.find(|one| one.eligible && one.value == Some(best))?;
    Some(&other.version)
}

/// Who has won, at most three rewards.
pub(super) fn told(rows: &[RewardRow]) -> Prose {
    let mut out = Prose::new();
    for (index, row) in rows.iter().take(3).enumerate() {
        out = if index == 0 {
            row.words.clone()
        } else {
            out.text("; ").then(row.words.clone())
        };
    }
    out
}

/// The reward that nobody could win, as there was nothing to compare.
pub(super) fn without_data(known: &Known<'_>) -> Prose {
    let mut awards = known.result.assessment.awards.iter();
    let Some(award) = awards.find(|award| award.confidence == Confidence::NoData) else {
        return Prose::new();
    };
    let why = award.note.as_deref().unwrap_or("no version has a value");
    Prose::from("there is nothing to compare ")
        .then(metric_name(&award.reward.metric))
        .text(format!(" by: {}", why.trim_end_matches('.')))
}

/// The rewards as a table, and what follows from them below.
pub(super) fn table(known: &Known<'_>, rows: &[RewardRow]) -> Section {
    let mut table = Table::new(&[
        ("Reward", Align::Left),
        ("Version", Align::Left),
        ("Value", Align::Right),
        ("95 % interval", Align::Center),
        ("Chance", Align::Right),
        ("", Align::Left),
    ]);
    let mut notes: Vec<Prose> = Vec::new();
    for (row, award) in rows.iter().zip(&known.result.assessment.awards) {
        let unit = award.reward.metric.unit();
        for contender in &row.contenders {
            table.rows.push(cells(row, contender, unit));
        }
        notes.push(row.words.clone().text("."));
        notes.extend(row.contenders.iter().filter_map(remark));
    }
    let weights = &known.result.assessment.weights;
    if !weights.is_empty() {
        let mut told = Prose::from("Traffic that follows: ");
        for (index, weight) in weights.iter().enumerate() {
            let comma = if index == 0 { "" } else { ", " };
            told = told.text(comma).code(weight.version.as_str());
            told = told.text(format!(" {}\u{a0}%", weight.percent));
        }
        notes.push(told.text("."));
    }
    Section {
        notes,
        ..section(Topic::Rewards, "Rewards", table)
    }
}

/// Why a version has no value or cannot win.
fn remark(contender: &Contender) -> Option<Prose> {
    let note = contender.note.as_ref()?;
    let told = Prose::new().code(contender.version.as_str());
    let cannot = if contender.eligible { "" } else { " cannot win" };
    Some(told.text(format!("{cannot}: {note}.")))
}

fn cells(row: &RewardRow, contender: &Contender, unit: Unit) -> Vec<Prose> {
    let won = row.winner.as_ref() == Some(&contender.version);
    let value = contender
        .value
        .map_or_else(|| number::NONE.to_owned(), |value| number::measured(value, unit));
    let value = Prose::from(value);
    let standing = match (won, contender.eligible) {
        (true, true) => "winner",
        (true, false) => "winner all the same",
        (false, false) => "cannot win",
        (false, true) => "",
    };
    vec![
        row.name.clone(),
        Prose::new().code(contender.version.as_str()),
        if won { value.strong() } else { value },
        contender
            .interval
            .map(|interval| number::interval(interval, None, unit, false))
            .unwrap_or_default()
            .into(),
        contender
            .chance
            .map(|chance| number::measured(chance, Unit::Fraction))
            .unwrap_or_default()
            .into(),
        standing.into(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::slo::Reward;

    fn told(values: [f64; 2]) -> String {
        let contenders = ["v1", "v2"].into_iter().zip(values);
        let contenders = contenders.map(|(version, value)| Contender {
            version: version.into(),
            value: Some(value),
            interval: None,
            eligible: true,
            chance: None,
            note: None,
        });
        let award = Award {
            task: 1,
            reward: Reward {
                metric: "shop/orders".parse().expect("a metric"),
                goal: Goal::Max,
            },
            winner: Some("v1".into()),
            confidence: Confidence::Unknown,
            contenders: contenders.collect(),
            note: None,
        };
        words(&award).plain()
    }

    #[test]
    fn the_first_of_equals_is_not_called_the_best() {
        assert!(told([2.0, 1.0]).contains("v1 has the best value"));
        assert!(told([2.0, 2.0]).ends_with("v1 wins as the first of equals: v2 has the same value"));
    }
}
