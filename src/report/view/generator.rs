//! How the load generator itself fared, as a table, and how connections fared, in words.

use super::known::{Known, Version};
use crate::metrics::{GeneratorHealth, Histogram, LoadMeasurement, Statistic, Timing, Unit};
use crate::report::number;
use crate::report::prose::Prose;
use crate::report::table::{Align, Section, Table, Topic};

/// Most addresses that are listed.
const MOST_ADDRESSES: usize = 8;

/// One row for each protocol and version; versions that the same threads sent to share one.
pub(super) fn section(known: &Known<'_>) -> Section {
    let mut table = Table::new(&[
        ("Version", Align::Left),
        ("Threads", Align::Right),
        ("CPU", Align::Right),
        ("Busiest thread", Align::Right),
        ("Event loop late, p99", Align::Right),
        ("max", Align::Right),
        ("Stalls", Align::Right),
        ("Throttled", Align::Right),
        ("Open files", Align::Right),
    ]);
    for version in &known.versions {
        for (_, load) in &version.wholes {
            if let Some(health) = &load.health {
                table.rows.push(row(version, health));
            }
        }
    }
    // The threads are shared by all versions of a load: what is said of them is the same then.
    let same = table.rows.windows(2).all(|pair| pair[0][1..] == pair[1][1..]);
    if same {
        table.rows.truncate(1);
        table.rows.iter_mut().for_each(|row| row[0] = Prose::new());
    }
    Section {
        topic: Topic::Generator,
        title: "Load generator".to_owned(),
        table: table.without_empty_columns(),
        notes: Vec::new(),
    }
}

fn row(version: &Version<'_>, health: &GeneratorHealth) -> Vec<Prose> {
    let known = |text: Option<String>| Prose::from(text.unwrap_or_else(|| number::NONE.to_owned()));
    let lag = |statistic| {
        let lag = health.loop_lag.statistic(statistic);
        known(lag.map(|lag| number::measured(lag, Unit::Milliseconds)))
    };
    let cpu = health
        .cpu_seconds
        .filter(|_| health.wall_seconds > 0.0)
        .map(|cpu| number::measured(cpu / health.wall_seconds, Unit::Fraction));
    vec![
        Prose::new().code(version.insights.name.as_str()),
        number::count(u64::from(health.threads)).into(),
        known(cpu),
        known(
            health
                .busiest
                .map(|busiest| number::measured(busiest, Unit::Fraction)),
        ),
        lag(Statistic::Percentile(99.0)),
        lag(Statistic::Max),
        number::count(health.stalls).into(),
        known(health.throttled.map(|throttled| {
            if throttled.throttled_periods == 0 {
                "never".to_owned()
            } else {
                number::duration(throttled.seconds)
            }
        })),
        known(
            health
                .files
                .map(|files| format!("{} of {}", number::count(files.most), number::count(files.limit))),
        ),
    ]
}

/// `HTTP/2 over TLS, 10 connections opened (6 to a and 4 to b), 2 of them because …, 8 of 10 TLS handshakes resumed`.
pub(super) fn connections(load: &LoadMeasurement) -> Prose {
    let opened = number::counted(load.connections, "connection") + " opened";
    let mut told = spoken(load).text(opened);
    if load.addresses.len() > 1 {
        told = told.text(" (").then(addresses(load)).text(")");
    }
    if load.reconnects > 0 {
        told = told.text(format!(
            ", {} of them because the server had closed an idle one",
            number::count(load.reconnects)
        ));
    }
    let handshakes = load.timings.get(&Timing::Tls).map_or(0, Histogram::count);
    if handshakes > 0 {
        told = told.text(format!(
            ", {} of {} resumed",
            number::count(load.resumed),
            number::counted(handshakes, "TLS handshake")
        ));
    }
    told
}

/// `HTTP/1.1, `, or how many connections each was spoken on if there are several.
fn spoken(load: &LoadMeasurement) -> Prose {
    let several = load.spoken.len() > 1;
    let each = load.spoken.iter().map(|(spoken, n)| {
        let on = if several {
            format!(" on {}", number::counted(*n, "connection"))
        } else {
            String::new()
        };
        Prose::from(format!("{spoken}{on}"))
    });
    let told = Prose::list(each.collect());
    if told.is_empty() { told } else { told.text(", ") }
}

/// `6 to a and 4 to b`, those with most connections.
fn addresses(load: &LoadMeasurement) -> Prose {
    let mut all: Vec<(&str, u64)> = load
        .addresses
        .iter()
        .map(|(name, n)| (name.as_str(), *n))
        .collect();
    all.sort_by_key(|(_, n)| std::cmp::Reverse(*n));
    let mut items: Vec<Prose> = all
        .iter()
        .take(MOST_ADDRESSES)
        .map(|(address, n)| Prose::from(format!("{} to ", number::count(*n))).code(*address))
        .collect();
    let rest: u64 = all.iter().skip(MOST_ADDRESSES).map(|(_, n)| n).sum();
    if rest > 0 {
        items.push(format!("{} to others", number::count(rest)).into());
    }
    Prose::list(items)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::report::fixture;

    fn said(load: &LoadMeasurement) -> String {
        connections(load).plain().replace('\u{a0}', " ")
    }

    #[test]
    fn connections_name_handshakes_and_addresses_only_where_there_are_some() {
        let mut load = LoadMeasurement {
            connections: 1,
            ..LoadMeasurement::default()
        };
        load.addresses.insert("192.0.2.1".into(), 1);
        assert_eq!(said(&load), "1 connection opened");
        load.spoken.insert("HTTP/1.1".into(), 1);
        assert_eq!(said(&load), "HTTP/1.1, 1 connection opened");
        load.spoken.insert("HTTP/2 over TLS".into(), 11);
        load.connections = 12;
        load.reconnects = 2;
        load.resumed = 8;
        load.addresses.insert("192.0.2.2".into(), 11);
        let mut tls = Histogram::new();
        tls.record_many(Duration::from_millis(9), 12);
        load.timings.insert(Timing::Tls, tls);
        assert_eq!(
            said(&load),
            "HTTP/1.1 on 1 connection and HTTP/2 over TLS on 11 connections, 12 connections opened (11 to 192.0.2.2 and 1 to 192.0.2.1), 2 of them because the server had closed an idle \
             one, 8 of 12 TLS handshakes resumed"
        );
        load.addresses = (0..20).map(|n| (format!("192.0.2.{n}"), 1)).collect();
        assert!(said(&load).contains(" and 12 to others)"), "{}", said(&load));
    }

    #[test]
    fn threads_that_sent_to_all_versions_are_told_once() {
        let result = fixture::broken();
        let table = section(&Known::of(&result)).table;
        assert_eq!(table.rows.len(), 1);
        assert!(table.columns.iter().all(|column| column.title != "Version"));
        let mut apart = result;
        for load in &mut apart.insights.versions[0].loads {
            load.measurement.health = load
                .measurement
                .health
                .take()
                .map(|health| GeneratorHealth { stalls: 7, ..health });
        }
        assert_eq!(section(&Known::of(&apart)).table.rows.len(), 2);
    }
}
