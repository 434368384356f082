"""Rate limits of photo searches and strip reports."""

from catalog.clients.throttling import ClientThrottle


class PhotoSearchThrottle(ClientThrottle):
    """One limit for the page and the API, because each photo search runs the network."""

    scope = "photo_search"


class StripReportThrottle(ClientThrottle):
    """More pages than anybody reads in a minute, but too few to distort the statistics quickly."""

    scope = "strip_report"
    rate = "60/min"
