//! Our OAuth app at Calendly: logins of people, and the tokens that they give.
//!
//! Source: Calendly's documents "authentication with OAuth" and "refresh token rotation guide". A web app authenticates
//! with HTTP Basic. Errors are `{error, error_description}`; the description is neither logged nor returned.

use domain::Private;
use oauth::{Issued, RefreshOutcome, TokenEndpoint, challenge};
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Client, StatusCode, Url};
use serde::Deserialize;

use crate::error::{USUAL_RESET_SECONDS, wait_seconds};

/// The wait after a token request that gave nothing, when Calendly names none.
const RETRY_SECONDS: u32 = 10;

/// The wait when our client id or secret is wrong: an operator must correct it.
const MISCONFIGURED_SECONDS: u32 = 300;

/// The app, with its client id and secret.
#[derive(Clone, Debug)]
pub struct App {
    client: Client,
    auth_url: String,
    id: String,
    secret: Private<String>,
}

/// What a login gave.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Granted {
    /// The tokens.
    pub issued: Issued,
    /// The URI of the organization; Calendly's documents show it in some answers only.
    pub organization: Option<String>,
}

/// Why a token request gave no tokens.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TokenRequestError {
    /// The code or the refresh token does not work: it was used, has ended, or was revoked.
    #[error("Calendly does not accept the login (invalid_grant)")]
    InvalidGrant,
    /// Calendly does not accept our client id and secret.
    #[error("Calendly does not accept our client id and secret: check the secret calendly-oauth")]
    InvalidClient,
    /// Calendly gave nothing now.
    #[error("{problem}")]
    NotNow {
        /// What went wrong.
        problem: String,
        /// The wait before the next request, in seconds.
        seconds: u32,
    },
}

#[derive(Deserialize)]
struct TokenAnswer {
    access_token: String,
    refresh_token: String,
    expires_in: u32,
    #[serde(default)]
    scope: Option<String>,
    #[serde(default)]
    owner: Option<String>,
    #[serde(default)]
    organization: Option<String>,
}

#[derive(Default, Deserialize)]
struct ErrorAnswer {
    #[serde(default)]
    error: String,
}

impl App {
    /// `auth_url` has no trailing slash; Calendly's is `https://auth.calendly.com`.
    pub fn new(client: Client, auth_url: impl Into<String>, id: impl Into<String>, secret: Private<String>) -> Self {
        Self { client, auth_url: auth_url.into(), id: id.into(), secret }
    }

    /// Returns the page on which a person allows the app to use their account. It sends the person back to
    /// `redirect_uri` with a code.
    pub fn authorize_url(&self, redirect_uri: &str, scopes: &[&str], state: &str, verifier: &str) -> String {
        let query = form(&[
            ("client_id", &self.id),
            ("response_type", "code"),
            ("redirect_uri", redirect_uri),
            ("scope", &scopes.join(" ")),
            ("state", state),
            ("code_challenge", &challenge(verifier)),
            ("code_challenge_method", "S256"),
        ]);
        format!("{}/oauth/authorize?{query}", self.auth_url)
    }

    /// Exchanges the code of a login for tokens. A code works once, for ten minutes.
    ///
    /// # Errors
    /// See [`TokenRequestError`].
    pub async fn redeem_code(
        &self,
        code: &str,
        redirect_uri: &str,
        verifier: &str,
    ) -> Result<Granted, TokenRequestError> {
        self.request_tokens(&[
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", redirect_uri),
            ("code_verifier", verifier),
        ])
        .await
    }

    /// Revokes a token. One that is not known is a success.
    ///
    /// # Errors
    /// See [`TokenRequestError`].
    pub async fn revoke(&self, token: &Private<String>) -> Result<(), TokenRequestError> {
        let fields =
            [("client_id", self.id.as_str()), ("client_secret", self.secret.expose()), ("token", token.expose())];
        let (status, headers, _) = self.post("/oauth/revoke", &fields).await?;
        if status.is_success() { Ok(()) } else { Err(refused(status, &headers, b"")) }
    }

