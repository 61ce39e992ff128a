//! Organisations with a database or an object store of their own, on the command line.

use super::super::database::{Installation, OPERATOR};
use super::args::{CreateArgs, Places};
use super::described as described_here;
use crate::adapters::store::{self, Away, CreatedOrganisation, Pin, StoreError};
use crate::cli::Failure;
use crate::cli::io::Io;
use crate::limits;
use crate::model::Organisation;
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use std::io::Read as _;

/// Creates an organisation where its arguments say.
pub(super) async fn create(at: &Installation, args: &CreateArgs) -> Result<CreatedOrganisation, Failure> {
    let new = args.profile.organisation(&args.name)?;
    let pin = pin(&args.places)?;
    if pin.database.is_none() && pin.objects.is_none() {
        return Ok(at.store.create_organisation(new, OPERATOR).await?);
    }
    pin.check()?;
    let owner = args.places.database_owner.as_deref().map(read).transpose()?;
    if let (Some(url), Some(owner)) = (&pin.database, &owner) {
        store::migrate(url.expose_secret(), Some(owner.expose_secret())).await.map_err(owner_failed)?;
    }
    at.store.create_pinned(new, &pin, OPERATOR).await.map_err(|error| match error {
        StoreError::Setup { .. } if owner.is_none() && is_server(&pin) => Failure::from(error).help(
            "its schema is made by the owner of its tables: name that role's URL with --database-owner",
        ),
        other => other.into(),
    })
}

fn is_server(pin: &Pin) -> bool {
    pin.database.as_ref().is_some_and(|url| url.expose_secret().starts_with("postgres"))
}

fn owner_failed(error: StoreError) -> Failure {
    match error {
        StoreError::Setup { what, .. } => {
            Failure::new(what).at("--database-owner").help("docs/pinned.md has the SQL for the two roles")
        }
        other => other.into(),
    }
}

fn pin(places: &Places) -> Result<Pin, Failure> {
    Ok(Pin {
        database: places.database.as_deref().map(read).transpose()?,
        objects: places.objects.as_deref().map(read).transpose()?,
    })
}

/// A URL as typed, or the first line of the file that `@` names.
pub(in crate::cli) fn read(text: &str) -> Result<SecretString, Failure> {
    let Some(path) = text.strip_prefix('@') else { return Ok(SecretString::from(text.to_owned())) };
    let mut content = String::new();
    let most = u64::try_from(limits::MAX_PIN_URL).unwrap_or(u64::MAX);
    let reading = std::fs::File::open(path).and_then(|file| file.take(most).read_to_string(&mut content));
    reading.map_err(|error| Failure::new(format!("the URL cannot be read: {error}")).at(path))?;
    let line = content.lines().next().unwrap_or_default().trim();
    Ok(SecretString::from(line.to_owned()))
}

/// An organisation with where it is.
pub(super) fn described(at: &Installation, org: &Organisation) -> Value {
    let mut object = described_here(org);
    if let Some(object) = object.as_object_mut() {
        for (name, place) in places(at, org) {
            object.insert(name.to_owned(), place.into());
        }
    }
    object
}

pub(super) fn show(at: &Installation, org: &Organisation, io: &mut Io<'_>) -> Result<(), Failure> {
    let places = places(at, org);
    if places.is_empty() { Ok(()) } else { io.pairs(&places) }
}

/// Where it is, without credentials; nothing for what is where everybody is.
fn places(at: &Installation, org: &Organisation) -> Vec<(&'static str, String)> {
    let mut places = Vec::new();
    if let Some(place) = at.store.database().pinned_place(org.id) {
        places.push(("own_database", place));
    }
    if at.store.bodies().is_pinned(org.id) {
        places.push(("own_objects", at.store.bodies().of(org.id).shown().to_owned()));
    }
    places
}

pub(super) fn described_away(away: &Away) -> Value {
    let org = &away.organisation;
    json!({ "id": org.id, "name": org.name, "mailboxes": org.mailboxes, "away": away.reason })
}

pub(super) fn row_away(away: &Away) -> Vec<String> {
    let org = &away.organisation;
    let count = org.mailboxes.len().to_string();
    vec![org.name.clone(), org.id.to_string(), "away".to_owned(), count, "-".to_owned()]
}
