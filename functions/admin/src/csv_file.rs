//! The report as a file.

use serde_json::{Value, json};

/// The path of the report. Only this one may be answered as a file.
pub(crate) const REPORT_PATH: &str = "/api/reports/bookings";

/// Turns the answer of a report into a file, if the query asks for one.
pub(crate) fn as_file(query: &str, answer: Value) -> Value {
    let is_csv = form_urlencoded::parse(query.as_bytes()).any(|(key, value)| key == "format" && value == "csv");
    let body = answer["body"].as_str().and_then(|it| serde_json::from_str::<Value>(it).ok());
    match body {
        Some(body) if is_csv && answer["statusCode"] == 200 => {
            let mut answer = answer;
            answer["body"] = json!(write_csv(&body["rows"]));
            answer["headers"]["content-type"] = json!("text/csv; charset=utf-8");
            answer["headers"]["content-disposition"] = json!("attachment; filename=\"bookings.csv\"");
            answer
        }
        _ => answer,
    }
}

/// The columns of the file, by the names in the answer.
const COLUMNS: [&str; 10] = [
    "group",
    "booked",
    "moved",
    "canceled",
    "canceledByInvitee",
    "canceledByHost",
    "canceledAboutTime",
    "noShows",
    "completed",
    "medianLeadHours",
];

fn write_csv(rows: &Value) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    // Writing to memory does not fail.
    let _ = writer.write_record(COLUMNS);
    for row in rows.as_array().into_iter().flatten() {
        let field = |name: &&str| match &row[*name] {
            Value::Null => String::new(),
            Value::String(text) => guard_formula(text),
            other => other.to_string(),
        };
        let _ = writer.write_record(COLUMNS.iter().map(field));
    }
    writer.into_inner().ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default()
}

/// Keeps a spreadsheet from running a name as a formula. Names come from outside.
fn guard_formula(text: &str) -> String {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { format!("'{text}") } else { text.to_owned() }
}
