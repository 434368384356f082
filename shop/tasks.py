import logging

from celery import shared_task

from shop.admin import logins

logger = logging.getLogger(__name__)


@shared_task(ignore_result=True)
def forget_login_failures() -> None:
    """Runs daily, so that addresses are not kept longer than needed."""
    forgotten = logins.forget_old_failures()
    if forgotten:
        logger.info("Deleted %d expired login failures.", forgotten)
