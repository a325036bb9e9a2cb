//! What a user of the pool observes, by topic, against connections that do what the test says.
//!
//! The obligations of ARCHITECTURE.md section 8, and where they are tested (those marked * also in random histories,
//! `src/model.rs`, and those marked + with threads, `src/interleavings.rs`):
//!
//! | obligation | test |
//! |---|---|
//! | a permit has one owner at each step * | `limits::a_permit_has_exactly_one_owner_at_each_step` |
//! | what was delivered and not taken goes to the next *+ | `connects::what_was_delivered_to_a_dropped_request_goes_to_the_next` |
//! | no request enters a closing connection *+ | `lifetime::dispatch_and_close_exclude_each_other` |
//! | a last probe at hand-out | `reuse::a_connection_found_dead_at_hand_out_costs_nothing_but_another_look` |
//! | an h2 slot is free when request and response have ended * | `bodies::a_slot_is_free_only_when_request_and_response_have_ended` |
//! | an h1 connection is idle when its request has left too * | `uploads::a_connection_whose_request_is_not_over_is_not_idle_however_small_that_is` |
//! | what outlives its response has a limited time * | `uploads::the_rest_of_a_request_has_its_time_and_is_then_given_up` |
//! | a response that nobody reads has a limited time * | `unread::one_that_does_not_come_in_time_closes_it` |
//! | 101 leaves the pool * | `bodies::an_upgraded_connection_leaves_the_pool` |
//! | created precedes visible * | `events::created_precedes_visibility` |
//! | an origin goes only with nothing in it * | `handles::an_origin_is_removed_only_with_nothing_in_it` |
//! | no usable connection or permit is free while somebody waits * | `limits::no_permit_is_free_while_somebody_waits` |
//! | bounded overtaking * | `overtaking::a_busy_origin_serves_so_many_later_requests_before_anothers_first` |
//! | names that wait for one connection take turns | `coalescing::names_that_wait_for_one_connection_take_turns` |
//! | first come, first served * | `connects::first_come_first_served` |
//! | totals count draining sockets, origins don't * | `limits::draining_counts_for_the_total_and_not_for_the_origin` |
//! | queues are bounded | `limits::a_full_queue_refuses` |
//! | memory is back after the last idle limit * | `handles::memory_is_back_after_the_last_idle_limit` |
//! | last handle: idle closes, connects end, bodies go on | `handles::the_last_handle_ends_all_but_bodies_under_way` |
//! | reasons: first one wins, reported once * | `lifetime::the_first_reason_wins_and_is_reported_once` |
#![cfg(not(loom))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
#![allow(clippy::disallowed_methods, clippy::type_complexity, reason = "tests spawn tasks of their own")]

mod backup;
mod bodies;
mod coalescing;
mod connects;
mod descriptors;
mod draining;
mod events;
mod explain;
mod failing;
mod forwarding;
mod handles;
mod lifetime;
mod limits;
mod meanwhile;
mod no_streams;
mod overtaking;
mod panicking;
mod replaced;
mod request_options;
mod reuse;
mod shared_timeouts;
mod sharing;
mod slept;
mod snapshots;
mod stage;
mod suspects;
mod time;
mod unread;
mod uploads;
mod walks;
mod why;
