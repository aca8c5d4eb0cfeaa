//! From fields to the load of one version of one endpoint.

use http::HeaderMap;

use super::assemble::{self, Body, Fault};
use super::data::{Data, locate};
use super::fetch::{Fetch, ProtoFile};
use super::input::{CallInput, GrpcFields, IdleInput};
use super::metadata::{self, Metadata};
use super::source::Descriptors;
use super::words::Balance;
use super::{GrpcCall, GrpcKind, pace, reach};
use crate::grpc::schema::Schema;
use crate::load::grpc::{CallKind, MAX_RECEIVED, StreamSpec};
use crate::spec::{Decoder, Map, Value};
use crate::tasks::inputs::Places;
use crate::tasks::load::{Checked, Whose};
use crate::template::Functions;

/// Where messages come from.
#[derive(Debug, Clone)]
pub(super) enum Message {
    /// They are known.
    Known(Body),
    /// JSON in a file or at a URL.
    Json(Fetch),
    /// Encoded, in a file or at a URL.
    Binary(Fetch),
}

impl Message {
    /// The messages, if they are known already.
    fn known(&self) -> Option<Body> {
        Some(match self {
            Self::Known(body) => body.clone(),
            Self::Json(fetch) => Body::Json(Data::of(String::from_utf8_lossy(fetch.known()?).into_owned())),
            Self::Binary(fetch) => Body::Binary(fetch.known()?.clone()),
        })
    }
}

/// Checks what only shows when the fields are seen together. All of it is looked at, so that every mistake is listed.
pub(super) fn check(
    whose: Whose<'_>,
    fields: &GrpcFields,
    places: Places<'_>,
    decoder: &mut Decoder<'_>,
) -> Option<Checked<GrpcKind>> {
    let input = &fields.call;
    let reach = reach::check(&fields.reach, input.host.as_ref(), places, decoder);
    let plan = pace::plan(&fields.pace, places, decoder);
    let pool = pace::pool(&fields.pace, plan.as_ref(), places, decoder);
    warn_of_idle(&fields.idle, places, decoder);
    let descriptors = descriptors(input, places, decoder);
    if let Some(descriptors) = &descriptors {
        check_patience(fields, descriptors, places, decoder);
    }
    let message = message(input, places, decoder);
    let metadata = metadata(input, places, decoder);
    check_streams(input, places, decoder);
    check_balance(fields, places, decoder);
    for (given, field) in [(input.host.is_some(), "host"), (input.call.is_some(), "call")] {
        // One that was there but wrong has been reported.
        if let Some(called) = whose.called.filter(|_| !given && !places.given(field)) {
            decoder.error(places.own(), format!("{called} needs `{field}`"), None);
        }
    }
    let call_name = input.call.clone()?;
    let mut call = GrpcCall {
        call: call_name,
        assembled: None,
        descriptors: descriptors?,
        message: message?,
        metadata: metadata?,
        functions: functions(input),
        dynamic: input.stream_dynamic_messages == Some(true),
        of_streams: of_streams(input),
        stream: StreamSpec {
            interval: input.stream_interval.map(|time| time.0).unwrap_or_default(),
            call_duration: input.stream_call_duration.map(|time| time.0),
            call_count: input.stream_call_count.and_then(std::num::NonZeroU64::new),
        },
        compression: input.enable_compression == Some(true),
        max_recv: input.max_recv_message_size.map_or(MAX_RECEIVED, |size| size.0),
        max_send: input.max_send_message_size.map_or(usize::MAX, |size| size.0),
        keepalive: fields.reach.keepalive.map(|time| time.0),
        pick_first: fields.reach.lb_strategy == Some(Balance::PickFirst),
        reach: reach?,
    };
    check_call(&mut call, input, places, decoder)?;
    let (plan, pool) = (plan?, pool?);
    let percentiles = input.percentiles.iter().flatten();
    Some(Checked {
        percentiles: percentiles.map(|percentile| percentile.0).collect(),
        plan,
        pool,
        call,
    })
}

