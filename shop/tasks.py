import logging

from celery import shared_task

from shop.admin import logins

logger = logging.getLogger(__name__)


@shared_task(ignore_result=True)
def forget_login_failures() -> None:
    """Daily, so that addresses are not kept longer than they are needed."""
    forgotten = logins.forget_old_failures()
    if forgotten:
        logger.info("%d login failures that no longer count were removed.", forgotten)
