//! The `with:` of `grpc`: ghz's keys in both spellings. Where ghz takes a zero for nothing, it is nothing here, too: Iter8
//! writes all of them into its files.

use std::time::Duration;

use super::data::Data;
use super::fetch::{Fetch, Folders, ProtoFile};
use super::metadata::Metadata;
use super::words::{Anything, Balance, Ending, Rps, Schedule, Size, Step};
use crate::spec::{Decoder, Field, Fields, Period};
use crate::tasks::inputs::{Count, GrpcHost, OverrideInput, Percentile, ProxyInput, Source};

crate::fields! {
    /// What is called, and with what.
    pub(super) struct CallInput in "a `grpc` task" {
        /// Server to call, `HOST:PORT`.
        host: GrpcHost = ["host"],
        /// Method to call: `package.Service/Method` or `package.Service.Method`.
        call: String = ["call"],
        /// `.proto` file that describes the method. Without it and `protoset`, the server is asked (reflection).
        proto: ProtoFile = ["proto"],
        /// Compiled descriptors that describe the method (`protoc --descriptor_set_out`, `buf build`).
        protoset: Fetch = ["protoset"],
        /// Folders in which imports of `proto` are looked for.
        import_paths: Folders = ["import-paths", "importPaths"],
        /// Message to send, as a map or as JSON text. Of a list, each unary call sends one element in turn, each
        /// client-streaming call all. Call templates such as `{{.RequestNumber}}` are filled in for each call.
        data: Data = secret ["data"],
        /// File with the message as JSON, instead of `data`.
        data_file: Fetch = ["data-file", "dataFile"],
        /// File with the encoded message, or several with their length before each, instead of `data`.
        binary_file: Fetch = ["binary-file", "binaryFile"],
        /// Metadata of each call. Values from the environment are masked everywhere; those of keys that end in `-bin` are base64.
        metadata: Metadata = secret ["metadata"],
        /// File with the metadata as a JSON object, instead of `metadata`.
        metadata_file: Fetch = ["metadata-file", "metadataFile"],
        /// Metadata of the questions that reflection asks.
        reflect_metadata: Metadata = secret ["reflect-metadata", "reflectMetadata"],
        /// Send messages compressed with gzip; default false.
        enable_compression: bool = ["enable-compression", "enableCompression"],
        /// Largest message that is received; default 4MiB.
        max_recv_message_size: Size = ["max-recv-message-size", "maxRecvMessageSize"],
        /// Largest message that is sent; default any.
        max_send_message_size: Size = ["max-send-message-size", "maxSendMessageSize"],
        /// Time between one message that a streaming call sends and the next.
        stream_interval: Period = ["stream-interval", "streamInterval"],
        /// A streaming call sends no more after this time; one that only receives is ended then.
        stream_call_duration: Period = ["stream-call-duration", "streamCallDuration"],
        /// Messages that a streaming call sends, `data` over and over; one that only receives is ended after so many.
        stream_call_count: u64 = ["stream-call-count", "streamCallCount"],
        /// Fill in call templates anew for each message of a streaming call; default false: once for each call.
        stream_dynamic_messages: bool = ["stream-dynamic-messages", "streamDynamicMessages"],
        /// Call templates have no functions; default false.
        disable_template_functions: bool = ["disable-template-functions", "disableTemplateFunctions"],
        /// Send `{{` and `}}` as they are; default false.
        disable_template_data: bool = ["disable-template-data", "disableTemplateData"],
        /// Percentiles to report beside 50, 75, 90, 95, 99 and 99.9. Objectives need no listing.
        percentiles: Vec<Percentile> = ["percentiles"],
    }
}