/// Messages are made while the experiment is checked, if what they need is there.
fn check_call(
    call: &mut GrpcCall,
    input: &CallInput,
    places: Places<'_>,
    decoder: &mut Decoder<'_>,
) -> Option<()> {
    // That it is the name of a method shows without descriptors.
    if !call
        .call
        .trim()
        .trim_start_matches(['/', '.'])
        .contains(['/', '.'])
    {
        let message = format!("`{}` is not the name of a method", call.call);
        let hint = "it is like `package.Service/Method`";
        decoder.error(places.at("call"), message, Some(hint.to_owned()));
        return None;
    }
    let schema = schema(&call.descriptors, places, decoder);
    let (body, map) = (call.message.known(), call.metadata.known());
    // What is not known yet is looked at when the task runs.
    let no_metadata = Map(Vec::new());
    let content = call.content(
        body.as_ref().unwrap_or(&Body::Empty),
        map.as_ref().unwrap_or(&no_metadata),
    );
    let schema = schema?;
    if let Some(method) = schema.as_ref().and_then(|schema| schema.method(&call.call).ok()) {
        let given = of_streams(input);
        if let Some(first) = idle(assemble::kind(method.kind), &given).first() {
            let message = idle_in_words(assemble::kind(method.kind), &given);
            decoder.warning(places.at(first), message, Some("leave it out".to_owned()));
        }
    }
    let found = match (schema, &body, &map) {
        (Some(schema), Some(_), Some(_)) => assemble::assemble(&schema, content).map(Some),
        (Some(schema), ..) => assemble::method(&schema, content)
            .and_then(|_| assemble::check(content))
            .map(|()| None),
        (None, ..) => assemble::check(content).map(|()| None),
    };
    match found {
        Ok(assembled) => {
            call.assembled = assembled;
            Some(())
        }
        Err(fault) => {
            report(&fault, places, decoder);
            None
        }
    }
}

/// The schema, if it is known already; `None` if it is wrong, which is reported.
#[expect(
    clippy::option_option,
    reason = "not known yet, or a mistake that was reported"
)]
fn schema(
    descriptors: &Descriptors,
    places: Places<'_>,
    decoder: &mut Decoder<'_>,
) -> Option<Option<Schema>> {
    let error = match descriptors.known() {
        None => return Some(None),
        Some(Ok(schema)) => return Some(Some(schema)),
        Some(Err(error)) => error,
    };
    let field = descriptors.field();
    let found = error.diagnostic();
    match found.place {
        // What is wrong inside of the file is shown there.
        Some(_) => decoder.add(found),
        None => decoder.missing(places.at(field), found.message, found.hint),
    }
    None
}

/// A fault where it was written.
fn report(fault: &Fault, places: Places<'_>, decoder: &mut Decoder<'_>) {
    let at = match (&fault.path, places.node(fault.field)) {
        (Some(path), Some(node)) if matches!(node.value, Value::Map(_) | Value::List(_)) => {
            locate(node, path)
        }
        _ => places.at(fault.field),
    };
    decoder.error(at, fault.message.clone(), fault.hint.clone());
}

fn functions(input: &CallInput) -> Option<Functions> {
    if input.disable_template_data == Some(true) {
        return None;
    }
    Some(if input.disable_template_functions == Some(true) {
        Functions::BuiltIn
    } else {
        Functions::All
    })
}

/// Of fields that say the same thing only one is given; the nearest takes the place of others that are inherited.
fn only(fields: &[&str], what: &str, places: Places<'_>, decoder: &mut Decoder<'_>) -> Option<()> {
    let filled = || fields.iter().filter(|field| places.filled(field));
    let nearest = filled().filter_map(|field| places.distance(field)).min();
    let mut given = filled().filter(|field| places.distance(field) == nearest);
    let Some(first) = given.next() else {
        return Some(());
    };
    let mut valid = Some(());
    for other in given {
        let message = format!("`{first}` and `{other}` both give {what}");
        decoder.error(
            places.at(other),
            message,
            Some("leave one of them out".to_owned()),
        );
        valid = None;
    }
    valid
}

