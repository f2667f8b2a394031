//! A dossier's evidence as a file to take away, for a manager or an auditor.
//!
//! A link and no form: nothing is recorded by it. What it holds may not be kept by a browser or anything between.

use std::sync::Arc;

use axum::{
    body::Body,
    extract::{Path, State},
    http::{HeaderValue, header},
    response::Response,
};

use super::{
    go::{not_allowed, not_found},
    session::Staff,
};
use crate::{
    dossier::Reference,
    print::evidence_bundle,
    service::{Failure, ServiceError},
    web::{App, reply},
};

pub(super) async fn download(State(app): State<Arc<App>>, staff: Staff, Path(typed): Path<String>) -> Response {
    let Ok(reference) = typed.parse::<Reference>() else { return not_found(&app, &staff, &typed) };
    let evidence = match app.service.evidence(&staff.actor(), &reference).await {
        Ok(evidence) => evidence,
        Err(Failure::NotAllowed) => return not_allowed(&app, &staff),
        Err(Failure::UnknownDossier) => return not_found(&app, &staff, &typed),
        Err(Failure::Service(error)) => return reply::failure(&app, &staff.visitor, &error),
        Err(other) => {
            return reply::failure(&app, &staff.visitor, &ServiceError::Damaged(other.to_string()));
        }
    };
    // Drawing the papers and compressing take some milliseconds of computing, which other requests need not wait for.
    let (language, drawing) = (staff.visitor.language, Arc::clone(&app));
    let made = tokio::task::spawn_blocking(move || {
        let service = &drawing.service;
        evidence_bundle(service.issuer(), &evidence, service.policy(), language)
    });
    let bytes = match made.await {
        Ok(Ok(bytes)) => bytes,
        Ok(Err(error)) => return reply::failure(&app, &staff.visitor, &ServiceError::Damaged(error.to_string())),
        Err(error) => return reply::failure(&app, &staff.visitor, &ServiceError::Unavailable(error.to_string())),
    };
    let mut response = Response::new(Body::from(bytes));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/zip"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    let name = format!("attachment; filename=\"{reference}.zip\"");
    if let Ok(name) = HeaderValue::from_str(&name) {
        headers.insert(header::CONTENT_DISPOSITION, name);
    }
    response
}
