"""Download public data sets from their original servers; files are verified, and interrupted downloads resumed."""

from placa.sources.download.nih import download_nih
from placa.sources.download.nlm import download_nlm_tb, download_openi
from placa.sources.download.remote import Edition, Members, RemoteFile

__all__ = ["Edition", "Members", "RemoteFile", "download_nih", "download_nlm_tb", "download_openi"]
