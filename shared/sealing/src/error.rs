//! Why a secret can't be sealed or opened.

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why a secret can't be sealed or opened. The text has the context, and the source the cause.
#[derive(Debug, thiserror::Error)]
pub enum SealingError {
    /// The stored text has not the form of a sealed secret.
    #[error("the stored secret has not the form v1.<data key>.<nonce>.<ciphertext>: make a new secret")]
    Malformed,
    /// The stored secret was not sealed for this connection and context, or it was changed.
    #[error("the stored secret was changed, or belongs to another connection or endpoint: make a new secret")]
    Rejected,
    /// KMS does not permit to use its key.
    #[error("KMS refuses the key {key_id}: check that it is enabled and that the function's role may use it")]
    Refused {
        /// The id or ARN of the key in KMS.
        key_id: String,
        /// The error of KMS.
        source: Cause,
    },
    /// It may work later.
    #[error("the secret can't be sealed or opened for now: try again")]
    Unavailable {
        /// The error of KMS, or what its answer lacks.
        source: Cause,
    },
}
