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
mod runner;
mod turn;

pub(crate) use app::{App, Output, Running, Together, plain};
pub(crate) use certificate::{Certificate, Flaw};
pub(crate) use cluster::{Cluster, Namespace, cluster, waiting};
pub(crate) use door::Door;
pub(crate) use external::find;
pub(crate) use faulty::Faulty;
pub(crate) use frames::{frame, setting, speaking};
pub(crate) use github::{Fault, GitHub, HEAD, MERGE, PERSON, TOKEN};
pub(crate) use gitlab::{GitLab, MAINTAINER, PROJECT_TOKEN, READER, TIP};
pub(crate) use grpc::{
    ADDRESS_PROTO, Call, Grpc, Known, Reflection, Reply, SHOP_PROTO, framed, free_port, protoset,
};
pub(crate) use http::{Answer, Seen, Server};
pub(crate) use load::{example, judged_calls, judged_load, measured, metric};
pub(crate) use nginx::Nginx;
pub(crate) use parallel::each;
pub(crate) use prometheus::Prometheus;
pub(crate) use runner::{commands, outputs};
