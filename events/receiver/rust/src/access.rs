//! What a receiver was given: secret, token and addresses.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use anyhow::Result;
use serde::{Deserialize, Serialize};
use signing::Secret;

#[derive(Clone, Debug)]
pub(crate) struct Access {
    pub(crate) secret: Option<Secret>,
    pub(crate) catch_up_token: Option<String>,
    pub(crate) keys_url: Option<String>,
    pub(crate) api: Option<String>,
}

/// The answer to a set-up, and the file that keeps it.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SetUp {
    pub(crate) id: String,
    secret: String,
    catch_up_token: String,
    keys_url: Option<String>,
    pub(crate) api: Option<String>,
}

impl Access {
    pub(crate) fn read(file: &Path) -> Result<Self> {
        serde_json::from_str::<SetUp>(&std::fs::read_to_string(file)?)?.access()
    }

    pub(crate) fn is_ready(&self) -> bool {
        self.secret.is_some() || self.keys_url.is_some()
    }
}

impl SetUp {
    pub(crate) fn access(&self) -> Result<Access> {
        Ok(Access {
            secret: Some(Secret::parse(&self.secret)?),
            catch_up_token: Some(self.catch_up_token.clone()),
            keys_url: self.keys_url.clone(),
            api: self.api.clone(),
        })
    }

    /// Writes a file that only its owner can read.
    pub(crate) fn write(&self, file: &Path) -> Result<()> {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(file)?;
        Ok(file.write_all(&serde_json::to_vec(self)?)?)
    }
}
