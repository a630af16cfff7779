//! Administrators and their programs.

use super::find::Find;
use super::{Decide, Decision};
use crate::{Command, CommandError};
use hostler_events::payload::{
    AdminAdded, AdminDisabled, AdminEnabled, AdminGranted, AdminPasswordSet, AdminRemoved, ApiTokenCreated, Grant, Role,
};
use hostler_events::{Actor, Event};
use hostler_model::{AdminId, Thing};
use std::sync::Arc;

impl Decide<'_> {
    pub(super) fn admin(&mut self, command: &Command) -> Result<Decision, CommandError> {
        let find = Find(self.main);
        match command {
            Command::AddAdmin { name, password_hash, grants } => {
                let admin = AdminId(self.random_id());
                let thing = Thing::Admin(admin);
                self.name_is_free(thing, name)?;
                check_grants(grants)?;
                let event = AdminAdded {
                    admin,
                    name: name.clone(),
                    password_hash: password_hash.clone(),
                    grants: grants.clone(),
                };
                Ok(Decision::about(thing).with(Event::AdminAdded(event)))
            }
            Command::GrantAdmin { admin, grants } => {
                let id = find.admin(admin)?;
                check_grants(grants)?;
                let decision = Decision::about(Thing::Admin(id));
                if self.main.admins.get(&id).is_some_and(|a| a.grants == *grants) {
                    return Ok(decision);
                }
                if !grants.iter().any(owns_farm) {
                    self.another_owner(id)?;
                }
                Ok(decision.with(Event::AdminGranted(AdminGranted { admin: id, grants: grants.clone() })))
            }
            Command::SetPassword { admin, password_hash } => {
                let id = find.admin(admin)?;
                let event = AdminPasswordSet { admin: id, password_hash: password_hash.clone() };
                Ok(Decision::about(Thing::Admin(id)).with(Event::AdminPasswordSet(event)))
            }
            Command::DisableAdmin { admin } => {
                let id = find.admin(admin)?;
                let decision = Decision::about(Thing::Admin(id));
                if self.main.admins.get(&id).is_some_and(|a| !a.enabled) {
                    return Ok(decision);
                }
                self.another_owner(id)?;
                Ok(decision.with(Event::AdminDisabled(AdminDisabled { admin: id })))
            }
            Command::EnableAdmin { admin } => {
                let id = find.admin(admin)?;
                let decision = Decision::about(Thing::Admin(id));
                if self.main.admins.get(&id).is_some_and(|a| a.enabled) {
                    return Ok(decision);
                }
                Ok(decision.with(Event::AdminEnabled(AdminEnabled { admin: id })))
            }
            Command::RemoveAdmin { admin } => {
                let id = find.admin(admin)?;
                self.another_owner(id)?;
                Ok(Decision::about(Thing::Admin(id)).with(Event::AdminRemoved(AdminRemoved { admin: id })))
            }
            Command::CreateApiToken { token, label, secret_hash, expires } => {
                let Actor::Admin(admin) = self.actor else {
                    return Err(CommandError::Invalid("a program's token is made by an administrator".to_string()));
                };
                let event = ApiTokenCreated {
                    token: *token,
                    admin,
                    label: label.clone(),
                    secret_hash: *secret_hash,
                    expires: *expires,
                };
                Ok(Decision::about(Thing::Token(*token)).with(Event::ApiTokenCreated(event)))
            }
            _ => Err(CommandError::Invalid("not a command about administrators".to_string())),
        }
    }

    /// Refuses to take away the last enabled owner of the farm: nobody could give the right back.
    fn another_owner(&self, besides: AdminId) -> Result<(), CommandError> {
        let other = |(id, a): (&AdminId, &Arc<hostler_views::Admin>)| {
            *id != besides && a.enabled && a.grants.iter().any(owns_farm)
        };
        let is_owner = self.main.admins.get(&besides).is_some_and(|a| a.enabled && a.grants.iter().any(owns_farm));
        if is_owner && !self.main.admins.iter().any(other) {
            return Err(CommandError::Invalid(
                "this is the farm's last enabled owner: make somebody else an owner first".to_string(),
            ));
        }
        Ok(())
    }
}

fn owns_farm(grant: &Grant) -> bool {
    grant.role == Role::Owner && grant.site.is_none()
}

fn check_grants(grants: &[Grant]) -> Result<(), CommandError> {
    if grants.is_empty() {
        return Err(CommandError::Invalid(
            "an administrator needs a role: owner, operator, help_desk, auditor or promoter".to_string(),
        ));
    }
    Ok(())
}
