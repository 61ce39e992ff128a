//! Asking a ledger over HTTP: deadlines, bounded answers, patience with "too many requests".

use super::SourceError;
use crate::limits;
use reqwest::header::RETRY_AFTER;
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use std::time::Duration;

/// A client that follows no redirect: an answer from elsewhere is not the ledger's.
pub(super) fn client() -> Result<Client, SourceError> {
    Client::builder()
        .user_agent(concat!("sentra/", env!("CARGO_PKG_VERSION")))
        .redirect(Policy::none())
        .connect_timeout(limits::CONNECT_TIMEOUT)
        .timeout(limits::SYNC_REQUEST_TIMEOUT)
        .build()
        .map_err(|error| failed(&error))
}

/// Why a request failed, without its address, which may hold a code.
pub(super) fn failed(error: &reqwest::Error) -> SourceError {
    let what = if error.is_timeout() {
        "it did not answer in time"
    } else if error.is_connect() {
        "no connection, or no trusted certificate"
    } else {
        "the answer broke off"
    };
    SourceError::Unavailable(what.to_owned())
}

/// Sends a request until it is answered by something else than "later".
pub(super) async fn send(request: impl Fn() -> RequestBuilder) -> Result<Response, SourceError> {
    let mut waited = Duration::ZERO;
    for attempt in 0..limits::SYNC_ATTEMPTS {
        let answer = request().send().await;
        let (why, pause) = match answer {
            Ok(answer)
                if answer.status() == StatusCode::TOO_MANY_REQUESTS || answer.status().is_server_error() =>
            {
                (format!("it answers {}", answer.status().as_u16()), pause(&answer, attempt))
            }
            Ok(answer) => return Ok(answer),
            Err(error) => (failed(&error).to_string(), backoff(attempt)),
        };
        waited = waited.saturating_add(pause);
        if waited > limits::SYNC_PATIENCE || attempt.saturating_add(1) == limits::SYNC_ATTEMPTS {
            return Err(SourceError::Unavailable(why));
        }
        tokio::time::sleep(pause).await;
    }
    Err(SourceError::Unavailable("no attempt was made".to_owned()))
}

fn backoff(attempt: u32) -> Duration {
    limits::SYNC_RETRY_FIRST.saturating_mul(1_u32.checked_shl(attempt).unwrap_or(u32::MAX))
}

/// What the server asks for (RFC 9110 10.2.3, in seconds), else our own.
fn pause(answer: &Response, attempt: u32) -> Duration {
    let asked = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok());
    asked.and_then(|text| text.trim().parse().ok()).map_or_else(|| backoff(attempt), Duration::from_secs)
}

/// The body of an answer, up to `limits::MAX_SYNC_PAGE` octets.
pub(super) async fn body(mut answer: Response) -> Result<Vec<u8>, SourceError> {
    let mut out = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| failed(&error))? {
        if out.len().saturating_add(chunk.len()) > limits::MAX_SYNC_PAGE {
            let reason = format!("an answer is over {} octets", limits::MAX_SYNC_PAGE);
            return Err(SourceError::Refused(reason));
        }
        out.extend_from_slice(&chunk);
    }
    Ok(out)
}

/// The body of an answer as JSON. A page that broke off is no page.
pub(super) async fn json<T: serde::de::DeserializeOwned>(answer: Response) -> Result<T, SourceError> {
    let octets = body(answer).await?;
    // The parser's own words may quote the answer.
    serde_json::from_slice(&octets).map_err(|error| {
        let place = format!("line {}, column {}", error.line(), error.column());
        SourceError::Refused(format!("an answer is not the JSON that is documented ({place})"))
    })
}
