//! What REST answers: to whom, to what, and with which code.

use crate::fake::{PASSWORD, SESSION};
use crate::server::Server;
use hostler_broker::backend::Backend;
use hostler_model::MemberRole;
use hostler_rdp::Ticket;
use hostler_wire::JoinToken;
use hostler_wire::messages::agent::SessionOrder;
use serde_json::{Value, json};

const STAFF_PASSWORD: &str = "battery staple";

/// Administrators with one role each; their tokens in the order of the roles.
async fn staff(server: &Server, owner: &str) -> [String; 3] {
    let mut tokens = Vec::new();
    for (name, role) in [("aud", "auditor"), ("hd", "help_desk"), ("op", "operator")] {
        let body = json!({ "name": name, "password": STAFF_PASSWORD, "grants": [{ "role": role }] });
        let answer = server.ask(owner, "POST", "/admins", &body.to_string()).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        tokens.push(server.log_in(name, STAFF_PASSWORD).await);
    }
    tokens.try_into().unwrap()
}

#[tokio::test]
async fn every_endpoint_asks_who_and_what_role() {
    let server = Server::start();
    let owner = server.log_in("ANNA", PASSWORD).await;
    let [auditor, help_desk, operator] = staff(&server, &owner).await;
    let session = SESSION.to_string();
    let connect = r#"{"user":"alice"}"#;
    for (who, token, method, path, body, status, code) in [
        ("nobody", "", "GET", "/status", "", 401, "unauthorized"),
        ("nobody", "rubbish", "GET", "/status", "", 401, "unauthorized"),
        ("nobody", "hostler_login_AAAA", "GET", "/log", "", 401, "unauthorized"),
        ("nobody", "", "POST", "/connections", connect, 401, "unauthorized"),
        ("nobody", "", "GET", "/openapi.json", "", 200, ""),
        ("auditor", &auditor, "GET", "/status", "", 200, ""),
        ("auditor", &auditor, "GET", "/log?limit=5", "", 200, ""),
        ("auditor", &auditor, "GET", &format!("/sessions/{session}/why"), "", 200, ""),
        ("auditor", &auditor, "POST", &format!("/sessions/{session}/disconnect"), "", 403, "forbidden"),
        ("auditor", &auditor, "POST", "/connections", connect, 403, "forbidden"),
        ("auditor", &auditor, "PATCH", "/hosts/rdsh-1", r#"{"drain":true}"#, 403, "forbidden"),
        ("help desk", &help_desk, "POST", &format!("/sessions/{}/disconnect", &session[..8]), "", 204, ""),
        ("help desk", &help_desk, "POST", "/connections", connect, 200, ""),
        ("help desk", &help_desk, "POST", "/users", r#"{"name":"bob"}"#, 403, "forbidden"),
        ("help desk", &help_desk, "POST", "/tokens", r#"{"role":"agent"}"#, 403, "forbidden"),
        ("operator", &operator, "PATCH", "/hosts/rdsh-1", r#"{"drain":true,"hard_cap":50}"#, 200, ""),
        ("operator", &operator, "POST", "/tokens", r#"{"role":"agent"}"#, 200, ""),
        ("operator", &operator, "POST", "/tokens", r#"{"role":"broker"}"#, 403, "forbidden"),
        (
            "operator",
            &operator,
            "POST",
            "/admins",
            r#"{"name":"x","password":"12345678","grants":[]}"#,
            403,
            "forbidden",
        ),
        ("operator", &operator, "PATCH", "/admins/anna", r#"{"password":"stolen account"}"#, 403, "forbidden"),
        ("operator", &operator, "PUT", "/settings/admins.login_life", r#"{"value":"1h"}"#, 403, "forbidden"),
        ("operator", &operator, "PUT", "/settings/seats.queue", r#"{"value":"30s"}"#, 200, ""),
        ("owner", &owner, "POST", "/tokens", r#"{"role":"broker"}"#, 200, ""),
        ("owner", &owner, "DELETE", "/hosts/rdsh-1", "", 200, ""),
    ] {
        let answer = server.ask(token, method, path, body).await;
        assert_eq!(answer.brief(), (status, code.to_string()), "{who}: {method} {path}: {}", answer.text);
        if status >= 400 {
            assert_eq!(answer.kind, "application/problem+json", "{who}: {method} {path}");
        }
    }
    assert_eq!(*server.fake.orders.lock().unwrap(), [(SESSION, SessionOrder::Disconnect)]);
}

#[tokio::test]
async fn a_logon_ends_with_its_time_its_password_and_its_administrator() {
    let server = Server::start();
    let owner = server.log_in("anna", PASSWORD).await;
    let [auditor, help_desk, operator] = staff(&server, &owner).await;
    let status = async |token: &str| server.ask(token, "GET", "/status", "").await.brief().0;
    let ask = async |method: &str, path: &str, body: &str| server.ask(&owner, method, path, body).await.brief();
    for token in [&auditor, &help_desk, &operator] {
        assert_eq!(status(token).await, 200);
    }
    assert_eq!(ask("PATCH", "/admins/aud", r#"{"enabled":false}"#).await.0, 200);
    assert_eq!(ask("PATCH", "/admins/hd", r#"{"password":"another one"}"#).await.0, 200);
    assert_eq!(ask("DELETE", "/admins/op", "").await.0, 200);
    for token in [&auditor, &help_desk, &operator] {
        assert_eq!(status(token).await, 401);
    }
    let wrong = r#"{"name":"aud","password":"battery staple"}"#;
    assert_eq!(server.ask("", "POST", "/login", wrong).await.brief(), (401, "unauthorized".into()), "disabled");
    assert_eq!(ask("PATCH", "/admins/aud", r#"{"enabled":true}"#).await.0, 200);
    assert_eq!(status(&auditor).await, 401, "what was proved before is worth nothing");
    let fresh = server.log_in("hd", "another one").await;
    assert_eq!(status(&fresh).await, 200, "at once after the change");
    server.fake.advance(12 * 3_600_000);
    assert_eq!((status(&fresh).await, status(&owner).await), (401, 401), "expired");
}

#[tokio::test]
async fn passwords_can_be_tried_only_so_often() {
    let server = Server::start();
    let wrong = |name: &str| json!({ "name": name, "password": "wrong" }).to_string();
    for name in ["anna", "nobody"] {
        for _ in 0..5 {
            let answer = server.ask("", "POST", "/login", &wrong(name)).await;
            assert_eq!(answer.brief(), (401, "unauthorized".into()), "{name}");
        }
        let answer = server.ask("", "POST", "/login", &wrong(name)).await;
        assert_eq!(answer.brief(), (429, "rate_limited".into()), "{name}");
        assert!(answer.json()["retry_after_s"].as_u64().is_some_and(|s| (1..=12).contains(&s)), "{}", answer.text);
    }
    let right = json!({ "name": "anna", "password": PASSWORD }).to_string();
    assert_eq!(server.ask("", "POST", "/login", &right).await.status, 429, "the right one too");
}

#[tokio::test]
async fn bad_requests_change_nothing_and_say_why() {
    let server = Server::start();
    let owner = server.log_in("anna", PASSWORD).await;
    let events = server.ask(&owner, "GET", "/status", "").await.json()["events"].clone();
    let too_large = format!(r#"{{"name":"{}"}}"#, "x".repeat(70_000));
    let long = format!(r#"{{"text":"{}"}}"#, "x".repeat(1_025));
    let message = format!("/sessions/{SESSION}/message");
    for (method, path, body, status, code) in [
        ("POST", "/users", "{", 400, "bad_json"),
        ("POST", "/users", "", 400, "bad_json"),
        ("POST", "/users", "[]", 400, "bad_json"),
        ("POST", "/users", r#"{"name":"bob","age":7}"#, 400, "bad_json"),
        ("POST", "/users", r#"{"name":7}"#, 400, "bad_json"),
        ("POST", "/users", &too_large, 413, "too_large"),
        ("POST", "/users", r#"{"name":"a b"}"#, 422, "invalid"),
        ("POST", "/users", r#"{"name":"alice"}"#, 409, "exists"),
        ("PATCH", "/hosts/rdsh-1", r#"{"address":"nowhere"}"#, 422, "invalid"),
        ("PATCH", "/hosts/nobody", r#"{"drain":true}"#, 404, "not_found"),
        ("DELETE", "/hosts/%2e%2e%2fadmins", "", 404, "not_found"),
        ("PATCH", "/admins/anna", "{}", 422, "invalid"),
        ("PATCH", "/admins/anna", r#"{"enabled":true,"password":"x"}"#, 422, "invalid"),
        ("PATCH", "/admins/anna", r#"{"enabled":false}"#, 422, "invalid"),
        ("POST", "/admins", r#"{"name":"x","password":"short","grants":[{"role":"owner"}]}"#, 422, "invalid"),
        ("POST", "/admins", r#"{"name":"x","password":"long enough","grants":[{"role":"king"}]}"#, 400, "bad_json"),
        ("POST", "/items", r#"{"name":"A","command":"a\nb"}"#, 422, "invalid"),
        ("PUT", "/settings/no.such", r#"{"value":"1"}"#, 404, "not_found"),
        ("PUT", "/settings/seats.queue", r#"{"value":"soon"}"#, 422, "invalid"),
        ("GET", "/log?limit=many", "", 400, "bad_request"),
        ("GET", "/log?before=x", "", 400, "bad_request"),
        ("GET", "/log?after=x", "", 400, "bad_request"),
        ("GET", "/sessions?host=nobody", "", 404, "not_found"),
        ("GET", "/sessions/zzzzzzzz/why", "", 404, "not_found"),
        ("POST", &message, &long, 422, "invalid"),
        ("POST", &message, r#"{"text":"\u001b[2J"}"#, 422, "invalid"),
        ("POST", "/connections", r#"{"user":"nobody"}"#, 404, "unknown_user"),
        ("POST", "/connections", r#"{"user":"alice","item":"none"}"#, 404, "not_found"),
        ("POST", "/connections", r#"{"user":"alice","gateway":"none"}"#, 404, "not_found"),
        ("GET", "/nothing", "", 404, "no_such_endpoint"),
        ("PUT", "/status", "", 404, "no_such_endpoint"),
    ] {
        let answer = server.ask(&owner, method, path, body).await;
        assert_eq!(answer.brief(), (status, code.to_string()), "{method} {path} {body:.60}: {}", answer.text);
    }
    let text = [("content-type", "text/plain")];
    let answer = server.ask_as(&owner, "POST", "/users", r#"{"name":"bob"}"#, &text).await;
    assert_eq!(answer.brief(), (415, "not_json".into()));
    assert_eq!(server.ask(&owner, "GET", "/status", "").await.json()["events"], events);
    assert!(server.fake.orders.lock().unwrap().is_empty());
}

#[tokio::test]
async fn programs_have_tokens_of_their_own() {
    let server = Server::start();
    let owner = server.log_in("anna", PASSWORD).await;
    let made = server.ask(&owner, "POST", "/api-tokens", r#"{"label":"backup","life_ms":60000}"#).await.json();
    let (token, id) = (made["token"].as_str().unwrap(), made["thing"]["id"].as_str().unwrap());
    assert!(token.starts_with(&format!("hostler_api_{id}_")), "{token}");
    let listed = server.ask(token, "GET", "/api-tokens", "").await.json();
    assert_eq!((&listed[0]["label"], &listed[0]["state"]), (&json!("backup"), &json!("good")));
    let mut wrong = token.to_string();
    let last = if wrong.ends_with('a') { 'q' } else { 'a' };
    wrong.replace_range(wrong.len() - 1.., &last.to_string());
    assert_eq!(server.ask(&wrong, "GET", "/status", "").await.status, 401);
    server.fake.advance(60_000);
    assert_eq!(server.ask(token, "GET", "/status", "").await.status, 401, "expired");
    let made = server.ask(&owner, "POST", "/api-tokens", r#"{"label":"monitoring"}"#).await.json();
    let token = made["token"].as_str().unwrap();
    assert_eq!(server.ask(token, "GET", "/status", "").await.status, 200);
    let path = format!("/api-tokens/{}", made["thing"]["id"].as_str().unwrap());
    assert_eq!(server.ask(&owner, "DELETE", &path, "").await.status, 200);
    assert_eq!(server.ask(token, "GET", "/status", "").await.status, 401, "revoked");
}

#[tokio::test]
async fn join_tokens_name_their_issuer_and_the_log_shows_no_secret() {
    let server = Server::start();
    let owner = server.log_in("anna", PASSWORD).await;
    let made = server.ask(&owner, "POST", "/tokens", r#"{"role":"agent"}"#).await.json();
    let token: JoinToken = made["token"].as_str().unwrap().parse().unwrap();
    let host = server.address.split(':').next().unwrap();
    assert_eq!(
        (token.role, token.issuer, token.address.to_string()),
        (MemberRole::Agent, server.fake.key.fingerprint(), format!("{host}:20001"))
    );
    assert_eq!(made["expires_ms"], token.expires.0);
    let log = server.ask(&owner, "GET", "/log?limit=1000", "").await;
    for secret in ["argon2", "119,119", &token.reveal()] {
        assert!(!log.text.contains(secret), "{secret}");
    }
    let lines = log.json();
    let newest = lines.as_array().unwrap().last().unwrap();
    assert_eq!((&newest["what"], &newest["actor"]["name"]), (&json!("token.created"), &json!("anna")));
    assert_eq!(newest["payload"]["verifier"], "(not shown)");
    let stored = server.fake.snapshot().site.tokens[&token.id].verifier;
    assert_eq!(stored, token.secret.verifier().0, "who has the token can prove it");
    // What comes after an event is what is new.
    let after = format!("/log?after={}", newest["event"].as_str().unwrap());
    assert_eq!(server.ask(&owner, "GET", &after, "").await.json(), json!([]));
    server.ask(&owner, "POST", "/users", r#"{"name":"bob"}"#).await;
    let fresh = server.ask(&owner, "GET", &after, "").await.json();
    assert_eq!(fresh.as_array().map(Vec::len), Some(1));
    assert_eq!(fresh[0]["what"], "user.added");
}

#[tokio::test]
async fn a_seat_comes_as_json_and_as_a_file() {
    let server = Server::start();
    let owner = server.log_in("anna", PASSWORD).await;
    let app = r#"{"name":"Terminal","command":"xterm -e top","everyone":true}"#;
    assert_eq!(server.ask(&owner, "POST", "/items", app).await.status, 200);
    let wanted = r#"{"user":"ALICE","item":"terminal"}"#;
    let reply = server.ask(&owner, "POST", "/connections", wanted).await.json();
    assert_eq!(
        (&reply["user"], &reply["command"], &reply["gateways"]),
        (&json!("alice"), &json!("xterm -e top"), &json!(["gw-1:3389"]))
    );
    let ticket = Ticket::parse(reply["ticket"].as_str().unwrap().as_bytes()).unwrap();
    let issuer = server.fake.key.fingerprint().0;
    assert_eq!((ticket.unverified().issuer.0, ticket.unverified().host), (issuer, crate::fake::HOST));
    let headers = [("content-type", "application/json"), ("accept", "application/x-rdp")];
    let file = server.ask_as(&owner, "POST", "/connections", wanted, &headers).await;
    assert_eq!((file.status, file.kind.as_str()), (200, "application/x-rdp"));
    for line in ["full address:s:gw-1:3389\r\n", "username:s:alice\r\n", "alternate shell:s:xterm -e top\r\n"] {
        assert!(file.text.contains(line), "{}", file.text);
    }
    assert!(file.text.contains("loadbalanceinfo:s:hostler1."), "{}", file.text);
}

#[tokio::test]
async fn an_item_keeps_what_a_change_does_not_name() {
    let server = Server::start();
    let owner = server.log_in("anna", PASSWORD).await;
    let app = r#"{"name":"Terminal","command":"xterm","users":["alice"],"hosts":["rdsh-1"]}"#;
    assert_eq!(server.ask(&owner, "POST", "/items", app).await.status, 200);
    let item = async || -> Value {
        let items = server.ask(&owner, "GET", "/items", "").await.json();
        items.as_array().unwrap().iter().find(|i| i["name"] == "Terminal").unwrap().clone()
    };
    assert_eq!(server.ask(&owner, "PATCH", "/items/Terminal", r#"{"default":true}"#).await.status, 200);
    let now = item().await;
    assert_eq!(
        (&now["default"], &now["users"], &now["hosts"], &now["command"]),
        (&json!(true), &json!(["alice"]), &json!(["rdsh-1"]), &json!("xterm"))
    );
    assert_eq!(server.ask(&owner, "PATCH", "/items/Terminal", r#"{"command":null,"users":[]}"#).await.status, 200);
    let now = item().await;
    assert_eq!((&now["command"], &now["users"], &now["hosts"]), (&Value::Null, &json!([]), &json!(["rdsh-1"])));
    // Its only host goes: that must not publish it everywhere.
    assert_eq!(server.ask(&owner, "DELETE", "/hosts/rdsh-1", "").await.status, 200);
    let answer = server.ask(&owner, "PATCH", "/items/Terminal", r#"{"default":false}"#).await;
    assert_eq!(answer.brief(), (422, "invalid".into()), "{}", answer.text);
    assert_eq!(server.ask(&owner, "PATCH", "/items/Terminal", r#"{"hosts":[]}"#).await.status, 200);
    assert_eq!(item().await["hosts"], Value::Null);
}
