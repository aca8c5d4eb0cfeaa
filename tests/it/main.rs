//! End-to-end tests: the real program against real servers on loopback, a module per behaviour.

mod support;

mod action;
mod bad_input;
mod browser;
mod closing;
mod comment;
mod comment_faults;
mod compression;
mod connections;
mod data;
mod demo;
mod examples;
mod exit_codes;
mod faults;
mod grpc_faults;
mod grpc_ghz;
mod grpc_keys;
mod grpc_load;
mod grpc_messages;
mod grpc_ready;
mod grpc_run;
mod grpc_servers;
mod grpc_streams;
mod grpc_support;
mod grpc_templates;
mod http2;
mod keep_alive;
mod run;
mod secrets;
mod silent_passes;
mod status;
mod stored;
mod unusual;
mod versions;
mod walls;
