//! What the end-to-end tests stand on: the program itself, real servers on loopback, and programs that may be installed.

mod app;
mod certificate;
mod cluster;
mod deployments;
mod door;
mod external;
mod faulty;
mod frames;
mod git;
mod github;
mod gitlab;
mod grpc;
mod http;
mod load;
mod nginx;
mod parallel;
mod prometheus;
mod relay;
mod runner;
mod turn;
mod tutorial;

pub(crate) use app::{App, Output, Running, Together, plain};
pub(crate) use certificate::{Certificate, Flaw};
pub(crate) use cluster::{Cluster, Namespace, cluster, revision, waiting};
pub(crate) use door::Door;
pub(crate) use external::find;
pub(crate) use faulty::Faulty;
pub(crate) use frames::{frame, setting, speaking};
pub(crate) use github::{Fault, GitHub, HEAD, MERGE, PERSON, TOKEN};
pub(crate) use gitlab::{GitLab, MAINTAINER, PROJECT_TOKEN, READER, TIP};
pub(crate) use grpc::{
    ADDRESS_PROTO, Call, Grpc, INFERENCE_PROTO, Known, Reflection, Reply, SHOP_PROTO, framed, free_port,
    protoset,
};
pub(crate) use http::{Answer, Seen, Server};
pub(crate) use load::{BUSY, example, judged_calls, judged_load, measured, metric};
pub(crate) use nginx::Nginx;
pub(crate) use parallel::each;
pub(crate) use prometheus::Prometheus;
pub(crate) use relay::{Relay, is_change, kubeconfig};
pub(crate) use runner::{commands, outputs};
pub(crate) use tutorial::Tutorial;
