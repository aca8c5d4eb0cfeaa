//! [`connections`]: takes connections, and does with each call what it was told.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use http::request::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Request, Response};
use prost::Message as _;
use prost_reflect::{DynamicMessage, MethodDescriptor};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::sync::Notify;
use tokio_rustls::TlsAcceptor;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use super::reply::{Body, End};
use super::wire::{Incoming, framed, json, method};
use super::{Asked, Call, Reply, Shared};

/// Takes connections until the process ends.
pub(super) async fn connections(
    listener: std::net::TcpListener,
    tls: Option<TlsAcceptor>,
    shared: Arc<Shared>,
) {
    let listener = TcpListener::from_std(listener).expect("a listener");
    while let Ok((stream, _)) = listener.accept().await {
        stream.set_nodelay(true).expect("a socket");
        let number = shared.connections.fetch_add(1, Ordering::SeqCst);
        let (shared, tls) = (Arc::clone(&shared), tls.clone());
        let mut link = Link {
            number,
            server_name: None,
            hang_up: Arc::new(Notify::new()),
            shared,
        };
        tokio::spawn(async move {
            let Some(tls) = tls else {
                return link.serve(stream).await;
            };
            if let Ok(stream) = tls.accept(stream).await {
                link.server_name = stream.get_ref().1.server_name().map(str::to_owned);
                link.serve(stream).await;
            }
        });
    }
}

/// A connection.
#[derive(Clone)]
struct Link {
    number: usize,
    server_name: Option<String>,
    hang_up: Arc<Notify>,
    shared: Arc<Shared>,
}

impl Link {
    async fn serve(self, stream: impl AsyncRead + AsyncWrite + Unpin) {
        let mut builder = h2::server::Builder::new();
        builder.initial_window_size(1 << 20).max_concurrent_streams(2_000);
        let Ok(mut connection) = builder.handshake(stream).await else {
            return;
        };
        let mut taken = 0;
        loop {
            let next = tokio::select! {
                next = connection.accept() => next,
                () = self.hang_up.notified() => return,
            };
            let Some(Ok((request, respond))) = next else {
                return;
            };
            // Not of those for reflection, which are not part of a load.
            taken += usize::from(method(request.uri().path()).is_some());
            if taken > 0 && self.shared.goes_away_after == Some(taken) {
                connection.graceful_shutdown();
            }
            tokio::spawn(self.clone().stream(request, respond));
        }
    }

    async fn stream(self, request: Request<RecvStream>, mut respond: SendResponse<Bytes>) {
        let (head, body) = request.into_parts();
        let incoming = Incoming::new(body);
        let path = head.uri.path();
        let reflects = self.shared.reflection.answers(path);
        let serving = *self.shared.serving.lock().expect("no panic here");
        let health = serving.filter(|_| path == "/grpc.health.v1.Health/Check");
        if reflects || health.is_some() {
            self.shared.asked.lock().expect("no panic here").push(Asked {
                path: path.to_owned(),
                authority: head.uri.authority().map(ToString::to_string).unwrap_or_default(),
                headers: head.headers.clone(),
            });
        }
        if reflects {
            let reply = Reply::ok();
            let Some(mut outgoing) = begin(&mut respond, &reply) else {
                return;
            };
            self.shared.reflection.serve(incoming, &mut outgoing).await;
            finish(outgoing, &reply);
        } else if let Some(serving) = health {
            check(incoming, &mut respond, serving).await;
        } else if let Some(method) = method(path) {
            self.call(head, &method, incoming, respond).await;
        } else {
            refuse(
                &mut respond,
                &Reply::trailers_only(12, &format!("unknown method {path}")),
            );
        }
    }

    async fn call(
        self,
        head: Parts,
        method: &MethodDescriptor,
        mut incoming: Incoming,
        respond: SendResponse<Bytes>,
    ) {
        let number = self.note(head);
        let at_once = self.shared.at_once.fetch_add(1, Ordering::SeqCst) + 1;
        self.shared.most_at_once.fetch_max(at_once, Ordering::SeqCst);
        let both = method.is_client_streaming() && method.is_server_streaming();
        let mut messages = Vec::new();
        let mut reset = None;
        while !both && reset.is_none() {
            match self.next(number, method, &mut incoming).await {
                Ok(Some(message)) => messages.push(message),
                Ok(None) => break,
                Err(reason) => reset = Some(reason),
            }
        }
        if reset.is_none() {
            let reply = {
                let calls = self.shared.calls.lock().expect("no panic here");
                (self.shared.handler)(&calls[number])
            };
            let mut answer = Answer {
                link: &self,
                number,
                method,
                reply,
            };
            reset = answer
                .give(messages, both.then_some(incoming), respond)
                .await
                .err();
        }
        if let Some(reason) = reset {
            self.edit(number, |call| call.reset = Some(reason.into()));
        }
        self.shared.at_once.fetch_sub(1, Ordering::SeqCst);
    }

