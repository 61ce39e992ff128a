//! Where a store is: its URL, and what the URL leaves to the configuration.

use crate::limits;
use secrecy::{ExposeSecret as _, SecretString};
use std::fmt;
use std::path::PathBuf;

/// What a store is opened with.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// `file:PATH`, `s3://BUCKET/PREFIX` or `az://CONTAINER/PREFIX`. Credentials may stand before the name
    /// (`s3://ID:SECRET@BUCKET`, `az://ACCOUNT:KEY@CONTAINER`, percent-encoded) and `endpoint`, `region` and `allow_http`
    /// after a `?`: an organisation's own store is one URL, sealed in its row. They win over the fields below.
    pub url: SecretString,
    /// Another server than the cloud's own, like `https://minio.example:9000`.
    pub endpoint: Option<String>,
    /// S3: the region.
    pub region: Option<String>,
    /// S3: access key id; Azure: storage account.
    pub account: Option<String>,
    /// S3: secret access key; Azure: account key. Without it the environment's own credentials serve (`AWS_…`,
    /// `AZURE_…`, the machine's or pod's identity).
    pub secret: Option<SecretString>,
    /// Whether an `http://` endpoint is taken.
    pub allow_http: bool,
    /// Certificate authorities (PEM file) believed besides the system's.
    pub roots: Option<PathBuf>,
}

/// A URL, taken apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// A folder of this machine.
    Folder(PathBuf),
    /// A bucket of S3 or of a server that speaks its protocol.
    S3 {
        /// Its name.
        bucket: String,
        /// What all names begin with; may be empty.
        prefix: String,
    },
    /// A container of Azure Blob.
    Azure {
        /// Its name.
        container: String,
        /// What all names begin with; may be empty.
        prefix: String,
    },
}

/// Why a URL names no store. The URL itself is not repeated: it may hold a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LocationError {
    /// Another scheme, or none.
    #[error("the URL of an object store begins with file:, s3:// or az://")]
    Scheme,
    /// `file:` without a path.
    #[error("file: names no folder")]
    NoFolder,
    /// No bucket or container, or a name that is none.
    #[error("the URL names no bucket or container")]
    NoBucket,
    /// A prefix with characters that need escaping.
    #[error("the prefix holds something else than letters, digits, -, _, . and /")]
    Prefix,
    /// A parameter after `?` that is not known, or percent-encoding that is none.
    #[error("after ? only endpoint=, region= and allow_http= are known, percent-encoded")]
    Parameter,
    /// Credentials before `@` that are not `ID:SECRET`.
    #[error("the credentials before @ are not ID:SECRET, percent-encoded")]
    Credentials,
    /// An endpoint with another scheme, or `http://` without leave.
    #[error("the endpoint must begin with https:// (or http:// where allow_http is set)")]
    Endpoint,
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, name, prefix) = match self {
            Self::Folder(path) => return write!(f, "file:{}", path.display()),
            Self::S3 { bucket, prefix } => ("s3", bucket, prefix),
            Self::Azure { container, prefix } => ("az", container, prefix),
        };
        let slash = if prefix.is_empty() { "" } else { "/" };
        write!(f, "{scheme}://{name}{slash}{prefix}")
    }
}

/// A URL with everything it says.
pub(super) struct Parsed {
    pub(super) location: Location,
    pub(super) endpoint: Option<String>,
    pub(super) region: Option<String>,
    pub(super) account: Option<String>,
    pub(super) secret: Option<SecretString>,
    pub(super) allow_http: bool,
}

impl Options {
    /// Options that are a URL alone.
    #[must_use]
    pub fn of(url: &str) -> Self {
        Self { url: url.to_owned().into(), ..Self::default() }
    }

    /// Where the store is.
    ///
    /// # Errors
    /// [`LocationError`] for a URL that names none, or options that do not go with it.
    pub fn location(&self) -> Result<Location, LocationError> {
        self.parse().map(|parsed| parsed.location)
    }

    pub(super) fn parse(&self) -> Result<Parsed, LocationError> {
        let url = self.url.expose_secret();
        if let Some(path) = url.strip_prefix("file:") {
            let path = path.strip_prefix("//").unwrap_or(path);
            if path.is_empty() {
                return Err(LocationError::NoFolder);
            }
            return Ok(self.with(Location::Folder(PathBuf::from(path))));
        }
        let (scheme, rest) = url.split_once("://").ok_or(LocationError::Scheme)?;
        if !["s3", "az"].contains(&scheme) {
            return Err(LocationError::Scheme);
        }
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (credentials, rest) = rest.rsplit_once('@').map_or((None, rest), |(who, rest)| (Some(who), rest));
        let (name, prefix) = rest.split_once('/').unwrap_or((rest, ""));
        let location = located(scheme, name, prefix.trim_matches('/'))?;
        let mut parsed = self.with(location);
        if let Some((account, secret)) = credentials.map(credentials_of).transpose()? {
            (parsed.account, parsed.secret) = (Some(account), Some(secret));
        }
        for parameter in query.split('&').filter(|parameter| !parameter.is_empty()) {
            let (name, value) = parameter.split_once('=').ok_or(LocationError::Parameter)?;
            let value = decoded(value).ok_or(LocationError::Parameter)?;
            match name {
                "endpoint" => parsed.endpoint = Some(value),
                "region" => parsed.region = Some(value),
                "allow_http" => parsed.allow_http = value == "true",
                _ => return Err(LocationError::Parameter),
            }
        }
        match &parsed.endpoint {
            Some(endpoint) if endpoint.starts_with("https://") => {}
            Some(endpoint) if endpoint.starts_with("http://") && parsed.allow_http => {}
            Some(_) => return Err(LocationError::Endpoint),
            None => {}
        }
        Ok(parsed)
    }

