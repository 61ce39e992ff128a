//! In whose words and in which language a banner speaks.

use super::banner::Words;
use crate::model::{BannerWords, MailId, Organisation, Recipient, Speaker, Verdict, Wording};
use arc_swap::ArcSwap;
use std::fmt;

/// The installation's own wording, swapped when the rules are read again, and where its pages are.
#[derive(Default)]
pub struct Voice {
    wording: ArcSwap<Wording>,
    /// Address of the web interface as people reach it, without a slash at the end.
    public_url: Option<String>,
}

impl Voice {
    /// Speaks by this wording over the shipped one; links lead below `public_url`, and without it there are none.
    #[must_use]
    pub fn new(wording: Wording, public_url: Option<String>) -> Self {
        Self { wording: ArcSwap::from_pointee(wording), public_url }
    }

    /// Takes another wording up.
    pub fn reword(&self, wording: Wording) {
        self.wording.store(std::sync::Arc::new(wording));
    }

    /// The banner of a judged message.
    pub(super) fn of_verdict(
        &self,
        id: MailId,
        organisation: &Organisation,
        recipients: &[Recipient],
        verdict: &Verdict,
    ) -> Words {
        self.say(id, organisation, recipients, |speaker| speaker.of_verdict(verdict))
    }

    /// The banner of a released message.
    pub(super) fn of_release(
        &self,
        id: MailId,
        organisation: &Organisation,
        recipients: &[Recipient],
        note: &str,
    ) -> Words {
        self.say(id, organisation, recipients, |speaker| speaker.of_release(note))
    }

    fn say(
        &self,
        id: MailId,
        organisation: &Organisation,
        recipients: &[Recipient],
        words: impl FnOnce(Speaker<'_>) -> BannerWords,
    ) -> Words {
        let installation = self.wording.load();
        let own = organisation.wording.as_deref();
        // One body goes to all recipients: the first one's language decides.
        let language = organisation.language_for(recipients.first().map(|first| &first.address));
        let said = words(Speaker::new(language, own, Some(&installation)));
        // The page asks for a sign-in and shows; opening it changes nothing, because scanners open links too.
        let page = self.public_url.as_ref().map(|url| format!("{url}/messages/{id}"));
        Words { said, page }
    }
}

impl fmt::Debug for Voice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Voice({:?})", self.public_url)
    }
}
