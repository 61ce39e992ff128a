//! OAuth 2.0 for ledgers: authorisation code with PKCE (RFC 6749, RFC 7636), refresh with rotation, revocation (RFC 7009).
//!
//! Tokens leave this process only towards the ledger, and lie in the database only sealed.

use super::SourceError;
use super::http;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::{Client, StatusCode, Url};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Tokens are refreshed this long before they end.
const EARLY_MS: i64 = 60_000;

/// What consent gives.
#[derive(Clone, Serialize, Deserialize, PartialEq, Eq)]
pub struct Tokens {
    /// For requests.
    pub(super) access: String,
    /// For new tokens; a rotating server takes each once.
    pub(super) refresh: String,
    /// When `access` ends, Unix milliseconds.
    pub(super) expires_at: i64,
}

impl Tokens {
    /// Whether the access token is still good for a request.
    pub(super) fn is_fresh(&self, now_ms: i64) -> bool {
        self.expires_at.saturating_sub(EARLY_MS) > now_ms
    }
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Tokens(expires_at {})", self.expires_at)
    }
}

/// Where consent is asked for and tokens are had.
#[derive(Clone)]
pub struct Authorization {
    /// Page for the person's browser.
    pub(super) authorize: Url,
    /// For codes and refresh tokens.
    pub(super) token: Url,
    /// For taking consent back.
    pub(super) revoke: Url,
    /// Our registration at the ledger.
    pub(super) client_id: String,
    /// Its secret; empty for a public client, which PKCE protects.
    pub(super) client_secret: String,
    /// What we ask for.
    pub(super) scopes: &'static str,
}

/// A consent that is being asked for.
pub struct Pending {
    authorization: Authorization,
    redirect: String,
    state: String,
    verifier: String,
}

#[derive(Deserialize)]
struct Answer {
    access_token: String,
    #[serde(default)]
    refresh_token: Option<String>,
    expires_in: i64,
}

#[derive(Deserialize)]
struct Problem {
    #[serde(default)]
    error: String,
}

impl Authorization {
    /// Begins asking for consent. `redirect` is an address that is registered at the ledger.
    ///
    /// # Errors
    /// [`SourceError::Unavailable`] when the system gives no random octets.
    pub fn begin(self, redirect: &str) -> Result<Pending, SourceError> {
        Ok(Pending {
            authorization: self,
            redirect: redirect.to_owned(),
            state: random()?,
            verifier: random()?,
        })
    }

    /// New tokens for old ones. The old refresh token is used up by this.
    pub(super) async fn refresh(
        &self,
        client: &Client,
        tokens: &Tokens,
        now_ms: i64,
    ) -> Result<Tokens, SourceError> {
        let form = [("grant_type", "refresh_token"), ("refresh_token", &tokens.refresh)];
        self.ask(client, &form, now_ms, Some(&tokens.refresh)).await
    }

    /// Takes consent back at the ledger.
    ///
    /// # Errors
    /// [`SourceError`]: the ledger may still hold it.
    pub async fn revoke(&self, tokens: &Tokens) -> Result<(), SourceError> {
        let client = http::client()?;
        let answer = http::send(|| {
            let request = client.post(self.revoke.clone()).form(&[
                ("token", tokens.refresh.as_str()),
                ("token_type_hint", "refresh_token"),
                ("client_id", &self.client_id),
            ]);
            self.identified(request)
        })
        .await?;
        match answer.status() {
            status if status.is_success() => Ok(()),
            status => Err(SourceError::Refused(format!("it answers {} to the revocation", status.as_u16()))),
        }
    }

    fn identified(&self, request: reqwest::RequestBuilder) -> reqwest::RequestBuilder {
        match self.client_secret.as_str() {
            "" => request,
            secret => request.basic_auth(&self.client_id, Some(secret)),
        }
    }

