//! Health.

use std::time::Duration;

use http::{HeaderMap, Response};
use tonic::body::Body;
use tonic_health::ServingStatus;
use tonic_health::server::health_reporter;

use super::super::channel::CallError;
use super::super::health::{Health, check};
use super::server::{Services, start};
use super::{PATIENCE, channel};

#[tokio::test]
async fn a_server_says_how_its_services_are() {
    let (reporter, service) = health_reporter();
    let server = start(Services::default().with(service), None).await;
    let channel = channel(&server).await;
    let metadata = HeaderMap::new();
    let ask = async |name| check(&channel, name, &metadata, PATIENCE).await;
    assert_eq!(ask("").await, Ok(Health::Serving));
    assert_eq!(ask("shop.Cart").await, Ok(Health::NoSuchService));
    for (set, seen) in [
        (ServingStatus::NotServing, Health::NotServing),
        (ServingStatus::Serving, Health::Serving),
        (ServingStatus::Unknown, Health::Unknown),
    ] {
        reporter.set_service_status("shop.Cart", set).await;
        assert_eq!(ask("shop.Cart").await, Ok(seen));
    }
}

#[tokio::test]
async fn a_server_without_health_checks_is_not_taken_for_a_sick_one() {
    let server = start(Services::default(), None).await;
    let channel = channel(&server).await;
    let health = check(&channel, "", &HeaderMap::new(), PATIENCE).await;
    assert_eq!(health, Ok(Health::Unimplemented));
}

#[tokio::test]
async fn other_answers_are_errors() {
    let refused = || tonic::Status::unauthenticated("who are you?").into_http();
    let server = start(Services::default().always(refused), None).await;
    let answer = check(&channel(&server).await, "", &HeaderMap::new(), PATIENCE).await;
    let error = answer.expect_err("refused");
    assert_eq!(error.to_string(), "UNAUTHENTICATED: who are you?");

    let page = || {
        let mut page = Response::new(Body::empty());
        *page.status_mut() = http::StatusCode::BAD_GATEWAY;
        page.headers_mut()
            .insert("content-type", "text/html".parse().expect("a value"));
        page
    };
    let server = start(Services::default().always(page), None).await;
    let answer = check(&channel(&server).await, "", &HeaderMap::new(), PATIENCE).await;
    assert_eq!(
        answer.expect_err("a page").to_string(),
        "it answers with HTTP status 502 (text/html), not with gRPC"
    );
}

#[tokio::test]
async fn details_that_are_no_base64_do_no_harm() {
    let answer = || {
        let mut answer: Response<Body> = tonic::Status::not_found("").into_http();
        let details = "!!".parse().expect("a value");
        answer.headers_mut().insert("grpc-status-details-bin", details);
        answer
    };
    let server = start(Services::default().always(answer), None).await;
    let health = check(&channel(&server).await, "", &HeaderMap::new(), PATIENCE).await;
    assert_eq!(health, Ok(Health::NoSuchService));
}

#[tokio::test]
async fn a_server_that_never_answers_is_not_waited_for_longer_than_asked() {
    let server = start(Services::default().silent(), None).await;
    let patience = Duration::from_millis(300);
    let answer = check(&channel(&server).await, "", &HeaderMap::new(), patience).await;
    assert_eq!(answer, Err(CallError::TimedOut(patience)));
    assert_eq!(server.heads()[0].headers["grpc-timeout"], "300000u");
}
