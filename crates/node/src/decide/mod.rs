//! What a command becomes: a pure function of the views, the command and its actor. Nothing changes here.

mod admins;
mod brokers;
pub(crate) mod find;
mod items;
mod joins;
mod members;
mod people;
mod revert;
pub(crate) mod settings;
mod settle;
mod sites;

use crate::{Command, CommandError};
use find::Find;
use hostler_events::payload::Role;
use hostler_events::{Actor, Class, Event, EventRef};
use hostler_model::{BrokerId, SiteId, Thing, Wall};
use hostler_views::{State, Timeline, Views};
use rand::Rng;
use rand::rngs::StdRng;
pub(crate) use settle::class_of;

/// An event that a command becomes, with the edits that its author saw last.
pub(crate) struct Draft {
    pub(crate) event: Event,
    pub(crate) bases: Vec<Option<EventRef>>,
    /// The class in its header, where that is not the one of its type: what settles an event has that event's class.
    pub(crate) class: Option<Class>,
}

impl Draft {
    /// An edit, with the edits that it replaces.
    pub(crate) fn edit(event: Event, bases: Vec<Option<EventRef>>) -> Self {
        Self { event, bases, class: None }
    }

    /// True where only the master may write it.
    pub(crate) fn is_structural(&self) -> bool {
        self.class.unwrap_or(self.event.kind().class) == Class::Structural
    }
}

impl From<Event> for Draft {
    fn from(event: Event) -> Self {
        Self { event, bases: Vec::new(), class: None }
    }
}

/// What a command becomes.
#[derive(Default)]
pub(crate) struct Decision {
    pub(crate) drafts: Vec<Draft>,
    pub(crate) thing: Option<Thing>,
    pub(crate) warnings: Vec<String>,
}

impl Decision {
    fn about(thing: Thing) -> Self {
        Self { thing: Some(thing), ..Self::default() }
    }

    fn with(mut self, draft: impl Into<Draft>) -> Self {
        self.drafts.push(draft.into());
        self
    }

    fn warn(mut self, text: String) -> Self {
        self.warnings.push(text);
        self
    }
}

/// Where an actor must have a role.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Scope {
    /// In the site that decides.
    Site,
    /// In the whole farm: whoever is limited to a site, the main one included, may not.
    Farm,
    /// In any site: it is about themselves.
    Anywhere,
}

/// What a decision rests on.
pub(crate) struct Decide<'a> {
    pub(crate) views: &'a Views,
    pub(crate) site: &'a State,
    pub(crate) main: &'a State,
    pub(crate) timeline: &'a Timeline,
    pub(crate) site_id: SiteId,
    pub(crate) me: BrokerId,
    pub(crate) wall: Wall,
    pub(crate) actor: Actor,
    pub(crate) random: &'a mut StdRng,
}

impl<'a> Decide<'a> {
    /// `None` where this broker has not got the log yet.
    pub(crate) fn new(
        views: &'a Views,
        site_id: SiteId,
        me: BrokerId,
        wall: Wall,
        actor: Actor,
        random: &'a mut StdRng,
    ) -> Option<Self> {
        let timeline = views.timeline(site_id)?;
        let (site, main) = (timeline.state(), views.main()?);
        Some(Self { views, site, main, timeline, site_id, me, wall, actor, random })
    }