crate::fields! {
    /// How many calls, how fast, and how many at a time.
    pub(super) struct PaceInput in "a `grpc` task" {
        /// Number of calls, exactly; default 200 unless `duration` is given. With both, whichever comes first.
        total: Count = ["total"],
        /// For how long to call.
        duration: Period = ["duration"],
        /// Longest time for `total` calls.
        max_duration: Period = ["max-duration", "maxDuration"],
        /// What becomes of calls under way when the time is over: `wait` (default) for them, `close`: they are errors,
        /// `ignore`: they are not counted.
        duration_stop: Ending = ["duration-stop", "durationStop"],
        /// Calls per second; 0 (default) or `max` calls as fast as `concurrency` allows.
        rps: Rps = ["rps"],
        /// How `rps` changes: `const` (default), `step`, or `line`: a step each second.
        load_schedule: Schedule = ["load-schedule", "loadSchedule"],
        /// Calls per second at the beginning of the schedule.
        load_start: u64 = ["load-start", "loadStart"],
        /// By how much each step changes them; may be negative.
        load_step: Step = ["load-step", "loadStep"],
        /// How long a step lasts.
        load_step_duration: Period = ["load-step-duration", "loadStepDuration"],
        /// Calls per second at which the steps end; they stay there.
        load_end: u64 = ["load-end", "loadEnd"],
        /// Time after which the steps end.
        load_max_duration: Period = ["load-max-duration", "loadMaxDuration"],
        /// Calls under way at a time, over all connections; default 50.
        concurrency: Count = ["concurrency"],
        /// How `concurrency` changes: `const` (default), `step`, or `line`: a step each second.
        concurrency_schedule: Schedule = ["concurrency-schedule", "concurrencySchedule"],
        /// Calls at a time at the beginning of the schedule; default 1.
        concurrency_start: u64 = ["concurrency-start", "concurrencyStart"],
        /// By how much each step changes them; may be negative.
        concurrency_step: Step = ["concurrency-step", "concurrencyStep"],
        /// How long a step lasts.
        concurrency_step_duration: Period = ["concurrency-step-duration", "concurrencyStepDuration"],
        /// Calls at a time at which the steps end; they stay there.
        concurrency_end: u64 = ["concurrency-end", "concurrencyEnd"],
        /// Time after which the steps end.
        concurrency_max_duration: Period = ["concurrency-max-duration", "concurrencyMaxDuration"],
        /// Connections, open before the first call; default 1. At most `concurrency`.
        connections: Count = ["connections"],
        /// Calls that are due wait for no other; default false: for one of `concurrency` to end.
        r#async: bool = ["async"],
        /// Calls that are sent first and not counted; default 0.
        skip_first: u64 = ["skipFirst", "skip-first"],
        /// Time after which a call counts as failed; default 20s. 0 is none.
        timeout: Period = ["timeout"],
    }
}

crate::fields! {
    /// How the server is reached.
    pub(super) struct ReachInput in "a `grpc` task" {
        /// Call without TLS; default true. With `cacert`, `cert`, `key` or `skipTLS` there is TLS nevertheless.
        insecure: bool = ["insecure"],
        /// File with certificates (PEM) that are trusted in addition to the system's; means TLS.
        cacert: Pem = ["cacert", "caCert", "ca-cert"],
        /// File with the client certificate (PEM); means TLS.
        cert: Pem = ["cert", "clientCert"],
        /// File with the key of the client certificate (PEM); means TLS.
        key: Pem = ["key", "clientKey"],
        /// Accept any certificate; default false; means TLS.
        skip_tls: bool = ["skipTLS", "skip-tls"],
        /// Name that the server's certificate must have, if it is not the host; also the authority.
        cname: String = ["cname"],
        /// `:authority` of the calls, if it is not the host; with TLS also the name that the certificate must have.
        authority: String = ["authority"],
        /// How long reflection waits for its connection; default 10s. Calls have `timeout`.
        connect_timeout: Period = ["connect-timeout", "connectTimeout"],
        /// After how long without a sign of the server it is asked for one; default never.
        keepalive: Period = ["keepalive", "keepAlive"],
        /// `round_robin` (default): connections take turns over the addresses of the host; `pick_first`: all go to the first
        /// that takes them.
        lb_strategy: Balance = ["lb-strategy", "lbStrategy"],
        /// URL of an HTTP proxy, or `none`; default from HTTP_PROXY, HTTPS_PROXY and NO_PROXY.
        proxy: ProxyInput = secret ["proxy"],
        /// Addresses to use instead of asking a name server, each `host:port:address`.
        resolve: Vec<OverrideInput> = ["resolve"],
    }
}

crate::fields! {
    /// What ghz needs and a task does not.
    pub(super) struct IdleInput in "a `grpc` task" {
        /// Accepted as in ghz; errors are always counted.
        count_errors: Anything = ["count-errors", "countErrors"],
        /// Accepted as in ghz; changes nothing.
        cpus: Anything = ["cpus"],
        /// Accepted as in ghz; changes nothing.
        name: Anything = ["name"],
        /// Accepted as in ghz; changes nothing.
        tags: Anything = ["tags"],
        /// Accepted as in ghz; changes nothing.
        debug: Anything = ["debug"],
        /// Accepted as in ghz; changes nothing.
        format: Anything = ["format"],
        /// Accepted as in ghz; changes nothing.
        output: Anything = ["output"],
    }
}

impl PaceInput {
    /// One rate, and nothing that leads to another.
    fn without_load_schedule(self) -> Self {
        Self {
            load_schedule: None,
            load_start: None,
            load_step: None,
            load_step_duration: None,
            load_end: None,
            load_max_duration: None,
            ..self
        }
    }

    /// The same of calls at a time.
    fn without_concurrency_schedule(self) -> Self {
        Self {
            concurrency_schedule: None,
            concurrency_start: None,
            concurrency_step: None,
            concurrency_step_duration: None,
            concurrency_end: None,
            concurrency_max_duration: None,
            ..self
        }
    }
}

/// A certificate or key; an empty path is none.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Pem(pub(super) Option<Source>);

impl crate::spec::Decode for Pem {
    const TYPE: &'static str = "path";

    fn schema() -> serde_json::Value {
        Source::schema()
    }

