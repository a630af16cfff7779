//! Users and groups.

use super::find::Find;
use super::items::{check_list, sorted};
use super::{Decide, Decision, Draft};
use crate::{Command, CommandError};
use hostler_events::Event;
use hostler_events::payload::{GroupAdded, GroupChanged, GroupField, GroupRemoved, UserAdded, UserRemoved};
use hostler_model::{GroupId, Thing, UserId, limits};

impl Decide<'_> {
    pub(super) fn people(&mut self, command: &Command) -> Result<Decision, CommandError> {
        match command {
            Command::AddUser { name } => {
                if self.site.user_named(name).is_some() {
                    return Err(CommandError::Exists { what: "user".to_string(), name: name.to_string() });
                }
                let user = UserId(self.random_id());
                let event = Event::UserAdded(UserAdded { user, name: name.clone() });
                Ok(Decision::about(Thing::User(user)).with(event))
            }
            Command::RemoveUser { user } => {
                let id = Find(self.site).user(user)?;
                Ok(Decision::about(Thing::User(id)).with(Event::UserRemoved(UserRemoved { user: id })))
            }
            Command::AddGroup { name, members } => {
                let group = GroupId(self.random_id());
                self.name_is_free(Thing::Group(group), name)?;
                check_list("members", members)?;
                let members = sorted(Find(self.site).users(members)?);
                let event = Event::GroupAdded(GroupAdded { group, name: name.clone(), members });
                Ok(Decision::about(Thing::Group(group)).with(event))
            }
            Command::ChangeGroup { group, add, remove } => {
                let find = Find(self.site);
                let id = find.group(group)?;
                let thing = Thing::Group(id);
                let Some(now) = self.site.groups.get(&id) else { return Ok(Decision::about(thing)) };
                let (add, remove) = (find.users(add)?, find.users(remove)?);
                // The outcome is stored, and whoever is gone meanwhile goes from the list.
                let kept = now.members.value.iter().copied().chain(add);
                let members = sorted(kept.filter(|u| !remove.contains(u) && self.site.users.contains_key(u)).collect());
                if members.len() > limits::LIST_ENTRIES {
                    return Err(CommandError::Invalid(format!(
                        "a group may have {} members at most; make several groups",
                        limits::LIST_ENTRIES
                    )));
                }
                if members == now.members.value {
                    return Ok(Decision::about(thing));
                }
                let bases = vec![Some(now.members.edit)];
                let fields = vec![GroupField::Members(members)];
                let event = Event::GroupChanged(GroupChanged { group: id, fields });
                Ok(Decision::about(thing).with(Draft::edit(event, bases)))
            }
            Command::RemoveGroup { group } => {
                let id = Find(self.site).group(group)?;
                Ok(Decision::about(Thing::Group(id)).with(Event::GroupRemoved(GroupRemoved { group: id })))
            }
            _ => Err(CommandError::Invalid("not a command about users or groups".to_string())),
        }
    }
}
