"""A year of a city's vehicles, on top of ``full_size``: days, trips, fillings, costs, passengers in and out.

Each vehicle drives on 20 days of each of twelve months, four trips a day, half of them with an order; it is filled twice a
month and costs something five times a month. Values depend on the vehicle, so that ranks differ.
"""

from __future__ import annotations

import psycopg

CITY = """INSERT INTO identity_grant (scope, valid_from, state, reason, proposed_at, account_id, role_id, unit_id)
    SELECT 'below', g.valid_from, g.state, '', g.proposed_at, g.account_id, g.role_id, u.id
    FROM identity_grant g, orgs_unit u WHERE u.code = 'C'"""
DAYS = """INSERT INTO vehicles_vehicleday (scope_pos, day, points, dropped, trips, distance_m, driving_s, computed_at,
        unit_id, vehicle_id)
    SELECT v.scope_pos, d.day, 2000, 0, CASE WHEN (v.id + d.n) %% 6 = 0 THEN 0 ELSE 4 END,
        CASE WHEN (v.id + d.n) %% 6 = 0 THEN 0 ELSE 4 * (3000 + v.id %% 7000) END, 7200, now(), v.unit_id, v.id
    FROM zg_days d, vehicles_vehicle v ORDER BY d.day, v.id"""
TRIPS = """INSERT INTO vehicles_trip (scope_pos, day, start_at, end_at, start_lat, start_lon, end_lat, end_lon, distance_m,
        point_count, max_speed_kmh, match, order_id, unit_id, vehicle_id)
    SELECT v.scope_pos, d.day, d.day + interval '1 hour' * (1 + 2 * k), d.day + interval '1 hour' * (1.5 + 2 * k), 31.2, 121.4,
        31.3, 121.5, 3000 + v.id %% 7000, 200, 60, CASE WHEN (v.id + k) %% 2 = 0 THEN 'matched' ELSE 'no_order' END,
        CASE WHEN (v.id + k) %% 2 = 0 THEN 1 + (d.n * %(vehicles)s + v.id) %% %(orders)s END, v.unit_id, v.id
    FROM zg_days d, vehicles_vehicle v, generate_series(0, 3) k WHERE (v.id + d.n) %% 6 > 0 ORDER BY d.day, v.id, k"""
FILLINGS = """INSERT INTO vehicles_energyrecord (scope_pos, at, kind, quantity, amount_yuan, station, invoice_no, source, digest,
        created_at, unit_id, vehicle_id)
    SELECT v.scope_pos, d.day + interval '4 hours', 'fuel', 30 + v.id %% 20, 250 + v.id %% 100, '', '', 'manual',
        v.id || '/' || d.n, now(), v.unit_id, v.id
    FROM zg_days d, vehicles_vehicle v WHERE d.n %% 10 = 0 ORDER BY d.day, v.id"""
COSTS = """INSERT INTO vehicles_costentry (scope_pos, state, version, created_at, updated_at, kind, spent_on, amount_yuan, payee,
        item, invoice_no, source, batch, origin_type, digest, note, unit_id, vehicle_id)
    SELECT v.scope_pos, 'booked', 1, now(), now(), 'toll', d.day, 20 + v.id %% 300, '', '', '', 'manual', '', '',
        v.id || '/' || d.n, '', v.unit_id, v.id
    FROM zg_days d, vehicles_vehicle v WHERE d.n %% 4 = 0 ORDER BY d.day, v.id"""
MARKS = """INSERT INTO vehicles_ordermark (order_id, key, at, noted_at, noted_by, kind, note)
    SELECT o.id, m.kind || o.id, o.planned_from + m.wait, now(), '', m.kind, '' FROM vehicles_dispatchorder o,
        (VALUES ('aboard', interval '10 minutes'), ('alighted', interval '50 minutes')) m(kind, wait)
    WHERE o.id %% 2 = 0"""
STARTED = """UPDATE vehicles_dispatchorder SET started_at = planned_from + (id %% 9) * interval '1 minute',
    created_at = planned_from - interval '5 hours'"""


def fill(connection: psycopg.Connection) -> None:
    """Fill the year up to today into a database of ``full_size``."""
    vehicles, orders = (
        connection.execute(f"SELECT max(id) FROM {table}").fetchone()[0]  # type: ignore[index]
        for table in ("vehicles_vehicle", "vehicles_dispatchorder")
    )
    connection.execute("SET session_replication_role = replica")  # keys are right by construction
    connection.execute(
        "CREATE TEMP TABLE zg_days AS SELECT n, current_date - n * 365 / 240 AS day FROM generate_series(0, 239) n"
    )
    for statement in (CITY, DAYS, TRIPS, FILLINGS, COSTS, STARTED, MARKS):
        connection.execute(statement, {"vehicles": vehicles, "orders": orders})
