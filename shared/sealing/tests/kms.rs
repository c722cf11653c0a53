//! Sealing with a real endpoint of KMS, which `KMS_ENDPOINT_URL` names. Without one, the test says that it is skipped.

use aws_sdk_kms::Client;
use aws_sdk_kms::config::{BehaviorVersion, Credentials, Region};
use domain::ConnectionName;
use sealing::{Sealing, SealingError};

#[tokio::test]
async fn a_secret_is_sealed_and_opened_until_the_key_is_disabled() {
    #[expect(clippy::disallowed_methods, reason = "the endpoint of the tests is not configuration of the program")]
    let endpoint = std::env::var("KMS_ENDPOINT_URL").ok().filter(|url| !url.is_empty());
    let Some(endpoint) = endpoint else {
        eprintln!("skipped, KMS_ENDPOINT_URL is not set");
        return;
    };
    let config = aws_sdk_kms::Config::builder()
        .behavior_version(BehaviorVersion::v2026_01_12())
        .endpoint_url(endpoint)
        .region(Region::new("eu-west-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .build();
    let client = Client::from_conf(config);
    let created = client.create_key().send().await.expect("a key");
    let key = created.key_metadata.expect("metadata").arn.expect("an ARN");
    let instance = || Sealing::new(client.clone(), &key);
    let [acme, other] = ["acme", "other"].map(|name| ConnectionName::parse(name).expect("a connection"));

    let sealed = instance().seal(&acme, "ep-1", b"hush").await.expect("sealed");
    assert_eq!(instance().open(&acme, "ep-1", &sealed).await.expect("opened"), b"hush");
    for (connection, endpoint) in [(&acme, "ep-2"), (&other, "ep-1")] {
        let opened = instance().open(connection, endpoint, &sealed).await;
        assert!(matches!(opened, Err(SealingError::Rejected)), "{opened:?}");
    }
    client.disable_key().key_id(&key).send().await.expect("disabled");
    let opened = instance().open(&acme, "ep-1", &sealed).await;
    assert!(matches!(opened, Err(SealingError::Refused { .. })), "{opened:?}");
    let sealed = instance().seal(&acme, "ep-1", b"hush").await;
    assert!(matches!(sealed, Err(SealingError::Refused { .. })), "{sealed:?}");
}
