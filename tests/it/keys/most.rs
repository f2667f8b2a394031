//! A token names its key in four bits, so the seventeenth key is refused, and papers of the first sixteen all open.

use std::sync::Arc;

use jiff::SignedDuration;
use milaf::{
    clock::{Environment, SteppedEnvironment},
    config::Issuer,
    receipt::{HeldKeys, SealKey, TokenKey},
    service::{Actor, IdentityKey, KeyRefusal, KeySource, LiveKeys, Parts, RawIntake, Scan, Service},
    tlog::{KeyPurpose, LogKey},
};

use crate::premises::{Premises, on_both_databases};

#[derive(Debug)]
struct Sixteen;

impl KeySource for Sixteen {
    fn read(&self) -> Result<HeldKeys, String> {
        let mut held = HeldKeys::default();
        for number in 0..16 {
            held.add_token(TokenKey::new(number, [number + 1; 32]).unwrap());
        }
        held.add_seal(0, SealKey::from_seed([0x22; 32]));
        held.add_log(0, LogKey::new("suivi.example.ma/log", [0x33; 32]).unwrap());
        Ok(held)
    }

    fn place_of(&self, purpose: KeyPurpose, number: u32) -> String {
        format!("{} {number}", purpose.name())
    }
}

async fn sixteen_token_keys_and_no_more(premises: Premises) {
    let keys = Arc::new(LiveKeys::from_source(Box::new(Sixteen)).unwrap());
    let sealer = Arc::clone(&keys);
    let clock = Arc::new(SteppedEnvironment::starting_at("2026-03-02T10:00:00Z".parse().unwrap()));
    let service = Service::new(Parts {
        store: premises.open(Arc::new(move |claims| sealer.ring().seal(claims))),
        issuer: Arc::new(Issuer::example()),
        keys,
        identity_key: IdentityKey::new([0x44; 32]),
        environment: Arc::clone(&clock) as Arc<dyn Environment>,
        checkpoint_file: premises.path().join("checkpoint"),
    });
    service.check_start().await.unwrap();
    let actor = Actor::new("cli");
    let intake = RawIntake { procedure: "NRU".to_owned(), applicant: "Fatima".to_owned(), ..RawIntake::default() };
    let mut papers = Vec::new();
    for number in 0..16 {
        if number > 0 {
            let (rotated, from) = service.rotate_key(&actor, KeyPurpose::Token).await.unwrap();
            assert_eq!(rotated, number);
            assert!(matches!(service.next_key(KeyPurpose::Token), Err(KeyRefusal::NotYetInForce { .. })));
            assert!(from.duration_since(clock.now()) > SignedDuration::from_secs(10));
            clock.set(from);
            service.refresh_keys().await.unwrap();
        }
        let registered = service.register(&actor, &intake, None).await.unwrap();
        let named = milaf::receipt::base32::decode(&registered.token).unwrap()[0] & 0x0f;
        assert_eq!(u32::from(named), number);
        papers.push(registered.token);
    }
    assert_eq!(service.rotate_key(&actor, KeyPurpose::Token).await.unwrap_err(), KeyRefusal::TooManyTokenKeys);
    for paper in &papers {
        assert!(matches!(service.scan(paper).await.unwrap(), Scan::Status(_)));
    }
    assert_eq!(service.key_problems(), Vec::<String>::new());
    service.publish_checkpoint().await.unwrap();
    service.check_start().await.unwrap();
}

on_both_databases! {
    sixteen_token_keys_and_no_more,
}
