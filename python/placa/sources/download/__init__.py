"""Download public data sets from their original servers; files are verified, and interrupted downloads resumed."""

from placa.sources.download.nih import download_nih
from placa.sources.download.remote import Edition, RemoteFile

__all__ = ["Edition", "RemoteFile", "download_nih"]
