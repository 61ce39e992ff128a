//! `sentra audit verify`: integrity and completeness, apart, and what is not proven.

use super::super::database::open;
use super::super::{Failure, Globals, Io, Status};
use super::{anchor_store, chosen, when};
use crate::adapters::audit::bundle::{self, Evidence, Verified};
use crate::adapters::audit::{
    Anchor, AnchorStore as _, Completeness, Integrity, PublicKey, Report, Start, read_copy,
};
use serde_json::json;
use std::fs::File;
use std::io::BufReader;
use std::path::{Path, PathBuf};

pub(super) async fn run(
    globals: &Globals,
    exports: &[PathBuf],
    anchors: Option<&Path>,
    keys: &[String],
    io: &mut Io<'_>,
) -> Result<(), Failure> {
    let keys = keys.iter().map(|key| {
        PublicKey::from_hex(key).map_err(|error| {
            Failure::usage(error.to_string()).help("`sentra audit keys` prints an organisation's")
        })
    });
    let keys = keys.collect::<Result<Vec<_>, _>>()?;
    let good = if exports.is_empty() {
        if !keys.is_empty() {
            return Err(
                Failure::usage("--key is for exports").help("the database is checked with its own keys")
            );
        }
        online(globals, anchors, io).await?
    } else {
        let mut good = true;
        for export in exports {
            good &= offline(globals, export, anchors, &keys, io)?;
        }
        good
    };
    if good { Ok(()) } else { Err(Failure::silent(Status::Failed)) }
}

async fn online(globals: &Globals, anchors: Option<&Path>, io: &mut Io<'_>) -> Result<bool, Failure> {
    let at = open(globals).await?;
    let mut good = true;
    for org in chosen(&at, globals).await? {
        let id = org.id.to_string();
        let kept = match anchors {
            Some(folder) => read_copy(folder, &id).map_err(|error| unreadable(folder, &error))?,
            None => anchor_store(&at).all(org.id).await?,
        };
        let report = at.store.audit_report(org.id, kept).await?;
        good &= report.is_good();
        if globals.json {
            io.json(&json!({ "source": "database", "name": org.name, "good": report.is_good(), "report": report }))?;
        } else {
            print(&org.name, &report, io)?;
        }
    }
    Ok(good)
}

fn offline(
    globals: &Globals,
    export: &Path,
    anchors: Option<&Path>,
    keys: &[PublicKey],
    io: &mut Io<'_>,
) -> Result<bool, Failure> {
    let read = |org: &str| -> std::io::Result<Vec<Anchor>> {
        anchors.map_or_else(|| Ok(Vec::new()), |folder| read_copy(folder, org))
    };
    let evidence = Evidence { anchors: anchors.is_some().then_some(&read as _), keys };
    let verified = if export == Path::new("-") {
        bundle::verify(&mut io.input, &evidence)
    } else {
        let file = File::open(export).map_err(|error| unreadable(export, &error))?;
        bundle::verify(&mut BufReader::new(file), &evidence)
    };
    let Verified { name, report, keys } = verified.map_err(|error| {
        Failure::new(format!("the export cannot be verified: {error}"))
            .at(export.display())
            .help("name a file that `sentra audit export` wrote, unpacked; a damaged one proves nothing")
    })?;
    if globals.json {
        let keys: Vec<String> = keys.iter().map(PublicKey::to_hex).collect();
        let source = export.display().to_string();
        io.json(&json!({
            "source": source, "name": name, "good": report.is_good(), "keys": keys, "report": report
        }))?;
    } else {
        print(&format!("{name} ({})", export.display()), &report, io)?;
        for key in &keys {
            io.pairs(&[("  signed by    ", key.to_hex())])?;
        }
    }
    Ok(report.is_good())
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::new(format!("{error}")).at(path.display()).help("name a readable file or folder")
}

/// The report for people.
fn print(name: &str, report: &Report, io: &mut Io<'_>) -> Result<(), Failure> {
    let begin = match report.start {
        Start::Genesis => "from the first entry",
        Start::Checkpoint => "from checkpoint",
        Start::Partial => "a part",
    };
    io.line(&format!("{name}: {} entries, {} to {} ({begin})", report.entries, report.first, report.last))?;
    let integrity = match report.integrity {
        Integrity::Intact => {
            "intact: every entry is as it was written, in its place, under a signed head".to_owned()
        }
        Integrity::Broken => "BROKEN".to_owned(),
    };
    let completeness = match (report.completeness, report.proof) {
        (Completeness::Anchored, Some(proof)) => format!(
            "complete up to entry {}: anchor {} of {} names it",
            proof.seq,
            proof.anchor,
            when(proof.at)
        ),
        (Completeness::Broken, _) => "BROKEN".to_owned(),
        _ => format!("complete up to the signed head at entry {}", report.last),
    };
    let mut pairs = vec![("  integrity", integrity), ("  completeness", completeness)];
    for finding in &report.findings {
        pairs.push(("  wrong", finding.text.clone()));
    }
    let told = u64::try_from(report.findings.len()).unwrap_or(u64::MAX);
    if report.problems > told {
        pairs.push(("  wrong", format!("and {} more", report.problems.saturating_sub(told))));
    }
    let private = report.private;
    if private.committed > 0 {
        pairs.push((
            "  private",
            format!(
                "{} fields: {} as written, {} erased, {} not shown",
                private.committed, private.checked, private.erased, private.withheld
            ),
        ));
    }
    if report.superseded_anchors > 0 {
        let text = format!("{} anchors were made void by an accepted restore", report.superseded_anchors);
        pairs.push(("  restored", text));
    }
    if report.clock_set_back > 0 {
        pairs.push((
            "  clock",
            format!("{} entries are dated before the one before them", report.clock_set_back),
        ));
    }
    for open in &report.not_proven {
        pairs.push(("  not proven", open.clone()));
    }
    io.pairs(&pairs)
}
