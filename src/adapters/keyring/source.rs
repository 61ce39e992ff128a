//! Where a master key comes from: the configuration itself, or a program that asks a key management service.
//!
//! The program is started from its argument list, without a shell. Its standard output is bounded and must be the key
//! in hexadecimal; its exit status and its time count; what it says on standard error is never shown, because such
//! tools like to repeat secrets there.

use super::{MasterKey, permanent};
use crate::limits;
use crate::ports::PortError;
use secrecy::{ExposeSecret as _, SecretString};
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncReadExt as _;
use tokio::process::Command;
use zeroize::Zeroizing;

/// Where one master key comes from.
#[derive(Clone, Debug)]
pub enum MasterKeySource {
    /// The key in hexadecimal, read from file or environment.
    Text(SecretString),
    /// Program and arguments that print it. Never empty.
    Command(Vec<String>),
}

/// The current master key and, during a rotation, the one before.
#[derive(Clone, Debug)]
pub struct MasterKeySources {
    /// Wraps.
    pub current: MasterKeySource,
    /// Still opens.
    pub previous: Option<MasterKeySource>,
}

impl MasterKeySources {
    /// The keys: current, and previous if there is one.
    ///
    /// # Errors
    /// [`PortError::Permanent`] for a text that is no key; [`PortError`] of the program, with its name and what to do.
    pub async fn fetch(&self) -> Result<(MasterKey, Vec<MasterKey>), PortError> {
        let patience = limits::KEY_COMMAND_TIMEOUT;
        let current = self.current.fetch("keys.master_key_command", patience).await?;
        let mut previous = Vec::new();
        if let Some(source) = &self.previous {
            previous.push(source.fetch("keys.previous_master_key_command", patience).await?);
        }
        Ok((current, previous))
    }
}

impl MasterKeySource {
    async fn fetch(&self, setting: &str, patience: Duration) -> Result<MasterKey, PortError> {
        match self {
            Self::Text(text) => MasterKey::from_hex(text.expose_secret()),
            Self::Command(argv) => {
                let printed = tokio::time::timeout(patience, run(argv, setting)).await.map_err(|_| {
                    transient(&format!("{setting} ({}) took longer than {patience:?}", name(argv)))
                })??;
                let text = std::str::from_utf8(&printed).unwrap_or_default();
                MasterKey::from_hex(text).map_err(|_| {
                    permanent(&format!(
                        "{setting} ({}) did not print a master key: its standard output must be 64 hexadecimal \
                         digits and nothing else",
                        name(argv)
                    ))
                })
            }
        }
    }
}

/// Standard output of the program; dropped midway (at the deadline) it is killed.
async fn run(argv: &[String], setting: &str) -> Result<Zeroizing<Vec<u8>>, PortError> {
    let Some((program, arguments)) = argv.split_first() else {
        return Err(permanent(&format!("{setting} names no program")));
    };
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
    // Our own secrets are none of its business.
    for (variable, _) in std::env::vars_os() {
        if variable.to_string_lossy().starts_with("SENTRA_") {
            command.env_remove(&variable);
        }
    }
    let failed = |what: &str| transient(&format!("{setting} ({}) {what}", name(argv)));
    let mut child = command
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| permanent(&format!("{setting} ({}) cannot be started: {error}", name(argv))))?;
    let mut printed = Zeroizing::new(Vec::with_capacity(limits::MAX_KEY_COMMAND_OUTPUT));
    if let Some(output) = child.stdout.take() {
        let most = u64::try_from(limits::MAX_KEY_COMMAND_OUTPUT).unwrap_or(u64::MAX);
        let read = output.take(most.saturating_add(1)).read_to_end(&mut printed).await;
        read.map_err(|error| failed(&format!("could not be read: {error}")))?;
    }
    if printed.len() > limits::MAX_KEY_COMMAND_OUTPUT {
        let most = limits::MAX_KEY_COMMAND_OUTPUT;
        return Err(permanent(&format!("{setting} ({}) printed more than {most} octets", name(argv))));
    }
    let status = child.wait().await.map_err(|error| failed(&format!("could not be waited for: {error}")))?;
    if !status.success() {
        return Err(failed(&format!("ended with {status}; run it by hand to see why")));
    }
    Ok(printed)
}

/// The program alone: arguments may hold names of secrets.
fn name(argv: &[String]) -> &str {
    argv.first().map_or("", String::as_str)
}

fn transient(detail: &str) -> PortError {
    PortError::Transient { what: "keys", detail: detail.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> MasterKeySources {
        let argv = ["/bin/sh", "-c", script].map(str::to_owned).to_vec();
        MasterKeySources { current: MasterKeySource::Command(argv), previous: None }
    }

    #[tokio::test]
    async fn the_key_is_what_the_program_prints() {
        let (key, previous) = shell("printf %064d 7").fetch().await.unwrap();
        assert_eq!(*key.to_hex(), format!("{:064}", 7));
        assert!(previous.is_empty());
    }

    #[tokio::test]
    async fn a_program_that_fails_is_named_and_what_it_said_is_not() {
        for (name, script, expected, transient) in [
            ("status", "printf %064d 7; echo hunter2 >&2; exit 3", "exit status: 3", true),
            ("no key", "echo hunter2", "did not print a master key", false),
            ("too much", "yes hunter2", "printed more than", false),
            ("two keys", "printf '%064d\\n%064d' 7 8", "did not print a master key", false),
            ("nothing", "true", "did not print a master key", false),
        ] {
            let error = shell(script).fetch().await.unwrap_err();
            let text = error.to_string();
            assert!(text.contains(expected) && text.contains("/bin/sh"), "{name}: {text}");
            assert!(!text.contains("hunter2") && !text.contains("0007"), "{name}: {text}");
            assert_eq!(error.is_transient(), transient, "{name}");
        }
        let nowhere = MasterKeySource::Command(vec!["/nowhere/kms".to_owned(), "hunter2".to_owned()]);
        let text =
            nowhere.fetch("keys.master_key_command", Duration::from_secs(60)).await.unwrap_err().to_string();
        assert!(text.contains("/nowhere/kms") && !text.contains("hunter2"), "{text}");
    }

    #[tokio::test]
    async fn a_program_that_hangs_is_given_up() {
        let source = shell("exec sleep 600").current;
        let error = source.fetch("keys.master_key_command", Duration::from_millis(20)).await.unwrap_err();
        assert!(error.is_transient() && error.to_string().contains("took longer"), "{error}");
    }
}