    async fn ask(
        &self,
        client: &Client,
        form: &[(&str, &str)],
        now_ms: i64,
        known_refresh: Option<&str>,
    ) -> Result<Tokens, SourceError> {
        let mut form = form.to_vec();
        form.push(("client_id", &self.client_id));
        // Not repeated: a code or refresh token works once, and an answer that was lost may have used it up.
        let request = self.identified(client.post(self.token.clone()).form(&form));
        let answer = request.send().await.map_err(|error| http::failed(&error))?;
        let status = answer.status();
        if status == StatusCode::TOO_MANY_REQUESTS || status.is_server_error() {
            return Err(SourceError::Unavailable(format!("the token server answers {}", status.as_u16())));
        }
        if !status.is_success() {
            let problem =
                http::json::<Problem>(answer).await.map(|problem| problem.error).unwrap_or_default();
            return Err(match problem.as_str() {
                "invalid_grant" => SourceError::NotConnected,
                other => {
                    let shown: String =
                        other.chars().filter(|c| c.is_ascii_lowercase() || *c == '_').take(40).collect();
                    SourceError::Refused(format!("the token server answers {} {shown}", status.as_u16()))
                }
            });
        }
        let answer: Answer = http::json(answer).await?;
        let refresh = answer.refresh_token.or_else(|| known_refresh.map(str::to_owned));
        let refresh = refresh.ok_or_else(|| {
            SourceError::Refused("it gave no refresh token: the registration lacks offline_access".to_owned())
        })?;
        let lifetime_ms = answer.expires_in.clamp(0, 86_400).saturating_mul(1_000);
        Ok(Tokens { access: answer.access_token, refresh, expires_at: now_ms.saturating_add(lifetime_ms) })
    }
}

impl Pending {
    /// The page that the person has to open.
    #[must_use]
    pub fn url(&self) -> String {
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, self.verifier.as_bytes());
        let challenge = URL_SAFE_NO_PAD.encode(digest);
        let mut url = self.authorization.authorize.clone();
        url.query_pairs_mut()
            .append_pair("response_type", "code")
            .append_pair("client_id", &self.authorization.client_id)
            .append_pair("redirect_uri", &self.redirect)
            .append_pair("scope", self.authorization.scopes)
            .append_pair("state", &self.state)
            .append_pair("code_challenge", &challenge)
            .append_pair("code_challenge_method", "S256");
        url.into()
    }

    /// The code in the address that the browser ended at. `None`: it belongs to no consent of ours.
    ///
    /// # Errors
    /// What the person or the ledger refused.
    pub fn code(&self, address: &str) -> Result<Option<String>, SourceError> {
        let url = Url::parse(address.trim())
            .or_else(|_| Url::parse(&self.redirect).and_then(|base| base.join(address.trim())));
        let Ok(url) = url else { return Ok(None) };
        let get =
            |name: &str| url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned());
        let ours = get("state").is_some_and(|state| {
            bool::from(subtle::ConstantTimeEq::ct_eq(state.as_bytes(), self.state.as_bytes()))
        });
        if !ours {
            return Ok(None);
        }
        match get("code") {
            Some(code) => Ok(Some(code)),
            None => Err(SourceError::Refused("consent was not given".to_owned())),
        }
    }

    /// Tokens for the code.
    ///
    /// # Errors
    /// [`SourceError`] of the token server.
    pub async fn exchange(&self, code: &str, now_ms: i64) -> Result<Tokens, SourceError> {
        let client = http::client()?;
        let form = [
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", &self.redirect),
            ("code_verifier", &self.verifier),
        ];
        self.authorization.ask(&client, &form, now_ms, None).await
    }
}

/// 256 random bits as text.
fn random() -> Result<String, SourceError> {
    let mut octets = [0_u8; 32];
    aws_lc_rs::rand::fill(&mut octets)
        .map_err(|_| SourceError::Unavailable("the system's random source failed".to_owned()))?;
    Ok(URL_SAFE_NO_PAD.encode(octets))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pending() -> Pending {
        let url = |text: &str| Url::parse(text).expect(text);
        let authorization = Authorization {
            authorize: url("https://login.example/authorize"),
            token: url("https://login.example/token"),
            revoke: url("https://login.example/revoke"),
            client_id: "client".to_owned(),
            client_secret: String::new(),
            scopes: "offline_access read",
        };
        authorization.begin("http://localhost:8765/callback").expect("random octets")
    }

    #[test]
    fn the_page_asks_with_a_challenge_and_no_secret() {
        let pending = pending();
        let url = pending.url();
        assert!(
            url.contains("code_challenge_method=S256") && url.contains("scope=offline_access+read"),
            "{url}"
        );
        assert!(!url.contains(&pending.verifier), "the verifier stays here");
    }

    #[test]
    fn only_our_own_consent_counts() {
        let pending = pending();
        let good = format!("http://localhost:8765/callback?code=abc&state={}", pending.state);
        assert_eq!(pending.code(&good).expect("ours").as_deref(), Some("abc"));
        assert_eq!(
            pending.code(&format!("/callback?code=abc&state={}", pending.state)).unwrap().as_deref(),
            Some("abc")
        );
        for foreign in
            ["http://localhost:8765/callback?code=abc&state=x", "/callback?code=abc", "rubbish", ""]
        {
            assert_eq!(pending.code(foreign).expect("not ours"), None, "{foreign}");
        }
        assert!(pending.code(&format!("/callback?error=access_denied&state={}", pending.state)).is_err());
    }
}
