//! A table for one test on a real endpoint, which `DYNAMODB_ENDPOINT_URL` names.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, GlobalSecondaryIndex, KeySchemaElement, KeyType, Projection, ProjectionType,
    ScalarAttributeType,
};
use domain::ConnectionName;
use store::Table;

/// A table for one test, and a client to look at its rows.
pub(crate) struct World {
    pub(crate) client: Client,
    pub(crate) name: String,
    pub(crate) table: Table,
    pub(crate) connection: ConnectionName,
}

impl World {
    pub(crate) async fn new(test: &str) -> Option<Self> {
        #[expect(clippy::disallowed_methods, reason = "the endpoint of the tests is not configuration of the program")]
        let endpoint = std::env::var("DYNAMODB_ENDPOINT_URL").ok().filter(|url| !url.is_empty());
        let Some(endpoint) = endpoint else {
            #[expect(clippy::print_stderr, reason = "a skipped test must not look like one that passed")]
            {
                eprintln!("{test}: skipped, DYNAMODB_ENDPOINT_URL is not set");
            }
            return None;
        };
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::v2026_01_12())
            .endpoint_url(endpoint)
            .region(Region::new("eu-west-1"))
            .credentials_provider(Credentials::new("test", "test", None, None, "test"))
            .build();
        let client = Client::from_conf(config);
        let name = format!("{test}-{}", std::process::id());
        // An earlier process with the same id may have left it.
        let _ = client.delete_table().table_name(&name).send().await;
        create(&client, &name).await;
        let table = Table::new(client.clone(), &name);
        Some(Self { client, name, table, connection: ConnectionName::default() })
    }
}

async fn create(client: &Client, name: &str) {
    let key =
        |name: &str, of: KeyType| KeySchemaElement::builder().attribute_name(name).key_type(of).build().expect("a key");
    let keys_only = Projection::builder().projection_type(ProjectionType::KeysOnly).build();
    let with_zone = Projection::builder().projection_type(ProjectionType::Include).non_key_attributes("zone").build();
    let index = |name: &str, pk: &str, sk: &str, projection: &Projection| {
        GlobalSecondaryIndex::builder()
            .index_name(name)
            .key_schema(key(pk, KeyType::Hash))
            .key_schema(key(sk, KeyType::Range))
            .projection(projection.clone())
            .build()
            .expect("an index")
    };
    let attributes = ["pk", "sk", "gsi1pk", "gsi1sk", "gsi2pk", "gsi2sk", "gsi3pk", "gsi3sk"].map(|name| {
        let text = ScalarAttributeType::S;
        AttributeDefinition::builder().attribute_name(name).attribute_type(text).build().expect("an attribute")
    });
    client
        .create_table()
        .table_name(name)
        .billing_mode(BillingMode::PayPerRequest)
        .set_attribute_definitions(Some(attributes.into()))
        .key_schema(key("pk", KeyType::Hash))
        .key_schema(key("sk", KeyType::Range))
        .global_secondary_indexes(index("by_invitee", "gsi1pk", "gsi1sk", &with_zone))
        .global_secondary_indexes(index("by_conversation", "gsi2pk", "gsi2sk", &keys_only))
        .global_secondary_indexes(index("by_start", "gsi3pk", "gsi3sk", &keys_only))
        .send()
        .await
        .expect("a table");
}
