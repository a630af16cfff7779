//! Users, groups and administrators.

use clap::Subcommand;
use hostler_broker::rest::admins::GrantRow;
use hostler_events::payload::Role;

/// Users.
#[derive(Subcommand, Clone, Debug, PartialEq, Eq)]
pub(crate) enum UserCommand {
    /// Make users known to the site
    Add {
        /// Their names, as the session hosts know them
        #[arg(required = true)]
        names: Vec<String>,
    },
    /// All users
    List,
    /// Forget a user; their sessions go on
    Remove {
        /// Their name or id
        user: String,
    },
}

/// Groups.
#[derive(Subcommand, Clone, Debug, PartialEq, Eq)]
pub(crate) enum GroupCommand {
    /// Begin a group
    Add {
        /// Its name
        name: String,
        /// Its members
        #[arg(long, value_delimiter = ',', value_name = "USER,…")]
        members: Vec<String>,
    },
    /// All groups
    List,
    /// Add members to a group and remove others from it
    #[command(group = clap::ArgGroup::new("change").required(true).multiple(true))]
    Change {
        /// Its name or id
        group: String,
        /// Who comes
        #[arg(long, value_delimiter = ',', value_name = "USER,…", group = "change")]
        add: Vec<String>,
        /// Who goes
        #[arg(long, value_delimiter = ',', value_name = "USER,…", group = "change")]
        remove: Vec<String>,
    },
    /// End a group
    Remove {
        /// Its name or id
        group: String,
    },
}

/// Administrators.
#[derive(Subcommand, Clone, Debug, PartialEq, Eq)]
pub(crate) enum AdminCommand {
    /// Add an administrator
    Add {
        /// Their name
        name: String,
        /// What they may do: auditor, help_desk, operator or owner, with @SITE for one site only
        #[arg(long = "role", required = true, value_name = "ROLE[@SITE]")]
        roles: Vec<RoleArg>,
    },
    /// All administrators
    List,
    /// Give an administrator another password; all their logons end
    Passwd {
        /// Their name or id
        admin: String,
    },
    /// Change what an administrator may do
    Role {
        /// Their name or id
        admin: String,
        /// All their roles from now on: auditor, help_desk, operator or owner, with @SITE for one site only
        #[arg(required = true, value_name = "ROLE[@SITE]")]
        roles: Vec<RoleArg>,
    },
    /// Let an administrator do nothing until enabled
    Disable {
        /// Their name or id
        admin: String,
    },
    /// Let a disabled administrator work again
    Enable {
        /// Their name or id
        admin: String,
    },
    /// Remove an administrator
    Remove {
        /// Their name or id
        admin: String,
    },
}

/// A role, with a site where it is for one only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RoleArg(pub(crate) GrantRow);

impl std::str::FromStr for RoleArg {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        let (role, site) = text.split_once('@').map_or((text, None), |(role, site)| (role, Some(site.to_string())));
        let role = match role.replace('-', "_").as_str() {
            "auditor" => Role::Auditor,
            "help_desk" => Role::HelpDesk,
            "operator" => Role::Operator,
            "owner" => Role::Owner,
            "promoter" => Role::Promoter,
            _ => return Err("the roles are auditor, help_desk, operator, owner and promoter".to_string()),
        };
        Ok(Self(GrantRow { role, site }))
    }
}
