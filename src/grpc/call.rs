//! [`CallData`]: what ghz lets a template know of its call.

use std::sync::Arc;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::schema::Method;
use crate::template::{Random, Record, Value, layout, uuid_text};

const FIELDS: &[&str] = &[
    "WorkerID",
    "RequestNumber",
    "FullyQualifiedName",
    "MethodName",
    "ServiceName",
    "InputName",
    "OutputName",
    "IsClientStreaming",
    "IsServerStreaming",
    "Timestamp",
    "TimestampUnix",
    "TimestampUnixMilli",
    "TimestampUnixNano",
    "UUID",
];

/// What is the same for all calls of a method.
#[derive(Debug, Clone)]
pub struct CallNames {
    full_name: Value,
    method: Value,
    service: Value,
    input: Value,
    output: Value,
    client_streams: bool,
    server_streams: bool,
}

impl CallNames {
    /// The names of `method`; service and messages without their packages, as in ghz.
    pub fn new(method: &Method) -> Self {
        let own = |name: &str| Value::from(name.rsplit('.').next().unwrap_or(name));
        Self {
            full_name: method.full_name.as_str().into(),
            method: method.name.as_str().into(),
            service: own(&method.service),
            input: method.input.name().into(),
            output: method.output.name().into(),
            client_streams: method.kind.client_streams(),
            server_streams: method.kind.server_streams(),
        }
    }
}

/// What a template can say of its call.
#[derive(Debug, Clone)]
pub struct CallData {
    names: Arc<CallNames>,
    worker: Arc<str>,
    number: u64,
    at: Timestamp,
    uuid: u128,
}

impl CallData {
    /// Call `number` (from 0) on `worker`, made at `at`.
    pub fn new(
        names: Arc<CallNames>,
        worker: Arc<str>,
        number: u64,
        at: Timestamp,
        random: &mut Random,
    ) -> Self {
        Self {
            names,
            worker,
            number,
            at,
            uuid: random.uuid(),
        }
    }

    /// The same call for another message of its stream: another time, another UUID.
    #[must_use]
    pub fn again(&self, at: Timestamp, random: &mut Random) -> Self {
        Self {
            at,
            uuid: random.uuid(),
            ..self.clone()
        }
    }
}

impl Record for CallData {
    fn field(&self, name: &str) -> Option<Value> {
        Some(match name {
            "WorkerID" => Value::Text(Arc::clone(&self.worker)),
            "RequestNumber" => Value::Int(i64::try_from(self.number).unwrap_or(i64::MAX)),
            "FullyQualifiedName" => self.names.full_name.clone(),
            "MethodName" => self.names.method.clone(),
            "ServiceName" => self.names.service.clone(),
            "InputName" => self.names.input.clone(),
            "OutputName" => self.names.output.clone(),
            "IsClientStreaming" => Value::Bool(self.names.client_streams),
            "IsServerStreaming" => Value::Bool(self.names.server_streams),
            "Timestamp" => layout::rfc3339(&self.at.to_zoned(TimeZone::UTC)).into(),
            "TimestampUnix" => Value::Int(self.at.as_second()),
            "TimestampUnixMilli" => Value::Int(self.at.as_millisecond()),
            "TimestampUnixNano" => Value::Int(i64::try_from(self.at.as_nanosecond()).unwrap_or(i64::MAX)),
            "UUID" => uuid_text(self.uuid).into(),
            _ => return None,
        })
    }

    fn names(&self) -> &'static [&'static str] {
        FIELDS
    }
}

#[cfg(test)]
mod tests {
    use super::super::schema::Schema;
    use super::*;
    use crate::template::{Functions, Template};

    fn call() -> CallData {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("t.proto");
        let proto = "syntax = \"proto3\"; package t; message In {} message Out {}
            service Svc { rpc Do (In) returns (stream Out); }";
        std::fs::write(&path, proto).expect("written");
        let schema = Schema::from_proto(&[path], &[]).expect("a schema");
        let names = Arc::new(CallNames::new(&schema.method("t.Svc/Do").expect("a method")));
        let at = Timestamp::new(1_700_000_000, 123_456_789).expect("a time");
        CallData::new(names, "w3".into(), 7, at, &mut Random::seeded(1))
    }

    fn text(call: &CallData, template: &str) -> String {
        let template = Template::parse(template, Functions::All).expect("a template");
        template
            .render(call.clone(), &mut Random::seeded(2))
            .expect("a text")
    }

    #[test]
    fn a_call_is_told_as_ghz_tells_it() {
        let template = "{{.FullyQualifiedName}} {{.MethodName}} {{.ServiceName}} {{.InputName}} {{.OutputName}} \
            {{.IsClientStreaming}} {{.IsServerStreaming}} {{.WorkerID}} {{.RequestNumber}} {{.Timestamp}}";
        assert_eq!(
            text(&call(), template),
            "t.Svc.Do Do Svc In Out false true w3 7 2023-11-14T22:13:20Z"
        );
    }

    #[test]
    fn another_message_of_a_stream_has_another_time_and_uuid() {
        let call = call();
        let at = Timestamp::from_second(1_800_000_000).expect("a time");
        let later = call.again(at, &mut Random::seeded(9));
        let own = "{{.TimestampUnix}} {{.RequestNumber}}";
        assert_eq!(text(&later, own), "1800000000 7");
        assert_ne!(text(&later, "{{.UUID}}"), text(&call, "{{.UUID}}"));
        for name in call.names() {
            assert!(call.field(name).is_some(), "{name}");
        }
    }
}
