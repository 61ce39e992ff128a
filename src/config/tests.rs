//! Files and environments with one mistake each, and what is said about it.

use super::*;
use std::fs;
use std::path::PathBuf;

const KEY: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

/// A folder with a valid master key and no TLS, and the configuration `text` in it.
fn folder(text: &str) -> (tempfile::TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("keys")).unwrap();
    fs::write(dir.path().join("keys/master.key"), format!("{KEY}\n")).unwrap();
    let file = dir.path().join("sentra.toml");
    fs::write(&file, text).unwrap();
    (dir, file)
}

fn environment_of(pairs: &[(&str, &str)]) -> Environment {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

const NO_TLS: &str = "[tls]\ncertificate = \"\"\nkey = \"\"\n";

#[test]
fn the_sample_file_is_the_defaults_and_up_to_date() {
    let written = include_str!("../../deploy/sentra.toml");
    assert_eq!(written, sample(), "write it anew: `SENTRA_BLESS=1 cargo test --lib config::`");
    let mut parsed: Settings = toml::from_str(written).unwrap();
    // Secrets are serialised masked; of the defaults only the database URL is not empty, and holds nothing secret.
    assert_eq!(parsed.database.url, Settings::default().database.url);
    parsed.database.url = Settings::default().database.url;
    assert_eq!(parsed, Settings::default());
    let read = read::read_text(std::path::Path::new("x"), written, &Environment::new()).unwrap();
    assert_eq!(read.origins.len(), KEYS.len(), "every key stands in the sample");
}

#[test]
fn the_reference_page_is_up_to_date() {
    assert_eq!(include_str!("../../docs/configuration.md"), reference(), "write it anew with SENTRA_BLESS=1");
}

#[test]
fn bless() {
    if environment().contains_key("SENTRA_BLESS") {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        fs::write(root.join("deploy/sentra.toml"), sample()).unwrap();
        fs::write(root.join("docs/configuration.md"), reference()).unwrap();
    }
}

#[test]
fn an_empty_file_is_the_defaults_with_paths_beside_it() {
    let (dir, file) = folder(NO_TLS);
    let config = load_with(&file, &Environment::new()).unwrap();
    use secrecy::ExposeSecret;
    let objects = format!("file:{}", dir.path().join("data/objects").display());
    assert_eq!(config.objects.url.expose_secret(), objects);
    let url = format!("sqlite:{}", dir.path().join("data/sentra.db").display());
    assert_eq!(config.database.url.expose_secret(), url);
    let crate::adapters::keyring::MasterKeySource::Text(key) = &config.keys.master.current else { panic!() };
    assert_eq!(key.expose_secret(), KEY);
    assert!(config.keys.master.previous.is_none());
    assert!(config.tls.is_none() && config.redis.is_none() && config.rules.is_none());
    assert_eq!(config.smtp.max_message_size, crate::limits::MAX_MESSAGE_SIZE);
    assert!(
        config.warnings.iter().any(|warning| warning.help.starts_with("chmod 600")),
        "the key is readable"
    );
}

#[test]
fn mistakes_are_named_with_line_and_remedy() {
    let rows = [
        (
            "unknown key",
            "[smtp]\n\nmax_mesage_size = 5\n",
            "unknown key `max_mesage_size` in [smtp] (FILE:3)",
            "did you mean `max_message_size`?",
        ),
        (
            "unknown section",
            "[smpt]\nlisten = []\n",
            "unknown section `smpt` (FILE:1)",
            "did you mean [smtp]?",
        ),
        (
            "key of another section",
            "[smtp]\nhostname = \"x\"\n",
            "unknown key `hostname` in [smtp] (FILE:2)",
            "`hostname` is a key of [server]",
        ),
        (
            "key outside sections",
            "hostname = \"x\"\n",
            "unknown section `hostname` (FILE:1)",
            "the sections are server, smtp",
        ),
        (
            "wrong kind",
            "[smtp]\nmax_sessions = \"many\"\n",
            "smtp.max_sessions must be a whole number, not text (FILE:2)",
            "`max_sessions = 1000`",
        ),
        (
            "negative",
            "[smtp]\nmax_sessions = -1\n",
            "smtp.max_sessions must be a whole number, not a number out of range",
            "",
        ),
        (
            "list of numbers",
            "[smtp]\ntrust = [1]\n",
            "smtp.trust must be a list of texts, not a list of something else (FILE:2)",
            "[\"one\", \"two\"]",
        ),
        (
            "languages in words",
            "[documents]\nocr_languages = \"English, German\"\n",
            "documents.ocr_languages are no languages of tesseract (FILE:2)",
            "\"eng+deu\"",
        ),
        (
            "program that is not there",
            "[documents]\nocr_program = \"/nonexistent/tesseract\"\n",
            "documents.ocr_program /nonexistent/tesseract is not there (FILE:2)",
            "give the path of tesseract",
        ),
        (
            "flag as text",
            "[log]\npersonal_data = \"yes\"\n",
            "log.personal_data must be true or false, not text",
            "`personal_data = true`",
        ),
        ("syntax", "[smtp\nlisten = []\n", "not valid TOML", "one key a line"),
        (
            "twice",
            "[log]\nlevel = \"info\"\nlevel = \"warn\"\n",
            "not valid TOML: duplicate key (FILE:3)",
            "",
        ),
        (
            "wide range",
            "[smtp]\ntrust = [\"10.0.0.0/8\"]\n",
            "smtp.trust holds 10.0.0.0/8, which is wider than /16 (FILE:2)",
            "name the relays themselves",
        ),
        (
            "everybody",
            "[smtp]\ntrust = [\"::/0\"]\n",
            "smtp.trust holds ::/0, which is wider than /16 (FILE:2)",
            "",
        ),
        (
            "no range",
            "[smtp]\ntrust = [\"ten\"]\n",
            "smtp.trust holds \"ten\": not an address range (FILE:2)",
            "192.0.2.0/24",
        ),
        (
            "address without port",
            "[smtp]\nlisten = [\"0.0.0.0\"]\n",
            "smtp.listen holds \"0.0.0.0\"",
            "ADDRESS:PORT",
        ),
        ("no listener", "[smtp]\nlisten = []\n", "smtp.listen names no address (FILE:2)", "at least one"),
        (
            "out of range",
            "[limits]\ndrain_seconds = 31\n",
            "limits.drain_seconds is 31 (FILE:2)",
            "from 0 to 30",
        ),
        (
            "bytes in flight",
            "[smtp]\nbytes_in_flight = 1000000\n",
            "smtp.bytes_in_flight is smaller than one message",
            "at least 157286400",
        ),
        ("word", "[log]\nformat = \"jsn\"\n", "log.format is \"jsn\" (FILE:2)", "did you mean \"json\"?"),
        ("host name", "[server]\nhostname = \"a b\"\n", "server.hostname holds \"a b\"", "mail.example.com"),
        (
            "other database",
            "[database]\nurl = \"mysql://u:hunter2@h/d\"\n",
            "database.url is no database URL that Sentra knows (FILE:2)",
            "postgres://",
        ),
        ("memory", "[database]\nurl = \"sqlite::memory:\"\n", "database.url names no file", "must outlive"),
        (
            "redis",
            "[redis]\nurl = \"hunter2\"\n",
            "redis.url is no Redis URL that can be used (FILE:2)",
            "redis://HOST:PORT",
        ),
        (
            "sentinels without a master",
            "[redis]\nurl = \"redis+sentinel://u:hunter2@h\"\n",
            "redis.url is no Redis URL that can be used (FILE:2)",
            "redis+sentinel://HOST:PORT/MASTER",
        ),
        (
            "authorities without TLS",
            "[redis]\nurl = \"redis://h\"\nauthorities = \"nowhere.pem\"\n",
            "redis.authorities cannot be used",
            "PEM file",
        ),
        (
            "half an identity",
            "[redis]\nurl = \"rediss://h\"\nclient_key = \"x\"\n",
            "redis.client_certificate and its key are not both set",
            "or neither",
        ),
        (
            "two secrets",
            "[redis]\nurl = \"redis://h\"\nurl_file = \"x\"\n",
            "redis.url and redis.url_file are both set (FILE:2)",
            "keep one",
        ),
        (
            "secret file away",
            "[keys]\nmaster_key_file = \"nowhere\"\n",
            "keys.master_key_file names a file that cannot be read",
            "sentra init",
        ),
        (
            "master key",
            "[keys]\nmaster_key = \"hunter2\"\n",
            "keys.master_key holds no master key (FILE:2)",
            "openssl rand -hex 32",
        ),
        (
            "master key twice",
            "[keys]\nmaster_key = \"x\"\nmaster_key_command = [\"/bin/kms\"]\n",
            "keys.master_key_command and keys.master_key or keys.master_key_file are both set (FILE:3)",
            "keep one",
        ),
        (
            "master key command",
            "[keys]\nmaster_key_command = [\"\"]\n",
            "keys.master_key_command names no program (FILE:2)",
            "/usr/local/bin/kms",
        ),
        (
            "previous master key",
            "[keys]\nprevious_master_key_file = \"nowhere\"\n",
            "keys.previous_master_key_file names a file that cannot be read",
            "check path",
        ),
        ("rules", "[rules]\nfolder = \"nowhere\"\n", "rules.folder names no folder", "built-in rules"),
        (
            "client CA",
            "[smtp]\nclient_ca = \"keys/master.key\"\n",
            "smtp.client_ca cannot be used",
            "PEM file",
        ),
        (
            "object store",
            "[objects]\nurl = \"gs://hunter2\"\n",
            "objects.url cannot be used: the URL of an object store begins with file:, s3:// or az:// (FILE:2)",
            "s3://BUCKET/PREFIX",
        ),
        (
            "object store without TLS",
            "[objects]\nurl = \"s3://bucket\"\nendpoint = \"http://h:9000\"\n",
            "objects.endpoint cannot be used",
            "allow_http = true",
        ),
        (
            "half of the credentials",
            "[objects]\nurl = \"s3://bucket\"\naccount = \"ID\"\n",
            "objects.secret_key is missing while account is set",
            "secret_key_file",
        ),
        (
            "the other half",
            "[objects]\nurl = \"az://bucket\"\nsecret_key = \"hunter2\"\n",
            "objects.account is empty while secret_key is set",
            "storage account",
        ),
        (
            "no folder for objects",
            "[objects]\npath = \"\"\n",
            "objects.path names no folder (FILE:2)",
            "objects.url",
        ),
        (
            "name server",
            "[next_hop]\ndns_servers = [\"dns.example\"]\n",
            "next_hop.dns_servers holds \"dns.example\"",
            "IP address",
        ),
    ];
    for (name, text, what, help) in rows {
        // TLS off goes last, so that line numbers count from the row's own text.
        let (_dir, file) = folder(&format!("{text}{NO_TLS}"));
        let said = load_with(&file, &Environment::new()).expect_err(name).to_string();
        let shown = said.replace(&file.display().to_string(), "FILE");
        assert!(shown.contains(what), "{name}: no {what:?} in\n{shown}");
        assert!(shown.contains(help), "{name}: no {help:?} in\n{shown}");
        assert!(!shown.contains("hunter2"), "{name}: a secret in\n{shown}");
    }
}

#[test]
fn tls_files_are_read_and_have_to_fit() {
    let (dir, file) = folder("");
    let said = load_with(&file, &Environment::new()).unwrap_err().to_string();
    assert!(
        said.contains("tls.certificate cannot be used") && said.contains("default, not set in"),
        "{said}"
    );
    let pair = || {
        let key = rcgen::KeyPair::generate().unwrap();
        let params = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        (params.self_signed(&key).unwrap().pem(), key.serialize_pem())
    };
    let ((certificate, key), (_, other)) = (pair(), pair());
    fs::create_dir(dir.path().join("certs")).unwrap();
    fs::write(dir.path().join("certs/server.crt"), &certificate).unwrap();
    fs::write(dir.path().join("certs/server.key"), other).unwrap();
    let said = load_with(&file, &Environment::new()).unwrap_err().to_string();
    assert!(said.contains("does not fit the certificate"), "{said}");
    fs::write(dir.path().join("certs/server.key"), key).unwrap();
    assert!(load_with(&file, &Environment::new()).unwrap().tls.is_some());
}

#[test]
fn all_mistakes_are_reported_at_once() {
    let (_dir, file) =
        folder("[smtp]\nlisten = [\"x\"]\ntrust = [\"y\", \"0.0.0.0/0\"]\n[log]\nlevel = \"loud\"\n");
    let errors = load_with(&file, &Environment::new()).unwrap_err();
    assert_eq!(errors.0.len(), 5, "{errors}");
    let (_dir, file) = folder("[smtp]\na = 1\nb = 2\n[c]\n[log]\nlevel = 3\n");
    let errors = load_with(&file, &environment_of(&[("SENTRA_LOG__FORMT", "json")])).unwrap_err();
    assert_eq!(errors.0.len(), 5, "{errors}");
}

#[test]
fn the_environment_overrides() {
    let (dir, file) = folder(&format!("{NO_TLS}[redis]\nurl = \"redis://file\"\n[smtp]\nmax_sessions = 7\n"));
    fs::write(dir.path().join("redis"), "redis://from-file\n").unwrap();
    let environment = environment_of(&[
        ("SENTRA_CONFIG", "ignored"),
        ("SENTRA_SMTP__LISTEN", "127.0.0.1:0, [::1]:0,"),
        ("SENTRA_SMTP__MAX_SESSIONS", "9"),
        ("SENTRA_SMTP__TRUST", ""),
        ("SENTRA_LOG__PERSONAL_DATA", "true"),
        ("SENTRA_REDIS__URL_FILE", "redis"),
        ("SENTRA_KEYS__MASTER_KEY", KEY),
    ]);
    let config = load_with(&file, &environment).unwrap();
    assert_eq!(config.smtp.listen.len(), 2);
    assert_eq!((config.smtp.max_sessions, config.log.personal_data), (9, true));
    use secrecy::ExposeSecret;
    assert_eq!(config.redis.unwrap().url.expose_secret(), "redis://from-file");

    let rows = [
        ("SENTRA_SMTP__LISTN", "x", "names no key", "did you mean SENTRA_SMTP__LISTEN?"),
        (
            "SENTRA_SMTP__MAX_SESSIONS",
            "many",
            "(environment variable SENTRA_SMTP__MAX_SESSIONS)",
            "give a whole number",
        ),
        ("SENTRA_LOG__PERSONAL_DATA", "yes", "must be true or false", "give true or false"),
        (
            "SENTRA_SMTP__TRUST",
            "10.0.0.0/8",
            "(environment variable SENTRA_SMTP__TRUST)",
            "relays themselves",
        ),
    ];
    for (variable, value, what, help) in rows {
        let said = load_with(&file, &environment_of(&[(variable, value)])).expect_err(variable).to_string();
        assert!(said.contains(what) && said.contains(help), "{variable}: {said}");
    }
}

#[test]
fn masks_keep_what_helps_and_hide_what_does_not() {
    let rows = [
        ("", ""),
        ("hunter2", "********"),
        ("sqlite:/var/lib/sentra.db?key=hunter2", "sqlite:/var/lib/sentra.db"),
        ("postgres://sentra:hunter2@db:5432/sentra", "postgres://********@db:5432/sentra"),
        ("postgres://db/sentra?password=hunter2", "postgres://db/sentra?********"),
        ("redis://:hunt/er2?@x@redis:6379", "redis://********@redis:6379"),
        ("rediss://redis:6379/0", "rediss://redis:6379/0"),
        ("hunter2://x", "********"),
    ];
    for (secret, shown) in rows {
        assert_eq!(mask(secret), shown, "{secret}");
        assert!(!format!("{:?}", Secret::from(secret)).contains("hunter2"), "{secret}");
    }
}

#[test]
fn a_reload_that_fails_says_why() {
    let (_dir, file) = folder(NO_TLS);
    assert!(reload(&file).is_ok());
    fs::write(&file, "[nonsense]\n").unwrap();
    assert!(reload(&file).unwrap_err().to_string().contains("nonsense"));
}
