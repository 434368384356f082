from celery import shared_task

from catalog import media


@shared_task(ignore_result=True)
def remove_rowless_files() -> None:
    """Daily, so that pictures whose upload was cut off do not stay for ever."""
    media.remove_rowless_files()
