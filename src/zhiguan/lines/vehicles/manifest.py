"""The line official vehicles (公务用车), SPEC L4."""

from zhiguan.kit.manifest import Line

LINE = Line(
    code="vehicles",
    name="公务用车",
    order=40,
    icon="car",
    summary="编制、配备、使用、处置的全生命周期台账，用车“一张网”，卫星定位与违规识别。",
    basis=("《机关事务管理条例》", "《党政机关公务用车管理办法》", "《公共机构节能条例》"),
    exemptions=(
        (
            "verbs-are-traced vehicles.domain.driving.compute_day",
            "trips and stops are computed from stored positions and replaced whole; no person decides anything",
        ),
        (
            "verbs-are-traced vehicles.domain.driving.rematch",
            "says anew which order a trip belongs to; what changed the order is in the log itself",
        ),
        (
            "verbs-are-traced vehicles.domain.dues.refresh_vehicles",
            "what falls due is computed from papers and rules, each traced itself; no person decides anything",
        ),
        (
            "verbs-are-traced vehicles.domain.dues.refreshed_once",
            "computes what falls due once after many acts, each traced itself; no person decides anything",
        ),
        (
            "verbs-are-traced vehicles.domain.dues.refresh_drivers",
            "what falls due is computed from licences, each traced itself; no person decides anything",
        ),
        (
            "verbs-are-traced vehicles.domain.uplinks.check_health",
            "signal and firmware of the latest report, noted again and again; no person decides anything",
        ),
        (
            "verbs-are-traced vehicles.domain.months.keep_months",
            "sums of rows each traced itself, counted anew by a job; no person decides anything",
        ),
        (
            "verbs-are-traced vehicles.domain.months.compute_month",
            "sums of rows each traced itself, counted anew by a job; no person decides anything",
        ),
        (
            "verbs-are-traced vehicles.domain.months.sum_up",
            "sums of rows each traced itself, counted anew by a job; no person decides anything",
        ),
        (
            "one-act-one-word vehicles.terminal.close",
            "a terminal is removed (拆除) from a vehicle; the kept things share their moves",
        ),
        ("addresses-carry-the-code vehicles.cockpit", "/cockpit is the one screen of the platform, so far about vehicles"),
        ("addresses-carry-the-code vehicles.cockpit.data", "belongs to /cockpit"),
        ("addresses-carry-the-code vehicles.cockpit.update", "belongs to /cockpit"),
        (
            "verbs-are-traced vehicles.domain.costs.attach_file",
            "the file service notes what it keeps; a trace entry of its own is due",
        ),
        (
            "verbs-are-traced vehicles.domain.driving.match_orders",
            "computes what became of orders anew; what changed the order is in the log itself",
        ),
    ),
)
