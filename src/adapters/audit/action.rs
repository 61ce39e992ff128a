//! Every action that the audit knows: one line each, from which the names, the filter of `sentra audit list` and the
//! table in `docs/audit.md` are made.
//!
//! To add one, add its lines under its noun and run `SENTRA_BLESS=1 cargo test --test main audit::documented`. What
//! goes into `private` is kept apart from the chain and can be erased; nothing personal belongs into `detail`.

/// What the table in `docs/audit.md` says of an action.
#[derive(Clone, Copy, Debug)]
pub struct ActionDoc {
    /// What happened, a sentence.
    pub what: &'static str,
    /// What the subject names.
    pub subject: &'static str,
    /// Fields of `detail`.
    pub detail: &'static str,
    /// Fields of `private`.
    pub private: &'static str,
}

macro_rules! actions {
    ($( $(#[doc = $doc:literal])+ $name:ident = $text:literal ($subject:literal; $detail:literal; $private:literal) )*) => {
        /// What was done, `noun.verb`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum AuditAction {
            $( $(#[doc = $doc])+ $name, )*
        }

        impl AuditAction {
            /// All of them, in the order of the reference.
            pub const ALL: &'static [Self] = &[$( Self::$name, )*];

            /// The name in the chain.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $( Self::$name => $text, )*
                }
            }

            /// What the reference says.
            #[must_use]
            pub const fn doc(self) -> ActionDoc {
                match self {
                    $( Self::$name => ActionDoc {
                        what: concat!($($doc),+),
                        subject: $subject,
                        detail: $detail,
                        private: $private,
                    }, )*
                }
            }
        }
    };
}

// (subject; fields of detail; fields of private)
actions! {
    /// The server is up: listeners are bound, rules and keys are loaded.
    SystemStart = "system.start" ("version of the program"; "ruleset"; "-")
    /// The server has drained and ends.
    SystemStop = "system.stop" ("version of the program"; "-"; "-")
    /// A backup was made: by hand, or as the first of a day by itself.
    BackupCreate = "backup.create" ("id of the backup"; "rows, bodies"; "-")
    /// A restore was tried out into a scratch database.
    BackupDrill = "backup.drill" ("id of the backup, or `none`"; "ok, rows"; "-")
    /// The database was restored: entries after the backup's moment are not in this chain.
    BackupRestore = "backup.restore" ("id of the backup"; "at, rows"; "-")

    /// Rules and certificates were read again, or refused (then what ran stays).
    SystemReload = "system.reload" ("`taken_up` or `refused`"; "ruleset"; "-")

    /// An organisation was created, with its keys and tokens.
    OrgCreate = "org.create" ("name of the organisation"; "mode; of one with places of its own: database, objects (kind, name)"; "-")
    /// A setting was changed.
    OrgSet = "org.set" ("name of the setting"; "setting, value"; "value (with an address in it)")
    /// An organisation was shown, with addresses of executives and administrators.
    OrgShow = "org.show" ("id of the organisation"; "-"; "-")
    /// Everything of the organisation left in an encrypted file.
    OrgExport = "org.export" ("id of the organisation"; "-"; "-")
    /// The organisation came from another installation; its entries before are that one's.
    OrgImport = "org.import" ("id of the organisation"; "rows, bodies, exported_at"; "-")
    /// The organisation's keys were destroyed: the last entry of its chain.
    OrgErase = "org.erase" ("id of the organisation"; "rows, bodies, forced"; "-")
    /// Another organisation of the installation was erased; the hash is that of the certificate.
    OrgErased = "org.erased" ("id of the erased organisation"; "certificate (SHA-256)"; "-")
    /// A protected mailbox was added, or its aliases were replaced.
    MailboxAdd = "mailbox.add" ("address"; "aliases (count)"; "-")
    /// A protected mailbox was removed.
    MailboxRemove = "mailbox.remove" ("address"; "aliases (count)"; "-")
    /// A domain was registered.
    DomainAdd = "domain.add" ("domain"; "-"; "-")
    /// A domain was removed.
    DomainRemove = "domain.remove" ("domain"; "-"; "-")
    /// An executive was added, or the addresses were replaced.
    ExecutiveAdd = "executive.add" ("`executive`"; "addresses (count)"; "name, addresses")
    /// An executive was removed.
    ExecutiveRemove = "executive.remove" ("`executive`"; "addresses (count)"; "name, addresses")
    /// An administrator was added.
    AdminAdd = "admin.add" ("address"; "-"; "-")
    /// An administrator was removed.
    AdminRemove = "admin.remove" ("address"; "-"; "-")
    /// One of the organisation's own accounts was added.
    OwnAccountAdd = "own_account.add" ("account, masked"; "-"; "-")
    /// One of the organisation's own accounts was removed.
    OwnAccountRemove = "own_account.remove" ("account, masked"; "-"; "-")
    /// The own accounts were listed, masked.
    OwnAccountList = "own_account.list" ("`accounts`"; "count"; "-")
    /// A token was made anew and shown once.
    TokenRotate = "token.rotate" ("`ingress` or `return`"; "-"; "-")
    /// The rotation of a key was begun: the new key is known to every node and used by none.
    KeysRotate = "keys.rotate" ("`data`, `fingerprint` or `signing`"; "key"; "-")
    /// The new key is the one that is used.
    KeysActivate = "keys.activate" ("`data`, `fingerprint` or `signing`"; "key"; "-")
    /// The rotation ended: so many values were sealed or fingerprinted anew, so many do not open.
    KeysRotated = "keys.rotated" ("`data`, `fingerprint` or `signing`"; "key, values, unreadable"; "-")
    /// An old key was destroyed, because nothing is under it; of a signing key the public half stays.
    KeysDestroy = "keys.destroy" ("`data`, `fingerprint` or `signing`"; "key, kept"; "-")
    /// The organisation's keys were wrapped by another master key.
    KeysRewrap = "keys.rewrap" ("`master`"; "keys (count), master (number)"; "-")
    /// An ARC key was made; it seals nothing yet.
    ArcGenerate = "arc.generate" ("DNS name of its record"; "-"; "-")
    /// An ARC key seals from now on.
    ArcActivate = "arc.activate" ("DNS name of its record"; "-"; "-")
    /// An ARC key was removed.
    ArcRemove = "arc.remove" ("DNS name of its record"; "-"; "-")
    /// A user's password was set.
    UserPassword = "user.password" ("address"; "-"; "-")

    /// A message was held.
    QuarantineHold = "quarantine.hold" ("entry"; "severity, score, codes"; "-")
    /// Entries were listed, with addresses and subjects.
    QuarantineList = "quarantine.list" ("`entries`"; "states"; "-")
    /// An entry was shown, with addresses and subject.
    QuarantineShow = "quarantine.show" ("entry"; "-"; "-")
    /// The received octets of an entry were taken out.
    QuarantineExport = "quarantine.export" ("entry"; "-"; "-")
    /// Somebody took an entry into work.
    QuarantineClaimed = "quarantine.claimed" ("entry"; "from, to"; "reason")
    /// Somebody gave an entry back.
    QuarantineHeld = "quarantine.held" ("entry"; "from, to"; "reason")
    /// The release of an entry was approved.
    QuarantineApproved = "quarantine.approved" ("entry"; "from, to"; "reason")
    /// An entry expired.
    QuarantineExpired = "quarantine.expired" ("entry"; "from, to"; "reason")
    /// Fraud was confirmed; the body is kept as evidence.
    QuarantineRejected = "quarantine.rejected" ("entry"; "from, to"; "reason")
    /// The body was deleted; the row stays.
    QuarantineDeleted = "quarantine.deleted" ("entry"; "from, to"; "reason")
    /// A release was queued.
    QuarantineRelease = "quarantine.release" ("entry"; "recipients (count), of"; "reason, recipients")
    /// The next hop took a release.
    QuarantineReleased = "quarantine.released" ("entry"; "attempts, maybe_twice"; "-")
    /// A release was given up; the entry is held again.
    QuarantineReleaseFailed = "quarantine.release_failed" ("entry"; "attempts, maybe_twice"; "-")
    /// A notice to administrators was given up.
    NoticeFailed = "notice.failed" ("row of the outbox"; "attempts, maybe_twice"; "-")
    /// Notices beside a message that cannot carry its warning were queued.
    CompanionQueued = "companion.queued" ("message"; "notices (count)"; "-")
    /// They were taken back, because the next hop refused the message.
    CompanionWithdrawn = "companion.withdrawn" ("message"; "notices (count)"; "-")
    /// Bodies that no entry names were removed.
    QuarantineSweep = "quarantine.sweep" ("`bodies`"; "count"; "-")

    /// A parameter of a rule was set.
    RulesThreshold = "rules.threshold" ("code of the rule"; "values (name to number, or `default`), version"; "-")
    /// A rule was switched off for the organisation.
    RulesDisable = "rules.disable" ("code of the rule"; "version"; "reason")
    /// A rule was switched on again.
    RulesEnable = "rules.enable" ("code of the rule"; "version"; "-")
    /// A rule of the organisation's own was added or replaced.
    RulesAdd = "rules.add" ("code of the rule"; "replaced, version"; "-")
    /// A rule of the organisation's own was removed.
    RulesRemove = "rules.remove" ("code of the rule"; "version"; "-")
    /// The organisation went back to the rules of an earlier version.
    RulesRevert = "rules.revert" ("`rules`"; "to, version"; "-")
    /// It was told why a recorded message was judged so.
    RulesExplain = "rules.explain" ("message"; "-"; "-")
    /// Recorded facts were judged anew, to compare rules or to tell what they would have done.
    RulesReplay = "rules.replay" ("`backtest` or `impact`"; "since, until (RFC 3339)"; "-")

    /// A legal hold was placed: nothing of its scope is purged or erased.
    HoldPlace = "hold.place" ("hold"; "scope, target"; "reason")
    /// A legal hold was lifted.
    HoldLift = "hold.lift" ("hold"; "-"; "reason")
    /// Legal holds were listed, with their reasons.
    HoldList = "hold.list" ("`holds`"; "lifted"; "-")
    /// A purge of what is older than the organisation keeps it was begun.
    RetentionBegin = "retention.begin" ("run"; "before (by class)"; "-")
    /// Bodies, or entries of the quarantine whose body was gone, were purged.
    RetentionPurge = "retention.purge" ("`body` or `record`"; "run, entries"; "-")
    /// A purge ended.
    RetentionEnd = "retention.end" ("run"; "state, removed (by class)"; "-")

    /// A file of supplier records was imported.
    SuppliersImport = "suppliers.import" ("name of the source"; "created, updated, archived, accounts_added, accounts_changed, accounts_verified, accounts_held_back, cases_opened, verified_flag, batch"; "-")
    /// Supplier records came from a live source.
    SuppliersSync = "suppliers.sync" ("name of the source"; "as of suppliers.import"; "-")
    /// A change to the directory was taken back.
    SuppliersUndo = "suppliers.undo" ("batch"; "-"; "-")
    /// A supplier's record was edited.
    SupplierEdit = "supplier.edit" ("id of the supplier"; "steps, cases_opened, batch"; "-")
    /// A supplier was merged into another.
    SupplierMerge = "supplier.merge" ("id of the supplier that goes"; "into, values, accounts, stricter, batch"; "-")
    /// Full account numbers of a supplier were shown.
    SuppliersReveal = "suppliers.reveal" ("id of the supplier"; "-"; "-")
    /// Suppliers were searched.
    SuppliersSearch = "suppliers.search" ("`suppliers`"; "hits (count)"; "-")
    /// A live source of suppliers was added.
    SourceAdd = "source.add" ("name of the source"; "kind, every_seconds"; "-")
    /// A live source of suppliers was removed with its secrets.
    SourceRemove = "source.remove" ("name of the source"; "-"; "-")
    /// Consent for a live source was given, its tokens are kept.
    SourceConnect = "source.connect" ("name of the source"; "-"; "-")
    /// The tokens of a live source were deleted.
    SourceDisconnect = "source.disconnect" ("name of the source"; "-"; "-")
    /// All supplier records left with their account numbers.
    SuppliersExport = "suppliers.export" ("form of the export"; "-"; "-")
    /// A supplier was shown, with contacts.
    SuppliersShow = "suppliers.show" ("id of the supplier"; "-"; "-")

    /// A verification case was opened by a person.
    CaseOpen = "case.open" ("case"; "supplier, account, batch"; "-")
    /// A case was shown, with the supplier's numbers.
    CaseShow = "case.show" ("case"; "-"; "-")
    /// A call to a supplier was recorded.
    CaseCall = "case.call" ("case"; "number, outcome, batch"; "-")
    /// A case was approved: its account is verified.
    CaseApprove = "case.approve" ("case"; "called_by, retire, batch"; "-")
    /// A case was rejected.
    CaseReject = "case.reject" ("case"; "fraud, batch"; "-")

    /// Private fields of the audit were shown.
    AuditReveal = "audit.reveal" ("`entries`"; "filters"; "-")
    /// The audit was exported.
    AuditExport = "audit.export" ("`entries`"; "since, revealed"; "-")
    /// Somebody asked for the signed head to be written to the anchor store now.
    AuditAnchor = "audit.anchor" ("`head`"; "-"; "-")
    /// A restored database was accepted: the anchors written after its state no longer count.
    AuditAcceptRestore = "audit.accept_restore" ("number of the anchor"; "seq"; "reason")
    /// Entries up to an anchored head were removed; the checkpoint is kept.
    AuditPrune = "audit.prune" ("seq of the checkpoint"; "removed"; "-")

    /// What is held about a person was exported.
    PrivacyExport = "privacy.export" ("`person`"; "-"; "address")
    /// What an erasure of a person's data would take was shown.
    PrivacyPlan = "privacy.plan" ("`person`"; "-"; "address")
    /// The erasure of a person's data was begun.
    PrivacyErase = "privacy.erase" ("erasure"; "suppliers"; "reason")
    /// The erasure ended: so many rows went, by place.
    PrivacyErased = "privacy.erased" ("erasure"; "erased (by place)"; "-")
    /// The erasure was applied again, to a database restored from a backup made before it.
    PrivacyReplay = "privacy.replay" ("erasure"; "erased (by place)"; "-")
}

impl AuditAction {
    /// The action by its name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|action| action.as_str() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_noun_verb_and_unique() {
        let names: BTreeSet<&str> = AuditAction::ALL.iter().map(|action| action.as_str()).collect();
        assert_eq!(names.len(), AuditAction::ALL.len());
        for action in AuditAction::ALL {
            let name = action.as_str();
            let (noun, verb) = name.split_once('.').unwrap();
            let lower =
                |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_');
            assert!(lower(noun) && lower(verb), "{name}");
            assert!(action.doc().what.ends_with('.'), "{name}: a sentence ends with a full stop");
            assert_eq!(AuditAction::from_name(name), Some(*action));
        }
    }
}
