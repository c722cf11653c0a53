//! An account at Brevo.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{Timestamp, civil::Date};
use serde::Serialize;
use serde_json::{Map, Value};

/// An account at Brevo.
#[derive(Clone, Serialize)]
pub(crate) struct Account {
    /// The type of each attribute.
    pub(crate) attributes: BTreeMap<String, String>,
    /// The name of each list.
    pub(crate) lists: BTreeMap<u64, String>,
    pub(crate) contacts: Vec<Contact>,
}

impl Default for Account {
    fn default() -> Self {
        let attributes = ["FIRSTNAME", "LASTNAME", "SMS"].map(|name| (name.to_owned(), "text".to_owned()));
        let lists = [(10, "Discovery calls"), (11, "Demos"), (12, "Newsletter")];
        Self {
            attributes: attributes.into(),
            lists: lists.map(|(id, name)| (id, name.to_owned())).into(),
            contacts: Vec::new(),
        }
    }
}

#[derive(Clone, Serialize)]
pub(crate) struct Contact {
    pub(crate) id: usize,
    pub(crate) email: String,
    pub(crate) attributes: Map<String, Value>,
    pub(crate) lists: BTreeSet<u64>,
    /// Its events, in order of arrival.
    pub(crate) events: Vec<Value>,
    /// The lists that it was asked to join, and the template of each e-mail.
    pub(crate) asked: Vec<Value>,
    /// The attributes that were ignored: unknown, or of the wrong type.
    pub(crate) ignored: BTreeSet<String>,
    pub(crate) changed_at: Timestamp,
}

impl Account {
    pub(crate) fn contact(&mut self, email: &str) -> Option<&mut Contact> {
        self.contacts.iter_mut().find(|it| it.email.eq_ignore_ascii_case(email))
    }

    pub(crate) fn contact_or_new(&mut self, email: &str) -> &mut Contact {
        if self.contact(email).is_none() {
            self.contacts.push(Contact {
                id: self.contacts.len() + 1,
                email: email.to_lowercase(),
                attributes: Map::new(),
                lists: BTreeSet::new(),
                events: Vec::new(),
                asked: Vec::new(),
                ignored: BTreeSet::new(),
                changed_at: Timestamp::now(),
            });
        }
        self.contact(email).unwrap_or_else(|| unreachable!("it was just added"))
    }

    /// Reads the lists of a body; `None` if one does not exist.
    pub(crate) fn lists(&self, ids: &Value) -> Option<BTreeSet<u64>> {
        let ids: BTreeSet<_> = ids.as_array().into_iter().flatten().filter_map(Value::as_u64).collect();
        ids.iter().all(|id| self.lists.contains_key(id)).then_some(ids)
    }

    pub(crate) fn fits(&self, name: &str, value: &Value) -> bool {
        match self.attributes.get(name).map(String::as_str) {
            Some("text") => value.is_string(),
            Some("float") => value.is_number(),
            Some("date") => value.as_str().is_some_and(|text| text.len() == 10 && text.parse::<Date>().is_ok()),
            _ => false,
        }
    }
}
