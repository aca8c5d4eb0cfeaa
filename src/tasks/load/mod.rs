//! What all tasks that send a load share: endpoints, versions side by side, an early end, and what makes numbers doubtful.
//! A protocol is a [`LoadKind`], and every one of those is a kind of task.

mod appointment;
pub(super) mod batch;
pub(super) mod command;
pub(super) mod input;
pub(super) mod pace;
mod part;
mod task;
mod trust;
pub(super) mod versions;
mod walls;
mod watch;

use std::fmt::Debug;

use futures_util::future::BoxFuture;
use tokio_util::sync::CancellationToken;
use url::Url;

use super::inputs::Places;
use super::ready::Form;
use super::{RunContext, Task, TaskError, TaskKind};
use crate::load::{LoadError, Mix, Onlooker, Pace, Plan, Pool, Ran};
use crate::metrics::Protocol;
use crate::secret::Mask;
use crate::spec::{Decode, Decoder, Field, Fields, Node};

pub(super) use part::Checked;
pub use watch::{Watch, Watched};

/// How a kind of load calls its fields.
#[derive(Debug, Clone, Copy)]
pub(super) struct Words {
    /// What is sent, in the singular.
    pub(super) request: &'static str,
    /// Where requests go.
    pub(super) target: &'static str,
    /// In which form.
    pub(super) form: Form,
    /// How many are sent.
    pub(super) count: &'static str,
    /// How fast they are sent.
    pub(super) rate: &'static str,
    /// As fast as possible, as a user writes it.
    pub(super) free: &'static str,
    /// All that say when requests are sent: those of one load have them in common.
    pub(super) pace: &'static [&'static str],
}

/// Who a load is for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Whose<'a> {
    /// Who must say where to send, if nobody else does; `None` if somebody tried and failed.
    pub(super) called: Option<&'a str>,
}

/// A kind of task that sends a load by one protocol.
pub(super) trait LoadKind: Debug + Clone + Default + PartialEq + Send + Sync + 'static {
    /// As after `task:`; metrics begin with it.
    const NAME: &'static str;
    /// The article before its name.
    const ARTICLE: &'static str;
    /// What it does, in one sentence.
    const ABOUT: &'static str;
    /// Whose metrics it measures.
    const PROTOCOL: Protocol;
    /// How it calls its fields.
    const WORDS: Words;
    /// The field with the target of the version to compare with.
    const BASELINE: Field;

    /// Fields that a task, an endpoint and a version have, all optional.
    type Fields: Debug + Clone + PartialEq + Send + Sync;
    /// Where requests go.
    type Target: Decode + Debug + Clone + PartialEq + Send + Sync;
    /// What one version of one endpoint sends, checked.
    type Call: Send + Sync;
    /// The same, with all that is read or downloaded before the load.
    type Ready: Send + Sync;

    /// Documentation of the fields.
    fn fields() -> Vec<&'static Field>;
    /// JSON Schemas of the fields.
    fn schemas() -> Vec<serde_json::Value>;
    /// Reads the fields that a map has.
    fn read(fields: &mut Fields, decoder: &mut Decoder<'_>) -> Self::Fields;
    /// What is given, completed by a base. Fields that answer one question are one.
    fn or(own: Self::Fields, base: &Self::Fields) -> Self::Fields;
    /// Nothing but where to send.
    fn aimed(target: &Self::Target) -> Self::Fields;
    /// The fields of a version for an endpoint that may say itself where to send.
    fn moved(version: &Self::Fields, endpoint: &Self::Fields) -> Self::Fields;
    /// The fields of [`Words::pace`] that differ.
    fn differences(one: &Self::Fields, other: &Self::Fields) -> Vec<&'static str>;
    /// Checks what only shows when the fields are seen together. All of it is looked at, so that every mistake is listed.
    fn check(
        whose: Whose<'_>,
        fields: &Self::Fields,
        places: Places<'_>,
        decoder: &mut Decoder<'_>,
    ) -> Option<Checked<Self>>;

    /// A plan in words, its connections included.
    fn describe(plan: &Plan, pool: &Pool) -> String;
    /// Why a due request had to wait, in words that follow `because`.
    fn busy(pool: &Pool, pace: &Pace) -> String;
    /// Where a call goes.
    fn url(call: &Self::Call) -> &Url;
    /// The same for people.
    fn target(call: &Self::Call) -> String;
    /// The proxy that it goes through, without credentials.
    fn proxy(call: &Self::Call) -> Option<String>;

    /// Fetches everything that a call needs before the first one is sent.
    fn prepare<'a>(
        call: &'a Self::Call,
        pool: &'a Pool,
        context: &'a RunContext,
    ) -> BoxFuture<'a, Result<Self::Ready, TaskError>>;
    /// Sends the load to all parts at the same time and measures each.
    fn run<'a>(
        plan: &'a Plan,
        mix: &'a Mix,
        parts: &'a [Self::Ready],
        shutdown: &'a CancellationToken,
        onlooker: Onlooker,
    ) -> BoxFuture<'a, Result<Ran, LoadError>>;
    /// A command that sends one request of a part, on a single line.
    fn reproduce(part: &Self::Ready, mask: &Mask) -> String;
}

impl<K: LoadKind> TaskKind for K {
    fn name(&self) -> &'static str {
        K::NAME
    }

    fn about(&self) -> &'static str {
        K::ABOUT
    }

    fn fields(&self) -> Vec<&'static Field> {
        input::fields::<K>()
    }

    fn loads(&self) -> bool {
        true
    }

    fn schema(&self) -> serde_json::Value {
        input::LoadInput::<K>::schema()
    }

    fn parse(&self, with: &Node, decoder: &mut Decoder<'_>) -> Option<Box<dyn Task>> {
        task::parse::<K>(with, decoder)
    }
}
