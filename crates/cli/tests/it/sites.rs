//! What REST answers about another site than the broker's own, and to administrators who are limited to sites.

use crate::fake::{PASSWORD, SESSION};
use crate::server::Server;
use serde_json::json;

const STAFF_PASSWORD: &str = "battery staple";

/// Where a role must be had.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Scope {
    Site,
    Farm,
    Anywhere,
}
use Scope::{Anywhere, Farm, Site};

const AUDITOR: u8 = 1;
const HELP_DESK: u8 = 2;
const OPERATOR: u8 = 3;
const OWNER: u8 = 4;

/// Every endpoint that takes a logon, with what it takes. What is named is not there, so that nothing changes.
fn endpoints() -> Vec<(&'static str, String, &'static str, u8, Scope)> {
    let session = |what: &str| format!("/sessions/{SESSION}/{what}");
    let fixed = |path: &str| path.to_string();
    vec![
        ("GET", fixed("/status"), "", AUDITOR, Site),
        ("GET", fixed("/sites"), "", AUDITOR, Anywhere),
        ("POST", fixed("/sites"), r#"{"name":"?"}"#, OWNER, Farm),
        ("GET", fixed("/brokers"), "", AUDITOR, Site),
        ("POST", fixed("/brokers/none/enable"), "", OWNER, Site),
        ("POST", fixed("/brokers/none/disable"), "", OWNER, Site),
        ("POST", fixed("/brokers/none/up"), "", OWNER, Site),
        ("POST", fixed("/brokers/none/down"), "", OWNER, Site),
        ("DELETE", fixed("/brokers/none"), "", OWNER, Site),
        ("POST", fixed("/brokers/none/revoke"), "", OWNER, Site),
        ("POST", fixed("/brokers/none/promote"), "{}", OWNER, Site),
        ("GET", fixed("/hosts"), "", AUDITOR, Site),
        ("GET", fixed("/hosts/none"), "", AUDITOR, Site),
        ("PATCH", fixed("/hosts/none"), r#"{"drain":true}"#, OPERATOR, Site),
        ("DELETE", fixed("/hosts/none"), "", OPERATOR, Site),
        ("GET", fixed("/gateways"), "", AUDITOR, Site),
        ("DELETE", fixed("/gateways/none"), "", OPERATOR, Site),
        ("GET", fixed("/items"), "", AUDITOR, Site),
        ("POST", fixed("/items"), r#"{"name":"?"}"#, OPERATOR, Site),
        ("PATCH", fixed("/items/none"), r#"{"everyone":true}"#, OPERATOR, Site),
        ("DELETE", fixed("/items/none"), "", OPERATOR, Site),
        ("GET", fixed("/users"), "", AUDITOR, Site),
        ("POST", fixed("/users"), r#"{"name":""}"#, OPERATOR, Site),
        ("DELETE", fixed("/users/none"), "", OPERATOR, Site),
        ("GET", fixed("/groups"), "", AUDITOR, Site),
        ("POST", fixed("/groups"), r#"{"name":"?","members":[]}"#, OPERATOR, Site),
        ("PATCH", fixed("/groups/none"), r#"{"add":["none"]}"#, OPERATOR, Site),
        ("DELETE", fixed("/groups/none"), "", OPERATOR, Site),
        ("GET", fixed("/admins"), "", AUDITOR, Farm),
        ("POST", fixed("/admins"), r#"{"name":"x","password":"short","grants":[]}"#, OWNER, Farm),
        ("PATCH", fixed("/admins/none"), r#"{"enabled":true}"#, OWNER, Farm),
        ("PATCH", fixed("/admins/none"), r#"{"grants":[]}"#, OWNER, Farm),
        ("PATCH", fixed("/admins/anna"), r#"{"password":"battery staple"}"#, OWNER, Farm),
        ("DELETE", fixed("/admins/none"), "", OWNER, Farm),
        ("GET", fixed("/tokens"), "", AUDITOR, Site),
        ("POST", fixed("/tokens"), r#"{"role":"broker"}"#, OWNER, Site),
        ("POST", fixed("/tokens"), r#"{"role":"agent"}"#, OPERATOR, Site),
        ("DELETE", fixed("/tokens/none"), "", OPERATOR, Site),
        ("GET", fixed("/api-tokens"), "", AUDITOR, Anywhere),
        ("POST", fixed("/api-tokens"), r#"{"label":"?"}"#, AUDITOR, Anywhere),
        ("GET", fixed("/settings"), "", AUDITOR, Site),
        ("PUT", fixed("/settings/seats.queue"), r#"{"value":"soon"}"#, OPERATOR, Site),
        ("PUT", fixed("/settings/tokens.life"), r#"{"value":"soon"}"#, OWNER, Farm),
        ("DELETE", fixed("/settings/tokens.life"), "", OWNER, Farm),
        ("GET", fixed("/sessions"), "", AUDITOR, Site),
        ("POST", session("disconnect"), "", HELP_DESK, Site),
        ("POST", session("logoff"), "", HELP_DESK, Site),
        ("POST", session("message"), r#"{"text":"hello"}"#, HELP_DESK, Site),
        ("GET", session("why"), "", AUDITOR, Site),
        ("POST", fixed("/connections"), r#"{"user":"nobody"}"#, HELP_DESK, Site),
        ("GET", fixed("/log"), "", AUDITOR, Site),
        ("GET", fixed("/log/promotions"), "", AUDITOR, Site),
        ("GET", fixed("/log/superseded"), "", AUDITOR, Site),
        ("GET", fixed("/log/events/none"), "", AUDITOR, Site),
        ("POST", fixed("/log/events/none/reapply"), "", OPERATOR, Site),
        ("POST", fixed("/log/events/none/discard"), r#"{"reason":"none"}"#, OPERATOR, Site),
        ("POST", fixed("/log/events/none/revert"), "", OPERATOR, Site),
        ("GET", fixed("/log/at?time_ms=1"), "", AUDITOR, Site),
        ("GET", fixed("/log/diff?from_ms=1&to_ms=2"), "", AUDITOR, Site),
        ("GET", fixed("/log/export"), "", AUDITOR, Farm),
        ("GET", fixed("/alarms"), "", AUDITOR, Site),
        ("GET", fixed("/backup"), "", OWNER, Farm),
    ]
}

#[tokio::test]
async fn every_endpoint_keeps_limited_administrators_to_their_sites() {
    let server = Server::start();
    let owner = server.log_in("anna", PASSWORD).await;
    let added = server.ask(&owner, "POST", "/sites", r#"{"name":"north"}"#).await;
    assert_eq!(added.status, 200, "{}", added.text);
    let mut staff = Vec::new();
    for (name, role, level, site) in [
        ("a1", "auditor", AUDITOR, Some("north")),
        ("a2", "operator", OPERATOR, Some("north")),
        ("a3", "owner", OWNER, Some("north")),
        ("a4", "help_desk", HELP_DESK, Some("main")),
        ("a5", "owner", OWNER, Some("main")),
        ("a6", "operator", OPERATOR, None),
        ("a7", "owner", OWNER, None),
    ] {
        let grants = json!([{ "role": role, "site": site }]);
        let body = json!({ "name": name, "password": STAFF_PASSWORD, "grants": grants }).to_string();
        let answer = server.ask(&owner, "POST", "/admins", &body).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        staff.push((format!("{role}@{site:?}"), server.log_in(name, STAFF_PASSWORD).await, level, site));
    }
    for (who, token, level, limited_to) in &staff {
        for (method, path, body, least, scope) in endpoints() {
            let last_owner = path == "/admins/anna";
            if last_owner && *level == OWNER && limited_to.is_none() {
                continue; // That would change the password that the test logs in with.
            }
            let allowed = level >= &least
                && match scope {
                    Site => limited_to.is_none_or(|site| site == "main"),
                    Farm => limited_to.is_none(),
                    Anywhere => true,
                };
            let answer = server.ask(token, method, &path, body).await;
            let (status, code) = answer.brief();
            assert_ne!(status, 401, "{who}: {method} {path}: {}", answer.text);
            let forbidden = (status, code.as_str()) == (403, "forbidden");
            assert_eq!(forbidden, !allowed, "{who}: {method} {path}: {} {}", status, answer.text);
        }
    }
}

#[tokio::test]
async fn a_request_may_name_its_site() {
    let server = Server::start();
    let owner = server.log_in("anna", PASSWORD).await;
    let added = server.ask(&owner, "POST", "/sites?site=main", r#"{"name":"north"}"#).await;
    let north = added.json()["thing"]["id"].as_str().unwrap().to_string();
    let by_id = format!("/users?site={north}");
    for (method, path, body, status, code) in [
        ("GET", "/users?site=main", "", 200, ""),
        ("GET", "/users?site=MAIN", "", 200, ""),
        ("GET", "/users?site=north", "", 200, ""),
        ("GET", by_id.as_str(), "", 200, ""),
        ("GET", "/users?site=south", "", 404, "not_found"),
        ("GET", "/users?site=north&site=main", "", 400, "bad_request"),
        ("GET", "/users?site", "", 404, "not_found"),
        ("GET", "/log?limit=5&site=main", "", 200, ""),
        ("GET", "/log?site=north&limit=5", "", 200, ""),
        ("GET", "/log?limit=5&other=1", "", 400, "bad_request"),
        ("GET", "/hosts?site=north", "", 200, ""),
        ("GET", "/hosts/rdsh-1?site=north", "", 404, "not_found"),
        ("GET", "/gateways?site=north", "", 200, ""),
        ("GET", "/settings?site=north", "", 200, ""),
        ("GET", "/brokers?site=north", "", 200, ""),
        // What only the site's own brokers know.
        ("GET", "/sessions?site=north", "", 421, "other_site"),
        ("GET", "/status?site=north", "", 421, "other_site"),
        ("GET", "/alarms?site=north", "", 421, "other_site"),
        ("POST", "/connections?site=north", r#"{"user":"alice"}"#, 421, "other_site"),
        // Commands go to the site that they are about, which has no brokers yet.
        ("POST", "/users?site=north", r#"{"name":"bob"}"#, 503, "site_unreachable"),
        ("POST", "/users?site=main", r#"{"name":"bob"}"#, 200, ""),
        ("POST", "/tokens?site=north", r#"{"role":"agent"}"#, 503, "site_unreachable"),
        ("POST", "/tokens?site=north", r#"{"role":"broker"}"#, 200, ""),
        ("PUT", "/settings/tokens.life?site=north", r#"{"value":"2h"}"#, 200, ""),
        ("PUT", "/settings/seats.queue?site=north", r#"{"value":"2s"}"#, 503, "site_unreachable"),
    ] {
        let answer = server.ask(&owner, method, path, body).await;
        assert_eq!(answer.brief(), (status, code.to_string()), "{method} {path}: {}", answer.text);
    }
    let lost = server.ask(&owner, "POST", "/groups?site=north", r#"{"name":"g","members":[]}"#).await;
    assert_eq!(lost.json()["detail"], "only brokers of site north can do this, and it has none yet");
    let sites = server.ask(&owner, "GET", "/sites", "").await.json();
    let brief: Vec<_> = sites.as_array().unwrap().iter().map(|s| (&s["name"], &s["main"], &s["answers"])).collect();
    assert_eq!(json!(brief), json!([["main", true, true], ["north", false, false]]));
    assert_eq!(
        (&sites[0]["brokers"], &sites[0]["master"], &sites[0]["alive"]),
        (&json!(["b1"]), &json!("b1"), &json!(1))
    );
    assert_eq!((&sites[1]["brokers"], &sites[1]["master"]), (&json!([]), &json!(null)));
}
