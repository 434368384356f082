from catalog.clients.throttling import ClientThrottle


class PhotoSearchThrottle(ClientThrottle):
    """One limit for the page and the API: a photo search is the one thing here that costs real work."""

    scope = "photo_search"


class StripReportThrottle(ClientThrottle):
    """More pages than anybody reads in a minute; it slows down whoever makes figures up."""

    scope = "strip_report"
    rate = "60/min"
