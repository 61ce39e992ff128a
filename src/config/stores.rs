//! `[objects]` and `[backup]`: where bodies and backups go.

use super::checker::Checker;
use super::settings::Secret;
use crate::adapters::backup::{self, Tiers};
use crate::adapters::objects::{Location, LocationError, Options};
use secrecy::ExposeSecret as _;
use std::time::Duration;

/// What a section says of its object store.
pub(super) struct Said<'a> {
    pub(super) section: &'static str,
    pub(super) url: &'a Secret,
    pub(super) url_file: &'a str,
    pub(super) endpoint: &'a str,
    pub(super) region: &'a str,
    pub(super) account: &'a str,
    pub(super) secret_key: &'a Secret,
    pub(super) secret_key_file: &'a str,
    pub(super) allow_http: bool,
    pub(super) roots: &'a str,
}

impl Checker<'_> {
    pub(super) fn objects(&mut self) -> Options {
        let objects = self.sourced.settings.objects.clone();
        let said = Said {
            section: "objects",
            url: &objects.url,
            url_file: &objects.url_file,
            endpoint: &objects.endpoint,
            region: &objects.region,
            account: &objects.account,
            secret_key: &objects.secret_key,
            secret_key_file: &objects.secret_key_file,
            allow_http: objects.allow_http,
            roots: &objects.roots,
        };
        if let Some(options) = self.object_store(&said) {
            return options;
        }
        if objects.path.is_empty() {
            self.problem(
                "objects.path",
                "names no folder",
                "name a folder, like \"data\", or set objects.url",
            );
        }
        let folder = self.path(&objects.path).join("objects");
        Options::of(&format!("file:{}", folder.display()))
    }

    pub(super) fn backup(&mut self) -> Option<backup::Options> {
        let said = self.sourced.settings.backup.clone();
        let store = self.object_store(&Said {
            section: "backup",
            url: &said.url,
            url_file: &said.url_file,
            endpoint: &said.endpoint,
            region: &said.region,
            account: &said.account,
            secret_key: &said.secret_key,
            secret_key_file: &said.secret_key_file,
            allow_http: said.allow_http,
            roots: &said.roots,
        });
        let interval = self.number("backup.interval_minutes", said.interval_minutes, 1, 1_440);
        let alarm = self.number("backup.alarm_minutes", said.alarm_minutes, 1, 10_080);
        let tiers = Tiers {
            all_hours: self.number("backup.keep_all_hours", said.keep_all_hours, 1, 744),
            hourly_days: self.number("backup.keep_hourly_days", said.keep_hourly_days, 0, 366),
            daily_days: self.number("backup.keep_daily_days", said.keep_daily_days, 0, 3_660),
            monthly_months: self.number("backup.keep_monthly_months", said.keep_monthly_months, 0, 120),
        };
        let minutes = |count: u64| Duration::from_secs(count.saturating_mul(60));
        let (interval, alarm_after) = (minutes(interval), minutes(alarm));
        Some(backup::Options { store: store?, interval, alarm_after, tiers })
    }

    /// The store that a section names; `None` when its URL is empty or wrong.
    pub(super) fn object_store(&mut self, said: &Said<'_>) -> Option<Options> {
        let key = |name: &str| format!("{}.{name}", said.section);
        let url = self.secret(&key("url"), said.url, said.url_file)?;
        let secret = self.secret(&key("secret_key"), said.secret_key, said.secret_key_file);
        let roots = self.authorities(&key("roots"), said.roots);
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let mut options = Options {
            url,
            endpoint: given(said.endpoint),
            region: given(said.region),
            account: given(said.account),
            secret,
            allow_http: said.allow_http,
            roots,
        };
        match options.location() {
            Ok(Location::Folder(folder)) => {
                options.url = format!("file:{}", self.base.join(folder).display()).into();
            }
            Ok(location) => self.cloud_credentials(said, &location, &options),
            Err(error) => {
                let (name, help) = match error {
                    LocationError::Endpoint if said.endpoint.is_empty() => ("url", PLACE_HELP),
                    LocationError::Endpoint => {
                        ("endpoint", "write \"https://HOST:PORT\"; http:// wants allow_http = true")
                    }
                    _ => ("url", PLACE_HELP),
                };
                self.problem(&key(name), &format!("cannot be used: {error}"), help);
                return None;
            }
        }
        Some(options)
    }

    /// Half a pair of credentials is a mistake; none is the environment's matter.
    fn cloud_credentials(&mut self, said: &Said<'_>, location: &Location, options: &Options) {
        let in_url = options.url.expose_secret().contains('@');
        let key = |name: &str| format!("{}.{name}", said.section);
        if options.secret.is_some() && options.account.is_none() && !in_url {
            let help = "S3: the access key id; Azure: the storage account";
            self.problem(&key("account"), "is empty while secret_key is set", help);
        }
        if matches!(location, Location::S3 { .. })
            && options.account.is_some()
            && options.secret.is_none()
            && !in_url
        {
            let help = "set secret_key_file, or leave account empty to use the environment's credentials";
            self.problem(&key("secret_key"), "is missing while account is set", help);
        }
    }
}

const PLACE_HELP: &str = "write \"file:FOLDER\", \"s3://BUCKET/PREFIX\" or \"az://CONTAINER/PREFIX\"";
