"""The figures of dossiers, reckoned a second time by the rules in the documentation of `domain::figures` and
`domain::comparison`, with nothing but the standard library.

    figures.py make SEED COUNT      random dossiers, one JSON list of members a line
    figures.py reckon               figures of the dossiers on standard input, a line each
    figures.py compare OURS THEIRS  compares two files of figures, and fails when one differs
"""

import calendar
import json
import random
import sys
import uuid
from collections import Counter, defaultdict
from datetime import date
from decimal import ROUND_HALF_UP, Context, Decimal, getcontext

# Far more digits than any value here has. A quotient that has no end is cut off at the last of them, though what is made
# of two such quotients may have an end. So before it matters, a result is brought to half of these digits, which all are right.
getcontext().prec = 200
getcontext().rounding = ROUND_HALF_UP
SETTLED = Context(prec=100, rounding=ROUND_HALF_UP)

# ISO 4217, of the currencies that are made here.
MINOR_DIGITS = {"USD": 2, "EUR": 2, "JPY": 0, "KRW": 0, "KWD": 3, "TND": 3, "CLF": 4, "UYW": 4}
UNITS = ["kWh", "km", "GB", "%", "m³"]

NAMED_SOURCES = 5
NAMED_FINDINGS = 20


# ---- Rounding


def rounded(value, digits):
    value = SETTLED.plus(value).quantize(Decimal(1).scaleb(-digits))
    return value if value else abs(value)


class Money:
    def __init__(self, digits):
        self.digits = digits

    def __call__(self, value):
        return format(rounded(value, self.digits), "f")


class Measures:
    """Quantities keep the decimals they are written with; averages have at least two. No zeros at the end."""

    def __init__(self, values):
        self.digits = max([2] + [decimals(value) for value in values])

    def __call__(self, value):
        text = format(rounded(value, self.digits), "f")
        return text.rstrip("0").rstrip(".") if "." in text else text


def decimals(value):
    """How many decimals a value needs, zeros at the end left out."""
    exponent = value.normalize().as_tuple().exponent
    return max(0, -exponent)


def percent(difference, against):
    if against == 0:
        return None
    return format(rounded(difference * 100 / abs(against), 1), "f")


# ---- Figures of one series: a list of (date, file, value)


def median(values):
    ordered = sorted(values)
    middle = len(ordered) // 2
    if len(ordered) % 2:
        return ordered[middle]
    return (ordered[middle - 1] + ordered[middle]) / 2


def mean(values):
    return sum(values) / len(values)


def source(day, file):
    return {"document_date": day, "file_id": file}


def having(series, extreme):
    sources = sorted({(day, file) for day, file, value in series if value == extreme})
    first = [source(day, file) for day, file in sources[:NAMED_SOURCES]]
    return {"count": len(sources), "first": first}


def grouped(series, key):
    groups = defaultdict(list)
    for day, _, value in series:
        groups[key(day)].append(value)
    return dict(sorted(groups.items()))


def change(groups, show):
    if len(groups) < 2:
        return None
    (before, earlier), (last, later) = list(groups.items())[-2:]
    earlier, later = sum(earlier), sum(later)
    return {
        "from": before,
        "to": last,
        "from_total": show(earlier),
        "to_total": show(later),
        "difference": show(later - earlier),
        "percent": percent(later - earlier, earlier),
    }


def anomalies(series, show):
    """The modified z-score of Iglewicz and Hoaglin, by the mean deviation when the median deviation is zero."""
    none = {"count": 0, "first": []}
    if len(series) < 5:
        return none
    middle = median([value for _, _, value in series])
    deviations = [abs(value - middle) for _, _, value in series]
    mad = median(deviations)
    if mad:
        factor, divisor = Decimal("0.6745"), mad
    elif any(deviations):
        factor, divisor = Decimal(1), Decimal("1.253314") * mean(deviations)
    else:
        return none
    found = []
    for day, file, value in series:
        score = SETTLED.plus(factor * (value - middle) / divisor)
        if abs(score) > Decimal("3.5"):
            found.append((-abs(value - middle), day, file, value, score))
    found.sort()
    first = [
        {
            **source(day, file),
            "value": show(value),
            "score": format(rounded(score, 1), "f"),
            "direction": "high" if score > 0 else "low",
        }
        for _, day, file, value, score in found[:NAMED_FINDINGS]
    ]
    return {"count": len(found), "first": first}


