// server/api_reservations.cpp - reservations: what is set aside, and changes of it.
// SPDX-License-Identifier: Apache-2.0
#include <utility>

#include "server/api.hpp"
#include "server/reservation_json.hpp"

namespace drover::server::api {
namespace {

void answer(const Services& services, const Exchange& exchange, const std::string& only) {
  std::string body;
  JsonWriter out(body);
  bool found = only.empty();
  out.begin_object();
  out.field("v", 1);
  out.key("reservations");
  out.begin_array();
  for (const sched::ReservationView& view : services.controller.reservations()) {
    if (!only.empty() && view.reservation->name != only) continue;
    found = true;
    append_reservation(out, view);
  }
  out.end_array();
  out.end_object();
  if (!found)
    return exchange.refuse(
        {Errc::NotFound, "there is no reservation " + only, "drover reservation ls", ""});
  exchange.json(std::move(body));
}

bool is_full(const Services& services, const Exchange& exchange) {
  if (!services.turn.is_full()) return false;
  exchange.refuse({Errc::Unavailable, "too many requests wait", "try again in a moment", ""});
  return true;
}

}  // namespace

void list_reservations(Services& services, ExchangePtr exchange) {
  answer(services, *exchange, {});
}

void show_reservation(Services& services, ExchangePtr exchange) {
  answer(services, *exchange, exchange->name);
}

void put_reservation(Services& services, ExchangePtr exchange) {
  auto input =
      read_reservation(std::move(exchange->request.body), exchange->name, net::Loop::now().wall);
  if (!input) return exchange->refuse(input.error());
  if (is_full(services, *exchange)) return;
  input->actor = exchange->caller.actor();
  services.turn.put_reservation(*std::move(input),
                                [&services, exchange](const Result<sched::Done>& result) {
                                  if (!result) return exchange->refuse(result.error());
                                  answer(services, *exchange, exchange->name);
                                });
}

void remove_reservation(Services& services, ExchangePtr exchange) {
  if (is_full(services, *exchange)) return;
  sched::RemoveReservation input;
  input.actor = exchange->caller.actor();
  input.name = exchange->name;
  services.turn.remove_reservation(std::move(input), [exchange](const Result<sched::Done>& result) {
    if (!result) return exchange->refuse(result.error());
    std::string body;
    JsonWriter out(body);
    out.begin_object();
    out.field("v", 1);
    out.field("name", exchange->name);
    out.field("jobs", result->touched);
    out.end_object();
    exchange->json(std::move(body));
  });
}

}  // namespace drover::server::api
