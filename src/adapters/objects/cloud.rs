//! Objects in S3 or Azure Blob, through `object_store`.
//!
//! Small objects are one request. Larger ones go up in parts, a few at a time, as slices of the octets that are in memory
//! anyway; they become visible when the last request completes them, and are given up when one part fails. An upload
//! runs in a task of its own: whoever stops waiting for it does not leave parts behind.

use super::location::Parsed;
use super::{Entry, Key, Location, Options, permanent, transient};
use crate::limits;
use crate::ports::PortError;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt as _, TryStreamExt as _};
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::client::{HttpError, HttpErrorKind};
use object_store::path::Path;
use object_store::{
    BackoffConfig, Certificate, ClientOptions, Error, MultipartUpload, ObjectMeta, ObjectStore,
    ObjectStoreExt as _, PutPayload, RetryConfig,
};
use secrecy::ExposeSecret as _;
use std::error::Error as _;
use std::io;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;

/// A bucket or container, and the prefix of our names in it.
#[derive(Clone, Debug)]
pub(super) struct Cloud {
    store: Arc<dyn ObjectStore>,
    prefix: String,
}

impl Cloud {
    pub(super) fn open(options: &Options, location: &Location) -> Result<Self, PortError> {
        let parsed = options.parse().map_err(|error| permanent(&error.to_string()))?;
        let client = client_options(options, parsed.allow_http)?;
        // The library's words may repeat what it was given.
        let refused = |_| {
            permanent(
                "the object store's options do not fit together: check region, endpoint and credentials",
            )
        };
        let (store, prefix): (Arc<dyn ObjectStore>, _) = match location {
            Location::S3 { bucket, prefix } => {
                (Arc::new(s3(&parsed, bucket, client).build().map_err(refused)?), prefix)
            }
            Location::Azure { container, prefix } => {
                (Arc::new(azure(&parsed, container, client).build().map_err(refused)?), prefix)
            }
            Location::Folder(_) => return Err(permanent("a folder is no cloud")),
        };
        Ok(Self { store, prefix: prefix.clone() })
    }

    pub(super) async fn put(&self, key: &Key, octets: Bytes) -> Result<(), PortError> {
        let path = self.path(key);
        if octets.len() <= limits::OBJECT_PART {
            let put = self.store.put(&path, octets.into()).await;
            return put.map(drop).map_err(|error| failed("written", &error));
        }
        let store = Arc::clone(&self.store);
        let uploading = tokio::spawn(async move {
            let whole = tokio::time::timeout(limits::OBJECT_WRITE_TIMEOUT, upload(&store, &path, octets));
            whole.await.unwrap_or_else(|_| Err(transient("the object store does not answer in time")))
        });
        uploading.await.unwrap_or_else(|_| Err(transient("an upload panicked")))
    }

    pub(super) async fn get(&self, key: &Key) -> Result<Option<Bytes>, PortError> {
        let found = match self.store.get(&self.path(key)).await {
            Err(Error::NotFound { .. }) => return Ok(None),
            other => other.map_err(|error| failed("read", &error))?,
        };
        if found.meta.size > limits::MAX_OBJECT {
            return Err(permanent("an object is larger than any that is ever written"));
        }
        found.bytes().await.map(Some).map_err(|error| failed("read", &error))
    }

    pub(super) async fn head(&self, key: &Key) -> Result<Option<Entry>, PortError> {
        match self.store.head(&self.path(key)).await {
            Err(Error::NotFound { .. }) => Ok(None),
            other => other
                .map(|meta| Some(entry(key.clone(), &meta)))
                .map_err(|error| failed("looked for", &error)),
        }
    }

    pub(super) async fn delete(&self, key: &Key) -> Result<(), PortError> {
        match self.store.delete(&self.path(key)).await {
            Ok(()) | Err(Error::NotFound { .. }) => Ok(()),
            Err(error) => Err(failed("deleted", &error)),
        }
    }

    pub(super) fn list(&self, folder: &Key) -> BoxStream<'static, Result<Entry, PortError>> {
        let ours = if self.prefix.is_empty() { 0 } else { self.prefix.len().saturating_add(1) };
        let found = self.store.list(Some(&self.path(folder)));
        let entries = found.map_err(|error| failed("listed", &error)).try_filter_map(move |meta| {
            // A name that is none of ours was put there by somebody else.
            let key = meta.location.as_ref().get(ours..).and_then(Key::parse);
            std::future::ready(Ok(key.map(|key| entry(key, &meta))))
        });
        entries.boxed()
    }

    pub(super) async fn probe(&self) -> Result<(), PortError> {
        // A listing shows a missing bucket and missing rights, which the absence of one object does not.
        let mut found = self.store.list(Some(&self.path(&Key::of("probe"))));
        match found.next().await {
            None | Some(Ok(_)) => Ok(()),
            Some(Err(error)) => Err(failed("listed", &error)),
        }
    }

    fn path(&self, key: &Key) -> Path {
        if self.prefix.is_empty() {
            Path::from(key.as_str())
        } else {
            Path::from(format!("{}/{key}", self.prefix))
        }
    }
}