    /// What the command becomes, or why it can't be carried out.
    pub(crate) fn run(&mut self, command: &Command) -> Result<Decision, CommandError> {
        self.authorize(command)?;
        match command {
            Command::AddSite { .. } | Command::OpenSite { .. } => self.site(command),
            Command::CreateToken { .. }
            | Command::RevokeToken { .. }
            | Command::JoinBroker { .. }
            | Command::JoinGateway { .. }
            | Command::JoinHost { .. } => self.join(command),
            Command::EnableBroker { .. }
            | Command::DisableBroker { .. }
            | Command::MoveBroker { .. }
            | Command::RemoveBroker { .. }
            | Command::RevokeBroker { .. }
            | Command::ReplaceBrokerKey { .. } => self.broker(command),
            Command::Promote { .. } | Command::ForcePromotion { .. } => {
                Err(CommandError::Invalid("a promotion is not decided by the views alone".to_string()))
            }
            Command::ChangeHost { .. }
            | Command::RemoveHost { .. }
            | Command::RemoveGateway { .. }
            | Command::ReplaceMemberKey { .. } => self.member(command),
            Command::Publish { .. } | Command::ChangeItem { .. } | Command::Unpublish { .. } => self.item(command),
            Command::AddUser { .. }
            | Command::RemoveUser { .. }
            | Command::AddGroup { .. }
            | Command::ChangeGroup { .. }
            | Command::RemoveGroup { .. } => self.people(command),
            Command::AddAdmin { .. }
            | Command::GrantAdmin { .. }
            | Command::SetPassword { .. }
            | Command::DisableAdmin { .. }
            | Command::EnableAdmin { .. }
            | Command::RemoveAdmin { .. }
            | Command::CreateApiToken { .. } => self.admin(command),
            Command::Reapply { event } => self.settle(event, None),
            Command::Discard { event, reason } => self.settle(event, Some(reason)),
            Command::Revert { event } => self.revert(event),
            Command::Set { key, value } => self.set(key, value.as_deref()),
        }
    }

    /// Refuses what the actor's roles don't allow.
    pub(crate) fn authorize(&self, command: &Command) -> Result<(), CommandError> {
        let (needed, scope) = match command {
            // Whoever redeems a token proved that they have it; the token's role is checked with the rest.
            Command::JoinBroker { token, .. }
            | Command::JoinGateway { token, .. }
            | Command::JoinHost { token, .. }
                if self.actor == Actor::Token(*token) =>
            {
                return Ok(());
            }
            Command::ForcePromotion { .. } => (Role::Promoter, Scope::Site),
            // A broker asks for its own new key, over its own link.
            Command::ReplaceBrokerKey { .. } if self.actor == Actor::System => return Ok(()),
            Command::CreateToken { role: hostler_model::MemberRole::Broker, .. }
            | Command::JoinBroker { .. }
            | Command::EnableBroker { .. }
            | Command::DisableBroker { .. }
            | Command::MoveBroker { .. }
            | Command::RemoveBroker { .. }
            | Command::RevokeBroker { .. }
            | Command::ReplaceBrokerKey { .. }
            | Command::Promote { .. } => (Role::Owner, Scope::Site),
            Command::CreateApiToken { .. } => (Role::Auditor, Scope::Anywhere),
            Command::SetPassword { admin, .. } => {
                let own = Find(self.main).admin(admin).is_ok_and(|id| self.actor == Actor::Admin(id));
                if own { (Role::Auditor, Scope::Anywhere) } else { (Role::Owner, Scope::Farm) }
            }
            Command::Reapply { event } | Command::Discard { event, .. }
                if class_of(self.timeline, event) == Class::Structural =>
            {
                (Role::Owner, Scope::Site)
            }
            Command::RevokeToken { token } => {
                let id = Find(self.site).token(self.main, token).ok();
                match id.and_then(|id| self.main.api_tokens.get(&id)) {
                    Some(program) if self.actor == Actor::Admin(program.admin) => (Role::Auditor, Scope::Anywhere),
                    Some(_) => (Role::Operator, Scope::Farm),
                    None => (Role::Operator, Scope::Site),
                }
            }
            farm_wide if farm_wide.is_farm_wide() => (Role::Owner, Scope::Farm),
            _ => (Role::Operator, Scope::Site),
        };
        let has = |role: Option<Role>| role.is_some_and(|role| role >= needed);
        let allowed = match self.actor {
            Actor::System => true,
            Actor::Admin(id) if needed == Role::Promoter => self.main.may_force_promotions(id, self.site_id),
            Actor::Admin(id) => match scope {
                Scope::Site => has(self.main.role_of(id, self.site_id)),
                Scope::Farm => has(self.main.farm_role_of(id)),
                Scope::Anywhere => has(self.main.role_anywhere_of(id)),
            },
            Actor::Token(_) => false,
        };
        let wide = if scope == Scope::Farm { " in the whole farm" } else { "" };
        if allowed { Ok(()) } else { Err(CommandError::Forbidden { needed: format!("{}{wide}", needed.name()) }) }
    }

    fn random_id(&mut self) -> [u8; 16] {
        let mut id = [0; 16];
        self.random.fill_bytes(&mut id);
        id
    }
}
