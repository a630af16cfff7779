//! The OpenAPI description of all endpoints. The stored copy is in `schemas/`, so that a change of the API is seen in
//! review.

use super::endpoints as e;
use super::problem::Problem;
use super::site_asked::PARAMETER;
use std::sync::LazyLock;
use utoipa::openapi::path::{ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::security::{Http, HttpAuthScheme, SecurityScheme};
use utoipa::{Modify, OpenApi};

static JSON: LazyLock<String> = LazyLock::new(|| {
    let mut json = Api::openapi().to_pretty_json().unwrap_or_default();
    json.push('\n');
    json
});

/// The OpenAPI description of all endpoints, as JSON.
#[must_use]
pub fn openapi_json() -> &'static str {
    &JSON
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Hostler",
        description = "What a broker can be asked. Every broker of a farm answers the same. Errors are problem+json \
                       (RFC 9457) with a stable `code`. Times are in ms since 1970, UTC.",
        license(name = "Apache-2.0", identifier = "Apache-2.0"),
    ),
    servers((url = "/api/v1")),
    security(("bearer" = [])),
    modifiers(&Bearer, &Site),
    components(schemas(Problem)),
    paths(
        e::login::login,
        e::status::status,
        e::alarms::list,
        e::brokers::list,
        e::brokers::enable,
        e::brokers::disable,
        e::brokers::up,
        e::brokers::down,
        e::brokers::remove,
        e::brokers::revoke,
        e::brokers::promote,
        e::hosts::list,
        e::hosts::show,
        e::hosts::change,
        e::hosts::remove,
        e::gateways::list,
        e::gateways::remove,
        e::items::list,
        e::items::publish,
        e::items::change,
        e::items::unpublish,
        e::users::list,
        e::users::add,
        e::users::remove,
        e::groups::list,
        e::groups::add,
        e::groups::change,
        e::groups::remove,
        e::admins::list,
        e::admins::add,
        e::admins::change,
        e::admins::remove,
        e::tokens::list,
        e::tokens::create,
        e::tokens::revoke,
        e::api_tokens::list,
        e::api_tokens::create,
        e::api_tokens::revoke,
        e::settings::list,
        e::settings::set,
        e::settings::unset,
        e::sessions::list,
        e::sessions::disconnect,
        e::sessions::log_off,
        e::sessions::message,
        e::sessions::why,
        e::sites::list,
        e::sites::add,
        e::connections::connect,
        e::log::list,
        e::backup::backup,
        e::audit::promotions,
        e::audit::superseded,
        e::audit::show,
        e::audit::reapply,
        e::audit::discard,
        e::audit::revert,
        e::past::at,
        e::past::diff,
        e::export::export,
    )
)]
struct Api;

/// The site that a request is about: any may name one.
struct Site;

impl Modify for Site {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        let parameter = ParameterBuilder::new()
            .name(PARAMETER)
            .parameter_in(ParameterIn::Query)
            .description(Some("The site that it is about, by name or id; the broker's own if left out."))
            .schema(Some(ObjectBuilder::new().schema_type(Type::String)))
            .build();
        let operations = api.paths.paths.values_mut().flat_map(|path| {
            [&mut path.get, &mut path.post, &mut path.put, &mut path.patch, &mut path.delete].into_iter().flatten()
        });
        for operation in operations {
            operation.parameters.get_or_insert_default().push(parameter.clone().into());
        }
    }
}

/// A logon's token, or a program's.
struct Bearer;

impl Modify for Bearer {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        let scheme = SecurityScheme::Http(Http::new(HttpAuthScheme::Bearer));
        api.components.get_or_insert_with(Default::default).add_security_scheme("bearer", scheme);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::Path;

    #[test]
    fn the_stored_description_is_todays() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas/openapi.json");
        if std::env::var_os("HOSTLER_WRITE_OPENAPI").is_some() {
            std::fs::write(&path, openapi_json()).unwrap();
        }
        let stored = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            stored == openapi_json(),
            "schemas/openapi.json is not today's. Where the change is meant, write it with:\n\
             HOSTLER_WRITE_OPENAPI=1 cargo test -p hostler-broker openapi"
        );
    }
}
