//! Random keys.

use anyhow::anyhow;

/// Returns 256 random bits for a key.
pub(crate) fn random_bytes() -> anyhow::Result<[u8; 32]> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| anyhow!("the system has no random numbers: {error}"))?;
    Ok(bytes)
}
