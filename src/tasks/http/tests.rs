//! The task against servers that do not behave.

use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use tokio::net::TcpListener;
use tokio::time::timeout;

use super::input_tests::loads;
use crate::load::LoadError;
use crate::load::http::{Mistake, Place, Problem};
use crate::net::resolve::ResolveError;
use crate::results::{Environment, ExperimentResult, SourceInfo};
use crate::secret::Mask;
use crate::spec::{Decoder, Experiment, Node, SourceFile};
use crate::tasks::{Pipeline, Reach, RunContext};

#[tokio::test]
async fn a_stop_does_not_wait_for_a_payload_that_hangs() {
    // Connections are made, and nobody answers.
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bind");
    let address = listener.local_addr().expect("address");
    let text = format!(
        "spec:\n- task: http\n  with:\n    url: http://{address}/\n    payloadURL: http://{address}/payload\n    proxy: none\n"
    );
    let source = SourceFile::new("experiment.yaml", text);
    let root = Node::parse(&source).expect("YAML");
    let nothing = |_: &str| None;
    let mut decoder = Decoder::new(&source, Path::new("."), &nothing, Mask::default());
    let experiment = Experiment::read(&root, &mut decoder).expect("an experiment");
    let pipeline = Pipeline::build(&experiment, &mut decoder).expect("a pipeline");
    let context = RunContext::silent();
    let so_far = ExperimentResult::new(
        SourceInfo::default(),
        Environment::default(),
        Timestamp::UNIX_EPOCH,
    );
    let running = pipeline.steps[0].task.run(&context, &so_far);
    let (result, ()) = tokio::join!(timeout(Duration::from_secs(4), running), async {
        listener.accept().await.expect("the download begins");
        context.shutdown.cancel();
    });
    let error = result.expect("ends soon").expect_err("stopped");
    assert!(
        error.message.starts_with("stopped while downloading the payload"),
        "{}",
        error.message
    );
}

#[test]
fn a_container_is_named_once_and_only_where_an_address_was_not_found() {
    let batches = loads("url: http://localhost/\nbaselineURL: http://127.0.0.1/\n");
    let context = RunContext {
        reach: Reach::Container,
        ..RunContext::silent()
    };
    let hints = |error: &LoadError| {
        let told = batches[0].explain(error, &context).message;
        told.matches("inside a container").count()
    };
    assert_eq!(hints(&ResolveError::NotFound("localhost".into()).into()), 1);
    let placeholder = Mistake {
        place: Place::Url,
        problem: Problem::Host("a".into()),
    };
    assert_eq!(hints(&LoadError::Placeholders(vec![placeholder])), 0);
}
