//! The operations as tools, in the form that function-calling models use.

use serde_json::{Map, Value, json};

use crate::ROUTES;
use crate::answer::{FunctionView, ToolKindView, ToolView};

/// What VAI's backend says, and no model: it decides whose bookings can be seen.
const FROM_BACKEND: [&str; 2] = ["conversationId", "userId"];

/// Returns the tools. Each has a description and the JSON Schema of its parameters, without references.
pub fn tools() -> Value {
    let tools = ROUTES.iter().filter(|it| it.is_tool()).map(|route| {
        let mut parameters = Value::Object(for_models(route.operation.input()));
        simplify(&mut parameters);
        let parameters = parameters.as_object_mut().map(std::mem::take).unwrap_or_default();
        let function = FunctionView {
            name: route.name.to_owned(),
            description: route.description(),
            parameters: without_description(parameters),
        };
        json!(ToolView { kind: ToolKindView::Function, function })
    });
    Value::Array(tools.collect())
}

/// Removes the parameters that no model fills in.
fn for_models(mut parameters: Map<String, Value>) -> Map<String, Value> {
    if let Some(Value::Object(properties)) = parameters.get_mut("properties") {
        properties.retain(|name, _| !FROM_BACKEND.contains(&name.as_str()));
    }
    parameters
}

/// Keeps the first of several forms, and drops formats, defaults, limits on keys and rules across keys: some models
/// refuse those that they do not know, and the descriptions have the same information.
fn simplify(schema: &mut Value) {
    match schema {
        Value::Array(items) => items.iter_mut().for_each(simplify),
        Value::Object(schema) => {
            if let Some(Value::Array(forms)) = schema.remove("anyOf")
                && let Some(Value::Object(first)) = forms.into_iter().next()
            {
                for (key, value) in first {
                    schema.entry(key).or_insert(value);
                }
            }
            schema.retain(|key, value| match key.as_str() {
                "format" => !value.is_string(),
                "default" | "propertyNames" | "allOf" => false,
                _ => true,
            });
            schema.values_mut().for_each(simplify);
        }
        _ => {}
    }
}

fn without_description(mut parameters: Map<String, Value>) -> Map<String, Value> {
    parameters.remove("description");
    parameters
}