fn descriptors(input: &CallInput, places: Places<'_>, decoder: &mut Decoder<'_>) -> Option<Descriptors> {
    only(&["proto", "protoset"], "the descriptors", places, decoder)?;
    let folders = input
        .import_paths
        .clone()
        .map(|folders| folders.0)
        .unwrap_or_default();
    if !folders.is_empty() && input.proto.is_none() && !places.filled("proto") {
        let message = "`import-paths` changes nothing without `proto`";
        decoder.warning(places.at("import-paths"), message, None);
    }
    let reflect = input.reflect_metadata.clone();
    if let Some(metadata) = &reflect {
        metadata.hide("reflect-metadata", places, decoder);
    }
    match (&input.proto, &input.protoset) {
        (Some(ProtoFile::Nothing) | None, None | Some(Fetch::Nothing)) => {
            // One that is there and wrong has been reported.
            if places.filled("proto") || places.filled("protoset") {
                return None;
            }
            let map = reflect.map_or_else(|| Map(Vec::new()), |metadata| metadata.0);
            reflection(&map, places, decoder).map(Descriptors::Reflection)
        }
        (Some(file), _) => Some(Descriptors::Proto {
            file: file.clone(),
            folders,
        }),
        (None, Some(set)) => Some(Descriptors::Set(set.clone())),
    }
}

fn reflection(map: &Map<String>, places: Places<'_>, decoder: &mut Decoder<'_>) -> Option<HeaderMap> {
    match metadata::headers(map) {
        Ok(headers) => Some(headers),
        Err((name, why)) => {
            let given = places.inside("reflect-metadata", &name);
            let at = given.map_or(places.at("reflect-metadata"), |node| &node.at);
            decoder.error(at, why, None);
            None
        }
    }
}

fn message(input: &CallInput, places: Places<'_>, decoder: &mut Decoder<'_>) -> Option<Message> {
    let fields = ["data", "data-file", "binary-file"];
    only(&fields, "the messages", places, decoder)?;
    Some(match (&input.data, &input.data_file, &input.binary_file) {
        (Some(data), ..) => Message::Known(Body::Json(data.clone())),
        (None, Some(file), _) => Message::Json(file.clone()),
        (None, None, Some(file)) => Message::Binary(file.clone()),
        // One that is there and wrong has been reported.
        (None, None, None) if fields.iter().any(|field| places.filled(field)) => return None,
        (None, None, None) => Message::Known(Body::Empty),
    })
}

/// Where metadata comes from.
#[derive(Debug, Clone)]
pub(super) enum MetadataSource {
    /// It is known.
    Known(Map<String>),
    /// JSON in a file or at a URL.
    File(Fetch),
}

impl MetadataSource {
    /// The metadata, if it is known already.
    pub(super) fn known(&self) -> Option<Map<String>> {
        match self {
            Self::Known(map) => Some(map.clone()),
            Self::File(_) => None,
        }
    }

    /// The field that gives it.
    pub(super) fn field(&self) -> &'static str {
        match self {
            Self::Known(_) => "metadata",
            Self::File(_) => "metadata-file",
        }
    }
}

fn metadata(input: &CallInput, places: Places<'_>, decoder: &mut Decoder<'_>) -> Option<MetadataSource> {
    let fields = ["metadata", "metadata-file"];
    only(&fields, "the metadata", places, decoder)?;
    let known = input.metadata.is_some() || input.metadata_file.is_some();
    if !known && fields.iter().any(|field| places.filled(field)) {
        return None;
    }
    let Some(file) = &input.metadata_file else {
        let map = input
            .metadata
            .clone()
            .unwrap_or_else(|| Metadata(Map(Vec::new())));
        map.hide("metadata", places, decoder);
        return Some(MetadataSource::Known(map.0));
    };
    let Some(content) = file.known() else {
        return Some(MetadataSource::File(file.clone()));
    };
    match metadata::from_json(&String::from_utf8_lossy(content)) {
        Ok(map) => {
            let map = Metadata(map);
            map.hide("metadata-file", places, decoder);
            Some(MetadataSource::Known(map.0))
        }
        Err(why) => {
            decoder.error(places.at("metadata-file"), why, None);
            None
        }
    }
}

/// What is given that only a stream has.
fn of_streams(input: &CallInput) -> Vec<&'static str> {
    let given = [
        (input.stream_interval.is_some(), "stream-interval"),
        (input.stream_call_duration.is_some(), "stream-call-duration"),
        (input.stream_call_count.is_some(), "stream-call-count"),
        (
            input.stream_dynamic_messages == Some(true),
            "stream-dynamic-messages",
        ),
    ];
    let fields = given.into_iter();
    fields
        .filter_map(|(given, field)| given.then_some(field))
        .collect()
}