def repeated(series, show):
    files = defaultdict(set)
    for day, file, value in series:
        if value:
            files[day, value].add(file)
    found = [(-abs(value), day, value, sorted(of)) for (day, value), of in files.items() if len(of) > 1]
    found.sort()
    first = [
        {
            "document_date": day,
            "value": show(value),
            "documents": {"count": len(of), "first": of[:NAMED_SOURCES]},
        }
        for _, day, value, of in found[:NAMED_FINDINGS]
    ]
    return {"count": len(found), "first": first}


def number_of(month):
    year, month = month.split("-")
    return int(year) * 12 + int(month) - 1


def month_of(number):
    return f"{number // 12:04}-{number % 12 + 1:02}"


def rhythm(months):
    numbers = [number_of(month) for month in months]
    intervals = [(before, after - before) for before, after in zip(numbers, numbers[1:])]
    if len(intervals) < 3:
        return None
    lengths = Counter(length for _, length in intervals)
    for name, step in (("month", 1), ("quarter", 3), ("year", 12)):
        if lengths[step] * 3 >= len(intervals) * 2:
            break
    else:
        return None
    missed = []
    for before, length in intervals:
        missing = int(rounded(Decimal(length) / step, 0)) - 1
        if missing > 0:
            run = {"first": month_of(before + step), "last": month_of(before + step * missing), "count": missing}
            missed.append(run)
    return {"every": name, "missing": sum(run["count"] for run in missed), "missed": missed}


def month(day):
    return day[:7]


def year(day):
    return int(day[:4])


def figures_of_series(series, show):
    values = [value for _, _, value in series]
    by_month, by_year = grouped(series, month), grouped(series, year)
    by_last_month = change(by_month, show)

    def period(name, key, of):
        return {name: key, "count": len(of), "total": show(sum(of)), "mean": show(mean(of))}

    return {
        "count": len(values),
        "total": show(sum(values)),
        "mean": show(mean(values)),
        "median": show(median(values)),
        "minimum": show(min(values)),
        "maximum": show(max(values)),
        "change_percent": by_last_month and by_last_month["percent"],
        "by_month": [period("month", key, of) for key, of in by_month.items()],
        "minimum_of": having(series, min(values)),
        "maximum_of": having(series, max(values)),
        "by_year": [period("year", key, of) for key, of in by_year.items()],
        "change": by_last_month,
        "change_by_year": change(by_year, show),
        "anomalies": anomalies(series, show),
        "repeated": repeated(series, show),
        "rhythm": rhythm(list(by_month)),
    }


# ---- Figures of a dossier, and of two


def series_of(members):
    """The values of each currency and of each unit."""
    money, measures = defaultdict(list), defaultdict(list)
    for member in members:
        day, file = member["document_date"], member["file"]
        amount = member["amount"]
        if amount:
            money[amount["currency"]].append((day, file, Decimal(amount["amount"])))
        for quantity in member["quantities"]:
            measures[quantity["unit"]].append((day, file, Decimal(quantity["amount"])))
    return money, measures


def values_of(series):
    return [value for _, _, value in series]


def gaps(members):
    numbers = sorted({number_of(month(member["document_date"])) for member in members})
    return [
        {"first": month_of(before + 1), "last": month_of(after - 1), "months": after - before - 1}
        for before, after in zip(numbers, numbers[1:])
        if after - before > 1
    ]


