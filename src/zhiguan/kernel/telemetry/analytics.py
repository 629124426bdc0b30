"""Questions over positions as portable SQL: one text for DuckDB and for Spark (see ``dialect``), conformance-tested.

A text reads the relation ``positions`` (see ``engine``), which holds the asked sources and range already. Moments are
UTC without zone. Parameters are ``:name`` and numbers only.
"""

from __future__ import annotations

from dataclasses import dataclass, field

DISTANCE_M = """2 * 6371008.8 * asin(sqrt(least(CAST(1 AS DOUBLE), pow(sin(radians({lat2} - {lat1}) / 2), 2)
    + cos(radians({lat1})) * cos(radians({lat2})) * pow(sin(radians({lon2} - {lon1}) / 2), 2))))"""
"""Great-circle metres between two places in degrees. The cast matters: Sail makes ``least(1.0, double)`` a decimal."""


@dataclass(frozen=True)
class Question:
    """A named analytical query. ``defaults`` are its parameters; ``about`` says what a row of the answer is."""

    code: str
    about: str
    sql: str
    defaults: dict[str, float] = field(default_factory=dict)


COUNTS = Question(
    "counts",
    "One row a source and day (UTC+8): number of reports, first and last.",
    """SELECT source_id, day, count(*) AS reports, min(device_at) AS first_at, max(device_at) AS last_at
       FROM positions GROUP BY source_id, day ORDER BY source_id, day""",
)

HOURS = Question(
    "hours",
    "One row an hour (UTC): sources that reported, reports, sources that moved.",
    """SELECT date_trunc('hour', device_at) AS hour, count(*) AS reports, count(DISTINCT source_id) AS sources,
           count(DISTINCT CASE WHEN speed_kmh >= :moving_kmh THEN source_id END) AS moving
       FROM positions GROUP BY date_trunc('hour', device_at) ORDER BY hour""",
    {"moving_kmh": 5},
)

MILEAGE = Question(
    "mileage",
    "One row a source and day: metres between successive fixes no more than some time apart and not impossibly far, "
    "and seconds moving.",
    f"""SELECT source_id, day, count(*) AS legs, sum(metres) AS metres,
            sum(CASE WHEN metres >= seconds * :moving_kmh / 3.6 THEN seconds ELSE 0 END) AS moving_s
        FROM (
            SELECT source_id, day, seconds,
                {DISTANCE_M.format(lat1="lat_before", lon1="lon_before", lat2="lat", lon2="lon")} AS metres
            FROM (
                SELECT source_id, day, lat, lon,
                    lag(lat) OVER (PARTITION BY source_id, day ORDER BY device_at, lat_e6, lon_e6) AS lat_before,
                    lag(lon) OVER (PARTITION BY source_id, day ORDER BY device_at, lat_e6, lon_e6) AS lon_before,
                    epoch_s - lag(epoch_s) OVER (PARTITION BY source_id, day ORDER BY device_at, lat_e6, lon_e6)
                        AS seconds
                FROM positions WHERE located) AS steps
            WHERE seconds IS NOT NULL AND seconds <= :gap_s) AS legs
        WHERE metres <= :max_mps * greatest(seconds, 1)
        GROUP BY source_id, day ORDER BY source_id, day""",  # noqa: S608 -- a formula of our own is put in
    {"gap_s": 300, "max_mps": 70, "moving_kmh": 5},
)

_WITHIN = """positions
            WHERE located
              AND lat_e6 BETWEEN CAST(floor((:lat - :within_m / 111000.0) * 1000000) AS INTEGER)
                             AND CAST(ceil((:lat + :within_m / 111000.0) * 1000000) AS INTEGER)
              AND lon_e6 BETWEEN CAST(floor((:lon - :within_m / (111000.0 * cos(radians(:lat)))) * 1000000) AS INTEGER)
                             AND CAST(ceil((:lon + :within_m / (111000.0 * cos(radians(:lat)))) * 1000000) AS INTEGER)"""
"""Reports in the rectangle around a place. Whole numbers, so that parts of a file are passed over by their bounds."""
_METRES = DISTANCE_M.format(lat1=":lat", lon1=":lon", lat2="lat", lon2="lon")

NEARBY = Question(
    "nearby",
    "One row a source that was within some metres of a place: nearest distance, first and last moment, reports.",
    f"""SELECT source_id, min(metres) AS metres, min(device_at) AS first_at, max(device_at) AS last_at,
            count(*) AS reports
        FROM (SELECT source_id, device_at, {_METRES} AS metres FROM {_WITHIN}) AS near
        WHERE metres <= :within_m GROUP BY source_id ORDER BY source_id""",  # noqa: S608 -- formulas of our own are put in
    {"lat": 31.23, "lon": 121.47, "within_m": 200},
)

PASSING = Question(
    "passing",
    "One row a report within some metres of a place: moment (Unix seconds), where, speed, alarm word, distance.",
    f"""SELECT source_id, epoch_s, lat, lon, speed_kmh, alarm, metres
        FROM (SELECT source_id, epoch_s, lat, lon, speed_kmh, alarm, {_METRES} AS metres FROM {_WITHIN}) AS near
        WHERE metres <= :within_m ORDER BY source_id, epoch_s, metres""",  # noqa: S608 -- formulas of our own are put in
    {"lat": 31.23, "lon": 121.47, "within_m": 200},
)

SILENCES = Question(
    "silences",
    "One row a gap between two reports of a source that is longer than some seconds.",
    """SELECT source_id, before_at, device_at, seconds FROM (
           SELECT source_id, device_at,
               lag(device_at) OVER (PARTITION BY source_id ORDER BY device_at) AS before_at,
               epoch_s - lag(epoch_s) OVER (PARTITION BY source_id ORDER BY device_at) AS seconds
           FROM positions) AS steps
       WHERE seconds > :silence_s ORDER BY source_id, device_at""",
    {"silence_s": 600},
)

FASTEST = Question(
    "fastest",
    "One row a source: its highest speed and when it was first reached.",
    """SELECT source_id, speed_kmh, device_at FROM (
           SELECT source_id, speed_kmh, device_at,
               row_number() OVER (PARTITION BY source_id ORDER BY speed_kmh DESC, device_at) AS place
           FROM positions) AS ranked
       WHERE place = 1 ORDER BY source_id""",
)

QUESTIONS: dict[str, Question] = {
    question.code: question for question in (COUNTS, HOURS, MILEAGE, NEARBY, PASSING, SILENCES, FASTEST)
}