    async fn request_tokens(&self, fields: &[(&str, &str)]) -> Result<Granted, TokenRequestError> {
        let (status, headers, body) = self.post("/oauth/token", fields).await?;
        if !status.is_success() {
            return Err(refused(status, &headers, &body));
        }
        // serde's text would quote a token.
        let answer: TokenAnswer = serde_json::from_slice(&body).map_err(|error| {
            not_now(format!("Calendly's tokens could not be read: line {}, column {}", error.line(), error.column()))
        })?;
        let scopes = answer.scope.unwrap_or_default();
        let issued = Issued {
            access_token: answer.access_token.into(),
            refresh_token: answer.refresh_token.into(),
            expires_in: answer.expires_in,
            scopes: scopes.split_whitespace().map(str::to_owned).collect(),
            owner: answer.owner.unwrap_or_default(),
        };
        Ok(Granted { issued, organization: answer.organization })
    }

    async fn post(
        &self,
        path: &str,
        fields: &[(&str, &str)],
    ) -> Result<(StatusCode, HeaderMap, Vec<u8>), TokenRequestError> {
        let url = Url::parse(&format!("{}{path}", self.auth_url)).map_err(|_| not_now("the URL is invalid"))?;
        let request = self.client.post(url).basic_auth(&self.id, Some(self.secret.expose()));
        let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(form(fields));
        let unanswered = |error: http_client::CallError| not_now(format!("Calendly could not be reached: {error}"));
        let response = http_client::send(request).await.map_err(unanswered)?;
        let (status, headers) = (response.status(), response.headers().clone());
        Ok((status, headers, http_client::read_body(response).await.map_err(unanswered)?))
    }
}

impl TokenEndpoint for App {
    async fn refresh(&self, refresh_token: &Private<String>) -> RefreshOutcome {
        let fields = [("grant_type", "refresh_token"), ("refresh_token", refresh_token.expose().as_str())];
        match self.request_tokens(&fields).await {
            Ok(granted) => RefreshOutcome::Issued(granted.issued),
            Err(TokenRequestError::InvalidGrant) => RefreshOutcome::InvalidGrant,
            Err(error @ TokenRequestError::InvalidClient) => {
                RefreshOutcome::NotNow { seconds: MISCONFIGURED_SECONDS, problem: error.to_string() }
            }
            Err(TokenRequestError::NotNow { problem, seconds }) => RefreshOutcome::NotNow { seconds, problem },
        }
    }
}

fn form(fields: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish()
}

fn not_now(problem: impl Into<String>) -> TokenRequestError {
    TokenRequestError::NotNow { problem: problem.into(), seconds: RETRY_SECONDS }
}

