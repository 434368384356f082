from rest_framework.throttling import AnonRateThrottle


class PhotoSearchThrottle(AnonRateThrottle):
    """One budget for the page and the API, by address: a photo search is the one thing here that costs real work.
    Signed-in users are not limited."""

    scope = "photo_search"


class StripReportThrottle(AnonRateThrottle):
    """More pages than anybody reads in a minute; it slows down whoever makes figures up."""

    scope = "strip_report"
    rate = "60/min"
