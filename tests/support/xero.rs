//! A server on this machine that speaks what Xero documents: consent page, tokens that rotate, contacts in pages,
//! "too many requests".

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode, Uri};
use axum::response::Response;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

/// What the server does and has seen.
#[derive(Default)]
pub struct Ledger {
    /// Contacts, in order.
    pub contacts: Vec<Value>,
    /// Answers 429 so many times more.
    pub busy: usize,
    /// Breaks the second page off in the middle.
    pub torn: bool,
    /// Answers contacts as unchanged when asked since some time.
    pub unchanged: bool,
    /// Requests for contacts that were answered: page, and since when.
    pub pages: Vec<(usize, Option<String>)>,
    /// Refresh tokens that were used up.
    pub spent: Vec<String>,
    /// Tokens that were taken back.
    pub revoked: Vec<String>,
    challenge: String,
    issued: usize,
    access: String,
    refresh: String,
}

/// The running server.
pub struct Xero {
    pub address: SocketAddr,
    pub ledger: Arc<Mutex<Ledger>>,
}

type Shared = Arc<Mutex<Ledger>>;

impl Xero {
    pub async fn start(contacts: Vec<Value>) -> Self {
        let ledger: Shared = Arc::new(Mutex::new(Ledger { contacts, ..Ledger::default() }));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let router = Router::new().fallback(answer).with_state(Arc::clone(&ledger));
        tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { address, ledger }
    }

    /// Options of a source that talks to it.
    pub fn options(&self) -> Vec<String> {
        let at = self.address;
        vec![
            "client_id=0123".to_owned(),
            format!("authorize_url=http://{at}/authorize"),
            format!("token_url=http://{at}/token"),
            format!("revoke_url=http://{at}/revoke"),
            format!("api_url=http://{at}"),
            "page_size=2".to_owned(),
        ]
    }

    /// The access token is void from now on; the refresh token is good.
    pub fn expire(&self) {
        self.ledger.lock().unwrap().access = "void".to_owned();
    }

    /// The person took the consent back in the ledger's own settings.
    pub fn forget_consent(&self) {
        let mut ledger = self.ledger.lock().unwrap();
        (ledger.access, ledger.refresh) = ("void".to_owned(), "void".to_owned());
    }

    /// What the tokens are, to look for them where they must not be.
    pub fn tokens(&self) -> [String; 2] {
        let ledger = self.ledger.lock().unwrap();
        [ledger.access.clone(), ledger.refresh.clone()]
    }
}

fn pairs(text: &str) -> BTreeMap<String, String> {
    let url = reqwest::Url::parse(&format!("http://x/?{text}")).unwrap();
    url.query_pairs().map(|(key, value)| (key.into_owned(), value.into_owned())).collect()
}

fn reply(status: u16, body: &Value) -> Response {
    let body = Body::from(body.to_string());
    Response::builder().status(status).header("content-type", "application/json").body(body).unwrap()
}

async fn answer(
    State(ledger): State<Shared>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: String,
) -> Response {
    let mut ledger = ledger.lock().unwrap();
    let query = pairs(uri.query().unwrap_or(""));
    match (method.as_str(), uri.path()) {
        ("GET", "/authorize") => {
            assert_eq!(query["response_type"], "code");
            assert_eq!(query["code_challenge_method"], "S256");
            assert!(query["scope"].contains("offline_access accounting.contacts.read"));
            ledger.challenge.clone_from(&query["code_challenge"]);
            let back = format!("{}?code=the-code&state={}", query["redirect_uri"], query["state"]);
            Response::builder().status(302).header("location", back).body(Body::empty()).unwrap()
        }
        ("POST", "/token") => token(&mut ledger, &pairs(&body)),
        ("POST", "/revoke") => {
            ledger.revoked.push(pairs(&body)["token"].clone());
            (ledger.access, ledger.refresh) = ("void".to_owned(), "void".to_owned());
            Response::new(Body::empty())
        }
        ("GET", path) => {
            let good = format!("Bearer {}", ledger.access);
            if headers.get("authorization").is_none_or(|value| value.to_str().unwrap() != good) {
                return reply(401, &json!({ "Title": "Unauthorized" }));
            }
            match path {
                "/connections" => reply(200, &json!([{ "tenantId": "t-1", "tenantType": "ORGANISATION" }])),
                "/api.xro/2.0/Contacts" => contacts(&mut ledger, &query, &headers),
                _ => reply(404, &json!({})),
            }
        }
        _ => reply(404, &json!({})),
    }
}

fn token(ledger: &mut Ledger, form: &BTreeMap<String, String>) -> Response {
    let good = match form["grant_type"].as_str() {
        "authorization_code" => {
            let digest =
                aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, form["code_verifier"].as_bytes());
            form["code"] == "the-code" && URL_SAFE_NO_PAD.encode(digest) == ledger.challenge
        }
        "refresh_token" => form["refresh_token"] == ledger.refresh,
        _ => false,
    };
    if !good || form["client_id"] != "0123" {
        return reply(400, &json!({ "error": "invalid_grant" }));
    }
    let spent = std::mem::take(&mut ledger.refresh);
    ledger.spent.push(spent);
    ledger.issued += 1;
    ledger.access = format!("access-token-number-{}", ledger.issued);
    ledger.refresh = format!("refresh-token-number-{}", ledger.issued);
    let answer = json!({
        "access_token": ledger.access, "refresh_token": ledger.refresh, "expires_in": 1800, "token_type": "Bearer",
    });
    reply(200, &answer)
}

fn contacts(ledger: &mut Ledger, query: &BTreeMap<String, String>, headers: &HeaderMap) -> Response {
    assert_eq!(headers["xero-tenant-id"], "t-1");
    assert_eq!(query["includeArchived"], "true");
    if ledger.busy > 0 {
        ledger.busy -= 1;
        let late = Response::builder().status(StatusCode::TOO_MANY_REQUESTS).header("retry-after", "0");
        return late.body(Body::empty()).unwrap();
    }
    let page: usize = query["page"].parse().unwrap();
    let since = headers.get("if-modified-since").map(|value| value.to_str().unwrap().to_owned());
    ledger.pages.push((page, since.clone()));
    if ledger.unchanged && since.is_some() {
        return Response::builder().status(StatusCode::NOT_MODIFIED).body(Body::empty()).unwrap();
    }
    let size: usize = query["pageSize"].parse().unwrap();
    let page_of: Vec<&Value> = ledger.contacts.iter().skip((page - 1) * size).take(size).collect();
    let whole = json!({ "Contacts": page_of }).to_string();
    let text = if ledger.torn && page == 2 { whole[..whole.len() / 2].to_owned() } else { whole };
    Response::builder().header("content-type", "application/json").body(Body::from(text)).unwrap()
}