async fn upload(store: &Arc<dyn ObjectStore>, path: &Path, octets: Bytes) -> Result<(), PortError> {
    let begun = store.put_multipart(path).await;
    let mut upload = begun.map_err(|error| failed("written", &error))?;
    let done = match send_parts(&mut upload, octets).await {
        Ok(()) => upload.complete().await.map(drop),
        Err(error) => Err(error),
    };
    let Err(error) = done else { return Ok(()) };
    if let Err(left) = upload.abort().await {
        tracing::warn!(error = %failed("given up", &left), "parts of an upload stay until the bucket's life-cycle rule");
    }
    Err(failed("written", &error))
}

async fn send_parts(upload: &mut Box<dyn MultipartUpload>, mut octets: Bytes) -> Result<(), Error> {
    let mut sending = JoinSet::new();
    while !octets.is_empty() {
        if sending.len() >= limits::OBJECT_PARTS_AT_ONCE {
            finished(&mut sending).await?;
        }
        let part = octets.split_to(octets.len().min(limits::OBJECT_PART));
        sending.spawn(upload.put_part(PutPayload::from(part)));
    }
    while !sending.is_empty() {
        finished(&mut sending).await?;
    }
    Ok(())
}

async fn finished(sending: &mut JoinSet<Result<(), Error>>) -> Result<(), Error> {
    match sending.join_next().await {
        None => Ok(()),
        Some(Ok(sent)) => sent,
        Some(Err(source)) => Err(Error::JoinError { source }),
    }
}

fn s3(parsed: &Parsed, bucket: &str, client: ClientOptions) -> AmazonS3Builder {
    let mut builder = AmazonS3Builder::from_env();
    if let Some(endpoint) = &parsed.endpoint {
        builder = builder.with_endpoint(endpoint);
    }
    if let Some(region) = &parsed.region {
        builder = builder.with_region(region);
    }
    if let (Some(account), Some(secret)) = (&parsed.account, &parsed.secret) {
        builder = builder.with_access_key_id(account).with_secret_access_key(secret.expose_secret());
    }
    builder.with_bucket_name(bucket).with_client_options(client).with_retry(retries())
}

fn azure(parsed: &Parsed, container: &str, client: ClientOptions) -> MicrosoftAzureBuilder {
    let mut builder = MicrosoftAzureBuilder::from_env();
    if let Some(endpoint) = &parsed.endpoint {
        builder = builder.with_endpoint(endpoint.clone());
    }
    if let Some(account) = &parsed.account {
        builder = builder.with_account(account);
    }
    if let Some(secret) = &parsed.secret {
        builder = builder.with_access_key(secret.expose_secret());
    }
    builder.with_container_name(container).with_client_options(client).with_retry(retries())
}

/// Set whole, so that no variable of the environment loosens it.
fn client_options(options: &Options, allow_http: bool) -> Result<ClientOptions, PortError> {
    let mut client = ClientOptions::new()
        .with_allow_http(allow_http)
        .with_connect_timeout(limits::OBJECT_CONNECT_TIMEOUT)
        .with_read_timeout(limits::OBJECT_SILENCE)
        .with_timeout(limits::OBJECT_READ_TIMEOUT);
    let Some(file) = &options.roots else { return Ok(client) };
    let unusable = || permanent("the object store's certificate authorities cannot be used: name a PEM file");
    let pem = std::fs::read(file).map_err(|_| unusable())?;
    for certificate in Certificate::from_pem_bundle(&pem).map_err(|_| unusable())? {
        client = client.with_root_certificate(certificate);
    }
    Ok(client)
}

fn retries() -> RetryConfig {
    RetryConfig {
        backoff: BackoffConfig {
            init_backoff: Duration::from_millis(100),
            max_backoff: Duration::from_secs(2),
            base: 2.0,
        },
        max_retries: limits::OBJECT_RETRIES,
        retry_timeout: limits::OBJECT_SILENCE,
    }
}

fn entry(key: Key, meta: &ObjectMeta) -> Entry {
    Entry { key, size: meta.size, modified_ms: meta.last_modified.timestamp_millis() }
}

/// In our own words: the library's would repeat URLs, and what the server answered with our key id in it.
fn failed(done: &str, error: &Error) -> PortError {
    let (permanently, why) = match error {
        Error::PermissionDenied { .. } | Error::Unauthenticated { .. } => {
            (true, "the store refuses the credentials, or their rights are too few".to_owned())
        }
        Error::NotFound { .. } => (true, "there is no such bucket or container".to_owned()),
        other => (false, cause(other)),
    };
    let detail = format!("an object could not be {done}: {why}");
    match permanently {
        true => PortError::Permanent { what: "objects", detail },
        false => PortError::Transient { what: "objects", detail },
    }
}

fn cause(error: &Error) -> String {
    let mut why = "the store answers with an error".to_owned();
    let mut source = error.source();
    while let Some(error) = source {
        if let Some(error) = error.downcast_ref::<HttpError>() {
            why = match error.kind() {
                HttpErrorKind::Connect => "no connection to the store",
                HttpErrorKind::Timeout => "the store does not answer in time",
                HttpErrorKind::Request | HttpErrorKind::Interrupted => {
                    "the connection to the store broke off"
                }
                _ => "the exchange with the store failed",
            }
            .to_owned();
        }
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return format!("{why} ({})", error.kind());
        }
        let text = error.to_string();
        if let Some((_, rest)) = text.split_once("status code: ") {
            let code: String = rest.chars().take_while(char::is_ascii_digit).collect();
            return format!("the store answers with status {code}");
        }
        source = error.source();
    }
    why
}