/// Those of them that change nothing for a kind of method.
fn idle(kind: CallKind, given: &[&'static str]) -> Vec<&'static str> {
    let is_idle = |field: &&&'static str| match kind {
        CallKind::Unary => true,
        CallKind::ServerStreaming => ["stream-interval", "stream-dynamic-messages"].contains(*field),
        CallKind::ClientStreaming | CallKind::Bidirectional => false,
    };
    given.iter().filter(is_idle).copied().collect()
}

/// That they change nothing; empty if there are none.
pub(super) fn idle_in_words(kind: CallKind, given: &[&'static str]) -> String {
    let idle = idle(kind, given);
    let listed: Vec<String> = idle.iter().map(|field| format!("`{field}`")).collect();
    let verb = match idle.len() {
        0 => return String::new(),
        1 => "changes",
        _ => "change",
    };
    let why = match kind {
        CallKind::Unary => "the method streams nothing",
        CallKind::ServerStreaming | CallKind::ClientStreaming | CallKind::Bidirectional => {
            "only the server streams"
        }
    };
    format!("{} {verb} nothing: {why}", listed.join(", "))
}

/// A time that only reflection has, where nobody is asked.
fn check_patience(
    fields: &GrpcFields,
    descriptors: &Descriptors,
    places: Places<'_>,
    decoder: &mut Decoder<'_>,
) {
    // Iter8 writes the default into its files.
    let given = fields.reach.connect_timeout.map(|time| time.0);
    let differs = given.is_some_and(|time| time != reach::CONNECT_TIMEOUT);
    if differs && !matches!(descriptors, Descriptors::Reflection(_)) {
        let message = format!(
            "`connect-timeout` changes nothing beside `{}`: only reflection has it",
            descriptors.field()
        );
        let hint = "a call's `timeout` has the time for its connection in it";
        decoder.warning(places.at("connect-timeout"), message, Some(hint.to_owned()));
    }
}

fn check_streams(input: &CallInput, places: Places<'_>, decoder: &mut Decoder<'_>) {
    if input.stream_dynamic_messages == Some(true) && input.binary_file.is_some() {
        let message =
            "`stream-dynamic-messages` has no call templates to fill in: `binary-file` is encoded already";
        decoder.error(places.at("stream-dynamic-messages"), message, None);
    }
}

/// Connections take turns over the addresses of a host: calls on one connection cannot.
fn check_balance(fields: &GrpcFields, places: Places<'_>, decoder: &mut Decoder<'_>) {
    let single = fields.pace.connections.is_none_or(|count| count.0.get() == 1);
    if fields.reach.lb_strategy == Some(Balance::RoundRobin) && single {
        let message = "with `round_robin` connections take turns over the addresses of the host, and there is one connection";
        let hint = "give as many `connections` as the host has addresses";
        decoder.warning(places.at("lb-strategy"), message, Some(hint.to_owned()));
    }
}

/// What ghz needs and a task does not is said to change nothing, once.
fn warn_of_idle(idle: &IdleInput, places: Places<'_>, decoder: &mut Decoder<'_>) {
    let text = |value: &Value, expected: &str| matches!(value, Value::String(text) | Value::Text(text) if text == expected);
    let zero = |value: &Value| text(value, "") || *value == Value::Int(0) || text(value, "0");
    let summary = |value: &Value| zero(value) || text(value, "summary");
    let counts = |value: &Value| *value == Value::Bool(true) || text(value, "true");
    let given: Vec<&str> = [
        (
            idle.count_errors.as_ref().is_some_and(|given| !counts(&given.0)),
            "count-errors",
        ),
        (idle.cpus.as_ref().is_some_and(|given| !zero(&given.0)), "cpus"),
        (idle.name.as_ref().is_some_and(|given| !zero(&given.0)), "name"),
        (idle.tags.is_some(), "tags"),
        (idle.debug.as_ref().is_some_and(|given| !zero(&given.0)), "debug"),
        (
            idle.format.as_ref().is_some_and(|given| !summary(&given.0)),
            "format",
        ),
        (
            idle.output.as_ref().is_some_and(|given| !zero(&given.0)),
            "output",
        ),
    ]
    .into_iter()
    .filter_map(|(is_given, field)| is_given.then_some(field))
    .collect();
    let Some(first) = given.first() else { return };
    let listed: Vec<String> = given.iter().map(|field| format!("`{field}`")).collect();
    let verb = if given.len() == 1 { "changes" } else { "change" };
    let message = format!(
        "{} {verb} nothing: only ghz itself needs such keys",
        listed.join(", ")
    );
    decoder.warning(places.at(first), message, None);
}
