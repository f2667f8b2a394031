//! What every database must do to be a [`milaf::store::Store`]: stories told through the trait alone.
//!
//! `store_conformance!(open)` makes a test of each story for the backend that `open` opens.

pub(crate) mod copy_stories;
pub(crate) mod desk_stories;
pub(crate) mod erasure_stories;
pub(crate) mod fixture;
pub(crate) mod log_stories;

macro_rules! store_conformance {
    ($open:path) => {
        store_conformance! { $open, log_stories:
            numbers_have_no_gaps_while_some_fail,
            of_two_writes_on_one_version_one_wins,
            a_wish_is_granted_once,
            a_wish_sent_at_once_is_granted_once,
            the_row_follows_the_fold,
            receipts_are_reprinted_and_replaced,
            the_log_goes_on_after_a_restart,
            two_handles_share_one_database,
            a_contradiction_writes_nothing,
            an_empty_log_has_a_head,
            the_log_has_events_of_its_own,
            reserved_numbers_are_left_out,
            nodes_are_given_as_far_as_they_are_there,
        }
        store_conformance! { $open, erasure_stories:
            an_erasure_is_told_and_nothing_follows,
            an_erasure_and_an_append_at_once,
        }
        store_conformance! { $open, desk_stories:
            duplicates_are_found_by_each_part,
            the_latest_come_in_pages,
            the_median_is_exact,
            accounts_and_their_passwords,
            sessions_end,
            tries_are_counted,
            parallel_tries_do_not_slip_through,
            checkpoints_and_identity_are_kept,
            cosignatures_are_kept,
        }
    };
    ($open:path, copy_stories: $($story:ident,)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $story() {
                let ground = $crate::store_conformance::copy_stories::Ground::new($open);
                $crate::store_conformance::copy_stories::$story(ground).await;
            }
        )*
    };
    ($open:path, $stories:ident: $($story:ident,)*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $story() {
                let ground = $crate::store_conformance::fixture::Ground::new($open);
                $crate::store_conformance::$stories::$story(ground).await;
            }
        )*
    };
}

/// As `store_conformance!`, for what opens a database as an end of a copy.
macro_rules! copy_conformance {
    ($open:path) => {
        $crate::store_conformance::store_conformance! { $open, copy_stories:
            everything_crosses,
            chunks_end_where_batches_end,
            a_target_takes_only_what_follows,
            an_unfinished_target_is_added_to_by_its_copy_only,
            a_closed_source_takes_nothing,
            only_an_empty_database_or_one_that_was_left_is_a_target,
            sessions_do_not_cross,
            erasures_cross,
        }
    };
}

pub(crate) use copy_conformance;
pub(crate) use store_conformance;