    fn decode(node: &crate::spec::Node, decoder: &mut Decoder<'_>) -> Option<Self> {
        let empty = matches!(&node.value, crate::spec::Value::String(text) if text.is_empty());
        if empty {
            return Some(Self(None));
        }
        Source::decode(node, decoder).map(|source| Self(Some(source)))
    }
}

/// The fields of a task, an endpoint or a version.
#[derive(Debug, Clone, Default, PartialEq)]
pub(in crate::tasks) struct GrpcFields {
    /// What is called.
    pub(super) call: CallInput,
    /// How often.
    pub(super) pace: PaceInput,
    /// Where.
    pub(super) reach: ReachInput,
    /// What changes nothing.
    pub(super) idle: IdleInput,
}

/// Makes nothing of what means nothing.
fn drop_if<T>(field: &mut Option<T>, means_nothing: impl Fn(&T) -> bool) {
    if field.as_ref().is_some_and(means_nothing) {
        *field = None;
    }
}

impl GrpcFields {
    /// Their documentation.
    pub(super) fn documented() -> Vec<&'static Field> {
        let all = [
            CallInput::FIELDS,
            PaceInput::FIELDS,
            ReachInput::FIELDS,
            IdleInput::FIELDS,
        ];
        all.into_iter().flatten().collect()
    }

    /// Reads them.
    pub(super) fn read(fields: &mut Fields, decoder: &mut Decoder<'_>) -> Self {
        let mut read = Self {
            call: CallInput::read(fields, decoder),
            pace: PaceInput::read(fields, decoder),
            reach: ReachInput::read(fields, decoder),
            idle: IdleInput::read(fields, decoder),
        };
        read.drop_zeros();
        read
    }

    fn drop_zeros(&mut self) {
        let Self {
            call, pace, reach, ..
        } = self;
        drop_if(&mut call.proto, |proto| *proto == ProtoFile::Nothing);
        for file in [
            &mut call.protoset,
            &mut call.data_file,
            &mut call.binary_file,
            &mut call.metadata_file,
        ] {
            drop_if(file, |file| *file == Fetch::Nothing);
        }
        for size in [&mut call.max_recv_message_size, &mut call.max_send_message_size] {
            drop_if(size, |size| size.0 == 0);
        }
        for period in [
            &mut call.stream_interval,
            &mut call.stream_call_duration,
            &mut pace.duration,
            &mut pace.max_duration,
            &mut pace.load_step_duration,
            &mut pace.load_max_duration,
            &mut pace.concurrency_step_duration,
            &mut pace.concurrency_max_duration,
            &mut reach.connect_timeout,
            &mut reach.keepalive,
        ] {
            drop_if(period, |period| period.0 == Duration::ZERO);
        }
        for number in [
            &mut call.stream_call_count,
            &mut pace.load_start,
            &mut pace.load_end,
            &mut pace.concurrency_start,
            &mut pace.concurrency_end,
            &mut pace.skip_first,
        ] {
            drop_if(number, |number| *number == 0);
        }
        for step in [&mut pace.load_step, &mut pace.concurrency_step] {
            drop_if(step, |step| step.0 == 0);
        }
        for file in [&mut reach.cacert, &mut reach.cert, &mut reach.key] {
            drop_if(file, |file| file.0.is_none());
        }
        for text in [&mut reach.cname, &mut reach.authority] {
            drop_if(text, |text| text.trim().is_empty());
        }
        drop_if(&mut reach.lb_strategy, |strategy| *strategy == Balance::Default);
    }

    /// What is given here, completed by the base. Fields that answer one question are one: who gives `duration` does not
    /// inherit `total`, nor the other way round.
    pub(super) fn or(self, base: &Self) -> Self {
        let mut left = base.clone();
        let (own, base) = (&self, &mut left);
        if own.pace.total.is_some() || own.pace.duration.is_some() {
            base.pace.total = None;
            base.pace.duration = None;
            base.pace.max_duration = None;
        }
        if own.call.proto.is_some() || own.call.protoset.is_some() {
            base.call.proto = None;
            base.call.protoset = None;
        }
        if own.call.data.is_some() || own.call.data_file.is_some() || own.call.binary_file.is_some() {
            base.call.data = None;
            base.call.data_file = None;
            base.call.binary_file = None;
        }
        if own.call.metadata_file.is_some() {
            base.call.metadata = None;
        }
        if own.call.metadata.is_some() {
            base.call.metadata_file = None;
        }
        if own.pace.rps.is_some() && own.pace.load_schedule.is_none() {
            base.pace = base.pace.clone().without_load_schedule();
        }
        if own.pace.concurrency.is_some() && own.pace.concurrency_schedule.is_none() {
            base.pace = base.pace.clone().without_concurrency_schedule();
        }
        let metadata = Metadata::merged(self.call.metadata.as_ref(), left.call.metadata.as_ref());
        let mut call = self.call.or(&left.call);
        call.metadata = metadata;
        Self {
            call,
            pace: self.pace.or(&left.pace),
            reach: self.reach.or(&left.reach),
            idle: self.idle.or(&left.idle),
        }
    }
}
