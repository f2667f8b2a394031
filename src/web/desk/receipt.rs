//! The receipt's page: what was handed out, the paper to print, and on to the next dossier.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, RawQuery, State},
    http::{HeaderValue, StatusCode, header},
    response::Response,
};

use super::{
    facts::{Fact, Paper, PaperState, facts, moment, papers},
    go::{absent, not_found},
    session::Staff,
    shell::Shell,
};
use crate::{
    dossier::Reference,
    i18n,
    print::{self, QrSymbol, compose},
    service::{ReceiptView, ServiceError},
    web::{App, reply},
};

/// What opens the status page; shown only while the paper itself may be printed.
struct Symbol {
    qr: String,
    code: String,
    domain: String,
}

#[derive(askama::Template)]
#[template(config = "assets/templates/askama.toml", path = "desk/receipt.html")]
struct ReceiptPage {
    shell: Shell,
    reference: String,
    procedure_code: String,
    facts: Vec<Fact>,
    handed_in: Vec<Paper>,
    missing: Vec<Paper>,
    due: Option<String>,
    symbol: Option<Symbol>,
    /// When it was handed out, once it is too late to print the same paper again.
    closed: Option<String>,
    version: u32,
    form_key: String,
    copy: Option<String>,
    replacement: bool,
    /// It was registered just now, so the way on is the next dossier.
    new: bool,
}

pub(super) async fn page(
    State(app): State<Arc<App>>,
    staff: Staff,
    Path(typed): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    let view = match load(&app, &staff, &typed).await {
        Ok(view) => view,
        Err(response) => return *response,
    };
    let new = query.unwrap_or_default().split('&').any(|pair| pair == "new=1");
    let issuer = app.service.issuer();
    let printable = app.service.may_still_print(&view);
    let Ok(symbol) = printable.then(|| QrSymbol::new(&view.url)).transpose() else {
        let error = ServiceError::Damaged("the receipt's address does not fit into a symbol".into());
        return reply::failure(&app, &staff.visitor, &error);
    };
    let symbol = symbol.map(|symbol| Symbol {
        qr: symbol.svg(),
        code: view.code.to_string(),
        domain: issuer.public_url.host().to_owned(),
    });
    let form_key = match app.service.new_form_key() {
        Ok(key) => key,
        Err(error) => return reply::failure(&app, &staff.visitor, &error),
    };
    let shell = staff.shell(&app);
    let dossier = &view.dossier;
    let procedure = issuer.catalogue.procedure(&dossier.registration.procedure);
    let of_state = |state: PaperState| {
        papers(&shell, procedure, dossier).into_iter().filter(move |paper| paper.state == state).collect::<Vec<_>>()
    };
    let mut handed_in = of_state(PaperState::HandedIn);
    handed_in.extend(of_state(PaperState::Received));
    let mut missing = of_state(PaperState::Missing);
    missing.extend(of_state(PaperState::Outstanding));
    let page = ReceiptPage {
        reference: dossier.reference.to_string(),
        procedure_code: dossier.registration.procedure.to_string(),
        facts: facts(&shell, issuer, procedure, dossier),
        handed_in,
        missing,
        due: view.clock.as_ref().and_then(|clock| clock.due).map(i18n::date),
        closed: (!printable).then(|| moment(issuer.civil_time(view.handed_out_at))),
        symbol,
        version: view.current_version,
        form_key,
        copy: view.copy.map(|copy| copy.to_string()),
        replacement: view.replacement,
        new,
        shell,
    };
    page.shell.reply(StatusCode::OK, &page)
}

pub(super) async fn pdf(State(app): State<Arc<App>>, staff: Staff, Path(typed): Path<String>) -> Response {
    let view = match load(&app, &staff, &typed).await {
        Ok(view) => view,
        Err(response) => return *response,
    };
    if !app.service.may_still_print(&view) {
        return reply::see_other(&format!("/desk/d/{}/receipt", view.dossier.reference));
    }
    let name = format!("inline; filename=\"{}.pdf\"", view.dossier.reference);
    let sheet = compose::sheet(app.service.issuer(), &view);
    // Shaping and compressing take some milliseconds of computing, which other requests need not wait for.
    let printed = tokio::task::spawn_blocking(move || print::receipt_pdf(&sheet)).await;
    let bytes = match printed {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(error)) => return reply::failure(&app, &staff.visitor, &ServiceError::Damaged(error.to_string())),
        Err(error) => return reply::failure(&app, &staff.visitor, &ServiceError::Unavailable(error.to_string())),
    };
    let mut response = Response::new(Body::from(bytes));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/pdf"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(name) = HeaderValue::from_str(&name) {
        headers.insert(header::CONTENT_DISPOSITION, name);
    }
    response
}

async fn load(app: &App, staff: &Staff, typed: &str) -> Result<ReceiptView, Box<Response>> {
    let Ok(reference) = typed.parse::<Reference>() else { return Err(Box::new(not_found(app, staff, typed))) };
    match app.service.receipt(&reference).await {
        Ok(Some(view)) => Ok(view),
        Ok(None) => Err(Box::new(absent(app, staff, &reference).await)),
        Err(error) => Err(Box::new(reply::failure(app, &staff.visitor, &error))),
    }
}
