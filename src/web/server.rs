//! Serving a router over bounded HTTP/1.1 connections.

use crate::limits;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Pause after an error of `accept` (out of file descriptors, mostly), so that it does not spin.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves `routes` until `shutdown`; then finishes the requests under way and returns.
pub async fn serve(listener: TcpListener, routes: Router, shutdown: CancellationToken) {
    let routes =
        routes.layer(DefaultBodyLimit::max(limits::MAX_HTTP_BODY)).layer(middleware::from_fn(bounded));
    let places = Arc::new(Semaphore::new(limits::MAX_HTTP_CONNECTIONS));
    let connections = TaskTracker::new();
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { break };
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                let (routes, shutdown) = (routes.clone(), shutdown.clone());
                connections.spawn(async move {
                    connection(stream, routes, shutdown).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "an HTTP connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    connections.close();
    // Requests under way are bounded each; whoever does not read his answer is left behind.
    drop(tokio::time::timeout(limits::HTTP_REQUEST_TIMEOUT, connections.wait()).await);
}

async fn connection(stream: TcpStream, routes: Router, shutdown: CancellationToken) {
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits::HTTP_HEADER_TIMEOUT)
        .max_headers(limits::MAX_HTTP_HEADERS)
        .max_buf_size(limits::MAX_HTTP_BUFFER)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(routes));
    let mut served = pin!(served);
    let mut lifetime = pin!(tokio::time::sleep(limits::HTTP_CONNECTION_LIFETIME));
    let ended = tokio::select! {
        ended = served.as_mut() => ended,
        () = lifetime.as_mut() => return,
        () = shutdown.cancelled() => {
            served.as_mut().graceful_shutdown();
            tokio::select! {
                ended = served.as_mut() => ended,
                () = tokio::time::sleep(limits::HTTP_REQUEST_TIMEOUT) => return,
            }
        }
    };
    if let Err(error) = ended {
        tracing::debug!(%error, "an HTTP connection ended early");
    }
}

/// Bounds the time of one request and sets the headers that every answer carries.
async fn bounded(request: Request, next: Next) -> Response {
    let mut response = match tokio::time::timeout(limits::HTTP_REQUEST_TIMEOUT, next.run(request)).await {
        Ok(response) => response,
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the answer took too long\n").into_response(),
    };
    let nosniff = HeaderValue::from_static("nosniff");
    response.headers_mut().insert(header::X_CONTENT_TYPE_OPTIONS, nosniff);
    response
}

#[cfg(test)]
mod tests {
    use super::super::{Dependencies, DependencyState, Readiness, health_routes, metrics_routes};
    use super::*;
    use async_trait::async_trait;
    use std::net::SocketAddr;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    struct Fixed(Dependencies);

    #[async_trait]
    impl Readiness for Fixed {
        async fn dependencies(&self) -> Dependencies {
            self.0.clone()
        }
    }

    struct Hanging;

    #[async_trait]
    impl Readiness for Hanging {
        async fn dependencies(&self) -> Dependencies {
            std::future::pending().await
        }
    }

    async fn started(routes: Router) -> (SocketAddr, CancellationToken, tokio::task::JoinHandle<()>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, stop) = (listener.local_addr().unwrap(), CancellationToken::new());
        let task = tokio::spawn(serve(listener, routes, stop.clone()));
        (address, stop, task)
    }

    async fn exchange(address: SocketAddr, request: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        // A refused request may end in a reset: what came before it counts.
        drop(stream.read_to_end(&mut answer).await);
        String::from_utf8(answer).unwrap()
    }

    async fn get(address: SocketAddr, path: &str) -> String {
        exchange(address, &format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")).await
    }

    #[tokio::test]
    async fn readiness_follows_what_mail_needs() {
        use DependencyState::{Absent, Degraded, Failed, Ok};
        let well = Dependencies {
            database: Ok,
            redis: Absent,
            objects: Ok,
            keys: Ok,
            book: Ok,
            backup: None,
            pinned: std::collections::BTreeMap::new(),
            pinned_backup_age_seconds: std::collections::BTreeMap::new(),
            draining: false,
        };
        let rows = [
            ("all well", well.clone(), "200 OK", "\"ready\":true"),
            (
                "redis away",
                Dependencies { redis: Degraded, ..well.clone() },
                "200 OK",
                "\"redis\":\"degraded\"",
            ),
            (
                "database away",
                Dependencies { database: Failed, ..well.clone() },
                "503",
                "\"database\":\"failed\"",
            ),
            (
                "objects away",
                Dependencies { objects: Degraded, ..well.clone() },
                "200 OK",
                "\"objects\":\"degraded\"",
            ),
            ("no keys", Dependencies { keys: Failed, ..well.clone() }, "503", "\"keys\":\"failed\""),
            ("draining", Dependencies { draining: true, ..well.clone() }, "503", "\"draining\":true"),
        ];
        for (name, dependencies, status, body) in rows {
            let (address, stop, task) = started(health_routes(Arc::new(Fixed(dependencies)))).await;
            let answer = get(address, "/readyz").await;
            assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{name}: {answer}");
            assert!(answer.contains(body), "{name}: {answer}");
            assert!(get(address, "/healthz").await.ends_with("ok\n"), "{name}");
            assert!(get(address, "/metrics").await.starts_with("HTTP/1.1 404"), "{name}");
            stop.cancel();
            task.await.unwrap();
            assert!(TcpStream::connect(address).await.is_err(), "{name}: still listens");
        }
    }

    #[tokio::test]
    async fn metrics_are_served_as_prometheus_text() {
        let (address, stop, task) = started(metrics_routes()).await;
        let answer = get(address, "/metrics").await;
        assert!(answer.contains("text/plain; version=0.0.4"), "{answer}");
        assert!(answer.contains("sentra_smtp_sessions"), "{answer}");
        stop.cancel();
        task.await.unwrap();
    }

    #[tokio::test]
    async fn oversized_requests_are_refused() {
        let (address, stop, task) = started(metrics_routes()).await;
        let many = "X-A: b\r\n".repeat(limits::MAX_HTTP_HEADERS + 1);
        let answer = exchange(address, &format!("GET /metrics HTTP/1.1\r\nHost: x\r\n{many}\r\n")).await;
        assert!(answer.starts_with("HTTP/1.1 431"), "{answer}");
        stop.cancel();
        task.await.unwrap();
    }

    #[tokio::test]
    async fn a_dependency_that_hangs_is_given_up() {
        let (address, stop, task) = started(health_routes(Arc::new(Hanging))).await;
        let answer = get(address, "/readyz").await;
        assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("in time"), "{answer}");
        stop.cancel();
        task.await.unwrap();
    }
}
