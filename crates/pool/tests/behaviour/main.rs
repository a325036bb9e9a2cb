//! What a user of the pool observes, by topic, against connections that do what the test says.
//!
//! What the pool owes its users, and where they are tested (those marked * also in random histories, `src/model.rs`, and
//! those marked + with threads, `tests/loom.rs`):
//!
//! | obligation | test |
//! |---|---|
//! | a permit has one owner at each step * | `timeouts::a_permit_has_exactly_one_owner_at_each_step` |
//! | what was delivered and not taken goes to the next *+ | `flights::what_was_delivered_to_a_dropped_request_goes_to_the_next` |
//! | no request enters a closing connection *+ | `lifetime::dispatch_and_close_exclude_each_other` |
//! | a last probe at hand-out | `reuse::a_connection_found_dead_at_hand_out_costs_nothing_but_another_look` |
//! | an h2 slot is free when request and response have ended * | `bodies::a_slot_is_free_only_when_request_and_response_have_ended` |
//! | an h1 connection is idle when its request has left too * | `uploads::a_connection_whose_request_is_not_over_is_not_idle_however_small_that_is` |
//! | what outlives its response has a limited time * | `uploads::the_rest_of_a_request_has_its_time_and_is_then_given_up` |
//! | 101 leaves the pool * | `bodies::an_upgraded_connection_leaves_the_pool` |
//! | created precedes visible * | `events::created_precedes_visibility` |
//! | a bucket goes only with nothing in it * | `handles::a_bucket_is_removed_only_with_nothing_in_it` |
//! | no usable connection or permit is free while somebody waits * | `timeouts::no_permit_is_free_while_somebody_waits` |
//! | bounded overtaking * | `overtaking::a_busy_origin_serves_so_many_later_requests_before_anothers_first` |
//! | names that wait for one connection take turns | `coalescing::names_that_wait_for_one_connection_take_turns` |
//! | first come, first served * | `flights::first_come_first_served` |
//! | totals count draining sockets, origins don't * | `timeouts::draining_counts_for_the_total_and_not_for_the_origin` |
//! | queues are bounded | `timeouts::a_full_queue_is_told` |
//! | memory is back after the last idle limit * | `handles::memory_is_back_after_the_last_idle_limit` |
//! | last handle: idle closes, connects end, bodies go on | `handles::the_last_handle_ends_all_but_bodies_under_way` |
//! | reasons: first one wins, told once * | `lifetime::the_first_reason_wins_and_is_told_once` |
#![cfg(not(loom))]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
#![allow(clippy::disallowed_methods, clippy::type_complexity, reason = "tests spawn tasks of their own")]

mod bodies;
mod coalescing;
mod events;
mod flights;
mod handles;
mod lifetime;
mod limits;
mod meanwhile;
mod no_room;
mod overtaking;
mod patience;
mod request_options;
mod reuse;
mod sharing;
mod stage;
mod time;
mod uploads;
mod walks;
