from tests.catalog.conftest import kaggle_folder

__all__ = ["kaggle_folder"]