fn refused(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> TokenRequestError {
    // A gateway answers in HTML.
    let answer: ErrorAnswer = serde_json::from_slice(body).unwrap_or_default();
    match answer.error.as_str() {
        "invalid_grant" => TokenRequestError::InvalidGrant,
        "invalid_client" | "unauthorized_client" => TokenRequestError::InvalidClient,
        _ => {
            let problem = format!("Calendly answered a token request with {}", status.as_u16());
            let named = wait_seconds(status, headers);
            let usual = if status == StatusCode::TOO_MANY_REQUESTS { USUAL_RESET_SECONDS } else { RETRY_SECONDS };
            TokenRequestError::NotNow { problem, seconds: named.unwrap_or(usual).clamp(1, 3_600) }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use stand_in::{Answer, StandIn};

    use super::*;
    use crate::fixtures;

    const BACK: &str = "https://vai.example/oauth/calendly/callback";

    fn app(answer: Answer) -> (App, StandIn) {
        let server = StandIn::with_answer(answer);
        (App::new(fixtures::client(), server.url(), "an-app", "a-secret".into()), server)
    }

    fn tokens() -> Value {
        json!({
            "token_type": "Bearer", "access_token": "a-1", "refresh_token": "r-1", "expires_in": 7200,
            "created_at": 1_795_694_400, "scope": "users:read webhooks:write", "owner": fixtures::ME,
            "organization": fixtures::ORGANIZATION,
        })
    }

    #[test]
    fn the_page_gets_the_state_and_the_challenge_only() {
        let app = App::new(fixtures::client(), "https://auth.calendly.com", "an app", "a-secret".into());
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert_eq!(
            app.authorize_url(BACK, &["users:read", "webhooks:write"], "s&1", verifier),
            "https://auth.calendly.com/oauth/authorize?client_id=an+app&response_type=code&redirect_uri=\
             https%3A%2F%2Fvai.example%2Foauth%2Fcalendly%2Fcallback&scope=users%3Aread+webhooks%3Awrite&state=s%261&\
             code_challenge=E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM&code_challenge_method=S256"
        );
        assert!(!format!("{app:?}").contains("a-secret"));
    }

    #[tokio::test]
    async fn a_code_is_exchanged_for_tokens() {
        let (app, server) = app(Answer::json(200, tokens()));
        let granted = app.redeem_code("c+1", BACK, "v").await.expect("tokens");
        assert_eq!(granted.organization.as_deref(), Some(fixtures::ORGANIZATION));
        assert_eq!(granted.issued.scopes, ["users:read", "webhooks:write"]);
        assert_eq!((granted.issued.refresh_token.expose().as_str(), granted.issued.expires_in), ("r-1", 7200));
        let request = server.only_request();
        assert_eq!(request.method_and_target(), "POST /oauth/token");
        // `an-app:a-secret`
        assert_eq!(request.header("authorization"), Some("Basic YW4tYXBwOmEtc2VjcmV0"));
        assert_eq!(
            request.body,
            "grant_type=authorization_code&code=c%2B1&redirect_uri=https%3A%2F%2Fvai.example%2Foauth%2Fcalendly%2F\
             callback&code_verifier=v"
        );
    }

    #[tokio::test]
    async fn each_refusal_of_a_refresh_has_its_meaning() {
        let refresh = async |answer: Answer| app(answer).0.refresh(&"r-0".into()).await;
        let error = |name: &str| json!({"error": name, "error_description": "hush"});
        assert!(matches!(refresh(Answer::json(200, tokens())).await, RefreshOutcome::Issued(_)));
        assert_eq!(refresh(Answer::json(400, error("invalid_grant"))).await, RefreshOutcome::InvalidGrant);
        assert_eq!(refresh(Answer::json(401, error("invalid_grant"))).await, RefreshOutcome::InvalidGrant);
        for (answer, wait) in [
            (Answer::json(401, error("invalid_client")), MISCONFIGURED_SECONDS),
            (Answer::json(429, error("rate_limited")).header("x-ratelimit-reset", 37), 37),
            (Answer::json(429, json!({})), 60),
            (Answer::new(503, "<html>").header("retry-after", 120), 120),
            (Answer::new(502, "<html>").header("x-ratelimit-reset", 37), RETRY_SECONDS),
            // The tokens are lost: the next refresh tells.
            (Answer::new(200, "{\"access_token\":\"a-1\"}"), RETRY_SECONDS),
            (Answer::closes_connection(), RETRY_SECONDS),
        ] {
            match refresh(answer).await {
                RefreshOutcome::NotNow { seconds, problem } => {
                    assert_eq!(seconds, wait, "{problem}");
                    assert!(!problem.contains("hush") && !problem.contains("a-1"), "{problem}");
                }
                other => panic!("{other:?}"),
            }
        }
    }

    #[tokio::test]
    async fn a_token_is_revoked_by_the_app() {
        let (app, server) = app(Answer::json(200, json!({})));
        app.revoke(&"r-1".into()).await.expect("revoked");
        assert_eq!(server.only_request().body, "client_id=an-app&client_secret=a-secret&token=r-1");
    }
}