def figures(members):
    money, measures = series_of(members)
    return {
        "count": len(members),
        "currencies": {
            currency: figures_of_series(series, Money(MINOR_DIGITS[currency])) for currency, series in money.items()
        },
        "quantities": {
            unit: figures_of_series(series, Measures(values_of(series))) for unit, series in measures.items()
        },
        "gaps": gaps(members),
    }


def counts(first, second):
    difference = second - first
    return {
        "first": first,
        "second": second,
        "difference": difference,
        "percent": percent(Decimal(difference), Decimal(first)),
    }


def pair(first, second, shows):
    show_first, show_second, show_difference = shows
    return {
        "first": show_first(first),
        "second": show_second(second),
        "difference": show_difference(second - first),
        "percent": percent(second - first, first),
    }


def compared(first, second, shows):
    values = values_of(first), values_of(second)
    months = grouped(first, month), grouped(second, month)
    return {
        "count": counts(len(first), len(second)),
        "total": pair(*map(sum, values), shows),
        "mean": pair(*map(mean, values), shows),
        "by_month": [
            {"month": key, **pair(sum(of), sum(months[1][key]), shows)} for key, of in months[0].items() if key in months[1]
        ],
        "only_first": [key for key in months[0] if key not in months[1]],
        "only_second": [key for key in months[1] if key not in months[0]],
    }


def period_of(members):
    days = [member["document_date"] for member in members]
    return {"first": min(days), "last": max(days)} if days else None


def comparison(first, second):
    (money, measures), (other_money, other_measures) = series_of(first), series_of(second)

    def only(money, measures, other_money, other_measures):
        return {"currencies": sorted(set(money) - set(other_money)), "units": sorted(set(measures) - set(other_measures))}

    def shows(unit):
        sides = values_of(measures[unit]), values_of(other_measures[unit])
        return Measures(sides[0]), Measures(sides[1]), Measures(sides[0] + sides[1])

    return {
        "count": counts(len(first), len(second)),
        "first_period": period_of(first),
        "second_period": period_of(second),
        "currencies": {
            currency: compared(money[currency], other_money[currency], [Money(MINOR_DIGITS[currency])] * 3)
            for currency in set(money) & set(other_money)
        },
        "quantities": {
            unit: compared(measures[unit], other_measures[unit], shows(unit))
            for unit in set(measures) & set(other_measures)
        },
        "only_first": only(money, measures, other_money, other_measures),
        "only_second": only(other_money, other_measures, money, measures),
    }


# ---- Random dossiers


