//! Published items.

use super::find::Find;
use super::{Decide, Decision, Draft};
use crate::{Command, CommandError, ItemSpec};
use hostler_events::Event;
use hostler_events::payload::{Audience, ItemChanged, ItemField, ItemPublished, ItemUnpublished};
use hostler_model::{HostId, ItemId, Launch, Thing, limits};

impl Decide<'_> {
    pub(super) fn item(&mut self, command: &Command) -> Result<Decision, CommandError> {
        match command {
            Command::Publish { name, launch, spec } => {
                let item = ItemId(self.random_id());
                let thing = Thing::Item(item);
                self.name_is_free(thing, name)?;
                check_launch(launch)?;
                let (audience, hosts) = self.resolve(spec)?;
                let nobody = !audience.everyone && audience.users.is_empty() && audience.groups.is_empty();
                let event = ItemPublished {
                    item,
                    name: name.clone(),
                    launch: launch.clone(),
                    audience,
                    hosts,
                    default: spec.default,
                };
                let decision = Decision::about(thing).with(Event::ItemPublished(event));
                Ok(if nobody {
                    decision.warn(format!("nobody may use {name} yet: give it users or groups, or everyone"))
                } else {
                    decision
                })
            }
            Command::ChangeItem { item, name, launch, spec } => {
                let id = Find(self.site).item(item)?;
                let thing = Thing::Item(id);
                let Some(now) = self.site.items.get(&id) else { return Ok(Decision::about(thing)) };
                let (mut fields, mut bases) = (Vec::new(), Vec::new());
                let mut write = |field, base| {
                    fields.push(field);
                    bases.push(Some(base));
                };
                if let Some(v) = name.as_ref().filter(|v| **v != now.name.value) {
                    self.name_is_free(thing, v)?;
                    write(ItemField::Name(v.clone()), now.name.edit);
                }
                if let Some(v) = launch.as_ref().filter(|v| **v != now.launch.value) {
                    check_launch(v)?;
                    write(ItemField::Launch(v.clone()), now.launch.edit);
                }
                if let Some(spec) = spec {
                    let (audience, hosts) = self.resolve(spec)?;
                    if audience != now.audience.value {
                        write(ItemField::Audience(audience), now.audience.edit);
                    }
                    if hosts != now.hosts.value {
                        write(ItemField::Hosts(hosts), now.hosts.edit);
                    }
                    if spec.default != now.default.value {
                        write(ItemField::Default(spec.default), now.default.edit);
                    }
                }
                if fields.is_empty() {
                    return Ok(Decision::about(thing));
                }
                let event = Event::ItemChanged(ItemChanged { item: id, fields });
                Ok(Decision::about(thing).with(Draft::edit(event, bases)))
            }
            Command::Unpublish { item } => {
                let id = Find(self.site).item(item)?;
                Ok(Decision::about(Thing::Item(id)).with(Event::ItemUnpublished(ItemUnpublished { item: id })))
            }
            _ => Err(CommandError::Invalid("not a command about published items".to_string())),
        }
    }

    fn resolve(&self, spec: &ItemSpec) -> Result<(Audience, Option<Vec<HostId>>), CommandError> {
        for (what, list) in [("users", &spec.users), ("groups", &spec.groups), ("hosts", &spec.hosts)] {
            check_list(what, list)?;
        }
        let find = Find(self.site);
        let groups = spec.groups.iter().map(|g| find.group(g)).collect::<Result<Vec<_>, _>>()?;
        let hosts = spec.hosts.iter().map(|h| find.host(h)).collect::<Result<Vec<_>, _>>()?;
        let audience =
            Audience { everyone: spec.everyone, users: sorted(find.users(&spec.users)?), groups: sorted(groups) };
        Ok((audience, (!hosts.is_empty()).then(|| sorted(hosts))))
    }
}

/// Refuses a list that would make an event too large.
pub(super) fn check_list(what: &str, list: &[String]) -> Result<(), CommandError> {
    if list.len() > limits::LIST_ENTRIES {
        return Err(CommandError::Invalid(format!(
            "{} {what} are too many; {} is the most",
            list.len(),
            limits::LIST_ENTRIES
        )));
    }
    Ok(())
}

pub(super) fn sorted<T: Ord>(mut list: Vec<T>) -> Vec<T> {
    list.sort();
    list.dedup();
    list
}

fn check_launch(launch: &Launch) -> Result<(), CommandError> {
    let Launch::Application { command } = launch else { return Ok(()) };
    if command.trim().is_empty() {
        return Err(CommandError::Invalid("an application needs a command".to_string()));
    }
    if command.len() > limits::COMMAND_BYTES {
        return Err(CommandError::Invalid(format!(
            "the command has {} bytes; {} is the most",
            command.len(),
            limits::COMMAND_BYTES
        )));
    }
    if command.chars().any(char::is_control) {
        return Err(CommandError::Invalid("the command must be one line, without control characters".to_string()));
    }
    Ok(())
}
