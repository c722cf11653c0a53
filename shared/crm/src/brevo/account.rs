//! The account at Brevo: whether it has the lists and attributes that the settings name.

use std::collections::BTreeMap;

use domain::settings::{AttributeType, CrmSettings};
use domain::{ConnectionName, Outcome};
use reqwest::{Method, Response, StatusCode};
use serde::Deserialize;
use serde_json::json;

use super::{Brevo, body};

/// The largest answer that is read is an account's list of attributes.
#[derive(Deserialize)]
struct Attributes {
    attributes: Vec<Attribute>,
}

#[derive(Deserialize)]
struct Attribute {
    name: String,
    category: String,
    #[serde(rename = "type", default)]
    value_type: Option<String>,
}

/// What the account lacks for the settings.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AccountProblem {
    /// There is no such list.
    #[error("crm.lists: Brevo has no list {0}")]
    NoList(u64),
    /// An attribute has another type. Brevo would ignore our values without an error.
    #[error("crm.attributes.{name}: has the type {found} at Brevo, and its source needs {needed}")]
    WrongType {
        /// The attribute.
        name: String,
        /// Its type, or its category if that is not `normal`.
        found: String,
        /// The type that our values have.
        needed: &'static str,
    },
}

/// Why the account could not be checked.
#[derive(Debug, thiserror::Error)]
#[error("Brevo's account could not be checked: {0}")]
pub struct AccountError(String);

impl From<Outcome> for AccountError {
    fn from(outcome: Outcome) -> Self {
        Self(match outcome {
            Outcome::Refused { detail, .. } | Outcome::Unsent { detail, .. } | Outcome::Unknown { detail, .. } => {
                detail
            }
            Outcome::Done { .. } => "it gave an unexpected answer".to_owned(),
        })
    }
}

fn type_name(value_type: AttributeType) -> &'static str {
    match value_type {
        AttributeType::Text => "text",
        AttributeType::Date => "date",
        AttributeType::Number => "float",
    }
}

impl Brevo {
    /// Creates the attributes that the settings name and the account lacks, unless it is only a trial. Returns their
    /// names, and what else the account lacks. One call for the attributes, one for each new attribute,
    /// and one for each list.
    ///
    /// # Errors
    /// Brevo could not be asked.
    pub async fn prepare_account(
        &self,
        connection: &ConnectionName,
        settings: &CrmSettings,
        is_trial: bool,
    ) -> Result<(Vec<String>, Vec<AccountProblem>), AccountError> {
        let mut problems = Vec::new();
        for list in &settings.lists {
            let response = self.get(connection, &format!("/contacts/lists/{}", list.id)).await?;
            if response.status() == StatusCode::NOT_FOUND {
                problems.push(AccountProblem::NoList(list.id));
            } else {
                check(&response)?;
            }
        }
        let known = self.attributes(connection).await?;
        let mut missing = Vec::new();
        for (name, source) in &settings.attributes {
            let needed = type_name(source.value_type());
            match known.get(name) {
                None => missing.push((name, needed)),
                Some(found) if found == needed => {}
                Some(found) => {
                    problems.push(AccountProblem::WrongType { name: name.clone(), found: found.clone(), needed });
                }
            }
        }
        let mut created = Vec::new();
        if problems.is_empty() && !is_trial {
            for (name, value_type) in missing {
                let path = format!("/contacts/attributes/normal/{}", body::encode_segment(name));
                let answer = self.send(connection, Method::POST, &path, &json!({ "type": value_type })).await?;
                match answer.outcome() {
                    Outcome::Done { .. } => created.push(name.clone()),
                    refused => return Err(refused.into()),
                }
            }
        }
        Ok((created, problems))
    }

    /// Reads the types of the account's attributes. SMS is built in, and its type is text.
    async fn attributes(&self, connection: &ConnectionName) -> Result<BTreeMap<String, String>, AccountError> {
        let response = self.get(connection, "/contacts/attributes").await?;
        check(&response)?;
        let body = outcome::read_body(response).await;
        let list: Attributes = serde_json::from_slice(&body)
            .map_err(|_| AccountError("its list of attributes could not be read".to_owned()))?;
        let named = list.attributes.into_iter().map(|it| {
            let is_normal = it.category == "normal";
            (it.name, it.value_type.filter(|_| is_normal).unwrap_or(it.category))
        });
        Ok([("SMS".to_owned(), "text".to_owned())].into_iter().chain(named).collect())
    }

    async fn get(&self, connection: &ConnectionName, path: &str) -> Result<Response, AccountError> {
        let request = self.request(connection, Method::GET, path).await?;
        Ok(outcome::send(request).await?)
    }
}

fn check(response: &Response) -> Result<(), AccountError> {
    let status = response.status();
    if status.is_success() { Ok(()) } else { Err(AccountError(format!("it answered HTTP {}", status.as_u16()))) }
}
