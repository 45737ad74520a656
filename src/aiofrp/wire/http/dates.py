"""Dates in HTTP fields (RFC 9110 §5.6.7): the present form is written, two obsolete forms are also read."""

from __future__ import annotations

import calendar
import re
from email.utils import formatdate

_MONTHS = {
    name: number for number, name in enumerate(b"Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(), 1)
}
_TIME = rb"(?P<hour>[01][0-9]|2[0-3]):(?P<minute>[0-5][0-9]):(?P<second>[0-5][0-9])"
_MONTH = rb"(?P<month>%b)" % b"|".join(_MONTHS)
_FORMS = tuple(
    re.compile(form % {b"time": _TIME, b"month": _MONTH})
    for form in (
        rb"[A-Z][a-z]{2}, (?P<day>[0-9]{2}) %(month)b (?P<year>[0-9]{4}) %(time)b GMT",
        rb"[A-Z][a-z]{5,8}, (?P<day>[0-9]{2})-%(month)b-(?P<year>[0-9]{2}) %(time)b GMT",
        rb"[A-Z][a-z]{2} %(month)b (?P<day>[ 0-9][0-9]) %(time)b (?P<year>[0-9]{4})",
    )
)
#: The last second that :func:`date_text` can write with a year of four digits.
_LAST = 253_402_300_799


def date_text(second: float) -> bytes:
    """``second``, seconds since 1970, in HTTP's form; a time before 1970 or after 9999 becomes the nearest one."""
    return formatdate(min(max(int(second), 0), _LAST), usegmt=True).encode()


def parse_date(text: bytes) -> int | None:
    """The seconds since 1970 of a date in one of the three forms, or ``None`` for any other text."""
    for form in _FORMS:
        found = form.fullmatch(text)
        if found is not None:
            return _seconds(found)
    return None


def _seconds(found: re.Match[bytes]) -> int | None:
    year, month, day = int(found["year"]), _MONTHS[found["month"]], int(found["day"])
    if len(found["year"]) == 2:
        year += 1900 if year >= 69 else 2000
    if not year or not 1 <= day <= calendar.monthrange(year, month)[1]:
        return None
    return calendar.timegm((year, month, day, int(found["hour"]), int(found["minute"]), int(found["second"])))
