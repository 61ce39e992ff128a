//! `KEY=VALUE` of `sentra org set`, and next hops as they are typed.

use super::args::{ModeName, TlsName};
use crate::adapters::store::OrgSetting;
use crate::cli::Failure;
use crate::model::{Domain, FailPolicy, NextHopAddress, NextHopTls, Organisation, PREFERENCES, preference};
use clap::ValueEnum;

/// `HOST:PORT`, `[IPv6]:PORT`, or a host alone with port 25.
pub(in crate::cli) fn next_hop(text: &str, tls: NextHopTls) -> Result<NextHopAddress, Failure> {
    let wrong = || {
        Failure::usage(format!("{text:?} is no next hop"))
            .help("write HOST:PORT, like mail.contoso.com:25 or [::1]:2525")
    };
    let (host, port) = match text.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, rest)) => (host, rest.strip_prefix(':').or_else(|| rest.is_empty().then_some("25"))),
        None => text.rsplit_once(':').map_or((text, Some("25")), |(host, port)| (host, Some(port))),
    };
    let port = port.and_then(|port| port.parse::<u16>().ok()).filter(|port| *port > 0).ok_or_else(wrong)?;
    let host = match host.parse::<std::net::IpAddr>() {
        Ok(address) => address.to_string(),
        Err(_) => Domain::parse(host).map_err(|_| wrong())?.as_str().to_owned(),
    };
    Ok(NextHopAddress { host, port, tls })
}

const SETTINGS: [&str; 8] = [
    "name",
    "mode",
    "tenant-id",
    "next-hop",
    "next-hop-tls",
    "fail-policy",
    "client-certificate",
    "subject-prefix",
];

/// Rows and objects cannot be moved while mail flows.
fn moved(key: &str) -> Failure {
    Failure::usage(format!("{key} is chosen when an organisation is created, and not changed after"))
        .help("a new one is, with `sentra org create NAME --database … --objects …`; docs/pinned.md tells what cannot be moved")
}

/// All settings of one command line; nothing is changed yet.
pub(super) fn parse_settings(org: &Organisation, settings: &[String]) -> Result<Vec<OrgSetting>, Failure> {
    let mut changes = Vec::new();
    let mut hop = org.next_hop.clone();
    let mut hop_changed = false;
    for setting in settings {
        let Some((key, value)) = setting.split_once('=') else {
            return Err(
                Failure::usage(format!("{setting:?} is not KEY=VALUE")).help("write it like mode=tag")
            );
        };
        let some = (!value.is_empty()).then(|| value.to_owned());
        match key.replace('_', "-").as_str() {
            "database" | "objects" => return Err(moved(key)),
            "name" => changes.push(OrgSetting::Name(value.to_owned())),
            "mode" => changes.push(OrgSetting::Mode(one_of::<ModeName>(key, value)?.into())),
            "tenant-id" => changes.push(OrgSetting::TenantId(some)),
            "subject-prefix" => changes.push(OrgSetting::SubjectPrefix(some)),
            "fail-policy" => changes.push(OrgSetting::FailPolicy(match value {
                "defer" => FailPolicy::Defer,
                "deliver-unverified" => FailPolicy::DeliverUnverified,
                _ => return Err(unknown_value(key, value, "defer, deliver-unverified")),
            })),
            "next-hop" => {
                let tls = hop.as_ref().map_or(NextHopTls::Required, |hop| hop.tls);
                hop = some.map(|text| next_hop(&text, tls)).transpose()?;
                hop_changed = true;
            }
            "next-hop-tls" => {
                let tls = one_of::<TlsName>(key, value)?.into();
                let Some(hop) = &mut hop else {
                    return Err(
                        Failure::usage("there is no next hop yet").help("set next-hop=HOST:PORT first")
                    );
                };
                hop.tls = tls;
                hop_changed = true;
            }
            "client-certificate" => {
                changes.push(OrgSetting::ClientCertificate(match value.split_once(',') {
                    Some((chain, key)) => Some((chain.trim().to_owned(), key.trim().to_owned())),
                    None if value.is_empty() => None,
                    None => return Err(unknown_value(key, value, "CHAIN.pem,KEY.pem")),
                }))
            }
            _ => match preference(key) {
                Some(known) if some.as_deref().is_none_or(|value| known.values.allow(value)) => {
                    changes.push(OrgSetting::Preference(known, some));
                }
                Some(known) => return Err(unknown_value(key, value, &known.values.described())),
                None => return Err(unknown_setting(key)),
            },
        }
    }
    if hop_changed {
        changes.push(OrgSetting::NextHop(hop));
    }
    Ok(changes)
}

fn one_of<T: ValueEnum>(key: &str, value: &str) -> Result<T, Failure> {
    T::from_str(value, false).map_err(|_| {
        let names = T::value_variants().iter().filter_map(|variant| variant.to_possible_value());
        let names: Vec<String> = names.map(|name| name.get_name().to_owned()).collect();
        unknown_value(key, value, &names.join(", "))
    })
}

fn unknown_value(key: &str, value: &str, valid: &str) -> Failure {
    Failure::usage(format!("{key} cannot be {value:?}")).help(format!("it is one of: {valid}"))
}

fn unknown_setting(key: &str) -> Failure {
    let names: Vec<&str> = SETTINGS.into_iter().chain(PREFERENCES.iter().map(|known| known.name)).collect();
    let help = match crate::config::nearest(key, names.iter().copied()) {
        Some(near) => format!("did you mean {near}? The settings are {}", names.join(", ")),
        None => format!("the settings are {}", names.join(", ")),
    };
    Failure::usage(format!("an organisation has no setting {key:?}")).help(help)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn next_hops_are_read() {
        let rows = [
            ("mail.contoso.com:25", Some(("mail.contoso.com", 25))),
            ("mail.contoso.com", Some(("mail.contoso.com", 25))),
            ("127.0.0.1:2525", Some(("127.0.0.1", 2525))),
            ("[::1]:2525", Some(("::1", 2525))),
            ("[::1]", Some(("::1", 25))),
            ("mail.contoso.com:0", None),
            ("mail.contoso.com:99999", None),
            ("a b:25", None),
            ("", None),
        ];
        for (text, expected) in rows {
            let got = next_hop(text, NextHopTls::None).ok();
            assert_eq!(got.as_ref().map(|hop| (hop.host.as_str(), hop.port)), expected, "{text}");
        }
    }
}