    /// Keeps a call that has begun; its number.
    fn note(&self, head: Parts) -> usize {
        let mut calls = self.shared.calls.lock().expect("no panic here");
        let number = calls.len();
        calls.push(Call {
            number,
            connection: self.number,
            path: head.uri.path().to_owned(),
            authority: head.uri.authority().map(ToString::to_string).unwrap_or_default(),
            server_name: self.server_name.clone(),
            headers: head.headers,
            ..Call::default()
        });
        number
    }

    fn edit(&self, number: usize, edit: impl FnOnce(&mut Call)) {
        edit(&mut self.shared.calls.lock().expect("no panic here")[number]);
    }

    /// The next message of a call, which is kept.
    async fn next(
        &self,
        number: usize,
        method: &MethodDescriptor,
        incoming: &mut Incoming,
    ) -> Result<Option<DynamicMessage>, Reason> {
        let Some(came) = incoming.next().await? else {
            self.edit(number, |call| call.complete = true);
            return Ok(None);
        };
        let message = DynamicMessage::decode(method.input(), came.bytes).expect("a message of the method");
        self.edit(number, |call| {
            call.messages.push(json(&message));
            call.compressed += usize::from(came.compressed);
        });
        Ok(Some(message))
    }
}

/// A call that is answered.
struct Answer<'a> {
    link: &'a Link,
    number: usize,
    method: &'a MethodDescriptor,
    reply: Reply,
}

impl Answer<'_> {
    /// Answers; an error is the code with which the client ended the stream.
    async fn give(
        &mut self,
        messages: Vec<DynamicMessage>,
        incoming: Option<Incoming>,
        mut respond: SendResponse<Bytes>,
    ) -> Result<(), Reason> {
        tokio::select! {
            () = tokio::time::sleep(self.reply.delay) => {}
            reset = std::future::poll_fn(|context| respond.poll_reset(context)) => {
                return Err(reset.unwrap_or(Reason::INTERNAL_ERROR));
            }
        }
        if matches!(self.reply.body, Body::TrailersOnly) {
            refuse(&mut respond, &self.reply);
            return Ok(());
        }
        let Some(mut outgoing) = begin(&mut respond, &self.reply) else {
            return Err(Reason::CANCEL);
        };
        match (&self.reply.body, incoming) {
            (Body::Bytes(bytes), _) => send(&mut outgoing, bytes.clone()),
            (_, Some(incoming)) => self.echo(incoming, &mut outgoing).await?,
            (_, None) => self.send_all(self.answers(messages), &mut outgoing).await?,
        }
        match self.reply.end {
            End::HangUp => {
                // What was said before must be on its way.
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                self.link.hang_up.notify_one();
                // A stream that is dropped before its connection would be reset first.
                let _ = reset(&mut outgoing).await;
            }
            End::Never => return Err(reset(&mut outgoing).await),
            End::Status { .. } | End::NoStatus { .. } | End::Reset(_) => finish(outgoing, &self.reply),
        }
        Ok(())
    }

    /// What a method that has read all its messages answers with.
    fn answers(&self, mut messages: Vec<DynamicMessage>) -> Vec<DynamicMessage> {
        if self.method.is_client_streaming() {
            let items = messages.iter().filter_map(|message| {
                message
                    .get_field_by_name("item")
                    .map(std::borrow::Cow::into_owned)
            });
            let items = prost_reflect::Value::List(items.collect());
            let mut summary = DynamicMessage::new(self.method.output());
            let count = i32::try_from(messages.len()).expect("few messages");
            summary.set_field_by_name("count", prost_reflect::Value::I32(count));
            summary.set_field_by_name("items", items);
            return vec![summary];
        }
        let Some(order) = messages.pop() else {
            return Vec::new();
        };
        let amount = order.get_field_by_name("amount").and_then(|value| value.as_i32());
        let count = if self.method.is_server_streaming() {
            usize::try_from(amount.unwrap_or(0)).unwrap_or(0)
        } else {
            1
        };
        vec![order; count]
    }

    async fn send_all(
        &self,
        messages: Vec<DynamicMessage>,
        outgoing: &mut SendStream<Bytes>,
    ) -> Result<(), Reason> {
        for (index, message) in messages.into_iter().enumerate() {
            if index > 0 && !self.reply.gap.is_zero() {
                tokio::select! {
                    () = tokio::time::sleep(self.reply.gap) => {}
                    reason = reset(outgoing) => return Err(reason),
                }
            }
            send(outgoing, framed(&message.encode_to_vec()).into());
        }
        Ok(())
    }

    async fn echo(&self, mut incoming: Incoming, outgoing: &mut SendStream<Bytes>) -> Result<(), Reason> {
        while let Some(message) = self.link.next(self.number, self.method, &mut incoming).await? {
            tokio::time::sleep(self.reply.gap).await;
            send(outgoing, framed(&message.encode_to_vec()).into());
        }
        Ok(())
    }
}