    fn with(&self, location: Location) -> Parsed {
        Parsed {
            location,
            endpoint: self.endpoint.clone(),
            region: self.region.clone(),
            account: self.account.clone(),
            secret: self.secret.clone(),
            allow_http: self.allow_http,
        }
    }
}

fn located(scheme: &str, name: &str, prefix: &str) -> Result<Location, LocationError> {
    // S3: 3 to 63 of a-z, 0-9, '.', '-'; Azure: the same without '.', and `$root`, which nobody wants here.
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-.".contains(c);
    if !(3..=63).contains(&name.len()) || !name.chars().all(plain) {
        return Err(LocationError::NoBucket);
    }
    if prefix.len() > limits::MAX_OBJECT_KEY || (!prefix.is_empty() && super::Key::parse(prefix).is_none()) {
        return Err(LocationError::Prefix);
    }
    let (name, prefix) = (name.to_owned(), prefix.to_owned());
    Ok(match scheme {
        "s3" => Location::S3 { bucket: name, prefix },
        _ => Location::Azure { container: name, prefix },
    })
}

fn credentials_of(text: &str) -> Result<(String, SecretString), LocationError> {
    let (account, secret) = text.split_once(':').ok_or(LocationError::Credentials)?;
    match (decoded(account), decoded(secret)) {
        (Some(account), Some(secret)) if !account.is_empty() && !secret.is_empty() => {
            Ok((account, secret.into()))
        }
        _ => Err(LocationError::Credentials),
    }
}

/// Undoes percent-encoding (RFC 3986 2.1).
fn decoded(text: &str) -> Option<String> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(octet) = rest.next() {
        if octet != b'%' {
            octets.push(octet);
            continue;
        }
        let digit = |octet: u8| char::from(octet).to_digit(16);
        let (high, low) = (digit(rest.next()?)?, digit(rest.next()?)?);
        octets.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(octets).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_name_a_store_or_say_why_not() {
        for (url, expected) in [
            ("file:data", Ok("file:data")),
            ("file:///srv/objects", Ok("file:/srv/objects")),
            ("s3://bucket", Ok("s3://bucket")),
            ("s3://bucket/a/b/", Ok("s3://bucket/a/b")),
            ("s3://ID:hunter2%2F%40@bucket/a?region=eu-west-1", Ok("s3://bucket/a")),
            ("az://account:hunter2==@container/x?endpoint=https%3A%2F%2Fh%2Fa", Ok("az://container/x")),
            ("file:", Err(LocationError::NoFolder)),
            ("gs://bucket", Err(LocationError::Scheme)),
            ("data", Err(LocationError::Scheme)),
            ("s3://", Err(LocationError::NoBucket)),
            ("s3:///a", Err(LocationError::NoBucket)),
            ("s3://Bucket", Err(LocationError::NoBucket)),
            ("s3://bucket/a b", Err(LocationError::Prefix)),
            ("s3://bucket/../a", Err(LocationError::Prefix)),
            ("s3://hunter2@bucket", Err(LocationError::Credentials)),
            ("s3://id:hunter2%zz@bucket", Err(LocationError::Credentials)),
            ("s3://bucket?proxy=x", Err(LocationError::Parameter)),
            ("s3://bucket?endpoint=http://h:9000", Err(LocationError::Endpoint)),
            ("s3://bucket?endpoint=ftp://h&allow_http=true", Err(LocationError::Endpoint)),
            ("s3://bucket?endpoint=http://h:9000&allow_http=true", Ok("s3://bucket")),
        ] {
            let found = Options::of(url).location();
            assert_eq!(found.map(|location| location.to_string()), expected.map(str::to_owned), "{url}");
            assert!(!format!("{:?}", Options::of(url)).contains("hunter2"), "{url}");
        }
    }

    #[test]
    fn the_url_wins_over_the_options() {
        let options = Options {
            url: "s3://ID:se%2Fcret@bucket?region=eu-west-1".to_owned().into(),
            region: Some("us-east-1".into()),
            account: Some("other".into()),
            ..Options::default()
        };
        let parsed = options.parse().ok().unwrap();
        assert_eq!(parsed.region.as_deref(), Some("eu-west-1"));
        assert_eq!(parsed.account.as_deref(), Some("ID"));
        assert_eq!(parsed.secret.unwrap().expose_secret(), "se/cret");
    }
}
