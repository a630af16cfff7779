//! A state as a list of things with their fields, so that two can be compared.

use crate::State;
use hostler_events::EventRef;
use hostler_model::Thing;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Display;

/// What fields belong to.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Subject {
    /// The farm: its name.
    Farm,
    /// Who is master of the site.
    Mastership,
    /// The brokers by priority.
    Order,
    /// A thing.
    Thing(Thing),
    /// A farm-wide setting.
    Setting(String),
    /// A policy of the site.
    Policy(String),
    /// A superseded or quarantined event, once it was settled.
    Event(EventRef),
}

/// Fields and their values as JSON; ids are text, hybrid times and events are objects as they are stored.
pub type Fields = BTreeMap<String, Value>;

/// All things of a site's state with their fields.
#[must_use]
pub fn things(state: &State) -> BTreeMap<Subject, Fields> {
    let mut all = BTreeMap::new();
    if let Some(farm) = &state.farm {
        all.insert(Subject::Farm, one("name", farm));
    }
    if let Some(master) = &state.master {
        let mut fields = fields(master);
        fields.remove("promotion");
        fields.insert("failbacks".to_string(), Value::from(state.failbacks));
        all.insert(Subject::Mastership, fields);
    }
    if !state.order.is_empty() {
        all.insert(Subject::Order, one("order", &state.order));
    }
    put(&mut all, &state.sites, Thing::Site);
    put(&mut all, &state.brokers, Thing::Broker);
    put(&mut all, &state.hosts, Thing::Host);
    put(&mut all, &state.gateways, Thing::Gateway);
    put(&mut all, &state.items, Thing::Item);
    put(&mut all, &state.users, Thing::User);
    put(&mut all, &state.groups, Thing::Group);
    put(&mut all, &state.admins, Thing::Admin);
    put(&mut all, &state.tokens, Thing::Token);
    put(&mut all, &state.api_tokens, Thing::Token);
    all.extend(state.settings.iter().map(|(key, value)| (Subject::Setting(key.clone()), one("value", value))));
    all.extend(state.policies.iter().map(|(key, f)| (Subject::Policy(key.clone()), one("value", &f.value))));
    all.extend(state.settled.iter().map(|(event, settlement)| {
        let how = if settlement.reapplied { "reapplied" } else { "discarded" };
        (Subject::Event(*event), one("settled", &how))
    }));
    all
}

fn put<'a, I: Copy + 'a, R: Serialize + 'a>(
    all: &mut BTreeMap<Subject, Fields>,
    records: impl IntoIterator<Item = (&'a I, &'a R)>,
    thing: impl Fn(I) -> Thing,
) {
    all.extend(records.into_iter().map(|(id, record)| (Subject::Thing(thing(*id)), fields(record))));
}

fn one(name: impl Display, value: &impl Serialize) -> Fields {
    BTreeMap::from([(name.to_string(), json(value))])
}

/// A record's fields; of one that knows which edit gave it, the value alone.
fn fields(record: &impl Serialize) -> Fields {
    let Value::Object(fields) = json(record) else { return Fields::new() };
    fields.into_iter().map(|(name, value)| (name, plain(value))).collect()
}

fn plain(value: Value) -> Value {
    match value {
        Value::Object(mut field) if field.len() == 2 && field.contains_key("edit") => {
            field.remove("value").unwrap_or_default()
        }
        other => other,
    }
}

/// Records are plain data, which always becomes JSON.
fn json(value: &impl Serialize) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}
