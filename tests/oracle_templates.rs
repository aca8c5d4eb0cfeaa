//! Every template of the oracle's tables comes to what Iter8's notify task made of it, on the same stored results.
//!
//! The tables are data kept beside the repository (`../shared/oracle`); a part of them is in `tests/oracle`.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test reads its data and says what it skips"
)]

#[path = "oracle/facts.rs"]
mod facts;
#[path = "oracle/tables.rs"]
mod tables;

use iter8::tasks::notify_data::of_facts;
use iter8::template::{Functions, Random, Template};
use tables::{Compared, Row};

#[test]
fn templates_come_to_what_iter8_made_of_them() {
    tables::each("templates", "template", |folder, rows| {
        let stored = std::fs::read_to_string(folder.join("experiment.yaml")).unwrap();
        let data = of_facts(&facts::of(&stored));
        let compare = |row: &Row| {
            let rendered = Template::parse(&row.text, Functions::Iter8)
                .and_then(|template| template.render_value(&data, &mut Random::seeded(1)));
            let same = match (&rendered, row.expected["body"].as_str()) {
                (Ok(text), Some(body)) => text == body,
                (Err(_), None) => true,
                (Ok(_), None) | (Err(_), Some(_)) => false,
            };
            Compared {
                same,
                found: format!("{rendered:?}"),
            }
        };
        rows.iter().map(compare).collect()
    });
}