async fn check(mut incoming: Incoming, respond: &mut SendResponse<Bytes>, serving: bool) {
    let Ok(Some(came)) = incoming.next().await else {
        return;
    };
    let request = HealthCheckRequest::decode(came.bytes).expect("a health check");
    if !["", "shop.v1.Shop"].contains(&request.service.as_str()) {
        return refuse(respond, &Reply::trailers_only(5, "unknown service"));
    }
    let answer = HealthCheckResponse {
        status: if serving { 1 } else { 2 },
    };
    let reply = Reply::ok();
    if let Some(mut outgoing) = begin(respond, &reply) {
        send(&mut outgoing, framed(&answer.encode_to_vec()).into());
        finish(outgoing, &reply);
    }
}

/// The code with which the client ends the stream.
async fn reset(outgoing: &mut SendStream<Bytes>) -> Reason {
    std::future::poll_fn(|context| outgoing.poll_reset(context))
        .await
        .unwrap_or(Reason::INTERNAL_ERROR)
}

fn head(reply: &Reply) -> Response<()> {
    let mut head = Response::builder().status(reply.http);
    for (name, value) in &reply.headers {
        head = head.header(*name, value);
    }
    head.body(()).expect("a valid answer")
}

fn begin(respond: &mut SendResponse<Bytes>, reply: &Reply) -> Option<SendStream<Bytes>> {
    respond.send_response(head(reply), false).ok()
}

/// Whatever the window: what does not fit waits.
fn send(outgoing: &mut SendStream<Bytes>, bytes: Bytes) {
    // A client that has gone is what some tests are about.
    let _ = outgoing.send_data(bytes, false);
}

fn trailers(reply: &Reply) -> HeaderMap {
    let mut trailers = HeaderMap::new();
    let mut add = |name: &'static str, value: &str| {
        let value = HeaderValue::from_str(value).expect("a valid value");
        trailers.append(HeaderName::from_static(name), value);
    };
    if let End::Status { code, message } = &reply.end {
        add("grpc-status", &code.to_string());
        if !message.is_empty() {
            add("grpc-message", &percent_encoded(message));
        }
    }
    for (name, value) in &reply.trailers {
        add(name, value);
    }
    trailers
}

/// As `grpc-message` is written.
fn percent_encoded(message: &str) -> String {
    let plain = |byte: u8| (0x20..0x7f).contains(&byte) && byte != b'%';
    let mut encoded = String::new();
    for byte in message.bytes() {
        if plain(byte) {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    encoded
}

fn finish(mut outgoing: SendStream<Bytes>, reply: &Reply) {
    let done = match reply.end {
        End::Reset(reason) => {
            outgoing.send_reset(reason);
            Ok(())
        }
        End::NoStatus { trailers: false } => outgoing.send_data(Bytes::new(), true),
        End::Status { .. } | End::NoStatus { .. } | End::HangUp | End::Never => {
            outgoing.send_trailers(trailers(reply))
        }
    };
    // The same.
    let _ = done;
}

/// Headers that are the whole answer.
fn refuse(respond: &mut SendResponse<Bytes>, reply: &Reply) {
    let mut head = head(reply);
    head.headers_mut().extend(trailers(reply));
    let _ = respond.send_response(head, true);
}
