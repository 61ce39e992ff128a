//! `sentra org banner`: an organisation's own words and colours, checked before they count.

use super::OPERATOR;
use crate::adapters::store::OrgSetting;
use crate::cli::{Failure, Globals, Installation, Io};
use crate::model::{
    BannerWords, LANGUAGES, MAX_WORDING_FILE, Organisation, Severity, Speaker, Spoken, Verdict, Wording,
};
use serde_json::json;
use std::path::{Path, PathBuf};

#[derive(Debug, clap::Subcommand)]
pub(in crate::cli) enum BannerCommand {
    /// Use the texts and colours of a file; what it does not name stays as shipped
    #[command(after_help = EXAMPLE)]
    Set {
        /// TOML file: `[colours.danger]`, `[[texts]]` with a language
        file: PathBuf,
    },
    /// Show what the banners say
    Show {
        /// Language; that of the organisation when left out
        #[arg(long, value_name = "CODE", value_parser = clap::builder::PossibleValuesParser::new(LANGUAGES))]
        language: Option<String>,
    },
    /// Go back to the installation's texts and colours
    Reset,
}

const EXAMPLE: &str = "\
Example:
  sentra org banner set banner.toml

A file:
  [colours.danger]
  text = \"#5b0f0f\"
  background = \"#fbdcdc\"
  border = \"#b3261e\"

  [[texts]]
  language = \"de\"
  [texts.label]
  danger = \"Halt\"
  [texts.finding.BANK_DETAILS_CHANGED]
  text = \"Neue Bankverbindung bei {supplier.name|einem Lieferanten}.\"
  advice = \"call\"

`advice` is a sentence, or the name of one of the shipped ones (call, verify, stop, …).";

pub(super) async fn run(
    at: &Installation,
    globals: &Globals,
    command: BannerCommand,
    io: &mut Io<'_>,
) -> Result<(), Failure> {
    let org = at.organisation(globals).await?;
    match command {
        BannerCommand::Set { file } => {
            let content = read(&file).await?;
            Wording::parse(&content).map_err(|reason| {
                Failure::new(reason)
                    .at(file.display())
                    .help("correct the file; nothing was changed. sentra org banner set --help shows one")
            })?;
            at.store.set_organisation(org.id, &OrgSetting::BannerWording(Some(content)), OPERATOR).await?;
            super::done(&org, globals, io)
        }
        BannerCommand::Reset => {
            at.store.set_organisation(org.id, &OrgSetting::BannerWording(None), OPERATOR).await?;
            super::done(&org, globals, io)
        }
        BannerCommand::Show { language } => show(&org, language.as_deref(), globals, io),
    }
}

async fn read(file: &Path) -> Result<String, Failure> {
    let wrong = |what: String| Failure::new(what).at(file.display()).help("name a text file in UTF-8");
    let size = tokio::fs::metadata(file).await.map_err(|e| wrong(format!("cannot be read: {e}")))?.len();
    if size > u64::try_from(MAX_WORDING_FILE).unwrap_or(u64::MAX) {
        return Err(wrong(format!("has {size} octets, at most {MAX_WORDING_FILE} are taken")));
    }
    tokio::fs::read_to_string(file).await.map_err(|error| wrong(format!("cannot be read: {error}")))
}

/// The most frequent findings as they would be said.
fn show(
    org: &Organisation,
    language: Option<&str>,
    globals: &Globals,
    io: &mut Io<'_>,
) -> Result<(), Failure> {
    const SHOWN: [(&str, Severity); 4] = [
        ("BANK_DETAILS_CHANGED", Severity::Danger),
        ("SUPPLIER_IMPERSONATED", Severity::Danger),
        ("SUPPLIER_UNKNOWN", Severity::Caution),
        ("ACCOUNT_VERIFIED", Severity::Info),
    ];
    let language = language.unwrap_or_else(|| org.preferences.get("banner.language"));
    let speaker = Speaker::new(language, org.wording.as_deref(), None);
    for (code, severity) in SHOWN {
        let spoken = Some(Spoken { code: code.to_owned(), ..Spoken::default() });
        let said = speaker.of_verdict(&Verdict { severity, spoken, ..Verdict::default() });
        if globals.json {
            io.json(&described(code, &said))?;
        } else {
            io.line(&format!("{}: {}\n  {}\n", said.label, said.headline, said.advice))?;
        }
    }
    Ok(())
}

fn described(code: &str, said: &BannerWords) -> serde_json::Value {
    json!({
        "code": code, "language": said.language, "severity": said.severity, "label": said.label,
        "headline": said.headline, "advice": said.advice, "link": said.link,
        "colours": { "text": said.colours.text, "background": said.colours.background, "border": said.colours.border },
    })
}