class Maker:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def dossier(self):
        size = self.random.choice([0, 1, 2, 3, 4, 5, 6, self.random.randint(0, 30), self.random.randint(0, 500)])
        days = self.days(size)
        currencies = self.random.sample(sorted(MINOR_DIGITS), self.random.choice([1, 1, 1, 2, 3]))
        units = self.random.sample(UNITS, self.random.choice([0, 1, 1, 2]))
        amounts = {currency: self.values(MINOR_DIGITS[currency] + 2) for currency in currencies}
        measures = {unit: self.values(self.random.choice([0, 1, 3, 12])) for unit in units}
        members = []
        for day in days:
            currency = self.random.choice(currencies)
            amount = {"amount": next(amounts[currency]), "currency": currency}
            measured = [unit for unit in units if self.random.random() < 0.8]
            members.append(
                {
                    "file": str(uuid.UUID(int=self.random.getrandbits(128))),
                    "version": self.random.randint(1, 3),
                    "document_date": day.isoformat(),
                    "amount": amount if self.random.random() < 0.9 else None,
                    "quantities": [{"amount": next(measures[unit]), "unit": unit} for unit in measured],
                }
            )
        self.random.shuffle(members)
        return members

    def days(self, size):
        """Days in some rhythm with some left out, on few days, or anywhere within some years."""
        start = self.random.randint(1995, 2024) * 12 + self.random.randint(0, 11)
        step = self.random.choice([1, 1, 3, 12, None, "few"])
        if step == "few":
            pool = [self.day_in(start + self.random.randint(0, 30)) for _ in range(max(1, size // 4))]
            return [self.random.choice(pool) for _ in range(size)]
        if step is None:
            months = self.random.choice([1, 6, 36, 120])
            return [self.day_in(start + self.random.randint(0, months)) for _ in range(size)]
        days, at = [], start
        for _ in range(size):
            late = self.random.choice([0] * 12 + [1, 2])
            days.append(self.day_in(at + (late if step > 1 else 0)))
            at += step * self.random.choice([1] * 12 + [0, 2, 5])
            # A rhythm of years would soon leave the calendar.
            at = start if at > 2150 * 12 else at
        return days

    def day_in(self, number):
        number_of_year, month = number // 12, number % 12 + 1
        return date(number_of_year, month, self.random.randint(1, calendar.monthrange(number_of_year, month)[1]))

    def values(self, most_decimals):
        """Values that are often equal, now and then far away, negative, zero or written with zeros at the end."""
        middle = 10 ** self.random.randint(0, 6)
        usual = self.value(middle, most_decimals)
        is_level = self.random.random() < 0.3
        while True:
            kind = self.random.random()
            if is_level and kind < 0.8 or kind < 0.2:
                yield usual
            elif kind < 0.85:
                yield self.value(middle, most_decimals)
            elif kind < 0.9:
                yield self.value(middle * 100, most_decimals)
            elif kind < 0.95:
                yield "-" + self.value(middle, most_decimals)
            elif kind < 0.97:
                yield self.random.choice(["0", "0.00"])
            else:
                # In the middle between two that can be shown.
                yield f"{self.random.randint(0, middle)}.{'0' * max(0, most_decimals - 2)}5"

    def value(self, middle, most_decimals):
        whole = self.random.randint(middle // 2, middle * 3 // 2)
        digits = self.random.randint(0, most_decimals)
        if not digits:
            return str(whole)
        return f"{whole}.{self.random.randint(0, 10**digits - 1):0{digits}}"


# ---- Comparing what both have


def differences(ours, theirs, path=""):
    """Yields one item for each figure: what differs there, or None."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key in sorted(set(ours) | set(theirs)):
            if key in ours and key in theirs:
                yield from differences(ours[key], theirs[key], f"{path}/{key}")
            else:
                yield f"{path}/{key}: only one has it"
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for place, (our, their) in enumerate(zip(ours, theirs)):
            yield from differences(our, their, f"{path}/{place}")
    elif ours == theirs and isinstance(ours, type(theirs)):
        yield None
    else:
        yield f"{path}: {ours!r} and {theirs!r}"


def compare(ours, theirs):
    count = wrong = dossiers = 0
    with open(ours) as our_lines, open(theirs) as their_lines:
        our_lines, their_lines = our_lines.readlines(), their_lines.readlines()
    if len(our_lines) != len(their_lines):
        sys.exit(f"{len(our_lines)} dossiers against {len(their_lines)}")
    for our_line, their_line in zip(our_lines, their_lines):
        dossiers += 1
        for difference in differences(json.loads(our_line), json.loads(their_line)):
            count += 1
            if difference:
                wrong += 1
                if wrong <= 20:
                    print(f"dossier {dossiers}{difference}")
    print(f"{dossiers} dossiers, {count} figures compared, {wrong} different")
    if wrong or not count:
        sys.exit(1)


def main(arguments):
    match arguments:
        case ["make", seed, count]:
            maker = Maker(int(seed))
            for _ in range(int(count)):
                print(json.dumps(maker.dossier()))
        case ["reckon"]:
            before = []
            for line in sys.stdin:
                members = json.loads(line)
                print(json.dumps({"figures": figures(members), "comparison": comparison(before, members)}))
                before = members
        case ["compare", ours, theirs]:
            compare(ours, theirs)
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
