//! `/healthz`, `/readyz` and `/metrics`.

use crate::limits;
use crate::ports::BackupAges;
use crate::telemetry::metrics;
use async_trait::async_trait;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Json, Router};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// State of one dependency.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum DependencyState {
    /// Answers.
    Ok,
    /// Not configured, and not needed.
    Absent,
    /// Does not answer, and we go on without: slower, or (objects) deferring only what must be held.
    Degraded,
    /// Does not answer, and mail can't be decided without.
    Failed,
}

/// What the gateway depends on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Dependencies {
    /// Organisations, quarantine, record.
    pub database: DependencyState,
    /// The shared cache.
    pub redis: DependencyState,
    /// The bodies of held mail.
    pub objects: DependencyState,
    /// The organisations' keys.
    pub keys: DependencyState,
    /// The organisations, cached whole.
    pub book: DependencyState,
    /// Organisations with a database of their own, by id: one that is away defers that organisation's mail alone, and is
    /// no reason to send the others' elsewhere.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub pinned: BTreeMap<String, DependencyState>,
    /// Seconds since the newest backup of each of those databases, by the organisation's id; null: there is none.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub pinned_backup_age_seconds: BTreeMap<String, Option<u64>>,
    /// How old backups of the main database are; left out where none are configured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub backup: Option<BackupAges>,
    /// Whether the server is shutting down.
    pub draining: bool,
}

impl Dependencies {
    /// Whether mail should be sent here.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        let needed = [self.database, self.redis, self.objects, self.keys, self.book];
        !self.draining && !needed.contains(&DependencyState::Failed)
    }
}

/// Knows how the dependencies are.
#[async_trait]
pub trait Readiness: Send + Sync + 'static {
    /// Asks each; called once per request to `/readyz` and given `limits::READINESS_TIMEOUT`.
    async fn dependencies(&self) -> Dependencies;
}

#[derive(Serialize)]
struct ReadyPage {
    ready: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'static str>,
    #[serde(flatten)]
    dependencies: Option<Dependencies>,
}

/// `/healthz` (the process lives) and `/readyz` (its dependencies, 200 or 503).
pub fn health_routes(readiness: Arc<dyn Readiness>) -> Router {
    Router::new().route("/healthz", get(alive)).route("/readyz", get(ready)).with_state(readiness)
}

/// `/metrics`, for the metrics listener.
pub fn metrics_routes() -> Router {
    Router::new().route("/metrics", get(prometheus))
}

async fn alive() -> &'static str {
    "ok\n"
}

async fn ready(State(readiness): State<Arc<dyn Readiness>>) -> Response {
    let answer = tokio::time::timeout(limits::READINESS_TIMEOUT, readiness.dependencies()).await;
    let page = match answer {
        Ok(dependencies) => {
            ReadyPage { ready: dependencies.is_ready(), error: None, dependencies: Some(dependencies) }
        }
        Err(_) => {
            ReadyPage { ready: false, error: Some("a dependency did not answer in time"), dependencies: None }
        }
    };
    let status = if page.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, [(header::CACHE_CONTROL, "no-store")], Json(page)).into_response()
}

async fn prometheus() -> Response {
    let kind = "text/plain; version=0.0.4; charset=utf-8";
    ([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-store")], metrics::render()).into_response()
}
