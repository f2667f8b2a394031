//! The domain's tests: tables of cases, each behind one check function, and properties over generated histories.

mod calendar;
mod catalogue;
mod decide;
mod event_data;
mod legal_clock;
mod legal_clock_properties;
mod samples;
mod strategies;
mod text;
mod walks;
